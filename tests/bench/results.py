# SPDX-License-Identifier: LGPL-2.1-or-later
"""The file of results: medians, targets, and the machine they are from."""

import json
import os
import platform
import re
import subprocess
import time

from table import median


def first_match(pattern, text):
    found = re.search(pattern, text, re.MULTILINE)
    return found.group(1).strip() if found else ""


def output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        return ""


def machine():
    """What the figures depend on."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        processor = first_match(r"^model name\s*:\s*(.*)$", file.read())
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", ""),
        "kernel": platform.release().split("-")[0],
        "gstreamer": first_match(r"GStreamer ([\d.]+)", output("gst-inspect-1.0", "--version")),
        "libcurl": first_match(r"libcurl/([\d.]+)", output("curl", "--version")),
        "openssl": first_match(r"OpenSSL/([\d.]+)", output("curl", "--version")),
    }


def summary(runs):
    """The median of each number of some runs."""
    numbers = {key for run in runs for key, value in run.items() if isinstance(value, (int, float))}
    found = {key: median(runs, key) for key in sorted(numbers)}
    return {key: value if value is None or isinstance(value, int) else round(value, 6)
            for key, value in found.items()}


def write(path, options, results, targets):
    workloads = {name: {subject: summary(runs) for subject, runs in subjects.items()}
                 for name, subjects in results.items()}
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"date": time.strftime("%Y-%m-%d"), "machine": machine(),
                   "seconds": options.seconds, "repeats": options.repeats,
                   "workloads": workloads, "targets": targets.lines}, file, indent=1)
        file.write("\n")
