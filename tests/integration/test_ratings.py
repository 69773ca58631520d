"""Events that are more than a sum: ratings, scores and names, from the stream to the boards."""
import contextlib
import signal

import pytest

from stack import Stack, game_file, wait_for

SCORES = [{"id": "high", "from": [{"on": {"type": "score"}, "player": "user_id", "max": {"field": "score"}}]}]


@pytest.fixture(scope="module")
def stack(game_server):
    running = Stack(games={"exrps": game_file(game_server.url),
                           "arcade": game_file(game_server.url, "arcade", boards=SCORES)})
    yield running
    running.close()


def board(stack, product, name, **parameters):
    page = stack.http.get(f"{stack.url}/leaderboards/{product}/{name}", params=parameters)
    assert page.status_code == 200, page.text
    return {entry["user_id"]: entry["score"] for entry in page.json()["entries"]}


def test_glicko2(stack):
    """The example's rating board: each match a period, new players 1500/350/0.06."""
    for winner, loser in (("r1", "r2"), ("r1", "r3"), ("r1", "r1")):
        stack.event("0" * 32, "game_over", winner_id=winner, loser_id=loser)
    stack.settle()
    scores = board(stack, "exrps", "rating", limit=100)
    assert set(scores) >= {"r1", "r2", "r3"}
    # The formulas of Glickman's paper for 1500/350 v 1500/350, which everybody starts with.
    assert abs(scores["r2"] - 1337.6891057) < 1e-6
    assert scores["r1"] > 1662.3108943 and scores["r3"] > scores["r2"]
    stored = stack.redis.hget("{exrps}:0:player:r2", "r:rating").split(" ")
    assert float(stored[0]) == scores["r2"] and stored[3] == "1"
    assert stack.redis.hget("{exrps}:0:player:r1", "r:rating").split(" ")[3] == "2"  # nobody beats himself
    wait_for(lambda: board(stack, "exrps", "rating") == dict(list(scores.items())[:25]),
             what="the rating board's snapshot")


def test_scores_and_names(stack):
    """A score needs no match; a name sent by the game server is shown at once."""
    redis = stack.redis
    for user, score in (("s1", "1250.5"), ("s2", "9007199254740992"), ("s1", "10"), ("s3", "-3")):
        redis.xadd("game_event_stream", {"product_id": "arcade", "type": "score", "user_id": user, "score": score})
    before = redis.xlen("{arcade}:deadletters")
    for score in ("lots", "1e400", "NaN", ""):
        redis.xadd("game_event_stream", {"product_id": "arcade", "type": "score", "user_id": "s4", "score": score})
    for name in ({"user_id": "s1", "username": "First"}, {"user_id": "s1", "username": "Zoë 🎲"},
                 {"user_id": "s1"}, {"user_id": "s1", "username": "a\nb"}):
        redis.xadd("game_event_stream", {"product_id": "arcade", "type": "player_name", **name})
    url = f"{stack.url}/leaderboards/arcade/high"

    def entries(query):
        return [(e["rank"], e["user_id"], e["username"], e["score"])
                for e in stack.http.get(url + query).json()["entries"]]

    wanted = [(1, "s2", None, 9007199254740992), (2, "s1", "Zoë 🎲", 1250.5), (3, "s3", None, -3)]
    wait_for(lambda: entries("?limit=10") == wanted, what="the scores")
    wait_for(lambda: entries("") == wanted, what="the scores' snapshot")
    wait_for(lambda: redis.xlen("{arcade}:deadletters") == before + 6, what="the dead letters")
    # A name alone makes the snapshot new.
    redis.xadd("game_event_stream", {"product_id": "arcade", "type": "player_name", "user_id": "s3", "username": "Cee"})
    wait_for(lambda: entries("")[2][2] == "Cee", what="the name in the snapshot")


def test_events_sent_twice(stack):
    """An event_id counts once: in one batch, in later ones, and across the death of the worker."""
    redis = stack.redis

    def send(number, times):
        for _ in range(times):
            redis.xadd("game_event_stream", {"product_id": "exrps", "game_id": "0" * 32, "type": "game_over",
                                             "winner_id": "once", "loser_id": f"o{number % 7}",
                                             "event_id": f"match-{number}"})

    def wins():
        return int(redis.hget("{exrps}:0:stats:once", "wins") or 0)

    before = redis.xlen("{exrps}:deadletters")
    redis.xadd("game_event_stream", {"product_id": "exrps", "game_id": "0" * 32, "type": "game_over",
                                     "winner_id": "once", "event_id": "match-0"})  # a dead letter does not count
    redis.xadd("game_event_stream", {"product_id": "exrps", "type": "x", "event_id": "a\nb"})
    send(0, 3)
    wait_for(lambda: wins() == 1, what="the first")
    for number in range(1, 200):
        send(number, 2)
        if number % 50 == 25:
            with contextlib.suppress(ProcessLookupError):  # killed, and not yet started again
                stack.signal("worker", signal.SIGKILL)
        send(number - 1, 1)
    stack.event("0" * 32, "game_over", winner_id="the end", loser_id="o0")
    stack.settle()
    assert wins() == 200
    assert sum(int(redis.hget("{exrps}:0:versus:once", f"o{i}").split()[0]) for i in range(7)) == 200
    assert redis.zcard("{exrps}:0:seen") == 200
    assert redis.xlen("{exrps}:deadletters") == before + 2
