#!/usr/bin/python3
"""Bots that play rock-paper-scissors through varcade's public API, as any client would.

Each has a token of its own, joins the oldest open game or creates one, connects to the game server
with what that gave it, and plays. They differ in how well they guess, so that the leaderboard has
something to show.
"""
import argparse
import asyncio
import contextlib
import logging
import random
import signal
import time

import aiohttp
import jwt

log = logging.getLogger("rps-bots")

NAMES = ["Pebble", "Origami", "Snips", "Granite", "Confetti", "Shears", "Boulder", "Papyrus",
         "Clipper", "Cobble", "Parchment", "Secateur"]
BOT = "bot-"  # how their ids begin


class Away(Exception):
    """Nothing to be done now; try again after so many seconds."""

    def __init__(self, seconds):
        super().__init__(f"try again in {seconds} s")
        self.seconds = seconds


class Bot:
    def __init__(self, session, arguments, name, key, skill):
        self.session = session
        self.base = f"{arguments.url}/game_lobby/{arguments.product}"
        self.pace = arguments.pace
        self.patience = arguments.patience
        self.name = name
        self.user_id = BOT + name.lower()
        self.key = key
        self.skill = skill  # how often it guesses from what the other one played before
        self.seen = []
        self.refused = set()  # games that the game server did not let it into: it may have forgotten them

    def headers(self):
        token = jwt.encode({"user_id": self.user_id, "username": self.name, "exp": int(time.time()) + 600},
                           self.key, algorithm="HS256")
        return {"Authorization": f"Bearer {token}"}

    async def call(self, method, path):
        """A JSON answer, or None where varcade says no to this one request."""
        async with self.session.request(method, self.base + path, headers=self.headers()) as answer:
            if answer.status == 200:
                return await answer.json()
            if answer.status in (429, 503):
                raise Away(float(answer.headers.get("Retry-After", 1)))
            log.info("%s: %s %s: %d %s", self.name, method, path, answer.status, (await answer.text())[:200])
            return None

    async def find_game(self):
        games = await self.call("GET", "/open_games?count=25") or []
        self.refused &= {game["game_id"] for game in games}
        games.sort(key=lambda game: game["creator_id"].startswith(BOT))  # people first: they are not as patient
        for game in games:
            wanted = game["settings"].get("bots", True) and game["game_id"] not in self.refused
            if wanted and self.user_id not in game["players"]:
                joined = await self.call("POST", "/join_game/" + game["game_id"])
                if joined is not None:
                    return joined
                self.refused.add(game["game_id"])
        return await self.call("POST", "/create_game")

    async def play(self, game):
        url = game["target_game_server"].rstrip("/") + "/?token=" + game["token"]
        async with self.session.ws_connect(url) as socket:
            while True:
                # Where nobody comes and nothing is heard it leaves, as people do: not all at once,
                # or they would all make games of their own again, and wait.
                message = await socket.receive(self.patience * random.uniform(1, 2))
                if message.type != aiohttp.WSMsgType.TEXT:
                    break
                message = message.json()
                if message["type"] == "round":
                    await self.pause(0.3, 1.2)
                    await socket.send_json({"weapon": self.choose()})
                elif message["type"] == "result":
                    self.seen += [w for u, w in message["weapons"].items() if u != self.user_id and w is not None]
                elif message["type"] == "over":
                    break

    def choose(self):
        """People repeat themselves, and so do bots: beat what was played most of late."""
        recent = self.seen[-5:]
        if recent and random.random() < self.skill:
            return (max(set(recent), key=recent.count) + 1) % 3
        return random.choice((0, 0, 1, 2))

    async def pause(self, least, most):
        await asyncio.sleep(random.uniform(least, most) * self.pace)

    async def run(self):
        await self.pause(0, 2)
        while True:
            try:
                game = await self.find_game()
                if game is not None:
                    await self.play(game)
                await self.pause(0.5, 2)
            except Away as away:
                await asyncio.sleep(away.seconds)
            except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
                log.info("%s: %s", self.name, error or type(error).__name__)
                await asyncio.sleep(random.uniform(0.5, 1.5))


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True, help="varcade, through nginx")
    parser.add_argument("--product", required=True)
    parser.add_argument("--key", required=True, help="the file with the secret that signs players' tokens")
    parser.add_argument("--bots", type=int, default=8, choices=range(2, len(NAMES) + 1), metavar="N")
    parser.add_argument("--pace", type=float, default=1, help="how slow they are; 1 is to be watched")
    parser.add_argument("--patience", type=float, default=60, help="seconds to wait for another player, at least")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    with open(arguments.key, encoding="utf-8") as file:
        key = file.read().rstrip("\n")

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30, connect=5)) as session:
        bots = [Bot(session, arguments, name, key, i / arguments.bots)
                for i, name in enumerate(NAMES[:arguments.bots])]
        tasks = [asyncio.create_task(bot.run()) for bot in bots]
        stopping = asyncio.create_task(stop.wait())
        # A bot never returns: one that does has hit a bug, which is to be seen.
        done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        for task in done - {stopping}:
            task.result()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


if __name__ == "__main__":
    asyncio.run(main())
