"""The short form of tests/faults/lobby_race.py: everybody does everything while everything breaks."""
import subprocess
import sys

from stack import TOP


def test_clients_race_while_everything_breaks():
    done = subprocess.run([sys.executable, TOP / "tests" / "faults" / "lobby_race.py", "20", "40"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, check=False)
    output = done.stdout.decode()
    print(output)  # shown where it fails, with the seed
    assert done.returncode == 0, output[-4000:]
    assert "everything is gone" in output and "0 problems" in output
