#!/usr/bin/python3
"""Clients who do whatever can be done with games and tickets, at random, while everything breaks.

The whole of varcade runs, with a second worker. The game server fails, hangs, is late, breaks connections and
restarts, with its games and without. Workers and serving processes are killed and stopped at random. Meanwhile all keys are
looked at as they are at one moment, again and again (race_check.py), and every answer is held against www/openapi.yaml and against
what the game server knows. Then the clients stop, and two minutes later nothing may be left anywhere.

tests/faults/lobby_race.py [SECONDS] [CLIENTS] [SEED]
"""
import asyncio
import collections
import json
import os
import random
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import aiohttp
import jsonschema

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
import description  # noqa: E402
from race_check import Check  # noqa: E402
from race_server import CALM, MODES, WELL, RaceServer  # noqa: E402
from stack import TOP, Stack, game_file, wait_for  # noqa: E402

BUILD = Path(os.environ.get("VARCADE_BUILD", TOP / "build"))
PRODUCT = "race"
SEATS = 4
TIMEOUT, LATE = 0.8, 4.0  # of varcade's calls, s
DRAIN = 120  # s: what the clients leave behind is gone by then
STRANDED = 30  # s: nothing is further past its deadline, nor on the game server alone for longer
REQUESTS_A_SECOND = 150  # the clients think for so long that it comes to about this
MAPS = ("ice", "sand", "mud")

GAME = {
    "players": {"min": 2, "max": SEATS},
    "timeouts": {"created": 4, "seat": 4, "creator_joined": 8, "all_players_joined": 5, "in_progress": 5, "ended": 4},
    "limits": {"open_games": 3, "seats": 5},
    "settings": {"map": {"type": "string", "values": list(MAPS)}, "ranked": {"type": "boolean"}},
    "queues": [{"id": "duel", "rating": "rating", "range": {"start": 100, "per_second": 100}, "timeout": 8},
               {"id": "mode", "teams": 3, "equal": ["mode"], "timeout": 6},
               {"id": "teams", "teams": 2, "team_size": 2, "timeout": 10},
               {"id": "fill", "rating": "rating", "backfill": True, "timeout": 8},
               {"id": "map", "team_size": {"min": 1, "max": 2, "wait": 2}, "equal": ["map"], "backfill": True, "timeout": 6}],
}
BACKFILLED = [queue["id"] for queue in GAME["queues"] if queue.get("backfill")]
CONFIGURATION = {
    "fcgi": {"processes": 2},
    "game_server": {"connect_timeout_ms": 400, "timeout_ms": int(TIMEOUT * 1000), "late_ms": int(LATE * 1000),
                    "breaker_open_ms": 200},
}


# Errors that are the saboteur's. Who starts again a supervisor that was killed may find its processes still there.
OURS = ("process killed", "process hangs", "cannot listen")


class Race:
    """What clients, saboteur and checks have in common."""

    def __init__(self, clients, seed):
        self.rng = random.Random(seed)
        self.server = RaceServer(random.Random(seed + 1), PRODUCT, TIMEOUT, LATE)
        self.clients, self.stop = clients, False
        self.problems = []
        self.answers = collections.Counter()
        self.sabotage = collections.Counter()
        self.checks, self.slowest_check = 0, 0.0
        self.orphans = {}  # (game, user) the game server alone has -> since when
        self.games = collections.deque(["0" * 32], 60)
        self.codes = collections.deque(["AAAAAA"], 30)
        self.parties = collections.deque(["AAAAAA"], 10)
        self.tickets = collections.deque(["0" * 32], 60)
        self.matches = {}  # ticket -> game
        self.filled = set()  # those whose game was there before
        self.cancelled = set()

    def problem(self, *what):
        if len(self.problems) < 20:
            self.problems.append(time.strftime("%H:%M:%S ", time.gmtime()) + " ".join(str(part) for part in what)[:3000])
            print("PROBLEM", self.problems[-1], flush=True)
        self.stop = True


class Player:
    """A client: a user's device, of which there may be others. Users whose names begin with `t` play by tickets alone."""

    def __init__(self, race, stack, session, user, seed):
        self.race, self.session, self.user = race, session, user
        self.rng = random.Random(seed)
        self.url = stack.url
        self.headers = stack.auth(user, user)
        self.think = race.clients / REQUESTS_A_SECOND
        self.seats = {}  # game -> what it was told of it
        self.others = []

    # --- asking ----------------------------------------------------------------------------------

    async def ask(self, name, method, path, body=None, key=None, **parameters):
        """Returns (status, object), (0, None) where the answer was cut off."""
        headers = dict(self.headers, **({"Idempotency-Key": key} if key else {}))
        try:
            async with self.session.request(method, self.url + path, headers=headers, params=parameters,
                                            json=body) as answer:
                content = await answer.read()
        except aiohttp.ClientError as error:
            self.race.answers[name, type(error).__name__] += 1
            return 0, None
        except asyncio.TimeoutError:
            self.race.problem(name, path, "is not answered")
            return 0, None
        self.race.answers[name, answer.status] += 1
        self.judge(method, path, answer, content)
        return answer.status, json.loads(content) if content else None

    def judge(self, method, path, answer, content):
        described = description.operation(method, path)["responses"]
        shown = types.SimpleNamespace(status_code=answer.status, headers=answer.headers, content=content,
                                      text=content.decode())
        try:
            assert str(answer.status) in described, "not described"
            assert answer.status < 500 or answer.status == 503
            description.check_answer(method, path, shown)
        except (AssertionError, ValueError, jsonschema.ValidationError) as error:
            self.race.problem(method, path, answer.status, shown.text[:400], error)

    def lobby(self, path):
        return f"/game_lobby/{PRODUCT}/{path}"

    def matchmaking(self, path=""):
        return f"/matchmaking/{PRODUCT}/tickets{path}"

    async def pause(self, factor=1.0):
        await asyncio.sleep(self.rng.expovariate(1 / (self.think * factor)))

    # --- what the answers say --------------------------------------------------------------------

    def told(self, game):
        """An answer gives the user a seat."""
        game_id, server, key = game["game_id"], self.race.server, (game["game_id"], self.user)
        if game["token"] not in server.issued[key] or (self.user not in server.games.get(game_id, {}) and
                                                       key not in server.absent):
            self.race.problem(key, "was told of a seat that the game server never gave:", game)
        if self.user not in game["players"] or len(game["players"]) > game["settings"]["num_players"]:
            self.race.problem(key, "was told of players", game)
        self.seats[game_id] = game
        self.race.games.append(game_id)
        if "join_code" in game:
            self.race.codes.append(game["join_code"])

    def told_ticket(self, ticket):
        race, ticket_id = self.race, ticket["ticket_id"]
        if ticket["state"] == "matched":
            game = ticket["game"]
            if race.matches.setdefault(ticket_id, game["game_id"]) != game["game_id"]:
                race.problem(ticket_id, "is told of two games", race.matches[ticket_id], game)
            if ticket_id in race.cancelled:
                race.problem(ticket_id, "was cancelled and is matched", ticket)
            teams = [user for team in game["settings"].get("teams", ()) for user in team]
            if ticket["queue"] not in BACKFILLED and sorted(teams) != sorted(game["players"]):
                race.problem(ticket_id, "its teams are not its players", game)
            if self.user not in teams:
                race.filled.add(ticket_id)
            self.told(game)
        elif ticket_id in race.matches:
            race.problem(ticket_id, "was matched and is", ticket)
        if ticket["state"] == "cancelled":
            race.cancelled.add(ticket_id)

    # --- what it does ----------------------------------------------------------------------------

    async def run(self):
        lobby = [(self.create, 4), (self.join, 8), (self.rush, 2), (self.join_code, 2), (self.quick, 5), (self.look, 2), (self.tidy, 3)]
        ticket = [(self.ticket, 6), (self.party, 2), (self.join_party, 4), (self.meddle, 1), (self.tidy, 5)]
        plans = ticket if self.user.startswith("t") else lobby + ticket
        await asyncio.sleep(self.rng.uniform(0, self.think))
        while not self.race.stop:
            plan = self.rng.choices([p for p, _ in plans], [w for _, w in plans])[0]
            await plan()
            await self.pause()
        for game_id in list(self.seats):
            self.race.server.disconnect(game_id, self.user) if self.rng.random() < 0.5 else None

    def settings(self, share=0.5):
        chosen = {"map": self.rng.choice(MAPS), "ranked": self.rng.random() < 0.5}
        return {name: value for name, value in chosen.items() if self.rng.random() < share}

    async def twice(self, name, path, body):
        """A POST under one Idempotency-Key, now and then several times."""
        key = f"{self.rng.getrandbits(64):x}"
        times = self.rng.choice([1, 1, 1, 2, 3])
        asked = [await self.ask(name, "POST", path, body, key)] if self.rng.random() < 0.5 else []
        asked += await asyncio.gather(*(self.ask(name, "POST", path, body, key) for _ in range(times)))
        settled = [(status, answer and (answer.get("game_id") or answer.get("ticket_id") or answer.get("detail")))
                   for status, answer in asked if status not in (0, 409, 429, 503)]
        if len(set(settled)) > 1:
            self.race.problem("one key,", path, "several answers:", asked)
        return next(((s, a) for s, a in asked if s in (200, 201)), asked[0])

    async def play(self, game):
        """Connects, or forgets to; stays a while; leaves in some way or just stays."""
        if game is None:
            return
        game_id, server = game["game_id"], self.race.server
        await self.pause(0.5)
        if self.rng.random() < 0.85:
            server.connect(game_id, self.user, game["token"], game["settings"]["num_players"])
        await self.pause(3)
        end = self.rng.random()
        if end < 0.35:
            await self.leave(game_id)
        elif end < 0.45:
            await self.ask("remove_game", "POST", self.lobby(f"remove_game/{game_id}"))
        elif end < 0.6:
            server.disconnect(game_id, self.user)

    async def leave(self, game_id):
        status, _ = await self.ask("leave_game", "POST", self.lobby(f"leave_game/{game_id}"))
        if status in (200, 404):
            self.seats.pop(game_id, None)

    async def seat(self, name, path, body=None, again=False):
        if again:
            status, game = await self.twice(name, path, body)
        else:
            status, game = await self.ask(name, "POST", path, body)
        if status == 200:
            self.told(game)
            await self.play(game)

    async def create(self):
        body = {"settings": self.settings(), "private": self.rng.random() < 0.3}
        await self.seat("create_game", self.lobby("create_game"), body if self.rng.random() < 0.8 else None,
                        self.rng.random() < 0.4)

    async def join(self):
        filters = {f"settings.{name}": str(value).lower() for name, value in self.settings(0.2).items()}
        _, games = await self.ask("open_games", "GET", self.lobby("open_games"), count=25,
                                  order=self.rng.choice(["oldest", "newest"]), **filters)
        open_ones = [g["game_id"] for g in games] if isinstance(games, list) else []
        game_id = self.rng.choice(open_ones if open_ones and self.rng.random() < 0.9 else self.race.games)
        await self.seat("join_game", self.lobby(f"join_game/{game_id}"), None, self.rng.random() < 0.2)

    async def rush(self):
        """Many after the seats of one game, or after any game, at the same moment."""
        _, games = await self.ask("open_games", "GET", self.lobby("open_games"))
        crowd = self.rng.sample(self.others, min(6, len(self.others)))
        if isinstance(games, list) and games and self.rng.random() < 0.7:
            path = self.lobby("join_game/" + self.rng.choice(games)["game_id"])
            await asyncio.gather(*(each.seat("join_game", path) for each in crowd))
        else:
            await asyncio.gather(*(each.quick() for each in crowd))

    async def join_code(self):
        await self.seat("join_code", self.lobby(f"join_code/{self.rng.choice(self.race.codes)}"))

    async def quick(self):
        await self.seat("quick_match", self.lobby("quick_match"),
                        {"settings": self.settings(0.2), **({"board": "rating"} if self.rng.random() < 0.3 else {})},
                        self.rng.random() < 0.2)

    async def look(self):
        """What others have, and what is not there."""
        game_id = self.rng.choice(self.race.games)
        action = self.rng.choice(["games", "games", "leave_game", "remove_game"])
        await self.ask(action, "GET" if action == "games" else "POST", self.lobby(f"{action}/{game_id}"))

    async def tidy(self):
        """Finds its games again, and leaves most of them."""
        status, games = await self.ask("mine", "GET", self.lobby("mine"))
        for game in games if status == 200 else ():
            self.told(game)
            if self.rng.random() < 0.8:
                await self.leave(game["game_id"])

    # --- tickets ---------------------------------------------------------------------------------

    async def open(self, body):
        if self.rng.random() < 0.2:
            status, ticket = await self.twice("ticket", self.matchmaking(), body)
        else:
            status, ticket = await self.ask("ticket", "POST", self.matchmaking(), body)
        if status == 409 and "game_id" in ticket and self.rng.random() < 0.7:
            await self.leave(ticket["game_id"])
        if status != 201:
            return None
        self.told_ticket(ticket)
        self.race.tickets.append(ticket["ticket_id"])
        return ticket["ticket_id"]

    async def ticket(self):
        queue = self.rng.choice(["duel", "duel", "mode", "teams", "fill", "fill", "map"])
        body = {"queue": queue}
        if queue == "mode":
            body["attributes"] = {"mode": self.rng.choice("ab")}
        if queue == "map":
            body["attributes"] = {"map": self.rng.choice(MAPS)}
        await self.follow(await self.open(body))

    async def party(self):
        body = {"queue": "map", "attributes": {"map": self.rng.choice(MAPS)}} if self.rng.random() < 0.4 else {"queue": "teams"}
        ticket_id = await self.open({**body, "party": True})
        if ticket_id is None:
            return
        path = self.matchmaking(f"/{ticket_id}")
        status, ticket = await self.ask("ticket get", "GET", path)
        if status == 200 and "code" in ticket:
            self.race.parties.append(ticket["code"])
            await self.ask("ticket get", "GET", path, wait=2)
            if self.rng.random() < 0.8:
                await self.ask("ready", "POST", path + "/ready")
        await self.follow(ticket_id)

    async def join_party(self):
        status, ticket = await self.ask("join party", "POST", self.matchmaking(f"/join/{self.rng.choice(self.race.parties)}"))
        if status == 200:
            self.told_ticket(ticket)
            await self.follow(ticket["ticket_id"])

    async def follow(self, ticket_id):
        """Waits for the end of a ticket, or cancels it, or forgets it."""
        path = self.matchmaking(f"/{ticket_id}")
        while ticket_id is not None and not self.race.stop:
            chance = self.rng.random()
            if chance < 0.1:
                status, ticket = await self.ask("cancel", "DELETE", path)
            elif chance < 0.15:
                return
            else:
                status, ticket = await self.ask("ticket get", "GET", path,
                                                **({"wait": self.rng.randint(1, 6)} if chance < 0.7 else {}))
            if status in (204, 404):
                return
            if status == 200:
                self.told_ticket(ticket)
                if ticket["state"] == "matched":
                    await self.play(ticket["game"])
                if ticket["state"] != "waiting":
                    return
                if ticket["ready"] and "place" not in ticket and self.rng.random() < 0.4:
                    await self.ask("cancel", "DELETE", path)  # just while its game is being made
            await self.pause()

    async def meddle(self):
        """With tickets of others, which are not there for it, or with its own from another device."""
        path = self.matchmaking(f"/{self.rng.choice(self.race.tickets)}")
        await self.ask("ticket get", "GET", path)
        await self.ask("cancel", "DELETE", path)
        await self.ask("ready", "POST", path + "/ready")

    async def disband(self):
        """A party that is being formed is there for ten minutes: who goes for good says so."""
        while True:
            status, ticket = await self.ask("ticket mine", "GET", self.matchmaking())
            if status == 404:
                return
            if status == 200:
                if ticket["ready"] or (await self.ask("cancel", "DELETE", self.matchmaking("/" + ticket["ticket_id"])))[0] in (200, 204):
                    return
            await asyncio.sleep(0.5)


class Saboteur:
    def __init__(self, race, stack):
        self.race, self.stack, self.rng = race, stack, race.rng
        self.tasks, self.worker, self.statuses = set(), None, set()
        self.configuration = stack.dir / "second.json"

    def second_worker(self):
        content = json.loads((self.stack.dir / "varcade.json").read_text())
        content["worker"] = {"listen": ""}
        self.configuration.write_text(json.dumps(content))
        with open(self.stack.dir / "logs" / "second.log", "ab") as log:
            self.worker = subprocess.Popen([BUILD / "worker" / "varcade-worker", "--config", self.configuration], stderr=log)

    async def keep_worker(self):
        while True:
            if self.worker.poll() is not None:
                self.statuses.add(self.worker.returncode)
                self.second_worker()
            await asyncio.sleep(0.4)

    def victim(self):
        """(name, pid) of a process, or None."""
        name = self.rng.choice(["worker", "worker", "second worker", "second worker", "fcgi process", "fcgi process",
                                "fcgi process", "fcgi supervisor"])
        if name == "worker":
            return name, self.stack.pid("worker")
        if name == "second worker":
            return (name, self.worker.pid) if self.worker.poll() is None else None
        supervisor = self.stack.pid("fcgi-matchmaking")
        if name == "fcgi supervisor":
            return name, supervisor
        children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
        return (name, int(self.rng.choice(children))) if children else None

    async def hold(self, pid, seconds):
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass  # it was killed meanwhile

    def spawn(self, coroutine):
        task = asyncio.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def processes(self):
        while not self.race.stop:
            await asyncio.sleep(self.rng.uniform(0.5, 4.5))
            try:
                name, pid = self.victim() or ("", 0)
                if pid and self.rng.random() < 0.65:
                    os.kill(pid, signal.SIGKILL)
                    self.race.sabotage["killed " + name] += 1
                elif pid:
                    self.spawn(self.hold(pid, self.rng.uniform(0.1, 6)))
                    self.race.sabotage["stopped " + name] += 1
            except (OSError, ValueError):
                pass  # it is just being started again

    async def game_server(self):
        server = self.race.server
        while not self.race.stop:
            server.weights, server.forgets = CALM, 0.08
            await asyncio.sleep(self.rng.uniform(2, 8))
            if self.rng.random() < 0.35:
                await server.restart(self.rng.random() < 0.5, self.rng.uniform(0.1, 2))
                continue
            mode = self.rng.choice(list(MODES))
            server.weights = MODES[mode]
            self.race.sabotage["game server " + mode] += 1
            await asyncio.sleep(self.rng.uniform(1, 5))

    async def peace(self):
        """Everything works again."""
        await asyncio.gather(*self.tasks)
        self.race.server.weights, self.race.server.forgets = WELL, 0.0


class Checker:
    def __init__(self, race, stack):
        self.race, self.stack = race, stack

    def check(self, everything):
        """Blocks the loop, so that the ledger stands still."""
        race, began = self.race, time.monotonic()
        moment = Check(self.stack.redis, PRODUCT, everything, STRANDED * 1000, BACKFILLED)
        moment.check_engaged(lambda user: user.startswith("t"))
        alone = moment.check_ledger(race.server)
        race.orphans = {key: race.orphans.get(key, began) for key in alone}
        for key, since in race.orphans.items():
            if began - since > STRANDED:
                moment.expect(False, key, "is on the game server alone for", began - since, "s:", race.server.history[key[0]])
        for line in moment.found:
            race.problem(line)
        race.checks += 1
        race.slowest_check = max(race.slowest_check, time.monotonic() - began)
        return moment

    async def run(self):
        number = 0
        while not self.race.stop:
            self.check(number % 20 == 19)
            number += 1
            await asyncio.sleep(0.7)

    async def drain(self):
        """Returns how long it took until nothing was left."""
        race, began = self.race, time.monotonic()
        while True:
            moment = self.check(True)
            left = moment.left(race.server)
            passed = time.monotonic() - began
            if not left or race.problems:
                return passed
            if passed > DRAIN:
                race.problem("left after", DRAIN, "s:", left, "at", moment.now, list(moment.games.items())[:5])
                return passed
            await asyncio.sleep(0.7)


def check_logs(race, stack, saboteur):
    """No process may have ended otherwise than by our hand, and none may have met what it calls an error."""
    for line in (stack.folder / "quickstart.log").read_text().splitlines():
        if " ended with status " in line and line.split("status ")[1].split(";")[0] not in ("137", "1", "0"):
            race.problem(line)
    if saboteur.statuses - {-signal.SIGKILL}:
        race.problem("the second worker ended with", saboteur.statuses)
    for part in ("worker", "second", "fcgi-matchmaking", "fcgi-leaderboards"):
        for line in stack.log(part).splitlines():
            if " ERROR " in line and not any(words in line for words in OURS):
                race.problem(part, "says", line)
            if "process killed" in line and "signal=Killed" not in line:
                race.problem(part, "says", line)
    for line in stack.http.get(f"{stack.url}/metrics").text.splitlines():
        if line.startswith("varcade_seats_oversubscribed{") and not line.endswith(" 0"):
            race.problem(line)


async def run(race, stack, seconds):
    race.server.write_events(str(stack.dir / "redis.sock"))
    saboteur, checker = Saboteur(race, stack), Checker(race, stack)
    saboteur.second_worker()
    keeper = asyncio.create_task(saboteur.keep_worker())
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0),
                                     timeout=aiohttp.ClientTimeout(total=40)) as session:
        users = [("t" if i % 2 else "u") + str(i) for i in range(max(2, race.clients * 2 // 3))]
        players = [Player(race, stack, session, users[i % len(users)], race.rng.random()) for i in range(race.clients)]
        for player in players:
            player.others = [other for other in players if other.user.startswith("u")]
        tasks = [asyncio.create_task(job) for job in (*(p.run() for p in players), saboteur.processes(),
                                                      saboteur.game_server(), checker.run())]
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        race.stop = True  # none ends before, but by a problem or an exception
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        await saboteur.peace()
        for end in ends:
            if end is not None:
                raise end
        if not race.problems:
            await asyncio.gather(*(p.disband() for p in players[:len(users)]))
            passed = await checker.drain()
            if not race.problems:
                print(f"everything is gone {passed:.0f} s after the last client, {len(users)} users")
    keeper.cancel()
    saboteur.worker.terminate()
    saboteur.worker.wait(30)
    check_logs(race, stack, saboteur)
    await race.server.close()


def report(race):
    by_name = collections.defaultdict(list)
    for (name, status), n in sorted(race.answers.items(), key=str):
        by_name[name].append(f"{status}: {n}")
    for name, statuses in by_name.items():
        print(f"  {name:12} {', '.join(statuses)}")
    print("sabotage:", ", ".join(f"{what} {n}" for what, n in sorted(race.sabotage.items())))
    print("game server:", ", ".join(f"{what} {n}" for what, n in sorted(race.server.counts.items())))
    print(f"{sum(race.answers.values())} answers, {len(race.matches)} tickets matched ({len(race.filled)} into open games), {len(race.cancelled)} cancelled; "
          f"{race.checks} checks, the slowest {race.slowest_check:.2f} s; {len(race.problems)} problems")


async def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600
    clients = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 30)
    print(f"{seconds:.0f} s, {clients} clients, seed {seed}", flush=True)
    race = Race(clients, seed)
    await race.server.start()
    stack = Stack(games={PRODUCT: {**game_file(race.server.url, PRODUCT), **GAME}})
    try:
        stack.configure(**CONFIGURATION)  # the short times of this test
        await run(race, stack, seconds)
        report(race)
    finally:
        stack.close()
    return 1 if race.problems else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
