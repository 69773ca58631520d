#!/usr/bin/python3
"""How long it takes from the second ticket until both clients have their game, with the demo's game server.

One client has a ticket and waits in a long poll; another opens one, and asks in a long poll too. The time is from before its POST until both
polls are answered with the game; with the demo's bots playing besides.

Nothing here fails: it prints figures. Run it on a built tree: tests/bench/tickets.py [--samples 300]
"""
import argparse
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
from stack import Stack  # noqa: E402


class Client:
    """Players, one after the other, over one connection."""

    def __init__(self, stack):
        self.stack, self.http, self.base = stack, requests.Session(), f"{stack.url}/matchmaking/exrps/tickets"

    def open(self, user):
        self.http.headers.update(self.stack.auth(user))
        answer = self.http.post(self.base, json={"queue": "duel"})
        assert answer.status_code == 201, answer.text
        self.id = answer.json()["ticket_id"]

    def game(self):
        """The game's id and when it was known."""
        while True:
            answer = self.http.get(f"{self.base}/{self.id}?wait=25").json()
            if answer["state"] == "matched":
                return answer["game"]["game_id"], time.perf_counter()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=300)
    samples = parser.parse_args().samples
    stack = Stack(demo=True)
    try:
        times = []
        with ThreadPoolExecutor() as pool:
            first, second = Client(stack), Client(stack)
            for i in range(samples):
                first.open(f"first-{i}")
                waiting = pool.submit(first.game)
                time.sleep(0.05)
                begun = time.perf_counter()
                second.open(f"second-{i}")
                game, at = second.game()
                other, other_at = waiting.result()
                assert game == other
                times.append(max(at, other_at) - begun)
        times = sorted(times[samples // 10:])
        print(f"from the second ticket until both have the game: median {1000 * statistics.median(times):.1f} ms, "
              f"p99 {1000 * times[int(len(times) * 0.99)]:.1f} ms, worst {1000 * times[-1]:.1f} ms of {len(times)}")
    finally:
        stack.close()


if __name__ == "__main__":
    main()
