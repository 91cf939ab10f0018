# SPDX-License-Identifier: LGPL-2.1-or-later
"""FFmpeg and GStreamer play what kvs-local packages, and decode the pictures that were sent."""

import time
import unittest

import hls_case
import kvslocal_case
import media
from hls_case import ffmpeg_pictures, gstreamer_pictures, now_ms
from players import GStreamer

CONTAINERS = ("FRAGMENTED_MP4", "MPEG_TS")
DISCONTINUITIES = ("ALWAYS", "NEVER", "ON_DISCONTINUITY")
SELECTORS = ("SERVER", "PRODUCER")


def setUpModule():
    kvslocal_case.require_kvs_local()


class OnDemandTest(hls_case.HlsCase):
    def put_now(self, clip):
        """Uploads with producer's times in the past; gives ranges by both kinds of time."""
        before = now_ms() - 1000
        start = self.put_clip(clip)
        time.sleep(0.05)
        return {"SERVER": (before, now_ms() - 1), "PRODUCER": (start, start + 600000)}

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
        self.play_all(gstreamer_pictures, GStreamer.hashes(clip.path), clip)

    def test_gstreamer_h265(self):
        clip = self.clip(codec="h265", seconds=3)
        self.play_all(gstreamer_pictures, GStreamer.hashes(clip.path), clip, ["FRAGMENTED_MP4"])

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
                # 1024 samples at 44100 a second, in Matroska's milliseconds
                for packet in packets:
                    self.assertAlmostEqual(float(packet["duration_time"]), 0.0232, delta=0.0012)

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


if __name__ == "__main__":
    unittest.main()
