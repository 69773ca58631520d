"""What the README tells its reader to type, typed, and what it says comes of it."""
import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
from urllib.parse import urlsplit

import pytest
import redis
from stack import STREAM, TOP, free_port_base, stream_id, wait_for

README = (TOP / "README.md").read_text(encoding="utf-8")


def blocks(section):
    """The code blocks of a section: [(language, text), …]."""
    text = re.search(rf"^## {section}$(.*?)^## ", README, re.M | re.S)[1]
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)


def expected(text):
    """A pattern of what a block shows: white space means nothing, … is anything, and so are ids, tokens and ports."""
    pattern = re.escape(re.sub(r"\s", "", text)).replace("…", ".*")
    pattern = re.sub(r"[0-9a-f]{32}", "[0-9a-f]{32}", pattern)
    pattern = re.sub(r'"token":"\w+"', lambda _: r'"token":"[^"]+"', pattern)
    pattern = re.sub(r"\d{13}\\-0", lambda _: r"\d{13}-\d+", pattern)
    return re.sub(r"127\\.0\\.0\\.1:\d+", lambda _: r"127\.0\.0\.1:\d+", pattern)


class Shell:
    """A terminal with a shell in it, to which lines are typed."""

    def __init__(self, folder):
        self.mine, theirs = pty.openpty()
        self.process = subprocess.Popen(["bash", "--norc", "--noediting"], cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs,
                                        env=dict(os.environ, PS1="", PS2="", TERM="dumb"), start_new_session=True)
        os.close(theirs)
        self.type("stty -echo")

    def type(self, line):
        """Type a line and return what came of it."""
        os.write(self.mine, f"{line}\necho '<'done'>'\n".encode())
        seen = b""
        while b"<done>" not in seen:
            seen += os.read(self.mine, 65536)
        return seen.decode().replace("\r", "").split("<done>")[0]

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.mine)


@pytest.fixture
def tree(tmp_path):
    """A copy of what a reader has cloned."""
    folder = tmp_path / "v"
    shutil.copytree(TOP, folder, symlinks=True, ignore=shutil.ignore_patterns(".git", "build*", "run", "autom4te.cache", "__pycache__"))
    (folder / "build").symlink_to(os.environ.get("VARCADE_BUILD", TOP / "build"))
    return folder


def quickstart(tree, port):
    environment = dict(os.environ, VARCADE_PORT=str(port), VARCADE_BUILD=str((tree / "build").resolve()))
    environment.pop("VARCADE_DIR", None)
    process = subprocess.Popen(["./quickstart", "--no-demo"], cwd=tree, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == f"ready http://127.0.0.1:{port}/\n"
    return process


def follow(shell, store, section, port, first=0):
    """Type a section's blocks, and hold what is seen against what the README shows behind each of them."""
    shown = ""
    checked = 0
    for language, text in blocks(section)[first:]:
        if language == "sh":
            shown = ""
            for line in text.replace("http://127.0.0.1:8080", f"http://127.0.0.1:{port}").splitlines():
                shown += shell.type(line)
                if line.startswith("event "):
                    # The reader's next line comes later than a program's: the worker is done by then.
                    product, last = line.split()[1], store.xrevrange(STREAM, count=1)[0][0]
                    wait_for(lambda: stream_id(store.get(f"{{{product}}}:checkpoint:{STREAM}") or "0-0") >= stream_id(last),
                             30, "the worker to catch up")
        elif language == "":
            shown = re.sub(r"(?m)^\S+ varcadectl\[\d+\] NOTICE audit: token .*$", "", shown)  # the README tells of it in words
            assert re.fullmatch(expected(text), re.sub(r"\s", "", shown), re.S), (text, shown)
            checked += 1
    return checked


def test_followed_by_the_letter(tree):
    port = free_port_base()
    _, game = next(block for block in blocks("Your own game in five minutes") if block[0] == "json")
    (tree / "games" / "tanks.json").write_text(game)
    running = quickstart(tree, port)
    demo, shell = None, Shell(tree)
    try:
        store = redis.Redis(unix_socket_path=str(tree / "run" / "redis.sock"), decode_responses=True, socket_timeout=30)
        by_hand = blocks("By hand")
        demo = subprocess.Popen(by_hand[0][1].split(), cwd=tree, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: connects(tree), what="the demo game server")
        assert follow(shell, store, "By hand", port, 1) >= 4
        assert follow(shell, store, "Your own game in five minutes", port) >= 1
    finally:
        shell.close()
        for process in (demo, running):
            if process is not None:
                process.send_signal(signal.SIGTERM)
                process.wait(60)


def connects(tree):
    """Whether the demo game server of the copy takes connections."""
    url = urlsplit(json.loads((tree / "run" / "games" / "exrps.json").read_text())["game_server_url"])
    try:
        socket.create_connection((url.hostname, url.port), 1).close()
        return True
    except OSError:
        return False
