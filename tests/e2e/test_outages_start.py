# SPDX-License-Identifier: LGPL-2.1-or-later
"""Faults on the way to an upload: connections, handshakes, names, calls and their answers."""

import os
import random
import ssl
import subprocess
import unittest

import support
from faultfront import BreakConnection
from faults import Answer, BreakAnswer, BreakRequest, Text
from outage_case import CALLS, ONCE, OPERATIONS, TAGGED, UPLOAD, Case
from outages import IMPATIENT

# see tests/e2e/run.py
LONG = True
ALONE = True

# More than jitter could do by chance: a handful
ATTEMPTS_A_SECOND = 6
# What a request's head has with it at least, which is more than sockets with the least buffers take
TOKEN = "t" * 6000
SMALLEST_HEAD = 6400
# What a client and a server say at least before they are through with their handshake, also where
# they know each other from before
SMALLEST_HELLO = 250
SMALLEST_WELCOME = 200
MOST_BREAKS = 5
N_NAMES = 3


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

    def test_a_connection_for_each_request(self):
        """A server that closes them after its answers, just when the next request may come on one."""
        good = certificate(self.folder, "good")
        for rig, sink in ((self.rig(), ""), (self.rig(tls=context(good)), f"ca-path={good}.crt")):
            rig.proxy.keep_alive = False
            for _ in range(12):
                rig.add("", sink=sink, fps=10)
            rig.run(40, rig.is_persisted)
            self.check_all(rig, warnings=0)
            for stream in rig.streams.values():
                self.assertEqual(stream.result["stats"]["reconnects"], 0)

    def test_connections_break_within_a_request(self):
        """At any byte of each request's head, which is larger than what the network takes."""
        rig = self.rig(token=TOKEN)
        rig.proxy.keep_alive = False
        random.seed(seed := random.SystemRandom().randrange(10 ** 6))
        for operation in OPERATIONS:
            breaks = [BreakConnection("up", at, how, operation)
                      for at in (0, 1, 4, 30, 700, random.randrange(SMALLEST_HEAD),
                                 random.randrange(SMALLEST_HEAD), SMALLEST_HEAD - 1)
                      for how in ("reset", "end")]
            breaks += [BreakConnection("up", at, "stall", operation)
                       for at in (random.randrange(40), random.randrange(40, SMALLEST_HEAD))]
            self.add_breaks(rig, operation, breaks, f"seed {seed}")
        rig.run(240, lambda stream: has_met_all(rig, stream))
        self.check_all(rig, warnings=2)
        self.check_one_at_a_time(rig)

    def test_connections_break_within_a_handshake(self):
        """At any byte of it, both ways, for whatever request it is made."""
        good = certificate(self.folder, "good")
        rig = self.rig(tls=context(good))
        rig.proxy.keep_alive = False
        random.seed(seed := random.SystemRandom().randrange(10 ** 6))
        for n_before in range(len(UPLOAD)):
            breaks = [BreakConnection(way, at, how)
                      for way, most in (("up", SMALLEST_HELLO), ("down", SMALLEST_WELCOME))
                      for at, how in ((1, "reset"), (5, "end"), (most - 1, "reset"),
                                      (random.randrange(most), "reset"),
                                      (random.randrange(1, most), "end"))]
            random.shuffle(breaks)
            for some in (breaks[:5], breaks[5:], [
                    BreakConnection("up", random.randrange(SMALLEST_HELLO), "stall"),
                    BreakConnection("down", random.randrange(1, SMALLEST_WELCOME), "stall")]):
                self.add_breaks(rig, f"handshake {n_before + 1}", [None] * n_before + some,
                                f"seed {seed}", f"ca-path={good}.crt")
        rig.run(240, lambda stream: has_met_all(rig, stream))
        self.check_all(rig, warnings=2)
        self.check_one_at_a_time(rig)

    def add_breaks(self, rig, what, breaks, seed, sink=""):
        """A few for each stream: the next tries come later and later."""
        size = MOST_BREAKS if breaks[0] is not None else len(breaks)
        for i in range(0, len(breaks), size):
            some = breaks[i:i + size]
            label = f"{what}: {', '.join(str(one) for one in some if one)} ({seed})"
            stream = rig.add_front(label, some, f"{IMPATIENT} {TAGGED} {sink}", 1, fps=10)
            stream.breaks = [one for one in some if one]

    def check_one_at_a_time(self, rig):
        for stream in rig.streams.values():
            with self.subTest(str(stream)):
                self.assertEqual(stream.front.most_waiting, 1)

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
        for operation in UPLOAD:
            # what is not the service's own says nothing about the stream
            self.add_each(rig, operation, [Answer(operation, 404, body=body)
                                           for body in ("html", "empty", "truncated")])
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


class Names(Case):
    """Hosts that cannot be found, or are not who they should be."""

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
        # news after ten seconds, at whichever try comes then
        support.wait_until(lambda: len(stream.warnings) > 1, 60)
        rig.proxy.tls = context(good)
        self.end_once_recovered(rig, stream)

    def end_once_recovered(self, rig, stream):
        n = len(rig.proxy.events_of(stream.name, "persisted"))
        support.wait_until(lambda: len(rig.proxy.events_of(stream.name, "persisted")) > n + 1, 60)
        rig.end(stream)
        rig.finish(60, lambda _: True)
        self.check_all(rig)

    def test_dns_fails_for_a_while(self):
        """Hosts have no address, then one. Each name is new: what has an address keeps it for a minute,
        as libcurl does, and then asking for the endpoint again gives another name or the same."""
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
        rig = self.rig(host="control.test")
        stream = rig.add("no address", sink="allow-insecure-endpoint=true",
                         bounds={"doubled": N_NAMES, "warnings": 2 + N_NAMES})
        self.name_data_host(rig, stream, 0)
        rig.start(wrapper)
        support.wait_until(lambda: stream.warnings)
        self.assertIn("control.test cannot be resolved", stream.warnings[0][1])
        write(hosts, "127.0.0.1 control.test\n")
        for n in range(N_NAMES):
            self.wait_for_failure(rig, stream)
            write(hosts, f"127.0.0.1 control.test data{n}.test\n")
            n_persisted = len(rig.proxy.events_of(stream.name, "persisted"))
            support.wait_until(
                lambda: len(rig.proxy.events_of(stream.name, "persisted")) > n_persisted, 60)
            self.name_data_host(rig, stream, n + 1)
            rig.proxy.reset_all()
        self.wait_for_failure(rig, stream)
        write(hosts, f"127.0.0.1 control.test data{N_NAMES}.test\n")
        self.end_once_recovered(rig, stream)

    def name_data_host(self, rig, stream, n):
        rig.proxy.data_urls[stream.name] = f"http://data{n}.test:{rig.proxy.port}"

    def wait_for_failure(self, rig, stream):
        """An endpoint that is asked for again could not be reached."""
        def count():
            return [event[2] for event in rig.proxy.events_of(stream.name, "request")].count(
                "getDataEndpoint")
        n = count()
        support.wait_until(lambda: count() >= n + 2, 60)


def has_met_all(rig, stream):
    return len(stream.front.faults_met) == len(stream.breaks) and rig.is_persisted(stream)


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


if __name__ == "__main__":
    unittest.main()
