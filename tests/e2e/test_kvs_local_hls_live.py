# SPDX-License-Identifier: LGPL-2.1-or-later
"""FFmpeg and GStreamer follow HLS lists that grow, and decode the pictures that were sent."""

import os
import unittest

import hls_case
import kvslocal_case
import live_case
import players
import support

CONTAINERS = ("FRAGMENTED_MP4", "MPEG_TS")
DISCONTINUITIES = ("ALWAYS", "NEVER", "ON_DISCONTINUITY")
SELECTORS = ("SERVER", "PRODUCER")


def setUpModule():
    kvslocal_case.require_kvs_local()
    players.require_all()


class HlsLiveCase(live_case.LiveCase):
    # RFC 8216 section 6.3.3: players begin no less than three target durations before the end
    N_TO_END = 3
    LAST_LIVE = live_case.N_LISTED + 6

    def newest(self, url):
        """Place of the last fragment in the list of a session that began with the first one."""
        playlist = self.playlist(url)
        return playlist.sequence + len(playlist.segments) - 1

    def row(self, name, kind, container, selector, last, n_listed, ends=False, **members):
        url = self.hls(ContainerFormat=container, MaxMediaPlaylistFragmentResults=n_listed, **members)
        return live_case.Row((name, container, selector, kind.name), kind, url, self.live_clip,
                             newest=lambda: self.newest(url), n_listed=n_listed, last=last, ends=ends)

    def live(self, mode, kind, container, selector):
        return self.row(mode, kind, container, selector, self.LAST_LIVE, live_case.N_LISTED,
                        DiscontinuityMode=mode, HLSFragmentSelector=self.selector(selector))


class MatrixTest(HlsLiveCase):
    N_REPLAYED = 10
    LAST_REPLAYED = live_case.LiveCase.N_PAST + 2

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.send_past()

    def test_live(self):
        """Each container, selector, discontinuity mode and player. When a player has shown the last
        fragment that it must, nothing is in the list any more of what it began with."""
        feed = self.begin(live_case.N_LISTED)
        self.check_rows(feed, [
            self.live(mode, kind, container, selector)
            for container in CONTAINERS for selector in SELECTORS for mode in DISCONTINUITIES
            for kind in players.of_growing_lists()])

    def replay(self, kind, container, selector, has_end):
        # The list begins with more than players take at first: one that is slow misses nothing
        return self.row(
            "with an end" if has_end else "into live media", kind, container, selector,
            self.N_PAST - 1 if has_end else self.LAST_REPLAYED, self.N_REPLAYED, has_end,
            PlaybackMode="LIVE_REPLAY",
            HLSFragmentSelector=self.past_selector(selector, has_end))

    def test_replay(self):
        """LIVE_REPLAY: each container, selector and player, with an end and without one. With one,
        players show all up to it and end by themselves, as far as they can be relied upon."""
        feed = self.resume_past()
        self.check_rows(feed, [
            self.replay(kind, container, selector, has_end)
            for container in CONTAINERS for selector in SELECTORS for has_end in (False, True)
            for kind in players.of_growing_lists()])


class H265Test(HlsLiveCase):
    """The same with H.265, which the service does not put into MPEG-TS."""

    CODEC = "h265"

    def test_live(self):
        feed = self.begin(live_case.N_LISTED)
        self.check_rows(feed, [self.live(mode, kind, "FRAGMENTED_MP4", selector)
                               for selector in SELECTORS for mode in DISCONTINUITIES
                               for kind in players.of_growing_lists()])


class PipelineTest(hls_case.HlsCase):
    """A real pipeline in real time, and players that follow what it encodes."""

    N_PICTURES = 80
    SECONDS = 14

    def start_pipeline(self):
        """A live camera and microphone into kvssink; what it encodes is kept beside."""
        path = os.path.join(self.kvs.data, self.stream + ".mkv")
        words = (
            f"videotestsrc is-live=true num-buffers={self.SECONDS * 20} pattern=ball"
            " ! video/x-raw,format=I420,width=160,height=120,framerate=20/1"
            " ! x264enc tune=zerolatency key-int-max=20 speed-preset=ultrafast ! h264parse"
            " ! tee name=t t. ! queue max-size-time=0 max-size-buffers=0 max-size-bytes=0"
            f" ! kvssink name=s stream-name={self.stream}"
            " t. ! queue max-size-time=0 max-size-buffers=0 max-size-bytes=0 ! matroskamux"
            f" ! filesink location={path}"
            f" audiotestsrc is-live=true num-buffers={self.SECONDS * 48} samplesperbuffer=1000"
            " ! audio/x-raw,rate=48000,channels=1 ! avenc_aac ! aacparse ! queue ! s.")
        child = support.pipeline(words, env=self.kvs.env)
        self.addCleanup(child.kill)
        kvslocal_case.wait_for(lambda: len(self.stored()) >= 4, 40)
        return child, path

    def assert_run_of(self, part, whole):
        """Pictures without a gap, from anywhere in the source."""
        self.assertIn(part[0], whole)
        first = whole.index(part[0])
        self.assertEqual(part, whole[first:first + len(part)])

    def test_players_follow_a_live_pipeline(self):
        child, path = self.start_pipeline()
        # The list keeps all: a player that is late misses nothing
        rows = {(container, kind): kind(self.hls(
                    ContainerFormat=container, MaxMediaPlaylistFragmentResults=2 * self.SECONDS))
                for container in CONTAINERS for kind in players.of_growing_lists()}
        for player in rows.values():
            self.addCleanup(player.close)

        def are_content():
            for player in rows.values():
                player.read()
            return all(len(player.pictures) >= self.N_PICTURES for player in rows.values())

        kvslocal_case.wait_for(are_content, 60)
        self.assertEqual(child.wait(60), 0)
        for (container, kind), player in rows.items():
            with self.subTest(container=container, player=kind.name):
                self.assertEqual(player.complaints, "")
                self.assert_run_of(player.pictures, kind.hashes(path))


if __name__ == "__main__":
    unittest.main()
