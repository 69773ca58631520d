"""Two game servers of one product: one dies, hangs or is drained, and new games go to the other; what is shown of it."""
import json
import socket
import time

import pytest
import requests

from stack import GameServer, Stack, game_file, wait_for
from test_varcadectl import WHO, ask, audit, ctl


def two_servers(*servers, **changes):
    file = game_file("http://h", **changes)
    del file["game_server_url"], file["game_socket_url"]
    return dict(file, game_servers=[{"url": url, "socket_url": f"ws://127.0.0.1:{i + 1}/", "weight": weight}
                                    for i, (url, weight) in enumerate(servers)])


@pytest.fixture(scope="module")
def servers():
    made = [GameServer(), GameServer()]
    yield made
    for server in made:
        server.close()


@pytest.fixture(scope="module")
def gone():
    """The URL of a game server that takes no connection."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@pytest.fixture(scope="module")
def stack(servers, gone):
    queue = {"id": "duel"}
    running = Stack(games={
        "exrps": two_servers((servers[0].url, 1), (servers[1].url + "/", 1), queues=[queue]),
        "half": two_servers((servers[0].url, 1), (gone, 1000), product="half", queues=[queue])})
    yield running
    running.close()


@pytest.fixture(autouse=True)
def fresh(servers):
    for server in servers:
        server.reset()


def create_many(stack, name, n, product="exrps"):
    answers = [stack.create(f"{name}-{i}", product) for i in range(n)]
    assert {a.status_code for a in answers} == {200}, [a.text for a in answers]
    return [a.json() for a in answers]


def figures(stack, name, server, **labels):
    """A figure in each process that has it."""
    wanted = [f'server="{server}"'] + [f'{key}="{value}"' for key, value in labels.items()]
    lines = requests.get(f"{stack.url}/metrics", timeout=10).text.splitlines()
    return [float(line.rsplit(" ", 1)[1]) for line in lines
            if line.startswith(name + "{") and all(label in line for label in wanted)]


def figure(stack, name, server, **labels):
    return sum(figures(stack, name, server, **labels))


def all_know_it_is_away(stack, server):
    up = figures(stack, "varcade_game_server_up", server)
    return len(up) >= 3 and not any(up)


def away(stack):
    answer = stack.http.get(f"{stack.url}/readyz")
    assert answer.status_code == 200 and answer.json()["status"] == "ready"
    return {(a["product_id"], a["game_socket_url"], a["reason"]) for a in answer.json()["game_servers_away"]}


def test_games_are_spread_and_stay_where_they_are(stack, servers):
    games = create_many(stack, "spread", 40)
    counts = [len(server.calls_of("create_game")) for server in servers]
    assert sum(counts) == 40 and min(counts) >= 5, counts
    for game in games:
        at = servers[int(game["target_game_server"].rsplit(":", 1)[1][0]) - 1]
        assert at.calls_of("create_game", game["game_id"])
        stack.event(game["game_id"], "state_change", new_state="creator_joined")
    stack.settle()
    for i, game in enumerate(games[:6]):
        at = servers[int(game["target_game_server"].rsplit(":", 1)[1][0]) - 1]
        joined = stack.join(game["game_id"], f"guest-{i}")
        assert joined.json()["target_game_server"] == game["target_game_server"]
        assert at.calls_of("join_game", game["game_id"])
    for i, game in enumerate(games):
        stack.http.post(f"{stack.url}/game_lobby/exrps/leave_game/{game['game_id']}", headers=stack.auth(f"spread-{i}"))
    wait_for(lambda: sum(len(s.games) for s in servers) == 0, 20, "the games' removal where they were")


def test_one_is_gone(stack, servers, gone):
    # Nobody notices, for nothing was sent; its breaker and its failures are shown.
    create_many(stack, "gone", 20, "half")
    assert len(servers[0].calls_of("create_game")) == 20
    wait_for(lambda: ("half", "ws://127.0.0.1:2/", "away") in away(stack), 10, "it to be away")
    assert figure(stack, "varcade_game_server_up", servers[0].url) >= 2
    wait_for(lambda: all_know_it_is_away(stack, gone), 10, "all processes to know")


def test_one_dies_before_anybody_asked(servers):
    """Its first calls are made again on the other one, within the budget of retries."""
    dying = GameServer()
    dying.http.RequestHandlerClass.protocol_version = "HTTP/1.0"  # no connection outlives it
    stack = Stack(games={"exrps": two_servers((dying.url, 1000), (servers[1].url, 1))})
    try:
        create_many(stack, "early", 3)
        port = dying.http.server_port
        dying.close()
        create_many(stack, "late", 10)
        assert len(servers[1].calls_of("create_game")) >= 10
        origin = f"http://127.0.0.1:{port}"
        wait_for(lambda: figure(stack, "varcade_game_server_retries_total", origin) >= 1, 10, "retries to be shown")
        assert figure(stack, "varcade_game_server_failures_total", origin) >= 1
        # Nothing is left of the attempts.
        assert int(stack.redis.hget("{exrps}:counts", "games")) == 13
        assert stack.redis.zcard("{exrps}:deadlines") == 13
    finally:
        stack.close()


def test_one_hangs(servers):
    """It takes connections and answers nothing: players wait for it once, then go to the other one."""
    with socket.socket() as hanging:
        hanging.bind(("127.0.0.1", 0))
        hanging.listen(512)
        url = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        stack = Stack(games={"exrps": two_servers((url, 1000), (servers[1].url, 1))})
        try:
            wait_for(lambda: ("exrps", "ws://127.0.0.1:1/", "away") in away(stack), 10, "it to be away")
            wait_for(lambda: all_know_it_is_away(stack, url), 10, "all processes to know")
            create_many(stack, "hung", 10)
            assert len(servers[1].calls_of("create_game")) == 10
        finally:
            stack.close()


def test_one_that_answers_and_makes_no_games():
    """Whoever looks finds it there; that its breaker is open, those know who ask it for games."""
    failing = GameServer()
    failing.behave["create_game"] = lambda body: (500, "out of order")
    stack = Stack(games={"exrps": game_file(failing.url)})
    try:
        assert stack.create("first").status_code == 400 and away(stack) == set()
        wait_for(lambda: stack.create(f"more-{time.monotonic_ns()}") is not None and
                 ("exrps", "ws://127.0.0.1:1/", "away") in away(stack), 10, "it to be away")
    finally:
        stack.close()
        failing.close()


def test_tickets_go_where_a_game_server_is(stack, servers):
    for i in range(4):
        for user in (f"t{i}-a", f"t{i}-b"):
            answer = stack.http.post(f"{stack.url}/matchmaking/half/tickets", json={"queue": "duel"},
                                     headers=stack.auth(user))
            assert answer.status_code == 201, answer.text
        ticket = wait_for(lambda: (t := stack.http.get(f"{stack.url}/matchmaking/half/tickets/{answer.json()['ticket_id']}",
                                                       params={"wait": 5}, headers=stack.auth(user)).json())
                          ["state"] == "matched" and t, 15, "the match")
        assert ticket["game"]["target_game_server"] == "ws://127.0.0.1:1/"


def drained(stack):
    return {s["url"]: s["drained"] is not None for s in ask(stack, "gameserver list", "exrps")}


def test_drain(stack, servers):
    first, second = (s.url for s in servers)
    assert drained(stack) == {first: False, second: False}
    running = create_many(stack, "before", 10)
    ctl(stack, "gameserver drain", "--product", "exrps", first + "/")
    assert drained(stack) == {first: True, second: False}
    assert audit(stack)[-1] == (WHO, "gameserver drain", first)
    assert "already" in ctl(stack, "gameserver drain", "exrps", first, status=1).stderr
    assert "no game server" in ctl(stack, "gameserver drain", "exrps", "http://nowhere", status=1).stderr
    # Every process knows it within two seconds: those that serve, and the worker.
    wait_for(lambda: figure(stack, "varcade_game_server_drained", first, product="exrps") >= 3, 5, "the drain to be shown")
    wait_for(lambda: ("exrps", "ws://127.0.0.1:1/", "drained") in away(stack), 3, "the drain in /readyz")
    servers[0].calls.clear()
    create_many(stack, "after", 10)
    assert servers[0].calls_of("create_game") == []
    # Games that run there go on.
    there = next(g for g in running if g["target_game_server"].endswith(":1/"))
    stack.event(there["game_id"], "state_change", new_state="creator_joined")
    stack.settle()
    assert stack.join(there["game_id"], "late guest").status_code == 200
    assert servers[0].calls_of("join_game", there["game_id"])

    ctl(stack, "gameserver drain", "exrps", second)
    # A refusal counts as false.
    answer = wait_for(lambda: (a := stack.create(f"nowhere-{time.monotonic_ns()}")).status_code == 503 and [a], 3,
                      "both to be drained")[0]
    assert "drained" in answer.json()["detail"] and int(answer.headers["Retry-After"]) >= 1
    wait_for(lambda: figure(stack, "varcade_game_server_drained", second, product="exrps") >= 3, 5, "all to know, the worker too")
    # Who wants to be matched waits, and has a game when one is back.
    for user in ("d-a", "d-b"):
        ticket = stack.http.post(f"{stack.url}/matchmaking/exrps/tickets", json={"queue": "duel"}, headers=stack.auth(user))
    ctl(stack, "gameserver undrain", "exrps", first)
    assert "not drained" in ctl(stack, "gameserver undrain", "exrps", first, status=1).stderr
    wait_for(lambda: stack.create(f"somewhere-{time.monotonic_ns()}").status_code == 200, 3, "one to be back")
    assert stack.create("somewhere too").json()["target_game_server"] == "ws://127.0.0.1:1/"
    ticket = wait_for(lambda: (t := stack.http.get(f"{stack.url}/matchmaking/exrps/tickets/{ticket.json()['ticket_id']}",
                                                   headers=stack.auth("d-b")).json())["state"] == "matched" and t, 10, "the match")
    assert ticket["game"]["target_game_server"] == "ws://127.0.0.1:1/"
    ctl(stack, "gameserver undrain", "exrps", second)
    assert audit(stack)[-1] == (WHO, "gameserver undrain", second)


def test_games_by_hand(stack, servers):
    game = stack.create("by hand").json()
    listed = {g["game_id"]: g for g in ask(stack, "games list", "--product", "exrps")}[game["game_id"]]
    at = servers[int(game["target_game_server"].rsplit(":", 1)[1][0]) - 1]
    assert listed["state"] == "created" and listed["server"] == at.url and listed["socket"] == game["target_game_server"]
    assert listed["players"] == [{"user_id": "by hand", "status": "confirmed"}]
    assert listed["creator_id"] == "by hand" and listed["settings"] == game["settings"]
    shown = ctl(stack, "games show", "exrps", game["game_id"]).stdout
    assert json.loads(shown) == listed and game["token"] not in shown
    line = next(x for x in ctl(stack, "games list", "exrps", "--limit", "1000").stdout.splitlines() if game["game_id"] in x)
    assert "created" in line and "players 1" in line and at.url in line
    assert len(ask(stack, "games list", "exrps", "--limit", "1")) == 1

    ctl(stack, "games end", "exrps", game["game_id"])
    assert audit(stack)[-1] == (WHO, "games end", game["game_id"])
    assert stack.http.get(f"{stack.url}/game_lobby/exrps/games/{game['game_id']}").status_code == 404
    wait_for(lambda: at.calls_of("remove_game", game["game_id"]), 10, "the game server to be told")
    wait_for(lambda: not stack.redis.exists(f"{{exrps}}:game:{game['game_id']}"), 10, "nothing to be left")
    before = audit(stack)
    for command in ("games end", "games show"):
        assert "no game" in ctl(stack, command, "exrps", game["game_id"], status=1).stderr
        assert "not a game's id" in ctl(stack, command, "exrps", "x", status=2).stderr
    assert audit(stack) == before
    stack.redis.hset("{exrps}:game:" + "f" * 32, "product", "exrps")
    stack.redis.zadd("{exrps}:deadlines", {"f" * 32: 9e12})
    damaged = {g["game_id"]: g for g in ask(stack, "games list", "exrps", "--limit", "1000")}["f" * 32]
    assert damaged["state"] == "damaged" and "lacks" in damaged["reason"]
