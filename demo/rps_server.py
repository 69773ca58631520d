#!/usr/bin/python3
"""Rock-paper-scissors: a small game server for varcade.

It is the example for people who write their own. A game server does three things for varcade:

  it answers four HTTP calls    POST /create_game /join_game /remove_game /remove_player
  it lets players in            here by WebSocket, with the token that create and join gave out
  it tells what happened        events on a Redis stream (docs/events.md)

The match itself is between the game server and its players, and no business of varcade's.

What a player sees on the socket, one JSON object a message:

  {"type": "waiting"}                                      until the other player is there
  {"type": "round", "round": 1, "seconds": 5, "names": {id: name}}
                                                           answer {"weapon": 0|1|2}: rock, paper, scissors
  {"type": "result", "round": 1, "weapons": {id: 0|1|2|null}, "winner": id|null, "score": {id: wins}}
  {"type": "over", "winner": id}                           then the server closes

Who closes the socket with 1000 has left. Whoever is cut off in another way, as a page that is loaded again, may come back with
the same token for a few seconds, and the match goes on.
"""
import argparse
import asyncio
import json
import logging
import os
import re
import secrets
import signal
import time
import urllib.parse
import uuid

import jwt
import redis.asyncio
from aiohttp import WSCloseCode, WSMsgType, web

log = logging.getLogger("rps-server")

SEATS = 2
SIGNED_IN = 86400  # seconds that a token of the demo's sign-in is good
PACES = {"fast": 0.5, "normal": 1, "slow": 2}  # a setting of the game, by which its rounds' time is multiplied
BEATS = {0: 2, 1: 0, 2: 1}  # rock beats scissors, paper beats rock, scissors beat paper


class Events:
    """The stream, written in order by one task, so that a Redis that is away loses nothing.

    An event whose answer was lost is sent again: its event_id tells the reader that it is the same.
    """

    def __init__(self, connection, stream, product_id):
        self.redis = connection
        self.stream = stream
        self.product_id = product_id
        self.queue = asyncio.Queue()

    def tell(self, game_id, kind, **fields):
        event = {"product_id": self.product_id, "game_id": game_id, "type": kind, **fields,
                 "event_id": uuid.uuid4().hex}
        self.queue.put_nowait(event)

    async def run(self):
        while True:
            event = await self.queue.get()
            while True:
                try:
                    await self.redis.xadd(self.stream, event)
                    break
                except (redis.exceptions.RedisError, OSError) as error:
                    log.warning("the stream is away, trying again: %s", error)
                    await asyncio.sleep(0.5)
            self.queue.task_done()


class Player:
    def __init__(self, user_id, username):
        self.user_id = user_id
        self.username = username
        self.token = secrets.token_urlsafe(24)
        self.socket = None
        self.known = False  # varcade was told that the player is here
        self.answer = None  # a future while a round waits for the weapon
        self.round = None   # what was asked, and until when, while it does
        self.absence = None  # the task that waits for one who was cut off

    async def send(self, message):
        if self.socket is not None and not self.socket.closed:
            try:
                await self.socket.send_json(message)
            except ConnectionError:
                pass  # the reading side notices


class Game:
    """One match, from create_game to game_removed. players[0] is the creator."""

    def __init__(self, server, game_id, creator, settings):
        self.server = server
        self.game_id = game_id
        self.rounds_to_win = settings.get("rounds_to_win", server.rounds_to_win)
        self.seconds = server.seconds * PACES[settings.get("pace", "normal")]
        self.players = [creator]
        self.match = None  # the task that plays
        self.result = None  # the last round's, for who comes back
        self.waits_since = asyncio.get_running_loop().time()
        self.over = False

    def tell(self, kind, **fields):
        self.server.events.tell(self.game_id, kind, **fields)

    def find(self, user_id):
        return next((p for p in self.players if p.user_id == user_id), None)

    async def connected(self, player):
        """A player's socket is open: the last of the things that varcade waits for."""
        if player.absence is not None:
            player.absence.cancel()
            player.absence = None
        if self.result is not None:
            await player.send(self.result)
        if player.round is not None:
            number, until = player.round
            await player.send(self.question(number, max(0, until - asyncio.get_running_loop().time())))
        elif self.match is None:
            await player.send({"type": "waiting"})
        if player.known:
            self.start()  # the other one may have come meanwhile
            return
        player.known = True
        if player is self.players[0]:
            self.tell("state_change", new_state="creator_joined")
        else:
            self.tell("player_connect", player_id=player.user_id)
        self.start()

    def start(self):
        if self.match is None and len(self.players) == SEATS and all(p.socket is not None for p in self.players):
            self.tell("state_change", new_state="all_players_joined")
            self.match = asyncio.create_task(self.play())

    async def disconnected(self, player, left):
        player.socket = None
        if self.server.games.get(self.game_id) is not self or player not in self.players:
            return
        if left:
            await self.gone(player)
        else:
            player.absence = asyncio.create_task(self.await_return(player))

    async def await_return(self, player):
        await asyncio.sleep(self.server.grace)
        player.absence = None
        await self.gone(player)

    async def gone(self, player):
        if player is self.players[0]:
            await self.end()  # nobody can join a game whose host has gone
        else:
            await self.remove_player(player)
            self.tell("player_disconnect", player_id=player.user_id)

    async def remove_player(self, player):
        if player in self.players:
            self.players.remove(player)
            self.server.tokens.pop(player.token, None)
            if player.absence is not None:
                player.absence.cancel()
        if self.match is not None and not self.over:
            self.match.cancel()
            self.match = None
            self.result = None
            self.waits_since = asyncio.get_running_loop().time()
            await self.players[0].send({"type": "waiting"})
        if player.socket is not None:
            await player.socket.close()

    async def end(self, tell=True):
        """Take the game away; tell is False where varcade asked for it."""
        if self.server.games.pop(self.game_id, None) is None:
            return
        if self.match is not None and self.match is not asyncio.current_task():
            self.match.cancel()
        for player in self.players:
            self.server.tokens.pop(player.token, None)
            if player.absence is not None:
                player.absence.cancel()
            if player.socket is not None:
                await player.socket.close()
        if tell:
            self.tell("game_removed")

    async def play(self):
        host, guest = self.players
        for player in (host, guest):
            self.tell("gameplay", event_name="select_fighter", event_data="default", user_id=player.user_id)
        for player in (host, guest):
            self.tell("gameplay", event_name="set_ready", user_id=player.user_id)
        self.tell("state_change", new_state="in_progress")
        score = {host.user_id: 0, guest.user_id: 0}
        number = 0
        while max(score.values()) < self.rounds_to_win:
            number += 1
            winner = await self.play_round(number, host, guest, score)
            if winner is not None:
                score[winner.user_id] += 1
            await asyncio.sleep(self.server.pause)
        winner, loser = (host, guest) if score[host.user_id] > score[guest.user_id] else (guest, host)
        self.over = True
        self.tell("game_over", winner_id=winner.user_id, loser_id=loser.user_id)
        log.info("game %s: %s beats %s", self.game_id, winner.username, loser.username)
        for player in (host, guest):
            await player.send({"type": "over", "winner": winner.user_id})
        await self.end()

    async def play_round(self, number, host, guest, score):
        ids = {"p1_id": host.user_id, "p2_id": guest.user_id}
        self.tell("gameplay", event_name="progression", progress_event="round_started", **ids)
        weapons = await asyncio.gather(self.ask(host, number), self.ask(guest, number))
        for player, weapon in zip((host, guest), weapons):
            self.tell("gameplay", event_name="select_weapon", user_id=player.user_id,
                      event_data="null" if weapon is None else str(weapon))
        winner = self.decide(host, guest, *weapons)
        loser = {host: guest, guest: host}.get(winner)
        result = {} if winner is None else {"round_winner_id": winner.user_id, "round_loser_id": loser.user_id}
        self.tell("gameplay", event_name="progression", progress_event="round_finished", **ids, **result)
        shown = dict(score)
        if winner is not None:
            shown[winner.user_id] += 1
        message = {"type": "result", "round": number, "score": shown,
                   "weapons": {host.user_id: weapons[0], guest.user_id: weapons[1]},
                   "winner": None if winner is None else winner.user_id}
        self.result = message
        await asyncio.gather(host.send(message), guest.send(message))
        return winner

    def question(self, number, seconds):
        return {"type": "round", "round": number, "seconds": round(seconds, 1),
                "names": {player.user_id: player.username for player in self.players}}

    async def ask(self, player, number):
        """The weapon a player chooses in time, or None."""
        loop = asyncio.get_running_loop()
        player.answer = loop.create_future()
        player.round = (number, loop.time() + self.seconds)
        await player.send(self.question(number, self.seconds))
        try:
            return await asyncio.wait_for(player.answer, self.seconds)
        except asyncio.TimeoutError:
            return None
        finally:
            player.answer = None
            player.round = None

    @staticmethod
    def decide(host, guest, mine, theirs):
        if mine == theirs:
            return None
        if mine is None:
            return guest
        if theirs is None:
            return host
        return host if BEATS[mine] == theirs else guest


class Server:
    def __init__(self, events, arguments, patience, sign_in_key):
        self.events = events
        self.rounds_to_win = arguments.rounds_to_win
        self.seconds = arguments.seconds
        self.pause = arguments.pause
        self.grace = arguments.grace
        self.patience = patience
        self.sign_in_key = sign_in_key
        self.games = {}   # game id -> Game
        self.tokens = {}  # token -> (Game, Player)

    async def tidy(self):
        """End games that wait for players too long.

        varcade does so, and asks for it with remove_game. This is for games that it knows nothing
        of any more, because its Redis has lost data: nobody will ever come, and nobody else ends them.
        """
        while True:
            await asyncio.sleep(min(self.patience / 4, 10))
            latest = asyncio.get_running_loop().time() - self.patience
            for game in list(self.games.values()):
                if game.match is None and game.waits_since < latest:
                    log.info("game %s waited too long", game.game_id)
                    await game.end()

    # --- what varcade calls -------------------------------------------------------------------

    async def create_game(self, request):
        body = await self.body(request, "gameId", "userId", "username")
        if body["gameId"] in self.games:
            raise web.HTTPConflict(text="the game exists already")
        player = Player(body["userId"], body["username"])
        game = Game(self, body["gameId"], player, body.get("settings", {}))  # none where the game's file declares none
        self.games[game.game_id] = game
        return self.seat(game, player)

    async def join_game(self, request):
        body = await self.body(request, "gameId", "userId", "username")
        game = self.games.get(body["gameId"])
        if game is None:
            raise web.HTTPNotFound(text="no such game")
        if len(game.players) >= SEATS or game.find(body["userId"]) is not None or game.over:
            raise web.HTTPConflict(text="no seat is free")
        player = Player(body["userId"], body["username"])
        game.players.append(player)
        return self.seat(game, player)

    def seat(self, game, player):
        self.tokens[player.token] = (game, player)
        return web.json_response({"gameToken": player.token})

    async def remove_game(self, request):
        body = await self.body(request, "gameId")
        game = self.games.get(body["gameId"])
        if game is not None:
            await game.end(tell=False)
        return web.json_response({})

    async def remove_player(self, request):
        body = await self.body(request, "gameId", "userId")
        game = self.games.get(body["gameId"])
        player = game.find(body["userId"]) if game is not None else None
        if player is not None and player is not game.players[0]:
            await game.remove_player(player)
        return web.json_response({})

    @staticmethod
    async def body(request, *names):
        try:
            body = await request.json()
        except ValueError:
            raise web.HTTPBadRequest(text="the body is not JSON") from None
        if not isinstance(body, dict) or not all(isinstance(body.get(n), str) and body[n] for n in names):
            raise web.HTTPBadRequest(text="needed: " + ", ".join(names))
        return body

    # --- what players call --------------------------------------------------------------------

    async def socket(self, request):
        found = self.tokens.get(request.query.get("token", ""))
        if found is None:
            raise web.HTTPForbidden(text="no such token")
        game, player = found
        socket = web.WebSocketResponse(heartbeat=10, max_msg_size=4096)
        await socket.prepare(request)
        # Who comes again takes the place of a connection that may only look as if it were there.
        before, player.socket = player.socket, socket
        if before is not None:
            await before.close()
        await game.connected(player)
        try:
            async for message in socket:
                if message.type == WSMsgType.TEXT:
                    self.weapon(player, message.data)
        finally:
            if player.socket is socket:
                await game.disconnected(player, socket.close_code == WSCloseCode.OK)
        return socket

    async def sign_in(self, request):
        """A token for whoever says a name. For a demo: a portal would know who asks."""
        name = (await self.body(request, "name"))["name"].strip()
        # Joiners are part of Persian words and of emoji.
        if not re.sub("[\u200c\u200d]", "", name).isprintable() or not 1 <= len(name) <= 32:
            raise web.HTTPBadRequest(text=json.dumps({"detail": "A name has 1 to 32 letters"}), content_type="application/problem+json")
        claims = {"user_id": "guest-" + secrets.token_hex(8), "username": name, "exp": int(time.time()) + SIGNED_IN}
        return web.json_response({"token": jwt.encode(claims, self.sign_in_key, algorithm="HS256")})

    @staticmethod
    def weapon(player, text):
        try:
            weapon = json.loads(text).get("weapon")
        except (ValueError, AttributeError):
            return
        if isinstance(weapon, int) and weapon in BEATS and player.answer is not None and not player.answer.done():
            player.answer.set_result(weapon)


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--game", required=True, help="the game's file: product, and the two URLs to listen on")
    parser.add_argument("--redis", required=True, help="the Redis of the stream: a socket's path or a URL")
    parser.add_argument("--stream", default="game_event_stream")
    parser.add_argument("--rounds-to-win", type=int, default=2, help="where the game's settings do not say")
    parser.add_argument("--seconds", type=float, default=5, help="a player's time for a round, at normal pace")
    parser.add_argument("--patience", type=float,
                        help="seconds that a game waits for players; more than varcade's own time limits")
    parser.add_argument("--pause", type=float, default=0.7, help="seconds between rounds")
    parser.add_argument("--grace", type=float, default=10, help="seconds in which who was cut off may come back")
    parser.add_argument("--listen", metavar="URL",
                        help="where to listen for players, if not where the game's file sends them (a proxy is between)")
    parser.add_argument("--sign-in", metavar="FILE",
                        help="sign everybody in who says a name (POST /sign_in), with the secret in this file")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    with open(arguments.game, encoding="utf-8") as file:
        game = json.load(file)

    url = arguments.redis if "://" in arguments.redis else "unix://" + os.path.abspath(arguments.redis)
    # With a limit, as a Redis that is killed while it has a child leaves its connections open, and answers no more.
    connection = redis.asyncio.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
    events = Events(connection, arguments.stream, game["product_id"])
    limits = game.get("timeouts", {})
    patience = arguments.patience or limits.get("created", 60) + limits.get("creator_joined", 900) + 60
    key = None
    if arguments.sign_in is not None:
        with open(arguments.sign_in, encoding="utf-8") as file:
            key = file.read().rstrip("\n")
    server = Server(events, arguments, patience, key)

    inside = web.Application()
    for name in ("create_game", "join_game", "remove_game", "remove_player"):
        inside.router.add_post("/" + name, getattr(server, name))
    outside = web.Application()
    outside.router.add_get("/", server.socket)
    if key is not None:
        outside.router.add_post("/sign_in", server.sign_in)

    runners = []
    for application, address in ((inside, game["game_server_url"]), (outside, arguments.listen or game["game_socket_url"])):
        parts = urllib.parse.urlsplit(address)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, parts.hostname, parts.port, shutdown_timeout=1).start()
        runners.append(runner)
        log.info("listening on %s", address)

    writer = asyncio.create_task(events.run())
    tidier = asyncio.create_task(server.tidy())
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    # Games do not outlive their server: tell so, and let what was told be written.
    for open_game in list(server.games.values()):
        await open_game.end()
    try:
        await asyncio.wait_for(events.queue.join(), 2)
    except asyncio.TimeoutError:
        log.warning("%d events could not be written", events.queue.qsize())
    writer.cancel()
    tidier.cancel()
    for runner in runners:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
