"""quickstart as a user meets it: what it says, what it leaves behind, what survives."""
import os
import signal
import socket
import stat
import subprocess

import pytest

from stack import TOP, Stack, free_port_base, wait_for

QUICKSTART = str(TOP / "quickstart")


def run(environment, *arguments):
    """quickstart where it cannot start: exit status and what it says."""
    done = subprocess.run([QUICKSTART, "--no-demo", *arguments], env=dict(os.environ, **environment),
                          capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr.strip().splitlines()


def processes_in(folder):
    """Processes that name the folder on their command line."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    if str(folder).encode() in file.read():
                        found.append(int(entry))
            except OSError:
                continue
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_start_stop_and_data(number):
    stack = Stack()
    try:
        assert stat.S_IMODE((stack.dir / "token.key").stat().st_mode) == 0o600
        assert (stack.dir / "redis.sock").is_socket() and (stack.dir / "logs").is_dir()
        stack.event("0" * 32, "game_over", winner_id="ann", loser_id="ben")
        stack.settle()
        key = stack.key
        assert stack.stop(number) == 0
        assert processes_in(stack.dir) == []
        assert not (stack.dir / "redis.sock").exists() or not stack.dir.joinpath("pids/redis").exists()
        stack.start()
        assert stack.key == key
        assert stack.http.get(f"{stack.url}/stats/exrps/ann").json()["wins"] == "1"
        wait_for(lambda: stack.http.get(f"{stack.url}/leaderboards/top_ten/exrps").json()
                 == [{"user_id": "ann", "score": 1.0}, {"user_id": "ben", "score": 0.0}], what="the board")
    finally:
        stack.close()


def test_killed_quickstart_leaves_nothing_that_a_new_one_minds():
    stack = Stack()
    try:
        stack.stop(signal.SIGKILL)
        stack.start()
        assert stack.http.get(f"{stack.url}/readyz").status_code == 200
        assert stack.stop() == 0
        assert processes_in(stack.dir) == []
    finally:
        stack.close()


def test_two_side_by_side_and_twice_in_one_folder(tmp_path):
    one = Stack()
    try:
        two = Stack()
        try:
            for stack in (one, two):
                assert stack.http.get(f"{stack.url}/readyz").status_code == 200
        finally:
            two.close()
        status, lines = run({"VARCADE_DIR": str(one.dir), "VARCADE_PORT": str(free_port_base())})
        assert status == 1 and "already running" in lines[-1]
        status, lines = run({"VARCADE_DIR": str(tmp_path), "VARCADE_PORT": str(one.port)})
        assert status == 1
        assert lines == [f"quickstart: port {one.port} on 127.0.0.1 is in use; choose others with VARCADE_PORT"]
        assert processes_in(tmp_path) == []
    finally:
        one.close()


def test_one_clear_line_for_each_mistake(tmp_path):
    port = str(free_port_base())
    (tmp_path / "file").write_text("")
    games = tmp_path / "games"
    games.mkdir()
    cases = [
        ({"VARCADE_PORT": "web"}, "VARCADE_PORT"),
        ({"VARCADE_PORT": "99999"}, "VARCADE_PORT"),
        ({"VARCADE_PORT": port, "VARCADE_DIR": str(tmp_path / "file" / "x")}, "VARCADE_DIR"),
        ({"VARCADE_PORT": port, "VARCADE_DIR": str(tmp_path / ("x" * 100))}, "too long"),
        ({"VARCADE_PORT": port, "VARCADE_DIR": str(tmp_path / "a"), "VARCADE_GAMES": str(tmp_path / "none")}, "VARCADE_GAMES"),
        ({"VARCADE_PORT": port, "VARCADE_DIR": str(tmp_path / "b"), "VARCADE_GAMES": str(games)}, str(games)),
    ]
    for environment, words in cases:
        status, lines = run(environment)
        assert status == 1, environment
        assert len(lines) == 1 and lines[0].startswith("quickstart: ") and words in lines[0], (environment, lines)
    (games / "bad.json").write_text('{"product_id": "bad", "players": {"min": 2, "max": 65}}')
    status, lines = run({"VARCADE_PORT": port, "VARCADE_DIR": str(tmp_path / "c"), "VARCADE_GAMES": str(games)})
    assert status == 1 and any("bad.json" in line and "players.max" in line for line in lines), lines


def test_leftover_sockets_are_no_obstacle(tmp_path):
    stack = Stack()
    try:
        assert stack.stop() == 0
        for name in ("matchmaking", "leaderboards", "redis"):
            path = stack.dir / f"{name}.sock"
            path.unlink(missing_ok=True)
            with socket.socket(socket.AF_UNIX) as leftover:
                leftover.bind(str(path))
        stack.start()
        assert stack.http.get(f"{stack.url}/readyz").status_code == 200
    finally:
        stack.close()
