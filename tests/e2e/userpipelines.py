# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs pipelines as users of kvssink wrote them, on a machine that has none of their hardware.

Sources and encoders that are not there are replaced by words (see REPLACED); everything else stays,
and the properties of kvssink stay to the letter.
"""

import concurrent.futures
import glob
import os
import re
import shlex
import signal
import subprocess
import tempfile
import time
import unittest
from typing import NamedTuple

import media
import support
from kvslocal import ACCESS_KEY, REGION, SECRET_KEY, KvsLocal

FRAMES = 45
# What live audio of about that duration takes, at 44.1 or 48 kHz
AUDIO_BUFFERS = 70
PROCESSES = 2
END_SECONDS = 25
# rtspsrc may announce that there are no more pads before its last one is there; it has two threads.
# And it takes a camera that says goodbye while it writes to it for a broken one. What is said of
# neither: see wait_for_end().
LET_DOWN = re.compile(r"Delayed linking failed|GstRTSPSrc:\S+ Could not write to resource")
# a pad of kvssink in a drawing of a pipeline, with its flags
SINK_PAD = re.compile(r'label="(?:video|audio)_\d+\\n\[.\]\[(\w*)\]')
ATTEMPTS = 3
# What leaks by itself: libx265, fontconfig, Python
LEAKING = ("x265enc", "clockoverlay", "python")
PROPERTIES = r"((?: [\w-]+=(?:\"[^\"]*\"|'[^']*'|\S+))*)"
CAMERA = f"videotestsrc is-live=true num-buffers={FRAMES}"
MICROPHONE = f"audiotestsrc is-live=true num-buffers={AUDIO_BUFFERS}"
ENCODER = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=30"
BYTE_STREAM = "video/x-h264,stream-format=byte-stream,alignment=au"

# (pattern, text in its place). The properties of what is replaced go with it, but for do-timestamp.
REPLACED = [
    # a camera that encodes by itself
    (rf"\bv4l2src{PROPERTIES} ! h264parse", f"{CAMERA} ! {ENCODER} ! {BYTE_STREAM} ! h264parse"),
    (rf"\bv4l2src{PROPERTIES} ! image/jpeg", f"{CAMERA} ! jpegenc ! image/jpeg"),
    (rf"\b(?:v4l2|libcamera|avfvideo|ksvideo|ximage|nvarguscamera|nvcamera|intervideo|shm)src"
     rf"{PROPERTIES}(?= !)", CAMERA),
    (rf"\b(?:alsa|pulse|osxaudio|wasapi)src{PROPERTIES}(?= !)", MICROPHONE),
    # hardware encoders, with what they give
    (rf"\b(?:omxh264enc|nvv4l2h264enc|vpuenc_h264){PROPERTIES}(?= !)",
     # the grammar takes no caps after caps
     f"{ENCODER} ! {BYTE_STREAM} ! identity"),
    (rf"\bv4l2h264enc{PROPERTIES} ! video/x-h264,level=(\S+)",
     rf"{ENCODER} ! {BYTE_STREAM} ! capssetter caps=video/x-h264,level=\2 "
     rf"! video/x-h264,level=\2"),
    (rf"\bvtenc_h264_hw{PROPERTIES}(?= !)",
     f"{ENCODER} ! video/x-h264,stream-format=avc,alignment=au"),
    (r"\bomxh264dec ! nveglglessink", "avdec_h264 ! fakesink sync=false"),
    (rf"\bnvvidconv{PROPERTIES}(?= !)", "videoconvert ! videoscale"),
    (r"\(memory:NVMM\)", ""),
    (rf"\b(?:gvadetect|gvatrack|gvawatermark|myfilter){PROPERTIES}(?= !)", "identity"),
]


class Pipeline(NamedTuple):
    """One pipeline: where it is from, its text, and what must come of it.

    frames    video frames that must be stored, of each stream; None where the pipeline drops some
    audio     whether there must be audio
    before    words before gst-launch-1.0
    decodes   whether what is stored decodes without a complaint
    """

    name: str
    text: str
    frames: int | None = FRAMES
    audio: bool = False
    before: str = ""
    decodes: bool = True

    def words(self, **values):
        text = " ".join(self.text.split())
        for pattern, replacement in REPLACED:
            text = re.sub(pattern, replacement, text)
        for name, value in {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY, "region": REGION,
                            "frames": FRAMES, **values}.items():
            text = text.replace("{%s}" % name, str(value))
        return shlex.split(text)

    @property
    def streams(self):
        return re.findall(r"stream-name=\"?([\w.-]+)", self.text)


class Stored(NamedTuple):
    """What is stored in a stream: packets by kind, and what FFmpeg says against decoding them.

    There is a file for each run of fragments with the same tracks; it goes with kvs-local's folder.
    """

    fragments: list
    paths: list
    streams: list
    video: list
    audio: list
    audio_payload: bytes
    complaints: str


class Outcome(NamedTuple):
    """What a pipeline said, and what is stored in each stream."""

    status: int
    output: str
    streams: dict


def run(pipeline, command=None, **values):
    """Runs a pipeline to its end against a kvs-local of its own, and gives what a check needs."""
    for _ in range(ATTEMPTS):
        outcome = run_once(pipeline, command, **values)
        if outcome.status != -signal.SIGKILL and not LET_DOWN.search(outcome.output):
            break
    return outcome


def run_once(pipeline, command, **values):
    """See run()."""
    with (KvsLocal(args=["--get-media-empty-seconds", "1"]) as kvs,
          tempfile.TemporaryDirectory() as drawings):
        env = dict(kvs.env)
        if any(name in " ".join([pipeline.text, *(command or [])]) for name in LEAKING):
            env["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        words = pipeline.words(folder=kvs.data, **values)
        command = command or [*pipeline.before.split(), support.tool("gst-launch-1.0"), "-e", "-m"]
        env["GST_DEBUG_DUMP_DOT_DIR"] = drawings
        child = support.Child([*command, *words], pipeline.name,
                              {**support.gst_environment(), **env})
        status = wait_for_end(child, drawings)
        level = "warning" if pipeline.decodes else "quiet"
        streams = {} if status else {name: read_stored(kvs, name, level)
                                     for name in pipeline.streams}
        return Outcome(status, child.output, streams)


def wait_for_end(child, drawings):
    """Exit status; a child that rtspsrc lets down is killed.

    Of two pads that come at once, rtspsrc or gst-launch-1.0 may leave one without a link or stopped,
    and an end may get lost in rtpjitterbuffer. kvssink then waits for an end that does not come.
    """
    wait_until_ended(child, END_SECONDS)
    if child.returncode is None and "rtspsrc" in " ".join(child.arguments):
        end_is_missing = draws_no_end(child, drawings)
        # the Ctrl-C that a user would give
        child.signal(signal.SIGINT)
        wait_until_ended(child, END_SECONDS / 2)
        if child.returncode is None and end_is_missing:
            child.kill()
    return child.wait(20)


def wait_until_ended(child, seconds):
    patience = time.monotonic() + seconds * support.SLOWNESS
    while child.returncode is None and time.monotonic() < patience:
        if LET_DOWN.search(child.output):
            child.kill()
        time.sleep(0.05)


def draws_no_end(child, drawings):
    """Whether a pad of kvssink was not told an end, and nothing waits in front of it."""
    if "gst-launch" not in " ".join(child.arguments):
        return False
    child.signal(signal.SIGHUP)
    support.wait_until(lambda: read_drawing(drawings) or child.returncode is not None,
                       what="a drawing")
    drawing = read_drawing(drawings)
    ended = ["E" in flags for flags in SINK_PAD.findall(drawing)]
    return bool(ended) and not all(ended) and "current-level-buffers" not in drawing


def read_drawing(folder):
    """The drawing that gst-launch-1.0 was asked for, as soon as it is whole."""
    for path in glob.glob(os.path.join(folder, "*.snapshot.dot")):
        with open(path, encoding="utf-8") as file:
            drawing = file.read()
        if drawing.endswith("}\n"):
            return drawing
    return ""


def read_stored(kvs, stream, level="warning"):
    """See Stored; what ffprobe says at that level is an error."""
    fragments = media.split_files(kvs.get_media(stream))
    stored = Stored(fragments, [], [], [], [], b"", "")
    for i, data in enumerate(media.join_sessions(fragments)):
        path = os.path.join(kvs.data, f"{stream}-{i}.mkv")
        with open(path, "wb") as file:
            file.write(data)
        facts = media.probe(path, "", level)
        kinds = {stream["index"]: stream["codec_type"] for stream in facts["streams"]}
        for packet in facts["packets"]:
            getattr(stored, kinds[packet["stream_index"]]).append(packet)
        payload = media.payload(path, "a") if "audio" in kinds.values() else b""
        stored.paths.append(path)
        stored.streams.extend(facts["streams"])
        stored = stored._replace(audio_payload=stored.audio_payload + payload,
                                 complaints=stored.complaints + decode(path))
    return stored


def decode(path):
    """What FFmpeg complains about when it decodes a file."""
    # of no matter: with frame-timecodes=false the times of B-frames are in disorder
    decoding = subprocess.run(
        [support.tool("ffmpeg"), "-nostdin", "-v", "error", "-i", path, "-fps_mode", "drop",
         "-f", "null", "-"],
        capture_output=True, text=True, timeout=120 * support.SLOWNESS, check=False)
    return decoding.stderr


def last_words(output):
    """The end of what gst-launch-1.0 -m said, without the messages."""
    lines = [line for line in output.splitlines() if not line.startswith("Got message")]
    return "\n".join(lines)[-4000:]


class Case(unittest.TestCase):
    """Runs a table of pipelines, two at a time, and checks each."""

    timeout = 180

    def run_all(self, pipelines, runner=run, **values):
        with concurrent.futures.ThreadPoolExecutor(PROCESSES) as pool:
            futures = [(pipeline, pool.submit(runner, pipeline, **values))
                       for pipeline in pipelines]
            for pipeline, future in futures:
                with self.subTest(pipeline.name):
                    self.check(pipeline, future.result())

    def check(self, pipeline, outcome):
        self.assertEqual(outcome.status, 0, last_words(outcome.output))
        complaints = re.findall(r"(?m)^(?:ERROR|WARNING).*GstKvsSink.*", outcome.output)
        typed = [line for line in complaints if "given as a property" in line]
        self.assertLessEqual(len(typed), 1)
        self.assertEqual(complaints, typed)
        self.assertNotIn("type=(string)error", outcome.output)
        self.assertTrue(outcome.streams)
        for stream in outcome.streams.values():
            self.check_stream(pipeline, stream)

    def check_stream(self, pipeline, stream):
        if pipeline.decodes:
            self.assertEqual(stream.complaints, "")
        hashes = [packet["data_hash"] for packet in stream.video]
        if pipeline.frames is not None:
            self.check_count(pipeline, len(hashes))
        else:
            self.assertGreater(len(hashes), 0)
        self.assertEqual(len(set(hashes)), len(hashes))
        if pipeline.audio:
            self.assertGreater(len(stream.audio), 0)
        else:
            self.assertEqual(stream.audio, [])

    def check_count(self, pipeline, n_frames):
        self.assertEqual(n_frames, pipeline.frames)
