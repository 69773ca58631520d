#!/usr/bin/python3
"""How fast the reads are, as ratios within one run: machines differ, ratios less so.

  top_ten through nginx from a snapshot   against a static file of the same size
  open_games through nginx                against Flask + gunicorn + redis-py, asked directly

Each pair is measured in turn, A B A B, and the median of the pairs' ratios is told. Nothing here fails:
it prints figures. Run it on a built tree: tests/bench/bench.py [--seconds 4] [--rounds 5]
"""
import argparse
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
from stack import GameServer, Stack, free_port_base, game_file, wait_for  # noqa: E402

import requests  # noqa: E402

CONNECTIONS = 32


def wrk(url, seconds):
    """Requests a second; every answer must have been a good one."""
    out = subprocess.run(["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{seconds}s", url],
                         check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"{url}: not every answer was good:\n{out}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))


def pairs(name, a, b, arguments):
    first, second, ratios = [], [], []
    wrk(a, 1)
    wrk(b, 1)
    for _ in range(arguments.rounds):
        first.append(wrk(a, arguments.seconds))
        second.append(wrk(b, arguments.seconds))
        ratios.append(first[-1] / second[-1])
    print(f"{name}: {statistics.median(first):.0f}/s against {statistics.median(second):.0f}/s, "
          f"ratio {statistics.median(ratios):.2f} (least {min(ratios):.2f}, most {max(ratios):.2f})", flush=True)


def fill(stack):
    """Ten listed games and a full top ten."""
    for i in range(10):
        game = stack.create(f"creator {i}").json()["game_id"]
        stack.event(game, "state_change", new_state="creator_joined")
        for _ in range(i + 1):
            stack.event(game, "game_over", product="arena", winner_id=f"player {i}", loser_id="player x")
    wait_for(lambda: len(stack.open_games()) == 10, what="ten listed games")
    snapshot = stack.dir / "snapshots/leaderboards/top_ten/arena"
    wait_for(lambda: snapshot.exists() and snapshot.read_text().count("user_id") == 10, what="the top ten")
    return snapshot


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    server = GameServer()
    stack = Stack(games={"exrps": game_file(server.url), "arena": game_file(server.url, "arena", players=64)})
    flask = None
    static = Path(__file__).resolve().parents[2] / "www" / "bench.tmp"
    try:
        snapshot = fill(stack)
        static.write_bytes(snapshot.read_bytes())
        pairs("top_ten from its snapshot, against a static file",
              f"{stack.url}/leaderboards/top_ten/arena", f"{stack.url}/bench.tmp", arguments)

        port = free_port_base()
        flask = subprocess.Popen(
            ["/usr/bin/python3", "-m", "gunicorn", "-w", "2", "-k", "gthread", "--threads", "16", "-b", f"127.0.0.1:{port}",
             "--log-level", "error", "flask_open_games:app"], cwd=Path(__file__).parent,
            env=dict(os.environ, BENCH_REDIS=str(stack.dir / "redis.sock")))
        other = f"http://127.0.0.1:{port}/game_lobby/exrps/open_games"

        def answers():
            try:
                return requests.get(other, timeout=5).json() == stack.open_games()
            except requests.ConnectionError:
                return False

        wait_for(answers, 20, "Flask to answer as varcade does")
        pairs("open_games, against Flask + gunicorn + redis-py",
              f"{stack.url}/game_lobby/exrps/open_games", other, arguments)
    finally:
        static.unlink(missing_ok=True)
        if flask is not None:
            flask.terminate()
            flask.wait()
        stack.close()
        server.close()


if __name__ == "__main__":
    main()
