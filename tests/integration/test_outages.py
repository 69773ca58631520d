"""Parts that hang, stop and die while others are at work."""
import concurrent.futures
import itertools
import os
import signal
import statistics
import threading
import time
from pathlib import Path

import pytest

from stack import GameServer, Stack, game_file, wait_for


def timed(call):
    began = time.monotonic()
    answer = call()
    return answer, time.monotonic() - began


def test_a_hanging_game_server_holds_up_nobody_else():
    """While one product's game server hangs, its players get 503 in time, and everybody else is served as before."""
    hanging, fine = GameServer(), GameServer()
    release = threading.Event()
    hanging.behave["create_game"] = lambda _: (release.wait(60), (200, "{}"))[1]
    stack = Stack(games={"stuck": game_file(hanging.url, "stuck"), "exrps": game_file(fine.url)})
    try:
        users = itertools.count()

        def others():
            game = stack.create(f"ann-{next(users)}")
            assert game.status_code == 200
            board = stack.http.get(f"{stack.url}/stats/exrps/ann")
            assert board.status_code == 200

        before = statistics.median(timed(others)[1] for _ in range(30))
        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            stuck = [pool.submit(timed, lambda i=i: stack.create(f"p{i}", "stuck")) for i in range(100)]
            wait_for(lambda: hanging.calls_of("create_game"), what="the game server to be asked")
            during = []
            while not all(s.done() for s in stuck):
                during.append(timed(others)[1])
            for answer, seconds in (s.result() for s in stuck):
                assert answer.status_code == 503, answer.text
                assert int(answer.headers["Retry-After"]) >= 1
                assert seconds < 5
        assert len(during) >= 10
        # A hundredth of the limit that the stuck ones wait for: they were not queued behind those.
        assert statistics.median(during) < before + 0.03, (before, statistics.median(during))
    finally:
        release.set()
        stack.close()
        hanging.close()
        fine.close()


@pytest.mark.parametrize("how", ["hangs", "is killed"])
def test_redis_goes_and_comes_back(stack, game_server, how):
    # Or Redis may answer first and write later, and a kill loses what it had promised.
    stack.redis.config_set("appendfsync", "always")
    stack.event("0" * 32, "game_over", winner_id=f"before {how}", loser_id="x")
    stack.settle()
    old = stack.pid("redis")
    if how == "hangs":
        stack.signal("redis", signal.SIGSTOP)
        try:
            time.sleep(0.3)  # some of it without anybody asking
            for _ in range(3):
                answer, seconds = timed(lambda: stack.create("ann"))
                assert answer.status_code == 503 and int(answer.headers["Retry-After"]) >= 1
                assert answer.headers["Content-Type"].startswith("application/problem+json")
                assert seconds < 1.5
                # What is in a file is served all the same.
                assert stack.http.get(f"{stack.url}/leaderboards/top_ten/exrps").status_code == 200
                assert stack.http.get(f"{stack.url}/healthz").status_code == 200
            assert stack.http.get(f"{stack.url}/readyz").status_code == 503
        finally:
            stack.signal("redis", signal.SIGCONT)
    else:
        stack.signal("redis", signal.SIGKILL)
        wait_for(lambda: stack.pid("redis") != old, what="quickstart to start Redis again")
    wait_for(lambda: stack.create("ann").status_code == 200, what="create to work again")
    stack.event("0" * 32, "game_over", winner_id=f"after {how}", loser_id="x")
    stack.settle()
    for when in ("before", "after"):
        # Each process of the pool finds Redis again by itself.
        wait_for(lambda: stack.http.get(f"{stack.url}/stats/exrps/{when} {how}").json().get("wins") == "1",
                 what="the statistics to be read again")
    wait_for(lambda: stack.http.get(f"{stack.url}/readyz").status_code == 200, what="all to be ready again")


def strays(stack, part):
    """Processes of a part that neither its supervisor nor another of them started."""
    supervisor = int((stack.dir / "pids" / f"{part}.supervisor").read_text())
    parents = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, parent, group = file.read_text().rsplit(")", 1)[1].split()[:3]
        except OSError:
            continue
        if int(group) == supervisor:
            parents[int(file.parent.name)] = int(parent)
    return [pid for pid, parent in parents.items() if pid != supervisor and parent not in parents]


def test_redis_takes_no_writes(stack):
    """Without memory Redis still answers, so that the connection is well: it is told, and no event suffers by it."""
    stack.event("0" * 32, "game_over", winner_id="before", loser_id="x")
    stack.settle()
    stack.signal("worker", signal.SIGSTOP)
    stack.event("0" * 32, "game_over", winner_id="after", loser_id="x")
    stack.redis.config_set("maxmemory", 1)
    stack.signal("worker", signal.SIGCONT)
    try:
        wait_for(lambda: "OOM" in stack.log("worker"), what="the reason")
    finally:
        stack.redis.config_set("maxmemory", 0)
    stack.settle()
    assert stack.redis.hget("{exrps}:0:stats:after", "wins") == "1"
    assert not stack.redis.exists("{exrps}:deadletters")


@pytest.mark.parametrize("part", ["fcgi-matchmaking", "fcgi-leaderboards", "worker", "nginx"])
def test_a_part_that_dies_is_started_again(stack, part):
    old = stack.pid(part)
    stack.signal(part, signal.SIGKILL)

    def well():
        try:
            return stack.pid(part) != old and stack.create("ann").status_code == 200 \
                and stack.http.get(f"{stack.url}/stats/exrps/a").status_code == 200
        except (OSError, ValueError):
            return False

    wait_for(well, 10, "the part to be back")
    wait_for(lambda: not strays(stack, part), what="all of what died to be gone")
    stack.event("0" * 32, "game_over", winner_id=f"after {part}", loser_id="x")
    stack.settle()


def test_pools_down_is_told_as_a_problem(stack):
    supervisors = [int((stack.dir / "pids" / f"fcgi-{pool}.supervisor").read_text()) for pool in ("matchmaking", "leaderboards")]
    parts = [stack.pid(f"fcgi-{pool}") for pool in ("matchmaking", "leaderboards")]
    for pid in supervisors:
        os.kill(pid, signal.SIGSTOP)  # or it would start the pool again
    try:
        for pid in parts:
            os.kill(pid, signal.SIGKILL)
        for path in ("/game_lobby/exrps/open_games", "/stats/exrps/a", "/products"):
            # In a list, for an answer that is an error counts as false.
            answer, = wait_for(lambda: (a := stack.http.get(stack.url + path)).status_code == 503 and [a], what="503")
            assert answer.headers["Content-Type"].startswith("application/problem+json")
            assert answer.json()["status"] == 503 and answer.headers["Retry-After"]
        assert stack.http.get(f"{stack.url}/leaderboards/top_ten/exrps").status_code == 200
        assert stack.http.get(f"{stack.url}/").status_code == 200
    finally:
        for pid in supervisors:
            os.kill(pid, signal.SIGCONT)
    wait_for(lambda: stack.create("ann").status_code == 200, what="the pools to be back")
