#!/usr/bin/python3
"""How long it takes until an event is seen, at rest: from XADD to the answer that has it.

  in the API        GET /leaderboards/arena/wins?limit=1, which the FastCGI program answers
  in the snapshot   GET /leaderboards/arena/wins?window=all, as a file of nginx', with If-None-Match

Events come at a fixed pace, one at a time; each is asked for again and again, over one connection, until it is seen. The
time of the request that sees it counts in full. The pace lets the file rest in between, as a board does
on which little happens; --pace 0 is the opposite: each event follows upon the one before being seen.

Nothing here fails: it prints figures. Run it on a built tree: tests/bench/latency.py [--samples 300] [--pace 250]
"""
import argparse
import http.client
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
from stack import STREAM, GameServer, Stack, game_file, wait_for  # noqa: E402


class Reader:
    """One connection that asks for one path."""

    def __init__(self, port, path):
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self.path, self.etag, self.text = path, None, ""

    def read(self):
        self.http.request("GET", self.path, headers={"If-None-Match": self.etag} if self.etag else {})
        answer = self.http.getresponse()
        text = answer.read().decode()
        if answer.status == 200:
            self.etag, self.text = answer.getheader("ETag"), text
        elif answer.status != 304:
            sys.exit(f"{self.path}: {answer.status} {text}")
        return self.text


def measure(stack, reader, samples, pace):
    """Seconds from each XADD to the first answer that has it."""
    times = []
    start = time.perf_counter() + pace
    for i in range(samples):
        due = start + i * pace
        time.sleep(max(0, due - time.perf_counter()))
        before = json.loads(reader.read())["entries"][0]["score"]
        began = time.perf_counter()
        stack.redis.xadd(STREAM, {"product_id": "arena", "game_id": "0" * 32, "type": "game_over",
                                  "winner_id": "w", "loser_id": "l"})
        while json.loads(reader.read())["entries"][0]["score"] == before:
            pass
        times.append(time.perf_counter() - began)
    return times


def tell(what, times):
    p99 = sorted(times)[int(0.99 * (len(times) - 1))]
    print(f"XADD to visible in {what}: median {1000 * statistics.median(times):.1f} ms, p99 {1000 * p99:.1f} ms, "
          f"most {1000 * max(times):.1f} ms, {len(times)} samples", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=300)
    parser.add_argument("--pace", type=float, default=250, help="ms from one event to the next")
    arguments = parser.parse_args()
    server = GameServer()
    stack = Stack(games={"arena": game_file(server.url, "arena", players=64)})
    try:
        board = f"{stack.url}/leaderboards/arena/wins"
        stack.event("0" * 32, "game_over", "arena", winner_id="w", loser_id="l")
        stack.settle("arena")
        wait_for(lambda: "ETag" in stack.http.get(board).headers and stack.http.get(board).json()["total"] == 2,
                 what="the snapshot")
        for what, query in (("the API", "limit=1"), ("the snapshot", "window=all")):
            reader = Reader(stack.port, f"/leaderboards/arena/wins?{query}")
            tell(what, measure(stack, reader, arguments.samples, arguments.pace / 1000))
    finally:
        stack.close()
        server.close()


if __name__ == "__main__":
    main()
