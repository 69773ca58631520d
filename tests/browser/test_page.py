"""The leaderboard page in a real browser, with the demo's bots playing behind it."""
import signal
import time

import pytest
from page import complaints, rows, text
from selenium.webdriver.common.by import By
from stack import GameServer, Stack, game_file, wait_for

ROWS = "tbody tr"


def test_the_demo_is_seen_within_a_minute(demo, browser, screenshot):
    """Two players make and join a game, play it, and the page shows who won, without a reload."""
    began = time.monotonic()
    browser.get(demo.url + "/")
    wait_for(lambda: len(rows(browser)) >= 4, 60, "players on the board")
    first = rows(browser)
    wait_for(lambda: rows(browser) != first, 60, "the board to change by itself")
    assert time.monotonic() - began < 60
    names = [row[2] for row in rows(browser)]
    assert all(name and not name.startswith("bot-") for name in names), names
    scores = [int(row[3]) for row in rows(browser)]
    assert scores == sorted(scores, reverse=True) and scores[0] > 0
    screenshot("board-desktop")
    browser.find_element(By.LINK_TEXT, "Rating").click()
    wait_for(lambda: text(browser, "caption") == "Rating", what="the other board")
    wait_for(lambda: len(rows(browser)) >= 4, what="rated players")
    screenshot("board-rating")
    browser.find_element(By.LINK_TEXT, "Online wins").click()
    wait_for(lambda: text(browser, "caption") == "Online wins", what="the first board")
    screenshot("board-dark", dark=True)
    screenshot("board-phone", 390, 780)
    # Nothing sticks out at the sides of the narrowest phone.
    screenshot("board-narrow", 320, 640)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 320
    assert complaints(browser) == []


def test_a_player(demo, browser, screenshot):
    browser.get(demo.url + "/")
    wait_for(lambda: rows(browser), 60, "players on the board")
    name = browser.execute_script("const a = document.querySelector('tbody th a'); a.click(); return a.innerText")
    wait_for(lambda: browser.find_elements(By.CSS_SELECTOR, ".stats dd"), what="the player's figures")
    wait_for(lambda: text(browser, "h1") == name, what="the player's name")
    titles = browser.execute_script("return [...document.querySelector('.stats').querySelectorAll('dt')].map(e => e.innerText)")
    # The titles of the game's file, in its order; a weapon never chosen is not there.
    known = ["Games", "Wins", "Losses", "Rock", "Paper", "Scissors", "Botched"]
    assert titles[:3] == known[:3] and titles == [title for title in known if title in titles], titles
    screenshot("player-desktop")
    screenshot("player-phone-dark", 390, 780, dark=True)
    assert complaints(browser) == []


@pytest.fixture(scope="module")
def quiet():
    server = GameServer()
    stack = Stack(games={"exrps": game_file(server.url), "arena": game_file(server.url, "arena", title="<b>Arena</b> & co")})
    yield stack
    stack.close()
    server.close()


def test_empty_then_filled_then_away_then_back(quiet, browser, screenshot):
    browser.get(quiet.url + "/#/exrps")
    wait_for(lambda: browser.find_elements(By.CSS_SELECTOR, ".empty"), what="the empty board")
    screenshot("empty")
    quiet.event("0" * 32, "game_over", winner_id="<script>alert(1)</script>", loser_id="ben")
    wait_for(lambda: len(rows(browser)) == 2, what="two players")
    assert rows(browser)[0][2] == "<script>alert(1)</script>"

    quiet.signal("nginx", signal.SIGSTOP)
    for pid in nginx_workers(quiet):
        signal_process(pid, signal.SIGSTOP)
    try:
        notice = browser.find_element(By.ID, "notice")
        wait_for(notice.is_displayed, 20, "word that the server is away")
        assert len(rows(browser)) == 2
        # How old that is goes on counting, while the server hangs and nothing answers.
        age = text(browser, "#notice .age")
        assert age.endswith("old.") and text(browser, "#notice [role=status]") == "The server cannot be reached. Trying again…"
        wait_for(lambda: text(browser, "#notice .age") != age, 10, "the age to grow")
        screenshot("away")
    finally:
        quiet.signal("nginx", signal.SIGCONT)
        for pid in nginx_workers(quiet):
            signal_process(pid, signal.SIGCONT)
    wait_for(lambda: not notice.is_displayed(), 20, "the word to go")
    quiet.event("0" * 32, "game_over", winner_id="cid", loser_id="ben")
    wait_for(lambda: len(rows(browser)) == 3, what="three players")


def test_the_lobby_away(quiet, browser):
    """Boards are files and stay; that nobody can tell which games are open is said."""
    browser.get(quiet.url + "/#/exrps")
    wait_for(lambda: text(browser, "aside .empty") == "No game is waiting for players at the moment.", 15, "no open game")
    wait_for(lambda: rows(browser) or text(browser, ".card .empty"), 15, "the board")
    quiet.signal("redis", signal.SIGSTOP)
    try:
        wait_for(lambda: text(browser, "aside .empty") == "The server cannot be reached. Trying again…", 15, "word of that")
        assert rows(browser) or text(browser, ".card .empty")
    finally:
        quiet.signal("redis", signal.SIGCONT)
    wait_for(lambda: text(browser, "aside .empty") == "No game is waiting for players at the moment.", 15, "no open game")


def test_products_and_text_that_looks_like_markup(quiet, browser, screenshot):
    browser.get(quiet.url + "/")
    links = wait_for(lambda: browser.find_elements(By.CSS_SELECTOR, "#products a"), what="the games")
    assert [link.text for link in links] == ["<b>Arena</b> & co", "Rock Paper Scissors Apocalypse"]
    links[1].click()
    wait_for(lambda: text(browser, "#products [aria-current]") == "Rock Paper Scissors Apocalypse", what="the other game")
    assert "exrps" in browser.current_url
    screenshot("products-phone", 390, 780)
    assert complaints(browser) == []


def nginx_workers(stack):
    with open(f"/proc/{stack.pid('nginx')}/task/{stack.pid('nginx')}/children", encoding="ascii") as file:
        return [int(pid) for pid in file.read().split()]


def signal_process(pid, number):
    import os
    os.kill(pid, number)
