# SPDX-License-Identifier: LGPL-2.1-or-later
"""IP cameras: what an RTSP server sends arrives whole and in order, over TCP and UDP, with audio.

The cameras send known clips, so that what is stored can be compared with them.
"""

import os
import re
import sys
import tempfile
import unittest

import media
import support
import userpipelines
from kvslocal import KvsLocal
from userpipelines import Pipeline

# see tests/e2e/run.py
LONG = True
ALONE = True

HERE = os.path.dirname(os.path.abspath(__file__))
FRAMES = 60
RATE = 30
PICTURES = (f"videotestsrc num-buffers={FRAMES} "
            f"! video/x-raw,format=I420,width=320,height=240,framerate={RATE}/1")
# Over UDP the camera's goodbye may overtake the last packets, also those of half a frame
UDP_FRAMES_AT_END = 15
TONE = "audiotestsrc num-buffers={} samplesperbuffer={} ! audio/x-raw,rate={},channels=1"
H264 = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=30 ! h264parse"
H265 = "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=30 ! h265parse"
AAC = TONE.format(2 * 16000 // 1024, 1024, 16000) + " ! avenc_aac ! aacparse"

# What each camera sends: the video and audio of its clip, the payloaders, the depayloaders
CAMERAS = {
    "aac": (H264, AAC, "h264parse ! rtph264pay", "aacparse ! rtpmp4gpay",
            "rtph264depay ! h264parse", "rtpmp4gdepay ! aacparse"),
    "alaw": (H264, TONE.format(100, 160, 8000) + " ! alawenc", "h264parse ! rtph264pay",
             "rtppcmapay", "rtph264depay ! h264parse", "rtppcmadepay"),
    "mulaw": (H265, TONE.format(100, 160, 8000) + " ! mulawenc", "h265parse ! rtph265pay",
              "rtppcmupay", "rtph265depay ! h265parse", "rtppcmudepay"),
    "video": (H264, "", "h264parse ! rtph264pay", "", "rtph264depay ! h264parse", ""),
    "latm": (H265, AAC, "h265parse ! rtph265pay", "aacparse ! rtpmp4apay",
             "rtph265depay ! h265parse", "rtpmp4adepay"),
    "mp2": (H264, TONE.format(2 * 44100 // 1152, 1152, 44100) + " ! avenc_mp2 ! mpegaudioparse",
            "h264parse ! rtph264pay", "mpegaudioparse ! rtpmpapay", "rtph264depay ! h264parse", ""),
}
LIVE = ("videotestsrc is-live=true num-buffers=210 "
        "! video/x-raw,width=160,height=120,framerate=30/1 "
        "! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 "
        "! rtph264pay name=pay0 pt=96")


def make_clip(folder, name):
    video, audio = CAMERAS[name][:2]
    path = os.path.join(folder, f"{name}.mkv")
    media.launch(f"{PICTURES} ! {video} ! mux.", audio and f"{audio} ! mux.",
                 f"matroskamux name=mux ! filesink location={path}")
    return path


def mount(name, clip):
    _, audio, pay_video, pay_audio = CAMERAS[name][:4]
    launch = (f"filesrc location={clip} ! matroskademux name=d "
              f"d. ! queue ! {pay_video} name=pay0 pt=96")
    if audio:
        launch += f" d. ! queue ! {pay_audio} name=pay1 pt=97"
    return f"/{name}={launch}"


def sent_hashes(folder, name, clip):
    """The frames after payloader and depayloader, which may move parameter sets."""
    path = os.path.join(folder, f"{name}-sent.mkv")
    media.launch(f"filesrc location={clip} ! matroskademux",
                 f"! {CAMERAS[name][2]} ! {CAMERAS[name][4]}",
                 f"! matroskamux ! filesink location={path}")
    return media.packet_hashes(path)


class Case(userpipelines.Case):
    timeout = 180

    @classmethod
    def setUpClass(cls):
        support.require_introspection("Gst", "GstRtsp", "GstRtspServer")
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.clips = {name: make_clip(folder.name, name) for name in CAMERAS}
        cls.sent = {name: sent_hashes(folder.name, name, clip) for name, clip in cls.clips.items()}

    def setUp(self):
        mounts = [mount(name, clip) for name, clip in self.clips.items()]
        self.server = support.Child([sys.executable, os.path.join(HERE, "rtspserver.py"),
                                     *mounts, f"/live={LIVE}"], "rtspserver")
        self.addCleanup(self.server.terminate)
        url = self.server.wait_for_output(r"(?m)^rtsp://\S+").group()
        self.urls = {name: f"{url}/{name}" for name in [*CAMERAS, "live"]}


class Transports(Case):
    def pipeline(self, name, protocol):
        video, audio = CAMERAS[name][4:]
        text = (f"rtspsrc location={{{name}}} protocols={protocol} name=src "
                f"src. ! application/x-rtp,media=video ! queue ! {video} ! kvs. ")
        if audio:
            text += f"src. ! application/x-rtp,media=audio ! queue ! {audio} ! queue ! kvs. "
        return Pipeline(f"{name}-{protocol}", text + "kvssink name=kvs stream-name=cam",
                        frames=None, audio=bool(audio))

    def relay(self, names, protocol):
        self.run_all([self.pipeline(name, protocol) for name in names], **self.urls)

    def check_stream(self, pipeline, stream):
        super().check_stream(pipeline, stream)
        name, protocol = pipeline.name.split("-")
        got = [packet["data_hash"] for packet in stream.video]
        missing = UDP_FRAMES_AT_END if protocol == "udp" else 0
        self.assertGreaterEqual(len(got), len(self.sent[name]) - missing)
        self.assertLessEqual(len(got), len(self.sent[name]))
        n_whole = len(got) - 1 if protocol == "udp" else len(got)
        self.assertEqual(got[:n_whole], self.sent[name][:n_whole])
        if pipeline.audio:
            sent = media.payload(self.clips[name], "a")
            self.assertIn(stream.audio_payload, sent)
            self.assertGreater(len(stream.audio_payload), len(sent) * 2 / 3)

    def test_video_over_tcp(self):
        self.relay(["video"], "tcp")

    def test_video_over_udp(self):
        self.relay(["video"], "udp")

    def test_audio_and_video_over_tcp(self):
        self.relay(["aac", "alaw", "mulaw"], "tcp")

    def test_audio_and_video_over_udp(self):
        self.relay(["aac", "alaw", "mulaw"], "udp")


KEYS = "access-key={access_key} secret-key={secret_key} aws-region={region}"
VIDEO = [
    Pipeline("cloud-gateway", """
        rtspsrc location={aac} short-header=TRUE ! rtph264depay ! h264parse
        ! kvssink stream-name=gateway storage-size=128""", FRAMES),
    Pipeline("axis", """
        rtspsrc location={video} short-header=TRUE ! rtph264depay ! h264parse ! video/x-h264
        ! kvssink stream-name="axis" storage-size=512 """ + KEYS, FRAMES),
    Pipeline("aws-docs", """
        rtspsrc location={video} short-header=TRUE ! rtph264depay
        ! video/x-h264, format=avc,alignment=au
        ! kvssink stream-name=YourStreamName storage-size=512""", FRAMES),
    Pipeline("kubernetes", """
        rtspsrc protocols="tcp" location={video} short-header=TRUE ! rtph264depay ! h264parse
        ! kvssink stream-name=k8s storage-size=512 """ + KEYS, FRAMES),
    Pipeline("caps-then-parser", """
        rtspsrc location={alaw} short-header=TRUE ! rtph264depay
        ! video/x-h264,stream-format=avc,alignment=au ! h264parse
        ! kvssink stream-name=test storage-size=120""", FRAMES),
    Pipeline("fragment-duration", """
        rtspsrc location={video} short-header=true ! rtph264depay
        ! video/x-h264, format=avc, alignment=au ! h264parse
        ! kvssink stream-name=a-b storage-size=128 retention-period=1 max-latency=60 framerate=10
        key-frame-fragmentation=false fragment-duration=2000""", FRAMES),
    Pipeline("transcode", """
        rtspsrc location={video} ! decodebin ! x264enc bframes=0 key-int-max=5 bitrate=220
        ! video/x-h264, stream-format=avc, alignment=au, profile=baseline
        ! kvssink stream-name=transcoded retention-period=24""", FRAMES),
    Pipeline("two-streams", """
        rtspsrc location={video} short-header=TRUE ! rtph264depay ! tee name=t ! queue ! h264parse
        ! kvssink stream-name=Stream1 storage-size=512
        t. ! queue ! h264parse ! kvssink stream-name=Stream2 storage-size=512""", FRAMES),
    Pipeline("h265", """
        rtspsrc location={mulaw} ! rtph265depay ! h265parse ! video/x-h265, alignment=au
        ! kvssink stream-name=h265 storage-size=512""", FRAMES),
    Pipeline("h265-hvc1", """
        rtspsrc location={mulaw} ! rtph265depay ! h265parse config-interval=-1
        ! video/x-h265,stream-format=hvc1,alignment=au ! kvssink stream-name=h265""", FRAMES),
    Pipeline("audio-sunk", """
        rtspsrc location={aac} protocols=tcp latency=200 name=src
        src. ! application/x-rtp,media=video ! queue ! rtph264depay ! h264parse config-interval=-1
        ! video/x-h264,stream-format=avc,alignment=au ! queue ! kvs.video_0
        src. ! application/x-rtp,media=audio ! queue ! fakesink sync=false async=false
        kvssink name=kvs stream-name=cam-01""", FRAMES),
]

WITH_AUDIO = [
    Pipeline("a-law-to-aac", """
        rtspsrc location={alaw} protocols=tcp latency=200 name=src
        src. ! application/x-rtp,media=video ! queue ! rtph264depay ! h264parse config-interval=-1
        ! video/x-h264,stream-format=avc,alignment=au ! queue ! kvs.video_0
        src. ! application/x-rtp,media=audio ! queue ! rtppcmadepay ! alawdec ! audioconvert
        ! audio/x-raw,rate=8000,channels=1 ! voaacenc bitrate=32000 ! aacparse
        ! audio/mpeg,mpegversion=4,stream-format=raw ! queue ! kvs.audio_0
        kvssink name=kvs stream-name=cam-02 aws-region=us-west-2""", FRAMES, audio=True),
    Pipeline("mp2-to-aac", """
        rtspsrc name=src location={mp2} short-header=true ! rtph264depay
        ! h264parse ! kvssink name=sink stream-name=mp2
        src. ! rtpmpadepay ! mpegaudioparse ! mpg123audiodec ! audioresample ! audioconvert
        ! voaacenc ! aacparse ! queue ! sink.""", FRAMES, audio=True),
    Pipeline("latm", """
        rtspsrc location={latm} short-header=TRUE name=demux
        demux. ! rtph265depay ! h265parse
        ! video/x-h265, format=havc,alignment=au, width=320, height=240
        ! kvssink name=sink stream-name=latm restart_on_error=false connection_staleness=40
        key-frame-fragmentation=false demux. ! queue ! rtpmp4adepay ! sink.""", FRAMES, audio=True,
             # rtpmp4adepay of GStreamer 1.22 leaves the length in front of the first frame
             decodes=False),
    Pipeline("detection", """
        rtspsrc location={aac} protocols=tcp latency=300 do-rtsp-keep-alive=true
        tcp-timeout=20000000 name=src
        src. ! queue ! rtph264depay ! h264parse ! avdec_h264 ! videoconvert ! videoscale
        ! video/x-raw,width=640,height=480,framerate=30/1
        ! gvadetect model=m.xml ! gvatrack ! gvawatermark ! videoconvert
        ! x265enc bitrate=6144 key-int-max=25 tune=zerolatency speed-preset=superfast
        option-string="bframes=0:rc-lookahead=0:no-scenecut=1:b-adapt=0:repeat-headers=1:vbv-maxrate=6144:vbv-bufsize=6144"
        ! h265parse config-interval=-1 ! video/x-h265,stream-format=hvc1,alignment=au ! queue
        ! kvssink name=sink stream-name="cam" aws-region="us-west-2" framerate=25
        key-frame-fragmentation=true codec-id="V_MPEGH/ISO/HEVC" content-type="video/h265"
        src. ! queue ! rtpmp4gdepay ! aacparse
        ! audio/mpeg,mpegversion=4,stream-format=raw,rate=16000,channels=1 ! queue ! sink.""",
             FRAMES, audio=True),
]

PAUSED = Pipeline("pause", """
    rtspsrc location={video} protocols=tcp ! valve name=valve drop=1 ! rtph264depay ! h264parse
    ! kvssink name=stream_sink stream-name=stream-name""", frames=None)


class Published(Case):
    """Pipelines that users published; see test_pipelines.py.

    Left out: do-timestamp, a property that rtspsrc does not have. Put in: mpegaudioparse, without
    which nothing says what layer of MPEG audio it is.
    """

    def check_count(self, pipeline, n_frames):
        missing = 0 if re.search('protocols="?tcp', pipeline.text) else UDP_FRAMES_AT_END
        self.assertLessEqual(n_frames, pipeline.frames)
        self.assertGreaterEqual(n_frames, pipeline.frames - missing)

    def test_video(self):
        self.run_all(VIDEO, **self.urls)

    def test_audio_and_video(self):
        self.run_all(WITH_AUDIO, **self.urls)

    def test_pause(self):
        """A valve in front of the depayloader opens after 30 packets."""
        command = [sys.executable, os.path.join(HERE, "appsrc_app.py"), "--open=valve:30"]
        self.check(PAUSED, userpipelines.run(PAUSED, command, **self.urls))


class CameraClock(Case):
    """Where a camera says what time it is, that counts."""

    def test_reference_timestamps(self):
        """Producer timestamps are the times of the camera's clock, which is an hour slow."""
        with KvsLocal() as kvs:
            child = support.pipeline(
                f"rtspsrc location={self.urls['live']} protocols=tcp latency=0 "
                "add-reference-timestamp-meta=true ! rtph264depay ! h264parse "
                "! kvssink stream-name=cam", env=kvs.env)
            self.assertEqual(child.wait(60), 0, child.output)
            packets = [packet for fragment in media.read_back(kvs, "cam")
                       for packet in fragment.packets]
        captured = [int(ns) / 1e9 for ns in re.findall(r"captured /live \d+ (\d+)",
                                                       self.server.output)]
        self.assertEqual(len(packets), len(captured))
        # before the first RTCP report, 3 s at most, there is nothing but the time of arrival
        for packet, moment in list(zip(packets, captured))[-RATE:]:
            self.assertAlmostEqual(float(packet["pts_time"]), moment, delta=1)


if __name__ == "__main__":
    unittest.main()
