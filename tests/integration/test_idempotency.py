"""A POST that is sent again with its key is done once, and gets the first answer again."""
import json
import threading

import pytest

from stack import wait_for


def create(stack, user, key, product="exrps", body="{}", path="create_game"):
    headers = {**stack.auth(user), "Idempotency-Key": key}
    return stack.http.post(f"{stack.url}/game_lobby/{product}/{path}", headers=headers, data=body)


def test_the_first_answer_again(stack, game_server):
    first = create(stack, "ann", "k1")
    assert first.status_code == 200 and "Idempotent-Replayed" not in first.headers
    again = create(stack, "ann", "k1")
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert len(game_server.calls_of("create_game")) == 1
    assert create(stack, "ann", "k2").json()["game_id"] != first.json()["game_id"]
    assert create(stack, "ann", "k1", product="arena").json()["game_id"] != first.json()["game_id"]
    # Keys are the player's own, whatever is in his id.
    others = [create(stack, user, key).json()["game_id"] for user, key in (("bob", "k1"), ("a:1", "k"), ("a", "1:k"))]
    assert len({first.json()["game_id"], *others}) == 4


def test_another_request_with_the_key(stack):
    assert create(stack, "cid", "same").status_code == 200
    for body, path in (('{"private": true}', "create_game"), ("{}", f"leave_game/{'0' * 32}")):
        answer = create(stack, "cid", "same", body=body, path=path)
        assert answer.status_code == 422
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_refusals_are_kept_too(stack):
    first = create(stack, "dan", "no", path=f"join_game/{'0' * 32}")
    again = create(stack, "dan", "no", path=f"join_game/{'0' * 32}")
    assert (first.status_code, again.content) == (404, first.content)
    assert again.headers["Content-Type"] == "application/problem+json"


def test_while_the_first_is_under_way(stack, game_server):
    go = threading.Event()

    def slowly(body):
        assert go.wait(10)
        return 200, json.dumps({"gameToken": "t"})

    game_server.behave["create_game"] = slowly
    answers = []
    thread = threading.Thread(target=lambda: answers.append(create(stack, "eve", "slow")))
    thread.start()
    wait_for(lambda: game_server.calls_of("create_game"), what="the game server to be asked")
    busy = create(stack, "eve", "slow")
    go.set()
    thread.join()
    assert busy.status_code == 409 and int(busy.headers["Retry-After"]) >= 1
    assert create(stack, "eve", "slow").content == answers[0].content
    assert len(game_server.calls_of("create_game")) == 1


def test_what_only_says_try_again_is_not_kept(stack, game_server):
    game_server.behave["create_game"] = lambda body: (500, "no")
    assert create(stack, "fay", "again").status_code == 400  # a refusal is an answer
    game_server.reset()
    assert create(stack, "fay", "again").status_code == 400
    stack.redis.hset("{exrps}:codes", "X", "Y")  # kept: what is there is not touched
    stack.redis.rename("{exrps}:codes", "spare")
    stack.redis.set("{exrps}:codes", "damaged")
    try:
        assert create(stack, "fay", "broken").status_code == 500
    finally:
        stack.redis.rename("spare", "{exrps}:codes")
        stack.redis.hdel("{exrps}:codes", "X")
    assert create(stack, "fay", "broken").status_code == 200


@pytest.mark.parametrize("key", ["x" * 129, "a b", "\u00e4".encode("latin-1")])
def test_keys_that_are_none(stack, key):
    answer = create(stack, "gil", key)
    assert answer.status_code == 400 and "Idempotency-Key" in answer.json()["detail"]


def test_a_key_means_nothing_to_a_read(stack):
    headers = {**stack.auth("hal"), "Idempotency-Key": "k"}
    assert stack.http.get(f"{stack.url}/game_lobby/exrps/mine", headers=headers).status_code == 200
    assert not stack.redis.keys("{exrps}:request:3:hal:*")


def test_keys_have_a_limit(stack):
    stack.redis.set("{exrps}:requests:ivy", 10000, px=5000)
    answer = create(stack, "ivy", "one")
    assert answer.status_code == 429 and 1 <= int(answer.headers["Retry-After"]) <= 5
    assert stack.redis.pttl("{exrps}:request:3:ann:k1") > 23 * 3600 * 1000
