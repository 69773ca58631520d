"""What `make install` gives a machine with systemd, tried with systemd's own tools.

VARCADE_INSTALLED is the DESTDIR of an installation with the prefix /usr.
"""
import json
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(os.environ["VARCADE_INSTALLED"])
UNITS = ROOT / "usr/lib/systemd/system"
SERVICES = ["varcade-fcgi@.service", "varcade-worker.service"]


def test_everything_is_installed():
    for path in ("usr/sbin/varcade-fcgi", "usr/sbin/varcade-worker", "usr/bin/varcadectl",
                 "usr/lib/sysusers.d/varcade.conf", "etc/varcade/varcade.json",
                 "etc/nginx/sites-available/varcade", "usr/share/varcade/nginx/varcade-fastcgi.conf",
                 "usr/share/varcade/www/index.html", "usr/share/man/man8/varcade-fcgi.8",
                 "usr/share/man/man8/varcade-worker.8", "usr/share/man/man5/varcade.conf.5"):
        assert (ROOT / path).is_file(), path
    assert list(ROOT.rglob("games/exrps.json"))


@pytest.mark.parametrize("unit", SERVICES)
def test_hardened(unit, tmp_path):
    shutil.copy(UNITS / unit, tmp_path)
    out = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager", str(tmp_path / unit)],
                         capture_output=True, text=True)
    level = re.search(r"Overall exposure level for \S+: ([\d.]+)", out.stdout)
    assert level, out.stdout + out.stderr
    assert float(level.group(1)) <= 1.5, out.stdout


def test_units_verify(tmp_path):
    """No complaint but that programs and pages of a DESTDIR are not where they will be."""
    names = []
    for file in UNITS.iterdir():
        text = file.read_text().replace("ExecStart=/usr/sbin/", f"ExecStart={ROOT}/usr/sbin/")
        text = re.sub(r"^Documentation=.*\n", "", text, flags=re.M)
        (tmp_path / file.name).write_text(text)
        names.append(str(tmp_path / file.name.replace("@.", "@matchmaking.")))
    assert len(names) == 3
    out = subprocess.run(["systemd-analyze", "verify", "--man=no", *names], capture_output=True, text=True)
    complaints = [line for line in out.stderr.splitlines() if "varcade" in line]
    assert out.returncode == 0 and complaints == [], out.stderr


def test_sockets_outlive_their_services():
    """A service's start gives its RuntimeDirectory to its own user with all that is in it, and what is PartOf= a
    service goes when that is restarted: either would shut nginx out."""
    folders = {line for unit in SERVICES for line in (UNITS / unit).read_text().splitlines()
               if line.startswith("RuntimeDirectory=")}
    assert folders == {"RuntimeDirectory=varcade"}
    text = (UNITS / "varcade-fcgi@.socket").read_text()
    listen = re.search(r"^ListenStream=(.*)$", text, flags=re.M).group(1)
    assert listen.endswith("/run/varcade-fcgi/%i.sock")
    assert "PartOf=" not in text
    site = (ROOT / "etc/nginx/sites-available/varcade").read_text()
    for pool in ("matchmaking", "leaderboards"):
        assert f"server unix:{listen.replace('%i', pool)} " in site


def test_nginx_takes_the_site(tmp_path):
    site = (ROOT / "etc/nginx/sites-available/varcade").read_text()
    site = site.replace("/usr/share/varcade", f"{ROOT}/usr/share/varcade").replace("listen 80;", f"listen unix:{tmp_path}/n;")
    (tmp_path / "site").write_text(site)
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\n  access_log off;\n  client_body_temp_path {tmp_path};\n"
        f"  fastcgi_temp_path {tmp_path};\n  proxy_temp_path {tmp_path};\n  uwsgi_temp_path {tmp_path};\n"
        f"  scgi_temp_path {tmp_path};\n  include {tmp_path}/site;\n}}\n")
    out = subprocess.run(["/usr/sbin/nginx", "-t", "-e", f"{tmp_path}/error", "-c", f"{tmp_path}/nginx.conf"],
                         capture_output=True, text=True)
    assert out.returncode == 0 and "[warn]" not in out.stderr, out.stderr


@pytest.fixture
def notify(tmp_path):
    """A manager's notify socket: notify(wanted) waits for a message that has such a line."""
    path = str(tmp_path / "notify")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(path)
    seen = []

    def wait(wanted, seconds=10):
        end = time.monotonic() + seconds
        while not any(wanted in message for message in seen):
            listener.settimeout(max(0.01, end - time.monotonic()))
            seen.append(listener.recv(4096).decode().splitlines())
        seen.clear()

    wait.path = path
    yield wait
    listener.close()


@pytest.fixture
def redis_server(tmp_path):
    path = tmp_path / "redis.sock"
    server = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(tmp_path)],
                              stdout=subprocess.DEVNULL)
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(path))
            break
        except OSError:
            assert server.poll() is None
            time.sleep(0.01)
    yield path
    server.terminate()
    server.wait()


@pytest.fixture
def configuration(tmp_path, redis_server):
    """The installed example, with the folders of this test; the key comes as a credential."""
    content = json.loads((ROOT / "etc/varcade/varcade.json").read_text())
    games = next(ROOT.rglob("games/exrps.json")).parent
    content["games"]["dir"] = str(games)
    content["redis"]["state_url"] = f"unix:{redis_server}"
    content["snapshots"]["dir"] = str(tmp_path / "snapshots")
    content["archive"]["dir"] = str(tmp_path / "archive")
    content["metrics"]["dir"] = str(tmp_path / "metrics")
    del content["worker"]
    content["worker"] = {"listen": ""}
    assert content["token"]["key_files"] == ["$CREDENTIALS_DIRECTORY/token.key"]
    path = tmp_path / "varcade.json"
    path.write_text(json.dumps(content))
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    key = credentials / "token.key"
    key.write_text("0123456789abcdef0123456789abcdef")
    key.chmod(0o400)
    return path, {"CREDENTIALS_DIRECTORY": str(credentials)}


def connect(path):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(10)
    client.connect(str(path))
    return client


def fastcgi_get(client, path):
    """One request by the FastCGI protocol; the bytes that the program wrote."""
    def record(kind, data):
        return bytes([1, kind, 0, 1]) + len(data).to_bytes(2, "big") + b"\0\0" + data

    def pair(name, value):
        return bytes([len(name), len(value)]) + name.encode() + value.encode()

    parameters = pair("REQUEST_METHOD", "GET") + pair("REQUEST_URI", path) + pair("SERVER_PROTOCOL", "HTTP/1.1")
    client.sendall(record(1, b"\0\1\0\0\0\0\0\0") + record(4, parameters) + record(4, b"") + record(5, b""))
    data = b""
    while part := client.recv(65536):
        data += part
    return data


def test_fcgi_by_socket_activation(tmp_path, notify, configuration):
    """fd 3 from the manager; READY, WATCHDOG and STOPPING told; a request answered; SIGTERM ends it well."""
    config, environment = configuration
    path = tmp_path / "pool.sock"
    process = subprocess.Popen(
        ["systemd-socket-activate", "-l", str(path), "-E", f"NOTIFY_SOCKET={notify.path}", "-E", "WATCHDOG_USEC=2000000",
         *[f"-E{k}={v}" for k, v in environment.items()],
         str(ROOT / "usr/sbin/varcade-fcgi"), "--config", str(config), "--pool", "matchmaking"])
    try:
        while not path.exists():
            assert process.poll() is None
            time.sleep(0.01)
        with connect(path) as client:  # the first connection starts the program
            answer = fastcgi_get(client, "/healthz")
        notify("READY=1")
        notify("WATCHDOG=1")
        assert b"application/json" in answer, answer
        process.terminate()
        notify("STOPPING=1")
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.wait()


def test_worker_tells_the_manager(tmp_path, notify, configuration):
    config, environment = configuration
    process = subprocess.Popen(
        [str(ROOT / "usr/sbin/varcade-worker"), "--config", str(config)],
        env={**os.environ, **environment, "NOTIFY_SOCKET": notify.path, "WATCHDOG_USEC": "2000000"})
    try:
        notify("READY=1")
        notify("WATCHDOG=1")
        process.terminate()
        notify("STOPPING=1")
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.wait()
