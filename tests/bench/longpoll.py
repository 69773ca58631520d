#!/usr/bin/python3
"""Ten thousand long polls held by one process: what they cost in memory, and what they cost others.

The polls are FastCGI connections straight to the matchmaking pool's socket, each for a ticket of its own (their attributes differ, so that
nobody fits anybody). Meanwhile wrk asks nginx for open games, which the same process answers: before, with the polls, and after. Then
some tickets are cancelled, and the time is taken until their polls are answered.

Figures of one run are to be compared with each other alone. Run it on a built tree: tests/bench/longpoll.py [--polls 10000]
"""
import argparse
import resource
import socket
import statistics
import struct
import subprocess
import sys
import time
from pathlib import Path

import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
from stack import GameServer, Stack, game_file, wait_for  # noqa: E402

SECONDS = 4  # of wrk


def record(kind, content):
    return struct.pack("!BBHHBx", 1, kind, 1, len(content), 0) + content


def request(method, target, token, body=b""):
    """A whole FastCGI request that keeps its connection."""
    params = b""
    for name, value in (("REQUEST_METHOD", method), ("REQUEST_URI", target), ("HTTP_AUTHORIZATION", "Bearer " + token),
                        ("CONTENT_LENGTH", str(len(body))), ("REMOTE_ADDR", "127.0.0.1")):
        params += struct.pack("!B", len(name)) + struct.pack("!I", len(value) | 1 << 31) + (name + value).encode()
    return (record(1, struct.pack("!HB5x", 1, 1)) + record(4, params) + record(4, b"") +
            (record(5, body) if body else b"") + record(5, b""))


def read_answer(sock):
    """The text of one answer."""
    data, text = b"", b""
    while True:
        while len(data) >= 8:
            kind, length, padding = data[1], data[4] << 8 | data[5], data[6]
            if len(data) < 8 + length + padding:
                break
            if kind == 3:
                return text.decode()
            text += data[8:8 + length]
            data = data[8 + length + padding:]
        more = sock.recv(65536)
        if not more:
            sys.exit("a connection was closed: " + text.decode())
        data += more


def connect(stack):
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(stack.dir / "matchmaking.sock"))
    return sock


def serving(stack):
    """The process that serves the pool: the supervisor's child."""
    pids = subprocess.run(["pgrep", "-P", str(stack.pid("fcgi-matchmaking"))], capture_output=True, text=True).stdout.split()
    assert len(pids) == 1, "the pool has several processes; fcgi.processes is one for every two cores"
    return int(pids[0])


def memory(pid):
    """Kilobytes of its own."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Private_Dirty:"):
            return int(line.split()[1])


def held(stack):
    text = requests.get(f"{stack.url}/metrics").text
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith("varcade_long_polls{"))


def rate(stack):
    """Open games a second."""
    out = subprocess.run(["wrk", "-t1", "-c16", f"-d{SECONDS}", f"{stack.url}/game_lobby/exrps/open_games"],
                         capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in out, out
    return float(next(line for line in out.splitlines() if "Requests/sec" in line).split()[1])


def open_tickets(stack, n):
    """(ticket, token) of n players."""
    sock, tickets = connect(stack), []
    for i in range(n):
        token = stack.token(f"p{i}")
        sock.sendall(request("POST", "/matchmaking/exrps/tickets", token,
                             b'{"queue":"q","attributes":{"mode":"%d"}}' % i))
        answer = read_answer(sock)
        assert answer.startswith("Status: 201"), answer
        tickets.append((answer.split('"ticket_id":"')[1][:32], token))
    return tickets


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--polls", type=int, default=10000)
    n = parser.parse_args().polls
    resource.setrlimit(resource.RLIMIT_NOFILE, (n + 4096, max(n + 4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    game_server = GameServer()
    stack = Stack(games={"exrps": game_file(game_server.url, queues=[{"id": "q", "equal": ["mode"], "timeout": 3600}])})
    try:
        tickets = open_tickets(stack, n)
        pid = serving(stack)
        rate(stack)
        before, used = rate(stack), memory(pid)
        polls = []
        for ticket, token in tickets:
            polls.append(connect(stack))
            polls[-1].sendall(request("GET", f"/matchmaking/exrps/tickets/{ticket}?wait=25", token))
        wait_for(lambda: held(stack) == n, 15, f"{n} polls")
        per_poll = (memory(pid) - used) * 1024 / n
        with_polls = rate(stack)
        assert held(stack) == n, "polls ended too early: use fewer"
        times, canceller = [], connect(stack)
        for i in range(0, n, max(1, n // 200)):
            begun = time.perf_counter()
            canceller.sendall(request("DELETE", f"/matchmaking/exrps/tickets/{tickets[i][0]}", tickets[i][1]))
            assert '"cancelled"' in read_answer(polls[i])
            times.append(time.perf_counter() - begun)
            read_answer(canceller)
            polls[i] = None
        for poll in polls:
            assert poll is None or '"state":"waiting"' in read_answer(poll)
        after = rate(stack)
        times.sort()
        print(f"{n} polls in one process: {per_poll:.0f} bytes of its memory each")
        print(f"open games a second: {before:.0f} before, {with_polls:.0f} with the polls, {after:.0f} after: "
              f"ratio {with_polls / statistics.mean((before, after)):.2f}")
        print(f"from a ticket's cancelling to its poll's answer: median {1000 * statistics.median(times):.1f} ms, "
              f"p99 {1000 * times[int(len(times) * 0.99)]:.1f} ms of {len(times)}")
    finally:
        stack.close()
        game_server.close()


if __name__ == "__main__":
    main()
