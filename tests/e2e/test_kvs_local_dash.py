# SPDX-License-Identifier: LGPL-2.1-or-later
"""GetDASHStreamingSessionURL, its manifests, and players of them (section 13)."""

import time
import unittest
import urllib.parse
import xml.etree.ElementTree

import hls_case
import kvslocal_case
import media
from hls_case import ffmpeg_pictures, gstreamer_pictures, now_ms
from players import GStreamer

MPD = "{urn:mpeg:dash:schema:mpd:2011}"


def setUpModule():
    kvslocal_case.require_kvs_local()


class DashTest(hls_case.HlsCase):
    def on_demand_dash(self, start, end, kind="PRODUCER", **members):
        return self.dash(PlaybackMode="ON_DEMAND",
                         DASHFragmentSelector=self.selector(kind, start, end), **members)

    def manifest(self, url):
        root = xml.etree.ElementTree.fromstring(self.get(url))
        self.assertEqual(root.tag, MPD + "MPD")
        return root

    @staticmethod
    def segments(root, track=0):
        return root.findall(f".//{MPD}AdaptationSet")[track].findall(f".//{MPD}S")

    @staticmethod
    def template(root, track=0):
        return root.findall(f".//{MPD}SegmentTemplate")[track]

    def test_answer_and_errors(self):
        self.refused("ResourceNotFoundException", 404,
                     self.archive.get_dash_streaming_session_url, StreamName=self.stream)
        self.put_clip(self.clip(seconds=2))
        url = self.archive.get_dash_streaming_session_url(
            StreamName=self.stream)["DASHStreamingSessionURL"]
        self.assertRegex(url, "^" + self.kvs.url
                         + r"/dash/v1/getDASHManifest\.mpd\?SessionToken=[A-Za-z0-9_-]+~{0,2}$")
        for members in ({"PlaybackMode": "X"}, {"DisplayFragmentNumber": "X"}, {"Expires": 299},
                        {"MaxManifestFragmentResults": 0}, {"MaxManifestFragmentResults": 5001}):
            status, answer = self.ask("getDASHStreamingSessionURL", **members)
            self.assertEqual(status, 400, answer)
        token = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["SessionToken"][0]
        self.get(f"{self.kvs.url}/hls/v1/getHLSMasterPlaylist.m3u8?SessionToken={token}", 403)

    def test_manifest_of_a_range(self):
        start = self.put_clip(self.clip())
        root = self.manifest(self.on_demand_dash(start, start + 60000))
        self.assertEqual(root.get("type"), "static")
        sets = root.findall(f".//{MPD}AdaptationSet")
        self.assertEqual([item.get("contentType") for item in sets], ["video", "audio"])
        template = self.template(root)
        self.assertEqual(template.get("startNumber"), "1")
        self.assertIn("$Number$", template.get("media"))
        segments = self.segments(root)
        self.assertEqual(len(segments), 6)
        for before, after in zip(segments, segments[1:]):
            self.assertEqual(int(before.get("t")) + int(before.get("d")), int(after.get("t")))
        self.assertFalse(any(name.startswith("{") for s in segments for name in s.attrib))

    def test_numbers_and_times_are_shown(self):
        start = self.put_clip(self.clip(seconds=3))
        root = self.manifest(self.on_demand_dash(
            start, start + 60000, DisplayFragmentTimestamp="ALWAYS",
            DisplayFragmentNumber="ALWAYS"))
        shown = [{name.split("}")[1]: value for name, value in s.attrib.items() if "}" in name}
                 for s in self.segments(root)]
        stored = self.stored()
        self.assertEqual([item["fn"] for item in shown],
                         [fragment["FragmentNumber"] for fragment in stored])
        self.assertEqual([round(float(item["ts"]) * 1000) for item in shown],
                         [round(fragment["ProducerTimestamp"].timestamp() * 1000)
                          for fragment in stored])

    def test_media_is_where_the_manifest_says(self):
        start = self.put_clip(self.clip(seconds=3))
        url = self.on_demand_dash(start, start + 60000)
        root = self.manifest(url)
        for track in (0, 1):
            template = self.template(root, track)
            init = self.get(urllib.parse.urljoin(url, template.get("initialization")))
            for i, segment in enumerate(self.segments(root, track)):
                uri = template.get("media").replace("$Number$", str(i + 1))
                data = self.get(urllib.parse.urljoin(url, uri))
                with open(self.kvs.data + "/segment.mp4", "wb") as file:
                    file.write(init + data)
                packets = media.probe(self.kvs.data + "/segment.mp4", "", "error")["packets"]
                at = min(float(packet["pts_time"]) for packet in packets)
                self.assertAlmostEqual(at, int(segment.get("t")) / 1000, delta=0.03)
            self.get(urllib.parse.urljoin(url, template.get("media").replace("$Number$", "4")), 404)
            self.get(urllib.parse.urljoin(url, template.get("media").replace("$Number$", "0")), 404)

    def test_players(self):
        for codec in ("h264", "h265"):
            clip = self.clip(seconds=4, codec=codec)
            self.stream = f"{self._testMethodName}-{codec}"
            self.control.create_stream(StreamName=self.stream, DataRetentionInHours=2)
            before = now_ms() - 1000
            start = self.put_clip(clip)
            time.sleep(0.05)
            for kind, ends in (("PRODUCER", (start, start + 60000)),
                               ("SERVER", (before, now_ms() - 1))):
                with self.subTest(codec=codec, selector=kind):
                    url = self.on_demand_dash(*ends, kind=kind)
                    self.assertEqual(ffmpeg_pictures(url), clip.hashes)
                    self.assertEqual(gstreamer_pictures(url), GStreamer.hashes(clip.path))

    def test_gaps_are_closed(self):
        clip = self.clip()
        start = self.put_clip(clip, places=[0, 1])
        self.put_clip(clip, start, places=[4, 5])
        url = self.on_demand_dash(start, start + 60000)
        segments = self.segments(self.manifest(url))
        self.assertEqual(int(segments[2].get("t")),
                         int(segments[1].get("t")) + int(segments[1].get("d")))
        self.assertEqual(ffmpeg_pictures(url), clip.pictures([0, 1, 4, 5]))

    def test_codec_private_data_may_not_change(self):
        start = self.put_clip(self.clip(seconds=2))
        self.put_clip(self.clip(seconds=2, size="320x240"), start + 2000)
        url = self.on_demand_dash(start, start + 60000)
        media_uri = self.template(self.manifest(url)).get("media")
        self.get(urllib.parse.urljoin(url, media_uri.replace("$Number$", "2")))
        status, headers, _ = hls_case.fetch(
            urllib.parse.urljoin(url, media_uri.replace("$Number$", "3")))
        self.assertEqual(status, 400)
        self.assertIn("InvalidCodecPrivateDataException", headers["x-amzn-errortype"])

    def test_live_manifest_slides(self):
        clip = self.clip()
        start = now_ms()
        self.put_clip(clip, start, places=[0])
        url = self.dash(MaxManifestFragmentResults=2)
        root = self.manifest(url)
        self.assertEqual(root.get("type"), "dynamic")
        self.assertTrue(root.get("availabilityStartTime"))
        known = {}
        for place in range(1, 5):
            self.put_clip(clip, start, places=[place])
            root = self.manifest(url)
            number = int(self.template(root).get("startNumber"))
            self.assertEqual(number, place)
            for i, segment in enumerate(self.segments(root)):
                at = int(segment.get("t"))
                self.assertEqual(known.setdefault(number + i, at), at)


if __name__ == "__main__":
    unittest.main()
