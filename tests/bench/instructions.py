# SPDX-License-Identifier: LGPL-2.1-or-later
"""Instructions a frame, counted by callgrind: steady where times are not.

Each count is the difference between a long and a short run, which leaves the start and the end out,
less the same of fakesink. What was counted for the state of the repository is in instructions.txt.
"""

import os
import re
import subprocess

from table import number, print_table, ratio

KEPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "instructions.txt")
HEAD = """\
# Instructions a frame over fakesink, by callgrind: tests/bench/run instructions; --keep writes this.
# They depend on the compiler, the libraries and the processor: compare on one machine.
"""
# name: (short and long run in frames, options of bench-streams, of callgrind)
PUSH = ("--collect-atstart=no", "--toggle-collect=gst_pad_push")
CASES = {
    "push, as fast as it goes": ((500, 1500), ("--offline",), PUSH),
    "all threads, as fast as it goes": ((500, 1500), ("--offline",), ()),
    "push, paced, flush-interval=0": ((150, 450), ("--set", "flush-interval=0"), PUSH),
    "all threads, paced, flush-interval=0": ((150, 450), ("--set", "flush-interval=0"), ()),
    "all threads, paced, default": ((150, 450), (), ()),
}
QUICK = ("push, as fast as it goes", "all threads, as fast as it goes")


def count(bench, kvs, sink, n_frames, options, tool_options):
    """Instructions of one run, None where there is no count."""
    out = os.path.join(bench.scratch, "callgrind.out")
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *tool_options,
               *bench.streams_command(sink, 1, n_frames / 30, *options)]
    done = subprocess.run(command, env=bench.environment(kvs), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        bench.failures.append(f"{' '.join(command)}: {done.stderr.strip()[-400:]}")
        return None
    with open(out, encoding="utf-8", errors="replace") as file:
        found = re.search(r"^(?:totals|summary): (\d+)", file.read(), re.MULTILINE)
    return int(found.group(1)) if found else None


def per_frame(bench, sink, case):
    lengths, options, tool_options = case
    counts = []
    for n_frames in lengths:
        with bench.running() as kvs:
            counts.append(count(bench, kvs, sink, n_frames, options, tool_options))
    if None in counts:
        return None
    return (counts[1] - counts[0]) / (lengths[1] - lengths[0])


def read_kept():
    if not os.path.exists(KEPT):
        return {}
    with open(KEPT, encoding="utf-8") as file:
        lines = [line.rstrip("\n").split("\t") for line in file if not line.startswith("#")]
    return {name: int(value) for name, value in lines}


def run(bench, options, _targets):
    kept = read_kept()
    found = {}
    rows = []
    for name, case in CASES.items():
        if options.quick and name not in QUICK:
            continue
        ours, base = (per_frame(bench, sink, case) for sink in ("kvssink", "fakesink"))
        if ours is None or base is None:
            continue
        found[name] = round(ours - base)
        change = ratio(100 * (found[name] - kept[name]), kept[name]) if name in kept else None
        rows.append([name, number(ours, 0), number(base, 0), str(found[name]),
                     str(kept.get(name, "-")), "-" if change is None else f"{change:+.1f} %"])
    print_table("Instructions a frame (callgrind)", [
        "", "kvssink", "fakesink", "over fakesink", "kept", "change"], rows)
    if options.keep:
        with open(KEPT, "w", encoding="utf-8") as file:
            file.write(HEAD + "".join(f"{name}\t{value}\n"
                                      for name, value in {**kept, **found}.items()))
    return {"over fakesink": [found]}
