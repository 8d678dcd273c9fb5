"""A headless Chromium that tests drive through a pipe, by the DevTools protocol; skipped where there is none."""

import fcntl
import itertools
import json
import os
import select
import shutil
import subprocess
import time

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe",
]  # fmt: skip
PATIENCE = 60.0
"""Seconds that an answer may take."""


class Browser:
    """One tab. events: what it told without being asked, (method, parameters)."""

    def __init__(self, folder):
        theirs_in, self._to = self._pipe()
        self._from, theirs_out = self._pipe()
        self.process = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={folder}", "about:blank"], close_fds=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=lambda: (os.dup2(theirs_in, 3), os.dup2(theirs_out, 4)),
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        self._numbers, self._read, self.events, self._session = itertools.count(1), b"", [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    @staticmethod
    def _pipe():
        """Two ends with numbers that the browser's own, 3 and 4, do not overwrite."""
        ends = os.pipe()
        high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in ends]
        for end in ends:
            os.close(end)
        return high

    def call(self, method, **parameters):
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        message |= {"sessionId": self._session} if self._session else {}
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append((answer.get("method"), answer.get("params", {})))

    def _receive(self):
        end = time.monotonic() + PATIENCE
        while b"\0" not in self._read:
            ready, _, _ = select.select([self._from], [], [], max(end - time.monotonic(), 0))
            assert ready, "the browser does not answer"
            self._read += os.read(self._from, 1 << 20)
        line, _, self._read = self._read.partition(b"\0")
        return json.loads(line)

    def open(self, path, *, width=1280, height=800, scheme="light"):
        self.events.clear()
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.media(scheme=scheme)
        self.call("Page.navigate", url=path.as_uri())
        self.until("document.readyState === 'complete' && document.querySelector('main') !== null")
        self.until("document.querySelectorAll('figure script').length === document.querySelectorAll('.drawn').length")

    def media(self, kind="screen", scheme="light"):
        self.call(
            "Emulation.setEmulatedMedia", media=kind, features=[{"name": "prefers-color-scheme", "value": scheme}]
        )

    def js(self, expression):
        """An expression's value, a promise's once it is there."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, expression):
        end = time.monotonic() + PATIENCE
        while not self.js(expression):
            assert time.monotonic() < end, f"never: {expression}"
            time.sleep(0.05)

    def press(self, key, code):
        for kind in ("keyDown", "keyUp"):
            text = {"text": key} if kind == "keyDown" and len(key) == 1 else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key if len(key) > 1 else "Space",
                      windowsVirtualKeyCode=code, **text)  # fmt: skip

    def requests(self):
        return [told["request"]["url"] for method, told in self.events if method == "Network.requestWillBeSent"]

    def complaints(self):
        """Errors and warnings of the console, exceptions, dialogs."""
        loud = ("error", "warning", "assert")
        found = [told for method, told in self.events if method == "Runtime.exceptionThrown"]
        found += [told for method, told in self.events if method == "Page.javascriptDialogOpening"]
        found += [t for m, t in self.events if m == "Runtime.consoleAPICalled" and t["type"] in loud]
        return found + [t for m, t in self.events if m == "Log.entryAdded" and t["entry"]["level"] in loud]

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=PATIENCE)
        os.close(self._to)
        os.close(self._from)


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    started = Browser(tmp_path_factory.mktemp("browser"))
    yield started
    started.close()
