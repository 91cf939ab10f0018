# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clips whose fragments a test puts where and when it wants them, and sessions that play them."""

import datetime
import json
import os
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import hls_check
import kvslocal_case
import media
import mkvwriter as mkv
import support

REFERENCE_BLOCK = 0xFB
CODECS = {
    "h264": ["-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-sc_threshold", "0"],
    "h265": ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
             "log-level=none:open-gop=0:scenecut=0:bframes=2"],
}


def now_ms():
    return time.time_ns() // 1000000


class Clip:
    """Fragments of a file that FFmpeg encodes; one begins with each key picture.

    fragments   lists of (ms from the clip's start, track, key, bytes)
    """

    def __init__(self, seconds=6, codec="h264", audio=True, size="160x120", rate=25, gop=25,
                 source="testsrc2", sound=("-c:a", "aac")):
        self._folder = tempfile.TemporaryDirectory(prefix="kvs-clip-")
        self.path = os.path.join(self._folder.name, "clip.mkv")
        command = [support.tool("ffmpeg"), "-nostdin", "-v", "error", "-f", "lavfi", "-i",
                   f"{source}=size={size}:rate={rate}:duration={seconds}"]
        if audio:
            command += ["-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}", *sound]
        command += [*CODECS[codec], "-g", str(gop), "-pix_fmt", "yuv420p",
                    "-write_crc32", "0", self.path]
        subprocess.run(command, check=True, timeout=120 * support.SLOWNESS)
        with open(self.path, "rb") as file:
            data = file.read()
        self.tracks = next(
            data[start:end] for number, content, _, _ in mkv.parse(data) if number == mkv.SEGMENT
            for child, _, start, end in content if child == mkv.TRACKS)
        self.fragments = self._cut(data)
        self.frame_ms = 1000 / rate
        self.hashes = media.picture_hashes(self.path)

    @staticmethod
    def _blocks(data):
        for number, content, _, _ in mkv.parse(data):
            if number != mkv.SEGMENT:
                continue
            for child, payload, _, _ in content:
                if child != mkv.CLUSTER:
                    continue
                base = int.from_bytes(mkv.children(payload, mkv.TIMECODE)[0], "big")
                for kind, block, _, _ in payload:
                    if kind == mkv.SIMPLE_BLOCK:
                        yield base, block, bool(block[3] & 0x80)
                    elif kind == mkv.BLOCK_GROUP:
                        yield (base, mkv.children(block, mkv.BLOCK)[0],
                               not mkv.children(block, REFERENCE_BLOCK))

    def _cut(self, data):
        blocks = []
        for base, block, key in self._blocks(data):
            track = block[0] & 0x7F
            at = base + int.from_bytes(block[1:3], "big", signed=True)
            blocks.append((at, track, key, block[4:]))
        starts = [at for at, track, key, _ in blocks if track == 1 and key]
        fragments = [[] for _ in starts]
        place = -1
        for at, track, key, data in blocks:
            if track == 1:
                place += key
                fragments[place].append((at, track, key, data))
            else:
                # sound belongs to the pictures it is heard with, wherever it is in the file
                fragments[max(0, sum(start <= at for start in starts) - 1)].append(
                    (at, track, key, data))
        return fragments

    @property
    def header(self):
        return mkv.ebml() + mkv.unknown(mkv.SEGMENT) + mkv.info() + self.tracks

    def start_ms(self, place):
        """Of a fragment, from the first picture of the clip."""
        return self._first_ms(place) - self._first_ms(0)

    def _first_ms(self, place):
        return min(at for at, track, _, _ in self.fragments[place] if track == 1)

    def cluster(self, place, timecode, tracks=None):
        start = self._first_ms(place)
        return mkv.cluster(timecode, b"".join(
            mkv.simple_block(at - start, data, track, key)
            for at, track, key, data in self.fragments[place]
            if tracks is None or track in tracks))

    def body(self, start_ms, places=None, shift=lambda place: 0):
        """A PutMedia body: fragments at their times after start_ms, moved by shift."""
        places = range(len(self.fragments)) if places is None else places
        return self.header + b"".join(
            self.cluster(i, start_ms + self.start_ms(i) + shift(i)) for i in places)

    def pictures(self, places):
        """Hashes of the decoded pictures of these fragments."""
        per_fragment = [sum(1 for block in fragment if block[1] == 1)
                        for fragment in self.fragments]
        found = []
        for place in places:
            first = sum(per_fragment[:place])
            found += self.hashes[first:first + per_fragment[place]]
        return found


def fetch(url):
    """Status, headers in lower case, body."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()


def ffmpeg_pictures(url):
    """A hash of each picture that FFmpeg decodes; it must not complain."""
    text = media.run_quiet(
        support.tool("ffmpeg"), "-nostdin", "-v", "warning", "-i", url, "-map", "0:v",
        "-fps_mode", "passthrough", "-f", "framehash", "-")
    return [line.rsplit(",", 1)[1].strip() for line in text.splitlines()
            if line and not line.startswith("#")]


def gstreamer_pictures(url, n_tries=3):
    """A hash of each picture that GStreamer's player for adaptive streams gives."""
    try:
        text = media.run_quiet(
            support.tool("gst-launch-1.0"), "-q", "uridecodebin3", f"uri={url}", "caps=video/x-raw",
            "!", "videoconvert", "!", "video/x-raw,format=I420", "!", "checksumsink",
            "hash=sha256", "sync=false")
    except AssertionError as error:
        # GStreamer 1.24 and 1.26, now and then
        if "adaptive_demux2_stream_mark_prepared: assertion" not in str(error) or n_tries == 1:
            raise
        return gstreamer_pictures(url, n_tries - 1)
    return [line.split()[1] for line in text.splitlines() if len(line.split()) == 2]


class HlsCase(kvslocal_case.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.archive = cls.kvs.client("kinesis-video-archived-media")
        cls._clips = {}

    @classmethod
    def tearDownClass(cls):
        cls.archive.close()
        super().tearDownClass()

    @classmethod
    def clip(cls, **options):
        key = json.dumps(options, sort_keys=True)
        if key not in cls._clips:
            cls._clips[key] = Clip(**options)
        return cls._clips[key]

    def put_clip(self, clip, start_ms=None, **options):
        """Uploads it as fast as it goes; gives the producer's time of its start."""
        start_ms = start_ms or now_ms() - 60000
        events = self.put_all(clip.body(start_ms, **options))
        self.assertFalse([event for event in events if event.startswith("ERROR")])
        return start_ms

    def ask(self, operation, **members):
        """A signed request with times to the millisecond: status and answer."""
        status, _, body = self.post(f"/{operation}", json.dumps(
            {"StreamName": self.stream, **members}).encode())
        return status, json.loads(body)

    def hls(self, **members):
        status, answer = self.ask("getHLSStreamingSessionURL", **members)
        self.assertEqual(status, 200, answer)
        return answer["HLSStreamingSessionURL"]

    def dash(self, **members):
        status, answer = self.ask("getDASHStreamingSessionURL", **members)
        self.assertEqual(status, 200, answer)
        return answer["DASHStreamingSessionURL"]

    @staticmethod
    def selector(kind, start_ms=None, end_ms=None):
        chosen = {"FragmentSelectorType": kind + "_TIMESTAMP"}
        if start_ms is not None:
            chosen["TimestampRange"] = {"StartTimestamp": start_ms / 1000}
            if end_ms is not None:
                chosen["TimestampRange"]["EndTimestamp"] = end_ms / 1000
        return chosen

    def on_demand(self, kind, start_ms, end_ms, **members):
        return self.hls(PlaybackMode="ON_DEMAND",
                        HLSFragmentSelector=self.selector(kind, start_ms, end_ms), **members)

    def get(self, url, expected=200):
        status, headers, body = fetch(url)
        self.assertEqual(status, expected, body)
        self.assertEqual(headers["access-control-allow-origin"], "*")
        return body

    def get_playlist(self, url):
        """RFC 8216, section 4: in UTF-8, and its type says what it is."""
        status, headers, body = fetch(url)
        self.assertEqual(status, 200, body)
        self.assertIn(headers["content-type"], ("application/vnd.apple.mpegurl", "audio/mpegurl"))
        self.assertEqual(headers["access-control-allow-origin"], "*")
        return body.decode()

    def master(self, url):
        return hls_check.MasterPlaylist(self.get_playlist(url))

    def playlist(self, url, track=1):
        """The media playlist of a track, as the master playlist names it."""
        master = self.master(url)
        uri = master.variants[0][1] if track == 1 else hls_check.quoted(master.media[0]["URI"])
        return hls_check.MediaPlaylist(self.get_playlist(urllib.parse.urljoin(url, uri)))

    def numbers(self, playlist):
        return [urllib.parse.parse_qs(urllib.parse.urlsplit(segment.uri).query)
                ["FragmentNumber"][0] for segment in playlist.segments]

    def stored(self):
        """Fragments of the stream in the order of their numbers."""
        selector = {"FragmentSelectorType": "SERVER_TIMESTAMP", "TimestampRange": {
            "StartTimestamp": datetime.datetime.fromtimestamp(0, datetime.timezone.utc),
            "EndTimestamp": datetime.datetime.fromtimestamp(
                time.time() + 60, datetime.timezone.utc)}}
        found = self.archive.list_fragments(
            StreamName=self.stream, FragmentSelector=selector, MaxResults=1000)["Fragments"]
        return sorted(found, key=lambda fragment: fragment["FragmentNumber"])
