# SPDX-License-Identifier: LGPL-2.1-or-later
"""The main job: gst-launch-1.0 ... ! kvssink stores video in a stream, and it can be read back."""

import os
import subprocess
import sys
import tempfile
import unittest

import media
import support
from kvslocal import KvsLocal

LIVE = ("videotestsrc is-live=true num-buffers={frames} "
        "! video/x-raw,width=320,height=240,framerate=30/1 "
        "! x264enc tune=zerolatency key-int-max=30 speed-preset=ultrafast ")


class Case(unittest.TestCase):
    """A test with a kvs-local of its own."""

    def setUp(self):
        self.kvs = KvsLocal().start()
        self.addCleanup(self.kvs.__exit__)

    def upload(self, description, stream="cam", sink="", env=None, options=("-e",), timeout=60):
        child = support.pipeline(f"{description} ! kvssink name=sink stream-name={stream} {sink}",
                                 env={**self.kvs.env, **(env or {})}, options=options)
        self.assertEqual(child.wait(timeout), 0, child.output)
        self.assertNotIn("WARNING", child.output)
        self.assertNotIn("ERROR", child.output)
        return child

    def check_fragments(self, fragments, wanted_hashes):
        got = [digest for fragment in fragments for digest in fragment.hashes]
        self.assertEqual(got, wanted_hashes)
        self.assertTrue(all(fragment.starts_with_key for fragment in fragments))
        for before, after in zip(fragments, fragments[1:]):
            self.assertGreater(after.first_pts_ms, before.last_pts_ms)
        for fragment in fragments:
            media.check_with_mkvinfo(fragment.path)


class Clip(Case):
    timeout = 180

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.clip = media.make_clip(os.path.join(cls.folder.name, "clip.mkv"))
        cls.hashes = media.packet_hashes(cls.clip)

    def source(self, caps=""):
        return f"filesrc location={self.clip} ! matroskademux ! h264parse {caps} "

    def test_20_s_at_its_own_pace(self):
        """600 of 600 frames of 20 s at 4 Mbit/s, identical, in fragments that start with key frames."""
        self.assertEqual(len(self.hashes), 600)
        self.upload(self.source() + "! identity sync=true")
        fragments = media.read_back(self.kvs, "cam")
        self.check_fragments(fragments, self.hashes)
        self.assertEqual(len(fragments), 10)
        self.assertEqual(fragments[0].stream["width"], 1280)

    def test_offline_as_fast_as_possible(self):
        self.upload(self.source(), sink="streaming-type=offline file-start-time=1700000000")
        fragments = media.read_back(self.kvs, "cam")
        self.check_fragments(fragments, self.hashes)
        self.assertEqual(fragments[0].first_pts_ms, 1700000000000)
        self.assertAlmostEqual(fragments[-1].last_pts_ms, 1700000000000 + 599 * 1000 / 30, delta=40)

    def test_offline_with_a_buffer_smaller_than_the_file(self):
        """The source waits for room; nothing is lost."""
        self.upload(self.source(), sink="streaming-type=offline storage-size=1 buffer-duration=4")
        self.check_fragments(media.read_back(self.kvs, "cam"), self.hashes)

    def test_byte_stream_becomes_length_prefixed(self):
        """The same frames as h264parse makes of them, with the avcC from the bitstream."""
        self.upload(self.source("! video/x-h264,stream-format=byte-stream,alignment=au"),
                    sink="streaming-type=offline")
        want = os.path.join(self.folder.name, "round-trip.mkv")
        media.launch(self.source("! video/x-h264,stream-format=byte-stream,alignment=au"),
                     "! h264parse ! video/x-h264,stream-format=avc,alignment=au",
                     f"! matroskamux ! filesink location={want}")
        fragments = media.read_back(self.kvs, "cam")
        self.check_fragments(fragments, media.packet_hashes(want))
        source = media.probe(self.clip)["streams"][0]
        for field in ("codec_name", "profile", "level", "width", "height", "pix_fmt", "is_avc",
                      "nal_length_size"):
            self.assertEqual(fragments[0].stream[field], source[field], field)

    def test_relative_times(self):
        self.upload(self.source(), sink="streaming-type=offline absolute-fragment-times=false")
        fragments = media.read_back(self.kvs, "cam")
        self.check_fragments(fragments, self.hashes)
        self.assertEqual(fragments[0].first_pts_ms, 0)

    def test_fragment_duration(self):
        """Without key-frame-fragmentation a fragment holds several groups of pictures."""
        self.upload(self.source(), sink="streaming-type=offline key-frame-fragmentation=false "
                                        "fragment-duration=5000")
        fragments = media.read_back(self.kvs, "cam")
        self.check_fragments(fragments, self.hashes)
        self.assertEqual(len(fragments), 4)

    def test_small_flush_interval_and_large(self):
        for stream, interval in (("at-once", 0), ("late", 2000)):
            self.upload(self.source(), stream=stream,
                        sink=f"streaming-type=offline flush-interval={interval}")
            self.check_fragments(media.read_back(self.kvs, stream), self.hashes)

    def test_read_back_example(self):
        """examples/read_back.py finds every frame, and its file can be played."""
        self.upload(self.source(), sink="streaming-type=offline")
        example = os.path.join(os.path.dirname(__file__), "..", "..", "examples", "read_back.py")
        out = os.path.join(self.folder.name, "out.mkv")
        command = [sys.executable, example, "cam", "--endpoint", self.kvs.url, "--out", out]
        result = subprocess.run(command + ["--compare", self.clip], capture_output=True, text=True,
                                env={**os.environ, **self.kvs.env}, timeout=60)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("600 of 600 frames", result.stdout)
        self.assertEqual(media.packet_hashes(out), self.hashes)
        media.check_with_mkvinfo(out)
        other = media.make_clip(os.path.join(self.folder.name, "other.mkv"), frames=30)
        result = subprocess.run(command + ["--compare", other], capture_output=True, text=True,
                                env={**os.environ, **self.kvs.env}, timeout=60)
        self.assertEqual(result.returncode, 1)


class Live(Case):
    def test_live_source(self):
        """A new stream is created with what the properties say, and takes all frames."""
        self.upload(LIVE.format(frames=90),
                    sink='retention-period=5 stream-tags=tags,site=(string)gate,camera=(string)2')
        client = self.kvs.client()
        info = client.describe_stream(StreamName="cam")["StreamInfo"]
        self.assertEqual(info["DataRetentionInHours"], 5)
        self.assertEqual(info["MediaType"], "video/h264")
        self.assertEqual(client.list_tags_for_stream(StreamName="cam")["Tags"],
                         {"site": "gate", "camera": "2"})
        fragments = media.read_back(self.kvs, "cam")
        self.assertEqual(sum(len(fragment.hashes) for fragment in fragments), 90)
        self.assertTrue(all(fragment.starts_with_key for fragment in fragments))

    @support.valgrind
    def test_short_upload(self):
        self.upload("videotestsrc num-buffers=30 ! video/x-raw,width=160,height=120,framerate=30/1 "
                    "! x264enc key-int-max=15 speed-preset=ultrafast")
        self.assertEqual(sum(len(fragment.hashes) for fragment in media.read_back(self.kvs, "cam")),
                         30)

    def test_b_frames_and_open_gop(self):
        """Leading pictures lie before their key frame; none is lost."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        clip = media.make_clip(os.path.join(folder.name, "b.mkv"), frames=200, size=(320, 240),
                               encoder="bframes=3 b-adapt=false option-string=open-gop=1")
        self.upload(f"filesrc location={clip} ! matroskademux ! h264parse",
                    sink="streaming-type=offline")
        got = [digest for fragment in media.read_back(self.kvs, "cam")
               for digest in fragment.hashes]
        self.assertEqual(got, media.packet_hashes(clip))

    def test_retention_zero(self):
        """A stream that keeps nothing has no PERSISTED: the end comes with RECEIVED."""
        self.upload(LIVE.format(frames=45), sink="retention-period=0")
        self.assertEqual(sum(len(fragment.hashes) for fragment in media.read_back(self.kvs, "cam")),
                         45)

    def test_without_acks(self):
        self.upload(LIVE.format(frames=45), sink="fragment-acks=false")
        self.assertEqual(sum(len(fragment.hashes) for fragment in media.read_back(self.kvs, "cam")),
                         45)

    def test_acks_are_messages(self):
        child = self.upload(LIVE.format(frames=60), options=("-e", "-m"))
        for event in ("buffering", "received", "persisted"):
            self.assertRegex(child.output, rf"kvs-fragment-ack, type=\(string\){event}")
        self.assertRegex(child.output, "kvs-session-started")
        self.assertEqual(child.output.count("Got EOS from element"), 1)

    def test_session_token(self):
        kvs = KvsLocal(env={"AWS_SESSION_TOKEN": "a/session+token=="}).start()
        self.addCleanup(kvs.__exit__)
        child = support.pipeline(LIVE.format(frames=30) + "! kvssink stream-name=cam",
                                 env={**kvs.env, "AWS_SESSION_TOKEN": "a/session+token=="})
        self.assertEqual(child.wait(60), 0, child.output)

    def test_the_service_comes_late(self):
        """A camera that boots before its network: a warning, and then everything is delivered."""
        port = support.free_port()
        env = {**self.kvs.env, "AWS_ENDPOINT_URL_KINESIS_VIDEO": f"http://127.0.0.1:{port}"}
        child = support.pipeline(LIVE.format(frames=90) + "! kvssink stream-name=cam", env=env)
        child.wait_for_output("WARNING.*kvssink", timeout=10)
        child.wait_for_output("Trying again; meanwhile media are buffered", timeout=1)
        late = KvsLocal(args=["--port", str(port)]).start()
        self.addCleanup(late.__exit__)
        self.assertEqual(child.wait(90), 0, child.output)
        self.assertEqual(sum(len(fragment.hashes) for fragment in media.read_back(late, "cam")), 90)

    def test_the_service_restarts(self):
        """The connection breaks in the middle; every frame is there afterwards."""
        data = tempfile.TemporaryDirectory()
        self.addCleanup(data.cleanup)
        port = support.free_port()
        first = KvsLocal(args=["--port", str(port)], data=data.name).start()
        env = first.env
        child = support.pipeline(LIVE.format(frames=150) + "! kvssink stream-name=cam",
                                 env=env, options=("-e", "-m"))
        child.wait_for_output(r"type=\(string\)persisted", timeout=30)
        first.kill()
        second = KvsLocal(args=["--port", str(port)], data=data.name).start()
        self.addCleanup(second.__exit__)
        self.assertEqual(child.wait(90), 0, child.output)
        hashes = [digest for fragment in media.read_back(second, "cam")
                  for digest in fragment.hashes]
        # what was persisted at the kill but not acknowledged any more may be there twice
        self.assertEqual(len(dict.fromkeys(hashes)), 150)


if __name__ == "__main__":
    unittest.main()
