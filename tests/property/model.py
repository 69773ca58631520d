"""What a game's events come to, in dicts: written from docs/events.md and docs/game-file.md, one event at a time.

An event is a list of (name, value), both bytes. A dead letter's reason is the set of all that is wrong at the first
stage at which anything is: which of them is told is the worker's choice.
"""
import json
import math
import re

import ratings
import windows

LIMIT = 2 ** 53
DAY = 86400000
NUMBER = re.compile(rb"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
STATES = (b"creator_joined", b"all_players_joined", b"in_progress", b"ended")
NEEDS = {
    b"state_change": ("game_id", "new_state"),
    b"player_connect": ("game_id", "player_id"),
    b"player_disconnect": ("game_id", "player_id"),
    b"game_removed": ("game_id",),
    b"game_over": ("game_id", "winner_id", "loser_id"),
    b"player_name": ("user_id", "username"),
}


def is_utf8(data):
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def has_control(data):
    return any(ord(c) < 32 or 127 <= ord(c) < 160 for c in data.decode())


def is_name(data):
    return 1 <= len(data) <= 128 and is_utf8(data) and not has_control(data)


def is_product_id(data):
    return re.match(rb"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}\Z", data) is not None


def is_good(field, value):
    if field == "game_id":
        return re.match(rb"[0-9a-f]{32}\Z", value) is not None
    return value in STATES if field == "new_state" else is_name(value)


def product_of(pairs):
    """The product whose dead letter it would be, or None."""
    for name, value in pairs:
        if name == b"product_id":
            return value.decode() if is_product_id(value) else None
    return None


VERDICT = b"varcade_quarantine"


def read_verdict(pairs):
    """(release or drop, the id that it is about) where the entry is what varcadectl says of an event in quarantine."""
    for name, value in pairs:
        if name == VERDICT:
            found = re.match(rb"(release|drop) (0|[1-9]\d{0,18})-(0|[1-9]\d{0,18})\Z", value)
            return found and (found[1].decode(), (int(found[2]), int(found[3])))
    return None


def form_problems(pairs):
    """Reasons why the entry is no event, whatever its product's rules are."""
    problems = set()
    verdicts = [pair for pair in pairs if pair[0] == VERDICT]
    if verdicts and read_verdict(verdicts) is None:
        problems.add("varcade_quarantine is neither")
    pairs = [pair for pair in pairs if pair[0] != VERDICT]
    names = [name for name, _ in pairs]
    for name, value in pairs:
        if name == b"":
            problems.add("a field has an empty name")
        elif len(name) > 128:
            problems.add("a field's name is longer than 128 bytes")
        elif not is_name(name):
            problems.add("a field's name is not UTF-8 without control characters")
        if len(value) > 65536:
            problems.add("a field's value is longer than 65536 bytes")
        if not is_utf8(value):
            problems.add("a field's value is not UTF-8")
    if len(set(names)) < len(names) or len(verdicts) > 1:
        problems.add("a field occurs twice")
    if len(pairs) > 64:
        problems.add("more than 64 fields")
    if problems:
        return problems
    event = dict(pairs)
    if b"product_id" not in event:
        return {"product_id is missing"}
    if not is_product_id(event[b"product_id"]):
        return {"product_id is malformed"}
    if b"event_id" in event and not is_name(event[b"event_id"]):
        problems.add("event_id")
    kind = event.get(b"type")
    needs = NEEDS.get(kind)
    if kind == b"game_over" and b"placements" in event:
        needs = ("game_id",)
    if needs is None and b"game_id" in event and not is_name(event[b"game_id"]):
        problems.add("game_id")
    for field in needs or ():
        value = event.get(field.encode())
        if value is None:
            problems.add(field + " is missing")
        elif not is_good(field, value):
            problems.add(field)
    return problems


class Misfit(Exception):
    """The event does not fit; the argument is how its reason begins."""


class Beyond(Exception):
    """The event is beyond a bound: it goes to quarantine. The arguments are board, bound and player."""


def read_number(value):
    if len(value) > 400 or not NUMBER.match(value):
        return None
    return float(value)


def read_match(placements, ranks):
    """(teams, ranks), or Misfit."""
    try:
        teams = json.loads(placements.decode())
        if not isinstance(teams, list) or not all(isinstance(team, list) for team in teams):
            raise ValueError
        players = [player for team in teams for player in team]
        if not all(isinstance(player, str) for player in players):
            raise ValueError
        coded = [player.encode() for player in players]  # no half of a surrogate pair
    except (ValueError, RecursionError):
        raise Misfit("placements") from None
    if not teams or not all(teams) or len(players) > 64 or len(set(players)) < len(players) \
            or not all(map(is_name, coded)):
        raise Misfit("placements")
    if ranks is None:
        return teams, list(range(1, len(teams) + 1))
    try:
        order = json.loads(ranks.decode())
        if not isinstance(order, list) or not all(type(rank) is int and abs(rank) <= LIMIT for rank in order):
            raise ValueError
    except (ValueError, RecursionError):
        raise Misfit("ranks") from None
    if len(order) != len(teams) or sorted(order) != order:
        raise Misfit("ranks")
    return teams, order


def condition_text(value):
    """A number or a boolean stands for its text."""
    return (value if isinstance(value, str) else json.dumps(value)).encode()


def holds(on, event):
    return all(event.get(name.encode()) == condition_text(value) for name, value in on.items())


class Model:
    """One product. game: its file. Every figure that can be read is a member."""

    def __init__(self, game):
        self.game = game
        self.stats = {}    # user -> {name: number}
        self.boards = {}   # (board, window's name) -> {user: (score, (ms, seq) when it was reached)}
        self.ratings = {}  # (board, user) -> state
        self.history = {}  # (board, user) -> [(ms, score)], oldest first
        self.matches = {}  # user -> [match], newest first
        self.versus = {}   # (user, other) -> [wins, losses, draws]
        self.names = {}
        self.seen = {}     # event_id -> ms
        self.pace = {}     # (board, user) -> (minute, events that counted in it)
        self.held = {}     # id of an event in quarantine -> (board, bound, user)
        self.hidden = set()  # users
        self.letters = []  # (ms, seq), reasons
        self.counts = {"applied": 0, "ignored": 0, "dead_letter": 0, "duplicate": 0, "quarantined": 0}

    def zone(self, board):
        return board.get("timezone", self.game.get("timezone", "UTC"))

    def board(self, name):
        return next(board for board in self.game["boards"] if board["id"] == name)

    # --- what an event would do ----------------------------------------------------------------

    def take(self, pairs, at):
        """An entry of the stream; at is its id, (ms, seq)."""
        problems, effects, rated, match = form_problems(pairs), [], [], None
        verdict, about = read_verdict(pairs) or (None, None)
        event = dict(pairs) if verdict != "drop" else {}
        if not problems:
            effects, problems = self.effects(event)
            rated, more = self.rated(event)
            problems |= more
            if event.get(b"type") == b"game_over":
                try:
                    match = self.match(event, "winner_id", "loser_id", "placements", "ranks")
                except Misfit as misfit:
                    problems.add(str(misfit))
        if problems:
            self.bury(at, problems)
            return
        event_id = event.get(b"event_id") if verdict is None else None
        known = event_id in self.seen and at[0] - self.seen[event_id] < DAY
        if known if verdict is None else about not in self.held:
            self.counts["duplicate"] += 1
            return
        if event_id is not None:
            self.seen[event_id] = at[0]
        try:
            self.count(event, effects, rated, match, at, about)
        except Misfit as misfit:
            if event_id is not None:
                del self.seen[event_id]  # it was not known, or longer than a day ago
            self.bury(at, {str(misfit)})
            return
        except Beyond as beyond:
            self.counts["quarantined"] += 1
            self.held[at] = beyond.args
            return
        told = effects or rated or verdict or event.get(b"type") in NEEDS
        self.counts["applied" if told else "ignored"] += 1
        self.held.pop(about, None)

    def count(self, event, effects, rated, match, at, about):
        """All of it, or Misfit or Beyond and nothing. about: the id of the event that is released, by which it counts."""
        changes, states = {}, {}
        when = at if about is None else about
        guards = self.guards(effects, rated, when) if about is None else []
        self.check_pace(guards, at)
        for effect in effects:
            self.change(changes, effect, when, about is None)
        for board, teams, ranks in rated:
            self.rate(changes, states, board, teams, ranks, at[0], when, about is None)
        self.commit(changes, states, at)
        for guard in dict.fromkeys(guards):
            self.pace[guard] = self.paced(guard, at)
        if match is not None:
            self.count_match(event, match, when)
        if event.get(b"type") == b"player_name":
            self.names[event[b"user_id"].decode()] = event[b"username"].decode()

    # --- bounds --------------------------------------------------------------------------------

    def guards(self, effects, rated, at):
        """(board, user) of every score that the event touches on a board that counts events a minute."""
        touched = [figure for figure, _, _ in effects if figure[0] == "board"]
        touched += [("board", board["id"], user) for board, teams, _ in rated for team in teams for user in team]
        return [figure[1:] for figure in touched
                if "max_per_minute" in self.board(figure[1]).get("bounds", {}) and self.places(figure, at[0])]

    def paced(self, guard, at):
        minute, events = self.pace.get(guard, (None, 0))
        return at[0] // 60000, events + 1 if minute == at[0] // 60000 else 1

    def check_pace(self, guards, at):
        for board, user in guards:
            if self.paced((board, user), at)[1] > self.board(board)["bounds"]["max_per_minute"]:
                raise Beyond(board, "max_per_minute", user)

    def check_bounds(self, figure, operation, old, new):
        _, name, user = figure
        bounds = self.board(name).get("bounds", {})
        if old is not None and old == new:
            return
        if new < bounds.get("min", -math.inf):
            raise Beyond(name, "min", user)
        if new > bounds.get("max", math.inf):
            raise Beyond(name, "max", user)
        if (old is not None or operation == "add") and abs(new - (old or 0)) > bounds.get("max_step", math.inf):
            raise Beyond(name, "max_step", user)

    def bury(self, at, problems):
        self.counts["dead_letter"] += 1
        self.letters.append((at, problems))

    def number(self, event, source):
        if not isinstance(source, dict):
            return float(source)
        value = event.get(source["field"].encode())
        if value is None:
            raise Misfit(source["field"] + " is missing")
        number = read_number(value)
        if number is None:
            raise Misfit(source["field"] + " is not a number")
        # As a float the last number is those a little beyond it, too.
        if abs(number) > LIMIT or (abs(number) == LIMIT and not re.fullmatch(b"-?%d" % LIMIT, value)):
            raise Misfit(source["field"] + " is beyond 2^53")
        return number

    @staticmethod
    def player(event, field):
        value = event.get(field.encode())
        if value is None:
            raise Misfit(field + " is missing")
        if not is_name(value):
            raise Misfit(field)
        return value.decode()

    def rule_effects(self, event, rule, board, problems):
        """(figure, operation, number or the figure whose value it is) of one rule that matches."""
        def note(get):
            try:
                return get()
            except Misfit as misfit:
                problems.add(str(misfit))
                return None
        user = note(lambda: self.player(event, rule["player"]))
        for operation, what in rule.items():
            if operation not in ("add", "max", "min", "set"):
                continue
            for name, source in (what if board is None else {board: what}).items():
                yield ("stat" if board is None else "board", name, user), operation, note(
                    lambda source=source: self.number(event, source))
        yield from self.count_and_streaks(event, rule, user)

    @staticmethod
    def count_and_streaks(event, rule, user):
        # In the order in which they stand in the file they touch different statistics: order means nothing.
        if "count" in rule:
            value = event.get(rule["count"]["field"].encode())
            meant = {text.encode(): name for text, name in rule["count"]["as"].items()}
            name = meant.get(value, rule["count"].get("other"))
            if name is not None:
                yield ("stat", name, user), "add", 1.0
        for name, value in rule.get("streak", {}).items():
            yield ("stat", name, user), "set" if value is False else "add", 0.0 if value is False else 1.0
            if isinstance(value, dict):
                yield ("stat", value["longest"], user), "max", ("stat", name, user)

    def effects(self, event):
        effects, problems = [], set()
        for rule in self.game.get("stats", []):
            if holds(rule["on"], event):
                effects += self.rule_effects(event, rule, None, problems)
        for board in self.game.get("boards", []):
            for rule in board.get("from", []):
                if holds(rule["on"], event):
                    effects += self.rule_effects(event, rule, board["id"], problems)
        return effects, problems

    def match(self, event, winner, loser, placements, ranks):
        """(teams, ranks); None where nobody played against another. Of fields that have these names."""
        if placements is not None and placements.encode() in event:
            return read_match(event[placements.encode()], event.get(ranks.encode()) if ranks else None)
        if winner is None:
            raise Misfit(placements + " is missing")
        one, other = self.player(event, winner), self.player(event, loser)
        return None if one == other else ([[one], [other]], [1, 2])

    def rated(self, event):
        """(board, teams, ranks) of every board that rates the event as a match."""
        found, problems = [], set()
        for board in self.game.get("boards", []):
            rule = board.get("rating")
            if rule is None or not holds(rule["on"], event):
                continue
            try:
                match = self.match(event, *map(rule.get, ("winner", "loser", "placements", "ranks")))
                several = match is not None and any(len(team) > 1 for team in match[0])
                if match is not None and len(match[0]) < 2 or several and rule["system"] != "openskill":
                    raise Misfit("placements has ")
            except Misfit as misfit:
                problems.add(str(misfit))
                continue
            if match is not None:
                found.append((board, *match))
        return found, problems

    # --- figures -------------------------------------------------------------------------------

    def places(self, figure, ms):
        """Where a figure is kept: a board's in each of its windows."""
        kind, name, user = figure
        if kind == "stat":
            return [(self.stats, user, name)]
        board = self.board(name)
        found = []
        for window in windows.kinds(board):
            at = windows.names(board, window, ms, self.zone(board))
            if at is not None:
                found.append((self.boards, (name, at[0]), user))
        return found

    def value(self, changes, place):
        """(value, when it was reached), or (None, None)."""
        table, key, name = place
        if (id(table), key, name) in changes:
            return changes[(id(table), key, name)][1:]
        old = table.get(key, {}).get(name)
        return (None, None) if old is None else old

    def change(self, changes, effect, at, bounded):
        figure, operation, number = effect
        if isinstance(number, tuple):
            number = self.value(changes, self.places(number, at[0])[0])[0]
        for place in self.places(figure, at[0]):
            old, reached = self.value(changes, place)
            new = number
            if old is not None and operation != "set":
                new = {"add": old + number, "max": max(old, number), "min": min(old, number)}[operation]
            rounded = operation == "add" and old is not None and abs(new) >= LIMIT and new - number != old
            if abs(new) > LIMIT or math.isnan(new) or rounded:
                raise Misfit("a figure would be beyond 2^53")
            if old is None or new != old:
                reached = max(at, reached) if operation == "add" and old is not None else at
            changes[(id(place[0]), place[1], place[2])] = (place, new, reached)
            if figure[0] == "board" and bounded:
                self.check_bounds(figure, operation, old, new)

    def rate(self, changes, states, board, teams, ranks, ms, at, bounded):
        rule = board["rating"]
        players = [player for team in teams for player in team]
        before = iter([states.get((board["id"], player), self.ratings.get((board["id"], player)))
                       or ratings.START[rule["system"]](rule) for player in players])
        after = ratings.rate(rule, [[next(before) for _ in team] for team in teams], ranks, ms)
        for player, state in zip(players, after):
            states[(board["id"], player)] = state
            self.change(changes, (("board", board["id"], player), "set", ratings.shown(rule, state)), at, bounded)

    def commit(self, changes, states, at):
        for (table, key, name), value, reached in changes.values():
            table.setdefault(key, {})[name] = (value, reached)
        for (board, player), state in states.items():
            self.ratings[(board, player)] = state
            course = self.history.setdefault((board, player), [])
            course.append((at[0], ratings.shown(self.board(board)["rating"], state)))
            del course[:-100]

    def count_match(self, event, match, at):
        teams, ranks = match
        for i, team in enumerate(teams):
            shared = ranks.count(ranks[0])
            result = "loss" if ranks[i] > ranks[0] else "win" if shared == 1 else "draw"
            for player in team:
                entries = self.matches.setdefault(player, [])
                entries.insert(0, {"game_id": event[b"game_id"].decode(), "at": windows.text(at[0]), "result": result,
                                   "placements": teams, "ranks": ranks})
                del entries[self.game.get("matches", 20):]
                for j, others in enumerate(teams):
                    for other in others if j != i and self.game.get("head_to_head", True) else ():
                        tally = self.versus.setdefault((player, other), [0, 0, 0])
                        tally[0 if ranks[i] < ranks[j] else 1 if ranks[i] > ranks[j] else 2] += 1

    def scores(self, board, name):
        """Of a window, as it is read: user -> (score, reached)."""
        scores = self.boards.get((board["id"], name), {})
        return {user: score for user, score in scores.items() if user not in self.hidden}


def sort_entries(board, scores):
    """scores: user -> (score, reached). Equal scores stand by when they were reached, or else by the user's id."""
    up = board.get("order", "desc") == "asc"
    first = board.get("ties") == "first"

    def key(item):
        user, (score, reached) = item
        if first and not up:  # the earlier is ahead; the ids run the other way round, as the scores do
            return score, (-reached[0], -reached[1]), user.encode()
        return score, reached if first else (), user.encode()
    return [(user, score) for user, (score, _) in sorted(scores.items(), key=key, reverse=not up)]


def ranks(board, scores):
    """The ranks of scores that are in the board's order."""
    ties = board.get("ties", "competition")
    if ties == "first":
        return [i + 1 for i in range(len(scores))]
    if ties == "dense":
        return [len(set(scores[:i + 1])) for i in range(len(scores))]
    return [scores.index(score) + 1 for score in scores]
