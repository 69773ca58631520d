"""Playing in the page: signing in, the lobby, and the demo's game, in windows of one browser."""
import json

import page
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from stack import GameServer, Stack, game_file, wait_for


@pytest.fixture
def play_to_the_end():
    def play(winner, loser):
        for number in (1, 2):
            for one, weapon in ((winner, 0), (loser, 2)):
                wait_for(lambda: one.script("return document.querySelector('.weapons:enabled') !== null"), 20, f"round {number}")
                one.choose(weapon)
                if one is winner:
                    one.says("You chose Rock.")
            wait_for(lambda: len(page.texts(winner.here(), ".rounds li")) == number, 15, "the result")
        winner.says("You win the match!")
        loser.says("wins the match")
    return play


def complaints(window):
    return [line for line in page.complaints(window.here()) if "/demo/sign_in" not in line]


def on_the_board(window, name):
    window.click(".actions a", "To the leaderboard")
    wait_for(lambda: name in page.names(window.here()), 20, f"{name} on the board")


def test_two_windows_play_a_private_game(demo, windows, screenshot, play_to_the_end):
    ann = windows().sign_in(demo.url, "Ann")
    ann.click("#private")
    screenshot("lobby")
    ann.click(".ways button", "Create a game")
    ann.says("Waiting for the other player")
    code = wait_for(lambda: ann.text(".code strong"), 10, "the code")
    screenshot("seat-waiting")
    bob = windows().sign_in(demo.url, "Bob")
    bob.enter_code(code)
    for window in (ann, bob):
        window.says("Round 1")
    assert "Ann" in bob.text(".score") and "Bob" in bob.text(".score")
    wait_for(lambda: ann.text(".code") == "", 10, "the code to go")
    play_to_the_end(ann, bob)
    assert page.texts(bob.here(), ".rounds li") == ["You lose the round: Scissors against Rock."] * 2
    ann.here()
    screenshot("match-won")
    on_the_board(ann, "Ann")
    # Whose place that is the page knows from who is signed in.
    wait_for(lambda: page.texts(ann.here(), "tr.own th") == ["Ann You"], 10, "the own row")
    assert complaints(ann) == []
    bob.click(".actions button", "Play again")
    wait_for(lambda: "Create a game" in page.texts(bob.here(), ".ways button"), 10, "the lobby")
    bob.click(".account button", "Sign out")
    wait_for(lambda: bob.here().find_elements(By.ID, "name"), 10, "to be signed out")
    assert complaints(bob) == []


def test_a_name_from_the_right(demo, windows):
    """A name that is written from the right stays together beside a number, and may be joined of several signs."""
    answer = demo.http.post(demo.url + "/demo/sign_in", json={"name": "إيفا 👩\u200d👧!"})
    eve = windows()
    eve.here().get(demo.url + "/#/exrps/play")
    wait_for(lambda: eve.here().find_elements(By.ID, "name"), 15, "the form")[0].send_keys("\u202eEve", Keys.ENTER)
    wait_for(lambda: eve.text(".refused") == "A name has 1 to 32 letters", 15, "what is wrong with that name")
    eve.script("sessionStorage.setItem('varcade.token', arguments[0]); location = '/?eve#/exrps/play'", answer.json()["token"])
    wait_for(lambda: eve.text(".account span") == "Signed in as \u2068إيفا 👩\u200d👧!\u2069", 15, "to be signed in")
    eve.click(".ways button", "Play")
    wait_for(lambda: eve.script("const [name, number] = document.querySelector('.score > span')?.children ?? [];"
                                "return number?.getBoundingClientRect().left >= name?.getBoundingClientRect().right"), 40, "the score beside it")
    eve.click(".actions button", "Leave the game")
    wait_for(lambda: eve.text(".ways"), 15, "the lobby")
    assert complaints(eve) == []


def test_against_a_bot_with_the_keyboard(demo, windows, screenshot):
    ann = windows().sign_in(demo.url, "Ann")
    ann.click(".ways button", "Play")
    ann.says("Round 1", 30)
    screenshot("round-phone-dark", 390, 780, dark=True)
    screenshot("round")

    def play():
        if ann.script("return document.querySelector('.weapons:enabled') !== null"):
            ann.here().switch_to.active_element.send_keys("2")
        return ann.over()
    wait_for(play, 120, "the end of the match")
    ann.click(".actions button", "Play again")
    wait_for(lambda: ann.text(".ways"), 10, "the lobby")
    assert complaints(ann) == []


def test_a_bot_comes_to_a_created_game(demo, windows):
    ann = windows().sign_in(demo.url, "Ann")
    ann.click(".ways button", "Create a game")
    ann.says("Round 1", 40)
    ann.click(".actions button", "Leave the game")
    wait_for(lambda: ann.text(".ways"), 15, "the lobby")
    assert complaints(ann) == []


def test_matched_by_tickets(demo, windows, screenshot, play_to_the_end):
    ann = windows().sign_in(demo.url, "Ann")
    ann.click(".ways button", "Wait for a match")
    wait_for(lambda: "Place in the queue\n1 of 1" in ann.text(".wait"), 10, "the place")
    wait_for(lambda: "Nobody else waits yet." in ann.text(".wait"), 15, "why")
    screenshot("ticket")
    ann.here().refresh()
    wait_for(lambda: "Place in the queue\n1 of 1" in ann.text(".wait"), 10, "the ticket to be found again")
    ann.click(".wait button", "Cancel")
    wait_for(lambda: "You no longer wait." in ann.text(".refused"), 10, "it to be cancelled")
    ann.click(".ways button", "Wait for a match")
    wait_for(lambda: "Place in the queue\n1 of 1" in ann.text(".wait"), 10, "another ticket")
    bob = windows().sign_in(demo.url, "Bob")
    bob.click(".ways button", "Wait for a match")
    for window in (ann, bob):
        window.says("Round 1", 20)
    play_to_the_end(bob, ann)
    on_the_board(bob, "Bob")
    assert complaints(ann) + complaints(bob) == []


def test_a_reload_in_the_middle_finds_the_seat(demo, windows, play_to_the_end):
    ann = windows().sign_in(demo.url, "Ann")
    ann.click("#private")
    ann.click(".ways button", "Create a game")
    code = wait_for(lambda: ann.text(".code strong"), 10, "the code")
    ann.here().refresh()
    wait_for(lambda: ann.text(".code strong") == code, 10, "the seat before the match")
    bob = windows().sign_in(demo.url, "Bob")
    bob.enter_code(code)
    bob.choose(1)
    ann.here().refresh()
    ann.choose(0)
    wait_for(lambda: len(page.texts(bob.here(), ".rounds li")) == 1, 15, "the result")
    bob.here().refresh()
    wait_for(lambda: page.texts(bob.here(), ".score strong") == ["1", "0"], 10, "the score after that")
    bob.choose(1)
    ann.choose(0)
    bob.says("You win the match!")
    assert complaints(ann) + complaints(bob) == []


def test_who_leaves_is_missed(demo, windows):
    ann = windows().sign_in(demo.url, "Ann")
    ann.click("#private")
    ann.click(".ways button", "Create a game")
    code = wait_for(lambda: ann.text(".code strong"), 10, "the code")
    bob = windows().sign_in(demo.url, "Bob")
    bob.enter_code(code.lower())
    bob.says("Round 1")
    ann.click(".actions button", "Leave the game")
    bob.says("the other player has gone")
    bob.click(".actions button", "Play again")
    wait_for(lambda: bob.text(".ways"), 10, "the lobby")
    bob.enter_code(code)
    wait_for(lambda: "no longer to be had" in bob.text(".refused"), 10, "word that the game is gone")


@pytest.fixture(scope="module")
def plain():
    server = GameServer()
    stack = Stack(games={"exrps": game_file(server.url)})
    yield stack
    stack.close()
    server.close()


def test_no_sign_in_without_the_demo(plain, browser):
    assert plain.http.get(plain.url + "/site.json").json() == {"sign_in": None, "play": {}}
    for path in ("/demo/rps.js", "/demo/socket/"):
        assert plain.http.get(plain.url + path).status_code == 404, path
    assert plain.http.post(plain.url + "/demo/sign_in", json={"name": "Ann"}).status_code in (404, 405)
    browser.get(plain.url + "/#/exrps")
    wait_for(lambda: page.text(browser, ".empty"), 15, "the board")
    assert page.texts(browser, ".heading a") == []
    browser.get(plain.url + "/#/exrps/play")
    wait_for(lambda: "One signs in on the site" in (page.text(browser, "#main") or ""), 10, "a word about that")
    assert page.complaints(browser) == []


def test_a_portals_token(plain, browser):
    """Where a portal signs players in the page uses its token; where it has no module of the game it says where to connect."""
    browser.get(plain.url + "/#/exrps")
    browser.execute_script("localStorage.setItem('varcade.token', arguments[0]); location.reload()", plain.token("eve", "إيفا"))
    wait_for(lambda: page.texts(browser, ".heading a") == ["Play"], 15, "the way to the lobby")
    game = plain.create("host").json()["game_id"]
    plain.event(game, "state_change", new_state="creator_joined")
    wait_for(lambda: page.click(browser, ".games button", "Join"), 15, "the open game")
    wait_for(lambda: "ws://127.0.0.1:1/" in (page.text(browser, ".seat") or ""), 15, "the seat")
    wait_for(lambda: page.text(browser, ".seat .line") == "name of host’s game\n2 of 2 players", 10, "who is in it")
    browser.execute_script("location.hash = '#/exrps'")
    wait_for(lambda: page.click(browser, ".heading a", "Play"), 15, "the way back")
    wait_for(lambda: page.text(browser, ".seat .line"), 15, "the seat again")
    plain.event(game, "game_removed")
    wait_for(lambda: page.text(browser, ".seat .empty") == "The game is over.", 15, "its end")
    assert page.complaints(browser) == []


def test_a_token_that_is_no_longer_good(plain, browser):
    browser.get(plain.url + "/#/exrps")
    browser.execute_script("localStorage.setItem('varcade.token', arguments[0])", plain.token("eve", "Eve") + "x")
    browser.get(plain.url + "/?again#/exrps/play")
    wait_for(lambda: browser.execute_script("return localStorage.getItem('varcade.token')") is None, 15, "it to be forgotten")


def show_view(demo, ann, view):
    """Ann sees this view, and it is as it will stay for a moment."""
    if view == "sign-in":
        ann.here().get(demo.url + "/#/exrps/play")
        wait_for(lambda: ann.here().find_elements(By.ID, "name"), 10, "the form")
        return
    ann.sign_in(demo.url, "Ann")
    wait_for(lambda: ann.text(".ways"), 10, "the lobby")
    if view == "ticket":
        ann.sends("Be matched", {"queue": "Regional", "equal-language": "en", "within-level": "1", "latency-europe": "20"})
        wait_for(lambda: "Nobody else waits yet." in ann.text(".wait"), 15, "the place")
    if view == "party":
        ann.sends("Be matched", {"queue": "Friends", "party": True})
        wait_for(lambda: page.texts(ann.here(), ".members bdi") == ["Ann"], 15, "the party")
    if view in ("round", "over"):
        ann.sends("Quick match", {})
        ann.says("Round", 40)
    if view == "over":
        wait_for(ann.over, 120, "the end of the match")


def open_all(window):
    window.script("document.querySelectorAll('details').forEach(d => d.open = true);"
                  "const q = document.querySelector('#queue'); q.selectedIndex = 1; q.dispatchEvent(new Event('change'));")


def look_closely(browser, screenshot, axe, name):
    """In light and dark, wide and narrow: nothing sticks out, and nothing is wrong with it for who cannot see it."""
    browser.execute_script(axe)
    for dark in (False, True):
        for width in (3840, 1100, 320):
            screenshot(f"play-{name}-{width}-{'dark' if dark else 'light'}", width, 800, dark=dark)
            assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth"), (name, width)
        found = browser.execute_async_script(
            "axe.run(document, {resultTypes: ['violations']}).then(r => arguments[0](r.violations), e => arguments[0](String(e)))")
        assert found == [], (name, dark, json.dumps(found, indent=1)[:3000])


@pytest.mark.parametrize("view", ["sign-in", "lobby", "forms", "ticket", "party", "round", "over"])
def test_accessible(demo, windows, browser, screenshot, axe, view):
    ann = windows()
    show_view(demo, ann, view)
    if view == "forms":
        open_all(ann)
    look_closely(browser, screenshot, axe, view)
    browser.execute_script("location.search = '?lang=ar'")
    wait_for(lambda: browser.execute_script("return document.documentElement.dir") == "rtl", 10, "Arabic")
    what = {"sign-in": "#name", "lobby": ".ways", "forms": ".ways", "over": ".ways", "round": ".weapons"}.get(view, ".wait")
    wait_for(lambda: browser.find_elements(By.CSS_SELECTOR, ".lobby:not([inert]) " + what), 20, "the same view")
    if view == "forms":
        open_all(ann)
    if view == "over":  # another match, as that one is over
        ann.click(".way button")
        wait_for(ann.over, 120, "the end of the match")
    look_closely(browser, screenshot, axe, view + "-arabic")
    assert page.complaints(browser) == []
