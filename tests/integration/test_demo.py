"""The demo goes on, whatever is lost or started again around it."""
import json
import os
import signal
import subprocess
import time

import pytest
import redis
import requests

from stack import TOP, Stack, game_file, wait_for


class Demo:
    """Game server and bots of a test's own, at a quick pace."""

    def __init__(self):
        self.stack = Stack(games={"exrps": game_file("http://127.0.0.1:1")})
        port = self.stack.port
        file = self.stack.games / "exrps.json"
        game = json.loads(file.read_text())
        game.update(game_server_url=f"http://127.0.0.1:{port + 5}", game_socket_url=f"ws://127.0.0.1:{port + 6}")
        file.write_text(json.dumps(game))
        for part in ("fcgi-matchmaking", "fcgi-leaderboards", "worker"):
            self.stack.signal(part, signal.SIGHUP)
        self.parts = {}
        self.log = open(self.stack.folder / "demo.log", "ab")
        self.start_server()
        self.parts["bots"] = self.run("rps_bots.py", "--url", self.stack.url, "--product", "exrps", "--key",
                                      str(self.stack.dir / "token.key"), "--bots", "3", "--pace", "0.05",
                                      "--patience", "2")

    def run(self, program, *arguments):
        return subprocess.Popen(["/usr/bin/python3", str(TOP / "demo" / program), *arguments],
                                stdout=self.log, stderr=self.log)

    def start_server(self):
        self.parts["server"] = self.run("rps_server.py", "--game", str(self.stack.games / "exrps.json"), "--redis",
                                        str(self.stack.dir / "redis.sock"), "--pause", "0.01", "--patience", "4")

    def matches(self):
        """How many have been won, or -1 while Redis is away."""
        try:
            board = self.stack.redis.zrange("{exrps}:0:board:wins:all", 0, -1, withscores=True)
        except redis.exceptions.RedisError:
            return -1
        return sum(score for _, score in board)

    def goes_on(self):
        def more_than(n):
            wait_for(lambda: self.matches() > n, 40, "another match")
        wait_for(lambda: self.matches() >= 0, 40, "Redis")
        more_than(self.matches() + 3)

    def close(self):
        for part in self.parts.values():
            part.terminate()
        try:
            for part in self.parts.values():
                assert part.wait(20) == 0
        finally:
            for part in self.parts.values():
                part.kill()
            self.log.close()
            self.stack.close()


@pytest.fixture(scope="module")
def demo():
    running = Demo()
    running.goes_on()
    yield running
    running.close()


def is_ready(url):
    try:
        return requests.get(url + "/readyz", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


@pytest.mark.parametrize("part", ["redis", "fcgi-matchmaking", "worker", "nginx"])
def test_a_part_is_killed(demo, part):
    # Redis may answer before it has written, where the disk is busy: a match whose end is lost would hold its players.
    if part == "redis":
        demo.stack.redis.config_set("appendfsync", "always")
    demo.stack.signal(part, signal.SIGKILL)
    wait_for(lambda: is_ready(demo.stack.url), 20, part)
    demo.goes_on()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_game_server_is_started_again(demo, number):
    demo.parts["server"].send_signal(number)
    demo.parts["server"].wait(20)
    demo.start_server()
    demo.goes_on()


def test_the_game_server_hangs(demo):
    os.kill(demo.parts["server"].pid, signal.SIGSTOP)
    time.sleep(5)
    os.kill(demo.parts["server"].pid, signal.SIGCONT)
    demo.goes_on()


def test_redis_loses_everything(demo):
    """Those who wait then, wait in games that varcade knows nothing of."""
    for _ in range(30):
        demo.stack.redis.flushall()
        time.sleep(0.1)
    demo.goes_on()


def test_a_player_in_a_forgotten_game_is_let_go(demo):
    import asyncio

    import aiohttp

    demo.parts["bots"].terminate()
    demo.parts["bots"].wait(20)

    async def wait_alone():
        game = demo.stack.create("alone").json()
        demo.stack.redis.flushall()
        async with aiohttp.ClientSession() as session:
            async with session.ws_connect(game["target_game_server"] + "/?token=" + game["token"]) as socket:
                async with asyncio.timeout(20):
                    while (await socket.receive()).type == aiohttp.WSMsgType.TEXT:
                        pass

    asyncio.run(wait_alone())
