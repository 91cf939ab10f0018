# SPDX-License-Identifier: LGPL-2.1-or-later
"""Streams of real encoders, cut into NAL units and gathered again by lib/media/access-unit.c: the
access units are those that GStreamer's own parsers find."""

import glob
import os
import re
import struct
import subprocess
import tempfile
import unittest

import media
import support

# see tests/e2e/run.py
LONG = True

START_CODE = re.compile(rb"\x00\x00\x01")
H264_AUD = 9
H264_SETS = (7, 8)
H265_AUD = 35
FRAMES = 40


def split(data):
    """The NAL units of a byte stream."""
    units = [unit.rstrip(b"\x00") for unit in START_CODE.split(data)[1:]]
    return [unit for unit in units if unit]


def start_code(number):
    """Three or four bytes, as encoders mix them."""
    return b"\x00\x00\x01" if number % 3 else b"\x00\x00\x00\x01"


def in_buffers(chunks, n_per_buffer):
    return [b"".join(chunks[i:i + n_per_buffer]) for i in range(0, len(chunks), n_per_buffer)]


def gather(codec, stream_format, buffers):
    """(number of the buffer that it has its times of, bytes) of each access unit."""
    program = support.built("tests", "e2e", "gather-units")
    answer = subprocess.run(
        [program, codec, stream_format], capture_output=True, check=False,
        input=b"".join(struct.pack(">I", len(buffer)) + buffer for buffer in buffers))
    if answer.returncode != 0 or answer.stderr:
        raise AssertionError(answer.stderr.decode())
    units, at = [], 0
    while at < len(answer.stdout):
        number, size = struct.unpack_from(">II", answer.stdout, at)
        units.append((number, answer.stdout[at + 8:at + 8 + size]))
        at += 8 + size
    return units


class AccessUnits(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def make_clip(self, codec, encoder, raw=""):
        if support.Child([support.tool("gst-inspect-1.0"), "--exists", encoder.split()[0]]).wait():
            self.skipTest(f"{encoder.split()[0]} is not installed")
        clip = os.path.join(self.folder, "clip")
        media.launch(f"videotestsrc num-buffers={FRAMES} pattern=ball",
                     f"! video/x-raw,format=I420,width=640,height=480,framerate=30/1{raw}",
                     f"! {encoder} ! video/x-{codec},stream-format=byte-stream",
                     f"! filesink location={clip}")
        return clip

    def parse(self, codec, clip):
        """What GStreamer finds: the NAL units of each access unit."""
        media.launch(f"filesrc location={clip} ! {codec}parse",
                     f"! video/x-{codec},stream-format=byte-stream,alignment=au",
                     f"! multifilesink location={self.folder}/au%06d")
        units = []
        for path in sorted(glob.glob(os.path.join(self.folder, "au*"))):
            with open(path, "rb") as file:
                units.append(split(file.read()))
        return units

    def check(self, codec, encoder, raw="", min_slices=1):
        clip = self.make_clip(codec, encoder, raw)
        with open(clip, "rb") as file:
            nals = split(file.read())
        wanted = self.parse(codec, clip)
        if not any(self.is_aud(codec, nal) for nal in nals):
            # the parser puts in its own
            wanted = [[nal for nal in unit if not self.is_aud(codec, nal)] for unit in wanted]
        self.assertEqual(sum(wanted, []), nals)
        self.assertEqual(len(wanted), FRAMES)
        self.assertGreaterEqual(len(nals), min_slices * FRAMES)
        self.check_byte_stream(codec, nals, wanted)
        self.check_lengths(codec, nals, wanted)
        if codec == "h264":
            self.check_without_sets(wanted)

    @staticmethod
    def is_aud(codec, nal):
        return nal[0] & 31 == H264_AUD if codec == "h264" else nal[0] >> 1 == H265_AUD

    def check_byte_stream(self, codec, nals, wanted):
        chunks = [start_code(i) + nal for i, nal in enumerate(nals)]
        for n_per_buffer in (1, 2, 7, len(nals)):
            with self.subTest(stream_format="byte-stream", n_per_buffer=n_per_buffer):
                got = gather(codec, "byte-stream", in_buffers(chunks, n_per_buffer))
                self.assertEqual(b"".join(data for _, data in got), b"".join(chunks))
                self.assertEqual([split(data) for _, data in got], wanted)
                if n_per_buffer == 1:
                    self.check_times(got, wanted)

    def check_lengths(self, codec, nals, wanted):
        chunks = [struct.pack(">I", len(nal)) + nal for nal in nals]
        whole = [b"".join(struct.pack(">I", len(nal)) + nal for nal in unit) for unit in wanted]
        for n_per_buffer in (1, 3):
            with self.subTest(stream_format="lengths", n_per_buffer=n_per_buffer):
                got = gather(codec, "lengths", in_buffers(chunks, n_per_buffer))
                self.assertEqual([data for _, data in got], whole)

    def check_without_sets(self, wanted):
        with self.subTest("no parameter sets"):
            wanted = [[nal for nal in unit if nal[0] & 31 not in H264_SETS] for unit in wanted]
            chunks = [start_code(i) + nal for i, nal in enumerate(sum(wanted, []))]
            got = gather("h264", "byte-stream", chunks)
            self.assertEqual([split(data) for _, data in got], wanted)

    def check_times(self, got, wanted):
        """Each has those of its first buffer."""
        first = 0
        for (number, _), unit in zip(got, wanted):
            self.assertEqual(number, first)
            first += len(unit)

    def test_x264(self):
        self.check("h264", "x264enc threads=1 key-int-max=15 bframes=3 b-pyramid=true")

    def test_x264_slices(self):
        self.check("h264", "x264enc threads=1 key-int-max=15 bframes=2 option-string=slices=4",
                   min_slices=4)

    def test_x264_uneven_slices_and_aud(self):
        self.check("h264", "x264enc threads=1 tune=zerolatency aud=true "
                           "option-string=slice-max-size=1000:slice-max-mbs=450", min_slices=4)

    def test_x264_intra_refresh(self):
        self.check("h264", "x264enc threads=1 intra-refresh=true aud=false key-int-max=15 "
                           "option-string=slices=3", min_slices=3)

    def test_x264_all_intra(self):
        self.check("h264", "x264enc threads=1 key-int-max=1 aud=false option-string=slices=3",
                   min_slices=3)

    def test_x264_interlaced(self):
        # two fields in the macroblocks of one picture: still one access unit a frame
        self.check("h264", "x264enc threads=1 interlaced=true aud=false bframes=2 "
                           "option-string=slices=4",
                   ",interlace-mode=interleaved,field-order=top-field-first")

    def test_openh264_slices(self):
        self.check("h264", "openh264enc gop-size=15 slice-mode=n-slices num-slices=4",
                   min_slices=4)

    def test_x265(self):
        self.check("h265", "x265enc speed-preset=ultrafast key-int-max=15 "
                           "option-string=bframes=3:pools=1:frame-threads=1")

    def test_x265_slices_and_aud(self):
        self.check("h265", "x265enc speed-preset=ultrafast key-int-max=15 "
                           "option-string=slices=3:aud=1:hrd=0:pools=1:frame-threads=1",
                   min_slices=3)


if __name__ == "__main__":
    unittest.main()
