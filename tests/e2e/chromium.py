# SPDX-License-Identifier: LGPL-2.1-or-later
"""A headless Chromium that a test drives through the DevTools protocol, over a pair of pipes."""

import base64
import json
import os
import select
import shutil
import tempfile
import time
import unittest

from support import SLOWNESS, Child

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
# it writes commands' answers there and reads commands from there
READS, WRITES = 3, 4


def program():
    for name in PROGRAMS:
        if (path := shutil.which(name)) is not None:
            return path
    raise unittest.SkipTest("chromium is not installed")


class Chromium:
    """One page in one browser.

    errors  what the page's console has of errors, exceptions and violations of its policy
    """

    def __init__(self, width=1280, height=900, arguments=()):
        path = program()
        self.profile = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        self.errors = []
        self.last_id = 0
        self.buffer = b""
        their_in, self.to = os.pipe()
        self.back, their_out = os.pipe()
        words = [
            path, "--headless=new", "--remote-debugging-pipe", "--user-data-dir=" + self.profile.name,
            "--no-first-run", "--no-default-browser-check", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--disable-extensions",
            "--disable-gpu", "--log-level=3", "--disable-dev-shm-usage", "--mute-audio", "--no-proxy-server",
            "--autoplay-policy=no-user-gesture-required",
            # nothing but this machine can be reached, by whatever name
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
            f"--window-size={width},{height}", *(["--no-sandbox"] if os.geteuid() == 0 else []),
            *arguments, "about:blank"]
        self.child = Child(
            ["sh", "-c", f'exec "$@" {READS}<&{their_in} {WRITES}>&{their_out}', "sh", *words],
            "chromium", env={"HOME": self.profile.name, "LD_PRELOAD": ""},
            pass_fds=(their_in, their_out))
        os.close(their_in)
        os.close(their_out)
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(domain + ".enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=False)

    def close(self):
        self.child.kill()
        os.close(self.to)
        os.close(self.back)
        self.profile.cleanup()

    def call(self, method, **parameters):
        """Carries out a command of the protocol."""
        self.last_id += 1
        message = {"id": self.last_id, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + 60 * SLOWNESS
        while True:
            answer = self._receive(deadline, method)
            if answer.get("id") == self.last_id:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return answer["result"]

    def _receive(self, deadline, method):
        while b"\0" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.back], [], [], left)[0]:
                raise AssertionError(f"chromium does not answer {method}:\n{self.child.output[-4000:]}")
            data = os.read(self.back, 1 << 20)
            if not data:
                raise AssertionError(f"chromium ended:\n{self.child.output[-4000:]}")
            self.buffer += data
        text, self.buffer = self.buffer.split(b"\0", 1)
        message = json.loads(text)
        self._take_event(message)
        return message

    def _take_event(self, message):
        parameters = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(parameters["exceptionDetails"]))
        elif message.get("method") == "Log.entryAdded":
            if parameters["entry"]["level"] == "error":
                self.errors.append(parameters["entry"]["text"] + " " +
                                   parameters["entry"].get("url", ""))
        elif message.get("method") == "Runtime.consoleAPICalled" and parameters["type"] == "error":
            self.errors.append(json.dumps(parameters["args"]))

    def open(self, url):
        result = self.call("Page.navigate", url=url)
        if "errorText" in result:
            raise AssertionError(f"{url}: {result['errorText']}")

    def run(self, expression):
        """The value of an expression, or of its promise, in the page."""
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True,
                           returnByValue=True)
        if "exceptionDetails" in result:
            raise AssertionError(f"{expression}: {json.dumps(result['exceptionDetails'])[:2000]}")
        return result["result"].get("value")

    def wait_for(self, expression, seconds=20):
        """The first value of an expression that is true; an element has no value here."""
        deadline = time.monotonic() + seconds * SLOWNESS
        while not (value := self.run(expression)):
            if time.monotonic() > deadline:
                raise AssertionError(f"{expression} did not come true; "
                                     f"errors of the page: {self.errors}")
            time.sleep(0.1)
        return value

    def click(self, selector):
        """As a person would: at the middle of what is shown."""
        x, y = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            " e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
            " return [b.x + b.width / 2, b.y + b.height / 2]; })()")
        self.drag((x, y), (x, y))

    def drag(self, begin, end):
        self.call("Input.dispatchMouseEvent", type="mousePressed", x=begin[0], y=begin[1],
                  button="left", clickCount=1)
        if begin != end:
            self.call("Input.dispatchMouseEvent", type="mouseMoved", x=end[0], y=end[1],
                      button="left")
        self.call("Input.dispatchMouseEvent", type="mouseReleased", x=end[0], y=end[1],
                  button="left", clickCount=1)

    def set_dark(self, dark):
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def picture(self, path):
        """Saves what is shown as a PNG file."""
        data = self.call("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))
