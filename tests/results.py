# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads what `meson test` left behind, for tests/run.

  results.py names BUILD SUITE FILTER   names of the tests that match, a line each
  results.py counts BUILD SUITE         "passed failed skipped", cases of Check programs counted
"""

import fnmatch
import json
import os
import re
import sys

TAP_LINE = re.compile(r"^(not )?ok \d+\b(.*)$", re.MULTILINE)


def introspect(build, suite):
    with open(os.path.join(build, "meson-info", "intro-tests.json"), encoding="utf-8") as f:
        return [t for t in json.load(f) if suite in (s.split(":")[-1] for s in t["suite"])]


def names(build, suite, pattern):
    for test in introspect(build, suite):
        if pattern in test["name"] or fnmatch.fnmatchcase(test["name"], pattern):
            print(test["name"])


def cases(test, verdict):
    """Counts of one program. One that crashed or hung has failed, whatever its cases said."""
    tap = test.get("env", {}).get("CK_TAP_LOG_FILE_NAME")
    passed = failed = skipped = 0
    if tap and os.path.exists(tap):
        with open(tap, encoding="utf-8", errors="replace") as f:
            for match in TAP_LINE.finditer(f.read()):
                if match[1]:
                    failed += 1
                elif "# SKIP" in match[2].upper():
                    skipped += 1
                else:
                    passed += 1
    if verdict == "SKIP":
        return passed, failed, max(skipped, 1)
    if verdict in ("OK", "EXPECTEDFAIL"):
        return (passed if passed + skipped else 1), failed, skipped
    return passed, max(failed, 1), skipped


def counts(build, suite):
    tests = {test["name"]: test for test in introspect(build, suite)}
    total = [0, 0, 0]
    with open(os.path.join(build, "meson-logs", f"{suite}.json"), encoding="utf-8") as f:
        for line in f:
            record = json.loads(line)
            name = record["name"].rsplit(" / ", 1)[-1]
            if name in tests:
                total = [a + b for a, b in zip(total, cases(tests[name], record["result"]))]
    print(*total)


if __name__ == "__main__":
    {"names": names, "counts": counts}[sys.argv[1]](*sys.argv[2:])
