"""A Redis and workers of a test's own, without the rest: for tests that kill workers, and count."""
import gzip
import json
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import redis

from stack import STREAM, TOP, stream_id, wait_for

BUILD = Path(os.environ.get("VARCADE_BUILD", TOP / "build"))


class Tracker:
    """games: {product id: the content of its file}; changes: of the configuration, by group."""

    def __init__(self, games, **changes):
        self.folder = Path(tempfile.mkdtemp(prefix="varcade-tracker-"))
        (self.folder / "games").mkdir()
        for product, content in games.items():
            self.write_game(product, content)
        self.archive = self.folder / "archive"
        self.config = {"games": {"dir": "games"}, "redis": {"state_url": f"unix:{self.folder}/redis.sock"},
                       "archive": {"dir": "archive", "interval_ms": 20}, "worker": {"listen": "", "lease_ms": 300}}
        for group, values in changes.items():
            self.config.setdefault(group, {}).update(values)
        (self.folder / "varcade.json").write_text(json.dumps(self.config))
        self.server = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", f"{self.folder}/redis.sock", "--save", "",
             "--dir", str(self.folder)], stdout=subprocess.DEVNULL)
        self.redis = redis.Redis(unix_socket_path=f"{self.folder}/redis.sock", decode_responses=True)
        wait_for(self.answers, what="Redis")
        self.workers = []

    def answers(self):
        try:
            return self.redis.ping()
        except redis.exceptions.ConnectionError:
            return False

    def write_game(self, product, content):
        (self.folder / "games" / f"{product}.json").write_text(json.dumps(content))

    def start(self):
        """One more worker; returns its process."""
        log = open(self.folder / "worker.log", "ab")
        self.workers.append(subprocess.Popen(
            [str(BUILD / "worker/varcade-worker"), "--config", str(self.folder / "varcade.json")], stderr=log))
        log.close()
        return self.workers[-1]

    def kill(self, number=signal.SIGKILL):
        for worker in self.workers:
            worker.send_signal(number)
            worker.wait(20)
        self.workers.clear()

    def log(self):
        return (self.folder / "worker.log").read_text()

    def ctl(self, *arguments, status=0):
        """varcadectl; its standard output and standard error."""
        done = subprocess.run([str(BUILD / "worker/varcadectl"), *arguments, "--config",
                               str(self.folder / "varcade.json")], capture_output=True, text=True, timeout=120,
                              check=False)
        assert status in (done.returncode, None), (done.returncode, done.stdout, done.stderr)
        return done.stdout, done.stderr

    def add(self, product, **fields):
        return self.redis.xadd(STREAM, {"product_id": product, **fields})

    def settle(self, product, last):
        """Wait until the product has applied, and its archive passed, the entry `last`."""
        for what in (lambda: self.redis.get(f"{{{product}}}:checkpoint:{STREAM}"),
                     lambda: self.redis.hget(f"{{{product}}}:archived:{STREAM}", "id")):
            wait_for(lambda: stream_id(what() or "0-0") >= stream_id(last), 30, f"{product} at {last}")

    def archived(self, product):
        """What the archive has: [(id, {name: value}), …], as it stands there."""
        entries = []
        for file in sorted((self.archive / product).glob("*.gz")):
            reply = redis_parse(gzip.decompress(file.read_bytes()))
            entries += [(entry[0].decode(), {k.decode(): v.decode() for k, v in zip(entry[1][::2], entry[1][1::2])})
                        for entry in reply]
        return entries

    def close(self):
        self.kill()
        self.server.kill()
        self.server.wait()
        if os.environ.get("VARCADE_KEEP") is None:
            shutil.rmtree(self.folder, ignore_errors=True)


def redis_parse(data):
    """All RESP2 values in data, one behind the other."""
    at = 0

    def value():
        nonlocal at
        end = data.index(b"\r\n", at)
        kind, n = data[at:at + 1], int(data[at + 1:end])
        at = end + 2
        if kind == b"*":
            return [value() for _ in range(n)]
        text = data[at:at + n]
        at += n + 2
        return text

    values = []
    while at < len(data):
        values.append(value())
    return values
