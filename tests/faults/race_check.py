"""What must be true of the lobby's and the tickets' keys at every moment, for tests/faults/lobby_race.py.

One EVAL takes all keys as they are at one moment; everything that follows from games and tickets is computed anew
here and compared with what the product wrote, then with the game server's ledger.
"""
import json

KEEP_MS = 600_000  # how long a ticket that is over can be read
RECENT_MS = 40_000
ACTIVE = ("forming", "waiting", "starting")
COUNTED_AS = {"created": "players_in_lobby", "creator_joined": "players_in_lobby",
              "all_players_joined": "players_in_game", "in_progress": "players_in_game"}

# ARGV: hash tag with its colon, whether all tickets that are over are wanted, KEEP_MS, RECENT_MS.
DUMP = """
local p, all, keep, recent = ARGV[1], ARGV[2] == '1', tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function hash(key)
  local t, flat = {}, redis.call('HGETALL', key)
  for i = 1, #flat, 2 do t[flat[i]] = flat[i + 1] end
  return t
end
local function zset(key)
  local t, flat = {}, redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  for i = 1, #flat, 2 do t[flat[i]] = flat[i + 1] end
  return t
end
local d = { now = now, games = {}, matches = {}, tickets = {}, queues = {} }
for _, key in ipairs(redis.call('KEYS', p .. 'game:*')) do
  local g = hash(key)
  g.seats = cmsgpack.unpack(g.seats)
  d.games[string.sub(key, #p + 6)] = g
end
for _, key in ipairs(redis.call('KEYS', p .. 'match:*')) do d.matches[string.sub(key, #p + 7)] = hash(key) end
for _, key in ipairs(redis.call('KEYS', p .. 'queue:*')) do d.queues[string.sub(key, #p + 7)] = zset(key) end
for _, name in ipairs({ 'public', 'counts', 'holders', 'codes', 'tickets:users', 'tickets:codes' }) do
  d[name] = hash(p .. name)
end
for _, name in ipairs({ 'deadlines', 'lobby', 'index', 'tickets:due' }) do d[name] = zset(p .. name) end
local function take(id)
  if d.tickets[id] then return end
  local t = hash(p .. 'ticket:' .. id)
  if not t.state then return end
  t.players = cmsgpack.unpack(t.players)
  t.note = nil
  d.tickets[id] = t
end
for member, due in pairs(d['tickets:due']) do
  due = tonumber(due)
  if string.sub(member, 1, 2) == 't:' and (all or due < now + 120000 or due > now + keep - recent) then
    take(string.sub(member, 3))
  end
end
for _, id in pairs(d['tickets:users']) do take(id) end
for _, queue in pairs(d.queues) do for id in pairs(queue) do take(id) end end
for _, match in pairs(d.matches) do for id in string.gmatch(match.tickets, '%S+') do take(id) end end
if all then
  for _, key in ipairs(redis.call('KEYS', p .. 'ticket:*')) do take(string.sub(key, #p + 8)) end
end
return cjson.encode(d)
"""


def sure(seat):
    return seat["status"] in ("confirmed", "connected")


class Check:
    """One moment of one product. found: what is wrong, as lines."""

    def __init__(self, connection, product, everything, late_ms, backfilled):
        self.late_ms, self.backfilled = late_ms, backfilled
        self.everything = everything
        d = json.loads(connection.eval(DUMP, 0, f"{{{product}}}:", int(everything), KEEP_MS, RECENT_MS))
        self.d, self.now, self.games, self.tickets = d, d["now"], d["games"], d["tickets"]
        self.found = []
        for g in self.games.values():
            g["seats"] = list(g["seats"])
            g["settings"] = json.loads(g["settings"])
        for t in self.tickets.values():
            t["players"] = list(t["players"])
        self.due = {member: float(at) for member, at in d["tickets:due"].items()}
        self.check_games()
        self.check_tickets()
        self.check_matches()

    def expect(self, true, *what):
        if not true:
            self.found.append(" ".join(str(part) for part in what))

    # --- games -----------------------------------------------------------------------------------

    def check_games(self):
        self.held, self.index, self.codes, self.listed = {}, set(), {}, set()
        self.counts = {"games": 0, "players_in_lobby": 0, "players_in_game": 0, "seats_too_many": 0}
        for game_id, g in self.games.items():
            self.check_game(game_id, g)
        d = self.d
        self.expect(set(d["deadlines"]) == set(self.games), "deadlines without games",
                    set(d["deadlines"]) ^ set(self.games))
        self.expect(set(d["lobby"]) == self.listed, "the list", set(d["lobby"]) ^ self.listed)
        self.expect(set(d["public"]) == self.listed, "public objects", set(d["public"]) ^ self.listed)
        self.expect(set(d["index"]) == self.index, "the index", set(d["index"]) ^ self.index)
        self.expect(d["codes"] == self.codes, "codes", d["codes"], self.codes)
        present = {user: sorted(games.split()) for user, games in d["holders"].items()}
        held = {user: sorted(games) for user, games in self.held.items()}
        self.expect(present == held, "holders", [(u, present.get(u), held.get(u)) for u in {*present, *held}
                                                 if present.get(u) != held.get(u)])
        for name, n in self.counts.items():
            self.expect(int(d["counts"].get(name, 0)) == n, "count of", name, d["counts"].get(name), "not", n)

    def check_game(self, game_id, g):
        state, seats = g["state"], g["seats"]
        taken = [s for s in seats if s["status"] != "leaving"]
        tokened = [s for s in seats if sure(s)]
        leaving = len(seats) - len(taken)
        users = [s["user"] for s in seats]
        room = len(taken) < int(g["max"])
        self.expect(len(taken) <= int(g["max"]), game_id, "has too many seats", taken)
        self.expect(len(set(users)) == len(users), game_id, "has two seats of one player", users)
        self.expect(not users or users[0] == g["creator_id"], game_id, "its creator is not first", users)
        self.expect(state != "removing" or not users, game_id, "has seats while it is removed", users)
        tokens = [s.get("token") for s in tokened]
        self.expect(all(tokens) and len(set(tokens)) == len(tokens), game_id, "tokens", tokens)
        self.check_deadline(game_id, g, len(tokened))
        if state in COUNTED_AS:
            self.counts["games"] += 1
            self.counts[COUNTED_AS[state]] += len(tokened)
        if state not in ("ended", "removing"):
            for s in taken:
                mark = "*" if s["user"] == g["creator_id"] else ""
                self.held.setdefault(s["user"], []).append(game_id + mark)
            if g.get("code"):
                self.codes[g["code"]] = game_id
        if state == "creator_joined" and not g.get("code") and room and leaving < 64:
            self.listed.add(game_id)
            self.add_terms(game_id, g, "", g["published"])
            public = json.loads(self.d["public"].get(game_id, "{}"))
            self.expect(public.get("players") == [s["user"] for s in tokened] and "token" not in public,
                        game_id, "its public object", public)
        elif g.get("quick") and state in ("creating", "created") and room and leaving < 64:
            self.add_terms(game_id, g, "+", g["created_at"])

    def check_deadline(self, game_id, g, tokened):
        dues = [float(s["due"]) for s in g["seats"] if "due" in s]
        for s in g["seats"]:
            self.expect(sure(s) or "due" in s or g["state"] == "creating", game_id, "a seat is stranded:", s)
        waits = any(s["status"] == "confirmed" and "due" in s for s in g["seats"])
        self.expect(not waits or (g["state"] == "creator_joined" and tokened == int(g["max"])), game_id, "waits", g)
        due = min(dues if waits else dues + [float(g["due"])])
        present = float(self.d["deadlines"].get(game_id, 0))
        self.expect(present == due, game_id, "its deadline is", present, "not", due)
        self.expect(present > self.now - self.late_ms, game_id, "is", self.now - present, "ms past its deadline:", g)

    def add_terms(self, game_id, g, front, at):
        tail = "\0" + f"{int(float(at)):016d}" + game_id
        if front:
            self.index.add(front + tail)
        for name, value in g["settings"].items() if len(g["settings"]) > 1 else ():
            if isinstance(value, bool):
                value = "true" if value else "false"
            if not isinstance(value, (list, dict)):
                self.index.add(f"{front}{name}={value}{tail}")

    # --- tickets ---------------------------------------------------------------------------------

    def check_tickets(self):
        users, codes, queues = {}, {}, {}
        for ticket_id, t in self.tickets.items():
            players = [p["user"] for p in t["players"]]
            self.expect(len(set(players)) == len(players) <= int(t["max"]) or not players, ticket_id, "players", players)
            if t["state"] in ACTIVE:
                for user in players:
                    self.expect(user not in users, user, "has two tickets:", ticket_id, users.get(user))
                    users[user] = ticket_id
            if t["state"] == "forming":
                codes[t["code"]] = ticket_id
            if t["state"] == "waiting":
                queues.setdefault(t["queue"], {})[ticket_id] = float(t["since"])
            self.check_ticket(ticket_id, t, players)
        self.expect(users == self.d["tickets:users"], "users of tickets", users, self.d["tickets:users"])
        self.expect(codes == self.d["tickets:codes"], "codes of parties", codes, self.d["tickets:codes"])
        present = {name: {i: float(at) for i, at in queue.items()} for name, queue in self.d["queues"].items()}
        self.expect(queues == present, "queues", queues, present)

    def check_ticket(self, ticket_id, t, players):
        due = self.due.get("t:" + ticket_id)
        if t["state"] == "starting":
            self.expect(due is None, ticket_id, "is starting and has a deadline of its own")
            self.expect(ticket_id in self.d["matches"].get(t["match"], {}).get("tickets", "").split(),
                        ticket_id, "is starting without its match", t["match"])
            return
        self.expect(due is not None, ticket_id, "has no deadline:", t)
        self.expect(due is None or due > self.now - self.late_ms, ticket_id, "is past its deadline:", t)
        given = [name for name in t if name.startswith("game:")]
        if t["state"] == "matched":
            self.expect(t["match"] and len(given) == len(players), ticket_id, "is matched, without games", t)
        else:
            self.expect(not t["match"] and not given, ticket_id, t["state"], "and in match", t["match"], given)

    def check_matches(self):
        """A match is all of its tickets, and a game of it was made for nobody but them; a seat that is reserved for a backfill has it."""
        for match_id, match in self.d["matches"].items():
            due = self.due.get("m:" + match_id)
            self.expect(due is not None and due > self.now - self.late_ms, "match", match_id, "and its deadline", due)
        for game_id, g in self.games.items():
            for s in g["seats"]:
                if s["status"] == "reserved" and "match" in s:
                    match = self.d["matches"].get(s["match"], {})
                    self.expect(match.get("game") == game_id, game_id, "has a seat of a backfill of", match, s)
                self.expect("match" not in s or not sure(s), game_id, "has a seat that is still a backfill's", s)
        for game_id, g in self.games.items():
            if "queue" not in g["settings"] or g["state"] in ("creating", "removing"):
                continue
            if not self.everything and float(g["created_at"]) < self.now - RECENT_MS + 5000:
                continue
            tickets = [t for t in self.tickets.values() if t["match"] == game_id and t["state"] == "matched"]
            matched = {p["user"] for t in tickets for p in t["players"]}
            teams = {user for team in g["settings"]["teams"] for user in team}
            filled = {p["user"] for t in tickets if t["queue"] in self.backfilled for p in t["players"]}
            self.expect(matched >= teams and filled >= matched - teams, game_id, "was made for", teams, "and its tickets have", matched)

    def game_of(self, match_id):
        """A backfill's, or that which has the match's id."""
        return self.d["matches"].get(match_id, {}).get("game", match_id)

    def check_engaged(self, is_strict):
        """Who plays by tickets alone has a ticket or one game."""
        for user, games in self.held.items():
            if not is_strict(user):
                continue
            ticket = self.tickets.get(self.d["tickets:users"].get(user), None)
            mine = [self.game_of(ticket["match"])] if ticket and ticket["state"] == "starting" else []
            self.expect(len(games) == 1 and (not ticket or [g.rstrip("*") for g in games] == mine),
                        user, "has games", games, "and ticket", ticket)

    # --- the game server -------------------------------------------------------------------------

    def check_ledger(self, server):
        """Who has a seat is in the game there, unless it lost or ended it by itself. Returns (game, user) of those who are there and
        of whom nothing is known here: they may be on their way."""
        for game_id, g in self.games.items():
            for s in g["seats"]:
                if not sure(s) or g["state"] == "ended":
                    continue
                key, token = (game_id, s["user"]), server.games.get(game_id, {}).get(s["user"])
                self.expect(s["token"] in server.issued[key], key, "has a token that was never given", s)
                self.expect(token == s["token"] or server.absent.get(key) in ("lost", "ended"), key, "has a seat with", s["token"],
                            "and there", token, server.absent.get(key), g)
        return {(game_id, user) for game_id, players in server.games.items() for user in players
                if game_id not in self.games or (self.games[game_id]["state"] != "removing" and
                                                 user not in [s["user"] for s in self.games[game_id]["seats"]])}

    # --- the end ---------------------------------------------------------------------------------

    def left(self, server):
        """What there still is of games and tickets that are not over."""
        d = self.d
        names = ("games", "matches", "deadlines", "lobby", "public", "holders", "index", "codes", "queues",
                 "tickets:users", "tickets:codes")
        left = {name: len(d[name]) for name in names if d[name]}
        left.update({name: n for name, n in d["counts"].items() if n != "0"})
        active = [i for i, t in self.tickets.items() if t["state"] in ACTIVE]
        if active:
            left["tickets"] = len(active)
        if server.games:
            left["games of the game server"] = len(server.games)
        if {member[2:] for member in self.due} != set(self.tickets) and self.everything:
            left["tickets:due"] = len(self.due)
        return left
