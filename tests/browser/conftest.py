"""Debian's Chromium, headless, against a running varcade."""
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common import utils

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

import page  # noqa: E402 (by the path above)
from stack import Stack  # noqa: E402

SCREENSHOTS = Path(os.environ.get("VARCADE_SCREENSHOTS", "build/screenshots"))


class Chromedriver(Service):
    """Asked by address: a minimal system has no /etc/hosts that tells where localhost is."""

    @property
    def service_url(self):
        return f"http://127.0.0.1:{self.port}"

    def is_connectable(self):
        return utils.is_connectable(self.port, "127.0.0.1")


@pytest.fixture(scope="module")
def demo():
    stack = Stack(demo=True)
    yield stack
    stack.close()


@pytest.fixture
def browser(tmp_path):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    # The pipe instead of a port, which chromedriver seeks at "localhost". No sandbox: it is refused to
    # root and in many containers, and the pages are ours.
    for argument in ("--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu",
                     "--no-first-run", "--disable-background-networking", "--disable-component-update",
                     "--disable-sync", "--disable-quic", "--disable-dev-shm-usage",
                     f"--user-data-dir={tmp_path}/profile", "--window-size=1100,900", "--lang=en"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=Chromedriver("/usr/bin/chromedriver"), options=options)
    driver.set_page_load_timeout(30)
    yield driver
    driver.quit()


@pytest.fixture
def windows(browser):
    """windows(): another window; what is kept for one is not seen by others."""
    opened = []

    def another():
        if opened:
            browser.switch_to.new_window("window")
        opened.append(page.Window(browser, browser.current_window_handle))
        return opened[-1]

    return another


@pytest.fixture
def screenshot(browser):
    """screenshot(name, width, height, dark): what is shown, into the folder of the test's output."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)

    def take(name, width=1100, height=900, dark=False):
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})
        path = SCREENSHOTS / f"{name}.png"
        assert browser.save_screenshot(str(path))
        return path

    return take


@pytest.fixture(scope="session")
def axe():
    """A script that checks accessibility."""
    folder = Path(os.environ.get("VARCADE_NPM", Path(__file__).resolve().parents[2] / "build-test" / "npm"))
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def portal():
    """A page on another port, with nothing on it."""
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>portal</title>")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}/"
    server.shutdown()
    server.server_close()
