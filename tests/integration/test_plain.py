"""Boards as plain tables, for readers without JavaScript."""
import html
import re
import signal

import pytest
from stack import GameServer, Stack, game_file, wait_for


@pytest.fixture(scope="module")
def stack():
    server = GameServer()
    stack = Stack(games={"exrps": game_file(server.url), "arena": game_file(server.url, "arena", title="Arena <& co>")})
    yield stack
    stack.close()
    server.close()


def read(stack, path):
    answer = stack.http.get(stack.url + path)
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "text/html; charset=utf-8", path
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"] and "style-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "Last-Modified" not in answer.headers
    return answer.text


def rows(page):
    return [[html.unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in re.findall(r"<tr>(<td.*?)</tr>", page)]


def test_tables(stack):
    index = read(stack, "/plain/")
    links = re.findall(r'<a href="([^"]+)">', index)
    assert links == ["arena/wins.html", "arena/rating.html", "exrps/wins.html", "exrps/rating.html"]
    assert "Arena &lt;&amp; co&gt;" in index
    for link in links:
        assert rows(read(stack, "/plain/" + link)) == []
    stack.event("0" * 32, "player_name", "arena", user_id="ann", username='<b>"Ann"</b>')
    stack.event("0" * 32, "game_over", "arena", winner_id="ann", loser_id="ben")
    wait_for(lambda: rows(read(stack, "/plain/arena/wins.html")) == [["1", '<b>"Ann"</b>', "1"], ["2", "ben", "0"]], what="two rows")
    assert "<b>" not in read(stack, "/plain/arena/wins.html")
    tag = stack.http.get(stack.url + "/plain/arena/wins.html").headers["ETag"]
    assert stack.http.get(stack.url + "/plain/arena/wins.html", headers={"If-None-Match": tag}).status_code == 304


def test_tables_of_boards_that_are_no_more_go(stack):
    content = game_file("http://127.0.0.1:1", "arena")
    content["boards"] = [board for board in content["boards"] if board["id"] == "rating"]
    stack.write_game("arena", content)
    stack.signal("worker", signal.SIGHUP)
    wait_for(lambda: stack.http.get(stack.url + "/plain/arena/wins.html").status_code == 404, what="the table to go")
    assert "arena/wins.html" not in read(stack, "/plain/")
    assert read(stack, "/plain/arena/rating.html")


def test_the_last_slash(stack):
    for path in ("/plain", "/docs"):
        answer = stack.http.get(stack.url + path, allow_redirects=False)
        assert (answer.status_code, answer.headers["Location"]) == (308, path + "/")
