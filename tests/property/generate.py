"""Random games' files and random histories of events for them."""
import copy
import functools
import json
import re
from datetime import date, datetime, timedelta, timezone

import windows

DAY = 86400000
# Where clocks are put forward at midnight, back to midnight, by half an hour, or far from UTC.
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Kiritimati",
         "Pacific/Chatham", "America/Havana", "Asia/Beirut", "America/Nuuk", "Africa/Cairo", "Asia/Gaza")
USERS = ["7", "42", "ann", "bob", "cee", "dan", "eve", "a b", "ü", "{x}", "a:b", "a:b:c", "a/b", "%41", 'q"q', "a,b", "🎲",
         "-1", "a\\b", "*", "[a-z]", "..", "null", "Ann", "x" * 128, "ß" * 64, "r:elo", "all", "+inf", "\u2028", "é", "e\u0301"]
STATS = ["games", "wins", "losses", "best", "low", "last", "_", "x-1", "S" * 64, "streak", "longest", "rock", "paper"]
WORDS = {"event_name": ["lap", "goal", "null"], "mode": ["a", "b", "1", "1.5", "true"], "level": ["0", "3", "03", "3.0"],
         "wéird {f}:": ["ü", "", " "]}
PLAYERS = ["user_id", "winner_id", "loser_id", "mate"]
NUMBERS = ["score", "ms", "n"]
TYPES = ["score", "gameplay", "game_over", "race", "player_connect", "x" * 64]
BAD_NUMBERS = ["", "lots", "+1", ".5", "1.", "01", " 1", "1 ", "0x10", "1e400", "-1e400", "nan", "inf", "NaN", "Infinity", "1_0",
               "9007199254740994", "-9007199254740994", "1" * 401, "١", "1,5", "--1", "1e", "null"]
ODD_NUMBERS = ["-0", "0", "0.1", "-0.0", "1e3", "1E-3", "2.5e+2", "9007199254740992", "-9007199254740992",
               "9007199254740993", "0.30000000000000004", "1e-400", "5e-324", "123456789.123456789", "1" + "0" * 15]


# --- games -----------------------------------------------------------------------------------------

def condition(r, kinds):
    on = {}
    if r.random() < 0.9:
        on["type"] = r.choice(kinds)
    while not on or r.random() < 0.3:
        field = r.choice(list(WORDS))
        text = r.choice(WORDS[field])
        on[field] = {"1": 1, "3": 3, "1.5": 1.5, "true": True}.get(text, text) if r.random() < 0.5 else text
    return on


def number(r):
    roll = r.random()
    if roll < 0.5:
        return {"field": r.choice(NUMBERS)}
    return r.choice([1, 1, 1, 0, 2, -1, 10, 0.1, 2.5, -3.25, 1e6])


def stat_rule(r, kinds, operations):
    """operations: statistic -> add, max, min or set: mostly one for all rules, or they would contradict each other."""
    rule = {"on": condition(r, kinds), "player": r.choice(PLAYERS)}
    for _ in range(r.randint(1, 3)):
        stat = r.choice(STATS)
        rule.setdefault(operations.setdefault(stat, r.choice(["add", "add", "max", "min", "set"])), {})[stat] = number(r)
    if r.random() < 0.3:
        field = r.choice(list(WORDS))
        rule["count"] = {"field": field, "as": {text: r.choice(STATS) for text in WORDS[field] if r.random() < 0.7}}
        if r.random() < 0.5:
            rule["count"]["other"] = "other"
        if not rule["count"]["as"]:
            del rule["count"]
    if r.random() < 0.4:
        name = "row%d" % r.randrange(2)
        rule["streak"] = {name: r.choice([True, False, {"longest": "longest_" + name}])}
    return rule


def rating(r, kinds):
    rule = {"system": r.choice(["elo", "glicko2", "openskill"]),
            "on": {"type": "game_over"} if r.random() < 0.7 else condition(r, kinds)}
    if r.random() < 0.6:
        rule["winner"], rule["loser"] = r.sample(PLAYERS, 2)
    else:
        rule["placements"] = "placements"
        if r.random() < 0.8:
            rule["ranks"] = "ranks"
    if rule["system"] == "elo":
        rule.update(r.choice([{}, {"k": 200, "start": 1000, "max_difference": 100}, {"k": 16.5, "max_difference": 400}, {
            "k": [{"k": 40, "games": 5}, {"k": 20, "below": 1540}, {"k": 10}], "max_difference": 50}]))
    elif rule["system"] == "glicko2":
        rule.update(r.choice([{}, {"period_days": 1}, {"tau": 1.2, "period_days": 0.01},
                              {"start": {"rating": 1200, "deviation": 100, "volatility": 0.1}}]))
    else:
        rule.update(r.choice([{}, {"tau": 0}, {"tau": 1, "scale": 40, "base": 1000}]))
    return rule


def seasons(r, now):
    """Some, which do not overlap: one behind the other, or with time in between; perhaps in another order in the file."""
    at, found = now - r.randint(100, 400) * DAY, []
    for i in range(r.randint(1, 6)):
        at += r.choice([0, 0, r.randint(1, 20 * DAY)])
        end = at + r.randint(1, 90 * DAY)
        found.append({"id": r.choice(["s", "S_", "2026-"]) + str(i), "from": windows.text(at), "to": windows.text(end)})
        at = end
    r.shuffle(found)
    return found


def bounds(r):
    """Those that many events are beyond; of ratings too."""
    made = {"min": r.choice([-2, 0, 1450]), "max": r.choice([5, 8.5, 30, 1550]), "max_step": r.choice([1, 4, 12.5]),
            "max_per_minute": r.choice([1, 2, 3])}
    for name in r.sample(list(made), r.randint(1, 3)):
        del made[name]
    if made.get("min", 0) > made.get("max", 1e9):
        del made["min"]
    return made


def board(r, name, kinds, now):
    made = {"id": name}
    if r.random() < 0.7:
        made["ties"] = r.choice(["competition", "dense", "first"])
    if r.random() < 0.8:
        made["windows"] = r.sample(["all", "yearly", "monthly", "weekly", "daily"], r.randint(1, 5))
    if r.random() < 0.5:
        made["timezone"] = r.choice(ZONES)
    if r.random() < 0.5:
        made["week_start"] = r.choice(["monday", "sunday"])
    if r.random() < 0.8:
        made["keep"] = r.choice([0, 1, 5, 40, 366, 366])
    if r.random() < 0.4:
        made["seasons"] = seasons(r, now)
    if r.random() < 0.3:
        made["bounds"] = bounds(r)
    if r.random() < 0.4:
        made["rating"] = rating(r, kinds)
        return made
    made["order"] = r.choice(["asc", "desc"])
    operation = r.choice(["add", "add", "max", "min", "set"])
    made["from"] = [{"on": condition(r, kinds), "player": r.choice(PLAYERS), operation: number(r)}
                    for _ in range(r.randint(1, 3))]
    return made


def game(r, product, now):
    kinds = r.sample(TYPES, 3) + ["game_over"]
    operations = {}
    names = r.sample(["high", "all", "scores", "B" * 64, "2026", "s-1", "_", "wins"], r.randint(1, 4))
    made = {"product_id": product, "game_server_url": "http://127.0.0.1:1", "game_socket_url": "ws://127.0.0.1:1/",
            "players": {"min": 2, "max": 2},
            "stats": [stat_rule(r, kinds, operations) for _ in range(r.randint(1, 5))],
            "boards": [board(r, name, kinds, now) for name in names]}
    if r.random() < 0.5:
        made["timezone"] = r.choice(ZONES)
    if r.random() < 0.5:
        made["matches"] = r.choice([0, 1, 3, 100])
    if r.random() < 0.3:
        made["head_to_head"] = r.choice([True, False])
    return made


def without(game_file, problem):
    """The file without the rule that the problem is about; problem: `stats[3].add…` or `boards[0].from[1]…`."""
    less = copy.deepcopy(game_file)
    place = re.match(r"stats\[(\d+)\]|boards\[(\d+)\](?:\.from\[(\d+)\])?", problem)
    assert place, problem
    if place[1]:
        del less["stats"][int(place[1])]
    elif place[3] and len(less["boards"][int(place[2])]["from"]) > 1:
        del less["boards"][int(place[2])]["from"][int(place[3])]
    else:
        del less["boards"][int(place[2])]
    return less


# --- times -----------------------------------------------------------------------------------------

@functools.lru_cache(None)
def changes_of_clocks(zone, now):
    """When the zone's clocks were changed in the last 400 days."""
    hours = range((now - 400 * DAY) // 3600000 * 3600000, now, 3600000)
    offsets = [(ms, windows.offset(zone, ms)) for ms in hours]
    return [later for (_, before), (later, after) in zip(offsets, offsets[1:]) if before != after]


def edges(games, now):
    """Moments at which something begins: days on which clocks change, years, months, weeks, seasons, today."""
    found = [now - DAY, now - 7 * DAY]
    today = datetime.fromtimestamp(now / 1000, timezone.utc).date()
    for game_file in games.values():
        for made in game_file["boards"]:
            zone = made.get("timezone", game_file.get("timezone", "UTC"))
            for change in changes_of_clocks(zone, now):
                found += [change, windows.day_start(zone, windows.day_of(zone, change)),
                          windows.day_start(zone, windows.day_of(zone, change) + timedelta(days=1))]
            for day in (date(today.year, 1, 1), today.replace(day=1), today, today - timedelta(days=today.weekday()),
                        today - timedelta(days=today.isoweekday() % 7)):
                found.append(windows.day_start(zone, day))
            for season in made.get("seasons", []):
                found += [windows.parse(season["from"]), windows.parse(season["to"])]
    return [at for at in found if at < now]


def times(r, n, games, now):
    """n stream ids, ascending, the last of them some seconds ago."""
    near, found = edges(games, now), []
    while len(found) < n:
        roll = r.random()
        if roll < 0.5:
            at = r.choice(near) + r.choice([0, 0, -1, 1, -1000, 3599999, 3600000, -3600000, r.randint(-DAY, DAY)])
        elif roll < 0.8:
            at = now - r.randint(10000, 3 * DAY)
        else:
            at = now - r.randint(10000, 400 * DAY)
        if at <= now - 10000:
            found += [at] * r.choice([1, 1, 1, 2, 5])
    ids, last = [], (0, 0)
    for at in sorted(found[:n]):
        last = (at, last[1] + r.randint(1, 3) if at == last[0] else r.choice([0, 0, 1, 7]))
        ids.append(last)
    return ids


# --- events ----------------------------------------------------------------------------------------

def value_of_number(r, large):
    roll = r.random()
    if large and roll < 0.3:
        return str(r.choice([-1, 1]) * (2 ** 53 - r.choice([0, 0, 1, 5])))
    if roll < 0.04:
        return r.choice(BAD_NUMBERS)
    if roll < 0.1:
        return r.choice(ODD_NUMBERS)
    if roll < 0.8:
        return str(r.randint(-3, 10))
    return repr(r.choice([r.uniform(-100, 100), r.randint(-10 ** 12, 10 ** 12), r.randint(0, 10) / 4]))


def match(r, users):
    """placements and ranks, mostly good ones."""
    players = r.sample(users, r.randint(2, min(len(users), 8)))
    teams = []
    while players:
        size = 1 if r.random() < 0.6 else r.randint(1, 3)
        teams.append(players[:size])
        del players[:size]
    if r.random() < 0.03:
        teams[-1] = r.choice([[], [1], "x", [teams[0][0]], [None], [""], [["a"]]])
    fields = {"placements": json.dumps(teams, ensure_ascii=r.random() < 0.5,
                                       separators=r.choice([(",", ":"), (" , ", ":"), ("\n,\t", ":")]))}
    if r.random() < 0.6:
        order, rank = [], r.randint(-2, 3)
        for _ in teams:
            order.append(rank)
            rank += r.choice([0, 1, 1, 5])
        if r.random() < 0.05:
            order = r.choice([order[:-1], order + [rank], [1.5] * len(order), list(reversed(order)), "1", [True] * len(order)])
        fields["ranks"] = json.dumps(order)
    return fields


def event(r, product, users, large):
    """large: figures soon come to their limit."""
    fields = {"product_id": product}
    roll = r.random()
    if roll < 0.9:
        fields["type"] = r.choice(TYPES + ["game_over", "game_over", "player_name", "state_change"])
    kind = fields.get("type")
    if kind in ("game_over", "player_connect", "state_change") or r.random() < 0.2:
        fields["game_id"] = "%032x" % r.getrandbits(128)
    if kind == "player_name":
        fields["username"] = r.choice(["Ann", "Zoë 🎲", 'say "x"', "x" * 128, "a,b"])
    if kind == "player_connect":
        fields["player_id"] = r.choice(users)
    if kind == "state_change":
        fields["new_state"] = "in_progress"
    for field in PLAYERS:
        if r.random() < (0.98 if field != "mate" else 0.8):
            fields[field] = r.choice(users) if r.random() > 0.005 else r.choice(["", "a\nb", "x" * 129])
    for field in NUMBERS:
        if r.random() < 0.97:
            fields[field] = value_of_number(r, large)
    for field, words in WORDS.items():
        if r.random() < 0.8:
            fields[field] = r.choice(words) if r.random() < 0.9 else "other"
    if kind in ("race", "game_over") and r.random() < 0.5:
        fields.update(match(r, users))
    pairs = [(name.encode(), value.encode()) for name, value in fields.items()]
    if r.random() < 0.5:
        r.shuffle(pairs)
    return pairs


def once_more(r, pairs):
    """The same players again, with other numbers: within a minute of the other one."""
    numbers = [name.encode() for name in NUMBERS]
    return [(name, value_of_number(r, False).encode() if name in numbers else value)
            for name, value in pairs if name != b"event_id"]


def history(r, games, n, now):
    """[(id, pairs)]: n events for the games, some of them with an event_id, some of these sent again."""
    users = {product: r.sample(USERS, r.randint(4, 16)) for product in games}
    large = r.sample(list(games), 1)
    made, sent, again = [], [], []
    for at in times(r, n, games, now):
        roll = r.random()
        if sent and roll < 0.08:
            pairs = r.choice(sent[-30:])
        elif made and at[0] - made[-1][0][0] < 60000 and roll < 0.6:
            pairs = once_more(r, made[-1][1])
        else:
            product = r.choice(list(games))
            pairs = event(r, product, users[product], product in large)
            if roll < 0.4:
                pairs.append((b"event_id", b"id %d" % r.randrange(10 * n)))
                sent.append(pairs)
                if roll < 0.1:  # a day later, as exactly as can be
                    again.append((at[0] + DAY + r.choice([-1, 0, 0, 1]), pairs))
        made.append((at, pairs))
    return merge(made, [(ms, pairs) for ms, pairs in again if ms < now - 10000]), users


def merge(made, more):
    """The history with more events, (ms, pairs) each: behind all that has the same time."""
    merged = sorted([(at[0], 0, at[1], pairs) for at, pairs in made] + [(ms, 1, 0, pairs) for ms, pairs in more],
                    key=lambda one: one[:3])
    found, last = [], (0, 0)
    for ms, added, seq, pairs in merged:
        last = (ms, last[1] + 1 if added and ms == last[0] else seq)
        found.append((last, pairs))
    return found
