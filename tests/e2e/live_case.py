# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fragments that go into a stream as fast as all of its players follow, and what each has shown.

Players of a list that grows join it somewhere, and never see its end. So a test says which pictures
each of them has to have shown before it ends them: all from the first of the fragment that it began
with to the last of a certain fragment, without a gap.
"""

import time

import hls_case
import kvslocal
import mkvwriter as mkv

# Fragments in a list if nobody asks for another number
N_LISTED = 5
# The slowest player is never so far behind that what it needs next has left the list
MAX_AHEAD = N_LISTED - 1
FRAGMENT_SECONDS = 1
# A stream of which nothing comes for 30 s is not live any more; a test that waits goes on before
WAIT_SECONDS = 10
STALL_SECONDS = 60


class Feed:
    """A producer that sends a clip's fragments one by one.

    n_sent      how many were sent, and are stored
    """

    def __init__(self, kvs, stream, clip, start_ms, n_sent=0):
        self.clip = clip
        self.start_ms = start_ms
        self.n_sent = n_sent
        self.sent_at = 0
        self.connection = kvs.put_media(stream, timeout=60 * kvslocal.SLOWNESS).accepted()
        self.connection.send(clip.header)

    def send_up_to(self, n_sent):
        while self.n_sent < n_sent:
            self.send()

    def close(self):
        self.connection.close()

    def send(self):
        place = self.n_sent
        assert place < len(self.clip.fragments), "the clip is over before its players are content"
        self.connection.send(self.clip.cluster(place, self.start_ms + self.clip.start_ms(place))
                             + mkv.END_OF_FRAGMENT)
        self.connection.until("PERSISTED")
        self.n_sent += 1
        self.sent_at = time.monotonic()


class Row:
    """One cell of the matrix: a player of a session.

    key         says which
    newest      function that gives the place of the fragment that is the last of its list now
    n_listed    how many fragments its list has at most
    last        place of the last fragment that it has to play
    ends        whether the list ends there, and the player with it, if it can be relied upon for that
    stays       whether it is left to run, though it has shown that, until all others have, too
    """

    def __init__(self, key, kind, url, clip, *, newest, n_listed, last, ends=False, stays=False):
        self.key = key
        self.clip = clip
        self.n_listed = n_listed
        self.last = last
        self.ends = ends
        self.stays = stays
        self.whole = clip.hashes_of(kind)
        self._newest = newest
        self.newest_before = newest()
        self.newest_after = None
        self.player = kind(url)
        self.status = None
        self.places = []

    def read(self):
        """Takes in what it has shown since the last time; gives whether that is anything."""
        self.player.read()
        new = self.player.pictures[len(self.places):]
        self.places += [self.whole[picture] if picture in self.whole else -1 for picture in new]
        if new and self.newest_after is None:
            self.newest_after = self._newest()
        return bool(new)

    def stop(self):
        """Ends it, if it has not ended by itself."""
        self.status = self.player.child.returncode
        self.player.kill()
        self.read()

    @property
    def fragment(self):
        """Place of the latest fragment of which it has shown a picture, -1 if of none."""
        return self.clip.fragment_of(max(self.places)) if self.places else -1

    @property
    def is_done(self):
        if self.player.has_ended:
            return True
        if self.ends and self.player.keeps_to_the_end:
            return False
        return bool(self.places) and max(self.places) >= self.clip.end_of(self.last)

    @property
    def runs(self):
        """Places of the first and the last picture of each stretch without a gap."""
        found = []
        for place in self.places:
            if found and found[-1][1] == place - 1:
                found[-1][1] = place
            else:
                found.append([place, place])
        return found

    def __str__(self):
        return (f"{self.key}: {self.runs}, status: {self.status}, "
                f"list's end {self.newest_before} to {self.newest_after}, "
                f"{self.player.complaints[-1000:]}")


class LiveClip(hls_case.Clip):
    """A clip whose pictures are all different, with their hashes by each kind of player."""

    def __init__(self, **options):
        super().__init__(**options)
        self._hashes = {}
        counts = [sum(track == 1 for _, track, _, _ in fragment) for fragment in self.fragments]
        self._ends = [sum(counts[:i + 1]) - 1 for i in range(len(counts))]

    def hashes_of(self, kind):
        """Place of each picture by its hash."""
        function = kind.hashes
        if function not in self._hashes:
            found = function(self.path)
            self._hashes[function] = {picture: i for i, picture in enumerate(found)}
            assert len(found) == len(self._hashes[function]) == self._ends[-1] + 1
        return self._hashes[function]

    def start_of(self, fragment):
        return self._ends[fragment - 1] + 1 if fragment > 0 else 0

    def end_of(self, fragment):
        return self._ends[fragment]

    def fragment_of(self, picture):
        return sum(end < picture for end in self._ends)


class LiveCase(hls_case.HlsCase):
    SECONDS = 24
    CODEC = "h264"
    # How many fragments there are at least from where a player joins a list to the end of that
    N_TO_END = 1
    # What is replayed
    N_PAST = 12

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.live_clip = LiveClip(seconds=cls.SECONDS, codec=cls.CODEC)

    @classmethod
    def send_past(cls):
        """Stores the first fragments as a stream of their own, and keeps the ranges of their times. A
        range of the server's time that ends is complete 30 s after that, as nothing that began before
        its end can still come then. So this is sent before all else."""
        cls.control.create_stream(StreamName="past", DataRetentionInHours=2)
        start_ms = hls_case.now_ms() - 3600000
        before_ms = hls_case.now_ms() - 1000
        feed = Feed(cls.kvs, "past", cls.live_clip, start_ms)
        feed.send_up_to(cls.N_PAST)
        feed.close()
        cls.past_ms = {"PRODUCER": (start_ms, start_ms + cls.N_PAST * 1000 - 1),
                       "SERVER": (before_ms, hls_case.now_ms())}
        time.sleep(0.01)

    def resume_past(self):
        """A feed that goes on with that stream."""
        self.stream = "past"
        feed = Feed(self.kvs, "past", self.live_clip, self.past_ms["PRODUCER"][0], self.N_PAST)
        self.addCleanup(feed.close)
        return feed

    def past_selector(self, kind, has_end):
        start_ms, end_ms = self.past_ms[kind]
        return self.selector(kind, start_ms, end_ms if has_end else None)

    def begin(self, n_sent):
        """A feed that has stored its first fragments."""
        feed = Feed(self.kvs, self.stream, self.live_clip,
                    hls_case.now_ms() - n_sent * 1000 * FRAGMENT_SECONDS)
        self.addCleanup(feed.close)
        feed.send_up_to(n_sent)
        return feed

    def follow(self, feed, rows):
        """Sends on, in real time or slower, until each player has shown what it has to."""
        self.addCleanup(lambda: [row.player.close() for row in rows])
        stalled = time.monotonic() + STALL_SECONDS * kvslocal.SLOWNESS
        waiting = rows
        while waiting:
            if any([row.read() for row in waiting]):
                stalled = time.monotonic() + STALL_SECONDS * kvslocal.SLOWNESS
            self.assertLess(time.monotonic(), stalled, "\n".join(map(str, waiting)))
            done = [row for row in waiting if row.is_done]
            for row in done:
                if not row.stays:
                    row.stop()
            waiting = [row for row in waiting if row not in done]
            self.send_on(feed, waiting)
            time.sleep(0.05)
        for row in rows:
            if row.stays:
                row.stop()

    @staticmethod
    def send_on(feed, waiting):
        idle = time.monotonic() - feed.sent_at
        slowest = min((row.fragment for row in waiting if not row.ends), default=None)
        if slowest is None or idle < FRAGMENT_SECONDS:
            return
        if idle >= WAIT_SECONDS or feed.n_sent - 1 - slowest < MAX_AHEAD:
            feed.send()

    def check_rows(self, feed, rows):
        self.follow(feed, rows)
        for row in rows:
            with self.subTest(row.key):
                self.check_row(row)

    def check_row(self, row):
        """All pictures of the source, one after the other, from the start of a fragment to the end of
        the one that the row names, at least: no more than that if it had to end by itself."""
        self.assertEqual(row.player.complaints, "", row)
        last = self.check_runs(row)
        self.check_start(row, row.places[0])
        if row.ends:
            self.check_end(row, last)
        else:
            self.assertGreaterEqual(last, row.clip.end_of(row.last), row)

    def check_runs(self, row):
        """Gives the place of the last picture."""
        self.assertEqual(len(row.runs), 1, row)
        return row.places[-1]

    def check_end(self, row, last):
        surely = row.player.keeps_to_the_end
        self.assertIn(row.status, (0,) if surely else (0, None), row)
        fragment = row.clip.fragment_of(last)
        self.assertEqual(last, row.clip.end_of(fragment), row)
        self.assertLessEqual(fragment, row.last, row)
        self.assertGreaterEqual(fragment, row.last if surely else row.newest_before, row)

    def check_start(self, row, first):
        """It began with the start of a fragment of its list, which it may have loaded at any time between
        its own start and its first picture, and not too near the end of that."""
        fragment = row.clip.fragment_of(first)
        self.assertEqual(first, row.clip.start_of(fragment), row)
        self.assertGreater(fragment, row.newest_before - row.n_listed, row)
        self.assertLessEqual(fragment, row.newest_after - self.N_TO_END + 1, row)
