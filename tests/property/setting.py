"""varcade without nginx, for tests that send many events: a Redis, workers, one pool of varcade-fcgi, varcadectl.

Everything is read as from outside: over HTTP (FastCGI on a unix socket) and by varcadectl.
"""
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote, urlencode

import redis

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("VARCADE_BUILD", TOP / "build"))
STREAM = "game_event_stream"

BEGIN, END, PARAMS, STDIN, STDOUT = 1, 3, 4, 5, 6


def wait_for(condition, seconds=30, what="the condition"):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true in {seconds} s")
        time.sleep(0.005)


class FastCgi:
    """A web server's connection to varcade-fcgi that is kept open."""

    def __init__(self, path):
        self.path = str(path)
        self.socket = None

    def read(self, n):
        data = b""
        while len(data) < n:
            more = self.socket.recv(n - len(data))
            if not more:
                raise ConnectionError("varcade-fcgi closed the connection")
            data += more
        return data

    def request(self, target, method="GET", body=b"", headers=()):
        """(status, answer); headers: (name, value) as FastCGI calls them."""
        if self.socket is None:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(20)
            self.socket.connect(self.path)
        params = b""
        for name, value in (("REQUEST_METHOD", method), ("REQUEST_URI", target), ("REMOTE_ADDR", "127.0.0.1"),
                            ("CONTENT_LENGTH", str(len(body))), *headers):
            name, value = name.encode(), value.encode()
            size = bytes([len(value)]) if len(value) < 128 else struct.pack(">I", len(value) | 1 << 31)
            params += bytes([len(name)]) + size + name + value
        out = b""
        parts = [(STDIN, body[at:at + 32768]) for at in range(0, len(body), 32768)]
        for kind, content in ((BEGIN, struct.pack(">HB5x", 1, 1)), (PARAMS, params), (PARAMS, b""), *parts, (STDIN, b"")):
            out += struct.pack(">BBHHBx", 1, kind, 1, len(content), 0) + content
        self.socket.sendall(out)
        answer = b""
        while True:
            _, kind, _, size, padding = struct.unpack(">BBHHBx", self.read(8))
            content = self.read(size + padding)[:size]
            if kind == STDOUT:
                answer += content
            elif kind == END:
                break
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        status = [int(line.split()[1]) for line in lines if line.lower().startswith("status:")]
        return status[0] if status else 200, body.decode()

    def close(self):
        if self.socket is not None:
            self.socket.close()
            self.socket = None


class Setting:
    """games: {product id: the content of its file}; command_timeout_ms: of the workers. Starts no worker."""

    def __init__(self, games, batch_max=4096, command_timeout_ms=800):
        self.dir = Path(tempfile.mkdtemp(prefix="varcade-property-"))
        self.log = open(self.dir / "log", "wb")
        self.children = []
        self.workers = {}
        try:
            self.start(games, batch_max, command_timeout_ms)
        except BaseException:
            self.close()
            raise

    def start(self, games, batch_max, command_timeout_ms):
        server = self.spawn("redis-server", "--port", "0", "--unixsocket", self.dir / "redis.sock", "--dir", self.dir,
                            "--save", "", "--appendonly", "no", "--loglevel", "warning", "--enable-debug-command", "yes")
        self.redis = redis.Redis(unix_socket_path=str(self.dir / "redis.sock"))
        (self.dir / "games").mkdir()
        (self.dir / "metrics").mkdir()
        for product, game in games.items():
            self.write_game(product, game)
        key = self.dir / "token.key"
        key.touch(0o600)
        key.write_text("k" * 32)
        conf = {
            "games": {"dir": "games"},
            "redis": {"state_url": f"unix:{self.dir}/redis.sock"},
            "stream": {"batch_max": batch_max},
            "token": {"key_files": ["token.key"]},
            "metrics": {"dir": "metrics"},
            "log": {"levels": "warning"},
            "worker": {"listen": "", "lease_ms": 150}}
        (self.dir / "varcade.json").write_text(json.dumps(conf))
        conf["redis"]["command_timeout_ms"] = command_timeout_ms
        (self.dir / "worker.json").write_text(json.dumps(conf))
        wait_for(lambda: self.answers_ping(server), what="redis-server")
        self.fcgi = FastCgi(self.dir / "fcgi.sock")
        server = self.spawn(BUILD / "fcgi/varcade-fcgi", "--config", self.dir / "varcade.json", "--processes", "1",
                            "--listen", f"unix:{self.dir}/fcgi.sock")
        wait_for(lambda: self.is_serving(server), what="varcade-fcgi")

    def spawn(self, *command):
        child = subprocess.Popen([str(part) for part in command], stdout=self.log, stderr=self.log)
        self.children.append(child)
        return child

    def answers_ping(self, server):
        assert server.poll() is None, "redis-server ended"
        try:
            return self.redis.ping()
        except redis.exceptions.ConnectionError:
            return False

    def is_serving(self, server):
        assert server.poll() is None, "varcade-fcgi ended:\n" + self.tail()
        try:
            return self.fcgi.request("/healthz")[0] == 200
        except OSError:
            self.fcgi.close()
            return False

    def write_game(self, product, game):
        (self.dir / "games" / f"{product}.json").write_text(json.dumps(game))

    # --- workers -------------------------------------------------------------------------------

    def start_worker(self, which=0):
        self.workers[which] = self.spawn(BUILD / "worker/varcade-worker", "--config", self.dir / "worker.json")

    def stop_worker(self, which=0, number=signal.SIGTERM):
        worker = self.workers.pop(which)
        self.children.remove(worker)
        worker.send_signal(signal.SIGCONT)
        worker.send_signal(number)
        status = worker.wait(30)
        assert status in (0, -number), self.tail()  # -number: it had hardly begun

    def settle(self, product):
        """Wait until all that was written for the product before is applied: until a last event of it is."""
        name = str(time.time_ns())
        self.redis.xadd(STREAM, {"product_id": product, "type": "player_name", "user_id": "the end", "username": name})

        def is_applied():
            for worker in self.workers.values():
                assert worker.poll() is None, "a worker ended:\n" + self.tail()
            return self.get(f"/players/{product}/the%20end")["username"] == name
        try:
            wait_for(is_applied, 60, f"{product}'s events to be applied")
        except AssertionError:
            print(self.tail())
            raise

    def settle_unknown(self):
        """The same for events of no product: all of them are dead letters, in their order."""
        name = str(time.time_ns())
        self.redis.xadd(STREAM, {"name": name})
        wait_for(lambda: any(["name", name] in letter["fields"] for letter in self.letters("?")), 60, "dead letters")

    def entries(self, after):
        """What the stream has behind that id, as [((ms, seq), pairs)]."""
        return [(tuple(int(part) for part in at.decode().split("-")), list(fields.items()))
                for at, fields in self.redis.xrange(STREAM, "(" + after)]

    # --- reading -------------------------------------------------------------------------------

    def ask(self, *path, **parameters):
        """(status, answer) of GET; the parts of the path are encoded."""
        target = "/" + "/".join(quote(part, safe="") for part in path)
        if parameters:
            target += "?" + urlencode(parameters)
        status, body = self.fcgi.request(target)
        return status, json.loads(body)

    def post(self, product, key, body):
        status, body = self.fcgi.request(f"/events/{product}", "POST", body, [("HTTP_AUTHORIZATION", "Bearer " + key)])
        return status, json.loads(body)

    def get(self, target):
        status, body = self.fcgi.request(target)
        assert status == 200, (target, status, body)
        return json.loads(body)

    def ctl(self, *arguments, status=0):
        done = subprocess.run([str(BUILD / "worker/varcadectl"), *map(str, arguments)], capture_output=True)
        assert done.returncode == status, (arguments, done.returncode, done.stderr)
        return done.stdout.decode()

    def letters(self, product, which="deadletters"):
        return json.loads(self.ctl(which, "list", "--config", self.dir / "varcade.json", "--json",
                                   "--limit", 100000, product))

    def events(self, product):
        """What the workers of this machine count as events of the product, by result."""
        found = {}
        for line in self.fcgi.request("/metrics")[1].splitlines():
            if line.startswith("varcade_events_total{") and f'product="{product}"' in line:
                result = line.split('result="')[1].split('"')[0]
                found[result] = found.get(result, 0) + int(float(line.rsplit(" ", 1)[1]))
        return found

    def await_events(self, product, counts):
        """What is applied is counted a moment later."""
        def differ():
            told = self.events(product)
            return {result: (told.get(result, 0), n) for result, n in counts.items() if told.get(result, 0) != n}
        end = time.monotonic() + 10
        while differ() and time.monotonic() < end:
            time.sleep(0.005)
        assert not differ(), (product, differ())

    def tail(self):
        self.log.flush()
        return (self.dir / "log").read_bytes()[-5000:].decode(errors="replace")

    def close(self):
        if hasattr(self, "fcgi"):
            self.fcgi.close()
        for child in reversed(self.children):
            child.send_signal(signal.SIGCONT)
            child.terminate()
        for child in self.children:
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self.log.close()
        if os.environ.get("VARCADE_KEEP") is None:
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
