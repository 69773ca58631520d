"""Tickets through the whole stack: matched, cancelled, expired, parties, and what dies in between."""
import json
import os
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests

from stack import TOP, GameServer, Stack, game_file, wait_for

BUILD = Path(os.environ.get("VARCADE_BUILD", TOP / "build"))

DUEL = {"id": "duel", "rating": "rating", "range": {"start": 100, "per_second": 50}}
SHORT = {"id": "short", "equal": ["mode"], "timeout": 2}
TEAMS = {"id": "teams", "teams": 2, "team_size": 2}


@pytest.fixture(scope="module")
def stack(game_server):
    running = Stack(games={"exrps": game_file(game_server.url, players=4, queues=[DUEL, SHORT, TEAMS])})
    yield running
    running.close()


class Client:
    """A player with a ticket."""

    def __init__(self, stack, user):
        self.stack, self.user = stack, user
        self.base = f"{stack.url}/matchmaking/exrps/tickets"
        self.http = requests.Session()
        self.http.headers.update(stack.auth(user))

    def open(self, queue="duel", **body):
        answer = self.http.post(self.base, json={"queue": queue, **body})
        if answer.status_code == 201:
            self.id = answer.json()["ticket_id"]
            assert answer.headers["Location"] == f"/matchmaking/exrps/tickets/{self.id}"
        return answer

    def get(self, wait=0):
        return self.http.get(f"{self.base}/{self.id}", params={"wait": wait})

    def over(self, seconds=20):
        """Long polls until the ticket is over."""
        return wait_for(lambda: (t := self.get(20).json())["state"] != "waiting" and t, seconds, "the ticket's end")

    def cancel(self):
        return self.http.delete(f"{self.base}/{self.id}")

    def leave(self, game_id):
        answer = self.http.post(f"{self.stack.url}/game_lobby/exrps/leave_game/{game_id}")
        assert answer.status_code in (200, 404), answer.text


@pytest.fixture
def client(stack):
    """client(): a new player, who has neither ticket nor game when the test is over."""
    made = []

    def make(name):
        made.append(Client(stack, f"{name}-{time.monotonic_ns()}"))
        return made[-1]

    yield make
    for c in made:
        if hasattr(c, "id"):
            answer = c.cancel()
            if answer.status_code == 409:
                c.leave(answer.json()["game_id"])


def test_products_tell_of_queues(stack):
    """What a ticket has to say in each, so that a page can offer them."""
    product = stack.http.get(stack.url + "/products").json()[0]
    assert product["players"] == {"min": 2, "max": 4}
    one, two = {"min": 1, "max": 1}, {"min": 2, "max": 2}
    silent = {"backfill": False, "equal": [], "within": [], "regions": []}
    assert product["queues"] == [
        {"id": "duel", "teams": 2, "team_size": one, "rating": "rating", "timeout": 300, **silent},
        {"id": "short", "teams": 2, "team_size": one, "rating": None, "timeout": 2, **silent, "equal": ["mode"]},
        {"id": "teams", "teams": 2, "team_size": two, "rating": None, "timeout": 300, **silent}]


def test_two_who_wait_have_a_game(stack, client, game_server):
    ann, bob = client("ann"), client("bob")
    assert ann.open().status_code == 201
    assert bob.open().status_code == 201
    games = [c.over()["game"] for c in (ann, bob)]
    assert games[0]["game_id"] == games[1]["game_id"]
    assert games[0]["players"] == games[1]["players"] == [ann.user, bob.user]
    assert [g["token"] for g in games] == [f"token-of-{ann.user}", f"token-of-{bob.user}"]
    assert games[0]["settings"] == {"num_players": 2, "queue": "duel", "teams": [[ann.user], [bob.user]]}
    assert games[0]["target_game_server"] == "ws://127.0.0.1:1/"
    assert game_server.games[games[0]["game_id"]] == [ann.user, bob.user]
    # It goes the usual way from here, and is never listed.
    assert stack.open_games() == []
    stack.event(games[0]["game_id"], "state_change", new_state="creator_joined")
    stack.settle()
    assert stack.state(games[0]["game_id"]) == "creator_joined"
    assert stack.open_games() == []
    answer = ann.open()
    assert answer.status_code == 409 and answer.json()["game_id"] == games[0]["game_id"]
    assert ann.cancel().status_code == 409


def test_a_ticket_while_it_waits(stack, client):
    ann, bob = client("ann"), client("bob")
    opened = ann.open("short", attributes={"mode": "a"}).json()
    assert opened["state"] == "waiting" and opened["ready"] is True and opened["place"] == 1
    bob.open("short", attributes={"mode": "b"})
    ticket = wait_for(lambda: (t := ann.get().json())["why"] and t, 5, "the reason")
    assert ticket["why"]["reason"] in ("rules", "alone")
    ticket = wait_for(lambda: (t := ann.get().json())["why"]["excluded"] and t, 5, "the rule")
    assert ticket["why"]["excluded"] == {"mode": 1} and ticket["why"]["candidates"] == 0
    assert ticket["waiting"] == 2 and ticket["players"] == [ann.user]
    assert bob.get().json()["place"] == 2
    # Nobody else's; and one that is lost is found.
    assert bob.http.get(f"{ann.base}/{ann.id}").status_code == 404
    assert bob.http.delete(f"{ann.base}/{ann.id}").status_code == 404
    assert ann.open().json()["ticket_id"] == ann.id
    assert ann.http.get(ann.base).json()["ticket_id"] == ann.id
    # The queue's timeout ends both.
    assert [c.over()["state"] for c in (ann, bob)] == ["expired", "expired"]
    assert ann.get().json()["reason"] == "timeout"
    assert ann.http.get(ann.base).status_code == 404


def test_a_ticket_is_opened_once_for_a_key(client):
    ann = client("ann")
    key = {"Idempotency-Key": f"open-{time.monotonic_ns()}"}
    first, second = (ann.http.post(ann.base, json={"queue": "duel"}, headers=key) for _ in range(2))
    assert first.status_code == second.status_code == 201 and first.json() == second.json()
    ann.id = first.json()["ticket_id"]


@pytest.mark.parametrize("body, words", [
    ({"queue": "none"}, "queue must be"),
    ({}, "queue must be"),
    ([], "JSON object"),
    ({"queue": "short"}, "attributes.mode"),
    ({"queue": "short", "attributes": {"mode": ""}}, "attributes.mode"),
    ({"queue": "short", "attributes": 3}, "attributes must be an object"),
    ({"queue": "duel", "party": 1}, "party must be"),
    ({"queue": "duel", "party": True}, "one player each"),
])
def test_a_body_that_does_not_fit(client, body, words):
    ann = client("ann")
    answer = ann.http.post(ann.base, json=body)
    assert answer.status_code == 400 and words in answer.json()["detail"], answer.text


def test_a_poll_ends_in_time_and_at_a_reload(stack, client):
    ann = client("ann")
    ann.open()
    begun = time.monotonic()
    assert ann.get(1).json()["state"] == "waiting"
    assert 0.9 < time.monotonic() - begun < 5
    with ThreadPoolExecutor() as pool:
        poll = pool.submit(ann.get, 20)
        wait_for(lambda: metric(stack, "varcade_long_polls") == 1, 10, "the poll")
        stack.signal("fcgi-matchmaking", signal.SIGHUP)
        answer = poll.result(10)
    assert answer.status_code == 200 and answer.json()["state"] == "waiting"


def metric(stack, name, labels=""):
    text = requests.get(f"{stack.url}/metrics").text
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if line.startswith(name + "{") and labels in line)


def test_a_client_that_goes_away_frees_its_poll(stack, client):
    ann = client("ann")
    ann.open()
    with pytest.raises(requests.exceptions.ReadTimeout):
        ann.http.get(f"{ann.base}/{ann.id}", params={"wait": 20}, timeout=1.5)
    wait_for(lambda: metric(stack, "varcade_long_polls") == 0, 5, "the poll's end")


def test_parties_are_matched_as_teams(stack, client):
    ann, bob, cas, dan = (client(n) for n in ("ann", "bob", "cas", "dan"))
    codes = []
    for opener, other in ((ann, bob), (cas, dan)):
        codes.append(opener.open("teams", party=True).json()["code"])
        assert other.http.post(f"{opener.base}/join/AAAAAA").status_code == 404
        joined = other.http.post(f"{opener.base}/join/{codes[-1].lower()}")
        assert joined.status_code == 200 and joined.json()["players"] == [opener.user, other.user]
        other.id = opener.id
        assert other.http.post(f"{opener.base}/{opener.id}/ready").status_code == 403
        ready = opener.http.post(f"{opener.base}/{opener.id}/ready")
        assert ready.status_code == 200 and ready.json()["ready"] is True
    games = [c.over()["game"] for c in (ann, bob, cas, dan)]
    assert {g["game_id"] for g in games} == {games[0]["game_id"]}
    assert games[0]["settings"]["teams"] == [[ann.user, bob.user], [cas.user, dan.user]]
    assert len({g["token"] for g in games}) == 4


def test_a_party_before_it_is_ready(client):
    ann, bob = client("ann"), client("bob")
    opened = ann.open("teams", party=True).json()
    with ThreadPoolExecutor() as pool:
        poll = pool.submit(ann.get, 20)
        time.sleep(0.2)
        assert bob.http.post(f"{ann.base}/join/{opened['code']}").status_code == 200
        assert poll.result(10).json()["players"] == [ann.user, bob.user]
    bob.id = ann.id
    assert bob.cancel().status_code == 204
    assert bob.get().status_code == 404
    assert ann.get().json()["players"] == [ann.user]


def test_a_party_that_is_not_ready_in_time(stack, client):
    ann, bob = client("ann"), client("bob")
    opened = ann.open("teams", party=True).json()
    bob.id = ann.id
    assert bob.http.post(f"{ann.base}/join/{opened['code']}").status_code == 200
    assert datetime.fromisoformat(opened["expires_at"]) - datetime.fromisoformat(opened["opened_at"]) == timedelta(minutes=10)
    assert bob.get().json()["expires_at"] == opened["expires_at"]
    with ThreadPoolExecutor() as pool:
        polls = [pool.submit(c.get, 20) for c in (ann, bob)]
        # Ten minutes pass.
        assert stack.redis.zadd("{exrps}:tickets:due", {f"t:{ann.id}": 1}, xx=True, ch=True) == 1
        for poll in polls:
            ticket = poll.result(15).json()
            assert ticket["state"] == "expired" and ticket["reason"] == "timeout"
    assert ann.http.post(f"{ann.base}/{ann.id}/ready").status_code == 409
    assert client("cas").http.post(f"{ann.base}/join/{opened['code']}").status_code == 404
    assert bob.open("teams").status_code == 201


def test_cancelled_at_any_moment_is_never_in_a_game(stack, client, game_server):
    """Two tickets, one cancelled at a moment of its own: either both have the game or nobody has."""
    for i in range(30):
        ann, bob = client("ann"), client("bob")
        ann.open()
        bob.open()
        time.sleep(i * 0.004)
        answer = bob.cancel()
        if answer.status_code == 409:
            assert ann.over()["game"]["game_id"] == answer.json()["game_id"]
            ann.leave(answer.json()["game_id"])
            bob.leave(answer.json()["game_id"])
        else:
            assert answer.json()["state"] == "cancelled"
            assert ann.get().json()["state"] == "waiting"
            assert bob.get().json()["state"] == "cancelled"
            assert ann.cancel().status_code == 200
    # What the game server made for nothing it is told to remove.
    wait_for(lambda: not game_server.games, 10, "the games' end")


def test_a_game_server_that_refuses_or_is_down(stack, client, game_server):
    ann, bob = client("ann"), client("bob")
    game_server.behave["create_game"] = lambda body: (500, "no")
    ann.open()
    since = bob.open().json()["opened_at"]
    wait_for(lambda: len(game_server.calls_of("create_game")) > 0, 10, "the call")
    assert bob.get(1).json()["state"] == "waiting"
    game_server.reset()
    ticket = bob.over()
    assert ticket["state"] == "matched" and ticket["opened_at"] == since
    assert ticket["game"]["game_id"] == ann.over()["game"]["game_id"]


def test_a_game_that_is_made_when_it_is_over(stack, client, game_server):
    """It is gone from Redis by then: the game server is told, however often that takes, and the tickets get another one."""
    gone, told = [], []

    def create(body):
        answer = game_server.act("create_game", body)
        if not gone:
            gone.append(body["gameId"])
            stack.event(body["gameId"], "game_removed")
            stack.settle()
        return answer

    def remove(body):
        told.append(body["gameId"])
        return (500, "no") if told.count(gone[0]) < 3 else game_server.act("remove_game", body)

    game_server.behave.update(create_game=create, remove_game=remove)
    ann, bob = client("ann"), client("bob")
    ann.open()
    bob.open()
    assert ann.over()["game"]["game_id"] == bob.over()["game"]["game_id"] != gone[0]
    wait_for(lambda: gone[0] not in game_server.games, 15, "the first game's end")
    assert told.count(gone[0]) == 3


def test_a_player_whom_the_game_server_refuses(stack, client, game_server):
    ann, bob, cas = client("ann"), client("bob"), client("cas")
    game_server.behave["join_game"] = lambda body: (403, "no") if body["userId"] == bob.user else game_server.act("join_game", body)
    ann.open()
    bob.open()
    assert bob.over() == {**bob.get().json(), "state": "cancelled", "reason": "game_server_refused"}
    assert ann.get().json()["state"] == "waiting"
    cas.open()
    assert ann.over()["game"]["players"] == [ann.user, cas.user]
    # The games that it made before are gone.
    wait_for(lambda: list(game_server.games.values()) == [[ann.user, cas.user]], 10, "the others' end")


def test_a_game_server_that_hangs(stack, client, game_server):
    ann, bob = client("ann"), client("bob")
    released = threading.Event()

    def hang(body):
        released.wait(30)
        return game_server.act("create_game", body)

    game_server.behave["create_game"] = hang
    ann.open()
    bob.open()
    wait_for(lambda: game_server.calls_of("create_game"), 10, "the call")
    # It may be cancelled, and is nowhere.
    assert bob.cancel().json()["state"] == "cancelled"
    assert ann.get(1).json()["state"] == "waiting"
    released.set()
    game_server.reset()
    wait_for(lambda: not game_server.games, 15, "the late game's end")
    assert ann.get().json()["state"] == "waiting"


def test_a_match_of_more_players_than_calls_at_once():
    """Its players are asked for as there is room; so is a party for an open game."""
    own = GameServer()
    stack = Stack(games={"exrps": game_file(own.url, players=4, queues=[TEAMS, dict(TEAMS, id="fill", backfill=True)])})
    try:
        stack.configure(game_server={"concurrent": 1})
        four = [Client(stack, f"crowd-{i}") for i in range(4)]
        for each in four:
            assert each.open("teams").status_code == 201
        games = [each.over(15)["game"] for each in four]
        assert len({g["game_id"] for g in games}) == 1 and len(own.games[games[0]["game_id"]]) == 4
        host = stack.create("crowd-host").json()["game_id"]
        stack.event(host, "state_change", new_state="creator_joined")
        stack.settle()
        two = [Client(stack, f"party-{i}") for i in range(2)]
        code = two[0].open("fill", party=True).json()["code"]
        assert two[1].http.post(f"{two[1].base}/join/{code}").status_code == 200
        assert two[0].http.post(f"{two[0].base}/{two[0].id}/ready").status_code == 200
        assert two[0].over(15)["game"]["game_id"] == host
    finally:
        stack.close()
        own.close()


@pytest.mark.parametrize("action", ["create_game", "join_game"])
def test_a_worker_that_is_killed_while_it_matches(stack, client, game_server, action):
    ann, bob = client("ann"), client("bob")
    released = threading.Event()

    def hang(body):
        released.wait(30)
        return game_server.act(action, body)

    game_server.behave[action] = hang
    ann.open()
    bob.open()
    wait_for(lambda: game_server.calls_of(action), 10, "the call")
    game_id = game_server.calls_of(action)[0]["gameId"]
    stack.signal("worker", signal.SIGKILL)
    released.set()
    game_server.reset()
    # The next one fails the match at its deadline and makes another.
    ticket = ann.over(30)
    assert ticket["state"] == "matched" and ticket["game"]["game_id"] != game_id
    assert bob.over()["game"]["game_id"] == ticket["game"]["game_id"]
    wait_for(lambda: list(game_server.games) == [ticket["game"]["game_id"]], 15, "the other game's end")


def test_another_worker_takes_over(stack, client):
    """A second worker stands by, and matches within two seconds of the first one's death."""
    configuration = json.loads((stack.dir / "varcade.json").read_text())
    configuration["worker"]["listen"] = ""
    (stack.folder / "second.json").write_text(json.dumps(configuration))
    with open(stack.folder / "second.log", "wb") as log:
        second = subprocess.Popen([BUILD / "worker/varcade-worker", "--config", stack.folder / "second.json"], stderr=log)
    try:
        wait_for(lambda: b"started" in (stack.folder / "second.log").read_bytes(), 10, "the second worker")
        # A stopped one is not started again.
        stack.signal("worker", signal.SIGSTOP)
        begun = time.monotonic()
        ann, bob = client("ann"), client("bob")
        ann.open()
        bob.open()
        assert ann.over()["game"]["game_id"] == bob.over()["game"]["game_id"]
        assert time.monotonic() - begun < 4
    finally:
        stack.signal("worker", signal.SIGCONT)
        second.terminate()
        assert second.wait(20) == 0


def ctl(stack, command, *arguments):
    """varcadectl's exit status and answer, as JSON where there is one."""
    run = subprocess.run([BUILD / "worker/varcadectl", *command.split(), "--config", stack.dir / "varcade.json", "--json",
                          "exrps", *arguments], capture_output=True, text=True)
    return run.returncode, json.loads(run.stdout) if run.stdout else run.stderr


def test_a_match_that_is_gone_when_it_is_due(stack):
    """It has ended meanwhile: nothing is wrong, and nothing is left."""
    stack.redis.zadd("{exrps}:tickets:due", {"m:" + "1" * 32: 1})
    wait_for(lambda: stack.redis.zscore("{exrps}:tickets:due", "m:" + "1" * 32) is None, 5, "its end")
    assert "1" * 32 not in stack.log("worker")
    stack.redis.hset("{exrps}:match:" + "2" * 32, "queue", "duel")
    stack.redis.zadd("{exrps}:tickets:due", {"m:" + "2" * 32: 1})
    wait_for(lambda: "due cannot be read" in stack.log("worker"), 5, "a damaged one to be told of")
    stack.redis.delete("{exrps}:match:" + "2" * 32)
    stack.redis.zrem("{exrps}:tickets:due", "m:" + "2" * 32)


def test_an_administrator_sees_and_ends_tickets(stack, client):
    ann, bob = client("ann"), client("bob")
    ann.open()
    party = bob.open("teams", party=True).json()
    status, tickets = ctl(stack, "tickets list")
    assert status == 0
    assert {(t["ticket_id"], t["state"], t["queue"], t["opener_id"]) for t in tickets} == {
        (ann.id, "waiting", "duel", ann.user), (bob.id, "forming", "teams", bob.user)}
    wait_for(lambda: stack.redis.exists("{exrps}:tickets:lease"), 5, "a worker that matches")
    status, queues = ctl(stack, "queue")
    assert [(q["queue"], q["waiting"], q["worker"]) for q in queues] == [("duel", 1, True), ("short", 0, True),
                                                                         ("teams", 0, True)]
    assert queues[0]["p90_ms"] > 0 and queues[0]["tickets"] > 0
    assert ctl(stack, "tickets cancel", ann.id)[0] == 0
    assert ann.get().json()["reason"] == "by_hand"
    assert ctl(stack, "tickets cancel", ann.id)[0] == 1
    assert ctl(stack, "tickets cancel", bob.id)[0] == 0
    assert ann.http.post(f"{ann.base}/join/{party['code']}").status_code == 404
    # What cannot be read is not left out without a word.
    stack.redis.set("{exrps}:ticket:" + "0" * 32, "no ticket")
    stack.redis.hset("{exrps}:tickets:users", "nobody", "0" * 32)
    status, words = ctl(stack, "tickets list")
    assert status == 1 and "WRONGTYPE" in words
    stack.redis.delete("{exrps}:ticket:" + "0" * 32)
    stack.redis.hdel("{exrps}:tickets:users", "nobody")
    last = stack.redis.xrevrange("{exrps}:audit", count=1)[0][1]
    assert last["what"] == "tickets cancel" and last["about"] == bob.id


def test_nothing_is_left(stack, game_server):
    """When all have left, the keys say so: no seat, no game, no ticket that is active."""
    wait_for(lambda: not stack.redis.exists("{exrps}:holders"), 15, "the seats' end")
    assert stack.redis.hlen("{exrps}:tickets:users") == 0
    assert stack.redis.zcard("{exrps}:queue:duel") == 0
    assert stack.redis.keys("{exrps}:match:*") == []
