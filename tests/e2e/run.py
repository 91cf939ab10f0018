#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the end-to-end tests (tests/e2e/test_*.py, unittest) against one build.

One line a test, failures with their output, and at the end the counts, which --counts also writes
to a file as "passed failed skipped".
"""

import argparse
import concurrent.futures
import faulthandler
import fnmatch
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
TEST_TIMEOUT = 120
LOG_TAIL_BYTES = 8000
# How much longer things take
SANITIZER_SLOWNESS = 5
VALGRIND_SLOWNESS = 20
GLIB_SUPPRESSIONS = "/usr/share/glib-2.0/valgrind/glib.supp"
VALGRIND_OPTIONS = [
    "--quiet",
    "--leak-check=full",
    "--show-leak-kinds=definite",
    "--errors-for-leak-kinds=definite",
    f"--suppressions={os.path.join(TESTS, 'valgrind.supp')}",
]
# Libraries of the distribution have no frame pointers: without the slow unwinder the stacks of
# leaks end at malloc() and no suppression matches.
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "halt_on_error=1:detect_leaks=1:fast_unwind_on_malloc=0",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "LSAN_OPTIONS": f"suppressions={os.path.join(TESTS, 'lsan.supp')}:print_suppressions=0",
}


def build_option(build, name):
    with open(os.path.join(build, "meson-info", "intro-buildoptions.json"), encoding="utf-8") as f:
        return next((o["value"] for o in json.load(f) if o["name"] == name), None)


def compiler_file(name):
    answer = subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True,
                            check=True)
    return os.path.realpath(answer.stdout.strip())


def set_environment(build, scratch, under_valgrind):
    """Nothing of the caller's set-up may reach a test, and no test may touch the caller's files."""
    foreign = ("AWS_", "KVS", "GST_", "GIO_", "G_MESSAGES_", "XDG_", "CONTROL_PLANE_URI",
               "LD_PRELOAD", "SSL_CERT_", "SSLKEYLOGFILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
    for name in list(os.environ):
        if name.startswith(foreign) or name.lower().endswith("_proxy"):
            del os.environ[name]
    for folder in ("home", "cache", "tmp"):
        os.mkdir(os.path.join(scratch, folder))
    os.environ.update({
        "KVS_BUILD": build,
        "HOME": os.path.join(scratch, "home"),
        "XDG_CACHE_HOME": os.path.join(scratch, "cache"),
        "XDG_RUNTIME_DIR": os.path.join(scratch, "tmp"),
        "TMPDIR": os.path.join(scratch, "tmp"),
        "GST_PLUGIN_PATH_1_0": os.path.join(build, "gst"),
        "GST_REGISTRY_1_0": os.path.join(scratch, "registry.bin"),
        "GST_DEBUG_NO_COLOR": "1",
        "NO_PROXY": "127.0.0.1,localhost,::1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
        # Debian's own programs, such as aws, before those of other Python installations
        "PATH": "/usr/bin:/bin:" + os.environ.get("PATH", ""),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    })
    tempfile.tempdir = None
    os.environ.setdefault("G_DEBUG", "fatal-criticals")
    slowness = 1
    if "address" in (build_option(build, "b_sanitize") or ""):
        slowness = SANITIZER_SLOWNESS
        os.environ.update(SANITIZER_OPTIONS)
        # the C++ library comes along, or AddressSanitizer cannot take exceptions over
        os.environ["KVS_TEST_PRELOAD"] = ":".join(
            map(compiler_file, ("libasan.so", "libstdc++.so.6")))
    if under_valgrind:
        slowness = VALGRIND_SLOWNESS
        options = list(VALGRIND_OPTIONS)
        if os.path.exists(GLIB_SUPPRESSIONS):
            options.append(f"--suppressions={GLIB_SUPPRESSIONS}")
        os.environ["KVS_TEST_VALGRIND"] = "\n".join(options)
    os.environ["KVS_TEST_SLOWNESS"] = str(slowness)
    return slowness


def scan_plugins():
    """Fills the registry once, so that no test starts GStreamer's scanner: it loads every plugin
    there is, which takes time and, under a sanitizer, reports what all of them leak."""
    import support  # after the environment is set
    scan = {"GST_REGISTRY_FORK": "no", "ASAN_OPTIONS": "detect_leaks=0"}
    try:
        subprocess.run(["gst-inspect-1.0"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       env={**os.environ, **support.gst_environment(), **scan}, check=False)
    except FileNotFoundError:
        pass


class Result(unittest.TestResult):
    """One line a test; a test with failing sub-tests fails once."""

    def __init__(self, out):
        super().__init__()
        self.out = out
        self.passed = 0
        self.failed = 0
        self.left_out = 0
        self.failed_names = []

    def startTest(self, test):
        super().startTest(test)
        self.verdict = "ok"
        self.detail = ""
        self.began = time.monotonic()

    def addError(self, test, err):
        self.take("FAILED", err)
        if isinstance(test, unittest.suite._ErrorHolder):  # pylint: disable=protected-access
            self.report(test.id())

    def addFailure(self, test, err):
        self.take("FAILED", err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.take("FAILED", err, subtest.id())

    def addSkip(self, test, reason):
        self.verdict, self.detail = "skipped", reason
        if isinstance(test, unittest.suite._ErrorHolder):  # pylint: disable=protected-access
            self.report(test.id())

    def addUnexpectedSuccess(self, test):
        self.verdict, self.detail = "FAILED", "unexpected success\n"

    def take(self, verdict, err, where=""):
        if self.verdict != "FAILED":
            self.detail = ""
        self.verdict = verdict
        self.detail += (where + "\n" if where else "") + "".join(traceback.format_exception(*err))

    def stopTest(self, test):
        super().stopTest(test)
        self.report(test.id())

    verdict = "ok"
    detail = ""
    began = 0.0

    def report(self, name):
        took = time.monotonic() - self.began if self.began else 0
        if self.verdict == "ok":
            self.passed += 1
            print(f"ok       {name} ({took:.1f} s)", file=self.out)
        elif self.verdict == "skipped":
            self.left_out += 1
            print(f"skipped  {name}: {self.detail}", file=self.out)
        else:
            self.failed += 1
            self.failed_names.append(name)
            print(f"FAILED   {name} ({took:.1f} s)\n{self.detail}", file=self.out)
        self.verdict, self.detail, self.began = "ok", "", 0.0
        self.out.flush()


def flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flatten(item)
        else:
            yield item


def matches(test, pattern):
    return pattern in test.id() or fnmatch.fnmatchcase(test.id(), pattern)


def method_of(test):
    return getattr(test, getattr(test, "_testMethodName", ""), None)


class TestTimeout(Exception):
    pass


def guard(test, slowness, logs, out):
    """Gives a test a time limit, a log folder of its own, and an end for its children."""
    limit = getattr(method_of(test), "timeout", getattr(test, "timeout", TEST_TIMEOUT)) * slowness
    run = test.run

    def on_alarm(*_):
        raise TestTimeout(f"still running after {limit:.0f} s")

    def guarded(result=None):
        import support  # after the environment is set
        folder = os.path.join(logs, test.id())
        os.makedirs(folder, exist_ok=True)
        support.LOGS = folder
        signal.signal(signal.SIGALRM, on_alarm)
        signal.alarm(int(limit) + 1)
        # for a test that hangs where no exception gets through: the whole run ends, with a trace
        faulthandler.dump_traceback_later(limit + 120, exit=True)
        failed_before = result.failed
        try:
            return run(result)
        finally:
            signal.alarm(0)
            faulthandler.cancel_dump_traceback_later()
            support.kill_children()
            if result.failed > failed_before:
                show_logs(folder, out)

    test.run = guarded
    return test


def show_logs(folder, out):
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(0, size - LOG_TAIL_BYTES))
            text = log.read().decode("utf-8", "replace")
        print(f"---- {name}\n{text}----", file=out)
    out.flush()


def is_long(test):
    """Whether the test's file says that it takes minutes."""
    return getattr(sys.modules[type(test).__module__], "LONG", False)


def run_suite(tests, out=sys.stdout):
    """Runs tests and returns the result; tests/check_hygiene uses it too."""
    result = Result(out)
    unittest.TestSuite(tests).run(result)
    return result


def finish(result, counts):
    print(f"{result.passed} passed, {result.failed} failed, {result.left_out} skipped")
    if counts:
        with open(counts, "w", encoding="utf-8") as f:
            f.write(f"{result.passed} {result.failed} {result.left_out}\n")
    return 1 if result.failed else 0


def chosen_tests(arguments):
    """The tests that are to run: a list by module."""
    tests = list(flatten(unittest.defaultTestLoader.discover(HERE, top_level_dir=HERE)))
    if arguments.filter:
        tests = [test for test in tests if matches(test, arguments.filter)]
    if arguments.valgrind:
        tests = [test for test in tests if getattr(method_of(test), "under_valgrind", False)]
    elif os.environ.get("KVS_TEST_PRELOAD") and not arguments.filter:
        # minutes of media each; with a filter they run under sanitizers too
        tests = [test for test in tests if not is_long(test)]
    modules = {}
    for test in tests:
        modules.setdefault(type(test).__module__, []).append(test)
    return modules


def run_module(module, arguments, scratch):
    """Runs one module's tests in a process of its own; returns passed, failed, skipped."""
    counts = os.path.join(scratch, module + ".counts")
    command = [sys.executable, __file__, "--build", arguments.build, "--module", module,
               "--registry", os.environ["GST_REGISTRY_1_0"], "--counts", counts]
    if arguments.valgrind:
        command.append("--valgrind")
    if arguments.filter:
        command.append(arguments.filter)
    child = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    lines = child.stdout.decode("utf-8", "replace").splitlines()
    if not os.path.exists(counts):
        lines.append(f"FAILED   {module}: ended early")
        print("\n".join(lines), flush=True)
        return 0, 1, 0
    print("\n".join(lines[:-1]), flush=True)
    with open(counts, encoding="utf-8") as f:
        return tuple(int(number) for number in f.read().split())


def run_modules(modules, arguments, scratch):
    """Several modules at a time: most of what they do is wait for media that come at their own
    pace. Those that say ALONE = True have the machine for themselves."""
    alone = [name for name in modules if getattr(sys.modules[name], "ALONE", False)]
    total = Result(sys.stdout)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        counts = list(pool.map(lambda name: run_module(name, arguments, scratch),
                               [name for name in modules if name not in alone]))
    counts += [run_module(name, arguments, scratch) for name in alone]
    for passed, failed, skipped in counts:
        total.passed += passed
        total.failed += failed
        total.left_out += skipped
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", required=True, help="build folder of the code under test")
    parser.add_argument("--valgrind", action="store_true",
                        help="only the tests that are marked for it, pipelines under valgrind")
    parser.add_argument("--counts", help="file for the counts")
    parser.add_argument("--jobs", type=int, default=1, help="how many modules at a time")
    parser.add_argument("--module", help="only this module")
    parser.add_argument("--registry", metavar="FILE",
                        help="scan GStreamer's plugins into this registry and run nothing; with "
                        "--module: take them from there")
    parser.add_argument("filter", nargs="?", help="run tests whose name has or matches this")
    arguments = parser.parse_args()

    build = arguments.build = os.path.abspath(arguments.build)
    sys.path.insert(0, HERE)
    with tempfile.TemporaryDirectory(prefix="kvssink-") as scratch:
        slowness = set_environment(build, scratch, arguments.valgrind)
        if arguments.registry:
            os.environ["GST_REGISTRY_1_0"] = os.path.abspath(arguments.registry)
        if not arguments.module:
            scan_plugins()
            if arguments.registry:
                return 0
        logs = os.path.join(build, "e2e-valgrind-logs" if arguments.valgrind else "e2e-logs")
        if not arguments.module:
            shutil.rmtree(logs, ignore_errors=True)
        os.makedirs(logs, exist_ok=True)
        modules = chosen_tests(arguments)
        if arguments.module:
            modules = {arguments.module: modules[arguments.module]}
        if arguments.jobs > 1:
            result = run_modules(modules, arguments, scratch)
        else:
            result = run_suite([guard(test, slowness, logs, sys.stdout)
                                for tests in modules.values() for test in tests])
    return finish(result, arguments.counts)


if __name__ == "__main__":
    sys.exit(main())
