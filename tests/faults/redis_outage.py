#!/usr/bin/python3
"""Redis stops answering for 10 s while clients create and list games and events come in.

While it is away every request that needs it gets a 503 with Retry-After within a second, snapshots are served as ever;
afterwards all is well without a restart, every game that was answered with 200 is there, and every
event counts once. tests/faults/redis_outage.py [SECONDS] [CLIENTS]
"""
import asyncio
import collections
import signal
import sys
import time
from pathlib import Path

import aiohttp

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
from stack import GameServer, Stack, game_file, wait_for  # noqa: E402


class Load:
    def __init__(self, stack):
        self.stack = stack
        self.phase = "before"
        self.answers = {phase: collections.Counter() for phase in ("before", "away", "after")}
        self.slowest = collections.Counter()
        self.created = []
        self.stop = False

    async def ask(self, session, method, path, **more):
        began, phase = time.monotonic(), self.phase
        async with session.request(method, self.stack.url + path, **more) as answer:
            body = await answer.json()
            seconds = time.monotonic() - began
            # A request that saw the change is of neither phase.
            if phase == self.phase:
                self.answers[phase][answer.status] += 1
                self.slowest[phase] = max(self.slowest[phase], seconds)
            if answer.status == 503:
                assert int(answer.headers["Retry-After"]) >= 1 and body["detail"], body
            return answer.status, body

    async def client(self, session, number):
        headers = self.stack.auth(f"player {number}")
        while not self.stop:
            status, body = await self.ask(session, "POST", "/game_lobby/exrps/create_game", headers=headers)
            if status == 200:
                self.created.append(body["game_id"])
            await self.ask(session, "GET", "/game_lobby/exrps/open_games")
            await self.ask(session, "GET", f"/stats/exrps/player%20{number}")
            status, _ = await self.ask_snapshot(session)
            assert status == 200, "the snapshot is served whatever happens"
            await asyncio.sleep(0.05)

    async def ask_snapshot(self, session):
        async with session.get(self.stack.url + "/leaderboards/top_ten/exrps") as answer:
            return answer.status, await answer.json()


async def run(stack, seconds, clients):
    load = Load(stack)
    events = 0
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        tasks = [asyncio.create_task(load.client(session, i)) for i in range(clients)]

        async def send_events(count):
            nonlocal events
            for _ in range(count):
                stack.event("0" * 32, "game_over", winner_id="winner", loser_id="loser")
                events += 1
                await asyncio.sleep(0)

        await asyncio.sleep(1)
        await send_events(2000)  # some of these are unread when it stops
        load.phase = "away"
        stack.signal("redis", signal.SIGSTOP)
        await asyncio.sleep(seconds)
        stack.signal("redis", signal.SIGCONT)
        back = time.monotonic()
        load.phase = "returning"
        load.answers["returning"] = collections.Counter()
        while True:  # every client's next requests are answered well
            status, _ = await load.ask(session, "POST", "/game_lobby/exrps/create_game", headers=stack.auth("last"))
            async with session.get(stack.url + "/readyz") as answer:
                if status == 200 and answer.status == 200:
                    break
            await asyncio.sleep(0.05)
        returned = time.monotonic() - back
        await asyncio.sleep(2.5)  # the longest pause between two attempts of one process
        load.phase = "after"
        await send_events(2000)
        await asyncio.sleep(3)
        load.stop = True
        await asyncio.gather(*tasks)
    return load, events, returned


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    clients = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    server = GameServer()
    stack = Stack(games={"exrps": game_file(server.url)})
    try:
        parts = {part: stack.pid(part) for part in ("redis", "worker", "fcgi-matchmaking", "fcgi-leaderboards", "nginx")}
        load, events, returned = asyncio.run(run(stack, seconds, clients))
        for phase in ("before", "away", "after"):
            print(f"{phase}: {dict(load.answers[phase])}, slowest {load.slowest[phase]:.2f} s")
        print(f"well again {returned:.2f} s after Redis was")
        assert set(load.answers["before"]) == {200} and set(load.answers["after"]) == {200}
        assert set(load.answers["away"]) == {503}, load.answers["away"]
        assert load.slowest["away"] < 1.5, "503 within a second, give or take the load on this machine"
        stack.settle()
        stats = stack.http.get(f"{stack.url}/stats/exrps/winner").json()
        assert stats["wins"] == str(events), (stats, events)
        wait_for(lambda: all(stack.redis.exists(f"{{exrps}}:game:{g}") or g not in server.games
                             for g in load.created), what="every game that was promised to be there")
        assert parts == {part: stack.pid(part) for part in parts}, "something was started again"
        print(f"{events} events counted once each, {len(load.created)} games kept, nothing started again")
    finally:
        stack.close()
        server.close()


if __name__ == "__main__":
    main()
