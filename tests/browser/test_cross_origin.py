"""A page of another origin plays: it creates and lists games with a token, preflights and all."""
from stack import GameServer, Stack, game_file

SCRIPT = """
const [base, token, done] = arguments;
(async () => {
  const headers = { Authorization: "Bearer " + token, "Content-Type": "application/json" };
  const made = await fetch(base + "/create_game", { method: "POST", headers, body: '{"game_type": 0}' });
  const game = await made.json();
  const open = await fetch(base + "/open_games?count=25");
  const refused = await fetch(base + "/join_game/" + game.game_id, { method: "POST", headers });
  const board = await fetch(base.replace("game_lobby/exrps", "leaderboards/top_ten/exrps"));
  return { made: made.status, game, open: open.status, games: await open.json(), refused: refused.status,
           problem: await refused.json(), board: await board.json() };
})().then(done, (error) => done(String(error)));
"""


def test_another_origin_creates_and_lists(portal, browser):
    server = GameServer()
    stack = Stack(games={"exrps": game_file(server.url)})
    try:
        listed = stack.create("host").json()["game_id"]
        stack.event(listed, "state_change", new_state="creator_joined")
        stack.settle()
        browser.get(portal)
        browser.set_script_timeout(20)
        seen = browser.execute_async_script(SCRIPT, stack.url + "/game_lobby/exrps", stack.token("ann"))
        assert isinstance(seen, dict), seen
        assert (seen["made"], seen["open"]) == (200, 200)
        assert seen["game"]["creator_id"] == "ann" and seen["game"]["token"] == "token-of-ann"
        assert [g["game_id"] for g in seen["games"]] == [listed]
        # Errors can be read by the page as well.
        assert seen["refused"] == 400 and "invalid state: created" in seen["problem"]["detail"]
        assert seen["board"] == []
    finally:
        stack.close()
        server.close()
