"""The life of games: what events do, what deadlines do, and that the game server and Redis agree in the end."""
import concurrent.futures
import time

import pytest

from stack import GameServer, Stack, game_file, wait_for


def listed_ids(stack, product="exrps"):
    return [g["game_id"] for g in stack.open_games(product, count=25)]


def told(stack, game_id, kind, product="exrps", **fields):
    stack.event(game_id, kind, product, **fields)
    stack.settle(product)


def listed(stack, creator, product="exrps"):
    game_id = stack.create(creator, product).json()["game_id"]
    told(stack, game_id, "state_change", product, new_state="creator_joined")
    assert game_id in listed_ids(stack, product)
    return game_id


def test_a_whole_life(stack):
    game_id = stack.create("ann").json()["game_id"]
    assert stack.state(game_id) == "created"
    assert game_id not in listed_ids(stack)
    told(stack, game_id, "state_change", new_state="creator_joined")
    assert stack.state(game_id) == "creator_joined"
    assert game_id in listed_ids(stack)
    assert stack.join(game_id, "ben").status_code == 200
    assert game_id not in listed_ids(stack)
    for state in ("all_players_joined", "in_progress", "ended"):
        told(stack, game_id, "state_change", new_state=state)
        assert stack.state(game_id) == state
        assert game_id not in listed_ids(stack)
    told(stack, game_id, "game_removed")
    assert stack.state(game_id) is None
    assert game_id not in listed_ids(stack)
    assert stack.redis.zscore("{exrps}:deadlines", game_id) is None


def test_a_real_stream(stack):
    """The order in which a real game server writes: no in_progress, game_over, then the guest leaves first."""
    game_id = listed(stack, "ann")
    assert stack.join(game_id, "ben").status_code == 200
    told(stack, game_id, "state_change", new_state="all_players_joined")
    told(stack, game_id, "game_over", winner_id="ann", loser_id="ben")
    assert stack.state(game_id) == "ended"
    told(stack, game_id, "player_disconnect", player_id="ben")
    assert stack.state(game_id) == "ended"
    assert game_id not in listed_ids(stack)
    told(stack, game_id, "game_removed")
    assert stack.state(game_id) is None


def test_a_player_leaves(stack):
    game_id = listed(stack, "ann")
    for leave_in in ("all_players_joined", "in_progress"):
        assert stack.join(game_id, "ben").status_code == 200
        told(stack, game_id, "state_change", new_state="all_players_joined")
        told(stack, game_id, "state_change", new_state=leave_in)
        told(stack, game_id, "player_disconnect", player_id="ben")
        assert stack.state(game_id) == "creator_joined"
        shown = next(g for g in stack.open_games(count=25) if g["game_id"] == game_id)
        assert shown["players"] == ["ann"]
    assert stack.join(game_id, "cid").json()["players"] == ["ann", "cid"]


def test_the_creator_leaves(stack, game_server):
    game_id = listed(stack, "ann")
    told(stack, game_id, "player_disconnect", player_id="ann")
    assert game_id not in listed_ids(stack)
    assert stack.join(game_id, "ben").status_code == 404
    wait_for(lambda: game_server.calls_of("remove_game", game_id), what="the game server to be told")
    wait_for(lambda: stack.state(game_id) is None, what="the game to be gone")


def test_out_of_order_repeated_and_unknown(stack):
    game_id = listed(stack, "ann")
    told(stack, "f" * 32, "state_change", new_state="creator_joined")
    told(stack, "f" * 32, "game_removed")
    assert stack.state("f" * 32) is None
    told(stack, game_id, "state_change", new_state="in_progress")
    for state in ("creator_joined", "all_players_joined", "in_progress"):
        told(stack, game_id, "state_change", new_state=state)
        assert stack.state(game_id) == "in_progress"
    told(stack, game_id, "player_disconnect", player_id="a stranger")
    assert stack.state(game_id) == "in_progress"
    told(stack, game_id, "game_removed")
    told(stack, game_id, "game_removed")
    assert stack.state(game_id) is None


def test_rubbish_is_kept_and_told(stack):
    """What cannot be applied goes to the dead letters with a reason; the worker goes on."""
    before = stack.redis.xlen("{exrps}:deadletters")
    unknown_before = stack.redis.xlen("{?}:deadletters")
    raw = stack.redis.execute_command
    raw("XADD", "game_event_stream", "*", "product_id", "exrps", "type", "game_over", "winner_id", "a")
    raw("XADD", "game_event_stream", "*", "product_id", "exrps", "type", "gameplay", "type", "game_over")
    raw("XADD", "game_event_stream", "*", "product_id", "exrps", "game_id", "x", "type", "state_change", "new_state", "flying")
    raw("XADD", "game_event_stream", "*", "product_id", "exrps", "game_id", b"\xff\xfe", "type", "game_removed")
    raw("XADD", "game_event_stream", "*", "product_id", "nobody's", "type", "game_over", "winner_id", "a", "loser_id", "b")
    raw("XADD", "game_event_stream", "*", "a", "b")
    told(stack, "0" * 32, "game_over", winner_id="after the rubbish", loser_id="x")
    assert stack.http.get(f"{stack.url}/stats/exrps/after%20the%20rubbish").json()["wins"] == "1"
    wait_for(lambda: stack.redis.xlen("{?}:deadletters") == unknown_before + 2, what="the dead letters")
    letters = stack.redis.xrange("{exrps}:deadletters")[before:]
    assert len(letters) == 4
    for _, letter in letters:
        assert letter["reason"], letter


def test_sixty_four_players(stack, game_server):
    game_id = listed(stack, "host", "arena")
    for i in range(1, 64):
        assert game_id in listed_ids(stack, "arena")
        answer = stack.join(game_id, f"guest {i}", "arena")
        assert answer.status_code == 200, (i, answer.text)
    assert answer.json()["players"] == ["host"] + [f"guest {i}" for i in range(1, 64)]
    assert answer.json()["settings"]["num_players"] == 64
    assert game_id not in listed_ids(stack, "arena")
    assert stack.join(game_id, "one too many", "arena").status_code == 400
    told(stack, game_id, "player_disconnect", "arena", player_id="guest 30")
    assert game_id in listed_ids(stack, "arena")
    assert stack.join(game_id, "one too many", "arena").status_code == 200
    assert len(game_server.games[game_id]) == 65  # it was told of each; who left, left there by himself


def test_the_last_seat(stack, game_server):
    """50 ask at the same moment; one gets it. (tests/faults/last_seat.py does 1 000 rounds.)"""
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        for round_ in range(20):
            game_id = listed(stack, f"host {round_}")
            answers = list(pool.map(lambda i: stack.join(game_id, f"guest {i}"), range(50)))
            codes = sorted(a.status_code for a in answers)
            assert codes == [200] + [400] * 49
            winner = next(a for a in answers if a.status_code == 200).json()["players"][1]
            assert game_server.games[game_id] == [f"host {round_}", winner]
            told(stack, game_id, "game_removed")


# --- deadlines ----------------------------------------------------------------------------------

SHORT = {"created": 1, "seat": 1, "creator_joined": 2, "all_players_joined": 1, "in_progress": 1, "ended": 1}


@pytest.fixture(scope="module")
def hasty(game_server):
    """Three products with short deadlines; one of each kind of wait is short enough to be watched."""
    running = Stack(games={"hasty": game_file(game_server.url, "hasty", timeouts=SHORT),
                           "seats": game_file(game_server.url, "seats", timeouts={**SHORT, "creator_joined": 60})})
    yield running
    running.close()


def gone(stack, game_server, game_id, product="hasty"):
    wait_for(lambda: stack.state(game_id, product) is None, 15, "the game to be gone")
    assert game_server.calls_of("remove_game", game_id)
    assert game_id not in game_server.games
    assert game_id not in listed_ids(stack, product)
    assert stack.redis.zscore(f"{{{product}}}:deadlines", game_id) is None


@pytest.mark.parametrize("last", ["created", "creator_joined", "all_players_joined", "in_progress", "ended"])
def test_each_state_expires(hasty, game_server, last):
    game_id = hasty.create("ann", "hasty").json()["game_id"]
    for state in ("creator_joined", "all_players_joined", "in_progress", "ended"):
        if last == "created":
            break
        told(hasty, game_id, "state_change", "hasty", new_state=state)
        if state == last:
            break
    assert hasty.state(game_id, "hasty") == last
    gone(hasty, game_server, game_id)


def test_a_guest_who_never_connects(hasty, game_server):
    game_id = listed(hasty, "ann", "seats")
    assert hasty.join(game_id, "ben", "seats").status_code == 200
    assert game_id not in listed_ids(hasty, "seats")
    wait_for(lambda: game_id in listed_ids(hasty, "seats"), 15, "the game to be listed again")
    wait_for(lambda: game_server.calls_of("remove_player", game_id), what="the game server to be told")
    assert game_server.calls_of("remove_player", game_id)[0]["userId"] == "ben"
    wait_for(lambda: hasty.join(game_id, "ben", "seats").status_code == 200, what="the guest to be let in again")


def test_a_game_server_that_cannot_be_told_is_told_later(hasty, game_server):
    game_server.behave["remove_game"] = lambda _: (500, "not now")
    game_id = hasty.create("ann", "hasty").json()["game_id"]
    wait_for(lambda: len(game_server.calls_of("remove_game", game_id)) >= 2, 15, "the removal to be repeated")
    assert game_id in game_server.games
    game_server.behave.clear()
    gone(hasty, game_server, game_id)


def test_deadlines_wait_for_unread_events(hasty):
    """After an outage of the worker no game is taken away for events that are merely unread."""
    import signal
    game_id = hasty.create("ann", "seats").json()["game_id"]
    hasty.signal("worker", signal.SIGSTOP)
    try:
        hasty.event(game_id, "state_change", "seats", new_state="creator_joined")
        time.sleep(1.5)  # the deadline itself: longer than `created`, while nobody looks
    finally:
        hasty.signal("worker", signal.SIGCONT)
    hasty.settle("seats")
    assert game_id in listed_ids(hasty, "seats")


# --- game servers that fail -----------------------------------------------------------------------


def test_game_server_down():
    dead = GameServer()
    url = dead.url
    dead.close()
    stack = Stack(games={"exrps": game_file(url)})
    try:
        for _ in range(8):  # past the breaker's patience
            began = time.monotonic()
            answer = stack.create("ann")
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) >= 1
            assert answer.headers["Content-Type"].startswith("application/problem+json")
            assert time.monotonic() - began < 5
        assert stack.redis.keys("{exrps}:game:*") == []
        assert "varcade_" in stack.http.get(f"{stack.url}/metrics").text
    finally:
        stack.close()


def test_late_answers_are_undone(game_server):
    """Answers after our limit: the player is told 503, and what the game server made is removed."""
    import threading
    release = threading.Event()

    def late(action):
        def behave(body):
            release.wait(60)
            return game_server.act(action, body)
        return behave

    stack = Stack(games={"exrps": game_file(game_server.url)})
    try:
        joinable = listed(stack, "host")
        game_server.behave.update(create_game=late("create_game"), join_game=late("join_game"))
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            began = time.monotonic()
            create = pool.submit(stack.create, "ann")
            join = pool.submit(stack.join, joinable, "ben")
            for answer in (create.result(), join.result()):
                assert answer.status_code == 503, answer.text
                assert int(answer.headers["Retry-After"]) >= 1
            assert 2.5 < time.monotonic() - began < 5
        made = game_server.calls_of("create_game")[-1]["gameId"]
        game_server.behave.clear()
        release.set()
        wait_for(lambda: made in game_server.games or game_server.calls_of("remove_game", made), what="the late answer")
        wait_for(lambda: made not in game_server.games and stack.state(made) is None, 20, "the late game to be removed")
        wait_for(lambda: game_server.games[joinable] == ["host"], 20, "the late player to be removed")
        assert joinable in listed_ids(stack)
        wait_for(lambda: stack.join(joinable, "ben").status_code == 200, 20, "the guest to be let in at last")
    finally:
        release.set()
        stack.close()
