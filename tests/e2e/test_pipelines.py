# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pipelines that users of kvssink published run, and what they send can be played.

Where they were cut short in print, a name for the stream stands in. Pipelines that read RTSP are in
test_rtsp.py. Left out: iot-certificate, which this version refuses, and frame-timestamp, a property
that no kvssink ever had.
"""

import functools
import http.server
import os
import shlex
import sys
import tempfile
import threading
import unittest

import media
import support
import userpipelines
from userpipelines import FRAMES, Pipeline

# see tests/e2e/run.py
LONG = True
ALONE = True

APP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "appsrc_app.py")
KEYS = "access-key={access_key} secret-key={secret_key} aws-region={region}"

ENCODED_HERE = [
    Pipeline("readme", f"""
        videotestsrc is-live=true num-buffers=20 ! video/x-raw,framerate=10/1,width=640,height=480
        ! clockoverlay time-format="%a %B %d, %Y %I:%M:%S %p" ! x264enc bframes=0 key-int-max=10
        ! h264parse ! kvssink stream-name="YourStreamName" aws-region="us-west-2" """
        + KEYS.replace("aws-region={region}", ""), frames=20),
    Pipeline("no-parser-and-b-frames", """
        videotestsrc num-buffers={frames} ! x264enc ! kvssink stream-name=test"""),
    Pipeline("x265-parsed-twice", """
        videotestsrc is-live=true num-buffers=20 ! video/x-raw,width=680,height=480,framerate=10/1
        ! videoconvert ! x265enc key-int-max=20 speed-preset=ultrafast ! h265parse
        ! video/x-h265,stream-format=byte-stream,alignment=au ! h265parse
        ! video/x-h265,stream-format=hvc1,alignment=au
        ! kvssink stream-name="demo-stream-10" frame-timecodes=false""", frames=20),
    Pipeline("shared-memory", """
        shmsrc socket-path=foo ! video/x-raw,format=BGR,width=640,height=512,framerate=30/1
        ! decodebin ! videoconvert ! x264enc bframes=0 key-int-max=45 bitrate=512 tune=zerolatency
        ! video/x-h264,stream-format=avc,alignment=au,profile=baseline
        ! kvssink stream-name="mystream" storage-size=128"""),
    Pipeline("intervideosrc", """
        intervideosrc channel=main ! videoconvert ! videoscale
        ! video/x-raw,width=640,height=360,framerate=30/1
        ! x264enc bframes=0 key-int-max=45 bitrate=500
        ! video/x-h264,stream-format=avc,alignment=au ! kvssink name=kvssink stream-name=brave """
        + KEYS),
]

CAMERAS = [
    Pipeline("aws-docs", """
        v4l2src do-timestamp=TRUE device=/dev/video0 ! videoconvert
        ! video/x-raw,format=I420,width=640,height=480,framerate=30/1
        ! x264enc bframes=0 key-int-max=45 bitrate=500
        ! video/x-h264,stream-format=avc,alignment=au,profile=baseline
        ! kvssink stream-name="YourStreamName" storage-size=512 """ + KEYS),
    Pipeline("uvc-h264", """
        v4l2src device=/dev/video1 do-timestamp=true ! h264parse
        ! video/x-h264,stream-format=avc,alignment=au,width=1280,height=720,framerate=15/1
        ! kvssink name=sink stream-name=uvc"""),
    Pipeline("uvc-h264-restart", """
        v4l2src device=/dev/video2 ! h264parse
        ! video/x-h264,stream-format=avc,alignment=au,width=1920,height=1080,framerate=30/1
        ! kvssink name=sink stream-name=uvc max-latency=10 restart-on-error=FALSE"""),
    Pipeline("i-mx", """
        v4l2src do-timestamp=TRUE device=/dev/video0 ! video/x-raw, width=640, height=480
        ! videoconvert ! vpuenc_h264 ! h264parse
        ! video/x-h264, stream-format=avc, alignment=au, width=640, height=480
        ! kvssink stream-name=i-mx restart_on_error=false connection_staleness=40"""),
    Pipeline("libcamera", """
        libcamerasrc ! video/x-raw,width=640,height=480,framerate=30/1,format=I420 ! videoconvert
        ! v4l2h264enc extra-controls="controls,repeat_sequence_header=1"
        ! video/x-h264,level='(string)4' ! h264parse
        ! video/x-h264,stream-format=avc, alignment=au,width=640,height=480,framerate=30/1
        ! kvssink stream-name=pi"""),
    Pipeline("omx", """
        v4l2src device=/dev/video0 ! videoconvert ! video/x-raw,format=I420,width=640,height=480
        ! omxh264enc control-rate=2 target-bitrate=512000 periodicity-idr=45 inline-header=FALSE
        ! h264parse ! video/x-h264,stream-format=avc,alignment=au,profile=baseline
        ! kvssink stream-name=pi"""),
    Pipeline("omx-clock", """
        v4l2src do-timestamp=TRUE device=/dev/video0 ! clockoverlay ! videoconvert
        ! video/x-raw,format=I420,width=1280,height=720,framerate=20/1
        ! omxh264enc control-rate=1 target-bitrate=4096000 periodicity-idr=45 inline-header=FALSE
        ! h264parse ! video/x-h264,stream-format=avc,alignment=au,profile=baseline
        ! kvssink stream-name=pi fragment-duration="3000" """),
    Pipeline("jetson", """
        nvarguscamerasrc ! 'video/x-raw(memory:NVMM), width=(int)1920, height=(int)1080,
        format=(string)NV12, framerate=(fraction)30/1' ! nvv4l2h264enc bitrate=8000000 ! h264parse
        ! kvssink stream-name=jetson storage-size=128"""),
    Pipeline("jetson-cropped", """
        nvarguscamerasrc wbmode=4 aelock=true timeout=600
        ! "video/x-raw(memory:NVMM), width=(int)816, height=(int)462, framerate=(fraction)8/1"
        ! queue ! decodebin
        ! nvvidconv left=0 right=2672 top=140 bottom=1624 flip-method=2
        ! "video/x-raw(memory:NVMM), width=668, height=372, pixel-aspect-ratio=1/1"
        ! nvv4l2h264enc bitrate=1500000 ! "video/x-h264, stream-format=(string)byte-stream"
        ! h264parse ! kvssink stream-name=jetson storage-size=512"""),
    Pipeline("jetson-preview", """
        nvcamerasrc fpsRange="30.0 30.0" ! 'video/x-raw(memory:NVMM), width=(int)320,
        height=(int)240, format=(string)I420, framerate=(fraction)30/1'
        ! omxh264enc control-rate=1 bitrate=250000 peak-bitrate=500000 iframeinterval=7 profile=1
        ! tee name=t t. ! h264parse
        ! video/x-h264,stream-format=avc,alignment=au,profile=baseline, framerate=30/1
        ! kvssink stream-name="MY-STREAM" buffer-duration=5 storage-size=512
        avg-bandwidth-bps=31250 t. ! h264parse ! omxh264dec ! nveglglessink"""),
]

CAMERAS_WITH_MICROPHONE = [
    Pipeline("usb-mjpeg", """
        v4l2src device="$CAM" ! image/jpeg,width=1280,height=720,framerate=30/1 ! jpegdec
        ! videoconvert ! video/x-raw,format=I420 ! v4l2h264enc
        extra-controls="controls,video_bitrate=1500000,h264_i_frame_period=60,repeat_sequence_header=1"
        ! video/x-h264,level=(string)4 ! h264parse config-interval=-1 ! queue ! kvs.video_0
        alsasrc device=hw:CARD=CAM310 ! audioconvert ! audioresample
        ! audio/x-raw,rate=48000,channels=2 ! avenc_aac bitrate=64000 ! aacparse ! queue
        ! kvs.audio_0 kvssink name=kvs stream-name=usb""", audio=True),
    Pipeline("macos", """
        avfvideosrc ! videoconvert
        ! vtenc_h264_hw allow-frame-reordering=FALSE realtime=TRUE max-keyframe-interval=45
        ! kvssink name=sink stream-name=mac
        osxaudiosrc ! audioconvert ! avenc_aac ! queue ! sink.""", audio=True),
    Pipeline("windows", """
        ksvideosrc ! videoconvert ! x264enc bframes=0 key-int-max=45 bitrate=512 tune=zerolatency
        ! video/x-h264,profile=baseline,stream-format=avc,alignment=au
        ! kvssink name=sink stream-name=windows
        wasapisrc low-latency=true ! audioconvert ! avenc_aac ! queue ! sink.""", audio=True),
    Pipeline("screen", """
        ximagesrc startx=1280 use-damage=0 ! videoconvert
        ! video/x-raw,framerate=30/1,format=I420
        ! x264enc bframes=0 key-int-max=45 bitrate=500 tune=zerolatency ! h264parse
        ! video/x-h264,stream-format=avc,alignment=au,profile=baseline
        ! kvssink name=sink stream-name=screen
        alsasrc device=hw:1,0 ! audioconvert ! avenc_aac ! queue ! sink.""", audio=True),
    Pipeline("pulse", """
        v4l2src device=/dev/video0 ! videoconvert
        ! x264enc bframes=0 key-int-max=45 bitrate=512 tune=zerolatency ! h264parse
        ! video/x-h264,stream-format=avc,alignment=au ! myfilter
        ! kvssink name=sink stream-name=pulse
        pulsesrc ! audioconvert ! avenc_aac ! queue ! sink.""", audio=True),
    Pipeline("audio-only", """
        audiotestsrc num-buffers=200 ! audioconvert ! queue ! avenc_aac
        ! kvssink stream-name="microphone" """, frames=0, audio=True),
]

FILES = [
    Pipeline("matroska-h265", """
        filesrc location={h265} ! matroskademux name=demux ! queue ! h265parse
        ! kvssink name=kvssink1 streaming-type=offline log-config=/etc/kvs_log_configuration
        aws-region=us-west-2 absolute-fragment-times=false stream-name=recording"""),
    Pipeline("timeout", """
        filesrc location={mp4} ! qtdemux ! h264parse ! kvssink stream-name=recording""",
        before="timeout 120"),
    Pipeline("hls", """
        souphttpsrc location={hls} ! hlsdemux ! tsdemux ! queue ! video/x-h264 ! h264parse
        ! kvssink stream-name="my-stream" storage-size=128"""),
]
FILE_WITH_AUDIO = Pipeline("mp4", """
    filesrc location={mp4} do-timestamp=TRUE ! qtdemux name=demux ! queue ! h264parse
    ! video/x-h264,stream-format=avc,alignment=au
    ! kvssink name=sink stream-name=recording streaming-type=offline file-start-time=1637072264
    retention-period=720 demux. ! queue ! aacparse ! sink.""", audio=True)

PIPE = Pipeline("rpicam-vid", f"""
    -q videotestsrc is-live=true num-buffers={FRAMES} ! video/x-raw,width=320,height=240
    ! {userpipelines.ENCODER} ! {userpipelines.BYTE_STREAM} ! fdsink fd=1""")
PIPED = Pipeline("fdsrc", """
    fdsrc fd=0 do-timestamp=true ! h264parse ! video/x-h264,stream-format=avc,alignment=au
    ! kvssink stream-name="pi" aws-region="us-west-2" storage-size=128""")

# Pipelines of programs, each appsrc with the pipeline that feeds it
RGB_CAPS = "video/x-raw,format=RGB,width=320,height=240,framerate=30/1"
RGB = f"videotestsrc num-buffers={FRAMES} ! {RGB_CAPS}"
BYTE_STREAM_FEED = f"filesrc location={{mp4}} ! qtdemux ! h264parse ! {userpipelines.BYTE_STREAM}"
APPLICATIONS = [
    (Pipeline("python-appsrc", """
        appsrc name=appsrc is-live=true format=3
        caps=video/x-raw,format=RGB,width=320,height=240,framerate=30/1 ! videoconvert
        ! x264enc bitrate=500 key-int-max=30 bframes=0 byte-stream=true tune=zerolatency
        speed-preset=ultrafast ! h264parse
        ! kvssink name=kvssink stream-name="python" framerate=30 storage-size=512 """ + KEYS),
     [f"appsrc={RGB}"]),
    (Pipeline("decode-and-encode", """
        appsrc name=frame format=time ! queue max-size-buffers=1 leaky=0 ! h264parse ! avdec_h264
        ! queue max-size-buffers=1 leaky=0 ! x264enc key-int-max=10
        ! queue max-size-buffers=1 leaky=0
        ! kvssink stream-name=camera fragment-acks=true absolute-fragment-times=false
        frame-timecodes=false max-latency=1 replay-duration=0"""),
     ["frame=" + BYTE_STREAM_FEED]),
    (Pipeline("smart-camera", f"""
        appsrc name=frame format=time caps={RGB_CAPS} ! videoconvert ! tee name=t
        t. ! queue max-size-buffers=3 leaky=downstream ! x264enc tune=zerolatency
        speed-preset=ultrafast ! h264parse config-interval=-1
        ! kvssink name=kvs_sink stream-name=smart storage-size=64 aws-region=us-west-2
        frame-timecodes=true retention-period=24
        t. ! queue ! fakesink""", frames=None), [f"frame={RGB}"]),
    (Pipeline("record-on-demand", """
        videotestsrc is-live=true num-buffers=60 ! tee name=t
        t. ! queue leaky=2 ! valve name=valve drop=true ! videoscale ! omxh264enc ! h264parse
        ! kvssink name=stream_sink stream-name=demand
        t. ! queue ! fakesink""", frames=None), ["--open=valve:20"]),
]
APPLICATION_WITH_AUDIO = (Pipeline("appsrc-audio", """
    appsrc name=appsrcvideo format=time block=false leaky-type=downstream max-bytes=5000000
    ! h264parse name=parser ! kvssink name=kvssink stream-name=X storage-size=512 streaming-type=2
    file-start-time=0 retention-period=1 stream-tags=X
    appsrc name=appsrcaudio format=time block=false leaky-type=downstream max-bytes=5000000
    ! "audio/mpeg,mpegversion=4,rate=(int)48000,channels=1,stream-format=(string)raw,
    codec_data=(buffer)1188"
    ! aacparse ! queue ! kvssink.""", audio=True),
    ["appsrcvideo=" + BYTE_STREAM_FEED,
     "appsrcaudio=audiotestsrc num-buffers=70 ! audio/x-raw,rate=48000,channels=1 ! avenc_aac "
     "! aacparse ! audio/mpeg,stream-format=raw"])


class Pipelines(userpipelines.Case):
    def test_encoded_here(self):
        self.run_all(ENCODED_HERE)

    def test_cameras(self):
        self.run_all(CAMERAS)

    def test_cameras_with_microphone(self):
        self.run_all(CAMERAS_WITH_MICROPHONE)


class Files(userpipelines.Case):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.values = {name: os.path.join(folder.name, f"clip.{name}") for name in ("mp4", "h265")}
        raw = f"videotestsrc num-buffers={FRAMES} ! video/x-raw,width=320,height=240,framerate=30/1"
        media.launch(raw, "! x264enc key-int-max=15 ! h264parse ! mux. audiotestsrc num-buffers=70",
                     "! avenc_aac ! aacparse ! mp4mux name=mux",
                     f"! filesink location={cls.values['mp4']}")
        media.launch(raw, "! x265enc key-int-max=15 speed-preset=ultrafast ! h265parse",
                     f"! matroskamux ! filesink location={cls.values['h265']}")
        cls.values["hls"] = cls.serve_hls(os.path.join(folder.name, "hls"), cls.values["mp4"])

    @classmethod
    def serve_hls(cls, folder, clip):
        os.mkdir(folder)
        media.run_quiet(support.tool("ffmpeg"), "-nostdin", "-v", "error", "-i", clip, "-c", "copy",
                        "-f", "hls", "-hls_time", "0.5", "-hls_playlist_type", "vod",
                        os.path.join(folder, "list.m3u8"))
        handler = functools.partial(QuietHandler, directory=folder)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cls.addClassCleanup(server.server_close)
        cls.addClassCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_port}/list.m3u8"

    def test_files(self):
        self.run_all(FILES, **self.values)

    def test_file_with_audio(self):
        self.run_all([FILE_WITH_AUDIO], **self.values)

    def test_camera_program_in_a_pipe(self):
        """A program that writes H.264 to its standard output, with no times at all."""
        launch = support.tool("gst-launch-1.0")
        camera = shlex.join(["env", "-u", "LD_PRELOAD", launch, *PIPE.words()])
        command = ["bash", "-c", f'{camera} | "$@"', "bash", launch, "-e", "-m"]
        self.check(PIPED, userpipelines.run(PIPED, command))

    def run_application(self, application, **values):
        pipeline, arguments = application
        feeds = []
        for argument in arguments:
            for name, value in values.items():
                argument = argument.replace("{%s}" % name, value)
            feeds += [argument] if argument.startswith("--") else ["--feed", argument]
        return userpipelines.run(pipeline, [sys.executable, APP, *feeds], **values)

    def test_applications(self):
        self.run_applications(APPLICATIONS)

    def test_application_with_audio(self):
        self.run_applications([APPLICATION_WITH_AUDIO])

    def run_applications(self, applications):
        support.require_introspection("Gst", "GstApp")
        arguments = {pipeline: arguments for pipeline, arguments in applications}
        self.run_all(list(arguments), lambda pipeline, **values: self.run_application(
            (pipeline, arguments[pipeline]), **values), **self.values)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


if __name__ == "__main__":
    unittest.main()
