"""The archive has every event that was applied once, whatever is killed; the stream is trimmed behind it."""
import os
import random
import signal
import time

import pytest

from stack import STREAM, game_file, stream_id, wait_for
from tracker import Tracker

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def tracker(request):
    running = Tracker({"exrps": game_file(NOWHERE), "arena": game_file(NOWHERE, "arena")},
                      **getattr(request, "param", {}))
    yield running
    running.close()


def wins(tracker, product, n, player="w"):
    """n matches; the id of the last one."""
    pipe = tracker.redis.pipeline(transaction=False)
    for i in range(n):
        pipe.xadd(STREAM, {"product_id": product, "game_id": "%032x" % i, "type": "game_over",
                           "winner_id": f"{player}{i % 7}", "loser_id": f"l{i % 5}"})
    return pipe.execute()[-1]


def test_all_that_was_applied(tracker):
    """Every field of every event of every product, in order; what became a dead letter is left out."""
    tracker.start()
    last = {}
    for i in range(300):
        product = random.choice(["exrps", "arena"])
        if i % 10 == 0:
            tracker.add(product, type="game_over")  # nobody played: a dead letter
        if i % 50 == 0:
            tracker.add("nobody", type="score", user_id="u")
        last[product] = tracker.add(product, type="note", text=f"ä{i}\r\n$5", user_id=f"u{i}")
    stream = tracker.redis.xrange(STREAM)
    for product, id_ in last.items():
        tracker.settle(product, id_)
        wanted = [(id_, fields) for id_, fields in stream
                  if fields["product_id"] == product and fields["type"] == "note"]
        assert tracker.archived(product) == wanted
    assert sorted(path.name for path in tracker.archive.iterdir()) == ["arena", "exrps"]
    # Those of the last millisecond stay until there is a later one: ids of one millisecond are removed together.
    while tracker.add("exrps", type="note").split("-")[0] == stream[-1][0].split("-")[0]:
        pass
    wait_for(lambda: tracker.redis.zcard("{exrps}:aside") == 0, what="the marks' removal")


def test_letters_of_a_product_that_gets_its_file_late(tracker):
    """What came before counts from the stream, and so not once more by its letters; what is no longer there counts by them."""
    redis = tracker.redis
    tracker.start()
    gone, there = wins(tracker, "late", 1, "gone"), wins(tracker, "late", 1, "there")
    wait_for(lambda: redis.xlen("{?}:deadletters") == 2, what="the letters")
    redis.xdel(STREAM, gone)
    letters = {fields["source_id"]: id_ for id_, fields in redis.xrange("{?}:deadletters")}
    assert "it counts there" in tracker.ctl("deadletters", "replay", "?", letters[there], status=1)[1]
    tracker.write_game("late", game_file(NOWHERE, "late"))
    tracker.workers[0].send_signal(signal.SIGHUP)
    tracker.settle("late", there)
    assert tracker.ctl("deadletters", "replay", "?", "--all", status=1)[0] == "replayed: 1\n"
    tracker.settle("late", redis.xinfo_stream(STREAM)["last-generated-id"])
    redis.delete(STREAM)
    assert "it counts there" in tracker.ctl("deadletters", "replay", "?", letters[there], status=1)[1]
    assert redis.zrange("{late}:0:board:wins:all", 0, -1, withscores=True) == [("l0", 0), ("gone0", 1), ("there0", 1)]


def test_workers_killed(tracker):
    """Killed anywhere, two at once: each event is there once, and nothing is torn."""
    rng = random.Random(20261122)
    written = []
    for round_ in range(25):
        for _ in range(rng.randrange(1, 3)):
            tracker.start()
        last = wins(tracker, "exrps", rng.randrange(50, 400))
        time.sleep(rng.random() * 0.5)
        tracker.kill()
        written.append(last)
        if round_ % 5 == 4:  # a write that was cut off, and one that the disk never got
            newest = max((tracker.archive / "exrps").glob("*.gz"))
            data = newest.read_bytes()
            with open(newest, "ab") as file:
                file.write(data[:rng.randrange(1, 200)] if round_ % 2 else bytes(rng.randrange(1, 9000)))
    tracker.start()
    tracker.settle("exrps", written[-1])
    stream = [id_ for id_, _ in tracker.redis.xrange(STREAM)]
    assert [id_ for id_, _ in tracker.archived("exrps")] == stream
    assert "archive cannot" not in tracker.log()


def test_disk_that_cannot_be_written(tracker):
    """Events are applied all the same, and nothing is trimmed; when the disk is back, all goes on."""
    tracker.archive.write_text("in the way")
    tracker.start()
    last = wins(tracker, "exrps", 100)
    wait_for(lambda: stream_id(tracker.redis.get(f"{{exrps}}:checkpoint:{STREAM}") or "0-0") >= stream_id(last),
             what="the events")
    wait_for(lambda: "the archive cannot be opened" in tracker.log(), what="a line in the log")
    assert not tracker.redis.exists(f"{{exrps}}:archived:{STREAM}")
    tracker.archive.unlink()
    tracker.settle("exrps", last)
    assert len(tracker.archived("exrps")) == 100


@pytest.mark.parametrize("tracker", [{"stream": {"keep_s": 0}}], indirect=True)
def test_trimming(tracker):
    """What all have applied and the archive has goes; a group that is behind is waited for; nothing is lost by it."""
    redis = tracker.redis
    tracker.start()
    last = wins(tracker, "exrps", 1000)
    tracker.settle("exrps", last)
    wait_for(lambda: redis.xlen(STREAM) <= 200, what="trimming")
    redis.xgroup_create(STREAM, "others", "$")
    ids = [wins(tracker, "exrps", 500) for _ in range(3)]
    tracker.settle("exrps", ids[-1])
    time.sleep(0.5)  # that nothing happens cannot be waited for
    assert redis.xlen(STREAM) >= 1500
    read = redis.xreadgroup("others", "me", {STREAM: ">"}, count=1500)[0][1]
    redis.xack(STREAM, "others", *[id_ for id_, _ in read[:600]])
    wait_for(lambda: redis.xlen(STREAM) < 1500, what="trimming up to what is pending")
    assert redis.xlen(STREAM) >= 900 and redis.xrange(STREAM, read[600][0], read[600][0])
    redis.xack(STREAM, "others", *[id_ for id_, _ in read])
    wait_for(lambda: redis.xlen(STREAM) <= 200, what="trimming of all")
    # Where the stream was trimmed, a worker that starts finds no gap, and the archive goes on.
    tracker.kill()
    tracker.start()
    last = wins(tracker, "exrps", 300)
    tracker.settle("exrps", last)
    assert len(tracker.archived("exrps")) == 1000 + 1500 + 300
    assert "trimmed before" not in tracker.log()


@pytest.mark.parametrize("tracker", [{"archive": {"dir": ""}, "stream": {"keep_s": 0}},
                                     {"stream": {"keep_s": 0, "trim": "never"}},
                                     {"stream": {"keep_s": 3600}}], indirect=True)
def test_what_is_not_trimmed(tracker):
    """Without an archive, where it is not wanted, and what is young."""
    tracker.start()
    last = wins(tracker, "exrps", 1000)
    wait_for(lambda: stream_id(tracker.redis.get(f"{{exrps}}:checkpoint:{STREAM}") or "0-0") >= stream_id(last))
    time.sleep(0.5)  # that nothing happens cannot be waited for
    assert tracker.redis.xlen(STREAM) == 1000
