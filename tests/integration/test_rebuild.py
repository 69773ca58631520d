"""varcadectl rebuild: what is computed anew is what there is, and takes its place in one step."""
import fcntl
import json
import random
import signal
import subprocess
import threading
import time

import pytest
import requests

from stack import STREAM, TOP, Stack, free_port_base, game_file, stream_id, wait_for
from tracker import BUILD, Tracker

NOWHERE = "http://127.0.0.1:1"
BOARDS = [
    {"id": "sum", "windows": ["all", "yearly", "monthly", "weekly", "daily"], "timezone": "Europe/Berlin", "keep": 2,
     "from": [{"on": {"type": "score"}, "player": "user_id", "add": {"field": "score"}}]},
    {"id": "best", "ties": "first", "windows": ["all", "daily"],
     "from": [{"on": {"type": "score"}, "player": "user_id", "max": {"field": "score"}}]},
    {"id": "quick", "ties": "dense", "order": "asc",
     "from": [{"on": {"type": "score"}, "player": "user_id", "min": {"field": "score"}}]},
    {"id": "calm", "bounds": {"max": 1000, "max_per_minute": 40},
     "from": [{"on": {"type": "score"}, "player": "user_id", "set": {"field": "score"}}]},
    {"id": "elo", "rating": {"system": "elo", "on": {"type": "game_over"}, "winner": "winner_id", "loser": "loser_id"}},
    {"id": "glicko", "rating": {"system": "glicko2", "on": {"type": "game_over"}, "winner": "winner_id",
                                "loser": "loser_id", "period_days": 1}},
]
STATS = [{"on": {"type": "score"}, "player": "user_id", "add": {"runs": 1}, "max": {"most": {"field": "score"}}},
         {"on": {"type": "game_over"}, "player": "winner_id", "add": {"wins": 1}}]


def content(product="exrps", **changes):
    return game_file(NOWHERE, product, **{"boards": BOARDS, "stats": STATS, "titles": {}, **changes})


@pytest.fixture
def tracker(request):
    running = Tracker({"exrps": content(), "arena": content("arena")}, **getattr(request, "param", {}))
    yield running
    running.close()


def history(tracker, n, rng, start=None, product="exrps"):
    """n events of all kinds, some of them broken, some sent twice; the id of the last one."""
    pipe = tracker.redis.pipeline(transaction=False)
    for i in range(n):
        users = [f"u{rng.randrange(12)}" for _ in range(2)]
        fields = {"product_id": product, "type": "score", "user_id": users[0], "score": rng.choice(["1", "7", "12.5",
                                                                                                    "5000", "x"])}
        kind = rng.random()
        if kind < 0.4:
            fields = {"product_id": product, "type": "game_over", "game_id": "%032x" % i, "winner_id": users[0],
                      "loser_id": users[1]}
        elif kind < 0.5:
            fields["event_id"] = f"e{rng.randrange(50)}"
        elif kind < 0.53:
            fields = {"product_id": product, "type": "game_over", "game_id": "rubbish"}
        elif kind < 0.56:
            fields = {"product_id": product, "type": "player_name", "user_id": users[0], "username": "Z"}
        pipe.xadd(STREAM, fields, id="*" if start is None else f"{start + i * 977_777}-{i % 3}")
    return pipe.execute()[-1]


def figures(tracker, product="exrps"):
    """All keys of the live generation, as {name: content}."""
    redis = tracker.redis
    live = redis.get(f"{{{product}}}:generation") or "0"
    head = f"{{{product}}}:{live}:"
    read = {"hash": redis.hgetall, "zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
            "list": lambda key: redis.lrange(key, 0, -1), "stream": redis.xrange}
    return {key[len(head):]: read[redis.type(key)](key) for key in redis.scan_iter(head + "*", count=1000)}


def generations(tracker, product="exrps"):
    return {key.split(":")[1] for key in tracker.redis.scan_iter(f"{{{product}}}:[0-9]*")}


def rebuild(tracker, *arguments, status=0, product="exrps"):
    return json.loads(tracker.ctl("rebuild", product, "--json", *arguments, status=status)[0])


def test_verify_and_swap(tracker):
    """Years of events, from the archive and the stream; equal; and after the swap all is as it was."""
    rng = random.Random(1)
    redis = tracker.redis
    tracker.start()
    now = int(time.time() * 1000)
    last = history(tracker, 3000, rng, start=now - 3000 * 977_777 - 10_000)
    for product in ("exrps", "arena"):
        tracker.settle(product, last)
    redis.xtrim(STREAM, maxlen=500)  # the rest is in the archive, of all products
    last = history(tracker, 500, rng)
    tracker.settle("exrps", last)
    before = figures(tracker)
    assert len(before) > 80 and before["quarantine"]
    letters = redis.xlen("{exrps}:deadletters")
    names = redis.hgetall("{exrps}:names")
    result = rebuild(tracker, "--verify")
    assert result["equal"] and result["keys"] == [] and result["events"] > 3000, result
    assert generations(tracker) == {"0"} and redis.get("{exrps}:generation") is None
    # One figure that is not what the events say.
    redis.hincrby("{exrps}:0:stats:u3", "wins", 1)
    redis.zadd("{exrps}:0:board:sum:all", {"nobody": 5})
    redis.zadd("{exrps}:0:board:gone:all", {"nobody": 5})
    result = rebuild(tracker, "--verify", status=1)
    assert not result["equal"] and result["keys"] == ["board:gone:all", "board:sum:all", "stats:u3"]
    result = rebuild(tracker)
    generation = redis.get("{exrps}:generation")
    assert generation == result["generation"] and generations(tracker) == {generation}
    after = figures(tracker)
    # Windows' names have the generation in them; what is past is removed in its own time.
    for name in set(before) | set(after):
        if name not in ("windows", "seen", "pace") and not name.startswith("board:sum:2"):
            assert before.get(name) == after.get(name), name
    assert redis.xlen("{exrps}:deadletters") == letters and redis.hgetall("{exrps}:names") == names
    audit = redis.xrevrange("{exrps}:audit", count=1)[0][1]
    assert audit["what"] == "rebuild" and audit["about"] == generation
    # The worker goes on with it, and so does the other product with its own.
    last = history(tracker, 300, rng)
    tracker.settle("exrps", last)
    assert rebuild(tracker, "--verify")["equal"]
    assert redis.get("{arena}:generation") is None
    assert "error" not in tracker.log().lower().replace("level=", "")


def test_killed_workers(tracker):
    """Workers that are killed, two at once, events sent twice: equal."""
    rng = random.Random(2)
    for _ in range(12):
        tracker.start()
        tracker.start()
        last = history(tracker, rng.randrange(100, 300), rng)
        time.sleep(rng.random() * 0.4)
        tracker.kill()
    tracker.start()
    tracker.settle("exrps", last)
    assert rebuild(tracker, "--verify")["equal"]


def test_while_all_goes_on(tracker):
    """Events come and the worker works: verify is equal, swaps lose nothing, and a rebuild that dies leaves nothing."""
    rng = random.Random(3)
    tracker.start()
    stop = threading.Event()
    sent = [0]

    def send():
        while not stop.is_set():
            pipe = tracker.redis.pipeline(transaction=False)
            for i in range(20):
                pipe.xadd(STREAM, {"product_id": "exrps", "type": "score", "user_id": f"s{i}", "score": "1"})
            sent[0] += len(pipe.execute())
            time.sleep(0.01)

    history(tracker, 2000, rng)
    thread = threading.Thread(target=send)
    thread.start()
    try:
        for _ in range(3):
            assert rebuild(tracker, "--verify")["equal"]
            rebuild(tracker)
        killed = subprocess.Popen([str(BUILD / "worker/varcadectl"), "rebuild", "exrps", "--config",
                                   str(tracker.folder / "varcade.json")], stderr=subprocess.DEVNULL)
        wait_for(lambda: len(generations(tracker)) > 1, what="new figures")
        killed.kill()
        killed.wait()
        assert len(generations(tracker)) == 2
        assert rebuild(tracker, "--verify")["equal"]
        assert len(generations(tracker)) == 1
    finally:
        stop.set()
        thread.join()
    last = history(tracker, 1, rng)
    tracker.settle("exrps", last)
    live = tracker.redis.get("{exrps}:generation")
    runs = sum(int(tracker.redis.hget(f"{{exrps}}:{live}:stats:s{i}", "runs")) for i in range(20))
    assert runs == sum(float(v) for k, v in figures(tracker)["board:sum:all"] if k.startswith("s"))
    held = sum(1 for _, f in tracker.redis.xrange(f"{{exrps}}:{live}:quarantine") if f["user_id"].startswith("s"))
    assert runs + held == sent[0]


def test_rules_that_changed(tracker):
    """New rules over all there was: what they would have given from the start."""
    rng = random.Random(4)
    tracker.start()
    last = history(tracker, 1500, rng)
    tracker.settle("exrps", last)
    events = tracker.redis.xrange(STREAM)
    boards = [dict(BOARDS[1], ties="competition"), dict(BOARDS[2], id="fresh"), dict(BOARDS[4])]
    boards[2]["rating"] = dict(boards[2]["rating"], k=50)
    rules = content(boards=boards, stats=[{"on": {"type": "score"}, "player": "user_id", "add": {"n": 2}}])
    tracker.write_game("exrps", rules)
    for worker in tracker.workers:
        worker.send_signal(signal.SIGHUP)
    wait_for(lambda: "read again" in tracker.log(), what="the new rules")
    assert not rebuild(tracker, "--verify", status=1)["equal"]
    rebuild(tracker)
    other = Tracker({"exrps": rules, "arena": content("arena")})
    try:
        # What became a dead letter by the old rules stays one.
        dead = {fields["source_id"] for _, fields in tracker.redis.xrange("{exrps}:deadletters")}
        for id_, fields in events:
            if id_ not in dead:
                last = other.redis.xadd(STREAM, fields, id=id_)
        other.start()
        other.settle("exrps", last)
        wanted, found = figures(other), figures(tracker)
        assert set(wanted) == set(found)
        for name in wanted:
            if name not in ("windows", "pace"):
                assert wanted[name] == found[name], name
    finally:
        other.close()


def test_a_season_that_was_ended_by_hand(tracker):
    """What counted before counts again, and what came later does not."""
    season = {"id": "s", "from": "2020-01-01T00:00:00Z", "to": "2099-01-01T00:00:00Z"}
    tracker.write_game("exrps", content(boards=[dict(BOARDS[0], seasons=[season])]))
    tracker.start()
    tracker.settle("exrps", tracker.add("exrps", type="score", user_id="u1", score="5"))
    tracker.ctl("season", "close", "exrps", "s", "--board", "sum")
    tracker.settle("exrps", tracker.add("exrps", type="score", user_id="u1", score="7"))
    assert rebuild(tracker, "--verify")["equal"]
    rebuild(tracker)
    assert figures(tracker)["board:sum:s-s"] == [("u1", 5)] and figures(tracker)["board:sum:all"] == [("u1", 12)]


def test_without(tracker):
    """A player who is left out was never there, nor were the matches that he was in."""
    rng = random.Random(5)
    tracker.start()
    last = history(tracker, 800, rng)
    tracker.settle("exrps", last)
    events = tracker.redis.xrange(STREAM)
    result = rebuild(tracker, "--without", "u1", "--without", "u2")
    assert result["left_out"] > 50
    found = figures(tracker)
    text = json.dumps(found)
    assert '"u1"' not in text and '"u2"' not in text and "stats:u1" not in found
    wins = sum(1 for _, f in events if f.get("winner_id") == "u3" and f.get("loser_id") not in ("u1", "u2"))
    assert int(found["stats:u3"].get("wins", 0)) == wins
    tracker.ctl("rebuild", "exrps", "--without", "a\nb", status=2)


def test_what_is_gone(tracker):
    """Where the stream was trimmed and there is no archive, nothing is thrown away by a slip."""
    tracker.config["archive"]["dir"] = ""
    (tracker.folder / "varcade.json").write_text(json.dumps(tracker.config))
    tracker.start()
    last = history(tracker, 400, random.Random(6))
    wait_for(lambda: stream_id(tracker.redis.get(f"{{exrps}}:checkpoint:{STREAM}") or "0-0") >= stream_id(last))
    assert rebuild(tracker, "--verify")["equal"]
    before = figures(tracker)
    tracker.redis.xtrim(STREAM, maxlen=100, approximate=False)
    _, error = tracker.ctl("rebuild", "exrps", status=1)
    assert "300 events are no longer in the stream" in error
    assert figures(tracker) == before and generations(tracker) == {"0"}
    result = rebuild(tracker, "--partial")
    assert result["events"] <= 100


def applied(tracker, last, product="exrps"):
    wait_for(lambda: stream_id(tracker.redis.get(f"{{{product}}}:checkpoint:{STREAM}") or "0-0") >= stream_id(last),
             what="the events")


def scores(tracker, n, product="exrps"):
    """n events that count; their ids."""
    pipe = tracker.redis.pipeline(transaction=False)
    for i in range(n):
        pipe.xadd(STREAM, {"product_id": product, "type": "score", "user_id": f"u{i % 9}", "score": "1"})
    return pipe.execute()


def metric(tracker, name, product="exrps"):
    text = requests.get(f"http://{tracker.config['worker']['listen']}/metrics", timeout=5).text
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if line.startswith(name + "{") and f'product="{product}"' in line)


WATCHED = {"worker": {"listen": f"127.0.0.1:{free_port_base()}"}, "archive": {"interval_ms": 20}}


@pytest.mark.parametrize("tracker", [WATCHED], indirect=True)
@pytest.mark.parametrize("how", ["trim", "delete", "stream", "before the first"])
def test_removed_before_it_was_archived(tracker, how):
    """Entries that somebody takes off the stream between being applied and being archived: told, counted, and a rebuild
    does not drop them silently."""
    redis = tracker.redis
    tracker.start()
    first = ["0-0"]
    if how != "before the first":
        first = scores(tracker, 50)
        tracker.settle("exrps", first[-1])
    (tracker.archive / "exrps").mkdir(parents=True, exist_ok=True)
    busy = open(tracker.archive / "exrps" / "lock", "a")  # nothing can be archived now
    fcntl.flock(busy, fcntl.LOCK_EX)
    last = scores(tracker, 100)
    applied(tracker, last[-1])
    if how == "delete":
        redis.xdel(STREAM, *last[30:70])
    elif how == "stream":
        redis.delete(STREAM)
    else:
        redis.xtrim(STREAM, maxlen=60, approximate=False)
    gone = 100 if how == "stream" else 40
    # What the archive has yet to come to, the rebuild looks at itself.
    _, error = tracker.ctl("rebuild", "exrps", status=1)
    assert f"{gone} events are no longer in the stream" in error and "--partial" in error, error
    busy.close()
    wait_for(lambda: redis.hget(f"{{exrps}}:archived:{STREAM}", "missing") == str(gone), what="the archive's count")
    assert metric(tracker, "varcade_archive_missing_events_total") == gone
    assert f"events={gone} " in tracker.log() and "removed events from the stream" in tracker.log()
    before = figures(tracker)
    result = rebuild(tracker, "--verify", status=1)
    assert not result["equal"] and result["missing"] == gone
    assert stream_id(result["missing_after"]) >= stream_id(first[-1])
    assert stream_id(result["missing_up_to"]) <= stream_id(last[-1])
    out, _ = tracker.ctl("rebuild", "exrps", "--verify", status=1)
    assert f"{gone} events are no longer in the stream, nor in the archive" in out
    _, error = tracker.ctl("rebuild", "exrps", status=1)
    assert f"{gone} events are no longer in the stream" in error and result["missing_up_to"] in error
    assert figures(tracker) == before
    # Another product has lost nothing, and what comes later is whole again.
    last = tracker.add("arena", type="note")
    tracker.settle("arena", last)
    assert rebuild(tracker, product="arena")["missing"] == 0
    tracker.settle("exrps", scores(tracker, 20)[-1])
    rebuild(tracker, "--partial")
    events = (50 if how != "before the first" else 0) + 100 - gone + 20
    assert sum(score for _, score in figures(tracker)["board:sum:all"]) == events
    assert rebuild(tracker, "--verify")["equal"]


def test_gaps_are_no_loss_of_the_archive(tracker):
    """What the worker never read is in no figure: a rebuild is as good as it was, whatever is killed."""
    redis = tracker.redis
    tracker.start()
    tracker.settle("exrps", scores(tracker, 30)[-1])
    for _ in range(3):
        tracker.kill()
        scores(tracker, 40)
        redis.xtrim(STREAM, maxlen=10, approximate=False)
        tracker.start()
        tracker.settle("exrps", scores(tracker, 5)[-1])
    assert tracker.log().count("events are lost") == 3
    assert redis.hget(f"{{exrps}}:archived:{STREAM}", "missing") == "0"
    assert rebuild(tracker, "--verify")["equal"]
    rebuild(tracker)
    assert sum(score for _, score in figures(tracker)["board:sum:all"]) == 30 + 3 * 15


def test_files_that_are_missing(tracker):
    tracker.start()
    last = history(tracker, 200, random.Random(7))
    tracker.settle("exrps", last)
    for file in (tracker.archive / "exrps").glob("*.gz"):
        file.unlink()
    _, error = tracker.ctl("rebuild", "exrps", status=1)
    assert "files of the archive are missing" in error
    assert generations(tracker) == {"0"}


def test_changed_by_hand_meanwhile(tracker):
    """A player who is erased, or hidden, while a rebuild goes on does not come back with it."""
    tracker.start()
    last = history(tracker, 25000, random.Random(8))
    tracker.settle("exrps", last)
    for command in (["hide", "exrps", "u4"], ["erase", "exrps", "u5"]):
        before = generations(tracker)
        running = subprocess.Popen([str(BUILD / "worker/varcadectl"), "rebuild", "exrps", "--config",
                                    str(tracker.folder / "varcade.json")], stderr=subprocess.PIPE, text=True)
        wait_for(lambda: len(generations(tracker)) > 1, what="new figures")
        running.send_signal(signal.SIGSTOP)
        tracker.ctl(*command)
        running.send_signal(signal.SIGCONT)
        _, error = running.communicate(timeout=60)
        assert running.returncode == 1 and "begin again" in error, error
        assert generations(tracker) == before


def test_erased(tracker):
    """In the archive somebody else stands in his place: others have what they had, and he does not come back."""
    tracker.start()
    last = history(tracker, 1200, random.Random(9))
    # What looks like the player, and is not.
    last = tracker.add("exrps", type="note", user_id="u1", text="u5", score="u5")
    tracker.settle("exrps", last)
    before = figures(tracker)
    out = json.loads(tracker.ctl("erase", "exrps", "u5", "--json")[0])
    assert out["archived"] > 50
    wait_for(lambda: "u5" not in json.dumps(figures(tracker)["quarantine"]), what="the quarantine without him")
    erased = figures(tracker)
    archived = tracker.archived("exrps")
    assert len(archived) == len({id_ for id_, _ in archived})
    text = json.dumps([{k: v for k, v in fields.items() if k.endswith("_id")} for _, fields in archived])
    assert '"u5"' not in text and "erased-" in text and archived[-1][1]["text"] == "u5"
    result = rebuild(tracker, "--verify", status=1)
    # They still say who it was; how many events he had in this minute, too.
    assert all(key.startswith("matches:") or key == "pace" for key in result["keys"]), result["keys"]
    rebuild(tracker)
    after = figures(tracker)
    assert set(after) | {"pace"} == set(erased) | {"pace"}
    for name, value in erased.items():
        if not name.startswith("matches:") and name not in ("windows", "pace"):
            assert after[name] == value, name
    assert after["stats:u3"] == before["stats:u3"] and after["player:u3"] == before["player:u3"]
    assert '"u5"' not in json.dumps(after), "he came back"
    # The archive goes on behind the files that were changed.
    last = history(tracker, 200, random.Random(10))
    tracker.settle("exrps", last)
    assert rebuild(tracker, "--verify")["equal"]


def test_erased_however_written(tracker):
    """JSON has several ways to write an id, and all of them are the player; what stands between two ids is nobody."""
    tracker.write_game("arena", content("arena", stats=[], boards=[
        {"id": "team", "from": [{"on": {"type": "game_over"}, "players": "placements", "add": 1}]}]))
    tracker.start()
    user, fields = "\u00fc/1", {"type": "game_over", "game_id": "0" * 32}
    for placements in (r'[["\u00fc/1"],["o1"]]', r'[["o1","\u00fC\/1"],["o2"]]', '[["o1"],["\u00fc/1"]]', '[["o1"],["o2"]]',
                       r'["\u00fc\/1"]'):
        last = tracker.add("arena", placements=placements, **fields)
    tracker.settle("arena", last)
    assert json.loads(tracker.ctl("erase", "arena", ",", "--json")[0]) == {
        "erased": [], "dead_letters": 0, "quarantined": 0, "archived": 0}
    assert rebuild(tracker, "--without", ",", product="arena")["left_out"] == 0
    assert figures(tracker, "arena")["board:team:all"] == [("o2", 2), (user, 3), ("o1", 4)]
    out = json.loads(tracker.ctl("erase", "arena", user, "--json")[0])
    assert (out["dead_letters"], out["archived"]) == (1, 3)
    rebuild(tracker, product="arena")
    after = figures(tracker, "arena")
    assert after["board:team:all"] == [("o2", 2), ("o1", 4)]
    assert user not in json.dumps(after, ensure_ascii=False), "he came back"


def test_many_who_were_erased(tracker):
    """All keys of Redis are gone over a few times, not once for each of them."""
    tracker.start()
    tracker.settle("exrps", history(tracker, 50, random.Random(14)))
    tracker.redis.sadd("{exrps}:pseudonyms", *[f"erased-{n:016x}" for n in range(200)])
    tracker.redis.config_resetstat()
    rebuild(tracker)
    assert tracker.redis.info("commandstats")["cmdstat_scan"]["calls"] < 50


def test_erased_while_playing(tracker):
    """A player who goes on playing while he is erased: what counted before does not come back, what counts since stays."""
    tracker.start()
    tracker.settle("exrps", history(tracker, 300, random.Random(11)))
    stop = threading.Event()

    def play():
        rng = random.Random(12)
        while not stop.is_set():
            history(tracker, 10, rng)
            applied(tracker, tracker.add("exrps", type="score", user_id="u5", score="1"))

    thread = threading.Thread(target=play)
    thread.start()
    try:
        for user in ("u5", "u6", "u5"):
            tracker.ctl("erase", "exrps", user)
    finally:
        stop.set()
        thread.join()
    tracker.settle("exrps", history(tracker, 1, random.Random(13)))
    result = rebuild(tracker, "--verify", status=None)
    assert all(key.startswith("matches:") or key == "pace" for key in result["keys"]), result["keys"]
    assert figures(tracker)["stats:u5"]
