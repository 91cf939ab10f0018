# SPDX-License-Identifier: LGPL-2.1-or-later
"""FFmpeg and GStreamer follow DASH manifests that grow, and decode the pictures that were sent.

FFmpeg 5.1 takes a place in the list for a number of a segment when it loads a manifest again, and so
fetches segments a second time: the one before, or all that the manifest has if that has moved on. It
leaves none out. GStreamer 1.22 finds its place wrongly in a manifest whose first segment does not begin
at the start of the period, so the sessions that it plays list all fragments.
"""

import unittest
import xml.etree.ElementTree

import kvslocal_case
import live_case
import players
from players import PLAYERS, FFmpeg

SELECTORS = ("SERVER", "PRODUCER")
N_ALL = 100
MPD = "{urn:mpeg:dash:schema:mpd:2011}"


def setUpModule():
    kvslocal_case.require_kvs_local()
    players.require_all()


class MatrixTest(live_case.LiveCase):
    # Less than the ten seconds by which GStreamer begins before now: it begins with the first then
    N_PAST = 8
    LAST_LIVE = live_case.N_LISTED + 6
    LAST_REPLAYED = N_PAST + 5

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.send_past()

    def newest(self, url):
        """Place of the last fragment in the manifest of a session that began with the first one."""
        root = xml.etree.ElementTree.fromstring(self.get(url))
        template = root.find(f".//{MPD}SegmentTemplate")
        return int(template.get("startNumber")) - 1 + len(template.findall(f".//{MPD}S")) - 1

    def row(self, name, kind, selector, last, n_listed, stays=False, **members):
        url = self.dash(MaxManifestFragmentResults=n_listed, **members)
        return live_case.Row((name, f"{n_listed} listed", selector, kind.name), kind, url,
                             self.live_clip, newest=lambda: self.newest(url), n_listed=n_listed,
                             last=last, stays=stays)

    @staticmethod
    def cells():
        return [(selector, kind, n_listed) for selector in SELECTORS for kind in PLAYERS
                for n_listed in ([live_case.N_LISTED, N_ALL] if kind is FFmpeg else [N_ALL])]

    def test_live(self):
        """Each selector and player."""
        feed = self.begin(live_case.N_LISTED)
        self.check_rows(feed, [
            self.row("live", kind, selector, self.LAST_LIVE, n_listed,
                     DASHFragmentSelector=self.selector(selector))
            for selector, kind, n_listed in self.cells()])

    def test_replay(self):
        """LIVE_REPLAY: each selector and player, with an end and without one. What comes after the end
        is shown to nobody, while the others go on. No player is required to end: FFmpeg never takes a
        manifest that was dynamic for complete, and dashdemux2 does not look at it again when it waits
        for more of it. Then their decoders keep pictures of the last fragment back."""
        feed = self.resume_past()
        rows = {has_end: [
            self.row("with an end" if has_end else "into live media", kind, selector,
                     self.N_PAST - 2 if has_end else self.LAST_REPLAYED, n_listed, has_end,
                     PlaybackMode="LIVE_REPLAY",
                     DASHFragmentSelector=self.past_selector(selector, has_end))
            for selector, kind, n_listed in self.cells()] for has_end in (False, True)}
        self.check_rows(feed, rows[False] + rows[True])
        for row in rows[True]:
            with self.subTest(row.key):
                self.assertLessEqual(max(row.places), row.clip.end_of(self.N_PAST - 1), row)

    def check_runs(self, row):
        """FFmpeg may go back, to the start of a fragment, and leaves nothing out."""
        if not isinstance(row.player, FFmpeg):
            self.assertEqual(len(row.runs), 1, row)
        reached = -1
        for first, last in row.runs:
            self.assertEqual(first, row.clip.start_of(row.clip.fragment_of(first)), row)
            self.assertTrue(reached < 0 or first <= reached + 1, row)
            reached = max(reached, last)
        return reached


if __name__ == "__main__":
    unittest.main()
