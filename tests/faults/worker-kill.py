#!/usr/bin/python3
"""Kill varcade-worker while it drains the stream, and count.

Two workers run on a private redis-server with persistence. Over and over, one of them is killed with
SIGKILL at a random moment while events are being applied. At the end every figure must be exactly what the
stream says: each event counted once.

usage: worker-kill.py WORKER_PROGRAM [--kills 50] [--events 100000] [--seed N]

Prints figures; exit status 0 where all totals are right.
"""

import argparse
import collections
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import redis

STREAM = "game_event_stream"
PRODUCTS = ("duel", "race")
PLAYERS = 500
LIMIT = 600  # seconds for the whole run

GAME = {
    "title": "A game",
    "game_server_url": "http://127.0.0.1:1",
    "game_socket_url": "ws://127.0.0.1:1/",
    "players": {"min": 2, "max": 2},
    "stats": [
        {"on": {"type": "game_over"}, "player": "winner_id", "add": {"games": 1, "wins": 1, "losses": 0}},
        {"on": {"type": "game_over"}, "player": "loser_id", "add": {"games": 1, "wins": 0, "losses": 1}},
    ],
    "boards": [
        {"id": "wins", "title": "Wins", "from": [
            {"on": {"type": "game_over"}, "player": "winner_id", "add": 1},
            {"on": {"type": "game_over"}, "player": "loser_id", "add": 0}]},
    ],
}


class Setting:
    """A folder with a Redis and two workers' configuration."""

    def __init__(self, program):
        self.program = os.path.abspath(program)
        self.dir = tempfile.mkdtemp(prefix="varcade-kill-")
        self.socket = os.path.join(self.dir, "redis.sock")
        self.log = open(os.path.join(self.dir, "log"), "wb")
        self.server = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", self.dir,
             "--save", "", "--appendonly", "yes", "--loglevel", "warning"], stdout=self.log)
        self.redis = redis.Redis(unix_socket_path=self.socket, decode_responses=True)
        self.workers = [None, None]
        os.mkdir(os.path.join(self.dir, "games"))
        for product in PRODUCTS:
            self.write("games/%s.json" % product, dict(GAME, product_id=product))
        self.write("varcade.json", {
            "games": {"dir": "games"},
            "redis": {"state_url": "unix:" + self.socket},
            "log": {"levels": "warning"},
            "worker": {"listen": "", "lease_ms": 150}})
        while True:
            try:
                self.redis.ping()
                return
            except redis.exceptions.ConnectionError:
                time.sleep(0.01)

    def write(self, name, value):
        with open(os.path.join(self.dir, name), "w") as f:
            json.dump(value, f)

    def run_workers(self):
        for i, worker in enumerate(self.workers):
            if worker is None:
                self.workers[i] = subprocess.Popen(
                    [self.program, "--config", os.path.join(self.dir, "varcade.json")],
                    stderr=self.log)

    def kill_worker(self, i, signo=signal.SIGKILL):
        worker, self.workers[i] = self.workers[i], None
        worker.send_signal(signo)
        return worker.wait()

    def close(self, keep):
        for i, worker in enumerate(self.workers):
            if worker is not None:
                self.kill_worker(i)
        self.server.kill()
        self.server.wait()
        self.log.close()
        if not keep:
            shutil.rmtree(self.dir)


def write_events(setting, n, rng):
    """Write n events; return what they must come to."""
    expected = {p: collections.defaultdict(lambda: {"games": 0, "wins": 0, "losses": 0}) for p in PRODUCTS}
    pipe = setting.redis.pipeline(transaction=False)
    for i in range(n):
        product = rng.choice(PRODUCTS)
        winner, loser = ("u%d" % x for x in rng.sample(range(PLAYERS), 2))
        pipe.xadd(STREAM, {"product_id": product, "game_id": "%032x" % rng.getrandbits(128),
                           "type": "game_over", "winner_id": winner, "loser_id": loser})
        for user, won in ((winner, 1), (loser, 0)):
            figures = expected[product][user]
            figures["games"] += 1
            figures["wins"] += won
            figures["losses"] += 1 - won
        if i % 5000 == 4999:
            pipe.execute()
    pipe.execute()
    return expected


def entries(setting):
    """How many entries are applied, over both products."""
    total = 0
    for product in PRODUCTS:
        total += int(setting.redis.hget("{%s}:position:%s" % (product, STREAM), "entries") or 0)
    return total


def compare(setting, expected):
    """The figures that are not as expected, as lines."""
    wrong = []
    for product, users in expected.items():
        board = dict(setting.redis.zrange("{%s}:0:board:wins:all" % product, 0, -1, withscores=True))
        if len(board) != len(users):
            wrong.append("%s: %d on the board, %d expected" % (product, len(board), len(users)))
        for user, figures in users.items():
            stats = setting.redis.hgetall("{%s}:0:stats:%s" % (product, user))
            if stats != {name: str(n) for name, n in figures.items()}:
                wrong.append("%s %s: %s, expected %s" % (product, user, stats, figures))
            if board.get(user) != figures["wins"]:
                wrong.append("%s %s: score %s, expected %d" % (product, user, board.get(user), figures["wins"]))
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--events", type=int, default=100000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    args = parser.parse_args()
    rng = random.Random(args.seed)
    setting = Setting(args.program)
    wrong = ["not finished"]
    try:
        began = time.monotonic()
        # Events come in portions, one a kill, so that every kill finds work under way.
        portion = args.events // args.kills
        expected = {p: {} for p in PRODUCTS}
        kills = at_work = 0
        written = 0
        slowest = 0.0
        while kills < args.kills or written < args.events:
            n = min(portion, args.events - written) if kills + 1 < args.kills else args.events - written
            for product, users in write_events(setting, n, rng).items():
                for user, figures in users.items():
                    mine = expected[product].setdefault(user, {"games": 0, "wins": 0, "losses": 0})
                    for name in mine:
                        mine[name] += figures[name]
            written += n
            setting.run_workers()
            before = entries(setting)
            # The first sign of work, then a random moment of it.
            start = time.monotonic()
            while entries(setting) == before and time.monotonic() - start < 5:
                pass
            slowest = max(slowest, time.monotonic() - start)
            time.sleep(rng.random() * 0.012)
            # Whoever is at work; with two products it may be both.
            owner = rng.randrange(2)
            done = entries(setting)
            setting.kill_worker(owner)
            kills += 1
            at_work += done < len(PRODUCTS) * written
        setting.run_workers()
        while entries(setting) < len(PRODUCTS) * args.events:
            if time.monotonic() - began > LIMIT:
                raise TimeoutError("%d of %d" % (entries(setting), len(PRODUCTS) * args.events))
            time.sleep(0.02)
        took = time.monotonic() - began
        wrong = compare(setting, expected)
        for i in range(2):
            status = setting.kill_worker(i, signal.SIGTERM)
            if status != 0:
                wrong.append("a worker ended with status %d at SIGTERM" % status)
        print("seed %d: %d events, %d kills (%d while events were unread), %.1f s, slowest take-over %.2f s: %s"
              % (args.seed, written, kills, at_work, took, slowest,
                 "all totals right" if not wrong else "%d WRONG" % len(wrong)))
        for line in wrong[:20]:
            print("  " + line)
    finally:
        setting.close(keep=bool(wrong))
        if wrong:
            print("kept: " + setting.dir)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
