"""Headless Chromium, driven over its debugging pipe: a page's errors and requests, its elements, and pictures of it."""

import base64
import fcntl
import json
import os
import shutil
import signal
import time
from contextlib import contextmanager

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-extensions", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--remote-debugging-pipe",
)  # fmt: skip
TIMEOUT_S = 120


def find_browser():
    return next((path for path in map(shutil.which, NAMES) if path), None)


@contextmanager
def open_browser(profile):
    """Start Chromium with a folder for its own files; it ends with the block."""
    to_browser, ours_out = _pipe()
    ours_in, from_browser = _pipe()
    os.set_blocking(ours_in, False)
    actions = [
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_DUP2, to_browser, 3),  # where Chromium reads, and where it writes
        (os.POSIX_SPAWN_DUP2, from_browser, 4),
    ]
    command = [find_browser(), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    process = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
    os.close(to_browser)
    os.close(from_browser)
    try:
        yield Page(ours_in, ours_out)
    finally:
        os.kill(process, signal.SIGTERM)
        os.waitpid(process, 0)
        os.close(ours_in)
        os.close(ours_out)


def _pipe():
    """A pipe whose ends are not among the descriptors that Chromium is given."""
    ends = os.pipe()
    moved = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return moved


class Page:
    """One tab."""

    def __init__(self, reading, writing):
        self._reading, self._writing = reading, writing
        self._buffer, self._number, self._session = b"", 0, None
        self.problems, self.requests = [], []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method, **parameters):
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": parameters}
        message |= {"sessionId": self._session} if self._session else {}
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        answer = self._wait(lambda found: found.get("id") == number)
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, path, width=1400, height=1000, dark=False):
        """Open a file; gives once it is loaded."""
        self.problems.clear()
        self.requests.clear()
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        self.send("Page.navigate", url=path.as_uri())
        self._wait(lambda found: found.get("method") == "Page.loadEventFired")

    def run(self, script):
        """Evaluate JavaScript; gives its value."""
        found = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def screenshot(self, path, height=None):
        """Take a picture of the whole page."""
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": height or size["height"], "scale": 1}
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(shot["data"]))

    def _wait(self, wanted):
        end = time.monotonic() + TIMEOUT_S
        while time.monotonic() < end:
            for found in self._messages():
                self._note(found)
                if wanted(found):
                    return found
            time.sleep(0.005)
        raise TimeoutError("Chromium does not answer")

    def _messages(self):
        """Messages one by one; those behind the one that is waited for stay in the buffer."""
        while True:
            message, found, rest = self._buffer.partition(b"\0")
            if found:
                self._buffer = rest
                yield json.loads(message)
                continue
            try:
                read = os.read(self._reading, 1 << 20)
            except BlockingIOError:
                return
            if not read:
                raise EOFError("Chromium ended")
            self._buffer += read

    def _note(self, found):
        method, parameters = found.get("method"), found.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.problems.append(parameters["exceptionDetails"])
        elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning"):
            self.problems.append(parameters["args"])
        elif method == "Log.entryAdded":
            self.problems.append(parameters["entry"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
