"""A player's place as a picture."""
from xml.etree import ElementTree

import pytest
from stack import GameServer, Stack, game_file

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def stack():
    server = GameServer()
    board = {"id": "best", "title": "Best <& first>", "from": [{"on": {"type": "score"}, "player": "user_id", "max": {"field": "score"}}]}
    stack = Stack(games={"arena": game_file(server.url, "arena", boards=[board])})
    pipe = stack.redis.pipeline(transaction=False)
    for i in range(3400):
        pipe.xadd("game_event_stream", {"product_id": "arena", "type": "score", "user_id": f"p{i}", "score": 5000 - i})
    stack.last_event["arena"] = pipe.execute()[-1]
    stack.settle("arena")
    yield stack
    stack.close()
    server.close()


def badge(stack, user):
    answer = stack.http.get(f"{stack.url}/badge/arena/best/{user}.svg")
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "image/svg+xml"
    picture = ElementTree.fromstring(answer.content)
    width = sum(float(text.get("textLength")) for text in picture.iter(SVG + "text"))
    assert width < float(picture.get("width"))
    return [text.text for text in picture.iter(SVG + "text")], picture.find(SVG + "title").text


def test_places(stack):
    assert badge(stack, "p11") == (["Best <& first>", "#12 of 3\u202f400"], "Best <& first>: #12 of 3\u202f400")
    assert badge(stack, "p3399")[0][1] == "#3\u202f400 of 3\u202f400"
    assert badge(stack, "nobody")[0][1] == "not ranked yet"
    # An id may end in .svg itself, and may have anything in it.
    stack.event("0" * 32, "score", "arena", user_id="a/b.svg", score="9000")
    stack.settle("arena")
    assert badge(stack, "a%2Fb.svg")[0][1] == "#1 of 3\u202f401"


@pytest.mark.parametrize("path, status, detail", [
    ("/badge/arena/best/p1", 404, "There is nothing at this path"), ("/badge/arena/best/.svg", 404, "There is nothing at this path"),
    ("/badge/arena/none/p1.svg", 404, "No such board"), ("/badge/none/best/p1.svg", 400, "Invalid product ID"),
    ("/badge/arena/best/%00.svg", 400, "")])
def test_mistakes(stack, path, status, detail):
    answer = stack.http.get(stack.url + path)
    assert answer.status_code == status and detail in answer.json()["detail"]
