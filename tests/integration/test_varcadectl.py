"""varcadectl on a varcade that runs: keys, dead letters, and the trace that each change leaves."""
import json
import os
import pwd
import re
import subprocess
import time

import pytest

from stack import STREAM, Stack, game_file, wait_for


def ctl(stack, *args, status=0):
    out = subprocess.run([os.environ["VARCADE_BUILD"] + "/worker/varcadectl", *args[0].split(), "--config",
                          str(stack.dir / "varcade.json"), *args[1:]], capture_output=True, text=True, timeout=60)
    assert status in (out.returncode, None), (out.stdout, out.stderr)
    return out


def ask(stack, *args):
    return json.loads(ctl(stack, *args, "--json").stdout)


def audit(stack, product="exrps"):
    return [(f["who"], f["what"], f["about"]) for _, f in stack.redis.xrange(f"{{{product}}}:audit")]


WHO = pwd.getpwuid(os.getuid()).pw_name


def post(stack, key, body='[{"type":"x"}]', product="exrps"):
    return stack.http.post(f"{stack.url}/events/{product}", data=body,
                           headers={"Authorization": f"Bearer {key}"}).status_code


def test_keys(stack):
    out = ctl(stack, "keys add", "exrps")
    first = out.stdout.strip()
    assert post(stack, first) == 202
    assert post(stack, first, product="arena") == 401
    assert "audit: keys add" in out.stderr and f"who={WHO}" in out.stderr
    assert first.split(".")[1] not in out.stderr
    stored = stack.redis.hgetall("{exrps}:keys")
    assert first.split(".")[1] not in str(stored) and list(stored) == [first[:8]]

    second = ask(stack, "keys rotate", "exrps")
    assert second["key"].startswith(second["id"] + ".")
    assert post(stack, first) == post(stack, second["key"]) == 202
    listed = {k["id"]: k for k in ask(stack, "keys list", "exrps")}
    assert listed[second["id"]]["revoked"] is None and listed[first[:8]]["revoked"] is not None
    assert all(k["counts"] for k in listed.values())
    # A later rotation does not make an earlier one's overlap longer.
    until = listed[first[:8]]["revoked"]
    ctl(stack, "keys rotate", "exrps", "--overlap", "8760")
    assert {k["id"]: k for k in ask(stack, "keys list", "exrps")}[first[:8]]["revoked"] == until

    ctl(stack, "keys revoke", "exrps", second["id"])
    assert (post(stack, first), post(stack, second["key"])) == (202, 403)
    assert "before" in ctl(stack, "keys revoke", "exrps", second["id"], status=1).stderr
    assert "no key" in ctl(stack, "keys revoke", "exrps", "0badc0de", status=1).stderr
    third = ask(stack, "keys rotate", "exrps", "--overlap", "0")
    assert (post(stack, first), post(stack, third["key"])) == (403, 202)
    assert [k["id"] for k in ask(stack, "keys list", "exrps") if k["counts"]] == [third["id"]]
    assert audit(stack)[:2] == [(WHO, "keys add", first[:8]), (WHO, "keys rotate", second["id"])]
    assert "nobody.json" in ctl(stack, "keys add", "nobody", status=1).stderr


def test_a_revoked_key_stays_revoked(stack):
    """Whoever rotates the keys may have read them before another one revoked one of them."""
    key = ask(stack, "keys add", "exrps")
    before = stack.redis.hget("{exrps}:keys", key["id"])
    ctl(stack, "keys revoke", "exrps", key["id"])
    record = before.rsplit(" ", 1)[0]
    function = re.search(r"varcade_\w+_keys_set", str(stack.redis.execute_command("FUNCTION", "LIST")))[0]
    for revoked in (0, int((time.time() + 86400) * 1000)):
        stack.redis.fcall(function, 2, "{exrps}:audit", "{exrps}:keys", WHO, "keys rotate", "x", key["id"],
                          f"{record} {revoked}")
        assert post(stack, key["key"]) == 403


def test_old_keys_are_forgotten(stack):
    old = int((time.time() - 31 * 86400) * 1000)
    stack.redis.hset("{exrps}:keys", "0000000a", f"{'0' * 64} {old} {old}")
    stack.redis.hset("{exrps}:keys", "0000000b", "rubbish")
    ctl(stack, "keys add", "exrps")
    assert not {"0000000a", "0000000b"} & set(stack.redis.hkeys("{exrps}:keys"))


def letters(stack, product="exrps"):
    return stack.redis.xrange(f"{{{product}}}:deadletters")


def bad_event(stack, n, product="exrps"):
    stack.event(f"{n:032x}", "game_over", product, winner_id="w")
    stack.settle(product)


def test_letters(stack):
    for n in range(3):
        bad_event(stack, n)
    stack.redis.xadd(STREAM, {"product_id": "exrps", "type": "game_over", b"\xff": b"\xfe\"\n"})
    wait_for(lambda: len(letters(stack)) == 4, what="the dead letters")
    listed = ask(stack, "deadletters list", "exrps")
    assert [x["id"] for x in listed] == [i for i, _ in letters(stack)]
    assert listed[0]["reason"] == "loser_id is missing" and listed[0]["source_id"] <= listed[0]["id"]
    assert listed[0]["fields"] == [["product_id", "exrps"], ["game_id", "0" * 32], ["type", "game_over"],
                                   ["winner_id", "w"]]
    assert listed[3]["fields"][2] == ["\ufffd", "\ufffd\"\n"]
    assert [x["id"] for x in ask(stack, "deadletters list", "exrps", "--limit", "2", "--after", listed[0]["id"])] == \
        [listed[1]["id"], listed[2]["id"]]
    text = ctl(stack, "deadletters list", "exrps").stdout.splitlines()
    assert len(text) == 4 and "loser_id is missing" in text[0] and 'winner_id"="w' in text[0].replace(" ", "")

    first = listed[0]["id"]
    assert ctl(stack, "deadletters drop", "exrps", first).stdout == "dropped: 1\n"
    assert "no such" in ctl(stack, "deadletters drop", "exrps", first, status=1).stderr
    # What is replayed fails again here, as a new letter, and is not replayed for ever.
    assert ask(stack, "deadletters replay", "exrps", "--all") == {"replayed": 3}
    wait_for(lambda: len(letters(stack)) == 3, what="the new dead letters")
    assert not {i for i, _ in letters(stack)} & {x["id"] for x in listed}
    assert ask(stack, "deadletters drop", "exrps", "--all") == {"dropped": 3}
    assert letters(stack) == [] and ask(stack, "deadletters list", "exrps") == []
    assert (WHO, "deadletters drop", first) in audit(stack)


def test_replay_counts_once(stack):
    # A letter of an event that is good now, as after its game's file was put right.
    fields = {"product_id": "exrps", "game_id": "0" * 32, "type": "game_over", "winner_id": "r1", "loser_id": "r2"}
    letter = stack.redis.xadd("{exrps}:deadletters", {"reason": "x", "source_id": "1-0", **fields})
    assert ask(stack, "deadletters replay", "exrps", letter) == {"replayed": 1}
    assert stack.redis.xrevrange(STREAM, count=1)[0][1] == fields
    wait_for(lambda: stack.redis.zscore("{exrps}:0:board:wins:all", "r1") == 1, what="the score")
    assert "no such" in ctl(stack, "deadletters replay", "exrps", letter, status=1).stderr
    empty = stack.redis.xadd("{exrps}:deadletters", {"reason": "x", "source_id": "1-0"})
    assert "no fields" in ctl(stack, "deadletters replay", "exrps", empty, status=1).stderr
    ctl(stack, "deadletters drop", "exrps", empty)


def test_a_beginning_is_not_replayed(stack):
    """A letter holds 64 fields, and 64 KiB of a value: that may be a good event, but it is not the one that came."""
    event = {"product_id": "exrps", "game_id": "0" * 32, "type": "game_over", "winner_id": "cut", "loser_id": "r2"}
    for more in ({f"f{n}": "x" for n in range(100)}, {"note": "x" * 70000}):
        stack.redis.xadd(STREAM, {**event, **more})
    wait_for(lambda: len(letters(stack)) == 2, what="the dead letters")
    refused = ctl(stack, "deadletters replay", "exrps", "--all", status=1)
    assert refused.stdout == "replayed: 0\n" and refused.stderr.count("the beginning of its event alone") == 2
    assert ask(stack, "deadletters drop", "exrps", "--all") == {"dropped": 2}


def test_letters_of_no_product(stack):
    stack.redis.xadd(STREAM, {"product_id": "nobody", "type": "x"})
    wait_for(lambda: letters(stack, "?"), what="the dead letter")
    assert ask(stack, "deadletters list", "?")[0]["fields"][0] == ["product_id", "nobody"]
    assert ask(stack, "deadletters drop", "?", "--all") == {"dropped": 1}


def test_many_letters(stack):
    pipe = stack.redis.pipeline()
    for n in range(1200):
        pipe.xadd("{arena}:deadletters", {"reason": "x", "source_id": "1-0", "n": str(n)})
    pipe.execute()
    listed = ask(stack, "deadletters list", "arena", "--limit", "1100")
    assert [x["fields"][0][1] for x in listed] == [str(n) for n in range(1100)]
    assert ask(stack, "deadletters drop", "arena", "--all") == {"dropped": 1200}


@pytest.fixture
def apart(game_server):
    """State and stream in two databases; the worker knows of one."""
    running = Stack(games={"exrps": game_file(game_server.url)})
    content = json.loads((running.dir / "varcade.json").read_text())
    content["redis"]["stream_url"] = content["redis"]["state_url"] + "?db=1"
    (running.dir / "varcade.json").write_text(json.dumps(content))
    yield running
    running.close()


def test_replay_to_another_redis(apart):
    for extra in ({}, {"event_id": "mine"}):
        letter = apart.redis.xadd("{exrps}:deadletters", {"reason": "x", "source_id": "1-0", "type": "x", **extra})
        assert ask(apart, "deadletters replay", "exrps", letter) == {"replayed": 1}
        apart.redis.select(1)
        assert apart.redis.xrevrange(STREAM, count=1)[0][1] == \
            {"type": "x", "event_id": f"replay:exrps:{letter}", **extra}
        apart.redis.select(0)
        assert letters(apart) == []


def test_redis_that_refuses(stack):
    stack.redis.set("{arena}:keys", "x")
    out = ctl(stack, "keys list", "arena", status=1)
    assert "WRONGTYPE" in out.stderr and out.stdout == ""
    stack.redis.delete("{arena}:keys")


@pytest.fixture(scope="module")
def race():
    game = game_file("http://127.0.0.1:1", "race", queues=[], boards=[
        {"id": "best", "bounds": {"max": 100, "max_per_minute": 3},
         "from": [{"on": {"type": "score"}, "player": "user_id", "max": {"field": "score"}}]}])
    running = Stack(games={"race": game})
    yield running
    running.close()


def held(stack, product="race"):
    return ask(stack, "quarantine list", product)


def test_quarantine(race):
    stack = race
    key = ask(stack, "keys add", "race")["key"]
    for user, score in ("ann", 70), ("ann", 700), ("bob", 800), ("cy", 900), ("dee", 1000):
        assert post(stack, key, json.dumps([{"type": "score", "user_id": user, "score": score}]), "race") == 202
    wait_for(lambda: len(held(stack)) == 4, what="the events in quarantine")
    first = held(stack)[0]
    assert {k: first[k] for k in ("board", "bound", "value", "user_id")} == \
        {"board": "best", "bound": "max", "value": "700", "user_id": "ann"}
    assert first["source_id"] == first["id"] and first["reason"] == "best: 700 is beyond max 100"
    assert ["score", "700"] in first["fields"]
    assert "700 is beyond" in ctl(stack, "quarantine list", "race", "--limit", "1").stdout
    # Nobody lets an event through who is not asked: not by posting what the tool writes.
    forged = {"type": "score", "user_id": "ann", "score": 700, "varcade_quarantine": "release " + first["id"]}
    assert post(stack, key, json.dumps([forged]), "race") == 400

    board = f"{stack.url}/leaderboards/race/best"
    assert ask(stack, "quarantine release", "race", first["id"]) == {"released": 1}
    wait_for(lambda: stack.http.get(board, params={"limit": 9}).json()["entries"][0]["score"] == 700, what="the score")
    ids = [x["id"] for x in held(stack)]
    assert len(ids) == 3 and first["id"] not in ids
    assert "no such event in quarantine" in ctl(stack, "quarantine release", "race", first["id"], status=1).stderr
    assert ask(stack, "quarantine drop", "race", ids[0]) == {"dropped": 1}
    wait_for(lambda: [x["id"] for x in held(stack)] == ids[1:], what="the dropped event's end")
    assert ask(stack, "erase", "race", "cy")["quarantined"] == 1
    assert ask(stack, "quarantine drop", "race", "--all") in ({"dropped": 1}, {"dropped": 2})
    wait_for(lambda: held(stack) == [], what="the quarantine's end")
    total = stack.http.get(board, params={"limit": 9}).json()
    assert [(e["user_id"], e["score"]) for e in total["entries"]] == [("ann", 700)]
    assert (WHO, "quarantine release", first["id"]) in audit(stack, "race")
    assert ctl(stack, "quarantine list", "race", "--limit", "0", status=2)
    assert ctl(stack, "quarantine drop", "?", "--all", status=2)
