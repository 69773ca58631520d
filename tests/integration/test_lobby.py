"""The lobby beyond create, join and list: leaving, removing, finding one's seat again, limits."""
import pytest

from stack import Stack, game_file, wait_for

WHOLE = {"game_id", "product_id", "creator_id", "creator_name", "players", "settings", "token", "state",
         "target_game_server"}


@pytest.fixture(scope="module")
def stack(game_server):
    running = Stack(games={
        "exrps": game_file(game_server.url, limits={"open_games": 2, "seats": 3}),
        "arena": game_file(game_server.url, "arena", players=64)})
    yield running
    running.close()


def post(stack, path, user, product="exrps", **options):
    return stack.http.post(f"{stack.url}/game_lobby/{product}/{path}", headers=stack.auth(user), **options)


def get(stack, path, user=None, product="exrps", **options):
    headers = stack.auth(user) if user else {}
    return stack.http.get(f"{stack.url}/game_lobby/{product}/{path}", headers=headers, **options)


def opened(stack, creator, product="exrps"):
    game_id = stack.create(creator, product).json()["game_id"]
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
