# SPDX-License-Identifier: LGPL-2.1-or-later
"""Audio that comes late, ends early or pauses: everything arrives, with its times, and the service
has nothing to refuse, because each fragment holds frames of each track that its header declares."""

import concurrent.futures
import os
import re
import tempfile
import unittest
from typing import NamedTuple

import media
import support
import userpipelines
from kvslocal import KvsLocal

SECOND = 1000000000
RATE = 30
# 1024 samples each
AUDIO_RATE = 48000
PICTURES = ("videotestsrc num-buffers={buffers} timestamp-offset={offset} "
            f"! video/x-raw,format=I420,width=160,height=120,framerate={RATE}/1 "
            "! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 ! h264parse {pace} ")
TONE = ("audiotestsrc num-buffers={buffers} timestamp-offset={offset} "
        f"! audio/x-raw,rate={AUDIO_RATE},channels=1 ")
AAC = "! voaacenc ! aacparse {pace} "
# Sends each buffer at its time, as a live source does
PACE = "! identity sync=true"


def pictures(seconds, start=0):
    return PICTURES.format(pace="{pace}", buffers=round(seconds * RATE),
                           offset=round(start * SECOND))


def tone(seconds, start=0):
    return TONE.format(buffers=round(seconds * AUDIO_RATE / 1024),
                       offset=round(start * SECOND))


class Case(NamedTuple):
    """Sources of video and audio."""

    name: str
    video: str
    audio: str


CASES = [
    Case("audio-late", pictures(6), tone(3, 3) + AAC),
    Case("audio-early", pictures(3, 3), tone(6) + AAC),
    Case("audio-ends", pictures(6), tone(1) + AAC),
    Case("video-ends", pictures(1), tone(6) + AAC),
    Case("audio-pauses", pictures(8),
         "concat name=c adjust-base=false " + AAC + "! queue name=audio "
         + tone(1.5) + "! c. " + tone(1.5, 6.5) + "! c. audio. "),
]


class AudioGaps(unittest.TestCase):
    timeout = 180

    @classmethod
    def setUpClass(cls):
        support.require_elements("voaacenc")
        cls.kvs = KvsLocal(args=["--get-media-empty-seconds", "1"]).start()
        cls.addClassCleanup(cls.kvs.__exit__)
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)

    def path_of(self, stream, kind):
        return os.path.join(self.folder.name, f"{stream}-{kind}.mkv")

    def made(self, path, kind):
        """(size, hash, time in seconds) of each packet that an encoder made."""
        return [(packet["size"], packet["data_hash"], float(packet["pts_time"]))
                for packet in media.probe(path, kind)["packets"]]

    def upload(self, case, live):
        stream = f"{case.name}-{'live' if live else 'file'}"
        pace = PACE if live else ""
        sink = f"kvssink name=kvs stream-name={stream}"
        if not live:
            sink += " streaming-type=offline file-start-time=1700000000"
        child = support.pipeline(
            # x264enc need not make the same of the same pictures twice
            f"{case.video.format(pace=pace)} ! tee name=made ! queue ! kvs. "
            f"made. ! queue ! matroskamux ! filesink location={self.path_of(stream, 'v')} "
            f"{case.audio.format(pace=pace)} ! queue ! kvs. {sink}", stream, env=self.kvs.env,
            options=("-e", "-m"))
        if child.wait(60) != 0:
            return child, None
        return child, userpipelines.read_stored(self.kvs, stream)

    def check_all(self, live):
        with concurrent.futures.ThreadPoolExecutor(userpipelines.PROCESSES) as pool:
            jobs = [(case, pool.submit(self.upload, case, live)) for case in CASES]
            for case, job in jobs:
                with self.subTest(case.name):
                    self.check(case, f"{case.name}-{'live' if live else 'file'}", *job.result())

    def check(self, case, stream, child, stored):
        self.assertEqual(child.returncode, 0, userpipelines.last_words(child.output))
        self.assertNotRegex(child.output, r"(?m)^(?:ERROR|WARNING)")
        self.assertNotIn("type=(string)error", child.output)
        media.launch(case.audio.format(pace=""),
                     f"! matroskamux ! filesink location={self.path_of(stream, 'a')}")
        video = self.made(self.path_of(stream, "v"), "v")
        audio = self.made(self.path_of(stream, "a"), "a")
        for packets, made in ((stored.video, video), (stored.audio, audio)):
            self.assertEqual([(packet["size"], packet["data_hash"]) for packet in packets],
                             [(size, digest) for size, digest, _ in made])
        self.check_times(stored, video, audio)
        self.check_fragments(stored)

    def check_times(self, stored, video, audio):
        """Sound and picture are as far apart as they were made."""
        start = float(stored.video[0]["pts_time"]) - video[0][2]
        for packets, made in ((stored.video, video), (stored.audio, audio)):
            for packet, (_, _, seconds) in zip(packets, made):
                self.assertAlmostEqual(float(packet["pts_time"]) - start, seconds, delta=0.01)

    def check_fragments(self, stored):
        """Each fragment has frames of each track of its header."""
        for i, data in enumerate(stored.fragments):
            path = os.path.join(self.folder.name, f"fragment-{i}.mkv")
            with open(path, "wb") as file:
                file.write(data)
            facts = media.probe(path, "")
            self.assertEqual({packet["stream_index"] for packet in facts["packets"]},
                             {stream["index"] for stream in facts["streams"]})

    def test_live(self):
        self.check_all(live=True)

    def test_file(self):
        self.check_all(live=False)

    def test_missing(self):
        """A microphone that sends nothing, as where a link was not made, is told about, once."""
        pipeline = support.pipeline(
            pictures(15).format(pace="") + "! kvs. audiotestsrc ! valve drop=true ! alawenc ! kvs. "
            "kvssink name=kvs stream-name=mute track-timeout=50", "mute", env=self.kvs.env)
        with pipeline as child:
            child.wait_for_output(r"(?m)^WARNING: .* Stream mute: nothing has come to pad audio_0 yet")
            support.wait_until(lambda: len(self.kvs.get_media("mute")) > 0)
            self.assertEqual(len(re.findall("(?m)^WARNING", child.output)), 1, child.output)


if __name__ == "__main__":
    unittest.main()
