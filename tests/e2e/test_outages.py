# SPDX-License-Identifier: LGPL-2.1-or-later
"""Nothing is lost, whatever the network and the service do: live streams through faultproxy.py.

Each test runs many streams at once, each with faults of its own, and counts frames of what is
persisted afterwards. The table of what became of each goes to the test's log, faults.txt.
"""

import time
import unittest

import outages
import support
from faults import (Acks, Answer, BreakAcks, BreakUpload, BreakUploadAnywhere, ErrorAck, LoseFinalAck,
                    Outage, Throttle)
from outage_case import OPERATIONS, TAGGED, Case
from outages import FPS, GOP, IMPATIENT

# see tests/e2e/run.py
LONG = True
ALONE = True

# ids of kvs-api.md section 7
PASSING_ACKS = (4000, 4003, 4008, 4503, 4507, 5000, 5001, 4999, 6000)
DROPPING_ACKS = (4001, 4002, 4004, 4006, 4007, 4009, 4010, 4011, 4012)
N_OUTAGES = 200
# In that time, full jitter with bounds that double from 0.5 s makes more than that many attempts
# once in a million times
OUTAGE_SECONDS = 12
MOST_ATTEMPTS = 15
RETRY_AFTER_SECONDS = 2
ONE_OUTAGE = {"doubled": 1, "warnings": 2}


class Uploads(Case):
    """Faults while media are being sent."""

    def test_connections_break(self):
        rig = self.rig()
        for some in ((0, 1, 4), (40, 100, 150), (200, 250, 300)):
            rig.add("", [BreakUpload("reset", at) for at in some], bounds={"doubled": 3})
        rig.add("upload: reset in the 2nd fragment",
                [BreakUpload("reset", at, cluster=2) for at in (0, 3, 5, 12, 20, 40, 60, 500)],
                bounds={"doubled": 8})
        rig.add("upload: end in the 3rd fragment",
                [BreakUpload("end", at, cluster=3) for at in (0, 4, 13, 25, 400, 2000)],
                bounds={"doubled": 6})
        for seed in range(4):
            rig.add("", [BreakUploadAnywhere("reset", seed, 4000, times=12)],
                    bounds={"doubled": 12})
        rig.add("", [BreakUploadAnywhere("end", 4, 4000, times=12)], bounds={"doubled": 12})
        for seed in (5, 6):
            rig.add("", [BreakUploadAnywhere("stall", seed, 3000, times=3)], sink=IMPATIENT,
                    bounds={"doubled": 3})
        for how in ("reset", "end"):
            for n, at in ((1, 0), (1, 1), (1, 10), (2, 0), (2, 50), (3, 0), (3, 3), (3, 60),
                          (3, -1)):
                rig.add("", [BreakAcks(how, n, at)], bounds={"doubled": 1})
        for at in (0, 30, -1):
            rig.add("", [BreakAcks("stall", 3, at)], sink=IMPATIENT, bounds={"doubled": 1})
        rig.run(90)
        self.check_all(rig)

    def test_a_shaky_network_is_told_sometimes(self):
        rig = self.rig()
        stream = rig.add("", [BreakUploadAnywhere("reset", 8, 1200, times=8)], fps=50)
        rig.run(60)
        self.assertLessEqual(len(stream.warnings), 2)

    def test_a_reset_while_catching_up(self):
        """A backlog of several fragments is sent at once; each reset doubles one at most."""
        rig = self.rig()
        for n in range(1, 8):
            rig.add("", [Outage(4), BreakAcks("reset", n, 0), BreakAcks("reset", n + 1, 0)],
                    fps=10, bounds={"doubled": 3})
        rig.add("", [Outage(3), BreakAcks("reset", 1, 0)], bounds={"doubled": 2})
        rig.run(60)
        self.check_all(rig)

    def test_error_acks_that_pass(self):
        rig = self.rig()
        for error_id in PASSING_ACKS:
            # acks that were on their way when the session was ended are lost with it
            rig.add("", [ErrorAck(error_id, times=3)], bounds={"doubled": 3})
        rig.add("", [ErrorAck(error_id, with_timecode=False) for error_id in PASSING_ACKS],
                bounds={"doubled": len(PASSING_ACKS)})
        rig.run(60)
        self.check_all(rig)

    def test_error_acks_that_cost_a_fragment(self):
        rig = self.rig()
        for error_id in DROPPING_ACKS:
            rig.add("", [ErrorAck(error_id, times=2)], bounds={"lost": 2 * GOP})
        rig.run(60)
        self.check_all(rig)
        for stream in rig.streams.values():
            stats = stream.result["stats"]
            self.assertEqual(stats["error-acks"], 2)
            # what came of the fragment after the answer has nothing that it could be decoded with
            self.assertGreaterEqual(stats["frames-dropped-refused"], 2)
            self.assertEqual(stats["frames-dropped-refused"]
                             + stats["frames-dropped-before-key-frame"], stream.n_lost)

    def test_a_refused_fragment_is_told_once(self):
        rig = self.rig()
        stream = rig.add("", [ErrorAck(4006)])
        rig.run(60)
        self.assertEqual(len(stream.warnings), 1, stream.warnings)
        self.assertIn("what is still to come of it", stream.warnings[0][1])

    def test_acks_in_all_forms(self):
        rig = self.rig()
        for how in ("split", "merged", "repeated", "backwards", "unknown", "malformed",
                    "without_buffering_and_received"):
            rig.add("", [Acks(how, most=24)], bounds={"warnings": 0})
        rig.add("", [Acks("without_one_persisted")], bounds={"doubled": 2})
        rig.add("", [LoseFinalAck("reset")], bounds={"doubled": 1})
        rig.add("", [LoseFinalAck("end")], bounds={"doubled": 1})
        rig.add("", [LoseFinalAck("stall")], bounds={"doubled": 1})
        rig.run(60)
        self.check_all(rig)


class Outages(Case):
    """Longer ones."""

    def test_outages(self):
        """200 short ones in a row, long ones, and what the process holds meanwhile."""
        rig = self.rig()
        many = [rig.add(f"{how}, {N_OUTAGES} times in a row",
                        [BreakUploadAnywhere(how, how, 1200, times=N_OUTAGES)], fps=50,
                        bounds={"doubled": N_OUTAGES}) for how in ("reset", "end")]
        for seconds in (1, 2, 5, 12):
            rig.add("", [Outage(seconds, "reset")], fps=10, bounds=ONE_OUTAGE)
            rig.add("", [Outage(seconds, "stall")], fps=10, sink=IMPATIENT, bounds=ONE_OUTAGE)
        long = rig.add("", [Outage(30, "reset")], fps=10, bounds=ONE_OUTAGE)
        # compressed: media come 20 times as fast as they are long
        rig.add("10 minutes of media, outage of 30 s", [Outage(30, "reset")], fps=5, speed=20,
                sink="buffer-duration=1200", bounds=ONE_OUTAGE)
        rig.add("a source that pauses for 24 s", pause={"frame": 2 * GOP, "seconds": 24},
                max_frames=5 * GOP, bounds={"warnings": 0})
        rig.start()
        support.wait_until(lambda: all(s.faults[0].n_met > N_OUTAGES // 5 for s in many), 120)
        before = rig.measure()
        support.wait_until(lambda: all(map(rig.has_recovered, many)), 200)
        after = rig.measure()
        rig.finish(120)
        self.check_all(rig)
        self.assertLess(len(rig.proxy.events_of(long.name, "request")), 40)
        outages.check_flat(self, before, after)

    def test_bandwidth(self):
        """The link takes half of the media, or just about all, for some seconds."""
        rig = self.rig(receive_buffer=4096)
        rate = FPS * 4200
        for part in (0.5, 0.9, 1.1):
            rig.add("", [Throttle(int(rate * part), 5)], pad=4000, bounds={"warnings": 0})
        rig.run(60)
        self.check_all(rig)


    def test_sessions_are_renewed(self):
        """The service ends a connection that is old: nothing is lost and nothing doubled."""
        rig = self.rig(kvs_args=["--max-connection-seconds", "2"])
        for fps in (FPS, 10):
            rig.add("connections of 2 s", fps=fps, max_frames=fps * 8, bounds={"warnings": 0})
        rig.run(60)
        self.check_all(rig)
        for stream in rig.streams.values():
            stats = stream.result["stats"]
            self.assertGreaterEqual(stats["sessions"], 3)
            self.assertEqual(stats["reconnects"], 0)
            # of the last seconds, in which it was sent all the time
            self.assertGreater(stats["bytes-per-second"], 0)
            self.assertLess(stats["bytes-per-second"], stats["bytes-sent"])

    def test_the_service_ends_what_is_idle(self):
        """Sooner than the producer would: within a fragment, for as long as the source pauses."""
        rig = self.rig(kvs_args=["--idle-seconds", "2"])
        for frame in (2 * GOP, 2 * GOP + 1, 3 * GOP - 1):
            rig.add(f"idle before frame {frame}", pause={"frame": frame, "seconds": 5},
                    max_frames=5 * GOP)
        rig.run(60)
        self.check_all(rig)


class Attempts(Case):
    """How often the service is asked while it does not answer."""

    def test_attempts_are_few_and_one_at_a_time(self):
        rig = self.rig()
        streams = {how: rig.add_front(f"attempts within {OUTAGE_SECONDS} s ({how})",
                                      sink=IMPATIENT, fps=10, bounds=ONE_OUTAGE)
                   for how in ("reset", "end", "stall")}
        rig.start()
        support.wait_until(lambda: all(map(rig.is_persisted, streams.values())), 60)
        for how, stream in streams.items():
            stream.front.begin_outage(how)
            stream.n_before = len(stream.front.connected)
        time.sleep(OUTAGE_SECONDS)
        for stream in streams.values():
            stream.front.outage = None
            stream.n_attempts = len(stream.front.connected) - stream.n_before
        over = time.monotonic()
        rig.finish(90, lambda stream: rig.proxy.events_of(stream.name, "persisted")[-1][0] > over)
        self.check_all(rig)
        for stream in streams.values():
            with self.subTest(str(stream)):
                self.assertGreaterEqual(stream.n_attempts, 2)
                self.assertLessEqual(stream.n_attempts, MOST_ATTEMPTS)
                self.assertEqual(stream.front.most_waiting, 1)
                self.assertEqual(stream.result["stats"]["reconnects"], 1)

    def test_the_service_says_when(self):
        rig = self.rig()
        for operation in OPERATIONS:
            for status, kind in ((503, None), (429, None), (400, "ThrottlingException")):
                rig.add("", [Answer(operation, status, kind, retry_after=RETRY_AFTER_SECONDS)],
                        TAGGED, fps=10)
        rig.add("", [Answer("putMedia", 503, retry_after=RETRY_AFTER_SECONDS, times=3)], fps=10)
        rig.run(60)
        self.check_all(rig, warnings=1)
        for stream in rig.streams.values():
            with self.subTest(str(stream)):
                events = rig.proxy.events_of(stream.name, "request", "fault")
                waits = [after[0] - before[0] for before, after in zip(events, events[1:])
                         if before[1] == "fault"]
                self.assertEqual(len(waits), stream.faults[0].times)
                # what the service counts from is a moment before what we do
                self.assertGreater(min(waits), RETRY_AFTER_SECONDS - 0.1)


class TooLittleMemory(Case):
    def test_realtime_loses_the_oldest(self):
        """Whole fragments, and each of their frames is accounted for."""
        rig = self.rig(receive_buffer=4096)
        sink = "buffer-duration=3"
        rig.add("", [Outage(7)], sink=sink)
        rig.add("", [Outage(7, "stall")], sink=f"{sink} {IMPATIENT}")
        rig.add("", [Throttle(FPS * 30000 // 4, 10)], sink="buffer-duration=4", pad=30000)
        rig.run(90)
        self.check_all(rig, lost=100000, doubled=1)
        for stream in rig.streams.values():
            with self.subTest(str(stream)):
                self.assertGreater(stream.n_lost, 0)
                # more on a slow link: what is with the kernel cannot be called back
                dropped = stream.result["stats"]["frames-dropped-buffer-full"]
                (self.assertGreaterEqual if "bandwidth" in stream.label else self.assertEqual)(
                    dropped, stream.n_lost)
                self.assertTrue(all(len(fragment) == GOP
                                    for fragment in stream.stored.fragments[:-1]))
                said = [at for at, text, _ in stream.warnings if "buffer is full" in text]
                self.assertGreater(len(said), 0)
                for before, after in zip(said, said[1:]):
                    self.assertGreater(after - before, 9)

    def test_offline_waits(self):
        rig = self.rig(receive_buffer=4096)
        sink = f"streaming-type=offline buffer-duration=3 {IMPATIENT}"
        rig.add("", [Outage(4, "stall")], sink=sink, max_frames=900, bounds={"doubled": 1})
        # Acks end while all that memory holds has been sent. The file cannot go on, and is no source
        # that pauses: its open fragment goes on where it was
        rig.add("", [BreakAcks("stall", 2, 0)], sink="streaming-type=offline buffer-duration=3",
                max_frames=900, bounds={"doubled": 10})
        # slower than what IMPATIENT waits for an ack, so that it connects again
        rig.add("", [Throttle(100000, 5)], sink=sink, max_frames=600, pad=2000,
                bounds={"doubled": 30})
        rig.add("", [BreakUploadAnywhere("reset", 7, 30000, times=6)], sink=sink, max_frames=3000,
                bounds={"doubled": 6})
        rig.run(90)
        self.check_all(rig)

    def test_offline_waits_longer(self):
        rig = self.rig()
        rig.add("", [Outage(12)], sink="streaming-type=offline buffer-duration=3", max_frames=900,
                bounds={"doubled": 1})
        rig.run(90)
        self.check_all(rig)

    def test_what_is_stored_is_not_told_as_lost(self):
        rig = self.rig()
        stream = rig.add("", [Acks("without_one_persisted", most=40)], sink="buffer-duration=3")
        rig.run(60)
        self.assertEqual(stream.n_lost, 0)
        self.assertEqual(stream.result["stats"]["frames-dropped-buffer-full"], 0, stream.warnings)

    def test_an_ack_that_never_comes(self):
        """One fragment without PERSISTED does not cost others their place."""
        rig = self.rig()
        rig.add("", [Acks("without_one_persisted", most=40)], sink="buffer-duration=3",
                bounds={"doubled": 2})
        rig.run(60)
        self.check_all(rig)


if __name__ == "__main__":
    unittest.main()
