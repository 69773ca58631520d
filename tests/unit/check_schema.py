#!/usr/bin/python3
"""games/schema.json says of a game's file what the compiler says: what it takes is good by both, and a
slip is found by both, but for what a schema cannot know."""
import copy
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

try:
    import jsonschema
except ImportError:
    sys.exit(1 if os.environ.get("CI") else 77)

SRCDIR = Path(os.environ.get("srcdir", "."))
PROGRAM = str(Path("worker/varcadectl").resolve())
SCHEMA = jsonschema.Draft7Validator(json.loads((SRCDIR / "games/schema.json").read_text()))
ON = {"type": "score"}
SCORE = {"on": ON, "player": "u", "max": {"field": "score"}}
BASE = {
    "product_id": "game", "game_server_url": "http://h:1", "game_socket_url": "ws://h:2",
    "players": {"min": 1, "max": 2}, "timeouts": {"seat": 5}, "matches": 3, "head_to_head": False, "timezone": "Europe/Berlin", "grace": 1.5,
    "stats": [{"on": ON, "player": "u", "add": {"a": 1}, "max": {"b": {"field": "score"}}},
              {"on": {"type": "x"}, "player": "u", "count": {"field": "f", "as": {"0": "c"}, "other": "d"},
               "streak": {"e": True, "f": {"longest": "g"}}},
              {"on": {"type": "y"}, "players": "team", "add": {"h": 1}}],
    "titles": {"a": "A"},
    "boards": [{"id": "b", "title": "B", "order": "asc", "ties": "first", "windows": ["daily", "all"], "timezone": "UTC",
                "week_start": "sunday", "keep": 0, "from": [SCORE],
                "bounds": {"min": 0, "max": 1e6, "max_step": 0.5, "max_per_minute": 30},
                "seasons": [{"id": "s", "from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00.5+01:00"}]},
               {"id": "r", "rating": {"system": "elo", "on": ON, "winner": "w", "loser": "l", "k": [{"k": 40, "games": 30}, {"k": 20}]}},
               {"id": "g", "rating": {"system": "glicko2", "on": ON, "winner": "w", "loser": "l",
                                      "start": {"rating": 1000}, "tau": 0.4, "period_days": 3}},
               {"id": "o", "rating": {"system": "openskill", "on": ON, "placements": "p", "ranks": "r", "scale": 40, "base": 1000}}],
    "queues": [{"id": "q", "teams": 2, "team_size": 1, "rating": "g", "range": {"start": 50, "per_second": 2.5, "max": 400},
                "latency": {"regions": ["eu", "us"], "start": 60, "per_second": 5, "max": 200}, "equal": ["mode"], "within": {"level": 3},
                "timeout": 120},
               {"id": "r", "teams": 1, "team_size": {"min": 2, "max": 2, "wait": 5}}],
    "top_ten": "b",
}
# The same with several game servers.
MANY = {key: value for key, value in BASE.items() if key not in ("game_server_url", "game_socket_url")}
MANY["game_servers"] = [{"url": "http://h:1", "socket_url": "ws://h:2", "weight": 2}, {"url": "https://i", "socket_url": "wss://i/"}]
GONE = object()
MANY_SLIPS = [
    ("game_servers", GONE), ("game_servers", []), ("game_servers", {}), ("game_servers.0", 3), ("game_servers.0.url", GONE),
    ("game_servers.0.url", "ws://h"), ("game_servers.0.socket_url", GONE), ("game_servers.0.socket_url", "h"),
    ("game_servers.0.weight", 0), ("game_servers.0.weight", 1001), ("game_servers.0.weight", 1.5), ("game_servers.0.weight", "1"),
    ("game_servers.0.port", 1), ("game_server_url", "http://h"), ("game_socket_url", "ws://h"),
]
# A place in BASE and what stands there instead: slips that both find.
SLIPS = [
    ("product_id", GONE), ("product_id", "a b"), ("product_id", "-a"), ("product_id", 3), ("whatever", 1), ("game_server_url", "ws://h"),
    ("game_server_url", "http:///x"), ("game_socket_url", "ftp://h"), ("game_socket_url", GONE), ("title", 3), ("players.min", 0),
    ("players.max", 65), ("players.max", "2"), ("players.most", 2), ("timeouts.seat", 0), ("timeouts.seat", 1.5), ("timeouts.ended", 86401),
    ("timeouts.end", 1), ("matches", -1), ("matches", 101), ("matches", True),
    ("head_to_head", 1), ("timezone", 1), ("grace", -1), ("grace", 86401), ("grace", "1"), ("timezone", ""), ("stats", {}), ("stats.0", 3), ("stats.0.on", GONE), ("stats.0.on", {}),
    ("stats.0.on.type", None), ("stats.0.on.type", ["a"]), ("stats.0.player", GONE), ("stats.0.player", 3), ("stats.0.players", "q"), ("stats.2.players", GONE), ("stats.2.players", ["q"]),
    ("boards.0.from.0.players", "q"), ("stats.0.add", {}),
    ("stats.0.add.a", "1"), ("stats.0.add.a", None), ("stats.0.add.a", 1e16), ("stats.0.add.a b", 1), ("stats.0.max.b", {}),
    ("stats.0.max.b.times", 2), ("stats.0.take", {"a": 1}), ("stats.1.count.field", GONE), ("stats.1.count.as", {}),
    ("stats.1.count.as.0", 1), ("stats.1.count.other", "a b"), ("stats.1.streak", {}), ("stats.1.streak.e", 1),
    ("stats.1.streak.f", {}), ("stats.1.streak.f.longest", True), ("titles.a", ""), ("titles", []), ("boards", {}),
    ("boards.0", 3), ("boards.0.id", GONE), ("boards.0.id", "a b"), ("boards.0.title", ""), ("boards.0.order", "up"),
    ("boards.0.ties", "last"), ("boards.0.windows", []), ("boards.0.windows", "all"), ("boards.0.windows.0", "hourly"),
    ("boards.0.windows.0", "all"), ("boards.0.windows.0", "season"), ("boards.0.week_start", "friday"), ("boards.0.keep", -1),
    ("boards.0.keep", 367), ("boards.0.keep", 1.5), ("boards.0.window", "all"), ("boards.0.from", []), ("boards.0.from", GONE),
    ("boards.0.from.0.max", GONE), ("boards.0.from.0.add", 1), ("boards.0.from.0.count", {}), ("boards.0.seasons", []),
    ("boards.0.bounds", {}), ("boards.0.bounds", 3), ("boards.0.bounds.least", 1), ("boards.0.bounds.min", "0"),
    ("boards.0.bounds.max_step", 0), ("boards.0.bounds.max_per_minute", 0), ("boards.0.bounds.max_per_minute", 1.5),
    ("boards.0.bounds.max", 1e16), ("boards.0.seasons.0", 1), ("boards.0.seasons.0.from", "2026-01-01"), ("boards.0.seasons.0.id", GONE),
    ("boards.0.seasons.0.ends", "x"), ("boards.1.from", [SCORE]), ("boards.1.rating.system", "elo2"), ("boards.1.rating.winner", GONE),
    ("boards.1.rating.k", []), ("boards.1.rating.k", 0), ("boards.1.rating.ranks", "r"), ("boards.1.rating.placements", "p"),
    ("boards.1.rating.k.0.from", 1), ("boards.2.rating.start.size", 1), ("boards.3.rating.placements", GONE), ("top_ten", 3),
    ("queues", {}), ("queues.0", 3), ("queues.0.id", GONE), ("queues.0.id", "a b"), ("queues.0.teams", 0), ("queues.0.teams", 65),
    ("queues.0.team_size", 0), ("queues.0.team_size", 1.5), ("queues.0.team_size", "1"), ("queues.0.team_size", {"min": 1}),
    ("queues.1.team_size.wait", -1), ("queues.1.team_size.most", 2), ("queues.0.rating", GONE), ("queues.0.rating", 3),
    ("queues.0.range.start", -1), ("queues.0.range.max", "400"), ("queues.0.range.per_minute", 1), ("queues.0.latency.regions", GONE),
    ("queues.0.latency.regions", []), ("queues.0.latency.regions", ["eu", "eu"]), ("queues.0.latency.regions", ["e u"]),
    ("queues.0.latency.max", 10001), ("queues.0.equal", []), ("queues.0.equal", "mode"), ("queues.0.equal.0", 1), ("queues.0.within", {}),
    ("queues.0.within.level", -1), ("queues.0.within.level", "3"), ("queues.0.timeout", 0), ("queues.0.timeout", 1.5),
    ("queues.0.ranges", {}),
]
# What only the compiler knows.
BEYOND = [
    ("timezone", "Mars/Olympus"), ("players.min", 3), ("top_ten", "nope"), ("titles.zz", "Z"), ("boards.1.id", "b"),
    ("boards.0.seasons.0.to", "2025-01-01T00:00:00Z"), ("boards.0.seasons.0.to", "2026-02-30T00:00:00Z"),
    ("stats.1.count.field", "type"), ("boards.1.rating.scale", 3), ("game_server_url", "http://h:99999"),
    ("game_server_url", "http://h:0"), ("queues.1.id", "q"), ("queues.0.rating", "nope"), ("queues.0.rating", "b"), ("queues.0.team_size", 2), ("queues.1.team_size.min", 3),
    ("queues.1.team_size.min", 1), ("queues.0.range.max", 40), ("queues.0.range.per_second", 0), ("queues.0.within.mode", 1),
]


def changed(path, value, base=BASE):
    game = copy.deepcopy(base)
    at = game
    *above, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    for step in above:
        at = at[step]
    # The keys of an object are texts, those of "as" too.
    if isinstance(at, dict):
        last = str(last)
    if value is GONE:
        del at[last]
    else:
        at[last] = value
    return game


class Schema(unittest.TestCase):
    def compiles(self, game):
        with tempfile.TemporaryDirectory(prefix="check_schema.") as folder:
            path = Path(folder) / f"{game.get('product_id', 'game')}.json"
            path.write_text(json.dumps(game))
            return subprocess.run([PROGRAM, "check", str(path)], capture_output=True, text=True, timeout=60).returncode == 0

    def test_what_is_good(self):
        files = [*(SRCDIR / "games").glob("*.json"), *(SRCDIR / "docs/examples/games").glob("*.json")]
        games = [json.loads(file.read_text()) for file in files if file.name != "schema.json"]
        self.assertGreaterEqual(len(games), 3)
        for game in (BASE, MANY, *games):
            self.assertTrue(self.compiles(game), game["product_id"])
            self.assertEqual([error.message for error in SCHEMA.iter_errors(game)], [], game["product_id"])

    def test_slips_are_found_by_both(self):
        for path, value, base in [(*slip, BASE) for slip in SLIPS] + [(*slip, MANY) for slip in MANY_SLIPS]:
            with self.subTest(path=path, value=str(value)):
                game = changed(path, value, base)
                self.assertFalse(self.compiles(game))
                self.assertFalse(SCHEMA.is_valid(game))

    def test_what_a_schema_cannot_know(self):
        for path, value in BEYOND:
            with self.subTest(path=path, value=str(value)):
                game = changed(path, value)
                self.assertFalse(self.compiles(game))
                self.assertTrue(SCHEMA.is_valid(game))


if __name__ == "__main__":
    unittest.main()
