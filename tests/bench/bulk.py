# SPDX-License-Identifier: LGPL-2.1-or-later
"""As fast as it goes: 200 MB through kvssink, through curl -T, and through libcurl from memory."""

import os
import subprocess
import time

import clip
import live
import service
from table import MIB, difference, median, number, print_table, ratio

BYTES = 200_000_000
QUICK_BYTES = 50_000_000
# live streams that kvs-local has to hold
SESSIONS = 300
COLUMNS = ["", "CPU s", "over fakesink", "x curl -T", "wall s", "MB/s", "peak resident MiB",
           "service CPU s"]
NAMES = {"curl": "curl -T", "floor": "libcurl alone, from memory"}
SUBJECTS = ("fakesink", "kvssink", "curl", "floor")


def run_curl(bench, kvs, body):
    """curl -T of a file, as bench-streams says it."""
    command = ["curl", "--silent", "--show-error", "--fail", "--cacert", bench.certificate + ".crt",
               "-X", "POST", "-T", body, "-o", os.path.join(bench.scratch, "acks"),
               "-H", f"x-amzn-stream-name: {service.PREFIX}0", "-H", "Expect:", "-H", "Content-Type:",
               "-H", "x-amzn-fragment-timecode-type: ABSOLUTE",
               "-H", "x-amzn-producer-start-timestamp: 0",
               "-H", "x-amzn-fragment-acknowledgment-required: 1", kvs.url + "/putMedia"]
    before = service.cpu_seconds(kvs.process.pid)
    begin = time.monotonic()
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=dict(os.environ)) as child:
        errors = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        bench.failures.append(f"curl: {errors.decode(errors='replace').strip()}")
        return None
    return {"wall": time.monotonic() - begin, "cpu": usage.ru_utime + usage.ru_stime,
            "user": usage.ru_utime, "system": usage.ru_stime,
            "clean": 1,
            "service_cpu": service.cpu_seconds(kvs.process.pid) - before}


def run_subject(bench, kvs, subject, seconds):
    if subject == "curl":
        # made anew each time: the service takes media of now
        body = os.path.join(bench.scratch, "body.mkv")
        subprocess.run(bench.floor_command(kvs, 1, seconds, "--write", body), check=True)
        try:
            return run_curl(bench, kvs, body)
        finally:
            os.unlink(body)
    if subject == "floor":
        return bench.measure(kvs, bench.floor_command(kvs, 1, seconds, "--offline"))
    options = ["--offline"]
    if subject == "kvssink":
        options += ["--set", f"file-start-time={int(time.time() - seconds)}"]
    return bench.measure(kvs, bench.streams_command(subject, 1, seconds, *options))


def run(bench, options, targets):
    total = QUICK_BYTES if options.quick else BYTES
    seconds = round(total / clip.bytes_per_second(bench.clip), 1)
    results = {subject: [] for subject in SUBJECTS}
    for _ in range(options.repeats):
        for subject in SUBJECTS:
            with bench.running() as kvs:
                result = run_subject(bench, kvs, subject, seconds)
            if result is not None:
                results[subject].append(result)
    curl = median(results["curl"], "cpu")
    extra = difference(median(results["kvssink"], "cpu"), median(results["fakesink"], "cpu"))
    rows = []
    for subject, runs in results.items():
        wall = median(runs, "wall")
        cpu = extra if subject == "kvssink" else median(runs, "cpu")
        rows.append([NAMES.get(subject, subject), number(median(runs, "cpu")),
                     number(extra) if subject == "kvssink" else "-",
                     "-" if subject == "fakesink" else number(ratio(cpu, curl), 2), number(wall),
                     number(ratio(total / 1e6, wall), 0),
                     number(ratio(median(runs, "peak_resident"), MIB), 1),
                     number(median(runs, "service_cpu"), 2)])
    print_table(f"{total / 1e6:.0f} MB as fast as it goes, TLS, median of {options.repeats}", COLUMNS,
                rows)
    targets.at_most("bulk: CPU over fakesink, of curl -T's", ratio(extra, curl), 0.8, "x", 2)
    return results


def run_latency(bench, options, targets):
    """From a frame's way into the sink until TLS has its last byte."""
    subjects = {"flush-interval=0": "0", "default (100 ms)": "100"}
    results = {subject: [] for subject in subjects}
    seconds = min(options.seconds, 10)
    for _ in range(options.repeats):
        for subject, interval in subjects.items():
            with bench.running() as kvs:
                result = bench.measure(kvs, bench.streams_command(
                    "kvssink", 1, seconds, "--latency", "--set", f"flush-interval={interval}"))
            if result is not None:
                results[subject].append(result)
    print_table(f"Latency of one stream, frame into the sink -> its last byte in SSL_write(), "
                f"{seconds} s, median of {options.repeats}",
                ["", "p50 ms", "p99 ms", "max ms", "frames", "not seen"],
                [[subject] + [number(median(runs, f"latency_{key}_ms")) for key in
                              ("p50", "p99", "max")]
                 + [number(median(runs, "latency_" + key), 0) for key in ("frames", "missing")]
                 for subject, runs in results.items()])
    at_once, default = results.values()
    targets.at_most("latency p50, flush-interval=0", median(at_once, "latency_p50_ms"), 0.3, "ms")
    targets.at_most("latency p99, flush-interval=0", median(at_once, "latency_p99_ms"), 3, "ms")
    targets.at_most("latency p99, default", median(default, "latency_p99_ms"), 105, "ms")
    return results


def run_service(bench, options, targets):
    """What kvs-local takes in: plain http as fast as it goes, and 300 live streams over TLS."""
    rows = []
    results = {}
    for streams in (1, 4):
        seconds = round((QUICK_BYTES if options.quick else 2 * BYTES)
                        / clip.bytes_per_second(bench.clip), 1)
        with bench.running(with_tls=False) as kvs:
            run = bench.measure(kvs, bench.floor_command(kvs, streams, seconds, "--offline"))
        if run is None:
            continue
        total = streams * seconds * clip.bytes_per_second(bench.clip) / 1e6
        rate = ratio(total, run["wall"])
        rows.append([f"{streams} at once, plain http, {total:.0f} MB", number(run["wall"]),
                     number(rate, 0), number(run["cpu"]), number(run["service_cpu"]),
                     number(ratio(total, run["service_cpu"]), 0), f"{run['clean']}/{streams}"])
        results[f"http-{streams}"] = [run]
    with bench.running() as kvs:
        live_run = bench.measure(kvs, bench.floor_command(kvs, SESSIONS, options.seconds))
    if live_run is not None:
        total = SESSIONS * options.seconds * clip.bytes_per_second(bench.clip) / 1e6
        rows.append([f"{SESSIONS} live streams, TLS", number(live_run["wall"]),
                     number(ratio(total, live_run["wall"]), 0), number(live_run["cpu"]),
                     number(live_run["service_cpu"]),
                     number(ratio(total, live_run["service_cpu"]), 0),
                     f"{live_run['clean']}/{SESSIONS}"])
        results["live"] = [live_run]
        targets.at_least(f"kvs-local: of {SESSIONS} sessions, ended cleanly", live_run["clean"],
                         SESSIONS, "", 0)
    print_table("kvs-local, fed by libcurl alone", ["", "wall s", "MB/s", "sender CPU s",
                                                    "its CPU s", "MB a CPU s", "clean"], rows)
    if "http-4" in results:
        targets.at_least("kvs-local: plain http", float(rows[-2 if live_run else -1][2]), 1000,
                         "MB/s", 0)
    return results


def run_scan(bench, _options, targets):
    """The search for start codes in Annex-B; no other process takes part."""
    result = bench.measure_alone([bench.program("bench-scan"), bench.clip])
    if result is None:
        return {}
    print_table("Start codes of the clip as a byte stream, one core, best of 5", ["", "GB/s", "units"], [
        ["kvs_nal_split_annexb", number(result["gb_per_s"], 1), str(result["units"])],
        ["each byte in turn", number(result["naive_gb_per_s"], 1), str(result["units_naive"])]])
    targets.at_least("start-code search", result["gb_per_s"], 5, "GB/s", 1)
    return {"scan": [result]}


def per_stream(results, targets):
    """CPU and memory of one more stream, from the live workloads that were run."""
    counts = [int(name) for name in results if name.isdigit()]
    if len(counts) < 2:
        return
    cost = {n: ratio(live.over(results[str(n)], "kvssink", "cpu"), n) for n in counts}
    if None in cost.values():
        return
    memory = {n: live.over(results[str(n)], "kvssink", "private") for n in counts}
    media = {n: median(results[str(n)]["kvssink"], "buffered") for n in counts}
    rows = []
    for n in counts:
        free = difference(memory[n], media[n])
        rows.append([str(n), number(cost[n] * 1000, 1),
                     number(ratio(memory[n], MIB), 1), number(ratio(media[n], MIB), 1),
                     number(ratio(ratio(memory[n], n), 1024), 0),
                     number(ratio(ratio(free, n), 1024), 0)])
    print_table("Over fakesink, by the number of streams", [
        "streams", "CPU ms a stream", "private MiB", "of it media kept MiB", "KiB a stream",
        "without media"], rows)
    low, high = min(counts), max(counts)
    if len(counts) > 2:
        counts.sort()
        first, last = (ratio(difference(cost[b] * b, cost[a] * a), b - a)
                       for a, b in (counts[:2], counts[-2:]))
        targets.at_most(f"CPU of a further stream, from {counts[-2]} to {high} over from {low} to "
                        f"{counts[1]}", ratio(last, first), 1.1, "x", 2)
    if None not in (memory[low], memory[high], media[low], media[high]):
        further = (memory[high] - memory[low]) / (high - low) / 1024
        kept = (media[high] - media[low]) / (high - low) / 1024
        targets.at_most("memory of each further stream", further, 300, "KiB", 0)
        targets.at_most("the same without the media that wait for PERSISTED", further - kept, 300,
                        "KiB", 0)
