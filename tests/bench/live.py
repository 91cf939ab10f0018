# SPDX-License-Identifier: LGPL-2.1-or-later
"""Workloads of live streams: 1, 20, 100 and 200 of them, paced, over TLS."""

from table import MIB, difference, median, number, print_table, ratio

# what a stream of the default settings is compared with
SUBJECTS = ("fakesink", "mux", "kvssink", "floor")
NAMES = {
    "mux": "matroskamux ! fakesink",
    "kvssink-0": "kvssink flush-interval=0",
    "floor": "libcurl alone",
    "floor-0": "libcurl alone, each frame",
}
COLUMNS = ["", "CPU s", "min..max", "over fakesink", "x libcurl", "threads", "private MiB",
           "first media ms", "end ms", "clean", "switches", "service CPU s"]


def command(bench, kvs, subject, streams, seconds):
    """The words of the program that is one subject of the comparison."""
    if subject == "floor":
        return bench.floor_command(kvs, streams, seconds)
    if subject == "floor-0":
        return bench.floor_command(kvs, streams, seconds, "--flush", "33")
    if subject == "kvssink-0":
        return bench.streams_command("kvssink", streams, seconds, "--set", "flush-interval=0")
    return bench.streams_command(subject, streams, seconds)


def rounds(bench, subjects, streams, seconds, repeats):
    """Results by subject; the subjects take turns, so that a slow minute hits all of them."""
    results = {subject: [] for subject in subjects}
    for _ in range(repeats):
        for subject in subjects:
            with bench.running() as kvs:
                result = bench.measure(kvs, command(bench, kvs, subject, streams, seconds))
            if result is not None:
                results[subject].append(result)
    return results


def over(results, subject, key):
    return difference(median(results[subject], key), median(results["fakesink"], key))


def floor_of(results, subject):
    floor = "floor-0" if subject == "kvssink-0" else "floor"
    return median(results.get(floor, []), "cpu")


def row(results, subject, streams):
    runs = results[subject]
    cpu = median(runs, "cpu")
    is_sink = subject not in ("fakesink", "floor", "floor-0")
    is_ours = subject.startswith("kvssink")
    extra = over(results, subject, "cpu") if is_sink else None
    private = median(runs, "private")
    spread = f"{min(r['cpu'] for r in runs):.3f}..{max(r['cpu'] for r in runs):.3f}" if runs else "-"
    clean = f"{min(r['clean'] for r in runs)}/{streams}" if runs else "-"
    return [NAMES.get(subject, subject), number(cpu), spread, number(extra),
            number(ratio(extra, floor_of(results, subject)) if is_ours else None, 2),
            number(median(runs, "threads"), 0), number(ratio(private, MIB), 1),
            number(median(runs, "first_media_max_ms"), 1), number(median(runs, "end_max_ms"), 1),
            clean, number(median(runs, "switches"), 0), number(median(runs, "service_cpu"), 2)]


def show(title, results, streams):
    print_table(title, COLUMNS, [row(results, subject, streams) for subject in results])


def live(bench, options, streams):
    """Runs the streams; returns results by subject."""
    subjects = SUBJECTS
    if streams == 1:
        subjects = ("fakesink", "mux", "kvssink", "kvssink-0", "floor", "floor-0")
    results = rounds(bench, subjects, streams, options.seconds, options.repeats)
    show(f"{streams} stream{'s' if streams > 1 else ''}, {options.seconds} s, TLS, "
         f"median of {options.repeats}", results, streams)
    return results


def targets_of(options, streams, results, targets):
    """CPU targets are for 20 s, of which the start is a part that does not shrink."""
    is_full = options.seconds == 20
    bounds = {1: 0.06, 20: 0.40, 100: 1.5}
    cpu = over(results, "kvssink", "cpu")
    what = f"{streams} stream{'s' if streams > 1 else ''}: "
    if streams in bounds and is_full:
        targets.at_most(what + "CPU over fakesink", cpu, bounds[streams], "s")
    if streams == 1:
        if is_full:
            targets.at_most(what + "CPU over fakesink, flush-interval=0",
                            over(results, "kvssink-0", "cpu"), 0.15, "s")
        targets.at_most(what + "memory over fakesink",
                        ratio(over(results, "kvssink", "private"), MIB), 10, "MiB", 1)
    targets.at_most(what + "threads over fakesink", over(results, "kvssink", "threads"), 1, "", 0)
    ours = results["kvssink"]
    targets.at_most(what + "last stream's first media after PLAYING",
                    median(ours, "first_media_max_ms"), 1000, "ms", 0)
    targets.at_most(what + "last EOS after the source's end", median(ours, "end_max_ms"), 1000,
                    "ms", 0)
    targets.at_least(what + "ended cleanly", min((r["clean"] for r in ours), default=0), streams,
                     "", 0)
