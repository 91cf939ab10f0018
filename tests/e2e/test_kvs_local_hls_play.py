# SPDX-License-Identifier: LGPL-2.1-or-later
"""FFmpeg and GStreamer play what kvs-local packages, and decode the pictures that were sent."""

import os
import threading
import time
import unittest

import hls_case
import kvslocal_case
import media
import support
from hls_case import ffmpeg_pictures, gstreamer_pictures, now_ms

CONTAINERS = ("FRAGMENTED_MP4", "MPEG_TS")
DISCONTINUITIES = ("ALWAYS", "NEVER", "ON_DISCONTINUITY")
SELECTORS = ("SERVER", "PRODUCER")


def setUpModule():
    kvslocal_case.require_kvs_local()


def gstreamer_hashes(path):
    """What gstreamer_pictures() gives for a file."""
    text = media.run_quiet(
        support.tool("gst-launch-1.0"), "-q", "filesrc", f"location={path}", "!", "decodebin3", "!",
        "video/x-raw", "!", "videoconvert", "!", "video/x-raw,format=I420", "!", "checksumsink",
        "hash=sha256", "sync=false")
    return [line.split()[1] for line in text.splitlines() if len(line.split()) == 2]


class PlayTest(hls_case.HlsCase):
    def assert_run_of(self, part, whole):
        """Pictures without a gap, from anywhere in the source."""
        self.assertTrue(part)
        self.assertIn(part[0], whole)
        first = whole.index(part[0])
        self.assertEqual(part, whole[first:first + len(part)])

    def put_now(self, clip):
        """Uploads with producer's times in the past; gives ranges by both kinds of time."""
        before = now_ms() - 1000
        start = self.put_clip(clip)
        time.sleep(0.05)
        return {"SERVER": (before, now_ms() - 1), "PRODUCER": (start, start + 600000)}


class OnDemandTest(PlayTest):
    def play_all(self, play, expected, clip, containers=CONTAINERS):
        ranges = self.put_now(clip)
        for container in containers:
            for discontinuity in DISCONTINUITIES:
                for kind in SELECTORS:
                    with self.subTest(container=container, mode=discontinuity, selector=kind):
                        url = self.on_demand(kind, *ranges[kind], ContainerFormat=container,
                                             DiscontinuityMode=discontinuity)
                        self.assertEqual(play(url), expected)

    def test_ffmpeg_h264_and_aac(self):
        clip = self.clip()
        self.play_all(ffmpeg_pictures, clip.hashes, clip)

    def test_ffmpeg_video_alone(self):
        clip = self.clip(audio=False, seconds=3)
        self.play_all(ffmpeg_pictures, clip.hashes, clip)

    def test_ffmpeg_h265(self):
        clip = self.clip(codec="h265", seconds=3)
        self.play_all(ffmpeg_pictures, clip.hashes, clip, ["FRAGMENTED_MP4"])

    def test_gstreamer_h264_and_aac(self):
        clip = self.clip()
        self.play_all(gstreamer_pictures, gstreamer_hashes(clip.path), clip)

    def test_gstreamer_h265(self):
        clip = self.clip(codec="h265", seconds=3)
        self.play_all(gstreamer_pictures, gstreamer_hashes(clip.path), clip, ["FRAGMENTED_MP4"])

    def test_sound_is_whole(self):
        clip = self.clip()
        ranges = self.put_now(clip)
        sent = media.packet_hashes(clip.path, "a")
        for container in CONTAINERS:
            url = self.on_demand("PRODUCER", *ranges["PRODUCER"], ContainerFormat=container)
            packets = media.probe(url, "a")["packets"]
            self.assertEqual(len(packets), len(sent))
            if container == "FRAGMENTED_MP4":
                self.assertEqual([packet["data_hash"] for packet in packets], sent)

    def test_times_go_on_from_fragment_to_fragment(self):
        clip = self.clip()
        ranges = self.put_now(clip)
        for container in CONTAINERS:
            for kind in SELECTORS:
                url = self.on_demand(kind, *ranges[kind], ContainerFormat=container,
                                     DiscontinuityMode="NEVER")
                for stream in ("v", "a"):
                    with self.subTest(container=container, selector=kind, stream=stream):
                        packets = media.probe(url, stream)["packets"]
                        times = sorted(float(packet["pts_time"]) for packet in packets)
                        steps = [b - a for a, b in zip(times, times[1:])]
                        self.assertLess(max(steps), 0.045)
                        self.assertGreater(min(steps), 0.015)
                        decoded = [float(packet["dts_time"]) for packet in packets]
                        self.assertEqual(decoded, sorted(set(decoded)))


class LiveTest(PlayTest):
    """A real pipeline in real time, and players that follow it."""

    def start_pipeline(self, seconds=14):
        """A live camera and microphone into kvssink; what it encodes is kept beside."""
        path = os.path.join(self.kvs.data, self.stream + ".mkv")
        words = (
            f"videotestsrc is-live=true num-buffers={seconds * 20} pattern=ball"
            " ! video/x-raw,format=I420,width=160,height=120,framerate=20/1"
            " ! x264enc tune=zerolatency key-int-max=20 speed-preset=ultrafast ! h264parse"
            " ! tee name=t t. ! queue max-size-time=0 max-size-buffers=0 max-size-bytes=0"
            f" ! kvssink name=s stream-name={self.stream}"
            " t. ! queue max-size-time=0 max-size-buffers=0 max-size-bytes=0 ! matroskamux"
            f" ! filesink location={path}"
            f" audiotestsrc is-live=true num-buffers={seconds * 48} samplesperbuffer=1000"
            " ! audio/x-raw,rate=48000,channels=1 ! avenc_aac ! aacparse ! queue ! s.")
        child = support.pipeline(words, env=self.kvs.env)
        self.addCleanup(child.kill)
        kvslocal_case.wait_for(lambda: len(self.stored()) >= 4, 40)
        return child, path

    def test_players_follow_a_live_stream(self):
        child, path = self.start_pipeline()
        urls = {(container, mode): self.hls(ContainerFormat=container, DiscontinuityMode=mode)
                for container in CONTAINERS for mode in ("ALWAYS", "ON_DISCONTINUITY")}
        urls[("FRAGMENTED_MP4", "NEVER")] = self.hls(
            DiscontinuityMode="NEVER", HLSFragmentSelector=self.selector("PRODUCER"))
        played = {}

        def play(key, url):
            played[key] = ffmpeg_pictures(url, frames=80, level="error")

        threads = [threading.Thread(target=play, args=item) for item in urls.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(child.wait(60), 0)
        whole = media.picture_hashes(path)
        for key in urls:
            with self.subTest(key):
                self.assertEqual(len(played[key]), 80)
                self.assert_run_of(played[key], whole)

    def test_gstreamer_follows_a_live_stream(self):
        child, path = self.start_pipeline()
        played = gstreamer_pictures(self.hls(DiscontinuityMode="ON_DISCONTINUITY"), frames=80)
        self.assertEqual(child.wait(60), 0)
        self.assertGreaterEqual(len(played), 80)
        # The decoder is stopped within its work: the last pictures are not whole.
        self.assert_run_of(played[:-8], gstreamer_hashes(path))

    def test_replay_from_the_past(self):
        clip = self.clip(seconds=8)
        start = self.put_clip(clip, now_ms() - 3600000)
        for container in CONTAINERS:
            with self.subTest(container):
                url = self.hls(
                    PlaybackMode="LIVE_REPLAY", ContainerFormat=container,
                    HLSFragmentSelector=self.selector("PRODUCER", start, start + 60000))
                self.assertEqual(ffmpeg_pictures(url, "-live_start_index", "0",
                                                 level="error"), clip.hashes)

    def test_replay_by_the_servers_time_goes_on_into_live_media(self):
        clip = self.clip(seconds=4)
        before = now_ms() - 1000
        self.put_clip(clip, now_ms() - 20000)
        url = self.hls(PlaybackMode="LIVE_REPLAY", DiscontinuityMode="ALWAYS",
                       HLSFragmentSelector=self.selector("SERVER", before))
        timer = threading.Timer(1.5, self.put_clip, (clip, now_ms()))
        timer.start()
        self.addCleanup(timer.join)
        # FFmpeg keeps the last few pictures back until the end, which does not come.
        wanted = (clip.hashes * 2)[:-25]
        self.assertEqual(ffmpeg_pictures(url, "-live_start_index", "0", level="error",
                                         frames=len(wanted)), wanted)


if __name__ == "__main__":
    unittest.main()
