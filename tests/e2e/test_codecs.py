# SPDX-License-Identifier: LGPL-2.1-or-later
"""Streams of real encoders, in every form that GStreamer hands them over, arrive whole.

What is stored is compared with what GStreamer's own parser and Matroska muxer make of the same clip.
"""

import os
import tempfile
import unittest

import media
import support
from kvslocal import KvsLocal

RAW = "videotestsrc num-buffers=120 ! video/x-raw,format=I420,width=352,height=288,framerate=30/1 ! "
H264 = ("h264parse", "video/x-h264", "avc")
H265 = ("h265parse", "video/x-h265", "hvc1")


class Codecs(unittest.TestCase):
    timeout = 180

    def setUp(self):
        self.kvs = KvsLocal().start()
        self.addCleanup(self.kvs.__exit__)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def check(self, encoder, codec, stream_formats, same_bytes=True):
        parser, name, stored = codec
        if support.Child([support.tool("gst-inspect-1.0"), "--exists", encoder.split()[0]]).wait():
            self.skipTest(f"{encoder.split()[0]} is not installed")
        clip = os.path.join(self.folder, "clip.mkv")
        media.launch(RAW, encoder, f"! {parser} ! {name},stream-format={stored},alignment=au",
                     f"! matroskamux ! filesink location={clip}")
        wanted = media.packet_hashes(clip)
        self.assertEqual(len(wanted), 120)
        for stream_format in stream_formats:
            with self.subTest(stream_format=stream_format):
                fragments = self.upload(
                    f"filesrc location={clip} ! matroskademux ! {parser} "
                    f"! {name},stream-format={stream_format},alignment=au", stream_format)
                got = [digest for fragment in fragments for digest in fragment.hashes]
                if same_bytes and stream_format == stored:
                    self.assertEqual(got, wanted)
                self.assertEqual(len(got), 120)
                self.assertTrue(all(fragment.starts_with_key for fragment in fragments))
                self.check_description(fragments[0].stream, media.probe(clip)["streams"][0])
                self.check_pictures(stream_format, clip)

    def upload(self, source, stream):
        child = support.pipeline(f"{source} ! kvssink stream-name={stream} streaming-type=offline",
                                 env=self.kvs.env)
        self.assertEqual(child.wait(60), 0, child.output)
        self.assertNotIn("WARNING", child.output)
        return media.read_back(self.kvs, stream)

    def check_description(self, got, wanted):
        for field in ("codec_name", "profile", "level", "width", "height", "pix_fmt"):
            self.assertEqual(got[field], wanted[field], field)

    def check_pictures(self, stream, clip):
        """Decoded with FFmpeg, what came back shows the same pictures as the source."""
        files = media.split_files(self.kvs.get_media(stream))
        out = os.path.join(self.folder, f"{stream}.mkv")
        with open(out, "wb") as file:
            file.write(media.join_files(files))
        self.assertEqual(media.picture_hashes(out), media.picture_hashes(clip))

    def test_x264(self):
        self.check("x264enc key-int-max=30", H264, ("avc", "avc3", "byte-stream"))

    def test_x264_zerolatency_slices(self):
        self.check("x264enc key-int-max=30 tune=zerolatency sliced-threads=true threads=4", H264,
                   ("avc", "byte-stream"))

    def test_x264_open_gop(self):
        self.check("x264enc key-int-max=30 bframes=3 option-string=open-gop=1", H264,
                   ("avc", "byte-stream"))

    def test_x264_intra_refresh(self):
        """Recovery points take the place of IDR pictures."""
        self.check("x264enc key-int-max=30 intra-refresh=true", H264, ("avc",))

    def test_openh264(self):
        self.check("openh264enc gop-size=30", H264, ("avc", "byte-stream"))

    def test_x265(self):
        self.check("x265enc key-int-max=30 speed-preset=ultrafast", H265,
                   ("hvc1", "hev1", "byte-stream"))

    def test_x265_open_gop_b_frames(self):
        self.check("x265enc key-int-max=30 speed-preset=fast option-string=open-gop=1:bframes=3",
                   H265, ("hvc1", "byte-stream"))

    def test_media_type(self):
        """A stream that is created gets the media type of what is uploaded."""
        clip = os.path.join(self.folder, "clip.mkv")
        # libx265 leaks: so not in the process that is looked at for leaks
        media.launch(RAW, "x265enc speed-preset=ultrafast ! h265parse ! matroskamux",
                     f"! filesink location={clip}")
        self.upload(f"filesrc location={clip} ! matroskademux ! h265parse", "cam")
        info = self.kvs.client().describe_stream(StreamName="cam")["StreamInfo"]
        self.assertEqual(info["MediaType"], "video/h265")


if __name__ == "__main__":
    unittest.main()
