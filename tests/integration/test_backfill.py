"""Tickets into games that are listed: who gets a seat, who does not, and what dies in between."""
import re
import signal
import threading
import time

import pytest

from stack import Stack, game_file, wait_for
from test_tickets import Client, client  # client is a fixture

RANGE = {"start": 100, "per_second": 0, "max": 100}
QUEUES = [
    {"id": "fill", "rating": "rating", "range": RANGE, "backfill": True},
    {"id": "mode", "equal": ["mode"], "backfill": True},
    {"id": "level", "within": {"level": 2}, "backfill": True},
    {"id": "near", "latency": {"regions": ["eu", "us"], "start": 60, "max": 60}, "backfill": True},
    {"id": "teams", "teams": 2, "team_size": 2, "backfill": True},
    {"id": "pair", "backfill": True},
    {"id": "plain"},
]
SETTINGS = {
    "mode": {"type": "string", "values": ["a", "b"]},
    "level": {"type": "integer", "min": 1, "max": 9, "default": 1},
    "region": {"type": "string", "values": ["eu", "us", "asia"], "default": "eu"},
}
GAME_SERVER = {"connect_timeout_ms": 1000, "timeout_ms": 2000, "late_ms": 6000}


@pytest.fixture(scope="module")
def stack(game_server):
    running = Stack(games={"exrps": game_file(game_server.url, players=4, settings=SETTINGS, queues=QUEUES)})
    running.configure(game_server=GAME_SERVER)
    yield running
    running.close()


@pytest.fixture
def listed(stack):
    """listed(free, …): a game of four that is listed, with so many seats free, whose players are rated where a rating is
    given; its id."""
    made = []

    def make(free, rating=None, **settings):
        user, *guests = [f"host-{time.monotonic_ns()}-{i}" for i in range(4 - free)]
        for each in (user, *guests) if rating is not None else ():
            stack.redis.hset(f"{{exrps}}:0:player:{each}", "r:rating", f"{rating} 50 0.06 5 1700000000000")
        answer = Client(stack, user).http.post(f"{stack.url}/game_lobby/exrps/create_game", json={"settings": settings})
        assert answer.status_code == 200, answer.text
        game_id = answer.json()["game_id"]
        made.append((user, game_id))
        stack.event(game_id, "state_change", new_state="creator_joined")
        stack.settle()
        assert [stack.join(game_id, guest).status_code for guest in guests] == [200] * len(guests)
        assert game_id in open_ids(stack)
        return game_id

    yield make
    for user, game_id in made:
        Client(stack, user).leave(game_id)
    wait_for(lambda: stack.open_games() == [], 15, "the games' end")


@pytest.fixture
def hanging(game_server):
    """hanging(): join_game hangs until release() is called, and does it then."""
    class Hanging:
        released = threading.Event()

        def __init__(self):
            game_server.behave["join_game"] = self.join

        def join(self, body):
            self.released.wait(30)
            return game_server.act("join_game", body)

        def release(self):
            self.released.set()
            game_server.reset()

    yield Hanging
    Hanging.released.set()


def open_ids(stack):
    return [g["game_id"] for g in stack.open_games()]


def asked(game_server, game):
    """For whom the game server was asked for a seat in the game."""
    return [b["userId"] for b in game_server.calls_of("join_game", game)]


def backfills(stack, result):
    text = stack.http.get(f"{stack.url}/metrics").text
    return sum(map(int, re.findall(rf'^varcade_backfills_total{{.*result="{result}"}} (\d+)$', text, re.M)))


def test_a_ticket_gets_the_seat_of_the_nearest_game(stack, client, listed, game_server):
    listed(1, rating=1410)
    near = listed(1, rating=1520)
    before = backfills(stack, "done")
    ann = client("ann")
    ann.open("fill")
    game = ann.over()["game"]
    assert game["game_id"] == near and game["token"] == f"token-of-{ann.user}"
    assert len(game["players"]) == 4 and game["players"][-1] == ann.user
    assert game_server.games[near] == game["players"]
    answer = ann.cancel()
    assert answer.status_code == 409 and answer.json()["game_id"] == near
    wait_for(lambda: backfills(stack, "done") == before + 1, 5, "the figure")


def test_a_game_of_other_ratings_is_not_filled(client, listed):
    game = listed(1, rating=1700)
    ann, bob = client("ann"), client("bob")
    ann.open("fill")
    assert ann.get(2).json()["state"] == "waiting"
    # So the two get a game of their own.
    bob.open("fill")
    made = [c.over()["game"]["game_id"] for c in (ann, bob)]
    assert made[0] == made[1] != game


def test_only_queues_that_say_so(stack, client, listed):
    queues = stack.http.get(stack.url + "/products").json()[0]["queues"]
    assert {q["id"] for q in queues if q["backfill"]} == {"fill", "mode", "level", "near", "teams", "pair"}
    game = listed(1)
    ann, bob, cas = client("ann"), client("bob"), client("cas")
    ann.open("plain")
    assert ann.get(1).json()["state"] == "waiting"
    bob.open("mode", attributes={"mode": "a"})
    assert bob.over()["game"]["game_id"] == game
    cas.open("plain")
    assert ann.over()["game"]["game_id"] == cas.over()["game"]["game_id"] != game


def test_a_listed_game_comes_before_a_match(client, listed):
    """Who come just behind a look at the list could be matched with each other, and wait for the next one."""
    game = listed(3)
    players = [client(name) for name in ("ann", "bob", "cas")]
    players[0].open("fill")
    players[0].over()
    for player in players[1:]:
        player.open("fill")
    assert [player.over()["game"]["game_id"] for player in players] == [game] * 3


@pytest.mark.parametrize("queue,others,setting,ticket", [
    ("mode", [{"mode": "b"}], {"mode": "a"}, {"attributes": {"mode": "a"}}),
    ("level", [{"level": 1}, {"level": 7}], {"level": 5}, {"attributes": {"level": 4}}),
    ("near", [{"region": "us"}, {"region": "asia"}], {"region": "eu"}, {"latencies": {"eu": 30, "us": 200}}),
])
def test_settings_are_held_against_the_rules(client, listed, queue, others, setting, ticket):
    passed_over = [listed(3, **other) for other in others]
    game = listed(1, **setting)
    ann, bob = client("ann"), client("bob")
    ann.open(queue, **ticket)
    assert ann.over()["game"]["game_id"] == game
    bob.open(queue, **ticket)
    assert bob.get(2).json()["state"] == "waiting", passed_over


def test_a_party_is_not_split(client, listed):
    small, large = listed(1), listed(2)
    ann, bob = client("ann"), client("bob")
    code = ann.open("teams", party=True).json()["code"]
    assert bob.http.post(f"{ann.base}/join/{code}").status_code == 200
    bob.id = ann.id
    ann.http.post(f"{ann.base}/{ann.id}/ready")
    games = [c.over()["game"] for c in (ann, bob)]
    assert [g["game_id"] for g in games] == [large, large] and small != large
    assert [g["token"] for g in games] == [f"token-of-{ann.user}", f"token-of-{bob.user}"]


def test_a_party_for_which_no_game_has_room_waits(client, listed):
    listed(1)
    ann, bob = client("ann"), client("bob")
    code = ann.open("teams", party=True).json()["code"]
    assert bob.http.post(f"{ann.base}/join/{code}").status_code == 200
    ann.http.post(f"{ann.base}/{ann.id}/ready")
    assert ann.get(2).json()["state"] == "waiting"


def test_the_seat_of_who_leaves_a_match_of_equals(stack, client):
    """What was equal has to be so for who is seated."""
    ann, bob, cas, dan = client("ann"), client("bob"), client("cas"), client("dan")
    ann.open("mode", attributes={"mode": "a"})
    bob.open("mode", attributes={"mode": "a"})
    game = ann.over()["game"]
    assert game["settings"]["attributes"] == {"mode": "a"}
    for state in ("creator_joined", "all_players_joined"):
        stack.event(game["game_id"], "state_change", new_state=state)
    stack.settle()
    bob.leave(game["game_id"])
    cas.open("mode", attributes={"mode": "b"})
    assert cas.get(1).json()["state"] == "waiting"
    dan.open("mode", attributes={"mode": "a"})
    assert dan.over()["game"]["game_id"] == game["game_id"]


@pytest.mark.parametrize("queue, ticket, settings", [
    ("plain", {}, {"mode": "a", "level": 1, "region": "eu"}),
    ("mode", {"attributes": {"mode": "b"}}, {"mode": "b", "level": 1, "region": "eu", "attributes": {"mode": "b"}}),
    ("mode", {"attributes": {"mode": "c"}}, {"mode": "a", "level": 1, "region": "eu", "attributes": {"mode": "c"}}),
    ("level", {"attributes": {"level": 5}}, {"mode": "a", "level": 5, "region": "eu", "attributes": {"level": 5}}),
    ("level", {"attributes": {"level": 5.5}}, {"mode": "a", "level": 1, "region": "eu", "attributes": {"level": 5.5}}),
    ("near", {"latencies": {"us": 9}}, {"mode": "a", "level": 1, "region": "us"}),
])
def test_settings_that_nobody_chose(client, game_server, queue, ticket, settings):
    """A match's game has those of the file too, what its tickets say of them first; and the game server is told."""
    ann, bob = client("ann"), client("bob")
    for each in (ann, bob):
        each.open(queue, **ticket)
    game = ann.over()["game"]
    assert game["settings"] == {"num_players": 2, "queue": queue, "teams": [[ann.user], [bob.user]], **settings}
    assert ann.get().text.count('"region"') == 1
    assert game_server.calls_of("create_game", game["game_id"])[0]["settings"] == game["settings"]


@pytest.mark.parametrize("queue", ["pair", "plain"])
def test_the_seat_of_who_leaves_a_match(stack, client, queue):
    """It is for others of the queue, and of no other one; or nobody's, where the queue does not say that it is filled."""
    ann, bob, cas, dan = client("ann"), client("bob"), client("cas"), client("dan")
    ann.open(queue)
    bob.open(queue)
    game = ann.over()["game"]["game_id"]
    stack.event(game, "state_change", new_state="creator_joined")
    stack.event(game, "state_change", new_state="all_players_joined")
    stack.settle()
    bob.leave(game)
    assert (game in open_ids(stack)) == (queue == "pair")
    dan.open("level", attributes={"level": 1})
    assert dan.get(1).json()["state"] == "waiting"
    cas.open(queue)
    if queue == "pair":
        ticket = cas.over()
        assert ticket["game"]["game_id"] == game and sorted(ticket["game"]["players"]) == sorted([ann.user, cas.user])
    else:
        assert cas.get(1).json()["state"] == "waiting"


def test_a_game_server_that_refuses(stack, client, listed, game_server):
    game = listed(1)
    game_server.behave["join_game"] = lambda body: (409, "full")
    ann, bob = client("ann"), client("bob")
    since = ann.open("fill").json()["opened_at"]
    wait_for(lambda: ann.user in asked(game_server, game), 10, "the call")
    ticket = wait_for(lambda: (t := ann.get().json())["state"] == "waiting" and "place" in t and t, 5, "the ticket")
    assert ticket["opened_at"] == since
    # It is not tried again at once, though it would work; and the seat is free again.
    game_server.reset()
    assert ann.get(1).json()["state"] == "waiting"
    wait_for(lambda: game in open_ids(stack), 10, "the seat")
    assert not game_server.calls_of("remove_player", game)
    bob.open("fill")
    assert bob.over()["game"]["game_id"] == game


def test_a_party_of_which_one_is_refused(stack, client, listed, game_server):
    game = listed(2)
    ann, bob = client("ann"), client("bob")
    game_server.behave["join_game"] = lambda body: (403, "no") if body["userId"] == bob.user else game_server.act("join_game", body)
    code = ann.open("teams", party=True).json()["code"]
    assert bob.http.post(f"{ann.base}/join/{code}").status_code == 200
    ann.http.post(f"{ann.base}/{ann.id}/ready")
    wait_for(lambda: game_server.calls_of("remove_player", game), 10, "the other's removal")
    wait_for(lambda: ann.user not in game_server.games[game], 5, "the other's removal")
    assert ann.get().json()["state"] == "waiting"
    wait_for(lambda: [len(g["players"]) for g in stack.open_games() if g["game_id"] == game] == [2], 5, "the seats")


def test_who_is_taken_nowhere_is_matched(client, listed, game_server):
    """However many games are listed, a few tries are all: then the two have a game of their own."""
    games = [listed(3) for _ in range(8)]
    game_server.behave["join_game"] = lambda body: (409, "no") if body["gameId"] in games else game_server.act("join_game", body)
    ann, bob = client("ann"), client("bob")
    ann.open("fill")
    bob.open("fill")
    made = [c.over()["game"]["game_id"] for c in (ann, bob)]
    assert made[0] == made[1] and made[0] not in games
    tries = [(b["userId"], b["gameId"]) for b in game_server.calls_of("join_game") if b["gameId"] in games]
    assert len(tries) == len(set(tries)) <= 6


def test_a_ticket_that_is_cancelled_meanwhile(stack, client, listed, game_server, hanging):
    game = listed(1)
    joining = hanging()
    ann = client("ann")
    ann.open("fill")
    wait_for(lambda: ann.user in asked(game_server, game), 10, "the call")
    assert ann.cancel().json()["state"] == "cancelled"
    joining.release()
    wait_for(lambda: ann.user not in game_server.games[game] and game_server.calls_of("remove_player", game), 15, "the player's removal")
    wait_for(lambda: game in open_ids(stack), 15, "the seat")
    assert ann.get().json()["state"] == "cancelled"


def test_an_answer_that_is_late(stack, client, listed, game_server, hanging):
    """The player leaves again as soon as there is one, and the seat is nobody's before."""
    game = listed(1)
    joining = hanging()
    ann = client("ann")
    ann.open("fill")
    wait_for(lambda: ann.user in asked(game_server, game), 10, "the call")
    wait_for(lambda: (t := ann.get().json())["state"] == "waiting" and "place" in t, 10, "the ticket")
    joining.release()
    wait_for(lambda: stack.join(game, ann.user).status_code == 200, 4.5, "the seat, long before game_server.late_ms is over")
    assert game_server.calls_of("remove_player", game)
    assert game_server.games[game].count(ann.user) == 1 and len(game_server.games[game]) == 4
    wait_for(lambda: (t := ann.get().json())["state"] == "waiting" or t["reason"] == "in_game", 5, "the ticket's end")


def test_a_worker_that_is_killed_while_it_fills(stack, client, listed, game_server, hanging):
    game = listed(1)
    joining = hanging()
    ann = client("ann")
    ann.open("fill")
    wait_for(lambda: ann.user in asked(game_server, game), 10, "the call")
    stack.signal("worker", signal.SIGKILL)
    joining.release()
    wait_for(lambda: ann.user in game_server.games[game], 5, "the player of whom nobody knows")
    # Its deadline undoes it: the player leaves, and no sooner than nothing more can come of the call the ticket has the seat.
    assert ann.over(30)["game"]["game_id"] == game
    assert game_server.calls_of("remove_player", game)
    assert game_server.games[game].count(ann.user) == 1 and len(game_server.games[game]) == 4
    assert not stack.redis.keys("{exrps}:match:*")


def test_nothing_is_left(stack):
    wait_for(lambda: not stack.redis.exists("{exrps}:holders"), 30, "the seats' end")
    assert stack.redis.hlen("{exrps}:tickets:users") == 0
    assert stack.redis.keys("{exrps}:match:*") == []
