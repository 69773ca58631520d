"""varcadectl export and erase: all that is kept about a player, and that it does not come back."""
import csv
import io
import json
import threading

import pytest

from stack import STREAM, Stack, game_file, wait_for
from test_varcadectl import WHO, ask, audit, ctl


def over(stack, winner, loser, n=1, product="exrps"):
    stack.event(f"{n:032x}", "game_over", product, winner_id=winner, loser_id=loser)


def traces(stack, user):
    """Where a player's id is found, the stream, the audit and games apart: these end by themselves."""
    found = []
    for key in stack.redis.scan_iter("{exrps}:*"):
        kind = stack.redis.type(key)
        if key == "{exrps}:holders":
            continue
        if key.endswith(f":{user}") or f":{user}:" in key:
            found.append(key)
        elif kind == "hash" and stack.redis.hexists(key, user):
            found.append(key)
        elif kind == "zset" and stack.redis.zscore(key, user) is not None:
            found.append(key)
    return sorted(found)


def test_export_player(stack):
    over(stack, "ex,1", "ex2")
    stack.create("ex,1")
    stack.settle()
    got = json.loads(ctl(stack, "export player", "exrps", "ex,1").stdout)
    assert got["product_id"] == "exrps" and got["user_id"] == "ex,1" and got["username"] == "name of ex,1"
    assert got["stats"] == {"games": "1", "wins": "1", "losses": "0"}
    assert got["boards"]["wins:all"] == 1
    nobody = json.loads(ctl(stack, "export player", "exrps", "nobody").stdout)
    assert nobody["stats"] == nobody["boards"] == {} and nobody["username"] is None


def test_export_of_ratings(game_server):
    """The course of ratings of boards that have them, whether a window of theirs is there or not; and erase finds it."""
    rating = {"system": "elo", "on": {"type": "game_over"}, "winner": "winner_id", "loser": "loser_id"}
    running = Stack(games={"exrps": game_file(game_server.url, titles={}, boards=[
        {"id": "wins", "from": [{"on": {"type": "game_over"}, "player": "winner_id", "add": 1}]},
        {"id": "month", "windows": ["monthly"], "rating": rating}, {"id": "ever", "rating": rating}])})
    try:
        over(running, "r1", "r2")
        running.settle()
        got = json.loads(ctl(running, "export player", "exrps", "r1").stdout)
        assert {board: len(course) for board, course in got["history"].items()} == {"month": 1, "ever": 1}
        # As when the months in which he played are no longer kept.
        for key in running.redis.scan_iter("{exrps}:0:board:month:*"):
            running.redis.delete(key)
        assert set(json.loads(ctl(running, "export player", "exrps", "r1").stdout)["history"]) == {"month", "ever"}
        assert "{exrps}:0:history:r1:month" in ask(running, "erase", "exrps", "r1")["erased"]
        assert not list(running.redis.scan_iter("*history:r1:*"))
    finally:
        running.close()


def test_products_that_are_not_there(stack):
    """What finds nothing for a product that is mistyped says so."""
    for command, *more in (["export player", "u"], ["export board", "wins"], ["keys list"], ["deadletters list"],
                           ["deadletters drop", "--all"], ["deadletters replay", "--all"], ["quarantine list"],
                           ["quarantine release", "--all"], ["quarantine drop", "--all"], ["hidden list"], ["games list"],
                           ["tickets list"], ["queue"], ["hide", "u"], ["erase", "u"], ["rebuild"]):
        out = ctl(stack, command, "exrsp", *more, status=1)
        assert out.stdout == "" and "exrsp.json" in out.stderr, (command, out)
    # One whose file was removed still has what it had.
    stack.redis.hset("{former}:names", "u", "Ann")
    assert json.loads(ctl(stack, "export player", "former", "u").stdout)["username"] == "Ann"
    stack.redis.delete("{former}:names")
    assert ctl(stack, "deadletters list", "?").stdout == ""


def test_export_board(stack):
    for n in range(250):
        over(stack, f'p"{n:03}' if n % 50 == 0 else f"p{n:03}", "loser", n)
    over(stack, "p001", "loser", 999)
    stack.settle()
    shown = stack.http.get(f"{stack.url}/leaderboards/exrps/wins?window=all&limit=100").json()
    got = ask(stack, "export board", "exrps", "wins")
    assert got[:100] == shown["entries"] and len(got) == shown["total"] > 250
    assert [e["rank"] for e in got] == [1 + sum(o["score"] > e["score"] for o in got) for e in got]
    rows = list(csv.reader(io.StringIO(ctl(stack, "export board", "exrps", "wins").stdout, newline="")))
    assert rows[0] == ["rank", "user_id", "username", "score"]
    assert [(int(r[0]), r[1], r[2] or None, float(r[3])) for r in rows[1:]] == \
        [(e["rank"], e["user_id"], e["username"], e["score"]) for e in got]
    assert "no board" in ctl(stack, "export board", "exrps", "none", status=1).stderr
    # An empty board would say that nobody played then.
    for at, why in (("2020-13", "no such window"), ("2020-11", "no longer kept"), ("2999-11-22", "not begun")):
        refused = ctl(stack, "export board", "exrps", "wins", "--at", at, status=1)
        assert why in refused.stderr and refused.stdout == "", at


def test_erase(stack):
    over(stack, "gone", "stays")
    over(stack, "stays", "gone", 2)
    stack.create("gone")
    stack.event("0" * 32, "game_over", winner_id="gone")
    stack.event("0" * 32, "game_over", winner_id="other")
    stack.settle()
    wait_for(lambda: len(ask(stack, "deadletters list", "exrps")) >= 2, what="the dead letters")
    before = traces(stack, "gone")
    assert stack.redis.zscore("{exrps}:byname", "name of gone\0gone") == 0
    assert {"{exrps}:0:stats:gone", "{exrps}:names", "{exrps}:0:board:wins:all"} <= set(before)
    out = ask(stack, "erase", "exrps", "gone")
    assert sorted(out["erased"]) == before and out["dead_letters"] == 1
    assert traces(stack, "gone") == []
    assert [entry for entry in stack.redis.zrange("{exrps}:byname", 0, -1) if "gone" in entry] == []
    assert (WHO, "erase", "gone") in audit(stack)
    assert stack.redis.hget("{exrps}:0:stats:stays", "wins") == "1"
    assert ask(stack, "erase", "exrps", "gone") == {"erased": [], "dead_letters": 0, "quarantined": 0, "archived": 0}
    # The worker goes on, and who plays again begins anew.
    over(stack, "gone", "stays", 3)
    stack.settle()
    assert stack.redis.hgetall("{exrps}:0:stats:gone")["wins"] == "1"
    assert "/" not in stack.redis.get(f"{{exrps}}:checkpoint:{STREAM}")
    # The page shows it before long, also where nothing happens.
    ask(stack, "erase", "exrps", "gone")
    wait_for(lambda: "gone" not in stack.http.get(f"{stack.url}/leaderboards/exrps/wins").text, 20, "the snapshot")


BOARDS = [{"id": "b", "title": "B", "ties": ties, "windows": ["all", "daily"],
           "from": [{"on": {"type": "score"}, "player": "user_id", "set": {"field": "score"}}]}
          for ties in ("competition", "dense", "first")]
for board in BOARDS:
    board["id"] = board["ties"]


@pytest.fixture(scope="module")
def tied(game_server):
    """A game with a board for each kind of ties."""
    running = Stack(games={"exrps": game_file(game_server.url, boards=BOARDS, stats=[], titles={},
                                              top_ten="competition")})
    yield running
    running.close()


def test_erase_with_ties(tied):
    scores = {"u1": 3, "u2": 2, "u3": 2, "u4": 1, "u5": 0.1}
    for user, score in scores.items():
        tied.event("0" * 32, "score", user_id=user, score=score)
    tied.settle()

    def board(ties):
        page = tied.http.get(f"{tied.url}/leaderboards/exrps/{ties}?limit=10").json()
        return [(e["rank"], e["user_id"]) for e in page["entries"]]

    got = json.loads(ctl(tied, "export player", "exrps", "u2").stdout)["boards"]
    assert {k: v for k, v in got.items() if k.endswith(":all")} == {"competition:all": 2, "dense:all": 2, "first:all": 2}
    assert len(got) == 6
    assert [(e["rank"], e["user_id"], e["score"]) for e in ask(tied, "export board", "exrps", "first")] == \
        [(1, "u1", 3), (2, "u2", 2), (3, "u3", 2), (4, "u4", 1), (5, "u5", 0.1)]
    assert ctl(tied, "export board", "exrps", "dense").stdout.split() == \
        ["rank,user_id,username,score", "1,u1,,3", "2,u3,,2", "2,u2,,2", "3,u4,,1", "4,u5,,0.1"]
    assert len(ask(tied, "erase", "exrps", "u2")["erased"]) == 6
    assert traces(tied, "u2") == []
    assert board("competition") == [(1, "u1"), (2, "u3"), (3, "u4"), (4, "u5")]
    assert board("dense") == board("first") == board("competition")
    for user in ("u3", "u5"):
        assert len(ask(tied, "erase", "exrps", user)["erased"]) == 6
    assert board("dense") == board("first") == board("competition") == [(1, "u1"), (2, "u4")]
    assert tied.redis.zrange("{exrps}:0:board:dense:all:scores", 0, -1) == ["1", "3"]
    assert tied.redis.hgetall("{exrps}:0:board:dense:all:counts") == {"1": "1", "3": "1"}
    assert list(tied.redis.hgetall("{exrps}:0:board:first:all:members")) == ["u1", "u4"]


def test_what_was_computed_before_is_not_applied(stack):
    over(stack, "fence", "stays")
    stack.settle()
    key = f"{{exrps}}:checkpoint:{STREAM}"
    before = stack.redis.get(key)
    ask(stack, "erase", "exrps", "fence")
    name = next(f[1] for f in stack.redis.execute_command("FUNCTION", "LIST")[0][5] if f[1].endswith("_ping"))
    keys = [key] + [f"{{exrps}}:{k}" for k in ("deadletters", "deadlines", "lobby", "public", "counts", "holders", "index", "codes")]
    answer = stack.redis.execute_command("FCALL", name.replace("ping", "apply"), len(keys), *keys, before)
    assert answer[0] == 0 and answer[1].startswith(before.split("/")[0] + "/")
    position = stack.redis.hgetall(f"{{exrps}}:position:{STREAM}")
    assert position["id"] == answer[1] and int(position["entries"]) > 0


def test_erase_of_what_came_before_the_file(stack):
    """Letters from when the product was unknown are of it all the same; another product's player is somebody else."""
    letters = [stack.redis.xadd("{?}:deadletters", {"reason": "unknown product", "source_id": "1-0", **fields}) for fields in (
        {"product_id": "exrps", "user_id": "early"}, {"product_id": "other", "user_id": "early"}, {"user_id": "early"},
        {"product_id": "exrps", "user_id": "exrps"})]
    assert ask(stack, "erase", "exrps", "early")["dead_letters"] == 1
    assert [id_ for id_, _ in stack.redis.xrange("{?}:deadletters")] == letters[1:]


def test_erase_of_a_product_without_events(stack):
    assert ask(stack, "erase", "arena", "x") == {"erased": [], "dead_letters": 0, "quarantined": 0, "archived": 0}
    assert audit(stack, "arena")[-1] == (WHO, "erase", "x")
    over(stack, "a", "b", product="arena")
    stack.settle("arena")
    assert stack.redis.zscore("{arena}:0:board:wins:all", "a") == 1


def test_erase_while_he_plays(stack):
    """Events pour in while the player is erased: what is left was counted after that, once and everywhere alike."""
    total = 6000

    def play():
        for first in range(0, total, 50):
            pipe = stack.redis.pipeline(transaction=False)
            for n in range(first, first + 50):
                pipe.xadd(STREAM, {"product_id": "exrps", "game_id": f"{n:032x}", "type": "game_over",
                                   "winner_id": "busy", "loser_id": "rival"})
            pipe.execute()

    player = threading.Thread(target=play)
    player.start()
    wait_for(lambda: int(stack.redis.hget("{exrps}:0:stats:busy", "wins") or 0) > 100, what="events that count")
    removed = 0
    for _ in range(5):
        removed += len(ctl(stack, "erase", "exrps", "busy", status=None).stdout.splitlines()) > 1
    player.join()
    over(stack, "other", "rival", 1)
    stack.settle()
    wins = int(stack.redis.hget("{exrps}:0:stats:busy", "wins") or 0)
    assert removed and wins < total - 100
    assert wins == (stack.redis.zscore("{exrps}:0:board:wins:all", "busy") or 0)
    assert int(stack.redis.hget("{exrps}:0:stats:rival", "losses")) == total + 1
    ask(stack, "erase", "exrps", "busy")
    assert traces(stack, "busy") == []
