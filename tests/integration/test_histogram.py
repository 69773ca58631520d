"""GET /leaderboards/…/histogram, from the stream through the real programs."""
import pytest

from stack import Stack, game_file

RULE = {"on": {"type": "score"}, "player": "user_id", "set": {"field": "score"}}


@pytest.fixture(scope="module")
def stack(game_server):
    boards = [{"id": ties, "ties": ties, "order": order, "windows": ["all", "daily"], "from": [RULE]}
              for ties, order in (("competition", "desc"), ("dense", "asc"), ("first", "desc"))]
    running = Stack(games={"arena": game_file(game_server.url, "arena", stats=[], titles={}, boards=boards)})
    yield running
    running.close()


def histogram(stack, board="competition", **parameters):
    answer = stack.http.get(f"{stack.url}/leaderboards/arena/{board}/histogram", params=parameters)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    return answer.json()


def test_histogram(stack):
    empty = histogram(stack)
    assert list(empty) == ["board", "window", "at", "starts", "ends", "total", "min", "max", "below", "above", "edges", "counts"]
    assert (empty["total"], empty["min"], empty["max"], empty["edges"], empty["counts"]) == (0, None, None, [], [])
    known = histogram(stack, **{"from": 0, "to": 10, "buckets": 2})
    assert (known["total"], known["edges"], known["counts"]) == (0, [0, 5, 10], [0, 0])

    stack.event("0" * 32, "score", "arena", user_id="a", score="2.5")
    stack.settle("arena")
    one = histogram(stack)
    assert (one["min"], one["max"], one["edges"], one["counts"]) == (2.5, 2.5, [2.5, 2.5], [1])

    for user, score in (("b", 0), ("c", 10), ("d", 10), ("e", 5), ("f", 7.5), ("g", 0), ("h", 2)):
        stack.event("0" * 32, "score", "arena", user_id=user, score=score)
    stack.settle("arena")
    for board in ("competition", "dense", "first"):
        four = histogram(stack, board, buckets=4)
        assert (four["board"], four["total"], four["min"], four["max"]) == (board, 8, 0, 10)
        assert four["edges"] == [0, 2.5, 5, 7.5, 10]
        assert four["counts"] == [3, 1, 1, 3]
        assert four["below"] == four["above"] == 0
        part = histogram(stack, board, window="daily", buckets=2, to="7.5", **{"from": "2e0"})
        assert (part["window"], part["edges"], part["counts"]) == ("daily", [2, 4.75, 7.5], [2, 2])
        assert (part["below"], part["above"], part["total"]) == (2, 2, 8)
        assert len(histogram(stack, board)["counts"]) == 20
        assert len(histogram(stack, board, buckets="9" * 30)["counts"]) == 100
    today = histogram(stack, window="daily")
    assert histogram(stack, at=today["at"]) == today


def test_wrong_requests(stack):
    url = f"{stack.url}/leaderboards/arena"
    for path, status, detail in (
            ("nope/histogram", 404, "No such board"), ("competition/histogram/", 404, ""),
            ("competition/histogram?window=weekly", 400, "window must be"), ("competition/histogram?at=noon", 400, "at must be"),
            ("competition/histogram?at=2020-01-01", 404, "no longer kept"),
            *((f"competition/histogram?buckets={bad}", 400, "buckets must be an integer, 1 or more")
              for bad in ("0", "-1", "x", "1.5", "")),
            *((f"competition/histogram?{bad}", 400, "from and to must be numbers")
              for bad in ("from=1", "to=1", "from=1&to=1", "from=2&to=1", "from=x&to=1", "from=&to=1", "from=nan&to=1", "from=0&to=inf",
                          "from=0&to=1e16", "from=-1e400&to=0", "from=(0&to=1", "from=0&to=%2Binf"))):
        answer = stack.http.get(f"{url}/{path}")
        assert answer.status_code == status and detail in answer.json()["detail"], (path, answer.text)
    assert stack.http.post(f"{url}/competition/histogram").status_code == 405
    assert stack.http.head(f"{url}/competition/histogram").status_code == 200
