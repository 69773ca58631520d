#!/usr/bin/python3
"""1 000 rounds of 50 players who ask for the one free seat of a game at the same moment.

In every round exactly one gets it (200), 49 are refused (400), nothing is a server's error, and what the game
server has and what Redis has of the game's players is the same. tests/faults/last_seat.py [ROUNDS] [PLAYERS]
"""
import asyncio
import collections
import sys
import time
from pathlib import Path

import aiohttp

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
from stack import GameServer, Stack, game_file, wait_for  # noqa: E402


async def play_round(session, stack, server, number, players, codes):
    base = f"{stack.url}/game_lobby/exrps"
    async with session.post(base + "/create_game", headers=stack.auth(f"host {number}")) as answer:
        game_id = (await answer.json())["game_id"]
    stack.event(game_id, "state_change", new_state="creator_joined")
    stack.settle()

    async def join(i):
        async with session.post(f"{base}/join_game/{game_id}", headers=headers[i]) as answer:
            return answer.status, await answer.json()

    headers = [stack.auth(f"guest {i}") for i in range(players)]
    answers = await asyncio.gather(*(join(i) for i in range(players)))
    seen = collections.Counter(status for status, _ in answers)
    codes.update(seen)
    assert seen == {200: 1, 400: players - 1}, (number, seen, [a for a in answers if a[0] not in (200, 400)][:3])
    ours = next(body for status, body in answers if status == 200)["players"]
    assert server.games[game_id] == ours and len(ours) == 2, (number, server.games[game_id], ours)
    # Redis' own view, less what the winner was told: a second guest's seat would show here.
    check_seats(stack, game_id, ours)
    stack.event(game_id, "game_removed")


def packed(text):
    """A short text as MessagePack has it."""
    return bytes([0xa0 + len(text)]) + text.encode()


def check_seats(stack, game_id, players):
    raw = stack.redis.execute_command("HGET", f"{{exrps}}:game:{game_id}", "seats", NEVER_DECODE=True)
    assert raw.count(b"\xa4user") == 2 and raw.count(b"user" + packed(players[1])) == 1, raw
    assert stack.redis.zscore("{exrps}:lobby", game_id) is None
    assert stack.redis.hget("{exrps}:public", game_id) is None


async def run(stack, server, rounds, players):
    codes = collections.Counter()
    began = time.monotonic()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        for number in range(rounds):
            await play_round(session, stack, server, number, players, codes)
    print(f"{rounds} rounds of {players} in {time.monotonic() - began:.0f} s: answers {dict(codes)}; "
          f"the game server's and Redis' view the same after each")
    assert codes == {200: rounds, 400: rounds * (players - 1)}


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    players = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    server = GameServer()
    stack = Stack(games={"exrps": game_file(server.url)})
    try:
        asyncio.run(run(stack, server, rounds, players))
        wait_for(lambda: not stack.redis.keys("{exrps}:game:*"), what="all games to be gone")
        text = stack.http.get(f"{stack.url}/metrics").text
        assert 'status="5' not in text or all(line.endswith(" 0") for line in text.splitlines() if 'status="5' in line)
    finally:
        stack.close()
        server.close()


if __name__ == "__main__":
    main()
