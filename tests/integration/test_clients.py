"""The samples of docs/clients that run here: each submits a score as its reader would, and shows the board."""
import json
import os
import subprocess
from pathlib import Path

import pytest
from stack import TOP, Stack

CLIENTS = TOP / "docs" / "clients"


@pytest.fixture(scope="module")
def stack():
    stack = Stack(games={"arcade": json.loads((TOP / "docs" / "examples" / "games" / "arcade.json").read_text())})
    yield stack
    stack.close()


@pytest.fixture(scope="module")
def key(stack):
    varcadectl = Path(os.environ.get("VARCADE_BUILD", TOP / "build")) / "worker" / "varcadectl"
    done = subprocess.run([varcadectl, "keys", "add", "--config", stack.dir / "varcade.json", "arcade"],
                          check=True, capture_output=True, text=True, timeout=30)
    return done.stdout.split()[-1]


@pytest.mark.parametrize("client", ["score.sh", "score.py", "score.mjs", "score.c"])
def test_client(stack, key, client, tmp_path):
    command = {"sh": ["sh", CLIENTS / client], "py": ["/usr/bin/python3", CLIENTS / client],
               "mjs": ["node", CLIENTS / client], "c": [tmp_path / "score"]}[client.rsplit(".", maxsplit=1)[1]]
    if client == "score.c":
        subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", CLIENTS / client, "-o", tmp_path / "score", "-lcurl"],
                       check=True, timeout=60)

    def run(score):
        return subprocess.run([*command, stack.url, key, "arcade", "high-score", client, score], check=False,
                              capture_output=True, text=True, timeout=60)

    first = run("41.5")
    assert first.returncode == 0, first.stderr
    stack.last_event["arcade"] = stack.redis.xrevrange("game_event_stream", count=1)[0][0]
    stack.settle("arcade")
    second = run("12")
    assert second.returncode == 0, second.stderr
    line = next(line for line in second.stdout.replace("},", "},\n").splitlines() if client in line)
    assert "41.5" in line, second.stdout

    # What is refused is told, by the exit status too.
    refused = run("many")
    assert refused.returncode != 0


def test_samples_are_short():
    for sample in CLIENTS.iterdir():
        if sample.name != "README.md":
            assert len(sample.read_text(encoding="utf-8").splitlines()) <= 36, sample.name
