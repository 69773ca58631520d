"""Who is on a board: players who are hidden or banned, and seasons that are closed."""
import json
import threading
import time

import pytest

from stack import STREAM, Stack, game_file, wait_for
from test_varcadectl import ask, audit, ctl

TIES = ("competition", "dense", "first")
SCORE = {"on": {"type": "score"}, "player": "user_id", "add": {"field": "score"}}


def rfc3339(t):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(t)) + f".{int(t * 1000) % 1000:03d}Z"


@pytest.fixture(scope="module")
def league(game_server):
    """A season that has begun and is far from its end; events may come an hour late."""
    now = time.time()
    seasons = [{"id": "spring", "from": rfc3339(now - 7200), "to": rfc3339(now + 7200)},
               {"id": "summer", "from": rfc3339(now + 7200), "to": rfc3339(now + 9000)}]
    boards = [{"id": name, "seasons": seasons, "windows": ["all", "daily"], "from": [SCORE]} for name in ("one", "two")]
    running = Stack(games={"league": game_file(game_server.url, "league", boards=boards, grace=3600, queues=[])})
    yield running
    running.close()


@pytest.fixture(scope="module")
def cup(game_server):
    """One board of each kind of ties, by high and by low scores, in two windows."""
    boards = [{"id": f"{ties}-{order}", "ties": ties, "order": order, "windows": ["all", "daily"], "from": [SCORE]}
              for ties in TIES for order in ("desc", "asc")]
    running = Stack(games={"cup": game_file(game_server.url, "cup", boards=boards, queues=[])})
    yield running
    running.close()


def score(stack, user, points, product="cup"):
    stack.event("0" * 32, "score", product, user_id=user, score=str(points))


def board(stack, name, product="cup", **parameters):
    answer = stack.http.get(f"{stack.url}/leaderboards/{product}/{name}", params={"limit": 20, **parameters})
    assert answer.status_code == 200, answer.text
    return answer.json()


def boards(stack):
    return {f"{ties}-{order}": board(stack, f"{ties}-{order}") for ties in TIES for order in ("desc", "asc")}


def shown(entries):
    return {e["user_id"]: (e["rank"], e["score"]) for e in entries}


def test_a_hidden_player_is_on_no_board_and_comes_back_right(cup):
    for user, points in ("ann", 5), ("bob", 7), ("cy", 7), ("dee", 9), ("eve", 1):
        score(cup, user, points)
    cup.settle("cup")
    before = boards(cup)
    assert shown(before["dense-desc"]["entries"]) == {"dee": (1, 9), "bob": (2, 7), "cy": (2, 7), "ann": (3, 5), "eve": (4, 1)}
    assert shown(before["first-desc"]["entries"])["bob"] == (2, 7) and shown(before["first-asc"]["entries"])["cy"] == (4, 7)

    out = ctl(cup, "hide", "--product", "cup", "bob")
    assert out.stdout == "boards: 12\n" and "audit: hide" in out.stderr
    assert ("hide", "bob") in [x[1:] for x in audit(cup, "cup")]
    hidden = boards(cup)
    assert all("bob" not in shown(b["entries"]) and b["total"] == 4 for b in hidden.values())
    assert shown(hidden["dense-desc"]["entries"]) == {"dee": (1, 9), "cy": (2, 7), "ann": (3, 5), "eve": (4, 1)}
    assert shown(hidden["first-desc"]["entries"])["cy"] == (2, 7)
    assert shown(hidden["competition-desc"]["entries"])["ann"] == (3, 5)
    player = f"{cup.url}/leaderboards/cup/dense-desc/players/"
    assert cup.http.get(player + "bob").status_code == 404
    assert cup.http.get(player + "ann").json()["to_next"] == 2
    assert cup.http.get(f"{cup.url}/leaderboards/cup/first-desc", params={"ids": "bob,ann"}).json()["entries"][0]["user_id"] == "ann"
    wait_for(lambda: "bob" not in cup.http.get(f"{cup.url}/leaderboards/cup/competition-desc").text, what="the snapshot")
    assert "bob" not in cup.http.get(f"{cup.url}/leaderboards/top_ten/cup").text
    whole = cup.http.get(f"{cup.url}/players/cup/bob")
    assert whole.status_code == 200 and whole.json()["boards"] == {}
    assert ask(cup, "hidden list", "cup") == [{"user_id": "bob", "username": None, "banned": False}]

    # What he does counts on, and nobody sees it.
    score(cup, "bob", 3)
    score(cup, "ann", 5)
    cup.settle("cup")
    during = boards(cup)
    assert all("bob" not in shown(b["entries"]) for b in during.values())
    exported = json.loads(ctl(cup, "export player", "cup", "bob").stdout)
    assert exported["hidden"] and not exported["banned"] and exported["boards"]["first-asc:all"] == 10
    ids = [e["user_id"] for e in during["first-desc"]["entries"]]
    assert ids == ["ann", "dee", "cy", "eve"]

    assert ask(cup, "unhide", "cup", "bob") == {"boards": 12}
    after = boards(cup)
    assert shown(after["dense-desc"]["entries"]) == {"bob": (1, 10), "ann": (1, 10), "dee": (2, 9), "cy": (3, 7), "eve": (4, 1)}
    # bob had his ten points before ann had hers.
    assert [e["user_id"] for e in after["first-desc"]["entries"]][:2] == ["bob", "ann"]
    assert [e["user_id"] for e in after["first-asc"]["entries"]][-2:] == ["bob", "ann"]
    assert ask(cup, "hidden list", "cup") == []
    assert not cup.redis.keys("*:hidden")


def test_what_there_is_to_say_no_to(cup):
    score(cup, "fay", 1)
    cup.settle("cup")
    assert "fay is not hidden" in ctl(cup, "unhide", "cup", "fay", status=1).stderr
    assert "fay is not banned" in ctl(cup, "unban", "cup", "fay", status=1).stderr
    ctl(cup, "hide", "cup", "fay")
    assert "fay is hidden already" in ctl(cup, "hide", "cup", "fay", status=1).stderr
    assert "fay is not banned" in ctl(cup, "unban", "cup", "fay", status=1).stderr
    ctl(cup, "ban", "cup", "fay")
    assert "banned already" in ctl(cup, "ban", "cup", "fay", status=1).stderr
    assert "unban" in ctl(cup, "unhide", "cup", "fay", status=1).stderr
    assert "fay\tbanned\t\n" == ctl(cup, "hidden list", "cup").stdout
    ctl(cup, "unban", "cup", "fay")
    assert "fay" in shown(board(cup, "dense-asc")["entries"])
    assert "nobody.json" in ctl(cup, "hide", "nobody", "fay", status=1).stderr
    ctl(cup, "hide", "cup", "a\tb", status=2)
    ctl(cup, "hide", "cup", status=2)


def test_a_banned_player_cannot_play(cup):
    assert cup.create("gus", product="cup").status_code == 200
    ctl(cup, "ban", "cup", "gus")
    refused = cup.create("gus", product="cup")
    assert refused.status_code == 403 and refused.headers["Content-Type"] == "application/problem+json"
    assert "banned" in refused.json()["detail"]
    host = cup.create("hal", product="cup").json()
    cup.event(host["game_id"], "state_change", "cup", new_state="creator_joined")
    cup.settle("cup")
    assert cup.join(host["game_id"], "gus", product="cup").status_code == 403
    private = cup.http.post(f"{cup.url}/game_lobby/cup/create_game", headers=cup.auth("ida"), json={"private": True}).json()
    for way in ("quick_match", f"join_code/{private['join_code']}"):
        assert cup.http.post(f"{cup.url}/game_lobby/cup/{way}", headers=cup.auth("gus")).status_code == 403, way
    # Against whom he still plays, counts.
    cup.event(host["game_id"], "game_over", "cup", winner_id="hal", loser_id="gus")
    cup.settle("cup")
    assert cup.http.get(f"{cup.url}/players/cup/hal").json()["stats"]["wins"] == 1
    ctl(cup, "unban", "cup", "gus")
    assert cup.create("gus", product="cup").status_code == 200


def test_hidden_and_shown_while_events_come(cup):
    """Whatever a batch was computed from, no point is lost and none counts twice."""
    users, points, done = [f"busy{n}" for n in range(4)], 400, threading.Event()

    def play():
        for n in range(points):
            cup.redis.xadd(STREAM, {"product_id": "cup", "type": "score", "user_id": users[n % 4], "score": "1"})
        done.set()

    thread = threading.Thread(target=play)
    thread.start()
    while not done.is_set():
        ctl(cup, "hide", "cup", "busy1")
        ctl(cup, "unhide", "cup", "busy1")
    thread.join()
    score(cup, "busy0", 0)
    cup.settle("cup")
    for name, content in boards(cup).items():
        assert all(shown(content["entries"])[user][1] == points / 4 for user in users), name
    today = time.strftime("%Y-%m-%d", time.gmtime())
    assert shown(board(cup, "dense-desc", at=today)["entries"])["busy1"][1] == points / 4


def test_erase_of_a_hidden_player(cup):
    score(cup, "ida", 3)
    cup.settle("cup")
    ctl(cup, "hide", "cup", "ida")
    assert len([k for k in ask(cup, "erase", "cup", "ida")["erased"] if ":board:" in k]) == 12
    score(cup, "ida", 2)
    cup.settle("cup")
    assert "ida" not in shown(board(cup, "dense-desc")["entries"])
    ctl(cup, "unhide", "cup", "ida")
    assert shown(board(cup, "dense-desc")["entries"])["ida"][1] == 2


def season(stack, board="one"):
    answer = stack.http.get(f"{stack.url}/leaderboards/league/{board}", params={"at": "s-spring"})
    assert answer.status_code == 200, answer.text
    return {e["user_id"]: e["score"] for e in answer.json()["entries"]}, answer.json()["ends"]


def close(stack, *args, name="spring", **kwargs):
    return ctl(stack, "season close", "league", name, "--board", "one", *args, **kwargs)


def late(stack, user, points, when):
    stack.event("0" * 32, "score", "league", user_id=user, score=str(points), time=when)


def test_a_season_is_closed(league):
    score(league, "ann", 5, "league")
    late(league, "ann", 10, rfc3339(time.time() - 7210))
    league.settle("league")
    by_file = season(league)[1]
    assert season(league)[0] == {"ann": 15}
    assert "no board" in ctl(league, "season close", "league", "spring", "--board", "three", status=1).stderr
    assert "no season" in close(league, name="autumn", status=1).stderr
    assert "not begun" in close(league, name="summer", status=1).stderr
    assert "not begun" in close(league, "--at", rfc3339(time.time() - 7210), status=1).stderr
    assert "has ended by then" in close(league, "--at", rfc3339(time.time() + 8000), status=1).stderr
    assert "count in the season spring already" in close(league, "--at", rfc3339(time.time() - 60), status=1).stderr
    close(league, "--at", "tomorrow", status=2)
    ctl(league, "season close", "league", "spring", status=2)

    out = close(league, "--product", "league", status=None)  # twice a product: one argument too many
    assert out.returncode == 2
    soon = rfc3339(time.time() + 3000)
    assert json.loads(close(league, "--at", soon, "--json").stdout) == {"ends": soon}
    assert season(league) == ({"ann": 15}, soon)
    score(league, "ann", 1, "league")
    league.settle("league")
    before = time.time()
    ended = json.loads(close(league, "--json").stdout)["ends"]
    assert rfc3339(before - 1) < ended < rfc3339(time.time() + 1)
    assert ("season close", "one:spring") in [x[1:] for x in audit(league, "league")]
    assert "ended at " + ended in close(league, status=1).stderr

    score(league, "ann", 100, "league")
    league.settle("league")
    assert season(league) == ({"ann": 16}, ended)
    assert season(league, "two") == ({"ann": 116}, by_file)
    assert league.http.get(f"{league.url}/leaderboards/league/one", params={"limit": 1}).json()["entries"][0]["score"] == 116
    # What was late and happened before, counts.
    late(league, "bob", 7, rfc3339(before - 30))
    late(league, "bob", 70, rfc3339(time.time() + 60))
    late(league, "bob", 700, "yesterday")
    league.settle("league")
    assert season(league) == ({"ann": 16, "bob": 7}, ended)
    player = league.http.get(f"{league.url}/leaderboards/league/one/players/bob", params={"at": "s-spring"}).json()
    assert (player["rank"], player["to_next"], player["total"], player["ends"]) == (2, 9, 2, ended)
    # A worker that starts knows of it.
    league.signal("worker", 9)
    score(league, "cy", 1, "league")
    league.settle("league")
    assert "cy" not in season(league)[0] and "cy" in season(league, "two")[0]
