"""What leaderboards elsewhere have had wrong, one test each."""
import random
import time

import pytest

import windows
from setting import STREAM, Setting, wait_for

TIES = ("competition", "dense", "first")
DAY = 86400000
RANKS = {"competition": [1, 1, 1, 4, 4, 6, 7, 7, 7, 7, 11], "dense": [1, 1, 1, 2, 2, 3, 4, 4, 4, 4, 5],
         "first": list(range(1, 12))}
SCORES = [50, 50, 50, 40, 40, 30, 20, 20, 20, 20, 10]  # of p0, p1, …

GAME = {
    "product_id": "tanks", "game_server_url": "http://127.0.0.1:1", "game_socket_url": "ws://127.0.0.1:1/",
    "stats": [{"on": {"type": "score"}, "player": "user_id", "add": {"scores": 1}}],
    "boards": [{"id": ties, "ties": ties, "windows": ["all", "monthly", "daily"], "keep": 366, "timezone": "Europe/Berlin",
                "from": [{"on": {"type": "score"}, "player": "user_id", "set": {"field": "score"}}]}
               for ties in TIES],
}


class Game(Setting):
    def __init__(self):
        super().__init__({"tanks": GAME})
        self.start_worker()

    def score(self, user, score, at="*"):
        self.redis.xadd(STREAM, {"product_id": "tanks", "type": "score", "user_id": user, "score": score}, id=at)

    def scores(self, scores):
        for user, score in scores:
            self.score(user, score)
        self.settle("tanks")

    def entries(self, ties, **parameters):
        status, page = self.ask("leaderboards", "tanks", ties, **{"limit": 100, **parameters})
        assert status == 200, page
        return [(entry["rank"], entry["user_id"], entry["score"]) for entry in page["entries"]]

    def player(self, ties, user, **parameters):
        return self.ask("leaderboards", "tanks", ties, "players", user, **parameters)


@pytest.fixture
def game():
    with Game() as running:
        yield running


def in_order(ties):
    """SCORES as a board has them: of equal ones the first is ahead, or else the id that is last."""
    users = [f"p{i}" for i in range(len(SCORES))]
    return sorted(zip(users, SCORES), key=lambda e: (-e[1], int(e[0][1:]))) if ties == "first" else sorted(
        zip(users, SCORES), key=lambda e: (e[1], e[0]), reverse=True)


def test_every_view_has_the_new_rank_at_once(game):
    """Page, place, neighbours, friends and profile after each change, of those too who did nothing themselves."""
    r = random.Random(1)
    present = {}
    for _ in range(40):
        user = f"u{r.randrange(8)}"
        present[user] = r.randint(0, 4)
        game.scores([(user, present[user])])
        for ties in ("competition", "dense"):
            scores = sorted(present.values(), reverse=True)
            ranks = {who: (sorted(set(scores), reverse=True) if ties == "dense" else scores).index(score) + 1
                     for who, score in present.items()}
            page = game.entries(ties)
            assert {who: rank for rank, who, _ in page} == ranks
            assert game.entries(ties, ids=",".join(present)) == page
            for who, rank in ranks.items():
                place = game.player(ties, who, around=50)[1]
                assert place["rank"] == rank
                assert [(e["rank"], e["user_id"], e["score"]) for e in place["neighbours"]] == page
                assert game.get(f"/players/tanks/{who}")["boards"][ties]["rank"] == rank


@pytest.mark.parametrize("ties", TIES)
def test_pages_have_the_same_ranks_forwards_and_backwards(game, ties):
    """Also where a page begins in the middle of a tie."""
    game.scores((f"p{i}", score) for i, score in enumerate(SCORES))
    whole = game.entries(ties)
    assert [rank for rank, _, _ in whole] == RANKS[ties]
    assert [(user, score) for _, user, score in whole] == in_order(ties)
    for limit in range(1, 12):
        offsets = list(range(0, 12, limit))
        forwards = [game.entries(ties, offset=offset, limit=limit) for offset in offsets]
        backwards = [game.entries(ties, offset=offset, limit=limit) for offset in reversed(offsets)]
        assert sum(forwards, []) == whole and list(reversed(backwards)) == forwards


@pytest.mark.parametrize("ties", TIES)
def test_everybody_is_among_the_neighbours_in_the_right_place(game, ties):
    """As many above as below, or at the ends of the board as many as there are, and never one too few."""
    game.scores((f"p{i}", score) for i, score in enumerate(SCORES))
    whole = game.entries(ties)
    for position, (rank, user, _) in enumerate(whole):
        for around in range(0, 13):
            place = game.player(ties, user, around=around)[1]
            told = [(e["rank"], e["user_id"], e["score"]) for e in place["neighbours"]]
            first = min(max(position - around, 0), max(len(whole) - 2 * around - 1, 0))
            assert told == whole[first:first + 2 * around + 1]
            assert place["rank"] == rank and len(told) == min(2 * around + 1, len(whole))


def test_equal_scores_stand_in_one_order(game):
    """By id, in whatever order they came, whoever asks and how often; by time only where the board says so."""
    r = random.Random(2)
    users = [f"p{i}" for i in range(9)]
    for _ in range(3):
        r.shuffle(users)
        game.scores((user, 7) for user in users)
        game.scores((user, 1) for user in users[:4])
        game.scores((user, 7) for user in users[:4])
        for ties in ("competition", "dense"):
            expected = [(1, user, 7) for user in sorted(users, reverse=True)]
            assert all(game.entries(ties) == expected for _ in range(5))
        expected = game.entries("first")
        assert [rank for rank, _, _ in expected] == list(range(1, 10))
        assert [user for _, user, _ in expected[-4:]] == users[:4]  # these came to it last
        game.stop_worker()
        game.start_worker()
        game.scores([("p0", 7)])
        assert game.entries("first") == expected


def test_an_equal_score_again_does_not_move_the_time(game):
    game.scores([("a", 5), ("b", 5), ("a", 5), ("a", 5.0), ("a", "5e0")])
    assert game.entries("first") == [(1, "a", 5), (2, "b", 5)]
    game.scores([("a", 5)])
    assert game.entries("first") == [(1, "a", 5), (2, "b", 5)]
    game.scores([("a", 4), ("a", 5)])
    assert game.entries("first") == [(1, "b", 5), (2, "a", 5)]


@pytest.mark.parametrize("together", [True, False])
def test_a_score_counts_in_the_window_in_which_it_was_made(game, together):
    """In the last millisecond of a day it is that day's, however late it is read; in the next one it is the next day's."""
    now = int(time.time() * 1000)
    today = windows.day_of("Europe/Berlin", now)
    start = windows.day_start("Europe/Berlin", today)
    before = windows.names({}, "daily", start - 1, "Europe/Berlin")[0]
    if together:
        game.stop_worker()  # all of it is one batch, long after both
    for user, at in (("early", start - 1000), ("last", start - 1), ("both", start - 1), ("first", start), ("both", start)):
        game.score(user, 1 if at < start else 2, f"{at}-*")
        if not together:
            wait_for(lambda user=user: game.ask("stats", "tanks", user)[1] != {}, what="the score")
    if together:
        game.start_worker()
    game.settle("tanks")
    for ties in TIES:
        assert {user: score for _, user, score in game.entries(ties, at=before)} == {"early": 1, "last": 1, "both": 1}
        assert {user: score for _, user, score in game.entries(ties, window="daily")} == {"first": 2, "both": 2}
        assert {user: score for _, user, score in game.entries(ties)} == {"early": 1, "last": 1, "both": 2, "first": 2}


def test_who_is_erased_is_ranked_nowhere(game):
    """Everybody behind moves up, on every board and in every window, and nothing brings the player back but a new score."""
    game.scores((f"p{i}", score) for i, score in enumerate(SCORES))
    gone = {"p0", "p3", "p5", "p10"}
    for user in gone:
        game.ctl("erase", "--config", game.dir / "varcade.json", "tanks", user)
    left = [(user, score) for user, score in zip((f"p{i}" for i in range(11)), SCORES) if user not in gone]
    expected = {"competition": [1, 1, 3, 4, 4, 4, 4], "dense": [1, 1, 2, 3, 3, 3, 3], "first": [1, 2, 3, 4, 5, 6, 7]}
    for again in range(2):
        for ties in TIES:
            for parameters in ({}, {"window": "daily"}, {"window": "monthly"}):
                entries = game.entries(ties, **parameters)
                assert [rank for rank, _, _ in entries] == expected[ties]
                assert sorted(user for _, user, _ in entries) == sorted(user for user, _ in left)
                assert game.entries(ties, ids="p0,p1,p3", **parameters) == [e for e in entries if e[1] == "p1"]
                for user in gone:
                    assert game.player(ties, user, **parameters)[0] == 404
                for user, _ in left:
                    place = game.player(ties, user, around=50, **parameters)[1]
                    assert place["total"] == len(left) == len(place["neighbours"])
        for user in gone:
            assert game.get(f"/players/tanks/{user}")["boards"] == {} and game.get(f"/stats/tanks/{user}") == {}
        if not again:
            game.stop_worker()
            game.start_worker()
            game.scores(left)  # the same scores: nothing moves
    game.scores([("p0", 60)])
    for ties in TIES:
        assert game.entries(ties)[0] == (1, "p0", 60)
    assert game.get("/stats/tanks/p0") == {"scores": "1"}
