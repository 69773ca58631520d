"""POST /events/{product}: keys, what is accepted, all or none, and what comes of it."""
import hashlib
import json
import signal
import time

import pytest
from stack import STREAM, Stack, game_file, wait_for

SECRET = "ab" * 32


def put_key(stack, key_id, revoked=0, product="exrps", secret=SECRET):
    """A key as varcadectl keys add stores it."""
    record = f"{hashlib.sha256(secret.encode()).hexdigest()} {int(time.time() * 1000)} {revoked}"
    stack.redis.hset(f"{{{product}}}:keys", key_id, record)
    return f"Bearer {key_id}.{secret}"


def post(stack, body, key, product="exrps", **headers):
    if key is not None:
        headers["Authorization"] = key
    data = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return stack.http.post(f"{stack.url}/events/{product}", data=data, headers=headers)


def detail(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    return answer.json()["detail"]


def score_of(stack, user_id):
    return stack.redis.zscore("{exrps}:0:board:wins:all", user_id)


def over(n, winner, loser):
    return {"type": "game_over", "game_id": f"{n:032x}", "winner_id": winner, "loser_id": loser}


def test_events_count(stack):
    key = put_key(stack, "00000001")
    answer = post(stack, [over(1, "http-1", "http-2"), over(2, "http-1", "http-2")], key)
    assert answer.status_code == 202, answer.text
    ids = answer.json()["ids"]
    entries = [(i, f) for i, f in stack.redis.xrange(STREAM) if i in ids]
    assert [i for i, _ in entries] == ids and len(ids) == 2
    assert entries[0][1] == {"product_id": "exrps", **over(1, "http-1", "http-2")}
    wait_for(lambda: score_of(stack, "http-1") == 2, what="the score")


def test_lines_and_values(stack):
    key = put_key(stack, "00000001")
    answer = post(stack, '{"type":"x","n":1.50,"b":true}\n\n{"product_id":"exrps","s":"\\u00e4"}\n', key)
    assert answer.status_code == 202, answer.text
    fields = [stack.redis.xrange(STREAM, i, i)[0][1] for i in answer.json()["ids"]]
    assert fields == [{"product_id": "exrps", "type": "x", "n": "1.50", "b": "true"},
                      {"product_id": "exrps", "s": "ä"}]


def test_all_or_none(stack):
    key = put_key(stack, "00000001")
    before = stack.redis.xinfo_stream(STREAM)["entries-added"] if stack.redis.exists(STREAM) else 0
    good = over(1, "a", "b")
    for body, words in (([good, good, {**good, "winner_id": ""}], "events[2]: winner_id is not"),
                        ([good, {**good, "product_id": "arena"}], "events[1]: product_id is another"),
                        ([{"a": None}], "events[0]: a value is none of"), ([], "no event"), ("", "no event"),
                        ("[" + json.dumps(good), "events[1]: not JSON"), ("hello", "events[0]: line 1"),
                        ([good] * 1001, "More than 1000")):
        assert words in detail(post(stack, body, key), 400)
    assert (stack.redis.xinfo_stream(STREAM)["entries-added"] if stack.redis.exists(STREAM) else 0) == before


def test_keys(stack):
    good, event = put_key(stack, "00000001"), [{"type": "x"}]
    put_key(stack, "00000002", product="arena", secret="cd" * 32)
    revoked = put_key(stack, "00000003", revoked=int(time.time() * 1000))
    ending = put_key(stack, "00000004", revoked=int(time.time() * 1000) + 3600000)
    assert post(stack, event, good).status_code == 202
    assert post(stack, event, ending).status_code == 202
    for key in (None, "", "Bearer", "Bearer x", "Bearer 00000001", f"Bearer 00000001.{'cd' * 32}",
                f"Bearer 00000009.{SECRET}", f"Bearer 00000002.{'cd' * 32}", stack.auth("ann")["Authorization"],
                good.upper()):
        answer = post(stack, event, key)
        assert "key" in detail(answer, 401)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "revoked" in detail(post(stack, event, revoked), 403)
    # The key comes before the body.
    assert detail(post(stack, "[", None), 401)
    assert SECRET not in stack.log("fcgi-leaderboards")
    assert "Invalid product" in detail(post(stack, event, good, "nobody"), 400)


def test_size(stack):
    key = put_key(stack, "00000001")
    big = [{"type": "x", "pad": "x" * 1000}] * 1000  # just under 1 MiB
    assert len(json.dumps(big)) > 1000000
    answer = post(stack, big, key)
    assert answer.status_code == 202 and len(set(answer.json()["ids"])) == 1000
    assert post(stack, " " * (1 << 20), key).status_code == 400
    assert post(stack, " " * ((1 << 20) + 1), key).status_code == 413
    # Other routes have their own limit.
    assert stack.http.post(f"{stack.url}/game_lobby/exrps/create_game", data=" " * 65537,
                           headers=stack.auth("ann")).status_code == 413


def test_methods(stack):
    answer = stack.http.get(f"{stack.url}/events/exrps")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST, OPTIONS")
    assert stack.http.post(f"{stack.url}/events/").status_code == 404


def test_redis_hangs(stack):
    key = put_key(stack, "00000001")
    stack.signal("redis", signal.SIGSTOP)
    try:
        answer = post(stack, [{"type": "x"}], key)
        assert detail(answer, 503)
        assert answer.headers["Retry-After"] == "1"
    finally:
        stack.signal("redis", signal.SIGCONT)
    wait_for(lambda: post(stack, [{"type": "x"}], key).status_code == 202, what="Redis to be reached again")


@pytest.fixture
def apart(game_server):
    """State and stream in two databases."""
    running = Stack(games={"exrps": game_file(game_server.url)})
    file = running.dir / "varcade.json"
    content = json.loads(file.read_text())
    content["redis"]["stream_url"] = content["redis"]["state_url"] + "?db=1"
    file.write_text(json.dumps(content))
    for part in ("fcgi-leaderboards", "worker"):
        pid = running.pid(part)
        running.signal(part, signal.SIGTERM)
        wait_for(lambda: (running.dir / "pids" / part).exists() and running.pid(part) != pid, what=part)
    yield running
    running.close()


def test_stream_apart(apart):
    key = put_key(apart, "00000001")
    wait_for(lambda: post(apart, [over(1, "http-1", "http-2")], key).status_code == 202, what="the pool")
    wait_for(lambda: score_of(apart, "http-1") == 1, what="the score")
    assert not apart.redis.exists(STREAM)
