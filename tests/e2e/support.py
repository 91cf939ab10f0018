# SPDX-License-Identifier: LGPL-2.1-or-later
"""What end-to-end tests share: the build under test, child processes, pipelines.

tests/e2e/run.py sets the environment up: no AWS or proxy variables, a home, cache and GStreamer
registry of the run's own, the plugin of the build under test. Nothing here needs more than Python.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest

BUILD = os.environ.get("KVS_BUILD", "")
LOGS = os.environ.get("KVS_TEST_LOGS", "/tmp")
# under sanitizers and valgrind everything takes longer: bounds in tests are multiplied by this
SLOWNESS = float(os.environ.get("KVS_TEST_SLOWNESS", "1"))
VALGRIND_ERROR = 99

_children = []


def built(*parts):
    """Path of a built file; a test that needs one which was not built is skipped."""
    path = os.path.join(BUILD, *parts)
    if not os.path.exists(path):
        raise unittest.SkipTest(f"{os.path.join(*parts)} is not built")
    return path


def tool(name):
    """Path of an installed program; a test that needs one which is missing is skipped."""
    path = shutil.which(name)
    if path is None:
        raise unittest.SkipTest(f"{name} is not installed")
    return path


def require_elements(*names):
    """Skips a test that needs an element of GStreamer which is not installed."""
    for name in names:
        if subprocess.run([tool("gst-inspect-1.0"), "--exists", name], check=False).returncode != 0:
            raise unittest.SkipTest(f"{name} is not installed")


def require_introspection(*namespaces):
    """Skips a test that needs a library of GStreamer from Python which is not installed."""
    program = "import gi, sys; [gi.require_version(name, '1.0') for name in sys.argv[1:]]"
    if subprocess.run([sys.executable, "-c", program, *namespaces], check=False,
                      stderr=subprocess.DEVNULL).returncode != 0:
        raise unittest.SkipTest(f"{', '.join(namespaces)} for Python are not installed")


def valgrind(test):
    """Marks a test that tests/run repeats with its pipelines under valgrind."""
    test.under_valgrind = True
    return test


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Child:
    """A child process in a process group of its own. Output goes to a log file.

    A test that ends, in whatever way, takes its children along: kill_children() sees to that.
    """

    def __init__(self, arguments, name=None, env=None, cwd=None, pass_fds=()):
        name = name or os.path.basename(arguments[0])
        self.arguments = arguments
        self.log_path = os.path.join(LOGS, f"{len(os.listdir(LOGS)):03}-{name}.log")
        with open(self.log_path, "wb") as log:
            log.write((" ".join(arguments) + "\n").encode())
            log.flush()
            self.process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                pass_fds=pass_fds,
                start_new_session=True,
            )
        _children.append(self)

    @property
    def output(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    @property
    def returncode(self):
        return self.process.poll()

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=30):
        """Exit status; a child that is still there in the end is killed and an error raised."""
        try:
            return self.process.wait(timeout * SLOWNESS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"{self.arguments[0]} did not end within {timeout * SLOWNESS:.0f} s:\n"
                f"{self.output[-4000:]}") from None

    def wait_for_output(self, pattern, timeout=20):
        """Match of the first occurrence of a regular expression in the child's output."""
        deadline = time.monotonic() + timeout * SLOWNESS
        while True:
            ended = self.process.poll() is not None
            if match := re.search(pattern, self.output):
                return match
            if ended or time.monotonic() > deadline:
                raise AssertionError(f"no {pattern!r} in:\n{self.output[-4000:]}")
            time.sleep(0.02)

    def terminate(self, timeout=20):
        if self.process.poll() is None:
            self.process.terminate()
        return self.wait(timeout)

    def kill(self):
        """Ends the whole process group, at once."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


def kill_children():
    while _children:
        _children.pop().kill()


def gst_environment():
    """What an uninstrumented GStreamer process needs to load a plugin with AddressSanitizer."""
    preload = os.environ.get("KVS_TEST_PRELOAD")
    return {"LD_PRELOAD": preload} if preload else {}


def python_environment():
    """As gst_environment(), for a Python process: Python itself leaks."""
    return {**gst_environment(), "PYTHONDONTWRITEBYTECODE": "1",
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


def pipeline(description, name="gst-launch", env=None, options=("-e",)):
    """A running gst-launch-1.0 with the plugin under test; description: text or arguments."""
    words = description.split() if isinstance(description, str) else list(description)
    command = [tool("gst-launch-1.0"), *options, *words]
    if os.environ.get("KVS_TEST_VALGRIND"):
        command = [tool("valgrind"), *os.environ["KVS_TEST_VALGRIND"].split("\n"),
                   f"--error-exitcode={VALGRIND_ERROR}", *command]
    return Child(command, name, {**gst_environment(), **(env or {})})


def wait_until(condition, timeout=20, step=0.05, what="the condition"):
    """Value of condition() as soon as it is true."""
    deadline = time.monotonic() + timeout * SLOWNESS
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {timeout * SLOWNESS:.0f} s")
        time.sleep(step)
