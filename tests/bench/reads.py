#!/usr/bin/python3
"""Whether reads of a board take as long with a million players as with a thousand.

Two products with the same boards, one a tie policy, with so many players each; scores are drawn evenly from ten times as many, so that
dense ranks are about as many as players. Every read is asked of both in turn, over one connection through nginx and the
FastCGI program, for players drawn evenly; told is the median, how long the function took inside Redis (the mean), and
the ratio of both.

Nothing here fails: it prints figures. Run it on a built tree: tests/bench/reads.py [--players 1000,1000000] [--requests 400]
"""
import argparse
import http.client
import json
import random
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
from stack import GameServer, Stack, game_file  # noqa: E402

ROUNDS = 5
TIES = ("competition", "dense", "first")

# What is asked for: a path and query; {player} and {some} are users, {offset} is a position.
READS = {
    "top": "competition?limit=25&offset=0",
    "a page anywhere": "competition?limit=25&offset={offset}",
    "around a player": "competition/players/{player}?around=5",
    "rank and percentile": "competition/players/{player}?around=0",
    "dense rank": "dense/players/{player}?around=0",
    "a page of dense ranks": "dense?limit=25&offset={offset}",
    "around, who was first": "first/players/{player}?around=5",
    "25 friends": "competition?ids={some}",
    "25 friends, dense": "dense?ids={some}",
    "histogram of 20": "competition/histogram",
}


def fill(stack, product, players):
    """Put the players onto the boards as the worker would: it makes the keys, and they are filled behind its back."""
    for ties in TIES:
        stack.event("0" * 32, "score", product, user_id="u0", board=ties, score=0)
    stack.settle(product)
    boards = {key.rsplit(":", 2)[1]: key for key in stack.redis.scan_iter(f"{{{product}}}*:board:*:all", count=10000)}
    assert set(boards) == set(TIES), boards
    scores = random.Random(product)
    for start in range(1, players, 10000):
        pipe = stack.redis.pipeline(transaction=False)
        part = {f"u{i}": scores.randrange(10 * players) for i in range(start, min(start + 10000, players))}
        pipe.zadd(boards["competition"], part)
        pipe.zadd(boards["dense"], part)
        pipe.zadd(boards["dense"] + ":scores", {str(score): score for score in part.values()})
        places = {user: f"{start + n:016x}" for n, user in enumerate(part)}
        pipe.zadd(boards["first"], {f"{places[user]}:{user}": score for user, score in part.items()})
        pipe.hset(boards["first"] + ":members", mapping={user: f"{places[user]}:{part[user]}" for user in part})
        pipe.execute()


class Reader:
    def __init__(self, stack):
        self.stack = stack
        self.http = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=30)
        self.random = random.Random(1)

    def ask(self, product, players, path):
        some = [f"u{self.random.randrange(players)}" for _ in range(25)]
        path = path.format(player=some[0], some=",".join(some), offset=self.random.randrange(players - 25))
        began = time.perf_counter()
        self.http.request("GET", f"/leaderboards/{product}/{path}")
        answer = self.http.getresponse()
        text = answer.read()
        took = time.perf_counter() - began
        if answer.status != 200 or json.loads(text)["total"] != players:
            sys.exit(f"{path}: {answer.status} {text.decode()}")
        return took

    def measure(self, product, players, path, requests):
        """Seconds of each request, and what one took inside Redis."""
        self.stack.redis.config_resetstat()
        times = [self.ask(product, players, path) for _ in range(requests)]
        return times, self.stack.redis.info("commandstats")["cmdstat_fcall_ro"]["usec_per_call"] / 1e6


def compare(reader, products, what, path, requests):
    times = {product: [] for product in products}
    inside = {product: [] for product in products}
    for _ in range(ROUNDS):
        for product, players in products.items():
            some, redis = reader.measure(product, players, path, requests)
            times[product] += some
            inside[product].append(redis)
    medians = [1e6 * statistics.median(times[product]) for product in products]
    redis = [1e6 * statistics.median(inside[product]) for product in products]
    print(f"{what:24} {medians[0]:6.0f} µs {medians[-1]:6.0f} µs, ratio {medians[-1] / medians[0]:.2f}; "
          f"in Redis {redis[0]:5.0f} µs {redis[-1]:5.0f} µs, ratio {redis[-1] / redis[0]:.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--players", default="1000,1000000", help="two numbers")
    parser.add_argument("--requests", type=int, default=400, help="a round")
    arguments = parser.parse_args()
    server = GameServer()
    products = {f"p{n}": int(n) for n in arguments.players.split(",")}
    boards = [{"id": ties, "ties": ties, "from": [
        {"on": {"type": "score", "board": ties}, "player": "user_id", "set": {"field": "score"}}]} for ties in TIES]
    stack = Stack(games={p: game_file(server.url, p, stats=[], titles={}, boards=boards) for p in products})
    try:
        for product, players in products.items():
            fill(stack, product, players)
        print(f"{'':24} {' against '.join(format(n, ',') for n in products.values())} players")
        reader = Reader(stack)
        for what, path in READS.items():
            compare(reader, products, what, path, arguments.requests)
    finally:
        stack.close()
        server.close()


if __name__ == "__main__":
    main()
