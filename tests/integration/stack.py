"""The whole of varcade for a test, started as its user starts it: ./quickstart in a folder of its own.

Parts are found by their pid files, so that a test can stop, continue and kill them; quickstart
starts again what was killed, as it does for everybody.
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jwt
import redis
import requests

import description

TOP = Path(__file__).resolve().parents[2]
STREAM = "game_event_stream"

description.judge()


def wait_for(condition, seconds=10, what="the condition"):
    """Poll until condition() is true and return its value; fail with what is awaited."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true in {seconds} s")
        time.sleep(0.01)


def free_port_base():
    """A port that is free, as are those that quickstart derives from it."""
    for base in range(20000 + os.getpid() * 131 % 20000, 60000, 7):
        try:
            for port in (base, base + 5, base + 6, base + 1100):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            return base
        except OSError:
            continue
    raise RuntimeError("no free port")


class GameServer:
    """A game server whose behaviour a test scripts.

    calls: what varcade asked, as (action, body). behave: action -> a function of the body that
    returns (status, text); without one create and join answer with a token and removals succeed.
    games: what it has, {game id: [user id, ...]}.
    """

    def __init__(self):
        self.calls = []
        self.behave = {}
        self.games = {}
        self.lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                length = int(self.headers.get("Content-Length", 0))
                body = json.loads(self.rfile.read(length))
                action = self.path.rsplit("/", 1)[1]
                status, text = server.answer(action, body)
                data = text if isinstance(text, bytes) else text.encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                except OSError:
                    pass  # whoever asked has gone

            def log_message(self, *_):
                pass

        class HttpServer(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512

        self.http = HttpServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def answer(self, action, body):
        with self.lock:
            self.calls.append((action, body))
            behave = self.behave.get(action)
        if behave is not None:
            return behave(body)
        return self.act(action, body)

    def act(self, action, body):
        """What an obedient game server does."""
        with self.lock:
            game = body["gameId"]
            if action == "create_game":
                self.games[game] = [body["userId"]]
            elif action == "join_game":
                if game not in self.games:
                    return 404, "no such game"
                self.games[game].append(body["userId"])
            elif action == "remove_game":
                self.games.pop(game, None)
                return 200, "{}"
            elif action == "remove_player":
                if body["userId"] in self.games.get(game, []):
                    self.games[game].remove(body["userId"])
                return 200, "{}"
        return 200, json.dumps({"gameToken": f"token-of-{body['userId']}"})

    def calls_of(self, action, game_id=None):
        with self.lock:
            return [b for a, b in self.calls if a == action and game_id in (None, b["gameId"])]

    def reset(self):
        with self.lock:
            self.calls.clear()
            self.behave.clear()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


class Stack:
    """quickstart, running. games: {product id: the content of its file}."""

    def __init__(self, games=None, demo=False, environment=None):
        self.folder = Path(tempfile.mkdtemp(prefix="varcade-test-"))
        self.dir = self.folder / "run"
        self.port = free_port_base()
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = requests.Session()
        self.last_event = {}
        self.variables = dict(os.environ, VARCADE_PORT=str(self.port), VARCADE_DIR=str(self.dir),
                              **(environment or {}))
        if games is not None:
            self.games = self.folder / "games"
            self.games.mkdir()
            for product, content in games.items():
                self.write_game(product, content)
            self.variables["VARCADE_GAMES"] = str(self.games)
        # Tests that run in the background of a script ignore SIGINT, and so would quickstart.
        self.arguments = ["env", "--default-signal=INT", str(TOP / "quickstart")] + ([] if demo else ["--no-demo"])
        self.start()

    def write_game(self, product, content):
        (self.games / f"{product}.json").write_text(json.dumps(content))

    def start(self):
        self.output = open(self.folder / "quickstart.log", "ab")
        self.process = subprocess.Popen(self.arguments, env=self.variables, stdout=subprocess.PIPE,
                                        stderr=self.output)
        line = self.process.stdout.readline().decode()
        assert line == f"ready {self.url}/\n", (line, (self.folder / "quickstart.log").read_text())
        self.redis = redis.Redis(unix_socket_path=str(self.dir / "redis.sock"), decode_responses=True,
                                 encoding_errors="replace", socket_timeout=30)
        self.key = (self.dir / "token.key").read_text()

    def stop(self, number=signal.SIGTERM):
        """End quickstart and return its exit status."""
        self.process.send_signal(number)
        status = self.process.wait(60)
        self.process.stdout.close()
        self.output.close()
        return status

    def close(self):
        if self.process.poll() is None:
            self.stop()
        if os.environ.get("VARCADE_KEEP") is None:
            shutil.rmtree(self.folder, ignore_errors=True)

    # --- parts ---------------------------------------------------------------------------------

    def pid(self, part):
        # The file is empty for a moment when the part is started again.
        return int(wait_for((self.dir / "pids" / part).read_text, 5, f"the pid of {part}"))

    def signal(self, part, number):
        os.kill(self.pid(part), number)

    def configure(self, **groups):
        """Changes of the configuration, for the worker and the lobby: quickstart's parts read it as they are started again."""
        path = self.dir / "varcade.json"
        content = json.loads(path.read_text())
        for group, values in groups.items():
            content.setdefault(group, {}).update(values)
        path.write_text(json.dumps(content))
        for part in ("worker", "fcgi-matchmaking"):
            before = self.pid(part)
            self.signal(part, signal.SIGTERM)
            wait_for(lambda p=part, b=before: self.pid(p) != b, 20, f"another {part}")
        paths = ["readyz"] + [f"game_lobby/{file.stem}/open_games" for file in self.games.glob("*.json")]
        wait_for(lambda: all(self.http.get(f"{self.url}/{path}").status_code == 200 for path in paths), 20, "all to be ready")

    def log(self, part):
        return (self.dir / "logs" / f"{part}.log").read_text()

    # --- players and events --------------------------------------------------------------------

    def token(self, user_id, username=None, **claims):
        name = username if username is not None else f"name of {user_id}"
        return jwt.encode({"user_id": user_id, "username": name, **claims}, self.key, algorithm="HS256")

    def auth(self, user_id, username=None):
        return {"Authorization": "Bearer " + self.token(user_id, username)}

    def create(self, user_id, product="exrps"):
        return self.http.post(f"{self.url}/game_lobby/{product}/create_game", headers=self.auth(user_id))

    def join(self, game_id, user_id, product="exrps"):
        return self.http.post(f"{self.url}/game_lobby/{product}/join_game/{game_id}",
                              headers=self.auth(user_id))

    def open_games(self, product="exrps", **parameters):
        answer = self.http.get(f"{self.url}/game_lobby/{product}/open_games", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def event(self, game_id, kind, product="exrps", **fields):
        fields = {"product_id": product, "game_id": game_id, "type": kind, **fields}
        self.last_event[product] = self.redis.xadd(STREAM, fields)
        return self.last_event[product]

    def settle(self, product="exrps"):
        """Wait until the worker has applied the last event() of the product."""
        key = f"{{{product}}}:checkpoint:{STREAM}"
        last = stream_id(self.last_event[product])
        wait_for(lambda: stream_id(self.redis.get(key) or "0-0") >= last, 30, "the worker to catch up")

    def state(self, game_id, product="exrps"):
        return self.redis.hget(f"{{{product}}}:game:{game_id}", "state")


def stream_id(text):
    """An id as a pair that compares; a checkpoint that was stated anew (`<id>/<n>`) is its id."""
    return tuple(int(part) for part in text.split("/")[0].split("-"))


def game_file(game_server_url, product="exrps", players=2, **changes):
    """A game's file like the example's, for a test's game server."""
    with open(TOP / "games" / "exrps.json", encoding="utf-8") as file:
        content = json.load(file)
    if "boards" in changes:
        content.pop("queues", None)  # they match by a board that may be none of these
    content.update(product_id=product, game_server_url=game_server_url, game_socket_url="ws://127.0.0.1:1/",
                   players={"min": 2, "max": players}, **changes)
    return content
