"""Whether what can be read of varcade is what the model says."""
import math
import re
import time

import windows
from model import ranks, sort_entries


def same(left, right):
    """Numbers: the same but for the last digits, where two programs may round differently."""
    return math.isclose(left, right, rel_tol=1e-7, abs_tol=1e-7)


def check_state(told, state, about):
    expected = {name: state[name] for name in ("rating", "deviation", "volatility", "mu", "sigma", "matches") if name in state}
    assert set(told) == set(expected), (about, told)
    assert all(same(told[name], value) for name, value in expected.items()), (about, told, expected)


def check_stats(setting, model, product, user):
    told = setting.ask("stats", product, user)[1]
    expected = {name: value for name, (value, _) in model.stats.get(user, {}).items()}
    assert {name: float(text) for name, text in told.items()} == expected, (user, told, expected)
    for text in told.values():
        assert re.match(r"-?\d+\Z", text) or float(text) % 1 != 0, text  # whole numbers have no point


class Board:
    """One window of a board as it is read, compared with the model: scores and their order, ranks, pages, players."""

    def __init__(self, setting, model, product, board, kind, name):
        self.setting, self.model, self.product, self.board, self.kind = setting, model, product, board, kind
        self.scores = model.scores(board, name)
        self.parameters = {"window": kind} if kind == "all" else {"at": name}
        self.about = (product, board["id"], name)
        self.entries = []
        while True:
            page = self.page(limit=100, offset=len(self.entries))
            self.entries += page["entries"]
            if len(page["entries"]) < 100:
                break
        self.total = page["total"]
        self.where = (page["window"], page["at"], page["starts"], page["ends"])

    def page(self, **parameters):
        status, page = self.setting.ask("leaderboards", self.product, self.board["id"], **self.parameters, **parameters)
        assert status == 200, (self.about, page)
        return page

    def check(self, name, ends):
        """All of it; ends: the window's, or None."""
        assert self.where[:2] == (self.kind, name), (self.about, self.where)
        assert [at and windows.parse(at) for at in self.where[2:]] == list(ends), (self.about, self.where, ends)
        told = {entry["user_id"]: entry["score"] for entry in self.entries}
        assert len(told) == len(self.entries) == self.total == len(self.scores), (self.about, told, self.scores)
        assert set(told) == set(self.scores), (self.about, told, self.scores)
        rated = "rating" in self.board
        for user, (score, _) in self.scores.items():
            assert same(told[user], score) if rated else told[user] == score, (self.about, user, told[user], score)
        # Two ratings may differ in their last digit here and there: the order is that of the scores that are told.
        expected = sort_entries(self.board, {user: (told[user], self.scores[user][1]) for user in told})
        assert [(entry["user_id"], entry["score"]) for entry in self.entries] == expected, self.about
        assert [entry["rank"] for entry in self.entries] == ranks(self.board, [s for _, s in expected]), self.about
        for entry in self.entries:
            assert entry["username"] == self.model.names.get(entry["user_id"]), self.about

    def check_pages(self, r):
        """The same entries by small pages, and by ids."""
        limit = r.randint(1, 5)
        for offset in range(0, self.total + limit, limit):
            page = self.page(limit=limit, offset=offset)
            assert page["entries"] == self.entries[offset:offset + limit], (self.about, offset, limit)
            assert page["total"] == self.total
        assert self.page(limit=0)["entries"] == []
        some = [e["user_id"] for e in r.sample(self.entries, min(len(self.entries), 5)) if "," not in e["user_id"]]
        ids = some + ["nobody"] + some[:1]
        r.shuffle(ids)
        assert self.page(ids=",".join(ids))["entries"] == [e for e in self.entries if e["user_id"] in some], self.about

    def check_histogram(self, buckets):
        """Each score is in the one bucket whose edges it lies between."""
        status, told = self.setting.ask("leaderboards", self.product, self.board["id"], "histogram", buckets=buckets,
                                        **self.parameters)
        assert status == 200, (self.about, told)
        scores, edges = [entry["score"] for entry in self.entries], told["edges"]
        assert (told["total"], told["min"], told["max"]) == (self.total, min(scores), max(scores)), (self.about, told)
        assert len(told["counts"]) == (buckets if min(scores) < max(scores) else 1), (self.about, told)
        assert len(edges) == len(told["counts"]) + 1 and sorted(edges) == edges, (self.about, told)
        assert edges[0] == min(scores) and edges[-1] == max(scores), (self.about, told)
        last = len(told["counts"]) - 1
        assert told["counts"] == [sum(low <= score < high or i == last and score == high for score in scores)
                                  for i, (low, high) in enumerate(zip(edges, edges[1:]))], (self.about, told, scores)

    def better(self, position):
        """How many are better than who stands there."""
        if self.board.get("ties") == "first":
            return position
        scores = [entry["score"] for entry in self.entries]
        return scores.index(scores[position])

    def standing(self, position):
        better = self.better(position)
        return better, math.ceil((self.total - better - 1) * 100 / self.total)

    def check_player(self, position, around):
        entry = self.entries[position]
        status, told = self.setting.ask("leaderboards", self.product, self.board["id"], "players", entry["user_id"],
                                        around=around, **self.parameters)
        assert status == 200, (self.about, entry, told)
        better, percentile = self.standing(position)
        assert {key: told[key] for key in entry} == entry, (self.about, told)
        assert told["percentile"] == percentile and told["total"] == self.total, (self.about, told)
        if better == 0:
            assert told["to_next"] is None, (self.about, told)
        else:
            assert told["to_next"] == abs(float(self.entries[better - 1]["score"]) - entry["score"]), (self.about, told)
        size = min(2 * around + 1, self.total)  # full at the ends too
        assert len(told["neighbours"]) == size and entry in told["neighbours"], (self.about, told)
        first = max(0, min(position - around, self.total - size))
        assert told["neighbours"] == self.entries[first:first + size], (self.about, told)


def check_profile(setting, model, product, user, other, standard):
    """GET /players; standard: board -> Board of its standard window."""
    rated = [board["id"] for board in model.game["boards"] if "rating" in board]
    told = setting.ask("players", product, user, versus=other)[1]
    assert told["user_id"] == user and told["username"] == model.names.get(user), told
    assert told["stats"] == {name: value for name, (value, _) in model.stats.get(user, {}).items()}, told
    assert set(told["ratings"]) == {board for board in rated if (board, user) in model.ratings}, told
    for board, state in told["ratings"].items():
        check_state(state, model.ratings[(board, user)], (product, board, user))
    places = {}
    for name, board in standard.items():
        for position, entry in enumerate(board.entries):
            if entry["user_id"] == user:
                places[name] = {"rank": entry["rank"], "score": entry["score"],
                                "percentile": board.standing(position)[1], "total": board.total}
    assert told["boards"] == places, (product, user, told["boards"], places)
    expected = model.matches.get(user, [])
    assert told["matches"] == expected, (product, user, told["matches"], expected)
    tally = dict(zip(("wins", "losses", "draws"), model.versus.get((user, other), [0, 0, 0])))
    expected = {"user_id": other, "username": model.names.get(other), **tally}
    assert told["head_to_head"] == (expected if model.game.get("head_to_head", True) else {}), (product, user, told)
    for board in rated:
        course = setting.ask("players", product, user, history=board)[1]["history"]
        expected = model.history.get((board, user), [])
        assert [point["at"] for point in course] == [windows.text(ms) for ms, _ in expected], (product, user, board)
        assert all(same(point["rating"], score) for point, (_, score) in zip(course, expected)), (product, user, board)


def check_letters(setting, model, product):
    letters = setting.letters(product)
    told = [tuple(int(part) for part in letter["source_id"].split("-")) for letter in letters]
    assert told == [at for at, _ in model.letters], (product, set(told) ^ {at for at, _ in model.letters})
    for letter, (_, reasons) in zip(letters, model.letters):
        assert any(letter["reason"].startswith(reason) for reason in reasons), (product, letter, reasons)


def check_quarantine(setting, model, product):
    told = {tuple(int(part) for part in event["source_id"].split("-")): (event["board"], event["bound"], event["user_id"])
            for event in setting.letters(product, "quarantine")}
    assert told == model.held, (product, set(told.items()) ^ set(model.held.items()))


def standard_window(board, now, zone):
    kind = "all" if "all" in board.get("windows", ["all"]) else board["windows"][0]
    return kind, windows.names(board, kind, now, zone)[0]


def check_board(setting, model, product, board, now, r):
    """Every window that can be read, and some that cannot. Returns the standard one."""
    zone = model.zone(board)
    kind, standard = standard_window(board, now, zone)
    found = Board(setting, model, product, board, kind, standard)
    for kind in windows.kinds(board):
        names = {name for (where, name) in model.boards if where == board["id"]}
        spans = spans_of(model, board, kind)
        keep = set(windows.readable(board, kind, now, zone))
        for name in sorted(names & keep & set(spans)):
            window = Board(setting, model, product, board, kind, name)
            window.check(name, spans[name])
            if r.random() < 0.15 and window.entries:
                window.check_pages(r)
                window.check_histogram(r.choice([1, 2, 3, 10, 100]))
                for position in r.sample(range(window.total), min(window.total, 4)):
                    window.check_player(position, r.choice([0, 1, 2, 5, 50]))
        for name in sorted(names & set(spans) - keep)[-3:]:
            status, told = setting.ask("leaderboards", product, board["id"], at=name)
            assert status == 404 and told["detail"] == "The window is no longer kept", (product, board["id"], name, told)
    return found


def spans_of(model, board, kind):
    """The windows of this kind that events were in: name -> (starts, ends)."""
    spans = {}
    for ms in model.touched:
        at = windows.names(board, kind, ms, model.zone(board))
        if at is not None:
            spans[at[0]] = at[1:]
    return spans


def check_rebuilt(setting, product):
    """All that was counted, counted anew from the stream, is the same."""
    setting.ctl("rebuild", "--config", setting.dir / "varcade.json", "--verify", product)


def check_all(setting, models, users, r):
    for product, model in models.items():
        now = int(time.time() * 1000)
        model.touched = {reached[0] for scores in model.boards.values() for _, reached in scores.values()}
        standard = {board["id"]: check_board(setting, model, product, board, now, r) for board in model.game["boards"]}
        for user in [*users[product], "nobody"]:
            check_stats(setting, model, product, user)
            check_profile(setting, model, product, user, r.choice(users[product]), standard)
        check_letters(setting, model, product)
        check_quarantine(setting, model, product)
        check_rebuilt(setting, product)
        if model.game["boards"]:
            first = next(iter(standard.values()))
            assert setting.ask("leaderboards", "top_ten", product)[1] == [
                {"user_id": e["user_id"], "score": e["score"]} for e in first.entries[:10]], product
