"""Ratings: from the stream to the board, through the real programs."""
from stack import wait_for


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
    stored = stack.redis.hget("{exrps}:player:r2", "r:rating").split(" ")
    assert float(stored[0]) == scores["r2"] and stored[3] == "1"
    assert stack.redis.hget("{exrps}:player:r1", "r:rating").split(" ")[3] == "2"  # nobody beats himself
    wait_for(lambda: board(stack, "exrps", "rating") == dict(list(scores.items())[:25]),
             what="the rating board's snapshot")
