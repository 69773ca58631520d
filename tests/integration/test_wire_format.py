"""The wire format that game servers, portals and clients speak: every route and every error, through nginx."""
import json
import re
import socket
import time

import jwt
import pytest

from stack import wait_for

HEX32 = re.compile(r"[0-9a-f]{32}")
PUBLIC = ["game_id", "product_id", "creator_id", "creator_name", "players", "settings"]
WHOLE = PUBLIC + ["token", "state", "target_game_server"]


def listed(stack, creator, product="exrps"):
    """A game whose creator has connected."""
    game_id = stack.create(creator, product).json()["game_id"]
    stack.event(game_id, "state_change", product, new_state="creator_joined")
    stack.settle(product)
    return game_id


def problem(answer, status, words):
    """An error as RFC 9457 has it, with the words that clients look for."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    body = answer.json()
    assert body["status"] == status
    assert words in body["detail"]
    assert body["type"] and body["title"]
    assert body["request_id"] == answer.headers["X-Request-Id"]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    return body


def test_top_ten_of_nobody(stack):
    answer = stack.http.get(f"{stack.url}/leaderboards/top_ten/exrps")
    assert (answer.status_code, answer.json()) == (200, [])


def test_create_game(stack, game_server):
    answer = stack.create("ann")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    game = answer.json()
    assert sorted(game) == sorted(WHOLE)
    assert HEX32.fullmatch(game["game_id"])
    assert game["product_id"] == "exrps"
    assert (game["creator_id"], game["creator_name"]) == ("ann", "name of ann")
    assert game["players"] == ["ann"]
    assert game["settings"]["num_players"] == 2
    assert game["token"] == "token-of-ann"
    assert game["state"] == "created"
    assert game["target_game_server"] == "ws://127.0.0.1:1/"
    assert game_server.calls == [
        ("create_game", {"gameId": game["game_id"], "userId": "ann", "username": "name of ann"})]
    # Not listed before its creator has connected to the game server.
    assert game["game_id"] not in [g["game_id"] for g in stack.open_games(count=25)]


def test_join_game(stack, game_server):
    game_id = listed(stack, "bob")
    game_server.calls.clear()
    answer = stack.join(game_id, "cid")
    assert answer.status_code == 200, answer.text
    game = answer.json()
    assert sorted(game) == sorted(WHOLE)
    assert game["players"] == ["bob", "cid"]
    assert game["token"] == "token-of-cid"
    assert game["state"] == "creator_joined"
    assert game_server.calls == [
        ("join_game", {"gameId": game_id, "userId": "cid", "username": "name of cid"})]
    assert game_id not in [g["game_id"] for g in stack.open_games(count=25)]


def test_open_games(stack):
    ids = [listed(stack, f"host {i}", "arena") for i in range(28)]
    first = stack.open_games("arena")
    assert sorted(first[0]) == sorted(PUBLIC)
    assert first[0]["creator_name"] == "name of host 0"
    assert [g["game_id"] for g in first] == ids[:10]
    assert [g["game_id"] for g in stack.open_games("arena", count=3)] == ids[:3]
    assert [g["game_id"] for g in stack.open_games("arena", count=3, page=1)] == ids[3:6]
    assert [g["game_id"] for g in stack.open_games("arena", count=25)] == ids[:25]
    assert [g["game_id"] for g in stack.open_games("arena", count=1000000)] == ids[:25]
    assert [g["game_id"] for g in stack.open_games("arena", count="9" * 30)] == ids[:25]
    assert [g["game_id"] for g in stack.open_games("arena", count=1000000, page=1)] == ids[25:]
    assert stack.open_games("arena", count=0) == []
    assert stack.open_games("arena", page=99) == []
    assert stack.open_games("arena", page=2**62) == []


@pytest.mark.parametrize("query", ["count=x", "count=-1", "count=1.5", "count=", "page=-1", "page=x", "page=1e3"])
def test_open_games_parameters(stack, query):
    answer = stack.http.get(f"{stack.url}/game_lobby/exrps/open_games?{query}")
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("application/problem+json")


def test_top_ten(stack):
    for i in range(12):
        for _ in range(i + 1):
            stack.event("0" * 32, "game_over", "arena", winner_id=f"w{i:02}", loser_id="loser")
    stack.settle("arena")
    wanted = [{"user_id": f"w{i:02}", "score": float(i + 1)} for i in range(11, 1, -1)]

    def top_ten():
        return stack.http.get(f"{stack.url}/leaderboards/top_ten/arena")

    wait_for(lambda: top_ten().json() == wanted, what="the top ten")
    # Scores are numbers with a point, whoever answers: the snapshot, or the program behind it.
    snapshot = top_ten()
    assert '"score":12.0' in snapshot.text.replace(" ", "")
    assert snapshot.headers["Content-Type"].startswith("application/json")
    again = stack.http.get(f"{stack.url}/leaderboards/top_ten/arena", headers={"If-None-Match": snapshot.headers["ETag"]})
    assert again.status_code == 304
    (stack.dir / "snapshots/leaderboards/top_ten/arena").unlink()
    assert top_ten().text == snapshot.text


def test_board(stack):
    """Ranks, ties and names; the snapshot and the program behind it say the same."""
    stack.create("named")  # a name is known once its player came with a token
    for winner, wins in (("b1", 3), ("named", 3), ("b2", 5), ("b3", 1)):
        for _ in range(wins):
            stack.event("0" * 32, "game_over", winner_id=winner, loser_id="b3")
    stack.settle()
    url = f"{stack.url}/leaderboards/exrps/wins"

    def entries():
        return [(e["rank"], e["user_id"], e["username"], e["score"]) for e in stack.http.get(url).json()["entries"]]

    wanted = [(1, "b2", None, 5), (2, "named", "name of named", 3), (2, "b1", None, 3), (4, "b3", None, 1)]
    wait_for(lambda: [e for e in entries() if e[1] in ("b1", "b2", "b3", "named")] == wanted, what="the board")
    page = stack.http.get(url)
    assert page.headers["ETag"] and "ETag" not in stack.http.get(url + "?limit=25").headers
    assert stack.http.get(url + "?limit=25").text == page.text
    assert page.json()["total"] == len(page.json()["entries"])
    part = stack.http.get(url + "?limit=2&offset=1").json()
    assert part["entries"] == page.json()["entries"][1:3]
    assert stack.http.get(url + "?offset=1000").json()["entries"] == []
    problem(stack.http.get(f"{stack.url}/leaderboards/exrps/nope"), 404, "No such board")
    for query in ("limit=x", "offset=-1", "window=hourly", "at=noon"):
        problem(stack.http.get(f"{url}?{query}"), 400, query.split("=")[0])
    today = stack.http.get(url + "?window=daily").json()
    assert today["entries"] == page.json()["entries"] and today["starts"] < today["ends"]
    assert stack.http.get(f"{url}?at={today['at']}").json() == today
    problem(stack.http.get(url + "?at=2020-01-01"), 404, "no longer kept")


def test_stats(stack):
    stack.event("0" * 32, "game_over", winner_id="winni", loser_id="losi")
    stack.event("0" * 32, "gameplay", event_name="select_weapon", event_data="2", user_id="winni")
    stack.event("0" * 32, "gameplay", event_name="select_weapon", event_data="null", user_id="winni")
    stack.settle()
    answer = stack.http.get(f"{stack.url}/stats/exrps/winni")
    assert answer.status_code == 200
    assert answer.json() == {"games": "1", "wins": "1", "losses": "0", "scissors_selection_count": "1",
                             "botch_selection_count": "1"}
    assert stack.http.get(f"{stack.url}/stats/exrps/losi").json() == {"games": "1", "wins": "0", "losses": "1"}
    answer = stack.http.get(f"{stack.url}/stats/exrps/nobody")
    assert (answer.status_code, answer.json()) == (200, {})


def test_user_ids_of_any_script(stack):
    name = "Zoë/🎲 100%?"
    stack.event("0" * 32, "game_over", winner_id=name, loser_id="x")
    stack.settle()
    path = "Zo%C3%AB%2F%F0%9F%8E%B2%20100%25%3F"
    assert stack.http.get(f"{stack.url}/stats/exrps/{path}").json()["wins"] == "1"
    assert stack.create(name).json()["creator_id"] == name


# --- errors -----------------------------------------------------------------------------------


def test_unknown_product(stack):
    paths = [("POST", "/game_lobby/nope/create_game"), ("POST", f"/game_lobby/nope/join_game/{'0' * 32}"),
             ("GET", "/game_lobby/nope/open_games"), ("GET", "/leaderboards/top_ten/nope"), ("GET", "/stats/nope/ann")]
    for method, path in paths:
        # The product is looked at before the token.
        problem(stack.http.request(method, stack.url + path), 400, "Invalid product ID")


def test_no_token(stack):
    for path in ("create_game", f"join_game/{'0' * 32}"):
        problem(stack.http.post(f"{stack.url}/game_lobby/exrps/{path}"), 401, "Not authorized")


BAD_CLAIMS = [{"username": "a"}, {"user_id": "a"}, {"user_id": "", "username": "a"}, {"user_id": "a", "username": ""},
              {"user_id": 1.5, "username": "a"}, {"user_id": True, "username": "a"}, {"user_id": None, "username": "a"},
              {"user_id": "a" * 129, "username": "a"}, {"user_id": "a\nb", "username": "a"},
              {"user_id": "a", "username": "a\u0000b"}, {"user_id": "a", "username": 7},
              {"user_id": "a", "username": "a", "exp": 1}, {"user_id": "a", "username": "a", "exp": "never"},
              {"user_id": "a", "username": "a", "nbf": 99999999999}]


@pytest.mark.parametrize("claims", BAD_CLAIMS, ids=repr)
def test_bad_claims(stack, claims):
    # Not by jwt.encode's payload check: a number where it wants one is not its business here.
    token = jwt.api_jws.encode(json.dumps(claims).encode(), stack.key, algorithm="HS256")
    answer = stack.http.post(f"{stack.url}/game_lobby/exrps/create_game", headers={"Authorization": f"Bearer {token}"})
    problem(answer, 401, "Unable to fetch user profile")


def test_bad_tokens(stack):
    good = {"user_id": "a", "username": "a"}
    tokens = [jwt.encode(good, "another key, long enough to be one", algorithm="HS256"),
              jwt.encode(good, stack.key, algorithm="HS512"), jwt.encode(good, None, algorithm="none"),
              "rubbish", "a.b.c", "", stack.token("a")[:-2], "x" * 9000]
    for token in tokens:
        answer = stack.http.post(f"{stack.url}/game_lobby/exrps/create_game", headers={"Authorization": f"Bearer {token}"})
        problem(answer, 401, "Unable to fetch user profile")
    answer = stack.http.post(f"{stack.url}/game_lobby/exrps/create_game", headers={"Authorization": stack.token("a")})
    problem(answer, 401, "Unable to fetch user profile")


def test_good_tokens(stack):
    in_time = {"exp": int(time.time()) + 60, "nbf": int(time.time()) - 60, "iat": int(time.time()) - 60}
    for scheme, token in (("Bearer", stack.token("a1", **in_time)), ("Anything", stack.token("a1"))):
        answer = stack.http.post(f"{stack.url}/game_lobby/exrps/create_game", headers={"Authorization": f"{scheme} {token}"})
        assert answer.status_code == 200, answer.text
    answer = stack.http.post(f"{stack.url}/game_lobby/exrps/create_game",
                             headers={"Authorization": "Bearer " + stack.token(4711, "number")})
    assert answer.json()["creator_id"] == "4711"


def test_join_unknown_game(stack):
    for game_id in ("0" * 32, "xyz", "0" * 31, "A" * 32, "%20" * 32):
        problem(stack.join(game_id, "dan"), 404, "game not found")


def test_join_refusals(stack, game_server):
    game_id = stack.create("eve").json()["game_id"]
    problem(stack.join(game_id, "fay"), 400, "invalid state: created. Required state: creator_joined")
    stack.event(game_id, "state_change", new_state="creator_joined")
    stack.settle()
    problem(stack.join(game_id, "eve"), 400, "invalid state: creator_joined. Required state: creator_joined")
    assert stack.join(game_id, "fay").status_code == 200
    problem(stack.join(game_id, "gus"), 400, "invalid state: creator_joined")
    for state in ("all_players_joined", "in_progress", "ended"):
        stack.event(game_id, "state_change", new_state=state)
        stack.settle()
        problem(stack.join(game_id, "gus"), 400, f"invalid state: {state}. Required state: creator_joined")
    stack.event(game_id, "game_removed")
    stack.settle()
    problem(stack.join(game_id, "gus"), 404, "game not found")


@pytest.mark.parametrize("status,text", [(400, "no"), (404, "no"), (500, "oh"), (302, ""), (200, "rubbish"), (200, "{}"),
                                         (200, '{"gameToken": 7}'), (200, '{"gameToken": ""}'), (200, "")])
def test_game_server_refuses(stack, game_server, status, text):
    game_id = listed(stack, "hal")
    game_server.behave["create_game"] = game_server.behave["join_game"] = lambda _: (status, text)
    problem(stack.create("ivy"), 400, "Unable to create game on target game server")
    problem(stack.join(game_id, "ivy"), 400, "Unable to join game on target game server")
    game_server.behave.clear()
    if status == 200:
        # It said 200: it may have let the player in, and is told to undo that before the seat is theirs again.
        wait_for(lambda: game_server.calls_of("remove_player", game_id), what="the game server to be told")
        made = game_server.calls_of("create_game")[-1]["gameId"]
        wait_for(lambda: game_server.calls_of("remove_game", made), what="the game server to be told")
        assert stack.join(game_id, "jon").status_code == 200
    else:
        assert stack.join(game_id, "ivy").status_code == 200


def test_body(stack):
    url = f"{stack.url}/game_lobby/exrps/create_game"
    auth = stack.auth("kim")
    for body in ('{"game_type": 1, "creater_id": "x"}', "", "{}"):
        assert stack.http.post(url, headers=auth, data=body).status_code == 200
    for body in ("{", "nonsense", '{"a":}'):
        answer = stack.http.post(url, headers=auth, data=body)
        assert answer.status_code == 400, body
        assert answer.headers["Content-Type"].startswith("application/problem+json")
    answer = stack.http.post(url, headers=auth, data=b" " * 70000)
    assert answer.status_code == 413
    assert answer.headers["Content-Type"].startswith("application/problem+json")


# --- HTTP ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method,path,allowed", [
    ("GET", "/game_lobby/exrps/create_game", "POST"), ("PUT", f"/game_lobby/exrps/join_game/{'0' * 32}", "POST"),
    ("POST", "/game_lobby/exrps/open_games", "GET"), ("DELETE", "/leaderboards/top_ten/exrps", "GET"),
    ("POST", "/stats/exrps/a", "GET"), ("POST", "/products", "GET"), ("POST", "/healthz", "GET")])
def test_wrong_method(stack, method, path, allowed):
    answer = stack.http.request(method, stack.url + path)
    assert answer.status_code == 405
    assert allowed in answer.headers["Allow"]
    assert answer.headers["Content-Type"].startswith("application/problem+json")


@pytest.mark.parametrize("path", ["/game_lobby/exrps/open_games/", "/game_lobby/exrps/create_game/", "/game_lobby/exrps/join_game/",
                                  "/game_lobby/exrps/join_game", "/stats/exrps/", "/stats/exrps", "/leaderboards/top_ten/",
                                  "/game_lobby//open_games", "/game_lobby/exrps/nothing", "/products/", "/nothing"])
def test_no_such_path(stack, path):
    for method in ("GET", "POST"):
        answer = stack.http.request(method, stack.url + path, allow_redirects=False)
        assert answer.status_code in ((404, 405) if path == "/nothing" else (404,)), (method, answer.text)
        assert answer.headers["Content-Type"].startswith("application/problem+json")


@pytest.mark.parametrize("path", ["/game_lobby/exrps/open_games", "/leaderboards/top_ten/exrps", "/stats/exrps/a", "/products", "/healthz"])
def test_head(stack, path):
    get = stack.http.get(stack.url + path, headers={"Accept-Encoding": "identity"})
    head = stack.http.head(stack.url + path, headers={"Accept-Encoding": "identity"})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(get.content))


@pytest.mark.parametrize("path", ["/game_lobby/exrps/create_game", f"/game_lobby/exrps/join_game/{'0' * 32}",
                                  "/leaderboards/top_ten/exrps"])
def test_preflight(stack, path):
    answer = stack.http.options(stack.url + path, headers={
        "Origin": "https://portal.example", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type"})
    assert answer.status_code in (200, 204)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    for header in ("authorization", "content-type", "idempotency-key"):
        assert header in allowed
    assert ("GET" if "top_ten" in path else "POST") in answer.headers["Access-Control-Allow-Methods"]


def test_security_headers(stack):
    for path in ("/", "/leaderboards/top_ten/exrps", "/game_lobby/exrps/open_games", "/nothing"):
        headers = stack.http.get(stack.url + path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "unsafe-inline" not in headers["Content-Security-Policy"]
        assert HEX32.fullmatch(headers["X-Request-Id"])
        assert headers["Server"] == "nginx"
    assert "script-src 'self'" in stack.http.get(stack.url + "/").headers["Content-Security-Policy"]


def test_malformed_requests_are_told_as_problems(stack):
    for path in ("/%zz", "/stats/exrps/%ff", "/stats/exrps/a%00b", "/game_lobby/exrps/open_games?count=%zz"):
        answer = stack.http.get(stack.url + path)
        assert 400 <= answer.status_code < 500, path
        assert answer.headers["Content-Type"].startswith("application/problem+json"), path


@pytest.mark.parametrize("line, header, status", [
    (b"GET / HTTP/1.1", b"X: " + b"a" * 20000, 400),
    (b"GET / HTTP/1.1", b'If-Match: "x"', 412),
    (b"POST /game_lobby/exrps/create_game HTTP/1.1", b"Transfer-Encoding: gzip", 501),
    (b"GET / HTTP/9.1", b"X: y", 505),
    (b"GET /" + b"a" * 20000 + b" HTTP/1.1", b"X: y", 414),
])
def test_what_nginx_refuses_itself(stack, line, header, status):
    with socket.create_connection(("127.0.0.1", stack.port)) as client:
        client.sendall(line + b"\r\nHost: x\r\nConnection: close\r\n" + header + b"\r\n\r\n")
        answer = client.makefile("rb").read()
    head, body = answer.decode().split("\r\n\r\n", 1)
    assert head.startswith(f"HTTP/1.1 {status} "), head
    assert "Content-Type: application/problem+json" in head
    assert "X-Content-Type-Options: nosniff" in head
    assert json.loads(body)["status"] == status


def test_a_part_of_a_file_is_not_served(stack):
    answer = stack.http.get(stack.url + "/", headers={"Range": "bytes=1000000-"})
    assert (answer.status_code, "Accept-Ranges" in answer.headers) == (200, False)
