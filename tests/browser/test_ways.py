"""The ways into a game: what can be chosen for it and filtered by, queues and what they ask for, parties."""
import re

import pytest
from page import complaints, text, texts
from selenium.webdriver.common.keys import Keys
from stack import GameServer, Stack, game_file, wait_for

CHOSEN = ".seat .settings bdi"


def settled(window):
    """What this window's seat says of its game."""
    return wait_for(lambda: texts(window.here(), CHOSEN), 15, "the game's settings")


def test_settings_and_filters(demo, windows, screenshot):
    ann = windows().sign_in(demo.url, "Ann")
    ann.sends("A game of your own", {"create-rounds_to_win": "6", "create-bots": "no"})
    assert ann.wrong() == ["create-rounds_to_win"], "the description says 1 to 5"
    assert ann.script("return document.getElementById('create-rounds_to_win').max") == "5"
    ann.sends("A game of your own", {"create-rounds_to_win": "1", "create-pace": "slow"})
    assert settled(ann) == ["Rounds to win: 1", "Pace: slow", "Bots: no"]
    ann.says("Waiting for the other player")

    bob = windows().sign_in(demo.url, "Bob")
    bob.click("aside summary")
    bob.fill({"filter-bots": "no"})
    wait_for(lambda: texts(bob.here(), ".games li span:first-child") == ["Ann’s game"], 10, "Ann's game alone")
    assert texts(bob.here(), ".games .settings bdi") == ["Rounds to win: 1", "Pace: slow", "Bots: no"]
    screenshot("filtered")
    bob.fill({"filter-pace": "fast"})
    wait_for(lambda: bob.text("aside .empty") == "No open game is like that.", 10, "nothing that fits")
    assert bob.text("aside summary") == "Filter (2)"
    bob.fill({"filter-pace": "slow"})
    bob.click(".games button", "Join")
    for window in (ann, bob):
        window.says("Round 1")
    ann.choose(0)
    bob.choose(2)
    ann.says("You win the match!", 30)  # after the one round that Ann has chosen
    assert complaints(ann.here()) + complaints(bob.here()) == []


def test_quick_match_with_settings(demo, windows):
    ann = windows().sign_in(demo.url, "Ann")
    wanted = {"quick-pace": "slow", "quick-bots": "no", "quick-rounds_to_win": "3"}
    ann.sends("Quick match", wanted)
    assert settled(ann) == ["Rounds to win: 3", "Pace: slow", "Bots: no"]
    ann.says("Waiting for the other player")
    bob = windows().sign_in(demo.url, "Bob")
    bob.sends("Quick match", {"near": True, **wanted})
    bob.says("Round 1")
    assert "Ann" in bob.text(".score")
    ann.click(".actions button", "Leave the game")
    bob.says("the other player has gone")
    assert complaints(ann.here()) + complaints(bob.here()) == []


def test_a_queue_that_asks_for_more(demo, windows, screenshot):
    """Attributes and latencies: asked for by the fields, told why there is nobody yet, then matched where both are near."""
    ann = windows().sign_in(demo.url, "Ann")
    ann.sends("Be matched", {"queue": "Regional"})
    assert ann.wrong() == ["equal-language", "within-level", "latency-europe"]
    ann.sends("Be matched", {"equal-language": "en", "within-level": "3"})
    assert ann.wrong() == ["latency-europe"], "one region at least"
    screenshot("queue-form")
    ann.sends("Be matched", {"latency-america": "40"})
    wait_for(lambda: "Nobody else waits yet." in ann.text(".wait"), 15, "why")
    assert ann.figures()["Place in the queue"] == "1 of 1"

    bob = windows().sign_in(demo.url, "Bob")
    far = {"queue": "Regional", "equal-language": "en", "within-level": "6", "latency-america": "80", "latency-europe": "30"}
    bob.sends("Be matched", far)
    wait_for(lambda: "do not fit yet" in bob.text(".wait"), 15, "that nobody fits")
    figures = bob.figures()
    assert figures["Others that fit"].startswith("0 of 1\n") and figures["Kept out by"] == "Level: 1", figures
    assert "–" in figures["Ratings that fit"] and figures["Latency up to"].endswith(" ms"), figures
    screenshot("queue-figures", 390, 900)
    screenshot("queue-figures-desktop")
    bob.click(".wait button", "Cancel")
    wait_for(lambda: bob.text(".refused") == "You no longer wait.", 10, "it to be cancelled")
    # What was typed is still there: to wait again takes one press.
    assert bob.script("return ['queue', 'within-level', 'latency-europe'].map(id => document.getElementById(id).value)") == ["1", "6", "30"]
    bob.sends("Be matched", {"within-level": "4.5", "latency-america": "20", "latency-europe": "300"})
    assert settled(bob)[-1] == "Region: america"
    for window in (ann, bob):
        window.says("Round 1")
    ann.click(".actions button", "Leave the game")
    bob.says("the other player has gone")
    assert complaints(ann.here()) + complaints(bob.here()) == []


def test_a_party(demo, windows, screenshot):
    ann = windows().sign_in(demo.url, "Ann")
    ann.sends("Be matched", {"queue": "Friends", "party": True})
    wait_for(lambda: ann.text(".wait h2") == "Your party", 10, "the party")
    code = ann.text(".wait .code strong")
    assert len(code) == 6 and ann.text(".wait .hint") == "1 of 2 players"
    assert ann.figures() == {"Ends in": "10 min"}

    bob = windows().sign_in(demo.url, "Bob")

    bob.join_party("ABCDE")
    assert bob.script("return document.getElementById('party-code').matches(':user-invalid')")
    bob.join_party("ZZZZZZ")
    wait_for(lambda: bob.text(".refused") == "No party has this code, or it is full.", 10, "that there is none")
    bob.join_party(code.lower())
    for window in (ann, bob):
        wait_for(lambda: texts(window.here(), ".members bdi") == ["Ann", "Bob"], 15, "who is in it")
    assert bob.text(".wait .why").startswith("The match is looked for as soon as")
    assert texts(bob.here(), ".wait button:not([hidden])") == ["Leave the party"]
    screenshot("party-joined", 390, 800, dark=True)
    bob.here().refresh()
    wait_for(lambda: texts(bob.here(), ".members bdi") == ["Ann", "Bob"], 15, "the party to be found again")
    bob.click(".wait button", "Leave the party")
    wait_for(lambda: texts(ann.here(), ".members bdi") == ["Ann"], 15, "Bob to be gone")
    bob.join_party(code)
    wait_for(lambda: texts(ann.here(), ".members bdi") == ["Ann", "Bob"], 15, "Bob to be back")
    screenshot("party-opener")
    ann.click(".wait button", "Look for a match")
    for window in (ann, bob):
        window.says("Round 1")
    bob.click(".actions button", "Leave the game")
    assert [line for line in complaints(ann.here()) + complaints(bob.here()) if "404" not in line] == []


def test_the_end_of_a_party(demo, windows):
    """Who opened it cancels: all are told."""
    ann = windows().sign_in(demo.url, "Ann")
    ann.sends("Be matched", {"queue": "Friends", "party": True})
    code = wait_for(lambda: ann.text(".wait .code strong"), 10, "the code")
    bob = windows().sign_in(demo.url, "Bob")
    bob.join_party(code)
    wait_for(lambda: len(texts(ann.here(), ".members bdi")) == 2, 15, "Bob")
    ann.click(".wait button", "Cancel")
    wait_for(lambda: bob.text(".refused") == "You no longer wait.", 15, "Bob to be told")
    assert complaints(ann.here()) + complaints(bob.here()) == []


def test_with_the_keyboard(demo, windows):
    """What has the focus is never lost, whatever is shown instead."""
    ann = windows().sign_in(demo.url, "Ann")
    wait_for(lambda: ann.script("return document.querySelector('.lobby:not([inert]) #party-code') !== null"), 10, "the lobby")

    def press(*keys):
        ann.here().switch_to.active_element.send_keys(*keys)

    def focused():
        return ann.script("const e = document.activeElement; return e.id || e.className || e.tagName")
    ann.script("document.getElementById('party-code').focus()")
    press("ZZZZZZ", Keys.ENTER)
    wait_for(lambda: ann.text(".refused"), 10, "that there is none")
    wait_for(lambda: focused() == "party-code", 5, "the field to have the focus again")
    ann.script("document.getElementById('queue').focus()")
    press("f", Keys.TAB, Keys.TAB, Keys.ENTER)  # friends; past the checkbox is the button
    wait_for(lambda: ann.text(".wait h2"), 10, "the wait")
    wait_for(lambda: "wait" in focused(), 5, "the wait to have the focus")
    press(Keys.TAB, Keys.ENTER)
    wait_for(lambda: ann.text(".refused") == "You no longer wait.", 10, "it to be cancelled")
    wait_for(lambda: "columns" in focused(), 5, "the ways to have the focus")
    press(Keys.TAB, Keys.TAB, Keys.TAB, Keys.TAB)
    assert focused() != "BODY"


@pytest.fixture(scope="module")
def short():
    server = GameServer()
    teams = {"teams": 2, "team_size": 2}
    queues = [{"id": "short", "timeout": 3}, {"id": "long"}, {"id": "casual", **teams},
              {"id": "ranked", **teams, "latency": {"regions": ["eu", "us"]}}]
    stack = Stack(games={"exrps": game_file(server.url, players=4, queues=queues, settings={"map": {"type": "string", "values": ["ice", "<b>sand"]}})})
    yield stack
    stack.close()
    server.close()


def sit_down(stack, window, user):
    """Who plays in this window is this user from now on."""
    window.here().get(stack.url)
    window.script("sessionStorage.clear(); sessionStorage.setItem('varcade.token', arguments[0])", stack.token(user, user))
    window.here().get(stack.url + f"/?{user}#/exrps/play")
    return window


def test_an_action_while_the_server_is_away(short, windows):
    """Nobody tries that again but the player; then it is done."""
    ann = sit_down(short, windows(), "amy")
    wait_for(lambda: ann.text(".ways"), 15, "the lobby")

    def offline(off):
        ann.here().execute_cdp_cmd("Network.enable", {})
        ann.here().execute_cdp_cmd("Network.emulateNetworkConditions",
                                   {"offline": off, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})
    offline(True)
    ann.sends("A game of your own", {"create-map": "<b>sand"})
    wait_for(lambda: ann.text(".refused") == "The server is busy or away. Try again in a moment.", 10, "word of that")
    offline(False)
    ann.sends("A game of your own", {})
    assert settled(ann) == ["Map: <b>sand"]


def test_the_lobby_while_the_server_is_away(short, windows):
    """Who comes meanwhile is told, and sees the lobby when it is back."""
    ann = sit_down(short, windows(), "abe")
    wait_for(lambda: ann.text(".ways"), 15, "the lobby")
    ann.here().execute_cdp_cmd("Network.enable", {})
    ann.here().execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/game_lobby/*"]})
    ann.script("location.hash = '#/exrps'")
    ann.click(".heading a", "Play")
    wait_for(lambda: ann.text(".refused") == "The server is busy or away. Try again in a moment.", 10, "word of that")
    assert ann.text(".ways") == ""
    ann.here().execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    wait_for(lambda: ann.text(".ways"), 15, "the lobby again")
    assert ann.text(".refused:not([hidden])") == ""


def test_a_party_and_its_regions(short, windows):
    """Who joins tells latencies where the party's queue has regions, and need not where it has none."""
    ann, bob = (sit_down(short, windows(), user) for user in ("ada", "ben"))
    ann.sends("Be matched", {"queue": "Casual", "party": True})
    code = wait_for(lambda: ann.text(".wait .code strong"), 10, "the code")
    bob.join_party(f" {code} ")
    wait_for(lambda: texts(bob.here(), ".members bdi") == ["ada", "ben"], 15, "Ben to be in it")
    ann.click(".wait button:not([hidden])", "Cancel")
    wait_for(lambda: bob.text(".refused") == "You no longer wait.", 15, "Ben to be told")
    ann.sends("Be matched", {"queue": "Ranked", "party": True, "latency-eu": "30"})
    code = wait_for(lambda: ann.text(".wait .code strong"), 10, "the code")
    bob.join_party(code)
    wait_for(lambda: bob.text(".refused").startswith("latencies must have"), 10, "that something is missing")
    bob.fill({"party-latency-us": "20"})
    bob.join_party(code)
    wait_for(lambda: texts(ann.here(), ".members bdi") == ["ada", "ben"], 15, "both in it")
    ann.click(".wait button:not([hidden])", "Cancel")
    wait_for(lambda: bob.text(".refused") == "You no longer wait.", 15, "its end")


def test_expired_and_usual_waits(short, windows):
    ann = sit_down(short, windows(), "ann")
    ann.sends("Be matched", {})
    figures = wait_for(ann.figures, 10, "the wait")
    assert "Waiting for" in figures and figures["Ends in"] in ("2 sec", "3 sec"), figures
    wait_for(lambda: ann.text(".refused") == "Nobody came in time.", 15, "its end")
    for user in ("bob", "eve"):
        short.http.post(f"{short.url}/matchmaking/exrps/tickets", headers=short.auth(user), json={"queue": "long"})
    ann.sends("Be matched", {"queue": "Long"})
    usual = wait_for(lambda: ann.figures().get("Usual wait"), 20, "how long others waited")
    assert re.fullmatch(r"[012] sec\n9 of 10 less than [012] sec", usual), usual
    sit_down(short, ann, "dan")
    ann.sends("A game of your own", {"create-map": "<b>sand"})
    assert settled(ann) == ["Map: <b>sand"]
    assert text(ann.here(), ".seat b") is None
    assert complaints(ann.here()) == []
