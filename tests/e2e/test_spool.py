# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the network, the disk or a kill -9 take away is there afterwards: the spool."""

import concurrent.futures
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import mkvwriter as mkv
import support
from kvslocal import KvsLocal

# see tests/e2e/run.py
LONG = True
ALONE = True

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "spool_source.py")
FRAME_MS = 100


class Stored:
    """A fragment that came back: its timecode, its bytes, and the frames' numbers and times."""

    def __init__(self, chunk):
        self.bytes = chunk["clusters"][0]
        cluster = mkv.parse(self.bytes)[0][1]
        self.timecode = int.from_bytes(mkv.children(cluster, mkv.TIMECODE)[0], "big")
        self.numbers, self.times = [], []
        for block in mkv.children(cluster, mkv.SIMPLE_BLOCK):
            self.numbers.append(int(block[4:12]))
            self.times.append(self.timecode + struct.unpack(">h", block[1:3])[0])


class Case(unittest.TestCase):
    """A stream whose service is there when the test wants it to be."""

    timeout = 120

    def setUp(self):
        support.require_introspection("Gst", "GstApp")
        self.folder = tempfile.TemporaryDirectory(prefix="kvs-spool-")
        self.addCleanup(self.folder.cleanup)
        self.spool = os.path.join(self.folder.name, "spool")
        self.data = os.path.join(self.folder.name, "service")
        self.port = support.free_port()
        self.kvs = None

    def start_service(self):
        self.kvs = KvsLocal(args=["--port", str(self.port)], data=self.data).start()
        self.addCleanup(self.kvs.__exit__)

    def source(self, frames, sink="", first=0, interval=10, duration=FRAME_MS, stream="cam",
               spool=None, cycle=0, until=""):
        """100 s of media in 10 s, unless the arguments say otherwise."""
        options = ["--first", str(first), "--frames", str(frames), "--interval", str(interval),
                   "--cycle", str(cycle), "--until", until]
        if duration:
            options += ["--duration", str(duration)]
        service = self.kvs or KvsLocal(args=["--port", str(self.port)])
        service.port = self.port
        return support.Child(
            [sys.executable, SOURCE, *options, "--",
             *(f"kvssink name=sink stream-name={stream} spool-location={spool or self.spool} "
               f"fragment-duration=500 {sink}").split()],
            env={**support.python_environment(), **service.env})

    def read_back(self, stream="cam"):
        return [Stored(chunk) for chunk in mkv.chunks(self.kvs.get_media(stream))]

    def check_all_there(self, *runs, stream="cam"):
        """Each frame of each run once, in order, with its time after the first of that run."""
        times = {}
        for fragment in self.read_back(stream):
            for number, at in zip(fragment.numbers, fragment.times):
                self.assertNotIn(number, times)
                times[number] = at
        self.assertEqual(list(times), [number for run in runs for number in run])
        for run in runs:
            self.assertEqual([times[number] - times[run[0]] for number in run],
                             [i * FRAME_MS for i in range(len(run))])
        return times

    def files(self, spool=None, stream="cam"):
        path = os.path.join(spool or self.spool, stream)
        return [name for name in os.listdir(path) if name.endswith((".mkv", ".part"))] \
            if os.path.isdir(path) else []

    def wait_files(self, count):
        """The disk may lag behind the source."""
        support.wait_until(lambda: len(self.files()) > count, what=f"more than {count} files")

    def pushed(self, child):
        return [int(number) for number in re.findall(r"(?m)^pushed (\d+) ", child.output)]

    def wait_pushed(self, child, number):
        child.wait_for_output(rf"(?m)^pushed {number} ", timeout=60)

    def warnings(self, child, pattern):
        return [line for line in child.output.splitlines()
                if line.startswith("WARNING") and re.search(pattern, line)]


class Outage(Case):
    def test_longer_than_memory(self):
        """50 s of media, of which memory holds 2: all are there, each once, with their times."""
        child = self.source(500, "buffer-duration=2 stop-stream-timeout=60")
        self.wait_pushed(child, 300)
        self.wait_files(20)
        self.start_service()
        self.assertEqual(child.wait(90), 0, child.output[-3000:])
        self.check_all_there(range(500))
        self.assertEqual(self.files(), [])
        self.assertEqual(self.warnings(child, "dropped"), [])

    def test_live_first(self):
        """The same frames, each once; what is live does not wait for the spool."""
        child = self.source(500, "buffer-duration=2 stop-stream-timeout=60 spool-order=live-first")
        self.wait_pushed(child, 300)
        self.start_service()
        self.assertEqual(child.wait(90), 0, child.output[-3000:])
        stored = self.read_back()
        got = [number for fragment in stored for number in fragment.numbers]
        self.assertEqual(sorted(got), list(range(500)))
        self.assertNotEqual(got, sorted(got))

    def test_relative_times(self):
        child = self.source(200, "buffer-duration=2 stop-stream-timeout=60 "
                                 "absolute-fragment-times=false")
        self.wait_pushed(child, 150)
        self.start_service()
        self.assertEqual(child.wait(90), 0, child.output[-3000:])
        chunks = mkv.chunks(self.kvs.get_media("cam"))
        times = [float(chunk["tags"]["AWS_KINESISVIDEO_PRODUCER_TIMESTAMP"]) for chunk in chunks]
        stored = self.read_back()
        self.assertEqual([number for fragment in stored for number in fragment.numbers],
                         list(range(200)))
        for fragment, at in zip(stored, times):
            # begin and timecode are rounded to 1 ms each
            self.assertLess(abs(at - times[0] - fragment.numbers[0] * FRAME_MS / 1000), 0.0025)

    def test_spool_that_is_full(self):
        """The oldest goes first, and that is said."""
        child = self.source(500, "buffer-duration=2 stop-stream-timeout=60 spool-size=100000")
        self.wait_pushed(child, 450)
        self.assertTrue(self.warnings(child, "raise spool-size"), child.output[-3000:])
        self.start_service()
        self.assertEqual(child.wait(90), 0, child.output[-3000:])
        got = [number for fragment in self.read_back() for number in fragment.numbers]
        self.assertEqual(got, list(range(got[0], 500)))
        self.assertTrue(100 < got[0] < 450, got[0])

    def test_end_without_a_service(self):
        """What could not be delivered stays, and the next run delivers it with its own times."""
        began = time.time() * 1000
        modes = ("overflow", "overflow buffer-duration=3", "write-through")
        for mode in modes:
            with self.subTest(mode):
                stream = f"cam-{modes.index(mode)}"
                child = self.source(200, f"stop-stream-timeout=1 spool-mode={mode}", stream=stream)
                self.assertEqual(child.wait(60), 0, child.output[-3000:])
                # in memory and on disk
                self.assertEqual(len(self.warnings(
                    child, r" 40 fragments \(20\.0 s of media\) .* stay in the spool")), 1,
                    child.output[-3000:])
                self.assertEqual(self.warnings(child, "are lost"), [])
                self.assertEqual(len(self.files(stream=stream)), 40)
        self.start_service()
        for mode in modes:
            stream = f"cam-{modes.index(mode)}"
            child = self.source(50, f"stop-stream-timeout=60 spool-mode={mode}", first=200,
                                stream=stream)
            self.assertEqual(child.wait(90), 0, child.output[-3000:])
            times = self.check_all_there(range(200), range(200, 250), stream=stream)
            self.assertLess(abs(times[0] - began), 10000 * support.SLOWNESS)
            self.assertEqual(self.files(stream=stream), [])

    def test_two_hours_do_not_fill_memory(self):
        """57 MB of media are uploaded with little more memory than nothing."""
        child = self.source(7200, "storage-size=4 stop-stream-timeout=1 fragment-duration=2000",
                            interval=2, duration=1000)
        self.assertEqual(child.wait(90), 0, child.output[-3000:])
        self.assertEqual(self.warnings(child, "dropped"), [])
        self.start_service()
        little = self.source(10, "storage-size=4", stream="other")
        self.assertEqual(little.wait(60), 0, little.output[-3000:])
        child = self.source(10, "storage-size=4 stop-stream-timeout=90", first=7200, duration=1000)
        self.assertEqual(child.wait(110), 0, child.output[-3000:])
        self.assertEqual(self.files(), [])
        got = [number for fragment in self.read_back() for number in fragment.numbers]
        self.assertEqual(got, list(range(7210)))
        peaks = [int(run.wait_for_output(r"(?m)^peak (\d+)$").group(1)) for run in (little, child)]
        self.assertLess(peaks[1] - peaks[0], 24 * 1024)


class Disk(Case):
    def check_memory_does_it(self, spool):
        self.start_service()
        child = self.source(200, "stop-stream-timeout=60 spool-mode=write-through", spool=spool)
        self.assertEqual(child.wait(60), 0, child.output[-3000:])
        self.check_all_there(range(200))
        self.assertEqual(len(self.warnings(child, "kept in memory meanwhile")), 1,
                         child.output[-3000:])

    def test_no_folder(self):
        with open(os.path.join(self.folder.name, "file"), "w", encoding="ascii"):
            pass
        self.check_memory_does_it(os.path.join(self.folder.name, "file", "spool"))

    def test_no_folder_at_the_end(self):
        """What the disk does not take in the end is said."""
        spool = os.path.join(self.folder.name, "spool")
        with open(spool, "w", encoding="ascii"):
            pass
        child = self.source(100, "stop-stream-timeout=1", spool=spool)
        self.assertEqual(child.wait(60), 0, child.output[-3000:])
        self.assertEqual(len(self.warnings(
            child, r" 20 fragments \(10\.0 s of media\) could not be written .* are lost")),
            1, child.output[-3000:])

    def mount(self, options):
        folder = os.path.join(self.folder.name, "disk")
        os.makedirs(folder, exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], check=False,
                              capture_output=True)
        if done.returncode != 0:
            self.skipTest("this needs a user who may mount")
        self.addCleanup(subprocess.run, ["umount", "-l", folder], check=False)
        return folder

    def test_read_only_disk(self):
        self.check_memory_does_it(self.mount("size=1m,ro"))

    def test_full_disk(self):
        """Smaller than spool-size: it takes what it can, and nothing that memory holds is lost."""
        folder = self.mount("size=64k")
        child = self.source(300, "stop-stream-timeout=60 spool-mode=write-through", spool=folder)
        self.wait_pushed(child, 250)
        self.assertEqual(len(self.warnings(child, "kept in memory meanwhile")), 1,
                         child.output[-3000:])
        self.start_service()
        self.assertEqual(child.wait(60), 0, child.output[-3000:])
        self.check_all_there(range(300))

    def test_folder_that_is_removed(self):
        """What was there is gone with it; the rest is not, and the spool is used again."""
        child = self.source(400, "buffer-duration=2 stop-stream-timeout=60")
        self.wait_pushed(child, 150)
        os.rename(self.spool, self.spool + ".gone")
        # what was in memory then, or came later; two may have been on their way to the disk
        there = self.pushed(child)[-1] + 10
        shutil.rmtree(self.spool + ".gone", ignore_errors=True)
        self.wait_pushed(child, 300)
        self.wait_files(10)
        self.start_service()
        self.assertEqual(child.wait(60), 0, child.output[-3000:])
        got = [number for fragment in self.read_back() for number in fragment.numbers]
        self.assertEqual(got[there - 400:], list(range(there, 400)))

    def test_one_spool_for_two(self):
        """The second one does without, says so once, and nothing is uploaded twice."""
        self.start_service()
        over = os.path.join(self.folder.name, "over")
        first = self.source(10 ** 7, "stop-stream-timeout=60 spool-mode=write-through", until=over)
        self.wait_pushed(first, 20)
        second = self.source(100, "stop-stream-timeout=60 spool-mode=write-through", first=10 ** 7)
        self.assertEqual(second.wait(60), 0, second.output[-3000:])
        self.assertEqual(len(self.warnings(second, "in use by another kvssink")), 1,
                         second.output[-3000:])
        with open(over, "w", encoding="ascii"):
            pass
        self.assertEqual(first.wait(60), 0, first.output[-3000:])
        self.assertEqual(self.warnings(first, "spool"), [])
        got = [number for fragment in self.read_back() for number in fragment.numbers]
        self.assertEqual(sorted(got), self.pushed(first) + self.pushed(second))
        self.assertEqual(len(self.pushed(second)), 100)


class Cycles(Case):
    """READY and PLAYING again and again: each run leaves to the next what it could not deliver."""

    def run_cycles(self, sink, frames=1000):
        return self.source(frames, f"stop-stream-timeout=60 {sink}", interval=5, duration=0,
                           cycle=50)

    def check_delivered(self, child, frames=1000, doubled=0):
        """Each frame, in order; @doubled fragments at most may be there twice, as they were."""
        self.assertEqual(child.wait(90), 0, child.output[-3000:])
        support.wait_until(lambda: not self.files(), timeout=60, what=f"{self.files()}")
        got, contents = [], {}
        for fragment in self.read_back():
            before = contents.setdefault(fragment.timecode, fragment)
            self.assertEqual(before.bytes, fragment.bytes)
            if before is fragment:
                got += fragment.numbers
            else:
                doubled -= 1
        self.assertEqual(sorted(set(range(frames)) - set(got)), [], child.output[-3000:])
        self.assertEqual(len(got), len(set(got)), "a frame is in two fragments")
        self.assertEqual(got, sorted(got))
        self.assertGreaterEqual(doubled, 0)

    def check_outage(self, mode):
        child = self.run_cycles(f"spool-mode={mode}")
        self.wait_pushed(child, 600)
        self.start_service()
        self.check_delivered(child)
        self.assertEqual(self.warnings(child, "dropped|lost|in use"), [])

    def test_during_an_outage_with_overflow(self):
        self.check_outage("overflow")

    def test_during_an_outage_with_write_through(self):
        self.check_outage("write-through")

    def test_while_the_service_comes_and_goes(self):
        self.start_service()
        child = self.run_cycles("spool-mode=write-through")
        n_kills = 0
        for number in (130, 420, 710):
            self.wait_pushed(child, number)
            self.kvs.kill()
            n_kills += 1
            self.wait_pushed(child, number + 170)
            self.kvs.start()
        # of the run that was, and of the one before that was still delivering its last
        self.check_delivered(child, doubled=2 * n_kills)


class CutShort(Case):
    VIDEO = ("videotestsrc is-live=true ! video/x-raw,width=160,height=120,framerate=10/1 "
             "! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=5 ! h264parse ! sink.")

    def test_before_the_second_track(self):
        """A kill -9 between the first frames of video and audio: what is there is stored."""
        child = self.source(10 ** 7, f"spool-mode=write-through {self.VIDEO}", duration=0,
                            interval=100)
        support.wait_until(lambda: len(self.files()) > 4, timeout=60)
        child.signal(signal.SIGKILL)
        child.process.wait()
        folder = os.path.join(self.spool, "cam")
        journal, = [name for name in os.listdir(folder) if name.endswith(".journal")]
        with open(os.path.join(folder, journal), "r+b") as file:
            # as it was after the first frame
            file.truncate(len(file.readline()))
        n_left = len(self.files())
        self.start_service()
        child = self.source(5, "stop-stream-timeout=60", first=90000000)
        self.assertEqual(child.wait(90), 0, child.output[-3000:])
        self.assertEqual(self.warnings(child, ""), [])
        self.assertEqual(self.files(), [])
        clusters = [mkv.parse(chunk["clusters"][0])[0][1]
                    for chunk in mkv.chunks(self.kvs.get_media("cam"))]
        n_blocks = [len(mkv.children(cluster, mkv.SIMPLE_BLOCK)) for cluster in clusters]
        self.assertEqual(len(n_blocks), n_left + 1)
        self.assertEqual(n_blocks[-2], 1)


class Lateness:
    """How late this machine lets a thread go on that wants to: nobody is faster than that."""

    def __enter__(self):
        self.over = threading.Event()
        self.worst_s = 0
        self.thread = threading.Thread(target=self.measure)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def measure(self):
        while not self.over.is_set():
            began = time.monotonic()
            time.sleep(0.005)
            self.worst_s = max(self.worst_s, time.monotonic() - began - 0.005)


class Crash(Case):
    """kill -9 at random moments, while the service comes and goes."""

    timeout = 300
    STREAMS = 4
    KILLS = 100
    SEED = 4
    AGE_S = 0.2
    SINK = "spool-mode=write-through fragment-duration=500 retention-period=24"

    def crash_once(self, stream, first, rng):
        """Numbers of the frames that were older than AGE_S when it was killed. A frame goes through
        two threads, each as late as the machine has it."""
        child = self.source(10 ** 7, self.SINK, first=first, interval=20, duration=0, stream=stream)
        child.wait_for_output("(?m)^pushed ", timeout=30)
        with Lateness() as lateness:
            time.sleep(rng.uniform(0.05, 1.6))
            killed_at = time.monotonic()
            child.signal(signal.SIGKILL)
            child.process.wait()
        self.assertNotIn("ERROR", child.output)
        return [int(number) for number, at in re.findall(r"(?m)^pushed (\d+) ([\d.]+)$",
                                                         child.output)
                if float(at) < killed_at - self.AGE_S - 2 * lateness.worst_s]

    def crash_stream(self, index):
        rng = random.Random(self.SEED * 1000 + index)
        return [number for i in range(self.KILLS // self.STREAMS)
                for number in self.crash_once(f"cam-{index}", (i + 1) * 10000, rng)]

    def trouble_service(self, stop):
        """Up for a while, down for a while."""
        rng = random.Random(self.SEED)
        while not stop.wait(rng.uniform(1, 4)):
            self.kvs.kill()
            stop.wait(rng.uniform(0.2, 3))
            self.kvs.start()

    def check_stream(self, stream, wanted):
        """How many fragments came while it was killed, how many frames are there, how many
        fragments are there twice."""
        n_meanwhile = len(self.read_back(stream))
        child = self.source(25, self.SINK + " stop-stream-timeout=60", first=90000000,
                            interval=20, duration=0, stream=stream)
        self.assertEqual(child.wait(90), 0, child.output[-3000:])
        self.assertEqual(self.files(stream=stream), [])
        stored = self.read_back(stream)
        contents = {}
        firsts = []
        for fragment in stored:
            before = contents.setdefault(fragment.timecode, fragment.bytes)
            self.assertEqual(before, fragment.bytes, f"timecode {fragment.timecode}")
            if before is fragment.bytes:
                firsts.append(fragment)
        got = [number for fragment in firsts for number in fragment.numbers]
        missing = sorted(set(wanted) - set(got))
        self.assertEqual(len(got), len(set(got)), "a frame is in two fragments")
        self.assertEqual(missing, [])
        self.assertEqual(got, sorted(got))
        return n_meanwhile, len(got), len(stored) - len(firsts)

    def test_a_hundred_times(self):
        self.start_service()
        stop = threading.Event()
        trouble = threading.Thread(target=self.trouble_service, args=(stop,))
        trouble.start()
        try:
            with concurrent.futures.ThreadPoolExecutor(self.STREAMS) as pool:
                wanted = list(pool.map(self.crash_stream, range(self.STREAMS)))
        finally:
            stop.set()
            trouble.join()
        print(f"  {'stream':8}{'kills':>8}{'to keep':>10}{'stored':>10}{'lost':>8}{'doubled':>10}"
              f"{'uploaded meanwhile':>20}")
        for index, numbers in enumerate(wanted):
            n_meanwhile, n_frames, n_doubled = self.check_stream(f"cam-{index}", numbers)
            print(f"  cam-{index:<4}{self.KILLS // self.STREAMS:8}{len(numbers):10}{n_frames:10}{0:8}"
                  f"{n_doubled:10}{n_meanwhile:20}")


if __name__ == "__main__":
    unittest.main()
