# SPDX-License-Identifier: LGPL-2.1-or-later
"""Streams of real encoders, in every form that GStreamer hands them over, arrive whole.

What is stored is compared with what GStreamer's parser and Matroska muxer make of the same clip.
fdkaacenc is left out: it is not in Debian main.
"""

import concurrent.futures
import os
import tempfile
import unittest

import media
import support
import userpipelines
from kvslocal import KvsLocal

# see tests/e2e/run.py
LONG = True

FRAMES = 60
RAW = (f"videotestsrc num-buffers={FRAMES} "
       "! video/x-raw,format=I420,width=352,height=288,framerate=30/1 ! ")
X264 = "x264enc key-int-max=15 speed-preset=veryfast "
X265 = "x265enc key-int-max=15 speed-preset=superfast "
OPENH264 = "openh264enc gop-size=15 "
# tune=zerolatency makes no B-frames, which are the default
ENCODERS = {
    "x264": X264,
    "x264-b-pyramid": X264 + "bframes=4 b-adapt=false b-pyramid=true",
    "x264-open-gop": X264 + "bframes=3 b-adapt=false option-string=open-gop=1",
    "x264-zerolatency": X264 + "tune=zerolatency",
    "x264-slices": X264 + "tune=zerolatency sliced-threads=true threads=4",
    "x264-intra-refresh": X264 + "intra-refresh=true",
    "x265": X265,
    "x265-b-pyramid": X265 + "option-string=bframes=4:b-adapt=0:b-pyramid=1:open-gop=0",
    "x265-open-gop": X265 + "option-string=bframes=3:b-adapt=0:open-gop=1",
    "x265-zerolatency": X265 + "tune=zerolatency",
    "x265-slices": X265 + "option-string=slices=3",
    "x265-intra-refresh": X265 + "option-string=intra-refresh=1",
    "openh264": OPENH264,
    "openh264-slices": OPENH264 + "slice-mode=n-slices num-slices=4",
}
H264 = ("h264parse", "video/x-h264", "avdec_h264", "avc")
H265 = ("h265parse", "video/x-h265", "avdec_h265", "hvc1")
# The first one is what is stored: the same bytes come back. Without avc and hvc1 by NAL unit, for
# which the parsers give no codec_data.
FORMATS = {
    "avc": ("avc,alignment=au", "avc3,alignment=au", "avc3,alignment=nal",
            "byte-stream,alignment=au", "byte-stream,alignment=nal"),
    "hvc1": ("hvc1,alignment=au", "hev1,alignment=au", "hev1,alignment=nal",
             "byte-stream,alignment=au", "byte-stream,alignment=nal"),
}

TONE = "audiotestsrc num-buffers={} samplesperbuffer={} ! audio/x-raw,rate={},channels={} ! "
SOUNDS = {
    "avenc_aac": TONE.format(94, 1024, 48000, 2) + "avenc_aac ! aacparse",
    "voaacenc": TONE.format(32, 1024, 16000, 1) + "voaacenc ! aacparse",
    "alawenc": TONE.format(100, 160, 8000, 1) + "alawenc",
    "mulawenc": TONE.format(100, 160, 8000, 2) + "mulawenc",
}
# GStreamer 1.22's aacparse cannot make ADTS: it writes a wrong sample rate. FFmpeg makes it.
ADTS = "aacparse ! audio/mpeg,stream-format=adts"
# Each encoder of audio with the forms that kvssink takes
AUDIO = [
    None,
    ("avenc_aac", "matroskademux ! aacparse ! audio/mpeg,stream-format=raw"),
    ("avenc_aac", ADTS),
    ("voaacenc", "matroskademux ! aacparse ! audio/mpeg,stream-format=raw"),
    ("voaacenc", ADTS),
    ("alawenc", "matroskademux ! audio/x-alaw"),
    ("mulawenc", "matroskademux ! audio/x-mulaw"),
]


def codec_of(encoder):
    return H265 if encoder.startswith("x265") else H264


class Source:
    """A clip, and what FFmpeg and GStreamer read in it."""

    def __init__(self, path, kind, codec=None):
        self.path = path
        self.hashes = media.packet_hashes(path, kind)
        if codec is not None:
            self.stream = media.probe(path)["streams"][0]
            self.pictures = media.gstreamer_picture_hashes(path, codec[0], codec[2])


class Encoders(unittest.TestCase):
    timeout = 240

    @classmethod
    def setUpClass(cls):
        cls.kvs = KvsLocal(args=["--get-media-empty-seconds", "1"]).start()
        cls.addClassCleanup(cls.kvs.__exit__)
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        support.require_elements("avenc_aac", "voaacenc")
        cls.sounds = {}
        for name, source in SOUNDS.items():
            path = os.path.join(cls.folder.name, f"{name}.mkv")
            media.launch(source, f"! matroskamux ! filesink location={path}")
            cls.sounds[name] = Source(path, "a")
            if "aac" in name:
                media.run_quiet(support.tool("ffmpeg"), "-nostdin", "-v", "error", "-i", path, "-c",
                                "copy", "-f", "adts", os.path.splitext(path)[0] + ".aac")

    def make_clip(self, name):
        parser, caps, _, stored = codec = codec_of(name)
        path = os.path.join(self.folder.name, f"{name}.mkv")
        media.launch(RAW, ENCODERS[name],
                     f"! {parser} ! {caps},stream-format={stored},alignment=au ! matroskamux",
                     f"! filesink location={path}")
        return Source(path, "v", codec)

    def upload(self, name, clip, form, audio, stream=None):
        """Uploads a clip in a form, with one of AUDIO, and gives what is stored."""
        parser, caps, decoder, _ = codec_of(name)
        stream = stream or f"{name}_{form.replace(',alignment=', '-')}"
        text = (f"filesrc location={clip.path} ! matroskademux ! {parser} "
                f"! {caps},stream-format={form} ! kvs. ")
        if audio:
            sound, parse = audio
            path = self.sounds[sound].path
            if parse == ADTS:
                path = os.path.splitext(path)[0] + ".aac"
            text += f"filesrc location={path} ! {parse} ! kvs. "
        child = support.pipeline(
            text + f"kvssink name=kvs stream-name={stream} streaming-type=offline", stream,
            env=self.kvs.env, options=("-e", "-m"))
        if child.wait(60) != 0:
            return child, None, None
        stored = userpipelines.read_stored(self.kvs, stream)
        return child, stored, media.gstreamer_picture_hashes(stored.paths[0], parser, decoder)

    def check_matrix(self, prefix):
        """All forms of what each encoder makes, the kinds of audio going round."""
        jobs = []
        with concurrent.futures.ThreadPoolExecutor(userpipelines.PROCESSES) as pool:
            for at, name in enumerate(ENCODERS):
                if name.split("-")[0] != prefix:
                    continue
                support.require_elements(ENCODERS[name].split()[0])
                clip = self.make_clip(name)
                self.assertEqual(len(clip.hashes), FRAMES)
                forms = FORMATS[codec_of(name)[3]]
                for i, form in enumerate(forms):
                    audio = AUDIO[(at * len(forms) + i) % len(AUDIO)]
                    jobs.append((name, clip, form, audio,
                                 pool.submit(self.upload, name, clip, form, audio)))
            for name, clip, form, audio, job in jobs:
                with self.subTest(encoder=name, form=form, audio=audio):
                    self.check(clip, form, audio, *job.result())

    def check(self, clip, form, audio, child, stored, pictures):
        self.assertEqual(child.returncode, 0, userpipelines.last_words(child.output))
        self.assertNotRegex(child.output, r"(?m)^(?:ERROR|WARNING)")
        self.assertNotIn("type=(string)error", child.output)
        self.assertEqual(stored.complaints, "")
        hashes = [packet["data_hash"] for packet in stored.video]
        if form in ("avc,alignment=au", "hvc1,alignment=au"):
            self.assertEqual(hashes, clip.hashes)
        self.assertEqual(len(hashes), FRAMES)
        self.assertEqual(len(stored.paths), 1)
        for field in ("codec_name", "profile", "level", "width", "height", "pix_fmt"):
            self.assertEqual(stored.streams[0][field], clip.stream[field], field)
        self.assertEqual(pictures, clip.pictures)
        sound = self.sounds[audio[0]].hashes if audio else []
        self.assertEqual([packet["data_hash"] for packet in stored.audio], sound)

    def test_x264(self):
        self.check_matrix("x264")

    def test_x265(self):
        self.check_matrix("x265")

    def test_openh264(self):
        self.check_matrix("openh264")

    def test_media_type(self):
        """A stream that is created gets the media type of what is uploaded."""
        clip = self.make_clip("x265")
        self.upload("x265", clip, "hvc1,alignment=au", None, stream="new")
        info = self.kvs.client().describe_stream(StreamName="new")["StreamInfo"]
        self.assertEqual(info["MediaType"], "video/h265")


if __name__ == "__main__":
    unittest.main()
