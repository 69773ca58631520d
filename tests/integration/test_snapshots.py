"""Boards as files: what nginx serves from them, that it is what the program behind it says, and ETags."""
import threading

import pytest
import requests

from stack import Stack, game_file, wait_for

WINDOWS = ["all", "monthly", "weekly", "daily"]
SEASONS = [{"id": "long", "from": "2020-01-01T00:00:00Z", "to": "2120-01-01T00:00:00Z"}]


def boards():
    rule = {"on": {"type": "score"}, "player": "user_id", "set": {"field": "score"}}
    return [{"id": "b", "windows": WINDOWS, "seasons": SEASONS, "from": [rule]},
            {"id": "quick", "order": "asc", "windows": ["daily"], "from": [rule]}]


@pytest.fixture(scope="module")
def stack(game_server):
    content = game_file(game_server.url, "arena", stats=[], titles={}, boards=boards())
    running = Stack(games={"arena": content})
    yield running
    running.close()


def score(stack, user, value):
    stack.event("0" * 32, "score", "arena", user_id=user, score=value)


def is_snapshot(answer):
    return "ETag" in answer.headers and answer.headers["Cache-Control"] == "no-cache"


def test_every_window(stack):
    for i in range(30):
        score(stack, f"player {i}", i * 1000)
    url = f"{stack.url}/leaderboards/arena"
    for board, windows in (("b", WINDOWS + ["season"]), ("quick", ["daily"])):
        for query in [""] + [f"?window={window}" for window in windows]:
            def shown():
                return stack.http.get(f"{url}/{board}{query}")

            wait_for(lambda: is_snapshot(shown()) and shown().json()["total"] == 30, what=f"the snapshot of {board}{query}")
            page = shown()
            assert page.headers["Content-Type"] == "application/json"
            assert "Last-Modified" not in page.headers
            behind = stack.http.get(f"{url}/{board}{query}{'&' if query else '?'}limit=25")
            assert not is_snapshot(behind) and behind.content == page.content
            assert stack.http.get(f"{url}/{board}{query}", headers={"If-None-Match": page.headers["ETag"]}).status_code == 304
            # A date is no version.
            assert stack.http.get(f"{url}/{board}{query}", headers={
                "If-Modified-Since": "Mon, 01 Jan 2120 00:00:00 GMT"}).status_code == 200
            assert is_snapshot(stack.http.head(f"{url}/{board}{query}"))
    standard = stack.http.get(f"{url}/b")
    assert standard.content == stack.http.get(f"{url}/b?window=all").content
    assert standard.headers["ETag"] == stack.http.get(f"{url}/b?window=all").headers["ETag"]
    assert stack.http.get(f"{url}/quick").content == stack.http.get(f"{url}/quick?window=daily").content


def test_what_else_is_asked(stack):
    url = f"{stack.url}/leaderboards/arena"
    for path, status in (("b?window=yearly", 400), ("quick?window=all", 400), ("b?window=DAILY", 400), ("b?window=", 400),
                         ("b?window=daily&limit=x", 400), ("b?limit=x&window=daily", 400), ("b.daily", 404),
                         ("b.all?window=daily", 404), ("b?window=daily/../b", 400), ("top_ten?window=daily", 404)):
        answer = stack.http.get(f"{url}/{path}")
        assert answer.status_code == status, path
        assert answer.headers["Content-Type"] == "application/problem+json", path
    for path in ("b?window=daily&window=all", "b?at=2120-01-01&window=season", "b?x=1", "b?windows=daily"):
        assert not is_snapshot(stack.http.get(f"{url}/{path}")), path
    assert not is_snapshot(stack.http.get(f"{stack.url}/leaderboards/top_ten/arena?window=daily"))
    assert is_snapshot(stack.http.get(f"{url}/b?"))
    assert stack.http.post(f"{url}/b?window=daily").status_code == 405
    assert "ETag" in stack.http.get(f"{stack.url}/").headers
    assert "Last-Modified" in stack.http.get(f"{stack.url}/").headers


class Poller(threading.Thread):
    """Asks as browsers do, again and again, and keeps every version that it was given."""

    def __init__(self, url, encoding):
        super().__init__(daemon=True)
        self.url, self.encoding = url, encoding
        self.versions, self.text, self.etag = {}, None, None
        self.polls, self.unchanged, self.ended = 0, 0, False
        self.start()

    def run(self):
        http = requests.Session()
        http.headers["Accept-Encoding"] = self.encoding
        while not self.ended:
            answer = http.get(self.url, headers={"If-None-Match": self.etag} if self.etag else {})
            self.polls += 1
            if answer.status_code == 304:
                self.unchanged += 1
                continue
            self.etag, self.text = answer.headers["ETag"], answer.text
            self.versions.setdefault(self.etag, set()).add(self.text)


def test_no_two_versions_share_an_etag(stack):
    """Scores that change many times a second and keep their length: the last one is seen, however it is asked for."""
    url = f"{stack.url}/leaderboards/arena/b?window=daily"
    pollers = [Poller(url, encoding) for encoding in ("identity", "gzip")]
    for last in range(100000, 103000):
        score(stack, "player 0", last)
    stack.settle("arena")
    wait_for(lambda: f'"score": {last}}}' in stack.http.get(url).text, what="the last score")
    for poller in pollers:
        wait_for(lambda: f'"score": {last}}}' in poller.text, what="the last score, asked for with an ETag")
        poller.ended = True
        poller.join()
        assert poller.unchanged > 0 and all(len(texts) == 1 for texts in poller.versions.values())
        assert len(poller.versions) > 3, "the board was to change several times a second"
        texts = [text for texts in poller.versions.values() for text in texts]
        assert len(set(texts)) == len(texts), "and one version was to have one ETag"


def test_every_version_is_seen_by_whoever_has_the_one_before(stack):
    """As fast as the file is written: several versions of one length in one second."""
    url = f"{stack.url}/leaderboards/arena/b?window=weekly"
    etag = stack.http.get(url).headers["ETag"]
    for last in range(200000, 200020):
        score(stack, "player 0", last)
        wait_for(lambda: f'"score": {last}}}' in stack.http.get(url).text, what="the next version")
        answer = stack.http.get(url, headers={"If-None-Match": etag})
        assert answer.status_code == 200 and f'"score": {last}}}' in answer.text
        etag = answer.headers["ETag"]
        assert stack.http.get(url, headers={"If-None-Match": etag}).status_code == 304
