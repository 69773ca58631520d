"""The lobby beyond create, join and list: leaving, finding one's seat again, limits, settings, private games."""
import threading

import pytest
import requests

from stack import Stack, game_file, wait_for

WHOLE = {"game_id", "product_id", "creator_id", "creator_name", "players", "settings", "token", "state",
         "target_game_server"}


@pytest.fixture(scope="module")
def stack(game_server):
    running = Stack(games={
        "exrps": game_file(game_server.url, limits={"open_games": 2, "seats": 3}),
        "arena": game_file(game_server.url, "arena", players=64),
        "chosen": game_file(game_server.url, "chosen", settings={
            "map": {"type": "string", "values": ["ice", "sand"], "default": "sand"},
            "rounds": {"type": "integer", "min": 1, "max": 9, "default": 3},
            "ranked": {"type": "boolean"}})})
    yield running
    running.close()


def post(stack, path, user, product="exrps", **options):
    return stack.http.post(f"{stack.url}/game_lobby/{product}/{path}", headers=stack.auth(user), **options)


def get(stack, path, user=None, product="exrps", **options):
    headers = stack.auth(user) if user else {}
    return stack.http.get(f"{stack.url}/game_lobby/{product}/{path}", headers=headers, **options)


def opened(stack, creator, product="exrps", **body):
    game_id = post(stack, "create_game", creator, product, json=body).json()["game_id"]
    stack.event(game_id, "state_change", product, new_state="creator_joined")
    stack.settle(product)
    return game_id


def problem(answer, status, words):
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert words in answer.json()["detail"]


def test_a_guest_leaves_and_comes_back(stack, game_server):
    game_id = opened(stack, "l-host")
    assert stack.join(game_id, "l-guest").status_code == 200
    answer = post(stack, f"leave_game/{game_id}", "l-guest")
    assert (answer.status_code, answer.json()) == (200, {"game_id": game_id, "removed": False})
    assert game_id in [g["game_id"] for g in stack.open_games(count=25)]
    wait_for(lambda: game_server.calls_of("remove_player", game_id), what="the game server to be told")
    assert game_server.calls_of("remove_player", game_id) == [{"gameId": game_id, "userId": "l-guest"}]
    wait_for(lambda: stack.join(game_id, "l-guest").status_code == 200, what="the seat to be free again")
    problem(post(stack, f"leave_game/{game_id}", "nobody"), 404, "no seat")
    problem(post(stack, f"leave_game/{'0' * 32}", "l-guest"), 404, "game not found")
    problem(post(stack, "leave_game/xyz", "l-guest"), 404, "game not found")


def test_the_creator_leaves(stack, game_server):
    game_id = opened(stack, "c-host")
    assert stack.join(game_id, "c-guest").status_code == 200
    answer = post(stack, f"leave_game/{game_id}", "c-host")
    assert (answer.status_code, answer.json()) == (200, {"game_id": game_id, "removed": True})
    problem(get(stack, f"games/{game_id}"), 404, "game not found")
    assert get(stack, "mine", "c-guest").json() == []
    wait_for(lambda: game_id not in game_server.games, what="the game server to be told")
    wait_for(lambda: stack.state(game_id) is None, what="nothing to be left")


def test_remove(stack, game_server):
    game_id = opened(stack, "r-host")
    assert stack.join(game_id, "r-guest").status_code == 200
    problem(post(stack, f"remove_game/{game_id}", "r-guest"), 403, "creator")
    assert post(stack, f"remove_game/{game_id}", "r-host").json() == {"game_id": game_id, "removed": True}
    wait_for(lambda: game_server.calls_of("remove_game", game_id), what="the game server to be told")
    wait_for(lambda: stack.state(game_id) is None, what="nothing to be left")
    problem(post(stack, f"remove_game/{game_id}", "r-host"), 404, "game not found")


def test_one_game(stack):
    game_id = opened(stack, "v-host")
    public = get(stack, f"games/{game_id}")
    assert public.status_code == 200
    assert public.json() in stack.open_games(count=25)
    assert get(stack, f"games/{game_id}", "stranger").json() == public.json()
    assert stack.join(game_id, "v-guest").status_code == 200
    mine = get(stack, f"games/{game_id}", "v-guest").json()
    assert set(mine) == WHOLE and mine["token"] == "token-of-v-guest" and mine["players"] == ["v-host", "v-guest"]
    assert set(get(stack, f"games/{game_id}").json()) == WHOLE - {"token", "state", "target_game_server"}
    bad = stack.http.get(f"{stack.url}/game_lobby/exrps/games/{game_id}", headers={"Authorization": "Bearer x.y.z"})
    problem(bad, 401, "Unable to fetch user profile")
    problem(get(stack, "games/x"), 404, "game not found")


def test_mine(stack):
    problem(get(stack, "mine"), 401, "Not authorized")
    assert get(stack, "mine", "m-host").json() == []
    made = stack.create("m-host").json()
    assert get(stack, "mine", "m-host").json() == [made]
    other = opened(stack, "m-other")
    joined = stack.join(other, "m-host").json()
    assert get(stack, "mine", "m-host").json() == [made, joined]
    stack.event(made["game_id"], "game_over", winner_id="a", loser_id="b")
    stack.settle()
    assert get(stack, "mine", "m-host").json() == [joined]
    assert get(stack, "mine", "m-host", "arena").json() == []


def test_limits(stack):
    first = [stack.create("many").json()["game_id"] for _ in range(2)]
    answer = stack.create("many")
    problem(answer, 429, "as many games")
    assert int(answer.headers["Retry-After"]) >= 1
    assert stack.create("many", "arena").status_code == 200
    assert stack.join(opened(stack, "other"), "many").status_code == 200
    problem(stack.join(opened(stack, "other"), "many"), 429, "as many games")
    assert post(stack, f"remove_game/{first[0]}", "many").status_code == 200
    assert stack.create("many").status_code == 200


def test_settings(stack, game_server):
    made = post(stack, "create_game", "s1", "chosen", json={"settings": {"map": "ice", "ranked": True}, "game_type": 3})
    assert made.status_code == 200, made.text
    wanted = {"num_players": 2, "map": "ice", "rounds": 3, "ranked": True}
    assert made.json()["settings"] == wanted
    assert game_server.calls_of("create_game")[-1] == {
        "gameId": made.json()["game_id"], "userId": "s1", "username": "name of s1", "settings": wanted}
    for body in (None, [], "text", 7, {}, {"game_type": 1}):
        answer = post(stack, "create_game", "s2", "chosen", json=body)
        assert answer.json()["settings"] == {"num_players": 2, "map": "sand", "rounds": 3, "ranked": False}, body
    # A game without settings has the body of old.
    stack.create("s3")
    assert set(game_server.calls_of("create_game")[-1]) == {"gameId", "userId", "username"}


@pytest.mark.parametrize("body,words", [
    ({"settings": 1}, "settings must be an object"), ({"settings": None}, "settings must be an object"),
    ({"settings": []}, "settings must be an object"), ({"private": 1}, "private must be true or false"),
    ({"settings": {"map": "lava"}}, "settings.map: must be one of ice, sand"), ({"settings": {"map": 1}}, "settings.map"),
    ({"settings": {"rounds": 10}}, "settings.rounds: must be a whole number from 1 to 9"),
    ({"settings": {"rounds": "3"}}, "settings.rounds"), ({"settings": {"rounds": 3.0}}, "settings.rounds"),
    ({"settings": {"ranked": 0}}, "settings.ranked: must be true or false"),
    ({"settings": {"speed": 1}}, "settings.speed: there is no such setting"),
    ({"settings": {"num_players": 2}}, "settings.num_players: there is no such setting"),
    ({"settings": {"x" * 200: 1}}, "no such setting"), ({"settings": {"a\nb": 1}}, "no such setting")])
def test_settings_that_cannot_be(stack, body, words):
    problem(post(stack, "create_game", "s4", "chosen", json=body), 400, words)


def test_filters(stack):
    ids = {(m, n): opened(stack, f"f-{m}{n}", "chosen", settings={"map": m, "rounds": n})
           for n in (1, 2, 3) for m in ("ice", "sand")}

    def found(**parameters):
        return [g["game_id"] for g in get(stack, "open_games", None, "chosen", params={"count": 25, **parameters}).json()]

    ours = list(ids.values())
    ice = [i for k, i in ids.items() if k[0] == "ice"]
    assert [i for i in found() if i in ours] == ours
    assert found(order="newest") == found()[::-1]
    assert found(**{"settings.map": "ice"}) == ice
    assert found(**{"settings.map": "ice", "order": "newest"}) == ice[::-1]
    assert found(**{"settings.map": "ice", "count": 2, "page": 1}) == ice[2:]
    assert found(**{"settings.map": "sand", "settings.rounds": 2}) == [ids["sand", 2]]
    assert found(**{"settings.map": "ice", "settings.ranked": "false", "count": 2, "page": 1}) == ice[2:]
    assert found(**{"settings.ranked": "true", "settings.map": "ice"}) == []
    assert stack.join(ids["ice", 1], "f-guest", "chosen").status_code == 200
    assert found(**{"settings.map": "ice"}) == ice[1:]
    for query, words in (("settings.map=lava", "settings.map"), ("settings.speed=1", "settings.speed"), ("order=best", "order"),
                         ("settings.rounds=x", "settings.rounds"), ("settings.%ff=1", "no such setting")):
        problem(stack.http.get(f"{stack.url}/game_lobby/chosen/open_games?{query}"), 400, words)
    problem(get(stack, "open_games?settings.map=ice"), 400, "no such setting")


def test_private_games(stack):
    answer = post(stack, "create_game", "p-host", "arena", json={"private": True})
    game = answer.json()
    code = game["join_code"]
    assert len(code) == 6 and set(code) <= set("ABCDEFGHJKMNPRSTWXYZ")
    problem(post(stack, f"join_code/{code}", "p-guest", "arena"), 400, "invalid state: created")
    stack.event(game["game_id"], "state_change", "arena", new_state="creator_joined")
    stack.settle("arena")
    assert stack.open_games("arena") == []
    problem(stack.join(game["game_id"], "p-guest", "arena"), 404, "game not found")
    for who in (None, "p-guest"):
        problem(get(stack, f"games/{game['game_id']}", who, "arena"), 404, "game not found")
    joined = post(stack, f"join_code/{code.lower()}", "p-guest", "arena").json()
    assert joined["players"] == ["p-host", "p-guest"] and joined["join_code"] == code
    assert get(stack, f"games/{game['game_id']}", "p-guest", "arena").json()["join_code"] == code
    for wrong in ("ABCDEF" if code != "ABCDEF" else "ABCDEG", "ABC", "ABC1EF", "ABCDEI", "ABCDE%C3%A4"):
        problem(post(stack, f"join_code/{wrong}", "p-guest", "arena"), 404, "game not found")
    problem(post(stack, f"join_code/{code}", "p-guest"), 404, "game not found")
    stack.event(game["game_id"], "game_over", "arena", winner_id="a", loser_id="b")
    stack.settle("arena")
    problem(post(stack, f"join_code/{code}", "p-late", "arena"), 404, "game not found")


def test_products_show_what_can_be_chosen(stack):
    products = {p["product_id"]: p for p in stack.http.get(f"{stack.url}/products").json()}
    assert products["chosen"]["settings"]["map"]["values"] == ["ice", "sand"]
    assert products["exrps"]["settings"] == {}


def quick(stack, user, product="chosen", **body):
    return post(stack, "quick_match", user, product, json=body)


def at_once(calls):
    """The answers of calls that are made at the same moment, each by its own connection."""
    answers = [None] * len(calls)
    gate = threading.Barrier(len(calls))

    def call(i):
        gate.wait()
        answers[i] = calls[i]()

    threads = [threading.Thread(target=call, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_quick_match(stack):
    made = quick(stack, "q1", settings={"map": "ice", "rounds": 9}).json()
    assert made["created"] is True and made["settings"]["map"] == "ice" and made["token"] == "token-of-q1"
    other = quick(stack, "q2", settings={"rounds": 8}).json()
    assert other["created"] is True and other["game_id"] != made["game_id"]
    joined = quick(stack, "q3", settings={"rounds": 9}).json()  # before its creator has connected
    assert joined["created"] is False and joined["game_id"] == made["game_id"]
    assert joined["state"] == "created" and joined["players"] == ["q1", "q3"] and joined["token"] == "token-of-q3"
    stack.event(other["game_id"], "state_change", "chosen", new_state="creator_joined")
    stack.settle("chosen")
    assert quick(stack, "q4", settings={"rounds": 8}).json()["game_id"] == other["game_id"]
    for body, words in (({"settings": {"map": "lava"}}, "settings.map"), ({"board": "wins"}, "board must be"), ({"board": 3}, "board")):
        problem(quick(stack, "q5", **body), 400, words)
    assert quick(stack, "q5", settings={"rounds": 7}, board="rating", private=True).json()["created"] is True


def test_quick_match_by_the_ratings_of_a_rebuild(stack):
    """The live generation's, also where the process has not heard of it."""
    stack.redis.set("{chosen}:generation", "7")
    stack.redis.zadd("{chosen}:7:board:rating:all", {"r-far": 1000, "r-near": 1490, "r-me": 1500})
    games = [opened(stack, user, "chosen", settings={"rounds": 6}) for user in ("r-far", "r-near")]
    assert quick(stack, "r-me", settings={"rounds": 6}, board="rating").json()["game_id"] == games[1]
    assert quick(stack, "r-none", settings={"rounds": 6}, board="rating").json()["game_id"] == games[0]


@pytest.mark.parametrize("rounds,slow", [(4, 0), (5, 0.3)])
def test_quick_match_at_the_same_moment(stack, game_server, rounds, slow):
    """Of forty who ask at once, two play in each of twenty games."""
    def slowly(body):
        threading.Event().wait(slow)
        return game_server.act("create_game", body)

    game_server.behave["create_game"] = slowly
    users = [f"q{rounds}-{i}" for i in range(40)]
    settings = {"rounds": rounds, "map": "sand"}
    answers = at_once([lambda u=u: requests.post(
        f"{stack.url}/game_lobby/chosen/quick_match", headers=stack.auth(u), json={"settings": settings}) for u in users])
    assert [a.status_code for a in answers] == [200] * 40, [a.text for a in answers if a.status_code != 200]
    games = {}
    for user, answer in zip(users, answers):
        games.setdefault(answer.json()["game_id"], []).append(user)
    assert sorted(len(players) for players in games.values()) == [2] * 20
    assert sum(a.json()["created"] for a in answers) == 20
    for game_id, players in games.items():
        assert sorted(game_server.games[game_id]) == sorted(players)


def test_quick_match_while_the_game_server_refuses_early_players(stack, game_server):
    first = quick(stack, "e1", settings={"rounds": 1}).json()
    game_server.behave["join_game"] = lambda body: (409, "the creator comes first")
    second = quick(stack, "e2", settings={"rounds": 1}).json()
    assert second["created"] is True and second["game_id"] != first["game_id"]
    assert get(stack, "mine", "e2", "chosen").json()[0]["game_id"] == second["game_id"]


def test_quick_match_when_the_game_is_not_made(stack, game_server):
    """Whoever waits for a game that comes to nothing gets another one."""
    go = threading.Event()

    def refuse_one(body):
        if body["userId"] == "w1":
            assert go.wait(10)
            return 500, "no"
        return game_server.act("create_game", body)

    game_server.behave["create_game"] = refuse_one
    answers = {}
    threads = [threading.Thread(target=lambda u=u: answers.update({u: requests.post(
        f"{stack.url}/game_lobby/chosen/quick_match", headers=stack.auth(u), json={"settings": {"rounds": 6}})}))
               for u in ("w1", "w2")]
    threads[0].start()
    wait_for(lambda: game_server.calls_of("create_game"), what="the game server to be asked")
    threads[1].start()
    wait_for(lambda: stack.redis.hget("{chosen}:holders", "w2"), what="the second to have a seat")
    go.set()
    for thread in threads:
        thread.join()
    assert answers["w1"].status_code == 400
    assert answers["w2"].status_code == 200 and answers["w2"].json()["created"] is True
