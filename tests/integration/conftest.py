"""One running varcade a test file, with a scripted game server behind it."""
import pytest

from stack import GameServer, Stack, game_file


@pytest.fixture(scope="module")
def game_server():
    server = GameServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def stack(game_server):
    """Two products on the scripted game server: exrps for 2 players, arena for 64."""
    running = Stack(games={"exrps": game_file(game_server.url),
                           "arena": game_file(game_server.url, "arena", players=64)})
    yield running
    running.close()


@pytest.fixture(autouse=True)
def obedient(request):
    """Every test begins with a game server that does what it is asked."""
    if "game_server" in request.fixturenames:
        request.getfixturevalue("game_server").reset()
