#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Loads kvs-local for a long time: streams are sent while readers follow them, by GetMedia and by HLS.

    tests/e2e/soak_kvs_local.py --build build --minutes 60
    tests/e2e/soak_kvs_local.py --build build --minutes 6 --speed 10    # an hour of media

Each reader must get each fragment, once and in order, by GetMedia byte for byte; at the end the archive
must list what was acknowledged, and the memory of kvs-local must not have grown. Needs ffmpeg and botocore.
"""

import argparse
import http.client
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kvslocal  # noqa: E402  pylint: disable=wrong-import-position
import mkvwriter as mkv  # noqa: E402  pylint: disable=wrong-import-position
from kvslocal import KvsLocal  # noqa: E402  pylint: disable=wrong-import-position

FRAGMENT_SECONDS = 2
FRAME_RATE = 25
# A producer renews its connection before the service ends it
SESSION_MEDIA_SECONDS = 40 * 60
# Fragments in a playlist: a reader that is late by less misses none
N_LISTED = 200
# Each fragment goes out in so many pieces, spread over its time
PIECES = 5
EBML_MAGIC = mkv.ident(mkv.EBML)
# How long readers may take to get what was sent last
CATCH_UP_SECONDS = 60
MAX_GROWTH_BYTES = 16 << 20
MAX_GROWTH = 0.15


class Clip:
    """One fragment of H.264, which comes again and again with other times."""

    def __init__(self, kbps):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "clip.mkv")
            subprocess.run(
                ["ffmpeg", "-v", "error", "-f", "lavfi", "-i",
                 f"testsrc2=size=320x240:rate={FRAME_RATE}", "-t", str(FRAGMENT_SECONDS),
                 "-c:v", "libx264", "-profile:v", "baseline", "-pix_fmt", "yuv420p",
                 "-b:v", f"{kbps}k", "-g", "1000", "-x264-params", "scenecut=0:nal-hrd=cbr:"
                 f"vbv-maxrate={kbps}:vbv-bufsize={kbps}", "-f", "matroska", "-live", "1",
                 "-cluster_time_limit", "10000", path], check=True)
            with open(path, "rb") as file:
                data = file.read()
        segment = next(content for number, content, _, _ in mkv.parse(data)
                       if number == mkv.SEGMENT)
        tracks = next(data[start:end] for number, _, start, end in segment
                      if number == mkv.TRACKS)
        self.header = mkv.ebml() + mkv.unknown(mkv.SEGMENT) + mkv.info() + tracks
        blocks = [payload for number, content, _, _ in segment if number == mkv.CLUSTER
                  for payload in mkv.children(content, mkv.SIMPLE_BLOCK)]
        self.blocks = b"".join(
            mkv.simple_block(i * 1000 // FRAME_RATE, block[4:], key=i == 0)
            for i, block in enumerate(blocks))

    def cluster(self, timecode):
        return mkv.cluster(timecode, self.blocks)


class Run:
    """What all threads share."""

    def __init__(self, arguments, kvs, clip):
        self.kvs = kvs
        self.clip = clip
        self.speed = arguments.speed
        self.begin = time.monotonic()
        self.end = self.begin + arguments.minutes * 60
        self.first_timecode = int(time.time()) * 1000
        self.failures = []
        self.threads = []

    def start(self, function, *values):
        def guarded():
            try:
                function(*values)
            except Exception:  # pylint: disable=broad-exception-caught
                self.fail(f"{function.__qualname__}: {traceback.format_exc()}")

        thread = threading.Thread(target=guarded, daemon=True)
        self.threads.append(thread)
        thread.start()

    def fail(self, text):
        print("FAILED", text, file=sys.stderr, flush=True)
        self.failures.append(text)

    @property
    def is_over(self):
        return time.monotonic() >= self.end or bool(self.failures)

    def timecode(self, index):
        return self.first_timecode + index * FRAGMENT_SECONDS * 1000


class Stream:
    """One producer, with a connection after the other."""

    def __init__(self, run, name):
        self.run = run
        self.name = name
        self.n_sent = 0
        self.persisted = {}  # index: fragment number
        self.most_behind = 0.0
        self.is_done = False

    def send(self):
        run = self.run
        previous = None
        while not run.is_over:
            connection = run.kvs.put_media(self.name, timeout=120).accepted()
            connection.send(run.clip.header)
            run.start(self.read_acks, connection)
            if previous is not None:
                previous.end()
            self.send_session(connection)
            previous = connection
        previous.end()
        self.is_done = True

    def send_session(self, connection):
        run = self.run
        for _ in range(SESSION_MEDIA_SECONDS // FRAGMENT_SECONDS):
            if run.is_over:
                return
            index = self.n_sent
            data = run.clip.cluster(run.timecode(index))
            self.n_sent += 1
            step = -(-len(data) // PIECES)
            for piece in range(PIECES):
                self.wait_until((index + piece / PIECES) * FRAGMENT_SECONDS)
                connection.send(data[piece * step:(piece + 1) * step])

    def wait_until(self, media_seconds):
        ahead = self.run.begin + media_seconds / self.run.speed - time.monotonic()
        self.most_behind = max(self.most_behind, -ahead)
        if ahead > 0:
            time.sleep(ahead)

    def read_acks(self, connection):
        for ack in iter(connection.ack, None):
            if ack["EventType"] == "ERROR":
                self.run.fail(f"{self.name}: {ack}")
            elif ack["EventType"] == "PERSISTED":
                index, rest = divmod(ack["FragmentTimecode"] - self.run.first_timecode,
                                     FRAGMENT_SECONDS * 1000)
                assert rest == 0, ack
                self.persisted[index] = ack["FragmentNumber"]
        connection.close()


class GetMediaReader:
    """Follows a stream, and begins again where it was when an answer ends or it has had enough."""

    kind = "GetMedia"

    def __init__(self, run, stream):
        self.run = run
        self.stream = stream
        self.n_read = 0
        self.n_calls = 0
        self.last_number = None
        self.random = random.Random(stream.name)

    def wants_more(self):
        stream = self.stream
        return not self.run.failures and not (stream.is_done and self.n_read >= stream.n_sent)

    def read(self):
        while self.wants_more():
            answer = self.ask()
            calls_end = time.monotonic() + self.random.uniform(5, 60)
            buffer = b""
            while self.wants_more() and time.monotonic() < calls_end:
                data = answer.read1(1 << 20)
                if not data:
                    break
                buffer += data
                *whole, buffer = split_at(buffer)
                for chunk in whole:
                    self.take(chunk)
            else:
                answer.close()
                continue
            if buffer:
                self.take(buffer)

    def ask(self):
        selector = {"StartSelectorType": "EARLIEST"}
        if self.last_number is not None:
            selector = {"StartSelectorType": "FRAGMENT_NUMBER",
                        "AfterFragmentNumber": self.last_number}
        body = json.dumps({"StreamName": self.stream.name, "StartSelector": selector}).encode()
        headers = kvslocal.sign("POST", "/getMedia", {"Host": f"127.0.0.1:{self.run.kvs.port}"},
                                body=body)
        connection = http.client.HTTPConnection("127.0.0.1", self.run.kvs.port, timeout=120)
        connection.request("POST", "/getMedia", body, headers)
        answer = connection.getresponse()
        if answer.status != 200:
            # the place of the call before is free a moment after it has ended
            text = answer.read()
            assert b"ConnectionLimit" in text or b"limit" in text, text
            time.sleep(0.2)
            return self.ask()
        self.n_calls += 1
        return answer

    def take(self, chunk):
        found = mkv.chunks(chunk)[0]
        if not found["clusters"]:
            return
        expected = self.run.clip.cluster(self.run.timecode(self.n_read))
        assert found["clusters"] == [expected], \
            f"{self.stream.name}: fragment {self.n_read} is missing, or another one"
        self.last_number = found["tags"]["AWS_KINESISVIDEO_FRAGMENT_NUMBER"]
        self.n_read += 1


def split_at(buffer):
    """Whole fragments, and what has come of the last one."""
    starts = [0]
    while (at := buffer.find(EBML_MAGIC, starts[-1] + 1)) >= 0:
        starts.append(at)
    return [buffer[begin:end] for begin, end in zip(starts, starts[1:] + [len(buffer)])]


class HlsReader:
    """Loads the playlist over and over, and each segment that is new in it, until it has the last one.

    numbers     of the fragments that it has read
    n_before    how many its stream may have had when it loaded the playlist for the first time
    """

    kind = "HLS"

    def __init__(self, run, stream):
        self.run = run
        self.stream = stream
        self.numbers = []
        self.n_before = 0
        self.n_calls = 0
        self.next_sequence = None

    @property
    def n_read(self):
        return len(self.numbers)

    @property
    def wants_more(self):
        stream = self.stream
        return not self.run.failures and not (
            stream.is_done and self.numbers
            and self.numbers[-1] == stream.persisted.get(stream.n_sent - 1))

    def read(self):
        run = self.run
        # A session begins with what is stored
        while not self.stream.persisted:
            if run.failures:
                return
            time.sleep(0.05)
        client = run.kvs.client("kinesis-video-archived-media")
        url = client.get_hls_streaming_session_url(
            StreamName=self.stream.name, PlaybackMode="LIVE", Expires=43200,
            MaxMediaPlaylistFragmentResults=N_LISTED)["HLSStreamingSessionURL"]
        client.close()
        self.connection = http.client.HTTPConnection("127.0.0.1", run.kvs.port, timeout=120)
        master = self.get(url)
        self.n_before = self.stream.n_sent
        playlist = urllib.parse.urljoin(url, uris(master)[0])
        while self.wants_more:
            self.take(playlist, self.get(playlist))
            time.sleep(FRAGMENT_SECONDS / run.speed)
        self.connection.close()

    def get(self, url):
        parts = urllib.parse.urlsplit(url)
        self.connection.request("GET", f"{parts.path}?{parts.query}")
        answer = self.connection.getresponse()
        data = answer.read()
        assert answer.status == 200, f"{self.stream.name}: {parts.path}: {answer.status} {data[:200]}"
        return data

    def take(self, url, text):
        self.n_calls += 1
        first = next(int(line.split(b":")[1]) for line in text.splitlines()
                     if line.startswith(b"#EXT-X-MEDIA-SEQUENCE:"))
        segments = uris(text)
        if self.next_sequence is None:
            self.next_sequence = first
        assert first <= self.next_sequence, f"{self.stream.name}: a segment slid out unseen"
        for uri in segments[self.next_sequence - first:]:
            data = self.get(urllib.parse.urljoin(url, uri))
            assert b"moof" in data[:200] and len(data) > len(self.run.clip.blocks) * 0.9, uri
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(uri).query)
            self.numbers += query["FragmentNumber"]
            self.next_sequence += 1

    def check(self):
        """It has read all fragments in their order, up to the last; only the oldest may be missing, which
        had left the playlist when it loaded that first, as N_LISTED newer ones were there."""
        stream = self.stream
        sent = [stream.persisted.get(i) for i in range(stream.n_sent)]
        n_missed = stream.n_sent - self.n_read
        assert self.numbers == sent[max(0, n_missed):], \
            f"{stream.name}: segments of other fragments than all from {n_missed}"
        assert n_missed <= max(0, self.n_before - N_LISTED), \
            f"{stream.name}: {n_missed} fragments missing, though {self.n_before} were there"


def uris(playlist):
    return [line.decode() for line in playlist.splitlines()
            if line.strip() and not line.startswith(b"#")]


class Meter:
    """Memory and CPU of kvs-local."""

    def __init__(self, process):
        self.process = process
        self.samples = []

    def memory(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def watch(self, run):
        while not run.is_over:
            self.samples.append(self.memory())
            time.sleep(0.5)

    def thirds(self):
        """The most memory in each third of the time, after the first tenth."""
        samples = self.samples[len(self.samples) // 10:]
        size = max(1, len(samples) // 3)
        return [max(samples[i * size:(i + 1) * size] or [0]) for i in range(3)]


def listed(run, stream):
    """Numbers of the fragments that the archive lists."""
    client = run.kvs.client("kinesis-video-archived-media")
    found = []
    token = {}
    selector = {"FragmentSelectorType": "SERVER_TIMESTAMP", "TimestampRange": {
        "StartTimestamp": time.time() - 86400, "EndTimestamp": time.time() + 1}}
    while True:
        answer = client.list_fragments(StreamName=stream.name, MaxResults=1000,
                                       FragmentSelector=selector, **token)
        found += [fragment["FragmentNumber"] for fragment in answer["Fragments"]]
        if not answer.get("NextToken"):
            client.close()
            return found
        token = {"NextToken": answer["NextToken"]}


def check(run, streams, readers, meter):
    for stream in streams:
        if sorted(stream.persisted) != list(range(stream.n_sent)):
            run.fail(f"{stream.name}: {len(stream.persisted)} of {stream.n_sent} persisted")
        elif sorted(listed(run, stream)) != sorted(stream.persisted.values()):
            run.fail(f"{stream.name}: the archive lists other fragments than were persisted")
    for reader in readers:
        if reader.kind == "GetMedia" and reader.n_read != reader.stream.n_sent:
            run.fail(f"{reader.stream.name}: {reader.n_read} of {reader.stream.n_sent} read")
        if reader.kind == "HLS":
            try:
                reader.check()
            except AssertionError as error:
                run.fail(str(error))
    first, _, last = meter.thirds()
    # AddressSanitizer keeps what is freed
    if kvslocal.SLOWNESS == 1 and last > first * (1 + MAX_GROWTH) + MAX_GROWTH_BYTES:
        run.fail(f"memory grew: {meter.thirds()}")


def report(run, streams, readers, meter, seconds):
    n_sent = sum(stream.n_sent for stream in streams)
    n_bytes = n_sent * len(run.clip.cluster(0))
    print(f"{len(streams)} streams, {seconds:.0f} s at {run.speed:g} times real time: "
          f"{n_sent} fragments, {n_bytes / 1e6:.0f} MB, {n_bytes / seconds / 1e6:.1f} MB/s; "
          f"{sum(len(stream.persisted) for stream in streams)} persisted")
    for kind, group in itertools.groupby(readers, key=lambda reader: reader.kind):
        group = list(group)
        print(f"{len(group)} readers by {kind}: {sum(r.n_read for r in group)} fragments of "
              f"{sum(r.stream.n_sent for r in group)} in {sum(r.n_calls for r in group)} "
              + ("calls" if kind == "GetMedia" else "playlists"))
    print(f"producers were behind by {max(stream.most_behind for stream in streams):.2f} s at most")
    print("memory, most in each third of the time: "
          + ", ".join(f"{size / 1e6:.1f} MB" for size in meter.thirds())
          + f"; CPU {meter.cpu_seconds():.1f} s")


def soak(arguments):
    clip = Clip(arguments.kbps)
    with KvsLocal(data=arguments.data, args=["--get-media-empty-seconds", "3"]) as kvs:
        client = kvs.client()
        for i in range(arguments.streams):
            client.create_stream(StreamName=f"soak-{i:02}", DataRetentionInHours=24)
        client.close()
        run = Run(arguments, kvs, clip)
        streams = [Stream(run, f"soak-{i:02}") for i in range(arguments.streams)]
        readers = [(HlsReader if i < arguments.hls_readers else GetMediaReader)(
            run, streams[i % len(streams)]) for i in range(arguments.readers)]
        meter = Meter(kvs.process)
        for one in streams:
            run.start(one.send)
        for one in readers:
            run.start(one.read)
        run.start(meter.watch, run)
        deadline = run.end + CATCH_UP_SECONDS * kvslocal.SLOWNESS
        # acks bring threads of their own
        while run.threads and not run.failures:
            thread = run.threads.pop(0)
            thread.join(max(0, deadline - time.monotonic()))
            if thread.is_alive():
                run.fail("something did not come to its end")
        seconds = time.monotonic() - run.begin
        check(run, streams, readers, meter)
        report(run, streams, readers, meter, seconds)
        if kvs.stop() != 0 or kvs.errors():
            run.fail("kvs-local: " + kvs.errors()[-2000:])
    print("FAILED" if run.failures else "ok")
    return 1 if run.failures else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default="build", help="build folder of kvs-local")
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--speed", type=float, default=1, help="media come so many times as fast")
    parser.add_argument("--streams", type=int, default=20)
    parser.add_argument("--readers", type=int, default=20)
    parser.add_argument("--hls-readers", type=int, default=4, help="how many of them read HLS")
    parser.add_argument("--kbps", type=int, default=300, help="bit rate of the media")
    parser.add_argument("--data", help="folder for the media; by default a temporary one")
    arguments = parser.parse_args()
    os.environ["KVS_BUILD"] = os.path.abspath(arguments.build)
    return soak(arguments)


if __name__ == "__main__":
    sys.exit(main())
