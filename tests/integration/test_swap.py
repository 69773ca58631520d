"""A generation of figures takes the place of another while players read and events come: no answer is of both, none is
empty, and nothing is lost."""
import json
import signal
import subprocess
import threading

import pytest
import requests

from stack import STREAM, Stack, game_file, wait_for
from tracker import BUILD

NOWHERE = "http://127.0.0.1:1"
N = 40


def rules(weight):
    """Everybody has as many points on the board as in the statistics: a multiple of the weight."""
    add = [{"on": {"type": "score"}, "player": "user_id", "add": weight}]
    return game_file(NOWHERE, boards=[{"id": "points", "from": add}], titles={},
                     stats=[{"on": {"type": "score"}, "player": "user_id", "add": {"points": weight}}])


def score(stack, user_id):
    stack.last_event["exrps"] = stack.redis.xadd(STREAM, {"product_id": "exrps", "type": "score", "user_id": user_id})


@pytest.fixture
def stack():
    running = Stack(games={"exrps": rules(1)})
    yield running
    running.close()


class Reader(threading.Thread):
    """Reads until it is told to stop; problems: what no answer may be."""

    def __init__(self, stack):
        super().__init__()
        self.url, self.ended, self.problems, self.answers = stack.url, threading.Event(), [], 0
        self.weights, self.weight = set(), 1

    def run(self):
        http = requests.Session()
        while not self.ended.is_set():
            for user in ("u0", "u7"):
                self.answers += 1
                answer = http.get(f"{self.url}/players/exrps/{user}")
                player = answer.json()
                page = http.get(f"{self.url}/leaderboards/exrps/points", params={"limit": 100, "offset": 0}).json()
                try:
                    self.check(player["stats"]["points"], player["boards"]["points"]["score"], page)
                except (KeyError, AssertionError) as problem:
                    self.problems.append((repr(problem), player, page))
                    return

    def check(self, points, score, page):
        assert len(page["entries"]) == page["total"] == N
        for value in [points, score] + [entry["score"] for entry in page["entries"]]:
            assert value > 0
        heavy = {value >= 1000000 for value in (points, score)}
        assert len(heavy) == 1, "of two generations"
        assert len({entry["score"] >= 1000000 for entry in page["entries"]}) == 1, "of two generations"
        self.weights |= heavy


def varcadectl(stack, *arguments):
    return subprocess.run([str(BUILD / "worker/varcadectl"), *arguments, "--config", str(stack.dir / "varcade.json")],
                          capture_output=True, text=True, timeout=60, check=False)


def reload_rules(stack, weight):
    before = stack.log("worker").count("read again")
    stack.write_game("exrps", rules(weight))
    stack.signal("worker", signal.SIGHUP)
    wait_for(lambda: stack.log("worker").count("read again") > before, what="the new rules")


def test_nothing_of_two(stack):
    """Rules that give a million times as much, and back, ten times over; four readers."""
    for i in range(4 * N):
        score(stack, f"u{i % N}")
    stack.settle()
    readers = [Reader(stack) for _ in range(4)]
    for reader in readers:
        reader.start()
    try:
        for i in range(20):
            reload_rules(stack, 1000000 if i % 2 == 0 else 1)
            done = varcadectl(stack, "rebuild", "exrps", "--json")
            assert done.returncode == 0 and json.loads(done.stdout)["events"] == 4 * N, done
    finally:
        for reader in readers:
            reader.ended.set()
            reader.join()
    assert not any(reader.problems for reader in readers), [reader.problems for reader in readers]
    assert sum(reader.answers for reader in readers) > 50
    assert set.union(*(reader.weights for reader in readers)) == {False, True}
    # The files that the web server answers from are of the generation too.
    wait_for(lambda: {e["score"] for e in stack.http.get(f"{stack.url}/leaderboards/exrps/points").json()["entries"]}
             == {4}, what="the snapshot")


def test_while_events_come(stack):
    """Scores only ever grow, whoever reads whenever; and all of them are there in the end."""
    for i in range(N):
        score(stack, f"u{i}")
    stack.settle()
    ended = threading.Event()
    sent = [0] * N
    problems = []

    def send():
        while not ended.is_set():
            pipe = stack.redis.pipeline(transaction=False)
            for i in range(N):
                pipe.xadd(STREAM, {"product_id": "exrps", "type": "score", "user_id": f"u{i}"})
                sent[i] += 1
            pipe.execute()
            ended.wait(0.01)

    def read():
        http, before = requests.Session(), 0
        while not ended.is_set():
            page = http.get(f"{stack.url}/leaderboards/exrps/points", params={"limit": 100, "offset": 0}).json()
            total = sum(entry["score"] for entry in page["entries"])
            if len(page["entries"]) != N or total < before:
                problems.append((before, page))
                return
            before = total

    threads = [threading.Thread(target=send)] + [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(6):
            done = varcadectl(stack, "rebuild", "exrps")
            assert done.returncode == 0, done.stderr
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert not problems, problems[0]
    score(stack, "u0")
    stack.settle()
    page = stack.http.get(f"{stack.url}/leaderboards/exrps/points", params={"limit": 100, "offset": 0}).json()
    assert sum(entry["score"] for entry in page["entries"]) == sum(sent) + N + 1
    assert varcadectl(stack, "rebuild", "exrps", "--verify").returncode == 0
