#!/usr/bin/python3
"""How fast varcade-worker drains a stream of game_over events, as ratios within one run.

Against (a) a program in C that reads the same stream in reads of the same size and does nothing with it, and
(b) a worker in Python with redis-py that does one MULTI an event: HINCRBY, ZINCRBY, SET of its checkpoint. And, since nobody who
writes the same figures can be faster, (c) Redis alone: HSET and ZADD of those that the worker writes, in batches of the same
size, as commands that were made beforehand.

A Redis of its own with an append-only file, as quickstart has it. The game: games, wins and losses of both players as
statistics; two boards, wins (winner +1) and points (winner +3), on which losers are with what they have (+0); no
last matches and no head to head, but with --lists, as is the default of a game's file. Each event has a game_id,
of a game that the lobby does not know: the worker looks for it; the naive one does not.
Winner and loser are drawn evenly from the players; all of them are on the boards and have statistics beforehand.

Each round measures the first three in turn; told are medians of the rounds. (c) is measured once. Nothing here fails: it prints figures. The
ratios are of times by the clock, and on a machine that has other work tell of that: hence those of processor time too.
usage: tests/bench/drain.py [--build build] [--players 1000,10000,1000000] [--events 200000] [--rounds 5]
       [--lists] [--json FILE]
"""
import argparse
import json
import os
import random
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import redis

STREAM = "game_event_stream"
PRODUCT = "bench"
CHECKPOINT, POSITION = ("{%s}:%s:%s" % (PRODUCT, name, STREAM) for name in ("checkpoint", "position"))
BOARDS = ("wins", "points")
NAIVE_SECONDS = 1.5

GAME = {
    "product_id": PRODUCT,
    "title": "A game",
    "game_server_url": "http://127.0.0.1:1",
    "game_socket_url": "ws://127.0.0.1:1/",
    "players": {"min": 2, "max": 2},
    "stats": [
        {"on": {"type": "game_over"}, "player": "winner_id", "add": {"games": 1, "wins": 1, "losses": 0}},
        {"on": {"type": "game_over"}, "player": "loser_id", "add": {"games": 1, "wins": 0, "losses": 1}},
    ],
    "matches": 0,
    "head_to_head": False,
    "boards": [
        {"id": board, "title": board, "from": [
            {"on": {"type": "game_over"}, "player": "winner_id", "add": add},
            {"on": {"type": "game_over"}, "player": "loser_id", "add": 0}]}
        for board, add in zip(BOARDS, (1, 3))
    ],
}


def board_key(board):
    return "{%s}:0:board:%s:all" % (PRODUCT, board)


def stats_key(user):
    return "{%s}:0:stats:%s" % (PRODUCT, user)


class Setting:
    """A folder with a Redis, a game file and a worker's configuration."""

    def __init__(self, build, game, append_only):
        self.build = Path(build).resolve()
        self.dir = Path(tempfile.mkdtemp(prefix="varcade-drain-"))
        self.socket = str(self.dir / "redis.sock")
        self.log = open(self.dir / "log", "wb")
        self.server = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", str(self.dir), "--save", "",
             "--appendonly", append_only, "--auto-aof-rewrite-percentage", "0", "--loglevel", "warning"], stdout=self.log)
        self.redis = redis.Redis(unix_socket_path=self.socket, decode_responses=True)
        for folder in ("games", "metrics", "snapshots"):
            (self.dir / folder).mkdir()
        (self.dir / f"games/{PRODUCT}.json").write_text(json.dumps(game))
        (self.dir / "varcade.json").write_text(json.dumps({
            "games": {"dir": "games"}, "redis": {"state_url": "unix:" + self.socket}, "log": {"levels": "warning"},
            "snapshots": {"dir": "snapshots"}, "metrics": {"dir": "metrics"}, "worker": {"listen": ""}}))
        while True:
            try:
                self.redis.ping()
                return
            except redis.exceptions.ConnectionError:
                time.sleep(0.01)

    def send(self, commands):
        """Many commands, packed here: redis-py would take minutes for millions. Errors end the program."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.socket)
            answers = s.makefile("rb")
            waiting = 0
            packed = []
            for command in commands:
                packed.append(b"*%d\r\n" % len(command))
                packed += [b"$%d\r\n%b\r\n" % (len(x), x) for x in (str(x).encode() for x in command)]
                waiting += 1
                if waiting == 2000:
                    self.flush(s, packed, answers, waiting)
                    waiting, packed = 0, []
            self.flush(s, packed, answers, waiting)

    @staticmethod
    def flush(s, packed, answers, waiting):
        s.sendall(b"".join(packed))
        for _ in range(waiting):
            line = answers.readline()
            if line.startswith(b"-"):
                sys.exit(line.decode())
            if line.startswith(b"$"):
                answers.readline()

    def close(self, keep):
        self.server.kill()
        self.server.wait()
        self.log.close()
        if not keep:
            shutil.rmtree(self.dir)


def prefill(setting, players):
    def commands():
        for first in range(0, players, 500):
            users = range(first, min(first + 500, players))
            for board, each in zip(BOARDS, (1, 3)):
                yield ["ZADD", board_key(board)] + [x for u in users for x in (each * (u % 5000), f"u{u}")]
            yield ["HSET", "{%s}:names" % PRODUCT] + [x for u in users for x in (f"u{u}", f"Player {u}")]
            for u in users:
                yield ["HSET", stats_key(f"u{u}"), "games", u % 9000, "wins", u % 5000, "losses", u % 4000]
    setting.send(commands())


def matches(players, n):
    """Winner, loser and game of each event."""
    rng = random.Random(7)
    for _ in range(n):
        winner, loser = rng.sample(range(players), 2)
        yield f"u{winner}", f"u{loser}", "%032x" % rng.getrandbits(128)


def write_events(setting, players, n):
    setting.send(["XADD", STREAM, "*", "product_id", PRODUCT, "game_id", game, "type", "game_over", "winner_id", winner,
                  "loser_id", loser] for winner, loser, game in matches(players, n))
    return setting.redis.xinfo_stream(STREAM)["last-generated-id"]


def forget_place(setting):
    """That the stream was ever read."""
    for product in (PRODUCT, "?"):
        setting.redis.delete(*("{%s}:%s" % (product, name) for name in (
            "lease", "checkpoint:" + STREAM, "position:" + STREAM)))


def read_calls(setting):
    return setting.redis.info("commandstats").get("cmdstat_xread", {}).get("calls", 0)


def rss_of(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


def cpu_of(pid):
    """Seconds that its first thread had a processor."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def cpu_cost(setting, fn):
    """What fn answers: events a second first, then events, then seconds of processor, Redis' apart, which is added here."""
    before = cpu_of(setting.server.pid)
    rate, events, own, *rest = fn()
    return rate, (own + cpu_of(setting.server.pid) - before) / events * 1e6, *rest


def drain_with_worker(setting, events, last):
    """Events a second, from the first batch on; events, the worker's processor time; how many a read; the most memory it took."""
    forget_place(setting)
    calls = read_calls(setting)
    worker = subprocess.Popen([setting.build / "worker/varcade-worker", "--config", setting.dir / "varcade.json"],
                              stderr=setting.log)
    first = None
    try:
        while True:
            at, entries = setting.redis.hmget(POSITION, "id", "entries")
            now = time.monotonic()
            if at is not None and first is None:
                first = (now, int(entries))
            if at == last:
                break
            if worker.poll() is not None:
                sys.exit("the worker ended: " + (setting.dir / "log").read_text())
            time.sleep(0.005)
        calls = read_calls(setting) - calls
        return (events - first[1]) / (now - first[0]), events, cpu_of(worker.pid), events // calls, rss_of(worker.pid)
    finally:
        worker.terminate()
        worker.wait()


def drain_with_nothing(setting, count):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.run([setting.build / "tests/bench/read_only", setting.socket, STREAM, str(count)],
                         check=True, capture_output=True, text=True).stdout.split()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return int(out[0]) / float(out[1]), int(out[0]), cpu


def drain_naively(setting):
    """What one writes first: one transaction an event. Answers events a second."""
    r = setting.redis
    at, n, begin, cpu = "0-0", 0, time.monotonic(), time.process_time()
    while True:
        for at, e in r.xread({STREAM: at}, count=1000)[0][1]:
            pipe = r.pipeline(transaction=True)
            if e["type"] == "game_over":
                winner, loser = e["winner_id"], e["loser_id"]
                pipe.hincrby(stats_key(winner), "games", 1)
                pipe.hincrby(stats_key(winner), "wins", 1)
                pipe.hincrby(stats_key(loser), "games", 1)
                pipe.hincrby(stats_key(loser), "losses", 1)
                pipe.zincrby(board_key("wins"), 1, winner)
                pipe.zincrby(board_key("points"), 3, winner)
            pipe.set(CHECKPOINT, at)
            pipe.execute()
            n += 1
            if time.monotonic() - begin > NAIVE_SECONDS:
                return n / (time.monotonic() - begin), n, time.process_time() - cpu


def figures_of(setting, users):
    """Of each user the figures as they are: name or board -> number."""
    figures = {}
    for first in range(0, len(users), 1000):
        some = users[first:first + 1000]
        pipe = setting.redis.pipeline(transaction=False)
        for user in some:
            pipe.hmget(stats_key(user), "games", "wins", "losses")
        for board in BOARDS:
            pipe.zmscore(board_key(board), some)
        answers = pipe.execute()
        for i, user in enumerate(some):
            figures[user] = dict(zip(("games", "won", "lost"), map(int, answers[i])))
            figures[user].update((board, int(answers[len(some) + k][i])) for k, board in enumerate(BOARDS))
    return figures


def batches_of_figures(setting, players, events, count):
    """What is to be written for every count events, as Redis takes it, and how many commands that are."""
    played = [match[:2] for match in matches(players, events)]
    figures = figures_of(setting, sorted({user for match in played for user in match}))
    for first in range(0, events, count):
        changed = {}
        for winner, loser in played[first:first + count]:
            for user, won, lost in ((winner, 1, 0), (loser, 0, 1)):
                own = figures[user]
                for name, add in (("games", 1), ("won", won), ("lost", lost), ("wins", won), ("points", 3 * won)):
                    if add:
                        own[name] += add
                        changed.setdefault(user, set()).add(name)
        commands = [["HSET", stats_key(user)] + [x for name, field in (("games", "games"), ("won", "wins"), ("lost", "losses"))
                                                 if name in names for x in (field, figures[user][name])]
                    for user, names in changed.items()]
        commands += [["ZADD", board_key(board)] + [x for user, names in changed.items() if board in names
                                                   for x in (figures[user][board], user)] for board in BOARDS]
        yield b"".join(b"*%d\r\n" % len(c) + b"".join(b"$%d\r\n%b\r\n" % (len(x), x) for x in (str(x).encode() for x in c))
                       for c in commands), len(commands)


def write_by_redis_alone(setting, players, events, count):
    """Events a second."""
    batches = list(batches_of_figures(setting, players, events, count))
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(setting.socket)
        answers = s.makefile("rb")
        began = time.monotonic()
        for packed, n in batches:
            setting.flush(s, [packed], answers, n)
        return events / (time.monotonic() - began)


def measure(arguments, players):
    game = dict(GAME, matches=20, head_to_head=True) if arguments.lists else GAME
    setting = Setting(arguments.build, game, arguments.appendonly)
    try:
        before = setting.redis.info("memory")["used_memory"]
        prefill(setting, players)
        memory = setting.redis.info("memory")["used_memory"] - before
        last = write_events(setting, players, arguments.events)
        rows = []
        drain_with_worker(setting, arguments.events, last)  # what is made once is there
        for _ in range(arguments.rounds):
            rate, cost, count, rss = cpu_cost(setting, lambda: drain_with_worker(setting, arguments.events, last))
            reading, reading_cost = cpu_cost(setting, lambda: drain_with_nothing(setting, count))
            naive, naive_cost = cpu_cost(setting, lambda: drain_naively(setting))
            rows.append((rate, reading, naive, rate / reading, rate / naive, count, rss, cost, reading_cost, naive_cost,
                         reading_cost / cost, naive_cost / cost))
        after = setting.redis.info("memory")["used_memory"]
        figures = dict(zip(("events_per_second", "reading_per_second", "naive_per_second", "to_reading", "to_naive",
                            "events_a_read", "worker_bytes", "cpu_us", "reading_cpu_us", "naive_cpu_us", "cpu_to_reading",
                            "cpu_to_naive"), (statistics.median(x) for x in zip(*rows))))
        figures.update(players=players, least_to_reading=min(r[3] for r in rows), most_to_reading=max(r[3] for r in rows),
                       redis_bytes_prefilled=memory, redis_bytes_at_end=after - before,
                       stream_bytes=setting.redis.memory_usage(STREAM, samples=0))
        figures["alone_per_second"] = write_by_redis_alone(setting, players, arguments.events, int(figures["events_a_read"]))
        figures["to_alone"] = figures["events_per_second"] / figures["alone_per_second"]
        return figures
    finally:
        setting.close(arguments.keep)


def tell(f):
    print("%9d %9.0f/s %9.0f/s %7.0f/s   %5.3f (%.3f to %.3f)  %6.1f  %6d %9.0f MB %9.0f MB" % (
        f["players"], f["events_per_second"], f["reading_per_second"], f["naive_per_second"], f["to_reading"],
        f["least_to_reading"], f["most_to_reading"], f["to_naive"], f["events_a_read"], f["worker_bytes"] / 1e6,
        f["redis_bytes_prefilled"] / 1e6))
    print("          processor, us an event: %.1f, %.1f, %.1f: %.3f to reading, %.1f to naive" % (
        f["cpu_us"], f["reading_cpu_us"], f["naive_cpu_us"], f["cpu_to_reading"], f["cpu_to_naive"]))
    print("          Redis alone with the same writes %.0f/s, %.3f of reading; the worker %.3f of that" % (
        f["alone_per_second"], f["alone_per_second"] / f["reading_per_second"], f["to_alone"]), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=Path(__file__).resolve().parents[2] / "build")
    parser.add_argument("--players", default="1000,10000,1000000")
    parser.add_argument("--events", type=int, default=200000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--appendonly", choices=("yes", "no"), default="yes")
    parser.add_argument("--lists", action="store_true", help="with last matches and head to head")
    parser.add_argument("--json", help="write the figures there")
    parser.add_argument("--keep", action="store_true", help="keep the folder with Redis' data and the log")
    arguments = parser.parse_args()
    print("  players      worker     reading     naive   worker to reading         to naive  a read    worker     players in Redis")
    figures = []
    for players in arguments.players.split(","):
        figures.append(measure(arguments, int(players)))
        tell(figures[-1])
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
