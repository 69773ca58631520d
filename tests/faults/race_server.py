"""A game server that misbehaves as it is told, for tests/faults/lobby_race.py.

It keeps a ledger of its games, their players and their tokens, and why whoever is not in it any more is not. All of it
runs in one event loop, which is what makes the ledger comparable with Redis: while the loop waits for
Redis, nothing here changes.
"""
import asyncio
import collections
import json
import secrets
import time

import redis.asyncio
from aiohttp import web

STREAM = "game_event_stream"

# What a call may meet. `late` and `never` are relative to varcade's timeouts: see lobby_race.py.
WELL = {"do": 1}
CALM = {"do": 45, "take time": 45, "error": 2, "refuse": 2, "late": 1, "done late": 1, "never": 0.5, "drop": 1, "done drop": 1, "rubbish": 1}
MODES = {
    "calm": CALM,
    "errors": {"do": 25, "take time": 25, "error": 45, "refuse": 5},
    "slow": {"take time": 60, "late": 20, "done late": 20},
    "hanging": {"take time": 30, "never": 40, "late": 15, "done late": 15},
    "dropping": {"do": 30, "drop": 20, "done drop": 30, "rubbish": 5, "refuse": 15},
}


class RaceServer:
    """rng; timeout, late: seconds after which varcade's client has gone, and after which the call is over."""

    def __init__(self, rng, product, timeout, late):
        self.rng, self.product, self.timeout, self.late = rng, product, timeout, late
        self.weights = WELL
        self.forgets = 0.0  # the share of events that it fails to write
        self.games = {}  # id -> {user: token}, the creator first
        self.connected = collections.defaultdict(set)  # id -> users
        self.issued = collections.defaultdict(set)  # (id, user) -> every token there ever was
        self.absent = {}  # (id, user) -> why: told, ended or lost
        self.history = collections.defaultdict(list)  # id -> what was asked, for who looks for the cause of a problem
        self.counts = collections.Counter()
        self.epoch = 0  # a restart ends what was under way
        self.tasks = set()
        self.events = asyncio.Queue()
        self.transports = set()

    # --- life ------------------------------------------------------------------------------------

    async def start(self):
        app = web.Application()
        app.router.add_post("/{action}", self.handle)
        self.runner = web.AppRunner(app, access_log=None)
        await self.runner.setup()
        await self.listen(0)
        self.port = self.listener.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    async def listen(self, port):
        self.listener = await asyncio.get_running_loop().create_server(self.runner.server, "127.0.0.1", port, backlog=512)

    def write_events(self, redis_socket):
        self.redis = redis.asyncio.Redis(unix_socket_path=redis_socket)
        self.spawn(self.writer())

    async def restart(self, empty, seconds):
        """As a process that dies: connections break, and what it was doing is not done."""
        self.counts["restart, empty" if empty else "restart"] += 1
        self.epoch += 1
        self.listener.close()
        await self.runner.server.shutdown(0)
        for transport in list(self.transports):
            transport.abort()
        if empty:
            for game in list(self.games):
                self.forget(game, "lost")
        await asyncio.sleep(seconds)
        await self.listen(self.port)

    async def close(self):
        for task in list(self.tasks):
            task.cancel()
        self.listener.close()
        await self.runner.cleanup()
        await self.redis.close()

    def spawn(self, coroutine):
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    # --- the ledger ------------------------------------------------------------------------------

    def forget(self, game, why):
        for user in self.games.pop(game, ()):
            self.absent[game, user] = why
        self.connected.pop(game, None)

    def forget_player(self, game, user, why):
        if self.games.get(game, {}).pop(user, None) is not None:
            self.absent[game, user] = why
            self.connected[game].discard(user)

    def act(self, action, body):
        """What it does where it does as it is told: (status, object)."""
        game, user = body["gameId"], body.get("userId")
        if action == "remove_game":
            self.forget(game, "told")
            return 200, {}
        if action == "remove_player":
            self.forget_player(game, user, "told")
            return 200, {}
        if action == "create_game":
            self.games.setdefault(game, {})
        elif game not in self.games:
            return 404, {}
        token = secrets.token_urlsafe(9)
        self.games[game][user] = token
        self.issued[game, user].add(token)
        self.absent.pop((game, user), None)
        return 200, {"gameToken": token}

    # --- calls -----------------------------------------------------------------------------------

    def fate(self):
        return self.rng.choices(list(self.weights), list(self.weights.values()))[0]

    async def handle(self, request):
        action, body, epoch = request.match_info["action"], json.loads(await request.read()), self.epoch
        fate, removal = self.fate(), action.startswith("remove")
        if removal:
            # A removal that is done long after it was asked could hit the player's next stay; and one that is refused
            # with 404 is one that was done.
            fate = {"late": "done late", "take time": "do", "refuse": "error"}.get(fate, fate)
        self.counts[f"{action}: {fate}"] += 1
        self.history[body["gameId"]].append(f"{time.time():.3f} {action} {body.get('userId', '')} {fate}")
        self.transports.add(request.transport)
        try:
            return await self.suffer(request, fate, action, body, epoch)
        finally:
            self.transports.discard(request.transport)

    async def suffer(self, request, fate, action, body, epoch):
        if fate == "error":
            return web.json_response({}, status=self.rng.choice([500, 502, 503]))
        if fate == "refuse":
            return web.json_response({}, status=self.rng.choice([400, 404, 409]))
        if fate in ("never", "drop"):
            if fate == "never":
                await asyncio.sleep(self.late + 1)
            return self.drop(request)
        if fate == "late":
            await asyncio.sleep(self.rng.uniform(self.timeout * 0.8, self.late * 0.9))
            if epoch != self.epoch:
                return self.drop(request)
        if fate == "take time":  # but not too long
            await asyncio.sleep(self.rng.uniform(0, self.timeout * 0.6))
            if epoch != self.epoch:
                return self.drop(request)
        status, answer = self.act(action, body)
        if fate == "done late":
            await asyncio.sleep(self.rng.uniform(self.timeout * 0.8, self.late * 0.9))
        elif fate == "done drop":
            return self.drop(request)
        elif fate == "rubbish" and status == 200 and not action.startswith("remove"):
            return web.json_response({"gameToken": ""})
        return web.json_response(answer, status=status)

    @staticmethod
    def drop(request):
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)

    # --- players and events ----------------------------------------------------------------------

    async def writer(self):
        while True:
            await self.redis.xadd(STREAM, await self.events.get())

    def tell(self, game, kind, **fields):
        if self.rng.random() < self.forgets:
            self.counts["event forgotten"] += 1
            return
        event = {"product_id": self.product, "game_id": game, "type": kind, "event_id": secrets.token_hex(8), **fields}
        for _ in range(2 if self.rng.random() < 0.03 else 1):
            self.events.put_nowait(event)

    def connect(self, game, user, token, size):
        """A player's socket with its token. Returns whether it is let in."""
        players = self.games.get(game, {})
        if players.get(user) != token:
            return False
        if user in self.connected[game]:
            return True
        self.connected[game].add(user)
        if user == next(iter(players)):
            self.tell(game, "state_change", new_state="creator_joined")
        else:
            self.tell(game, "player_connect", player_id=user)
        if len(self.connected[game]) == size:
            self.tell(game, "state_change", new_state="all_players_joined")
            self.spawn(self.play(game))
        return True

    def disconnect(self, game, user):
        players = self.games.get(game, {})
        if user not in players or user not in self.connected[game]:
            return
        if user == next(iter(players)):
            self.forget(game, "ended")
            self.tell(game, "game_removed")
        else:
            self.forget_player(game, user, "ended")
            self.tell(game, "player_disconnect", player_id=user)

    async def play(self, game):
        """A match; some are never begun, never ended or never removed."""
        for kind, fields in (("state_change", {"new_state": "in_progress"}), ("game_over", None), ("game_removed", {})):
            await asyncio.sleep(self.rng.uniform(0.2, 2))
            players = list(self.games.get(game, ()))
            if len(players) < 2 or self.rng.random() < self.forgets:
                return
            if kind == "game_over":
                fields = dict(zip(("winner_id", "loser_id"), self.rng.sample(players, 2)))
            if kind == "game_removed":
                self.forget(game, "ended")
            self.tell(game, kind, **fields)
