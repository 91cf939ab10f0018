# SPDX-License-Identifier: LGPL-2.1-or-later
"""kvs-local: GetClip. FFmpeg and GStreamer play the clips; their pictures are those of the source."""

import json
import os
import sqlite3
import struct
import subprocess
import tempfile
import time
import unittest

import archive_media as av
import media
import mkvwriter as mkv
import support
from kvs_archive_case import ArchiveCase, require_kvs_local

START = 1000


def setUpModule():
    require_kvs_local()
    support.tool("ffmpeg")


def boxes(data):
    """Names of the file's boxes in their order."""
    found, at = [], 0
    while at < len(data):
        size, name = struct.unpack(">I4s", data[at:at + 8])
        if size == 1:
            size = struct.unpack(">Q", data[at + 8:at + 16])[0]
        found.append(name.decode())
        at += size
    return found


class ClipCase(ArchiveCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name

    def put_data(self, data, start=START):
        acks = self.put(timecodes="RELATIVE", start=str(start)).send_all(data)
        self.assertEqual([ack for ack in acks if ack["EventType"] == "ERROR"], [])
        return [ack["FragmentNumber"] for ack in acks if ack["EventType"] == "PERSISTED"]

    def put_file(self, path, start=START):
        with open(path, "rb") as file:
            return self.put_data(file.read(), start)

    def request(self, start=START, end=START + 300, selector="PRODUCER_TIMESTAMP"):
        return {"StreamName": self.stream,
                "ClipFragmentSelector": self.selector(selector, start, end)}

    def clip(self, *args, **members):
        """Path of the clip."""
        answer = self.call("get_clip", {**self.request(*args, **members)})
        self.assertEqual(answer["ContentType"], "video/mp4")
        data = answer["Payload"].read()
        self.assertEqual(boxes(data)[:2], ["ftyp", "moov"])
        self.assertIn("mdat", boxes(data))
        self.assertNotIn("moof", boxes(data))
        path = os.path.join(self.folder, f"{self.stream}.mp4")
        with open(path, "wb") as file:
            file.write(data)
        return path

    def refused_clip(self, code, status=400, **members):
        return self.refused_raw("/getClip", self.request(**members), code, status)

    def check_times(self, path, seconds, rate=av.RATE, delta=0.001):
        """Pictures are evenly spaced, and begin with the clip."""
        packets = media.probe(path)["packets"]
        times = sorted(float(packet["pts_time"]) for packet in packets)
        self.assertEqual(len(times), round(seconds * rate))
        for before, after in zip(times, times[1:]):
            self.assertAlmostEqual(after - before, 1 / rate, delta=delta)
        decoding = [float(packet["dts_time"]) for packet in packets]
        self.assertEqual(decoding, sorted(set(decoding)))
        self.assertAlmostEqual(times[0], 0, delta=delta)


def sample_entry(path):
    return media.probe(path)["streams"][0]["codec_tag_string"]


class Clips(ClipCase):
    def test_h264(self):
        source = av.make_media(os.path.join(self.folder, "h264.mkv"))
        self.put_file(source)
        clip = self.clip()
        self.assertEqual(media.picture_hashes(clip), media.picture_hashes(source))
        self.assertEqual(sample_entry(clip), "avc1")
        self.check_times(clip, 5)

    def test_h265(self):
        source = av.make_media(os.path.join(self.folder, "h265.mkv"), 3, "libx265")
        self.put_file(source)
        clip = self.clip()
        self.assertEqual(media.picture_hashes(clip), media.picture_hashes(source))
        self.assertEqual(sample_entry(clip), "hvc1")
        self.check_times(clip, 3)

    def test_sound(self):
        """Sound is not decoded: the packets are the source's, and at the source's times."""
        source = av.make_media(os.path.join(self.folder, "sound.mkv"), 4, audio=True)
        self.put_file(source)
        clip = self.clip()
        self.assertEqual(media.picture_hashes(clip), media.picture_hashes(source))
        self.assertEqual(media.packet_hashes(clip, "a"), media.packet_hashes(source, "a"))
        video, audio = ([float(packet["pts_time"]) for packet in media.probe(clip, kind)["packets"]]
                        for kind in "va")
        want_video, want_audio = ([float(packet["pts_time"])
                                   for packet in media.probe(source, kind)["packets"]]
                                  for kind in "va")
        shift = min(video) - min(want_video)
        for got, want in zip(sorted(video), sorted(want_video)):
            self.assertAlmostEqual(got - want, shift, delta=0.002)
        for got, want in zip(audio, want_audio):
            self.assertAlmostEqual(got - want, shift, delta=0.025)

    def test_gstreamer(self):
        source = av.make_media(os.path.join(self.folder, "gst.mkv"), 3)
        self.put_file(source)
        clip = self.clip()
        support.require_elements("qtdemux", "avdec_h264", "checksumsink")
        text = media.run_quiet(
            support.tool("gst-launch-1.0"), "-q", "filesrc", f"location={clip}", "!", "qtdemux",
            "!", "h264parse", "!", "avdec_h264", "!", "checksumsink", "hash=sha256", "sync=false")
        self.assertEqual([line.split()[1] for line in text.splitlines() if line],
                         media.gstreamer_picture_hashes(source, "h264parse", "avdec_h264"))

    def test_kvssink(self):
        """Picture and sound as kvssink put them."""
        support.require_elements("x264enc", "avenc_aac")
        source = os.path.join(self.folder, "sink.mkv")
        child = support.pipeline(
            "videotestsrc num-buffers=60 pattern=ball ! video/x-raw,width=160,height=120,"
            "framerate=10/1 ! x264enc key-int-max=10 ! h264parse ! tee name=t "
            f"t. ! queue ! matroskamux ! filesink location={source} t. ! queue ! kvssink name=sink "
            f"stream-name={self.stream} streaming-type=offline file-start-time={START} "
            "audiotestsrc num-buffers=256 samplesperbuffer=1024 ! audio/x-raw,rate=44100,channels=1 "
            "! avenc_aac ! aacparse ! queue ! sink.", env=self.kvs.env)
        self.assertEqual(child.wait(60), 0, child.output)
        clip = self.clip()
        self.assertEqual(media.picture_hashes(clip), media.picture_hashes(source))
        self.check_times(clip, 6, delta=0.002)
        self.assertEqual(media.probe(clip, "a")["streams"][0]["codec_name"], "aac")
        self.assertGreater(len(media.packet_hashes(clip, "a")), 200)

    def test_part_of_a_stream(self):
        """Fragments that begin within the range, both ends included (section 14)."""
        source = av.make_media(os.path.join(self.folder, "part.mkv"))
        self.put_file(source)
        pictures = media.picture_hashes(source)
        for start, end, want in ((START + 1, START + 3, pictures[10:40]),
                                 (START + 0.5, START + 2.5, pictures[10:30]),
                                 (START + 4, START + 5, pictures[40:])):
            clip = self.clip(start, end)
            self.assertEqual(media.picture_hashes(clip), want)
            self.check_times(clip, len(want) / 10)

    def test_server_time(self):
        source = av.make_media(os.path.join(self.folder, "server.mkv"), 3)
        self.put_file(source)
        fragments = self.list_fragments("SERVER_TIMESTAMP", 0, time.time())["Fragments"]
        times = sorted(fragment["ServerTimestamp"].timestamp() for fragment in fragments)
        time.sleep(0.005)
        clip = self.clip(times[0], times[-1] + 0.001, "SERVER_TIMESTAMP")
        self.assertEqual(media.picture_hashes(clip), media.picture_hashes(source))

    def test_gap_is_closed(self):
        source = av.make_media(os.path.join(self.folder, "gap.mkv"), 2)
        self.put_file(source)
        self.put_file(source, START + 100)
        clip = self.clip()
        self.assertEqual(media.picture_hashes(clip), media.picture_hashes(source) * 2)
        self.check_times(clip, 4)

    def test_same_time_twice(self):
        """The fragment with the largest number wins (section 12)."""
        first = av.make_media(os.path.join(self.folder, "first.mkv"), 3)
        with open(first, "rb") as file:
            data = file.read()
        self.put_data(data)
        self.put_data(data)
        clip = self.clip()
        self.assertEqual(media.picture_hashes(clip), media.picture_hashes(first))
        server = self.list_fragments("SERVER_TIMESTAMP", 0, time.time())["Fragments"]
        self.assertEqual(len(server), 6)

    def test_collection_of_later(self):
        """Media for the same time that came much later are not mixed in (section 12)."""
        options = {"source": "testsrc2=size=160x120:rate=10"}
        first = av.make_media(os.path.join(self.folder, "a.mkv"), 3, **options)
        later = av.make_media(os.path.join(self.folder, "b.mkv"), 3, options=["-vf", "negate"],
                              **options)
        self.put_file(first)
        numbers = self.put_file(later, START + 0.5)
        index = sqlite3.connect(os.path.join(self.kvs.data, "kvs-local.sqlite"))
        with index:
            index.executemany("UPDATE fragments SET server_ms = server_ms + 3600000 WHERE number = ?",
                              [[number] for number in numbers])
        index.close()
        clip = self.clip(START, START + 10)
        self.assertEqual(media.picture_hashes(clip), media.picture_hashes(first))

    def test_200_fragments(self):
        """What is beyond is left away (section 14)."""
        source = av.make_media(os.path.join(self.folder, "two.mkv"), 2)
        with open(source, "rb") as file:
            data = file.read()
        _, segment, start, _ = mkv.parse(data)[1]
        clusters = [content for number, content, _, _ in segment if number == mkv.CLUSTER]
        header = data[:next(at for number, _, at, _ in segment if number == mkv.CLUSTER)]
        self.assertGreater(len(header), start)
        frames = list(av.cluster_blocks(clusters[0]))
        self.put_data(header + b"".join(mkv.cluster(1000 * i, b"".join(
            mkv.simple_block(at, frame, track, key) for at, track, key, frame in frames))
            for i in range(205)))
        clip = self.clip(START, START + 300)
        self.check_times(clip, 200)

    def test_100_megabytes(self):
        """The same for bytes: of fragments of 30 MB each there are three."""
        source = av.make_media(os.path.join(self.folder, "big.mkv"), 5)
        with open(source, "rb") as file:
            data = file.read()
        filler = b"\x0c" + os.urandom(1000) * 30000
        unit = struct.pack(">I", len(filler)) + filler.replace(b"\0\0", b"\1\1")
        _, segment, _, _ = mkv.parse(data)[1]
        header = data[:next(at for number, _, at, _ in segment if number == mkv.CLUSTER)]
        clusters = [list(av.cluster_blocks(content)) for number, content, _, _ in segment
                    if number == mkv.CLUSTER]
        connection = self.put(timecodes="RELATIVE", start=str(START)).accepted()
        connection.send(header)
        for i, frames in enumerate(clusters):
            base = frames[0][0]
            connection.send(mkv.cluster(1000 * i, b"".join(
                mkv.simple_block(at - base, frame + (unit if n == 0 else b""), track, key)
                for n, (at, track, key, frame) in enumerate(frames))))
        connection.end()
        self.assertEqual(len([a for a in connection.acks() if a["EventType"] == "PERSISTED"]), 5)
        clip = self.clip()
        self.assertEqual(len(media.packet_hashes(clip)), 30)
        self.assertLess(os.path.getsize(clip), 100000000)

    def test_nothing_is_left(self):
        source = av.make_media(os.path.join(self.folder, "left.mkv"), 2)
        self.put_file(source)
        folder = os.path.join(self.kvs.data, "media", f"{self.stream}-{self.arn.split('/')[-1]}")
        before = set(os.listdir(folder))
        for _ in range(3):
            self.clip()
        self.assertEqual(set(os.listdir(folder)), before)

    def test_awscli(self):
        if not os.path.exists("/usr/bin/aws"):
            self.skipTest("awscli is not installed")
        source = av.make_media(os.path.join(self.folder, "cli.mkv"), 2)
        self.put_file(source)
        out = os.path.join(self.folder, "cli.mp4")
        result = subprocess.run(
            ["/usr/bin/aws", "kinesis-video-archived-media", "get-clip", "--endpoint-url",
             self.kvs.url, "--stream-name", self.stream, "--clip-fragment-selector",
             "FragmentSelectorType=PRODUCER_TIMESTAMP,TimestampRange="
             f"{{StartTimestamp={START},EndTimestamp={START + 10}}}", out],
            env={**os.environ, **self.kvs.env}, capture_output=True, text=True,
            timeout=120 * support.SLOWNESS)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(json.loads(result.stdout), {"ContentType": "video/mp4"})
        self.assertEqual(media.picture_hashes(out), media.picture_hashes(source))


def track(codec_id, private=None, number=1, kind=1):
    shape = (mkv.element(mkv.VIDEO, mkv.element(mkv.PIXEL_WIDTH, 64)
                         + mkv.element(mkv.PIXEL_HEIGHT, 48)) if kind == 1 else
             mkv.element(mkv.AUDIO, mkv.element(mkv.SAMPLING_FREQUENCY, 48000.0)
                         + mkv.element(mkv.CHANNELS, 1)))
    return mkv.element(mkv.TRACK_ENTRY, mkv.element(mkv.TRACK_NUMBER, number)
                       + mkv.element(mkv.TRACK_UID, number) + mkv.element(mkv.TRACK_TYPE, kind)
                       + mkv.element(mkv.CODEC_ID, codec_id)
                       + (mkv.element(0x63A2, private) if private else b"") + shape)


class Refused(ClipCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.source = av.make_media(os.path.join(cls.folder, "good.mkv"), 2)
        with open(cls.source, "rb") as file:
            cls.data = file.read()
        private = cls.data.index(b"\x63\xa2")
        size, at = mkv._read_head(cls.data, private)[1:]
        cls.avcc = cls.data[at:at + size]

    def test_invalid_arguments(self):
        self.put_data(self.data)
        now = int(time.time())
        good = {"StartTimestamp": START, "EndTimestamp": START + 10}
        for selector in (
                None, {}, [], {"TimestampRange": good},
                {"FragmentSelectorType": "PRODUCER_TIMESTAMP"},
                {"FragmentSelectorType": "EARLIEST", "TimestampRange": good},
                {"FragmentSelectorType": "PRODUCER_TIMESTAMP", "TimestampRange": {
                    "StartTimestamp": START}},
                {"FragmentSelectorType": "PRODUCER_TIMESTAMP", "TimestampRange": {
                    "EndTimestamp": START}},
                {"FragmentSelectorType": "PRODUCER_TIMESTAMP", "TimestampRange": {
                    "StartTimestamp": START, "EndTimestamp": START}},
                {"FragmentSelectorType": "PRODUCER_TIMESTAMP", "TimestampRange": {
                    "StartTimestamp": START, "EndTimestamp": START + 86400.001}},
                {"FragmentSelectorType": "SERVER_TIMESTAMP", "TimestampRange": {
                    "StartTimestamp": now - 60, "EndTimestamp": now + 60}},
                {"FragmentSelectorType": "SERVER_TIMESTAMP", "TimestampRange": {
                    "StartTimestamp": now - 3 * 3600, "EndTimestamp": now - 2 * 3600}}):
            self.refused_raw("/getClip", {"ClipFragmentSelector": selector},
                             "InvalidArgumentException")

    def test_no_fragments(self):
        message = self.refused_clip("ResourceNotFoundException", 404)
        self.assertEqual(message, "No fragments found in the stream for the clip request.")
        self.put_data(self.data)
        self.refused_clip("ResourceNotFoundException", 404, start=START + 50)

    def test_unknown_stream(self):
        self.refused_raw("/getClip", {**self.request(), "StreamName": "nowhere"},
                         "ResourceNotFoundException", 404)

    def test_modelled(self):
        """botocore raises the exception of the model."""
        with self.assertRaises(self.archive.exceptions.ResourceNotFoundException):
            self.archive.get_clip(**self.request())

    def test_change_of_codec_private_data(self):
        other = av.make_media(os.path.join(self.folder, "other.mkv"), 2, size=(320, 240))
        self.put_data(self.data)
        self.put_file(other, START + 2)
        self.refused_clip("InvalidCodecPrivateDataException")
        self.assertEqual(media.picture_hashes(self.clip(START + 2, START + 10)),
                         media.picture_hashes(other))

    def test_change_of_tracks(self):
        other = av.make_media(os.path.join(self.folder, "tracks.mkv"), 2, audio=True)
        self.put_data(self.data)
        self.put_file(other, START + 2)
        self.refused_clip("UnsupportedStreamMediaTypeException")

    def test_unsupported_media(self):
        aac = track("A_AAC", b"\x11\x88", 1, 2)
        avc = track("V_MPEG4/ISO/AVC", self.avcc)
        cases = [[track("V_MJPEG")], [aac], [track("V_VP8")],
                 [avc, track("A_OPUS", b"OpusHead", 2, 2)]]
        for i, tracks in enumerate(cases):
            blocks = b"".join(mkv.simple_block(0, b"frame", n + 1) for n in range(len(tracks)))
            self.put_data(mkv.header(*tracks) + mkv.cluster(0, blocks), START + 10 * i)
            self.refused_clip("UnsupportedStreamMediaTypeException", start=START + 10 * i,
                              end=START + 10 * i + 1)

    def test_codec_private_data(self):
        avc = track("V_MPEG4/ISO/AVC", self.avcc)
        cases = [([track("V_MPEG4/ISO/AVC")], "MissingCodecPrivateDataException"),
                 ([track("V_MPEG4/ISO/AVC", b"\0\0\0\1\x67")], "InvalidCodecPrivateDataException"),
                 ([track("V_MPEGH/ISO/HEVC", b"\1\2\3")], "InvalidCodecPrivateDataException"),
                 ([avc, track("A_AAC", None, 2, 2)], "MissingCodecPrivateDataException"),
                 ([avc, track("A_AAC", b"\xff", 2, 2)], "InvalidCodecPrivateDataException")]
        for i, (tracks, code) in enumerate(cases):
            blocks = b"".join(mkv.simple_block(0, b"frame", n + 1) for n in range(len(tracks)))
            self.put_data(mkv.header(*tracks) + mkv.cluster(0, blocks), START + 10 * i)
            message = self.refused_clip(code, start=START + 10 * i, end=START + 10 * i + 1)
            self.assertIn(f"track {len(tracks)}", message)

    def test_frames_that_are_not_whole(self):
        header = mkv.header(track("V_MPEG4/ISO/AVC", self.avcc))
        for i, frame in enumerate((b"frame", b"\0\0\0\x09\x65\x88", b"\0\0\0\1\x65\0\0",
                                   b"\0\0\0\0", b"\0\0\0\1")):
            self.put_data(header + mkv.cluster(0, mkv.simple_block(0, frame)), START + 10 * i)
            self.refused_clip("InvalidMediaFrameException", start=START + 10 * i,
                              end=START + 10 * i + 1)


class WithoutRetention(ClipCase):
    RETENTION = 0

    def test_refused(self):
        self.put().send_all(mkv.header() + mkv.cluster(0))
        self.refused_clip("NoDataRetentionException")


if __name__ == "__main__":
    unittest.main()
