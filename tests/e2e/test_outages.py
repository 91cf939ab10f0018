# SPDX-License-Identifier: LGPL-2.1-or-later
"""Nothing is lost, whatever the network and the service do: live streams through faultproxy.py.

Each test runs many streams at once, each with faults of its own, and counts frames of what is
persisted afterwards. The table of what became of each goes to the test's log, faults.txt.
"""

import os
import ssl
import subprocess
import tempfile
import unittest

import kvslocal_case
import outages
import support
from faults import (Acks, Answer, BreakAcks, BreakAnswer, BreakRequest, BreakUpload,
                    BreakUploadAnywhere, ErrorAck, LoseFinalAck, Outage, Text, Throttle)
from outages import FPS, GOP, IMPATIENT, Rig

# see tests/e2e/run.py
LONG = True

# A stream that was made is not made again, and a tag that was refused is not tried again.
ONCE = ("createStream", "tagStream")
CALLS = ("describeStream", "createStream", "tagStream", "getDataEndpoint")
OPERATIONS = CALLS + ("putMedia",)
# ids of kvs-api.md section 7
PASSING_ACKS = (4000, 4003, 4008, 4503, 4507, 5000, 5001, 4999, 6000)
DROPPING_ACKS = (4001, 4002, 4004, 4006, 4007, 4009, 4010, 4011, 4012)
FATAL_ACKS = (4005, 4500, 4501, 4502, 4504, 4505, 4506)
TAGGED = "stream-tags=tags,site=(string)gate"
N_OUTAGES = 200
ONE_OUTAGE = {"doubled": 1, "warnings": 2}
# More than jitter could do by chance: a handful
ATTEMPTS_A_SECOND = 6


class Case(unittest.TestCase):
    timeout = 300

    @classmethod
    def setUpClass(cls):
        kvslocal_case.require_kvs_local()
        outages.require_gi()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.frames = outages.make_frames(cls.folder)

    def rig(self, **options):
        rig = Rig(self.folder, self.frames, **options)
        self.addCleanup(rig.__exit__)
        return rig.__enter__()

    def check(self, rig, stream, lost=0, doubled=0, warnings=None):
        """doubled: fragments that may be there twice; warnings: how many there may be."""
        self.assertEqual(stream.errors, [])
        self.assertEqual(stream.result["state"], "playing")
        self.assertEqual(stream.stored.strange, 0)
        self.assertTrue(stream.stored.is_in_order, stream.stored.fragments)
        self.assertLessEqual(stream.n_lost, lost)
        # acks that come later than half a fragment lasts are not waited for
        if support.SLOWNESS == 1:
            self.assertLessEqual(stream.stored.n_doubled, doubled)
        self.assertNotIn(stream.name, rig.proxy.too_many)
        if warnings is not None:
            self.assertLessEqual(len(stream.warnings), warnings, stream.warnings)

    def check_all(self, rig, **bounds):
        rig.table()
        for stream in rig.streams.values():
            with self.subTest(str(stream)):
                self.check(rig, stream, **{**bounds, **stream.bounds})


class StartUp(Case):
    """Faults before the first media are taken."""

    def add_each(self, rig, operation, faults, sink=TAGGED):
        for some in [[fault] for fault in faults] if operation in ONCE else [faults]:
            rig.add("", some, sink=sink, fps=10)

    def test_connections_break(self):
        rig = self.rig()
        for operation in OPERATIONS:
            of = {"operation": operation}
            for faults in (
                    [BreakRequest("reset", **of), BreakRequest("end", **of)],
                    [BreakAnswer("reset", at, **of) for at in (0, 1, 60)],
                    [BreakAnswer("end", at, **of) for at in (16, 90, -1)],
                    [BreakRequest("stall", **of)],
                    [BreakAnswer("stall", at, **of) for at in (5, -1)]):
                self.add_each(rig, operation, faults, f"{IMPATIENT} {TAGGED}")
        rig.run(90)
        self.check_all(rig, warnings=2)
        for stream in rig.streams.values():
            self.assertLessEqual(rig.attempts_a_second(stream), ATTEMPTS_A_SECOND + 4)

    def test_statuses_that_pass(self):
        rig = self.rig()
        bodies = ("aws", "empty", "html", "huge", "nested", "cut")
        statuses = (408, 429, 500, 502, 503, 504)
        for i, operation in enumerate(OPERATIONS):
            for first in (0, 3):
                self.add_each(rig, operation, [
                    Answer(operation, statuses[n], body=bodies[(n + i) % len(bodies)])
                    for n in range(first, first + 3)])
            self.add_each(rig, operation, [Answer(operation, 400, kind) for kind in (
                "ThrottlingException", "ClientLimitExceededException", "RequestAbortedException")])
            if operation != "tagStream":
                rig.add("", [Answer(operation, 503, times=4)], fps=10)
        for operation in ("getDataEndpoint", "putMedia"):
            rig.add("", [Answer(operation, 404, "ResourceNotFoundException"),
                         Answer(operation, 400, "ResourceInUseException")], fps=10)
        rig.add("", [Answer("putMedia", 400, "InvalidEndpointException"),
                     Answer("putMedia", 400, "ConnectionLimitExceededException")], fps=10)
        rig.run(90)
        self.check_all(rig, warnings=2)

    def test_answers_that_are_none(self):
        rig = self.rig()
        for operation in CALLS:
            texts = [b"{", b"[]", b'"x"'] if operation in ("createStream", "tagStream") else [
                b"", b"{", b"[]", b'"x"', b"{}", b'{"StreamInfo":{},"DataEndpoint":1}',
                b'{"DataEndpoint":"ftp://nowhere"}']
            for text in texts:
                rig.add("", [Text(operation, text)], sink=TAGGED, fps=10)
        rig.run(60)
        self.check_all(rig, warnings=2)


    def test_tags_are_set_in_the_end(self):
        rig = self.rig()
        stream = rig.add("", [Answer("tagStream", 503)], sink=TAGGED)
        rig.run(60)
        tags = rig.kvs.client().list_tags_for_stream(StreamName=stream.name)["Tags"]
        self.assertEqual(tags, {"site": "gate"})


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
            dropped = sum(n for name, n in stats.items() if name.startswith("frames-dropped"))
            self.assertEqual(dropped, stream.n_lost)

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
            self.assertGreaterEqual(stream.result["stats"]["sessions"], 3)
            self.assertEqual(stream.result["stats"]["reconnects"], 0)

    def test_the_service_ends_what_is_idle(self):
        """Sooner than the producer would: within a fragment, for as long as the source pauses."""
        rig = self.rig(kvs_args=["--idle-seconds", "2"])
        for frame in (2 * GOP, 2 * GOP + 1, 3 * GOP - 1):
            rig.add(f"idle before frame {frame}", pause={"frame": frame, "seconds": 5},
                    max_frames=5 * GOP)
        rig.run(60)
        self.check_all(rig)

    def end_once_recovered(self, rig, stream):
        n = len(rig.proxy.events_of(stream.name, "persisted"))
        support.wait_until(lambda: len(rig.proxy.events_of(stream.name, "persisted")) > n + 1, 60)
        rig.end(stream)
        rig.finish(60, lambda _: True)
        self.check_all(rig)

    def test_tls_fails_for_a_while(self):
        """Another certificate, as a captive portal has one."""
        good, bad = (certificate(self.folder, name) for name in ("good", "bad"))
        rig = self.rig(tls=context(bad))
        stream = rig.add("wrong certificate", sink=f"ca-path={good}.crt",
                         bounds={"doubled": 1, "warnings": 3})
        rig.start()
        support.wait_until(lambda: stream.warnings)
        rig.proxy.tls = context(good)
        support.wait_until(lambda: rig.proxy.events_of(stream.name, "persisted"), 60)
        rig.proxy.tls = context(bad)
        rig.proxy.reset_all()
        support.wait_until(lambda: len(stream.warnings) > 1)
        rig.proxy.tls = context(good)
        self.end_once_recovered(rig, stream)

    def test_dns_fails_for_a_while(self):
        """The host has no address, then one."""
        hosts = os.path.join(self.folder, "hosts")
        switch = os.path.join(self.folder, "nsswitch.conf")
        write(hosts, "")
        write(switch, "hosts: files\n")
        # files of its own for the name service, so that nothing asks a name server
        wrapper = [support.tool("unshare"), "--map-root-user", "--mount", "sh", "-ec",
                   f'mount --bind {hosts} /etc/hosts; mount --bind {switch} /etc/nsswitch.conf; '
                   'exec "$@"', "sh"]
        if support.Child(wrapper + ["true"]).wait() != 0:
            self.skipTest("this machine allows no mount namespace")
        rig = self.rig(host="kvs.test")
        stream = rig.add("no address", sink="allow-insecure-endpoint=true",
                         bounds={"doubled": 1, "warnings": 3})
        rig.start(wrapper)
        support.wait_until(lambda: stream.warnings)
        write(hosts, "127.0.0.1 kvs.test\n")
        support.wait_until(lambda: rig.proxy.events_of(stream.name, "persisted"), 60)
        self.end_once_recovered(rig, stream)


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def certificate(folder, name):
    """Path of a self-signed certificate for 127.0.0.1, without .crt and .key."""
    path = os.path.join(folder, name)
    subprocess.run([support.tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", path + ".key",
                    "-out", path + ".crt"], check=True, capture_output=True)
    return path


def context(path):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(path + ".crt", path + ".key")
    return tls


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


class Fatal(Case):
    """What no retry can mend ends the pipeline with one error that says why."""

    def check_error(self, rig, stream, status=None, kind=None, text=""):
        with self.subTest(str(stream)):
            self.assertEqual(len(stream.errors), 1)
            error = stream.errors[0]
            self.assertIn(text, error["text"])
            self.assertIn("code", error["details"])
            if status is not None:
                self.assertEqual(error["details"]["http-status"], status)
                self.assertEqual(error["details"]["aws-error-type"], kind)
                self.assertEqual(error["details"]["request-id"], f"req-{status}")
            self.assertEqual(rig.proxy.events_of(stream.name)[-1][1:], self.last_event(rig, stream))

    def last_event(self, rig, stream):
        """Nothing is asked for after the fault."""
        events = rig.proxy.events_of(stream.name)
        fault = max(i for i, event in enumerate(events) if event[1] == "fault")
        self.assertNotIn("request", [event[1] for event in events[fault + 1:]])
        return events[-1][1:]

    def test_statuses(self):
        rig = self.rig()
        answers = ((403, "AccessDeniedException"), (401, "NotAuthorizedException"),
                   (403, "InvalidSignatureException"), (403, "UnrecognizedClientException"),
                   (400, "InvalidArgumentException"), (403, "ExpiredTokenException"))
        streams = [(rig.add("", [Answer(operation, status, kind)], fps=10), status, kind)
                   for operation in OPERATIONS if operation != "tagStream"
                   for status, kind in answers]
        rig.run(60)
        for stream, status, kind in streams:
            self.check_error(rig, stream, status, kind, kind)

    def test_error_acks(self):
        rig = self.rig()
        streams = [(rig.add("", [ErrorAck(error_id)]), str(error_id)) for error_id in FATAL_ACKS]
        rig.run(60)
        for stream, text in streams:
            self.check_error(rig, stream, text=text)
            details = stream.errors[0]["details"]
            self.assertEqual(details["error-id"], int(text))
            self.assertEqual(details["error-code"], "SOME_ERROR")
            self.assertGreater(details["timecode"], 0)
            self.assertNotIn("http-status", details)

    def test_no_restart(self):
        rig = self.rig()
        kinds = ([Answer("describeStream", 503)], [Answer("putMedia", 500)],
                 [BreakUpload("reset", 500)], [ErrorAck(5000)])
        streams = [rig.add("", faults, sink="restart-on-error=false", fps=10) for faults in kinds]
        rig.run(60)
        for stream in streams:
            self.check_error(rig, stream)


if __name__ == "__main__":
    unittest.main()
