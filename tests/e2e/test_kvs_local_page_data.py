# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the page of kvs-local is made of: who gets it, and what it is told."""

import http.client
import json
import os
import random
import re
import sqlite3
import tempfile
import time
import unittest
import urllib.parse

import kvslocal
import mkvwriter as mkv
from kvslocal import HttpError, KvsLocal
from kvslocal_case import Case, require_kvs_local, wait_for

FILES = ("/", "/kvs-local/page.css", "/kvs-local/page.js", "/kvs-local/icon.svg")
DATA = ("streams", "stream?name=a", "timeline?name=a&time=server&from=0&to=1", "session?name=a")
# gaps that are no wider than this are none
MIN_GAP_MS = 1500
STEPS = 1500


def setUpModule():
    require_kvs_local()


def get(kvs, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", kvs.port, timeout=60)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def ask(kvs, what, **query):
    status, _, body = get(kvs, f"/kvs-local/{what}?{urllib.parse.urlencode(query)}")
    if status != 200:
        raise AssertionError(f"{what} {query}: {status} {body}")
    return json.loads(body)


class Gate(unittest.TestCase):
    def statuses(self, kvs, paths, **headers):
        return {get(kvs, path, **headers)[0] for path in paths}

    def test_off(self):
        for args in (["--no-page"], ["--bind", "0.0.0.0"]):
            with self.subTest(args=args), KvsLocal(args=args) as kvs:
                self.assertEqual(self.statuses(
                    kvs, [*FILES, "/kvs-local/hls.js", *("/kvs-local/" + d for d in DATA)]), {404})
                self.assertEqual(get(kvs, "/kvs-local/health")[2], b"ok")
                self.assertEqual(get(kvs, "/")[2], get(kvs, "/nothing")[2])

    def test_names(self):
        """A name that somebody else's server gives to this address opens nothing."""
        with KvsLocal() as kvs:
            for name in ("127.0.0.1", "localhost", "LOCALHOST", "[::1]", "127.3.4.5"):
                for host in (name, f"{name}:{kvs.port}"):
                    self.assertEqual(self.statuses(kvs, FILES, Host=host), {200}, host)
            for host in ("kvs.example", "localhost.example", "127.0.0.1.example", "10.0.0.1",
                         f"kvs.example:{kvs.port}", "localhost@kvs.example", ""):
                self.assertEqual(self.statuses(kvs, [*FILES, "/kvs-local/streams"], Host=host),
                                 {404}, host)

    def test_other_sites(self):
        with KvsLocal() as kvs:
            for site, expected in (("cross-site", 404), ("same-site", 404), ("same-origin", 200),
                                   ("none", 200)):
                self.assertEqual(self.statuses(kvs, ["/kvs-local/streams"],
                                               **{"Sec-Fetch-Site": site}), {expected}, site)
            # somebody follows a link
            self.assertEqual(get(kvs, "/", **{"Sec-Fetch-Site": "cross-site"})[0], 200)
            self.assertNotIn("access-control-allow-origin", get(kvs, "/kvs-local/streams")[1])

    def test_planes_of_their_own(self):
        """Where the data plane has another port, the page is there, beside its media."""
        with KvsLocal(args=["--data-port", "0"]) as kvs:
            status, headers, _ = get(kvs, "/")
            self.assertEqual(status, 307)
            location = headers["location"]
            self.assertRegex(location, r"^http://127\.0\.0\.1:\d+/$")
            self.assertNotEqual(location, kvs.url + "/")
            kvs.port = int(location.split(":")[2][:-1])
            self.assertEqual(self.statuses(kvs, [*FILES, "/kvs-local/streams"]), {200})

    def test_methods(self):
        with KvsLocal() as kvs:
            for method in ("POST", "PUT", "DELETE"):
                connection = http.client.HTTPConnection("127.0.0.1", kvs.port, timeout=60)
                connection.request(method, "/kvs-local/streams")
                self.assertIn(connection.getresponse().status, (403, 404), method)
                connection.close()

    def test_hls_js(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"hls.js")
            file.flush()
            with KvsLocal(args=["--hls-js", file.name]) as kvs:
                status, headers, body = get(kvs, "/kvs-local/hls.js")
        self.assertEqual((status, body), (200, b"hls.js"))
        self.assertTrue(headers["content-type"].startswith("text/javascript"))
        with KvsLocal(args=["--hls-js", "/nowhere"]) as kvs:
            self.assertEqual(get(kvs, "/kvs-local/hls.js")[0], 404)


    def test_what_is_not_there(self):
        with KvsLocal() as kvs:
            for path in ("nothing", "", "page.html", "timeline.js", "../page.js"):
                self.assertEqual(get(kvs, "/kvs-local/" + path)[0], 404, path)


class Files(unittest.TestCase):
    def test_policy(self):
        """No browser runs anything that is not a file from here."""
        with KvsLocal() as kvs:
            for path in FILES:
                status, headers, _ = get(kvs, path)
                policy = dict(part.strip().split(" ", 1)
                              for part in headers["content-security-policy"].split(";"))
                self.assertEqual(status, 200)
                self.assertEqual(policy["default-src"], "'none'")
                for what in ("script-src", "style-src", "connect-src", "img-src"):
                    self.assertEqual(policy[what], "'self'")
                self.assertEqual(policy["frame-ancestors"], "'none'")
                self.assertEqual(headers["x-content-type-options"], "nosniff")
            page = get(kvs, "/")[2].decode()
            script = get(kvs, "/kvs-local/page.js")[2].decode()
        self.assertEqual(re.findall(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=", page), [])
        self.assertEqual(re.findall(r"//[\w.-]+\.\w+/", page), [], "another host")
        for name in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            self.assertNotIn(name, script)


class Data(Case):
    def test_streams(self):
        block = os.urandom(200000)
        began_ms = time.time() * 1000
        body = mkv.header() + mkv.cluster(5000, mkv.simple_block(0, block)
                                          + mkv.simple_block(500, block))
        with self.put() as connection:
            acks = connection.accepted()
            connection.send(body + mkv.END_OF_FRAGMENT)
            acks = [connection.ack() for _ in range(3)]
            shown = next(s for s in ask(self.kvs, "streams")["streams"]
                         if s["name"] == self.stream)
            connection.end()
            connection.acks()
        self.assertEqual(shown["n_producers"], 1)
        self.assertEqual(shown["producer"], [5000, 6000])
        self.assertEqual(shown["server"][1] - shown["server"][0], 1000)
        self.assertGreaterEqual(shown["server"][0], int(began_ms) - 1)
        self.assertEqual(shown["newest"], acks[-1]["FragmentNumber"])
        self.assertEqual(shown["retention_hours"], self.RETENTION)
        self.assertTrue(shown["is_active"])
        # the second in which they came is over at some time
        wait_for(lambda: sum(ask(self.kvs, "stream", name=self.stream)["rates"])
                 == len(body + mkv.END_OF_FRAGMENT))
        self.assertGreater(ask(self.kvs, "stream", name=self.stream)["bytes_per_second"], 0)
        self.assertEqual(len(ask(self.kvs, "stream", name=self.stream)["rates"]), 60)

    def test_acks(self):
        acks = self.put().send_all(mkv.header() + mkv.cluster(1000) + mkv.cluster(500)
                                   + mkv.cluster(2000))
        self.put(acks="0").send_all(mkv.header() + b"\0\0\0\0")
        told = ask(self.kvs, "stream", name=self.stream)
        newest, *rest = told["acks"]
        self.assertEqual(newest["error_id"], 4006)
        self.assertNotIn("number", newest)
        self.assertEqual([(a["type"], a["timecode"], a["number"]) for a in reversed(rest)],
                         [(a["EventType"], str(a["FragmentTimecode"]), a["FragmentNumber"])
                          for a in acks])
        self.assertEqual([(a["error"], a["error_id"]) for a in told["errors"]],
                         [("INVALID_MKV_DATA", 4006),
                          ("FRAGMENT_TIMECODE_LESSER_THAN_PREVIOUS", 4004)])

    def test_errors_outlast_good_acks(self):
        body = mkv.header() + mkv.cluster(1000) + mkv.cluster(500)
        body += b"".join(mkv.cluster(2000 + 1000 * i) for i in range(300))
        self.put_all(body)
        told = ask(self.kvs, "stream", name=self.stream)
        self.assertEqual({a["type"] for a in told["acks"]}, {"BUFFERING", "RECEIVED", "PERSISTED"})
        self.assertLessEqual(len(told["acks"]), 100)
        self.assertEqual([a["error_id"] for a in told["errors"]], [4004])

    def test_refusals(self):
        with self.assertRaises(HttpError):
            self.put(headers={"x-amzn-stream-name": "no-such-stream"}).accepted()
        self.post("/<b>bold</b>", b"{}")
        self.post("/describeStream", b'{"StreamName":"%s"}' % (b"x" * 5000))
        for _ in range(3):
            get(self.kvs, "/kvs-local/stream?name=nobody")
        refusals = ask(self.kvs, "streams")["refusals"]
        self.assertEqual([(r["path"], r["status"], r["error"]) for r in refusals[:3]],
                         [("/describeStream", 400, "InvalidArgumentException"),
                          ("/<b>bold</b>", 404, "UnknownOperationException"),
                          ("/putMedia", 404, "ResourceNotFoundException")])
        for _ in range(50):
            self.post("/" + "x" * 3000, b"{}")
        refusals = ask(self.kvs, "streams")["refusals"]
        self.assertLessEqual(len(refusals), 50)
        self.assertLess(len(json.dumps(refusals)), 50000)

    def test_bad_queries(self):
        name = self.stream
        for path, status in (
                ("stream", 404), ("stream?name=", 404), ("stream?name=%00", 404),
                ("stream?name=x'%20OR%201=1--", 404), ("stream?%zz", 400), ("stream?&&=&==", 404),
                ("stream?name=" + "a" * 20000, 404),
                (f"timeline?name={name}", 400),
                (f"timeline?name={name}&time=x&from=0&to=1", 400),
                (f"timeline?name={name}&time=server&from=0", 400),
                (f"timeline?name={name}&time=server&from=1&to=1", 400),
                (f"timeline?name={name}&time=server&from=-1&to=1", 400),
                (f"timeline?name={name}&time=server&from=0&to=99999999999999999999", 400),
                (f"timeline?name={name}&time=server&from=0&to=253402300800000", 400),
                (f"timeline?name={name}&time=server&from=0&to=1e3", 400),
                (f"timeline?name={name}&time=server&from=0&to=253402300799999", 200),
                (f"session?name={name}&from=0", 400), (f"session?name={name}", 404),
                ("nothing", 404), ("", 404), ("page.html", 404), ("../streams", 404)):
            with self.subTest(path):
                self.assertEqual(get(self.kvs, "/kvs-local/" + path)[0], status)

    def test_no_secrets(self):
        """What signed requests bring along is in nothing that the page is told."""
        self.put_all(mkv.header() + mkv.cluster(0))
        for options in ({"secret_key": "another-secret-key"}, {"token": "the-token"}):
            with self.assertRaises(HttpError):
                self.put(**options).accepted()
        told = b"".join(get(self.kvs, path)[2] for path in (
            *FILES, "/kvs-local/streams", f"/kvs-local/stream?name={self.stream}"))
        for secret in (kvslocal.SECRET_KEY, kvslocal.ACCESS_KEY, "another-secret-key", "the-token",
                       "Signature="):
            self.assertNotIn(secret.encode(), told)
        self.assertIn(b"InvalidSignatureException", told)


class Timeline(unittest.TestCase):
    """Against the same, worked out from the list of all fragments."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.data = folder.name
        with KvsLocal(data=self.data) as kvs:
            client = kvs.client()
            client.create_stream(StreamName="cam", DataRetentionInHours=87600)
            client.close()

    def store(self, fragments):
        """Puts fragments into the index: (server ms, producer ms, duration ms)."""
        index = sqlite3.connect(os.path.join(self.data, "kvs-local.sqlite"))
        with index:
            index.execute("DELETE FROM fragments")
            index.executemany(
                "INSERT INTO fragments (stream_id, number, server_ms, producer_ms, duration_ms,"
                " timecode, header_size, cluster_offset, file_size)"
                " SELECT id, ?, ?, ?, ?, 0, 0, 0, 0 FROM streams",
                [(f"{i:047}", *fragment) for i, fragment in enumerate(fragments)])
        index.close()

    def expected(self, times, begin, end):
        """times: (start, duration)"""
        tolerance = max(MIN_GAP_MS, (end - begin) // STEPS)
        spans = []
        for start, duration in sorted(times):
            if start > end:
                break
            if spans and start <= spans[-1][1] + tolerance:
                spans[-1][1] = max(spans[-1][1], start + duration)
            else:
                spans.append([start, start + duration])
        return self.clip(spans, begin, end)

    def clip(self, spans, begin, end):
        return [[max(span[0], begin), min(span[1], end)] for span in spans if span[1] >= begin]

    def check(self, kvs, fragments, begin, end):
        for column, kind in ((0, "server"), (1, "producer")):
            told = ask(kvs, "timeline", name="cam", time=kind, **{"from": begin, "to": end})
            self.assertEqual(self.clip(told["spans"], begin, end), self.expected(
                [(fragment[column], fragment[2]) for fragment in fragments], begin, end))

    def test_random(self):
        rng = random.Random(3)
        now = int(time.time() * 1000) - 10 ** 8
        for _ in range(8):
            fragments = []
            for _ in range(rng.randrange(1, 4)):
                # producers that overlap
                at = now + rng.randrange(0, 60000)
                for _ in range(rng.randrange(0, 300)):
                    duration = rng.choice((0, 40, 1000, 2000, 10000))
                    fragments.append((at + rng.randrange(0, 900), at, duration))
                    at += duration + rng.choice((0, 0, 0, 0, 30, 1500, 1501, 30000))
            self.store(fragments)
            with KvsLocal(data=self.data) as kvs:
                for _ in range(20):
                    begin = now + rng.randrange(-50000, 10 ** 6)
                    self.check(kvs, fragments, begin, begin + rng.choice((1, 10 ** 4, 10 ** 6,
                                                                          10 ** 7)))

    def test_many_fragments_cost_no_more(self):
        """Weeks of fragments are not read: the answer comes while others wait for theirs."""
        first = int(time.time() * 1000) - 360 * 86400000
        fragments = [(first + 20000 * i, first + 20000 * i, 20000) for i in range(60000)
                     if not 20000 <= i < 30000]
        self.store(fragments)
        with KvsLocal(data=self.data) as kvs:
            cpu_before = cpu_seconds(kvs)
            told = ask(kvs, "timeline", name="cam", time="producer",
                       **{"from": first, "to": first + 360 * 86400000})
            used = cpu_seconds(kvs) - cpu_before
        self.assertEqual([s[1] - s[0] for s in told["spans"]], [20000 * 20000, 30000 * 20000])
        self.assertLess(used, 0.1 * kvslocal.SLOWNESS)


def cpu_seconds(kvs):
    with open(f"/proc/{kvs.process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    unittest.main()
