# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a service that is away costs: memory while media are kept, CPU a frame with a backlog."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import clip
from table import MIB, number, print_table, ratio

SAMPLE_MS = 200
DRAIN_SECONDS = 60
# until the C library's heaps have got as large as they get, and what an outage took is given back,
# which is done every ten seconds at most
SETTLE_SECONDS = 20
# two groups of pictures, in which what is kept goes up and down
WATCH_SECONDS = 4
N_BACKLOG = 100_000
QUICK_BACKLOG = 20_000
BLOCK = 1000
N_BLOCKS = 5
# of 270 bytes a frame, so that 100,000 of them fit into memory
SMALL = {"kbit": 64, "width": 160, "height": 120}


class Sampled:
    """bench-streams with --sample: its lines as they come."""

    def __init__(self, command, environment):
        self.samples = []
        self.result = None
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            with contextlib.suppress(json.JSONDecodeError):
                found = json.loads(line)
                if "sample" in found:
                    self.samples.append(found)
                else:
                    self.result = found

    def wait_for(self, condition, seconds):
        """The first sample from now on that fulfils the condition, or the last one there is."""
        end = time.monotonic() + seconds
        seen = len(self.samples)
        while time.monotonic() < end and self.process.poll() is None:
            while seen < len(self.samples):
                if condition(self.samples[seen]):
                    return self.samples[seen]
                seen += 1
            time.sleep(0.02)
        return self.samples[-1] if self.samples else None

    def end(self, at_once=False):
        if at_once:
            self.process.terminate()
        self.process.wait()
        self._reader.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return self.result


def watch(child):
    """Means of the samples of the next seconds."""
    first = len(child.samples)
    time.sleep(WATCH_SECONDS)
    samples = child.samples[first:]
    return {key: sum(sample[key] for sample in samples) / len(samples)
            for key in ("private", "buffered")}


@contextlib.contextmanager
def comes_and_goes(bench):
    """Data of a kvs-local that is started and killed under way."""
    folder = tempfile.mkdtemp(dir=bench.scratch)
    try:
        data = os.path.join(folder, "data")
        shutil.copytree(bench.template, data)
        yield data
    finally:
        shutil.rmtree(folder)


def run_memory(bench, options, targets):
    """Memory of 20 streams while the service is away for 10 s, and when all has been sent."""
    streams, away = (5, 4) if options.quick else (20, 10)
    with comes_and_goes(bench) as data:
        kvs = bench.service(data).start()
        port = kvs.port
        child = Sampled(bench.streams_command("kvssink", streams, 3600, "--sample", str(SAMPLE_MS)),
                        bench.environment(kvs))
        try:
            time.sleep(SETTLE_SECONDS)
            before = watch(child)
            kvs.kill()
            time.sleep(away)
            full = child.samples[-1]
            kvs = bench.service(data, port).start()
            child.wait_for(lambda sample: sample["buffered"] <= 1.5 * before["buffered"],
                           DRAIN_SECONDS)
            time.sleep(SETTLE_SECONDS)
            after = watch(child)
        finally:
            child.end(at_once=True)
            kvs.kill()
    growth = full["private"] - before["private"]
    kept = full["buffered"] - before["buffered"]
    print_table(f"Memory of {streams} streams, service away for {away} s", [
        "", "private MiB", "media kept MiB"], [
        [name, number(sample["private"] / MIB, 1), number(sample["buffered"] / MIB, 1)]
        for name, sample in (("before", before), ("at the end of the outage", full),
                             ("when all was sent", after))])
    left = (after["private"] - before["private"]) - (after["buffered"] - before["buffered"])
    targets.at_most("outage: growth over the media kept", 100 * ratio(growth - kept, kept), 5, "%", 1)
    targets.at_most("outage: not returned, of the growth", 100 * ratio(left, growth), 5, "%", 1)
    return {"before": [before], "full": [full], "after": [after]}


def block_of(result, first):
    """CPU ns a frame of the streaming thread: median of some blocks from that one on."""
    blocks = sorted(result["block_ns"][first:first + N_BLOCKS])
    return blocks[len(blocks) // 2]


def push_until(bench, command, n_frames, is_away):
    """Result of a run whose service answers at once, or not before all frames are in."""
    with bench.running() as kvs:
        if is_away:
            os.kill(kvs.process.pid, signal.SIGSTOP)
        child = Sampled(command, bench.environment(kvs))
        try:
            if is_away:
                child.wait_for(lambda sample: sample["frames_in"] >= n_frames, 60)
                os.kill(kvs.process.pid, signal.SIGCONT)
            return child.end()
        finally:
            os.kill(kvs.process.pid, signal.SIGCONT)
            child.end(at_once=True)


def run_backlog(bench, options, targets):
    """A frame's cost where none wait and where 100,000 do."""
    backlog = QUICK_BACKLOG if options.quick else N_BACKLOG
    n_frames = backlog + (N_BLOCKS + 1) * BLOCK
    small = clip.clip(os.path.dirname(bench.clip), 20, **SMALL)
    words = bench.streams_command("kvssink", 1, n_frames / clip.FPS, "--offline", "--sample", "100",
                                  "--set", "storage-size=2000", "--set", "buffer-duration=1000000",
                                  "--set", "connection-timeout=100",
                                  "--set", "completion-timeout=100",
                                  # a file's source would wait for what it sends
                                  "--set", "streaming-type=realtime", "--set", "use-original-pts=true")
    words[words.index("--clip") + 1] = small
    plain = [word if word != "kvssink" else "fakesink" for word in words]
    base = bench.measure_alone(plain)
    away = push_until(bench, words, n_frames, True)
    there = push_until(bench, words, n_frames, False)
    if base is None or away is None or there is None:
        bench.failures.append("backlog: a run failed")
        return {}
    low, high = (block_of(away, first) - block_of(base, first) for first in (1, backlog // BLOCK))
    costs = [(run["cpu"] - base["cpu"]) / n_frames * 1e6 for run in (there, away)]
    print_table(f"A frame's CPU over fakesink, us ({n_frames} small frames, as fast as it goes)", [
        "", "streaming thread"], [
        ["none wait", number(low / 1000)], [f"{backlog} wait", number(high / 1000)]])
    print_table("The same, whole process, from the push to the acknowledgement", ["", "us"], [
        ["sent as they come", number(costs[0])],
        [f"service answers when {n_frames} wait", number(costs[1])]])
    targets.at_most(f"a frame's push, {backlog} waiting over none", ratio(high, low), 1.1, "x", 2)
    targets.at_most("a frame's whole way, backlog over none", ratio(costs[1], costs[0]), 1.1, "x", 2)
    return {"fakesink": [base], "there": [there], "away": [away]}
