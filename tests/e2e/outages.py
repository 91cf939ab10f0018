# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of faults share: live streams through faultproxy.py, whose frames are counted."""

import json
import os
import pickle
import socket
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import media
import mkvwriter as mkv
import support
from faultfront import Front
from faultproxy import FaultProxy
from kvslocal import KvsLocal
from outage_feeder import number_of, numbered

CODEC_PRIVATE = 0x63A2
GOP = 10
FPS = 30
SIZE = (160, 120)
# What a stream needs to notice silence soon.
IMPATIENT = "connection-staleness=2 completion-timeout=2 connection-timeout=2"

# What allocators may keep
MORE_RSS_BYTES = 12 << 20

COLUMNS = ("fault", "frames", "stored", "lost", "doubled", "needless", "sessions", "reconn", "warn",
           "attempts", "recover s")
LEGEND = """\
stored, lost: frames; doubled: fragments that were stored twice, because the acknowledgement of the
first one was lost with its connection; needless: of these, where it had come; warn: warnings;
attempts: most requests within one second; recover s: longest from a fault to the next fragment"""


def require_gi():
    try:
        import gi  # pylint: disable=import-outside-toplevel
        gi.require_version("GstApp", "1.0")
    except (ImportError, ValueError):
        import unittest  # pylint: disable=import-outside-toplevel
        raise unittest.SkipTest("python3-gi or GstApp's typelib is not installed") from None


def make_frames(folder):
    """Path of a file with some groups of pictures, as access units in length-prefixed form."""
    clip = os.path.join(folder, "clip.mkv")
    media.launch(f"videotestsrc pattern=ball num-buffers={3 * GOP}",
                 f"! video/x-raw,format=I420,width={SIZE[0]},height={SIZE[1]},framerate={FPS}/1",
                 f"! x264enc key-int-max={GOP} bframes=0 speed-preset=ultrafast tune=zerolatency",
                 "! h264parse ! video/x-h264,stream-format=avc,alignment=au",
                 f"! matroskamux ! filesink location={clip}")
    with open(clip, "rb") as file:
        segment = next(item[1] for item in mkv.parse(file.read()) if item[0] == mkv.SEGMENT)
    track = mkv.children(mkv.children(segment, mkv.TRACKS)[0], mkv.TRACK_ENTRY)[0]
    frames = [frame for cluster in mkv.children(segment, mkv.CLUSTER)
              for frame in frames_of(cluster)]
    path = os.path.join(folder, "frames")
    with open(path, "wb") as file:
        pickle.dump((frames, mkv.children(track, CODEC_PRIVATE)[0], GOP, SIZE), file)
    return path


def check_flat(case, before, after):
    """Threads, files and memory of a process, as measure() gives them."""
    with open(os.path.join(support.LOGS, "flat.txt"), "w", encoding="utf-8") as log:
        log.write(f"{before}\n{after}\n")
    case.assertLessEqual(after["threads"], before["threads"])
    case.assertLessEqual(after["fds"], before["fds"] + 4)
    # sanitizers keep what was freed
    if support.SLOWNESS == 1:
        case.assertLess(after["rss"] - before["rss"], MORE_RSS_BYTES)


def frames_of(cluster):
    return [block[4:] for block in mkv.children(cluster, mkv.SIMPLE_BLOCK)]


class Stored:
    """What of a stream is persisted: fragments as lists of frame numbers."""

    def __init__(self, data, source, pad):
        self.pad = pad
        self.fragments = []
        self.timecodes = []
        self.strange = 0
        for number, content, _, _ in mkv.parse(data):
            if number != mkv.SEGMENT:
                continue
            for cluster in mkv.children(content, mkv.CLUSTER):
                self.fragments.append(self.numbers(cluster, source))
                self.timecodes.append(
                    int.from_bytes(mkv.children(cluster, mkv.TIMECODE)[0], "big"))

    def numbers(self, cluster, source):
        found = []
        for payload in frames_of(cluster):
            n = number_of(payload)
            found.append(n)
            if payload != numbered(source[n % len(source)], n, self.pad):
                self.strange += 1
        return found

    @property
    def frames(self):
        return {n for fragment in self.fragments for n in fragment}

    @property
    def n_doubled(self):
        """Fragments that hold a frame which came before."""
        seen = set()
        doubled = 0
        for fragment in self.fragments:
            doubled += any(n in seen for n in fragment)
            seen.update(fragment)
        return doubled

    @property
    def is_in_order(self):
        """Each fragment begins with a key frame and has its frames in a row, and what was not there
        before is newer than all that was."""
        seen = set()
        newest = -1
        for fragment in self.fragments:
            first = fragment[0]
            if first % GOP or fragment != list(range(first, first + len(fragment))):
                return False
            if first not in seen and first < newest:
                return False
            seen.update(fragment)
            newest = max(newest, fragment[-1])
        return True


class Stream:
    """One live stream, its faults, and what became of it."""

    def __init__(self, name, label, faults, sink, fps, speed, **more):
        self.name = name
        self.label = label
        self.faults = faults
        self.plan = {"name": name, "sink": sink, "fps": fps, "speed": speed, **more}
        self.warnings = []
        self.errors = []
        self.result = None
        self.facts = None
        self.ended = threading.Event()
        self.stored = None
        self.front = None

    @property
    def n_lost(self):
        return self.result["frames"] - len(self.stored.frames)

    def __str__(self):
        return f"{self.name} ({self.label})"


class Rig:
    """A kvs-local, a proxy before it, and a process with live streams."""

    def __init__(self, folder, frames, kvs_args=(), tls=None, host="127.0.0.1",
                 receive_buffer=0, token=None, env=None):
        self.folder = folder
        self.env = env or {}
        self.frames_path = frames
        with open(frames, "rb") as file:
            self.source = pickle.load(file)[0]
        self.proxy = FaultProxy(tls, receive_buffer=receive_buffer)
        self.url = self.proxy.url.replace("127.0.0.1", host)
        self.kvs = KvsLocal(args=["--public-url", self.url, "--get-media-empty-seconds", "1",
                                  *kvs_args], env={"AWS_SESSION_TOKEN": token})
        self.token = token
        self.streams = {}
        self.measures = []
        self.measured = threading.Event()
        self.connection = None
        self.child = None
        self.lock = threading.Lock()

    def __enter__(self):
        self.kvs.start()
        self.proxy.upstream_port = self.kvs.port
        return self

    def __exit__(self, *_):
        if self.child is not None:
            self.child.kill()
        if self.connection is not None:
            self.connection.close()
        for stream in self.streams.values():
            if stream.front is not None:
                stream.front.stop()
        self.proxy.stop()
        self.kvs.__exit__()

    # ---- the feeder ----

    def add(self, label, faults=(), sink="", fps=FPS, speed=1, bounds=None, **more):
        """bounds: what the test allows; more: max_frames, pad, pause as the feeder takes them."""
        name = f"s{len(self.streams):03}"
        label = label or ", ".join(dict.fromkeys(str(fault) for fault in faults))
        stream = Stream(name, label, list(faults), sink, fps, speed, **more)
        stream.bounds = bounds or {}
        self.streams[name] = stream
        self.proxy.script(name, stream.faults)
        return stream

    def add_front(self, label, script=(), sink="", receive_buffer=0, **more):
        """As add(), with a Front of the stream's own for all that it does."""
        stream = self.add(label, sink=sink, **more)
        stream.front = Front(self.proxy, receive_buffer=receive_buffer)
        stream.front.script = list(script)
        self.proxy.data_urls[stream.name] = stream.front.url
        stream.plan["sink"] += f" endpoint={stream.front.url}"
        return stream

    def make_streams(self):
        """Those whose tags are to be set: a stream that the sink makes has them from the start."""
        for stream in self.streams.values():
            faults = stream.faults + (stream.front.script if stream.front else [])
            if any(fault and fault.operation == "tagStream" for fault in faults):
                self.kvs.client(aws_session_token=self.token).create_stream(
                    StreamName=stream.name, DataRetentionInHours=2)

    def start(self, wrapper=()):
        self.make_streams()
        plan = os.path.join(self.folder, "plan")
        path = tempfile.mktemp(dir=self.folder)
        with open(plan, "w", encoding="utf-8") as file:
            json.dump({"frames": self.frames_path,
                       "streams": [stream.plan for stream in self.streams.values()]}, file)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        listener.settimeout(60 * support.SLOWNESS)
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "outage_feeder.py")
        env = {**support.python_environment(), **self.kvs.env,
               "AWS_ENDPOINT_URL_KINESIS_VIDEO": self.url, **self.env}
        if self.token:
            env["AWS_SESSION_TOKEN"] = self.token
        self.child = support.Child([*wrapper, sys.executable, script, plan, path], "feeder", env)
        self.connection, _ = listener.accept()
        listener.close()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        try:
            for line in self.connection.makefile():
                self.take(json.loads(line))
        except OSError:
            pass

    def take(self, event):
        if event["event"] == "measure":
            self.measures.append(event)
            self.measured.set()
            return
        stream = self.streams[event["stream"]]
        if event["event"] == "warning":
            stream.warnings.append((time.monotonic(), event["text"], event["details"]))
        elif event["event"] == "facts":
            stream.facts = event
        else:
            # a source says that it cannot go on, too
            if event["event"] == "error" and event["source"] == "sink":
                stream.errors.append(event)
            if stream.result is None:
                stream.result = event
            stream.ended.set()

    def command(self, **words):
        with self.lock:
            self.connection.sendall(json.dumps(words).encode() + b"\n")

    def end(self, stream):
        self.command(do="end", stream=stream.name)

    def measure(self):
        self.measured.clear()
        self.command(do="measure")
        assert self.measured.wait(20 * support.SLOWNESS)
        return self.measures[-1]

    # ---- the run ----

    def has_recovered(self, stream):
        """All faults are over and something was persisted afterwards."""
        if not stream.faults or "max_frames" in stream.plan:
            return False
        if not self.proxy.is_through(stream.name) and not stream.faults[-1].final:
            return False
        events = self.proxy.events_of(stream.name, "fault", "persisted")
        return bool(events) and [event[1] for event in events[-2:]] == ["persisted"] * 2

    def is_persisted(self, stream):
        """Whether something is."""
        return bool(self.proxy.events_of(stream.name, "persisted"))

    def run(self, timeout=60, wait_for=None):
        self.start()
        self.finish(timeout, wait_for)

    def finish(self, timeout=60, wait_for=None):
        """Feeds until each stream is through its faults, ends it, and reads it back."""
        deadline = time.monotonic() + timeout * support.SLOWNESS
        waiting = list(self.streams.values())
        while waiting and time.monotonic() < deadline and self.child.returncode is None:
            for stream in list(waiting):
                if stream.ended.is_set() or (wait_for or self.has_recovered)(stream):
                    if not stream.ended.is_set():
                        self.end(stream)
                    waiting.remove(stream)
            time.sleep(0.05)
        assert not waiting, f"not over within {timeout} s: {[str(s) for s in waiting]}"
        for stream in self.streams.values():
            left = max(1, deadline - time.monotonic())
            assert stream.ended.wait(left), f"no EOS of {stream} within {timeout} s"
        if self.child.returncode is not None:
            raise AssertionError(f"the feeder ended: {self.child.output[-4000:]}")
        self.read_back()

    def read_back(self):
        with ThreadPoolExecutor(16) as pool:
            for stream, data in zip(self.streams.values(), pool.map(
                    self.get_media, self.streams.values())):
                stream.stored = Stored(data, self.source, stream.plan.get("pad", 0))

    def get_media(self, stream):
        client = self.kvs.client("kinesis-video-media", aws_session_token=self.token)
        try:
            return client.get_media(StreamName=stream.name, StartSelector={
                "StartSelectorType": "EARLIEST"})["Payload"].read()
        except Exception as error:  # pylint: disable=broad-except
            if "ResourceNotFound" in str(error):
                return b""
            raise
        finally:
            client.close()

    # ---- the outcome ----

    def recover_seconds(self, stream):
        """The longest time from a fault to the next fragment that was persisted."""
        worst = 0
        since = None
        for at, what, _ in self.proxy.events_of(stream.name, "fault", "persisted"):
            if what == "fault":
                since = since or at
            elif since is not None:
                worst = max(worst, at - since)
                since = None
        return worst

    def attempts_a_second(self, stream):
        """The most requests within one second."""
        times = [event[0] for event in self.proxy.events_of(stream.name, "request")]
        return max((sum(start <= at < start + 1 for at in times) for start in times), default=0)

    def n_needless(self, stream):
        """Fragments that were sent again although the sink had read that they are persisted."""
        told, at_break, known = set(), set(), set()
        n = 0
        for _, what, detail in self.proxy.events_of(stream.name, "persisted", "breaking", "broken",
                                                    "put-ended"):
            if what == "persisted":
                n += detail in known and detail not in told
                told.add(detail)
            elif what == "breaking":
                at_break = set(told)
            elif what == "broken" and detail:
                known |= at_break
            elif what == "put-ended":
                told = set()
        return n

    def row(self, stream):
        stats = stream.result["stats"]
        return (stream.label, stream.result["frames"], len(stream.stored.frames), stream.n_lost,
                stream.stored.n_doubled, self.n_needless(stream), stats["sessions"], stats["reconnects"],
                len(stream.warnings), self.attempts_a_second(stream),
                f"{self.recover_seconds(stream):.1f}")

    def table(self):
        rows = [COLUMNS] + [self.row(stream) for stream in self.streams.values()]
        widths = [max(len(str(row[i])) for row in rows) for i in range(len(COLUMNS))]
        text = "\n".join(
            "  ".join(str(cell).ljust(width) if i == 0 else str(cell).rjust(width)
                      for i, (cell, width) in enumerate(zip(row, widths))) for row in rows)
        with open(os.path.join(support.LOGS, "faults.txt"), "a", encoding="utf-8") as log:
            log.write(f"{text}\n{LEGEND}\n")
        return text
