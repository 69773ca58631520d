"""Each thing the page can do, on boards whose content the test has written."""
import json
import re

import page
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from stack import STREAM, TOP, GameServer, Stack, game_file, wait_for

PLAYERS = 10_000


@pytest.fixture(scope="module")
def stack():
    server = GameServer()
    arcade = json.loads((TOP / "docs" / "examples" / "games" / "arcade.json").read_text())
    stack = Stack(games={"exrps": game_file(server.url), "arcade": arcade})
    pipe = stack.redis.pipeline(transaction=False)
    for i in range(PLAYERS):
        pipe.xadd(STREAM, {"product_id": "arcade", "type": "score", "user_id": f"p{i}", "score": i * 10})
    for user, name in (("p9999", "Ada"), ("p5000", "Mid"), ("p0", "Zoe")):
        pipe.xadd(STREAM, {"product_id": "arcade", "type": "player_name", "user_id": user, "username": name})
    stack.last_event["arcade"] = pipe.execute()[-1]
    for user, name in (("ann", "Ann"), ("bob", "Bob"), ("eve", "إيفا")):
        stack.event("0" * 32, "player_name", user_id=user, username=name)
    for winner, loser in (("ann", "bob"), ("bob", "ann"), ("ann", "bob"), ("ann", "eve")):
        stack.event("0" * 32, "game_over", winner_id=winner, loser_id=loser)
    stack.settle("arcade")
    stack.settle()
    yield stack
    stack.close()
    server.close()


VIEWS = {
    "board": ("/#/arcade", "tbody tr"),
    "own": ("/?user=p5000#/arcade/board/high-score?window=daily", ".own-place:not([hidden])"),
    "player": ("/#/exrps/player/ann?versus=bob", "canvas"),
    "unknown-player": ("/#/exrps/player/nobody", ".empty"),
    "embed": ("/embed.html?product=arcade&board=high-score&limit=5", "tbody tr"),
    "api": ("/docs/", "section"),
}


@pytest.mark.parametrize("view", VIEWS)
def test_accessible(stack, browser, screenshot, axe, view):
    address, ready = VIEWS[view]
    path, _, place = address.partition("#")
    for language in ("en", "ar"):
        browser.get("about:blank")
        browser.get(f"{stack.url}{path}{'&' if '?' in path else '?'}lang={language}#{place}")
        wait_for(lambda: browser.find_elements(By.CSS_SELECTOR, ready), 15, view)
        browser.execute_script(axe)
        for dark in (False, True):
            screenshot(f"{view}-{language}-{'dark' if dark else 'light'}", dark=dark)
            # Rows that have just changed fade: their colours are looked at when that is over.
            wait_for(lambda: browser.execute_script("return document.getAnimations().length === 0"), what="rest")
            found = browser.execute_async_script(
                "axe.run(document, {resultTypes: ['violations']}).then(r => arguments[0](r.violations), e => arguments[0](String(e)))")
            assert found == [], (language, dark, json.dumps(found, indent=1)[:3000])
    assert page.complaints(browser) == []


def test_pages_of_a_long_board(stack, browser, screenshot):
    browser.get(stack.url + "/#/arcade")
    # Snapshots are written a moment after what is in them.
    wait_for(lambda: page.names(browser)[:2] == ["Ada", "p9998"], 15, "the first page")
    assert len(page.rows(browser)) == 25
    assert page.text(browser, "nav.line span") == "1–25 of 10,000"
    assert page.click(browser, "nav.line a", "Next")
    wait_for(lambda: page.rows(browser)[0][0] == "26", what="the second page")
    browser.get(stack.url + "/#/arcade/board/high-score?page=399")
    wait_for(lambda: (page.names(browser) or [""])[-1] == "Zoe", what="the last page")
    assert page.text(browser, "nav.line span") == "9,976–10,000 of 10,000"
    assert "Next" not in page.texts(browser, "nav.line a")
    screenshot("last-page-phone", 390, 780)
    assert page.complaints(browser) == []


def test_own_row_and_place(stack, browser, screenshot):
    browser.get(stack.url + "/?user=p5000#/arcade")
    wait_for(lambda: page.text(browser, ".own-place"), 15, "the own place")
    place = page.text(browser, ".own-place")
    assert "Mid" in place and "Place 5,000 of 10,000" in place and "10 to the next place" in place
    browser.get(stack.url + "/?user=p9999#/arcade")
    wait_for(lambda: page.texts(browser, "tr.own th") == ["Ada You"], what="the own row")
    wait_for(lambda: "in front" in (page.text(browser, ".own-place") or ""), what="the place in front")
    screenshot("own-row")
    browser.get(stack.url + "/?user=stranger#/arcade")
    wait_for(lambda: "Not on this board yet" in (page.text(browser, ".own-place") or ""), what="who is not on the board")
    assert page.complaints(browser) == []


def test_periods(stack, browser):
    browser.get(stack.url + "/#/arcade")
    wait_for(lambda: page.rows(browser), 15, "the board")
    assert page.click(browser, ".tabs a", "Day")
    wait_for(lambda: "Earlier" in page.texts(browser, ".line a"), what="a period")
    assert browser.find_element(By.CSS_SELECTOR, "[aria-label=Periods] [aria-current]").text == "Day"
    assert page.click(browser, ".line a", "Earlier")
    wait_for(lambda: "Now" in page.texts(browser, ".line a"), what="yesterday")
    wait_for(lambda: page.text(browser, ".card .empty") == "Nobody was on this board then.", what="that it is empty")
    assert "Later" in page.texts(browser, ".line a")
    assert page.click(browser, ".line a", "Now")
    wait_for(lambda: len(page.rows(browser)) == 25, what="today")
    assert page.complaints(browser) == []


def test_periods_and_pages_that_are_not_there(stack, browser):
    """What an old link or a step too far asks for is told in the reader's words, and there is a way on."""
    browser.get(stack.url + "/?lang=de#/arcade/board/high-score?window=daily&at=1970-01-01T00:00:00Z")
    wait_for(lambda: page.text(browser, ".card .empty") == "Dieser Zeitraum wird nicht mehr aufbewahrt.", 15, "that it is gone")
    assert page.texts(browser, "[aria-label=Zeiträume] a") == ["Gesamt", "Woche", "Tag"]
    assert page.click(browser, ".line a", "Jetzt")
    wait_for(lambda: len(page.rows(browser)) == 25, what="today")
    for number in ("400", "99999999999999999999"):
        browser.get(stack.url + "/?lang=en#/arcade/board/high-score?page=" + number)
        wait_for(lambda: page.text(browser, "nav.line span") == "9,976–10,000 of 10,000", 15, "the last page")
    browser.get(stack.url + "/#/arcade/player/" + "x" * 129)
    wait_for(lambda: page.text(browser, ".problem") == "Invalid user ID", 15, "that there is no such player")
    assert page.click(browser, "main a", "Back to Arcade high score")
    wait_for(lambda: len(page.rows(browser)) == 25, what="the board")
    browser.get(stack.url + "/#/tanks/player/ann")
    wait_for(lambda: page.text(browser, ".problem") == "There is no such game here.", 15, "that there is no such game")
    assert page.texts(browser, "#products [aria-current]") == []
    assert page.click(browser, "main a", "Back to Arcade high score")
    wait_for(lambda: len(page.rows(browser)) == 25, what="the board")


def blocked(browser, *paths):
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": [f"*{path}*" for path in paths]})


def test_away_from_the_beginning(stack, browser):
    """Who comes while varcade is away is told so in words, and sees the board when it is back."""
    blocked(browser, "/products")
    browser.get(stack.url + "/?lang=de#/exrps")
    wait_for(lambda: page.text(browser, ".problem"), 15, "word of that")
    assert page.text(browser, ".problem") == "Der Server ist nicht erreichbar. Neuer Versuch …"
    blocked(browser, "/lang/")
    browser.get(stack.url + "/?lang=constructor#/exrps")
    wait_for(lambda: page.text(browser, ".problem") == "The server cannot be reached. Trying again…", 15, "word of that")
    blocked(browser)
    wait_for(lambda: page.rows(browser), 15, "the board")
    assert page.text(browser, "thead th") == "Rank"


def test_movement(stack, browser):
    """Who goes up and who goes down is seen and heard, and what has the focus keeps it."""
    browser.get(stack.url + "/#/exrps")
    wait_for(lambda: page.names(browser) == ["Ann", "Bob", "إيفا"], 15, "the board")
    browser.execute_script("document.querySelector('tr[data-user=bob] a').focus()")
    for _ in range(4):
        stack.event("0" * 32, "game_over", winner_id="bob", loser_id="eve")
    wait_for(lambda: page.names(browser)[0] == "Bob", what="Bob in front")
    # As many wins as hers are the first place too: only the fourth moves Ann.
    moved = [["▲1", "up", "1", "place"], ["▼1", "down", "1", "place"]]
    wait_for(lambda: [cells[1].split() for cells in page.rows(browser)[:2]] == moved, what="who moved how far")
    assert browser.execute_script("return document.activeElement.closest('tr')?.dataset.user") == "bob"


def test_player(stack, browser, screenshot):
    browser.get(stack.url + "/#/exrps/player/ann")
    wait_for(lambda: page.text(browser, "h1") == "Ann", 15, "the player")
    assert page.texts(browser, ".stats")[0].split("\n")[:4] == ["Games", "4", "Wins", "3"]
    points = wait_for(lambda: browser.execute_script(
        "const c = document.querySelector('canvas'); return c && globalThis.Chart?.getChart(c)?.data.datasets[0].data"), what="the chart")
    assert len(points) == 4 and points[1] < points[0]
    assert page.texts(browser, ".result") == ["Won", "Won", "Lost", "Won"]
    assert page.click(browser, "td a", "Bob")
    wait_for(lambda: page.text(browser, ".record") == "2 won, 1 lost, 0 drawn", what="head to head")
    assert "Head to head with Bob" in page.texts(browser, "h2")
    screenshot("player-head-to-head", 390, 1200)
    assert page.complaints(browser) == []


def test_matches_of_one_moment(stack, browser):
    """Results of the same players that came in one millisecond are as many matches."""
    first = stack.event("0" * 32, "game_over", winner_id="gus", loser_id="hal")
    for winner, loser in (("hal", "gus"), ("gus", "hal"), ("gus", "hal")):
        stack.redis.xadd(STREAM, {"product_id": "exrps", "type": "game_over", "game_id": "0" * 32, "winner_id": winner,
                                  "loser_id": loser}, id=first.split("-")[0] + "-*")
    browser.get(stack.url + "/#/exrps/player/gus")
    wait_for(lambda: page.texts(browser, ".result") == ["Won", "Won", "Lost", "Won"], 15, "four matches")
    stack.event("0" * 32, "game_over", winner_id="hal", loser_id="gus")
    wait_for(lambda: page.texts(browser, ".result") == ["Lost", "Won", "Won", "Lost", "Won"], 15, "another match")
    assert page.complaints(browser) == []


def test_focus_in_a_players_matches(stack, browser):
    """A match more does not take the focus from the link that has it."""
    stack.event("0" * 32, "game_over", winner_id="ann", loser_id="fay")
    browser.get(stack.url + "/#/exrps/player/fay")
    wait_for(lambda: page.texts(browser, ".result") == ["Lost"], 15, "the player")
    browser.execute_script("document.querySelector('td a').focus()")
    stack.event("0" * 32, "game_over", winner_id="fay", loser_id="bob")
    wait_for(lambda: page.texts(browser, ".result") == ["Won", "Lost"], 15, "another match")
    assert browser.execute_script("return document.activeElement.innerText") == "Ann"
    assert page.complaints(browser) == []


def test_open_games(stack, browser):
    game = stack.create("ann", "exrps").json()["game_id"]
    browser.get(stack.url + "/#/exrps")
    wait_for(lambda: page.text(browser, "aside .empty"), 15, "no open game")
    stack.event(game, "state_change", new_state="creator_joined")
    wait_for(lambda: page.texts(browser, ".games li") == ["name of ann’s game\n1 of 2 players"], what="the open game")
    stack.event(game, "game_removed")
    wait_for(lambda: not page.texts(browser, ".games li"), what="the game to go")


def test_languages(stack, browser, screenshot):
    browser.get(stack.url + "/?lang=de#/exrps")
    wait_for(lambda: "Spieler" in page.texts(browser, "thead th"), 15, "German")
    assert browser.execute_script("return [document.documentElement.lang, document.documentElement.dir]") == ["de", "ltr"]
    browser.execute_script("const s = document.querySelector('#language'); s.value = 'ar'; s.dispatchEvent(new Event('change'))")
    wait_for(lambda: "اللاعب" in page.texts(browser, "thead th"), 15, "Arabic")
    assert browser.execute_script("return [document.documentElement.lang, document.documentElement.dir]") == ["ar", "rtl"]
    for width in (320, 1100, 3840):
        screenshot(f"arabic-{width}", width, 900)
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth"), width
    # It was chosen, and stays so without being in the address.
    browser.get(stack.url + "/#/arcade")
    wait_for(lambda: browser.execute_script("return document.documentElement.dir") == "rtl", what="the choice")
    assert page.complaints(browser) == []


def test_languages_have_the_same_texts():
    files = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in (TOP / "www" / "lang").glob("*.json")}
    assert len(files) == 3
    for name, content in files.items():
        assert content.keys() == files["en.json"].keys(), name


def test_embedded(stack, portal, browser, screenshot):
    """In a frame of another origin's page; the page itself is for no frame."""
    browser.get(portal)
    browser.execute_script(
        "document.body.innerHTML = '<iframe width=400 height=400></iframe><iframe width=400 height=400></iframe>';"
        "const [a, b] = document.querySelectorAll('iframe'); a.src = arguments[0] + '/embed.html?product=arcade&board=high-score&limit=3&user=p9998';"
        "b.src = arguments[0] + '/'", stack.url)
    frames = browser.find_elements(By.TAG_NAME, "iframe")
    browser.switch_to.frame(frames[0])
    wait_for(lambda: page.names(browser) == ["Ada", "p9998", "p9997"], 15, "three rows")
    assert page.texts(browser, "tr.own th") == ["p9998 You"]
    browser.switch_to.default_content()
    screenshot("embedded", 900, 450)
    browser.switch_to.frame(frames[1])
    wait_for(lambda: browser.execute_script("return location.protocol") == "chrome-error:", what="the page to be kept out")
    assert not browser.find_elements(By.ID, "main")


def test_what_can_be_embedded_is_told():
    taken = re.findall(r'wanted\.get\("(\w+)"\)', (TOP / "www" / "embed.js").read_text(encoding="utf-8"))
    section = (TOP / "README.md").read_text(encoding="utf-8").split("## On a page of your own")[1].split("\n## ")[0]
    assert "limit" in taken and [name for name in taken if not re.search(rf"\b{name}\b", section)] == []


@pytest.mark.parametrize("query, says", [
    ("", "embed.html?product=…&board=…&limit=10"), ("?product=arcade", "embed.html?product=…&board=…&limit=10"),
    ("?product=nope&board=wins", "Invalid product ID"), ("?product=arcade&board=<b>", "No such board"),
    ("?product=arcade&board=high-score&window=hourly", "window must be one of the board's")])
def test_embedded_wrongly(stack, browser, query, says):
    """What is wrong is said; and it is not asked for again and again."""
    browser.get(stack.url + "/embed.html" + query)
    wait_for(lambda: (page.text(browser, "#main") or "").startswith(says), 15, says)
    browser.set_script_timeout(10)
    asked = browser.execute_async_script(
        "setTimeout(() => arguments[0](performance.getEntriesByType('resource').filter(e => e.name.includes('/leaderboards/')).length), 2500)")
    assert asked <= 1


@pytest.mark.parametrize("query, count", [("limit=abc", 10), ("limit=0", 10), ("limit=-3", 1), ("limit=999", 25), ("limit=2.9&theme=%22%3E", 2)])
def test_embedded_with_odd_parameters(stack, browser, query, count):
    browser.get(stack.url + "/embed.html?product=arcade&board=high-score&" + query)
    wait_for(lambda: len(page.rows(browser)) == count, 15, f"{count} rows")
    assert page.complaints(browser) == []


def test_without_javascript(stack, browser, screenshot):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.get(stack.url + "/")
    assert not browser.find_element(By.CSS_SELECTOR, ".loading").is_displayed()
    browser.find_element(By.CSS_SELECTOR, "noscript a").click()
    wait_for(lambda: browser.find_elements(By.LINK_TEXT, "High score"), what="the boards")[0].click()

    def first_row():
        browser.refresh()
        return [cell.text for cell in browser.find_elements(By.CSS_SELECTOR, "tbody tr:first-child > *")]
    wait_for(lambda: first_row() in (["1", "Ada", "99990"], ["1", "Ada", "99,990"]), what="who is first")
    screenshot("without-javascript", 390, 700)
    assert page.complaints(browser) == []


def search(browser, words):
    field = browser.find_element(By.ID, "search")
    field.clear()
    field.send_keys(words, Keys.ENTER)


def test_search(stack, browser, screenshot):
    browser.get(stack.url + "/#/arcade")
    wait_for(lambda: browser.find_elements(By.ID, "search"), 15, "the search")
    search(browser, "ad")
    wait_for(lambda: page.texts(browser, ".search li a") == ["Ada"], what="Ada")
    screenshot("search")
    search(browser, "nobody of that name")
    wait_for(lambda: page.text(browser, ".search [role=status]") == "No player of that name.", what="that nobody is found")
    search(browser, "p5000")
    wait_for(lambda: page.texts(browser, ".search li a") == ["Mid"], what="a player by id")
    search(browser, "é" * 100)
    wait_for(lambda: page.text(browser, ".search [role=status]") == "No player of that name.", what="that no name is so long")
    search(browser, "p5000")
    wait_for(lambda: page.texts(browser, ".search li a") == ["Mid"], what="a player by id")
    assert page.click(browser, ".search li a", "Mid")
    wait_for(lambda: page.text(browser, "h1") == "Mid", what="the player")
    assert browser.execute_script("return location.hash") == "#/arcade/player/p5000"
    assert page.complaints(browser) == []


def requests_made(browser):
    return browser.execute_script("return performance.getEntriesByType('resource').filter(e => e.name.includes('/leaderboards/')).length")


def test_a_hidden_page_asks_nothing(stack, browser):
    browser.get(stack.url + "/#/arcade")
    wait_for(lambda: requests_made(browser) >= 3, 15, "it to ask again and again")
    browser.execute_script(
        "Object.defineProperty(document, 'hidden', {configurable: true, get: () => true});"
        "document.dispatchEvent(new Event('visibilitychange'))")
    # One that was under way may still end; then there are no more for longer than four of its pauses.
    browser.set_script_timeout(10)
    made = browser.execute_async_script(
        "const count = () => performance.getEntriesByType('resource').filter(e => e.name.includes('/leaderboards/')).length;"
        "setTimeout(() => { const before = count(); setTimeout(() => arguments[0]([before, count()]), 2500) }, 1000)")
    assert made[0] == made[1]
    browser.execute_script("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    wait_for(lambda: requests_made(browser) > made[1], what="it to ask again")


def test_slow_network(stack, browser):
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.emulateNetworkConditions",
                            {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 20_000})
    browser.get(stack.url + "/#/exrps")
    wait_for(lambda: page.rows(browser), 30, "the board")
    stack.event("0" * 32, "player_name", user_id="slow", username="Slowpoke")
    stack.event("0" * 32, "game_over", winner_id="slow", loser_id="eve")
    wait_for(lambda: "Slowpoke" in page.names(browser), 30, "the new player")
    assert page.complaints(browser) == []


def test_printed(stack, browser):
    browser.get(stack.url + "/#/arcade")
    wait_for(lambda: page.rows(browser), 15, "the board")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    shown = browser.execute_script(
        "return ['table', 'nav', 'aside', 'footer'].map(s => document.querySelector(s).checkVisibility())")
    assert shown == [True, False, False, False]
    pdf = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})["data"]
    assert len(pdf) > 5000
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_keyboard(stack, browser):
    browser.get(stack.url + "/#/arcade")
    wait_for(lambda: "Ada" in page.names(browser), 15, "the board")
    body = browser.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    assert browser.switch_to.active_element.text == "Skip to the content"
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert browser.switch_to.active_element.get_attribute("id") == "main"
    seen = []
    for _ in range(6):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        active = browser.switch_to.active_element
        seen.append(active.text)
        assert active.value_of_css_property("outline-style") == "solid", active.text
    assert seen[:3] == ["All time", "Week", "Day"] and "Ada" in seen, seen
    assert browser.execute_script("return location.hash") == "#/arcade", "the way to the content is no view"


def test_what_has_the_focus_is_seen(stack, browser, screenshot):
    """On a phone the own place lies over the rows, but not over the one that the keyboard has come to."""
    browser.get(stack.url + "/?user=p5000#/arcade")
    wait_for(lambda: page.text(browser, ".own-place:not([hidden])"), 15, "the own place")
    screenshot("own-place-phone", 320, 640)
    browser.execute_script("document.querySelector('tbody a').focus()")
    for _ in range(12):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        assert browser.execute_script(
            "const e = document.activeElement, r = e.getBoundingClientRect();"
            "return e.contains(document.elementFromPoint(r.x + r.width / 2, r.bottom - 1))"), page.text(browser, ":focus")


def test_weight_and_stability(stack, browser, record_property):
    """What the page costs: bytes on the way, first paint, how much moves while it loads."""
    browser.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
    browser.get(stack.url + "/#/arcade")
    wait_for(lambda: page.rows(browser), 15, "the board")
    browser.set_script_timeout(10)
    shift, paint = browser.execute_async_script(
        "let sum = 0; new PerformanceObserver(l => l.getEntries().forEach(e => sum += e.value)).observe({type: 'layout-shift', buffered: true});"
        "setTimeout(() => arguments[0]([sum, performance.getEntriesByName('first-contentful-paint')[0].startTime]), 1000)")
    sizes = browser.execute_script(
        "const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];"
        "const once = new Map(all.map(e => [e.name.split('?')[0], e.transferSize])); return Object.fromEntries(once)")
    whole = sum(size for name, size in sizes.items() if not name.endswith("lib/chart.js"))
    print(f"page {whole} bytes in {len(sizes)} requests, first paint {paint:.0f} ms, layout shift {shift:.3f}")
    assert 5000 < whole < 60 * 1024, sizes
    assert shift < 0.1
