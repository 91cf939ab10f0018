# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which fragments HLS playlists have, and how they change (section 12, RFC 8216)."""

import os
import time
import unittest

import hls_case
import hls_check
import kvslocal_case
import media
from hls_case import ffmpeg_pictures, now_ms


def setUpModule():
    kvslocal_case.require_kvs_local()


class PlaylistTest(hls_case.HlsCase):
    def producer_numbers(self):
        """Fragment numbers by the producer's time in ms, the later ones last."""
        found = {}
        for fragment in self.stored():
            at = round(fragment["ProducerTimestamp"].timestamp() * 1000)
            found.setdefault(at, []).append(fragment["FragmentNumber"])
        return found

    def all_numbers(self):
        return [fragment["FragmentNumber"] for fragment in self.stored()]


class OnDemandListTest(PlaylistTest):
    def test_master_playlist(self):
        start = self.put_clip(self.clip())
        url = self.on_demand("PRODUCER", start, start + 60000)
        master = self.master(url)
        variant, uri = master.variants[0]
        self.assertRegex(variant["CODECS"], r'^"avc1\.[0-9a-f]{6},mp4a\.40\.2"$')
        self.assertEqual(variant["RESOLUTION"], "160x120")
        self.assertEqual(variant["FRAME-RATE"], "25.000")
        self.assertTrue(uri.startswith("getHLSMediaPlaylist.m3u8?SessionToken="))
        self.assertEqual(len(master.media), 1)
        self.assertEqual(self.playlist(url, 2).duration, self.playlist(url, 1).duration)
        ts = self.master(self.on_demand("PRODUCER", start, start + 60000,
                                        ContainerFormat="MPEG_TS"))
        self.assertEqual((len(ts.media), len(ts.variants)), (0, 1))

    def test_bandwidth_is_no_less_than_that_of_any_segment(self):
        start = self.put_clip(self.clip())
        for container in ("FRAGMENTED_MP4", "MPEG_TS"):
            url = self.on_demand("PRODUCER", start, start + 60000, ContainerFormat=container)
            limit = int(self.master(url).variants[0][0]["BANDWIDTH"])
            tracks = (1, 2) if container == "FRAGMENTED_MP4" else (1,)
            lists = [self.playlist(url, track) for track in tracks]
            for segments in zip(*(playlist.segments for playlist in lists)):
                size = sum(len(self.get(hls_case.urllib.parse.urljoin(url, segment.uri)))
                           for segment in segments)
                with self.subTest(container=container, uri=segments[0].uri[:60]):
                    self.assertLessEqual(size * 8 / segments[0].duration, limit)

    def test_list_is_whole_and_does_not_change(self):
        start = self.put_clip(self.clip())
        url = self.on_demand("PRODUCER", start, start + 60000)
        first = self.playlist(url)
        self.assertTrue(first.is_vod and first.is_over)
        self.assertEqual(self.numbers(first), self.all_numbers())
        self.assertAlmostEqual(first.duration, 6, delta=0.06)
        self.put_clip(self.clip(seconds=2), start + 20000)
        hls_check.check_reload(first, self.playlist(url))

    def test_both_ends_belong_to_the_range(self):
        start = self.put_clip(self.clip())
        numbers = self.all_numbers()
        for first, last, expected in ((0, 5000, numbers), (1000, 4000, numbers[1:5]),
                                      (1, 3999, numbers[1:4]), (999, 1000, numbers[1:2])):
            with self.subTest(first=first, last=last):
                url = self.on_demand("PRODUCER", start + first, start + last)
                self.assertEqual(self.numbers(self.playlist(url)), expected)

    def test_oldest_come_first_up_to_the_maximum(self):
        start = self.put_clip(self.clip())
        url = self.on_demand("PRODUCER", start, start + 60000, MaxMediaPlaylistFragmentResults=2)
        playlist = self.playlist(url)
        self.assertTrue(playlist.is_over)
        self.assertEqual(self.numbers(playlist), self.all_numbers()[:2])

    def test_larger_number_replaces_the_same_time(self):
        clip = self.clip()
        start = self.put_clip(clip)
        self.put_clip(clip, start, places=[1, 2])
        by_time = self.producer_numbers()
        url = self.on_demand("PRODUCER", start, start + 60000)
        self.assertEqual(self.numbers(self.playlist(url)),
                         [by_time[at][-1] for at in sorted(by_time)])
        self.assertEqual(ffmpeg_pictures(url), clip.hashes)
        url = self.on_demand("SERVER", now_ms() - 60000, now_ms() - 1)
        self.assertEqual(len(self.playlist(url).segments), 8)

    def test_overlapping_times_all_stay(self):
        clip = self.clip()
        start = self.put_clip(clip, places=[0, 1])
        self.put_clip(clip, start + 500, places=[0, 1])
        url = self.on_demand("PRODUCER", start, start + 60000)
        self.assertEqual(len(self.playlist(url).segments), 4)

    def test_times_are_those_of_the_selector(self):
        start = self.put_clip(self.clip())
        stored = self.stored()
        for kind, member in (("PRODUCER", "ProducerTimestamp"), ("SERVER", "ServerTimestamp")):
            ends = (start, start + 60000) if kind == "PRODUCER" else (now_ms() - 60000,
                                                                      now_ms() - 1)
            shown = self.playlist(self.on_demand(kind, *ends, DisplayFragmentTimestamp="ALWAYS"))
            expected = [fragment[member].astimezone(hls_case.datetime.timezone.utc)
                        .isoformat(timespec="milliseconds").replace("+00:00", "Z")
                        for fragment in stored]
            self.assertEqual([segment.date_time for segment in shown.segments], expected)
            hidden = self.playlist(self.on_demand(kind, *ends))
            self.assertEqual({segment.date_time for segment in hidden.segments}, {None})

    def marks(self, start, **members):
        playlist = self.playlist(self.on_demand("PRODUCER", start, start + 60000, **members))
        return [segment.discontinuity for segment in playlist.segments]

    def test_markers(self):
        clip = self.clip()
        start = self.put_clip(clip, places=[0, 1], shift=lambda _: 0)
        for place, shift in ((2, 50), (3, 100), (4, 49), (5, 100)):
            self.put_clip(clip, start, places=[place], shift=lambda _, by=shift: by)
        on = self.marks(start, DiscontinuityMode="ON_DISCONTINUITY")
        self.assertEqual(on, [False, False, False, False, True, True])
        self.assertEqual(self.marks(start, DiscontinuityMode="ALWAYS"), [True] * 6)
        self.assertEqual(self.marks(start, DiscontinuityMode="NEVER"), [False] * 6)
        self.assertEqual(self.marks(start), [False] * 6)
        by_server = self.playlist(self.on_demand("SERVER", now_ms() - 60000, now_ms() - 1))
        self.assertTrue(all(segment.discontinuity for segment in by_server.segments))

    def test_gap_is_in_the_time_line_unless_it_is_marked(self):
        clip = self.clip()
        start = self.put_clip(clip, places=[0, 1])
        self.put_clip(clip, start, places=[4, 5])
        for container in ("FRAGMENTED_MP4", "MPEG_TS"):
            for mode in ("NEVER", "ON_DISCONTINUITY", "ALWAYS"):
                with self.subTest(container=container, mode=mode):
                    url = self.on_demand("PRODUCER", start, start + 60000, DiscontinuityMode=mode,
                                         ContainerFormat=container)
                    self.assertEqual(ffmpeg_pictures(url), clip.pictures([0, 1, 4, 5]))
                    times = sorted(float(packet["pts_time"])
                                   for packet in media.probe(url)["packets"])
                    gap = max(b - a for a, b in zip(times, times[1:]))
                    self.assertAlmostEqual(gap, 2.04 if mode == "NEVER" else 0.04, delta=0.01)

    def test_expired_media(self):
        start = self.put_clip(self.clip(seconds=2))
        url = self.on_demand("PRODUCER", start, start + 60000)
        playlist = self.playlist(url)
        for folder, _, names in os.walk(os.path.join(self.kvs.data, "media")):
            for name in names:
                if name[:-4] == self.numbers(playlist)[0]:
                    os.unlink(os.path.join(folder, name))
        self.get(hls_case.urllib.parse.urljoin(url, playlist.segments[0].uri), 404)
        self.get(hls_case.urllib.parse.urljoin(url, playlist.segments[1].uri))


class CodecChangeTest(PlaylistTest):
    def put_both(self):
        small, large = self.clip(seconds=2), self.clip(seconds=2, size="320x240")
        start = self.put_clip(small)
        self.put_clip(large, start + 2000)
        return start, small, large

    def test_hls_goes_on_with_another_initialisation(self):
        start, small, large = self.put_both()
        for container in ("FRAGMENTED_MP4", "MPEG_TS"):
            with self.subTest(container):
                url = self.on_demand("PRODUCER", start, start + 60000, ContainerFormat=container,
                                     DiscontinuityMode="ON_DISCONTINUITY")
                segments = self.playlist(url).segments
                self.assertEqual([segment.discontinuity for segment in segments],
                                 [False, False, True, False])
                maps = [segment.map for segment in segments]
                if container == "FRAGMENTED_MP4":
                    self.assertEqual(maps[0], maps[1])
                    self.assertEqual(maps[2], maps[3])
                    self.assertIn("SequenceNumber=0", maps[0])
                    self.assertIn("SequenceNumber=1", maps[2])
                    self.assertNotEqual(
                        self.get(hls_case.urllib.parse.urljoin(url, maps[0])),
                        self.get(hls_case.urllib.parse.urljoin(url, maps[2])))
                for clip, part in ((small, segments[:2]), (large, segments[2:])):
                    self.assertEqual(self.pictures_of(url, part), clip.hashes)

    def pictures_of(self, url, segments):
        """Initialisation and segments as one file, for a player that knows nothing of HLS."""
        path = os.path.join(self.kvs.data, "part")
        with open(path, "wb") as file:
            if segments[0].map:
                file.write(self.get(hls_case.urllib.parse.urljoin(url, segments[0].map)))
            for segment in segments:
                file.write(self.get(hls_case.urllib.parse.urljoin(url, segment.uri)))
        return media.picture_hashes(path)

    def test_tracks_may_not_change(self):
        with_sound, without = self.clip(seconds=2), self.clip(seconds=2, audio=False)
        start = self.put_clip(with_sound)
        self.put_clip(without, start + 2000)
        url = self.on_demand("PRODUCER", start, start + 60000)
        segments = self.playlist(url).segments
        self.assertEqual(len(segments), 4)
        self.get(hls_case.urllib.parse.urljoin(url, segments[1].uri))
        body = self.get(hls_case.urllib.parse.urljoin(url, segments[2].uri), 400)
        self.assertIn(b"tracks", body)


class LiveListTest(PlaylistTest):
    def put_one(self, clip, start, place):
        self.put_clip(clip, start, places=[place])

    def test_window_slides(self):
        clip = self.clip()
        for mode in ("ALWAYS", "NEVER", "ON_DISCONTINUITY"):
            with self.subTest(mode):
                self.stream = f"{self._testMethodName}-{mode}"
                self.control.create_stream(StreamName=self.stream, DataRetentionInHours=2)
                start = now_ms()
                self.put_one(clip, start, 0)
                url = self.hls(DiscontinuityMode=mode, MaxMediaPlaylistFragmentResults=3)
                before = self.playlist(url)
                self.assertEqual((before.sequence, len(before.segments)), (0, 1))
                for place in range(1, 6):
                    self.put_one(clip, start, place)
                    after = self.playlist(url)
                    hls_check.check_reload(before, after)
                    self.assertEqual(after.sequence, max(0, place - 2))
                    self.assertEqual(self.numbers(after), self.all_numbers()[-3:])
                    self.assertFalse(after.is_over)
                    before = after
                if mode == "ALWAYS":
                    self.assertEqual(before.discontinuity_sequence, 3)
                if mode == "NEVER":
                    self.assertEqual(before.discontinuity_sequence, 0)

    def test_what_left_the_list_can_be_fetched_for_a_while(self):
        clip = self.clip()
        start = now_ms()
        self.put_one(clip, start, 0)
        url = self.hls(MaxMediaPlaylistFragmentResults=1)
        first = self.playlist(url).segments[0].uri
        for place in range(1, 6):
            self.put_one(clip, start, place)
            self.playlist(url)
        self.get(hls_case.urllib.parse.urljoin(url, first))

    def test_newest_five_at_first(self):
        self.put_clip(self.clip())
        self.assertEqual(self.numbers(self.playlist(self.hls())), self.all_numbers()[-5:])

    def test_two_players_of_one_session_see_the_same(self):
        clip = self.clip()
        start = now_ms()
        self.put_one(clip, start, 0)
        url = self.hls()
        for place in range(1, 4):
            self.put_one(clip, start, place)
            video, audio = self.playlist(url, 1), self.playlist(url, 2)
            self.assertEqual(video.sequence, audio.sequence)
            self.assertEqual(self.numbers(video), self.numbers(audio))

    def test_same_producer_time_is_listed_once(self):
        clip = self.clip()
        start = self.put_clip(clip)
        self.put_clip(clip, start)
        url = self.hls(HLSFragmentSelector=self.selector("PRODUCER"),
                       MaxMediaPlaylistFragmentResults=20)
        self.assertEqual(self.numbers(self.playlist(url)), self.all_numbers()[-6:])
        self.put_clip(clip, start)
        self.assertEqual(len(self.playlist(url).segments), 6)
        by_server = self.hls(MaxMediaPlaylistFragmentResults=20)
        self.assertEqual(len(self.playlist(by_server).segments), 18)

    def test_lengths_are_those_of_the_pictures(self):
        """Sound goes on for a part of a frame after the last picture of a fragment. Counted in, it would
        put the list's time, which players rely on, ahead of that of the media more and more."""
        self.put_clip(self.clip(seconds=5.2, gop=13))
        for container in ("FRAGMENTED_MP4", "MPEG_TS"):
            for kind in ("SERVER", "PRODUCER"):
                with self.subTest(container=container, selector=kind):
                    playlist = self.playlist(self.hls(
                        ContainerFormat=container, HLSFragmentSelector=self.selector(kind),
                        MaxMediaPlaylistFragmentResults=20))
                    self.assertEqual([segment.duration for segment in playlist.segments], [0.52] * 10)

    def test_longest_fragment_is_within_the_target(self):
        clip = self.clip(seconds=9, gop=75)
        self.put_clip(clip)
        playlist = self.playlist(self.hls())
        self.assertEqual(playlist.target, 3 + (max(s.duration for s in playlist.segments) > 3))


class ReplayListTest(PlaylistTest):
    def test_fragments_are_added_as_time_goes_by(self):
        clip = self.clip()
        start = self.put_clip(clip, now_ms() - 3600000)
        url = self.hls(PlaybackMode="LIVE_REPLAY", MaxMediaPlaylistFragmentResults=2,
                       HLSFragmentSelector=self.selector("PRODUCER", start, start + 60000))
        began = time.monotonic()
        numbers = self.all_numbers()
        before = self.playlist(url)
        self.assertEqual(self.numbers(before), numbers[:2])
        self.assertFalse(before.is_over or before.is_vod)
        while not before.is_over:
            time.sleep(0.2)
            after = self.playlist(url)
            elapsed = time.monotonic() - began
            hls_check.check_reload(before, after)
            self.assertLessEqual(after.sequence, elapsed + 0.5)
            before = after
        self.assertGreater(time.monotonic() - began, 3.5)
        self.assertEqual(self.numbers(before), numbers[-2:])

    def test_without_an_end_it_waits_for_more(self):
        clip = self.clip(seconds=2)
        start = self.put_clip(clip)
        url = self.hls(PlaybackMode="LIVE_REPLAY",
                       HLSFragmentSelector=self.selector("PRODUCER", start))
        self.assertFalse(self.playlist(url).is_over)
        self.put_clip(clip, start + 2000)
        kvslocal_case.wait_for(lambda: len(self.playlist(url).segments) == 4)


if __name__ == "__main__":
    unittest.main()
