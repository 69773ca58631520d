"""GET /players/…: everything that is known of a player, from the stream through the real programs."""
import json

import pytest

from stack import Stack, game_file, wait_for
from test_varcadectl import ctl

GAME = "0" * 32
ARENA = [{"id": "skill", "rating": {"system": "openskill", "on": {"type": "game_over"}, "placements": "placements",
                                    "ranks": "ranks", "scale": 10, "base": 100}},
         {"id": "time", "order": "asc", "from": [{"on": {"type": "lap"}, "player": "user_id", "min": {"field": "ms"}}]}]


@pytest.fixture(scope="module")
def stack(game_server):
    running = Stack(games={"exrps": game_file(game_server.url),
                           "arena": game_file(game_server.url, "arena", players=64, stats=[], titles={}, boards=ARENA)})
    yield running
    running.close()


def player(stack, user, product="exrps", **parameters):
    answer = stack.http.get(f"{stack.url}/players/{product}/{user}", params=parameters)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    return answer.json()


EMPTY = {"username": None, "stats": {}, "ratings": {}, "boards": {}, "matches": [], "head_to_head": {}}


def test_nobody(stack):
    assert player(stack, "nobody") == {"user_id": "nobody", **EMPTY}
    assert player(stack, "no%2Fbody%20%C3%A4")["user_id"] == "no/body ä"
    assert player(stack, "nobody", versus="x", history="rating") == {
        "user_id": "nobody", **EMPTY, "history": [],
        "head_to_head": {"user_id": "x", "username": None, "wins": 0, "losses": 0, "draws": 0}}


def test_wrong_requests(stack):
    for path, status in (("/players/nope/a", 400), ("/players/exrps/", 404), ("/players/exrps/a/", 404),
                         ("/players/exrps/a%00", 400), ("/players/exrps/a%ff", 400), ("/players/exrps/a?versus=", 400),
                         ("/players/exrps/a?history=wins", 400), ("/players/exrps/a?history=x", 400)):
        assert stack.http.get(stack.url + path).status_code == status, path
    for search in ("", "?limit=3", "?search=", "?search=%0a", "?search=%ff", "?search=" + 129 * "a", "?search=a&limit=-1"):
        assert stack.http.get(f"{stack.url}/players/exrps{search}").status_code == 400, search
    assert stack.http.get(f"{stack.url}/players/nope?search=a").status_code == 400
    assert stack.http.post(f"{stack.url}/players/exrps/a").status_code == 405
    assert stack.http.head(f"{stack.url}/players/exrps/a").status_code == 200


def test_two_players(stack):
    stack.create("ann", "exrps")
    ids = [stack.event(GAME, "game_over", winner_id=winner, loser_id=loser)
           for winner, loser in (("ann", "bob"), ("ann", "bob"), ("bob", "ann"), ("cat", "bob"))]
    stack.settle()
    ann = player(stack, "ann", versus="bob", history="rating")
    assert list(ann) == ["user_id", "username", "stats", "ratings", "boards", "matches", "head_to_head", "history"]
    assert (ann["username"], ann["stats"]) == ("name of ann", {"games": 3, "wins": 2, "losses": 1})
    assert set(ann["ratings"]["rating"]) == {"rating", "deviation", "volatility", "matches"}
    assert ann["ratings"]["rating"]["matches"] == 3
    assert ann["boards"]["wins"] == {"rank": 1, "score": 2, "percentile": 67, "total": 3}
    assert ann["boards"]["rating"]["score"] == ann["ratings"]["rating"]["rating"]
    assert [match["result"] for match in ann["matches"]] == ["loss", "win", "win"]
    assert ann["matches"][0]["placements"] == [["bob"], ["ann"]] and ann["matches"][0]["game_id"] == GAME
    assert ann["head_to_head"] == {"user_id": "bob", "username": None, "wins": 2, "losses": 1, "draws": 0}
    assert len(ann["history"]) == 3 and ann["history"][-1]["rating"] == ann["ratings"]["rating"]["rating"]
    assert [row["at"] for row in ann["history"]] == [match["at"] for match in reversed(ann["matches"])]
    bob = player(stack, "bob", versus="cat")
    assert bob["boards"]["wins"] == {"rank": 2, "score": 1, "percentile": 34, "total": 3}
    assert bob["head_to_head"]["losses"] == 1 and len(bob["matches"]) == 4
    assert len(ids) == 4


def test_a_rating_of_another_system(stack):
    """Until a rebuild, a board whose system was changed has ratings that are none of the new one."""
    stack.redis.hset("{exrps}:0:player:elo", "r:rating", "1516 1 1516")
    assert player(stack, "elo") == {"user_id": "elo", **EMPTY}


def test_lists_are_bounded(stack):
    for i in range(130):
        stack.event(GAME, "game_over", winner_id="many", loser_id=f"m{i}")
    stack.settle()
    many = player(stack, "many", history="rating")
    assert [match["placements"][1][0] for match in many["matches"]] == [f"m{i}" for i in range(129, 109, -1)]
    assert len(many["history"]) == 100
    assert stack.redis.llen("{exrps}:0:matches:many") == 20 and stack.redis.llen("{exrps}:0:history:many:rating") == 100


def test_teams(stack):
    def over(placements, **fields):
        stack.event(GAME, "game_over", "arena", placements=placements if isinstance(placements, str) else json.dumps(placements),
                    **fields)

    before = stack.redis.xlen("{arena}:deadletters")
    over([["a", "b"], ["c", "d"]])
    over([["a"], ["c"], ["e"]], ranks="[1,1,3]")
    for bad in ("[]", "[[]]", "[[\"a\"],[\"a\"]]", "[[1],[2]]", "x", "{}"):
        over(bad)
    over([["a"], ["b"]], ranks="[1]")
    over([["a"], ["b"]], ranks="[1,\"2\"]")
    stack.event(GAME, "lap", "arena", user_id="a", ms="61000.25")
    stack.settle("arena")
    assert stack.redis.xlen("{arena}:deadletters") == before + 8
    a = player(stack, "a", "arena", versus="c", history="skill")
    assert a["head_to_head"] == {"user_id": "c", "username": None, "wins": 1, "losses": 0, "draws": 1}
    assert [match["result"] for match in a["matches"]] == ["draw", "win"]
    assert a["matches"][0]["ranks"] == [1, 1, 3]
    assert set(a["ratings"]["skill"]) == {"mu", "sigma", "matches"} and a["ratings"]["skill"]["matches"] == 2
    skill = a["ratings"]["skill"]
    assert a["boards"]["skill"]["score"] == (skill["mu"] - 3 * skill["sigma"]) * 10 + 100
    assert a["boards"]["time"] == {"rank": 1, "score": 61000.25, "percentile": 0, "total": 1}
    assert player(stack, "b", "arena", versus="a")["head_to_head"]["wins"] == 0
    assert player(stack, "e", "arena")["matches"][0]["result"] == "loss"
    wait_for(lambda: stack.http.get(f"{stack.url}/leaderboards/arena/skill").json()["total"] == 5, what="the snapshot")


def found(stack, search, **parameters):
    answer = stack.http.get(f"{stack.url}/players/exrps", params={"search": search, **parameters})
    assert answer.status_code == 200, answer.text
    return [(player["user_id"], player["username"]) for player in answer.json()]


def test_found_by_name(stack):
    """By a name of a token, of an event, the last of several, of whoever is shown again; and by no other."""
    stack.create("s1")
    for user, name in (("s2", "Name OF"), ("s3", "Ärmel"), ("s4", "Name"), ("s4", "ärger"), ("name of s1", "Zoe")):
        stack.event(GAME, "player_name", user_id=user, username=name)
    stack.event(GAME, "game_over", winner_id="s5", loser_id="s6")
    stack.settle()
    assert found(stack, "NAME OF S") == [("s1", "name of s1")]
    assert found(stack, "name of s1") == [("name of s1", "Zoe"), ("s1", "name of s1")]
    assert found(stack, "name of", limit=1) == [("s2", "Name OF")]
    assert found(stack, "är") == [("s4", "ärger"), ("s3", "Ärmel")]
    assert found(stack, "s5") == [("s5", None)] and found(stack, "nobody at all") == []
    ctl(stack, "hide", "exrps", "s4")
    assert found(stack, "Är") == [("s3", "Ärmel")] and found(stack, "s4") == []
    ctl(stack, "unhide", "exrps", "s4")
    ctl(stack, "erase", "exrps", "s3")
    assert found(stack, "Är") == [("s4", "ärger")] and found(stack, "s3") == []


def test_how_many_are_found(stack):
    for n in range(30):
        stack.event(GAME, "player_name", user_id=f"many{n}", username="Crowd")
    stack.settle()
    assert len(found(stack, "crowd")) == 10
    assert len(found(stack, "crowd", limit=99999999999999999999)) == 25
    assert found(stack, "crowd", limit=0) == []
