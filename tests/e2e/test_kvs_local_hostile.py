# SPDX-License-Identifier: LGPL-2.1-or-later
"""kvs-local: requests that mean harm, or are broken, get an error or are cut off; it lives on, and
takes no more memory for them."""

import base64
import http.client
import itertools
import os
import socket
import time
import unittest

import kvslocal
import mkvwriter as mkv
from kvslocal import KvsLocal
from kvslocal_case import Case, events, persisted, require_kvs_local, tool, wait_for

MEGABYTE = 1 << 20
# What a hundred megabytes of junk may leave behind: buffers, and the fragmentation of the heap
MAX_GROWTH_BYTES = 24 * MEGABYTE
KEEP_ALIVE_SECONDS = 3

CLOSED = "closed"
HOST = b"Host: a\r\n"
JSON = b"POST /listStreams HTTP/1.1\r\n" + HOST


def setUpModule():
    require_kvs_local()


def post(path, body, *headers):
    return (b"POST %s HTTP/1.1\r\n" % path + HOST + b"".join(h + b"\r\n" for h in headers)
            + b"Content-Length: %d\r\n\r\n" % len(body) + body)


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def large_head(number, size):
    return mkv.ident(number) + mkv.size(size, 8)


class Hostile(Case):
    """Without signatures, so that everything behind them is reached."""

    ARGS = ["--no-auth", "--keep-alive-seconds", str(KEEP_ALIVE_SECONDS)]

    def memory(self):
        with open(f"/proc/{self.kvs.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def setUp(self):
        super().setUp()
        self.before = self.memory()

    def tearDown(self):
        """Whatever was sent: who comes next is served."""
        if self.kvs.process.poll() is not None:
            raise AssertionError("kvs-local is gone: " + self.kvs.errors())
        connection = http.client.HTTPConnection("127.0.0.1", self.kvs.port, timeout=30)
        connection.request("GET", "/kvs-local/health")
        self.assertEqual(connection.getresponse().read(), b"ok")
        connection.close()
        self.assertEqual(self.put_all(mkv.header() + mkv.cluster(1 << 40)), persisted(1 << 40))
        if kvslocal.SLOWNESS == 1:
            self.assertLess(self.memory() - self.before, MAX_GROWTH_BYTES)

    def send(self, pieces):
        """Status of the answer, or CLOSED; pieces are sent for as long as they are taken."""
        sock = socket.create_connection(("127.0.0.1", self.kvs.port), timeout=60)
        self.addCleanup(sock.close)
        sock.settimeout(60)
        try:
            for piece in [pieces] if isinstance(pieces, bytes) else pieces:
                sock.sendall(piece)
        except (ConnectionResetError, BrokenPipeError):
            pass
        try:
            line = sock.makefile("rb").readline()
        except ConnectionResetError:
            return CLOSED
        return int(line.split()[1]) if line else CLOSED

    def check(self, cases):
        for name, pieces, expected in cases:
            with self.subTest(name):
                self.assertIn(self.send(pieces), expected if isinstance(expected, tuple)
                              else (expected,))

    def test_request_lines_and_headers(self):
        get = b"GET / HTTP/1.1\r\n"
        self.check([
            ("long path", b"GET /" + b"a" * 200000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
             (400, CLOSED)),
            ("endless path", itertools.chain([b"GET /"], itertools.repeat(b"a" * 100000, 1000)),
             (400, CLOSED)),
            ("endless header", itertools.chain([get + b"X: "],
                                               itertools.repeat(b"a" * 100000, 1000)),
             (400, CLOSED)),
            ("endless headers", itertools.chain([get], itertools.repeat(b"X: a\r\n" * 10000, 1000)),
             (400, CLOSED)),
            ("garbage", os.urandom(5000) + b"\r\n\r\n", (400, CLOSED)),
            ("TLS on a plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 512,
             (400, CLOSED)),
            ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
            ("HTTP/0.9", b"GET /\r\n\r\n", 400),
            ("HTTP/3.7", b"GET / HTTP/3.7\r\n" + HOST + b"\r\n", 505),
            ("no Host", b"GET /kvs-local/health HTTP/1.1\r\n\r\n", 400),
            ("zero byte", b"GET /a\0b HTTP/1.1\r\n" + HOST + b"\r\n", 400),
            ("escaped zero byte", b"GET /a%00b HTTP/1.1\r\n" + HOST + b"\r\n", 400),
            ("broken escape", b"GET /%zz HTTP/1.1\r\n" + HOST + b"\r\n", 400),
            ("not UTF-8", b"GET /a%ffb HTTP/1.1\r\n" + HOST + b"\r\n", 404),
            ("other folders", b"GET /kvs-local/../../../../etc/passwd HTTP/1.1\r\n" + HOST
             + b"\r\n", 404),
            ("other folders, escaped", b"GET /kvs-local/%2e%2e%2f%2e%2e%2fetc/passwd HTTP/1.1\r\n"
             + HOST + b"\r\n", 400),
            ("CONNECT", b"CONNECT a:1 HTTP/1.1\r\n" + HOST + b"\r\n", 404),
            ("TRACE", b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n", 404),
            ("OPTIONS *", b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", 404),
            ("other expectation", post(b"/listStreams", b"{}", b"Expect: miracles"), 417),
        ])

    def test_lengths_and_chunks(self):
        chunked = JSON + b"Transfer-Encoding: chunked\r\n\r\n"
        self.check([
            ("negative length", JSON + b"Content-Length: -1\r\n\r\n", 400),
            ("length that is none", JSON + b"Content-Length: abc\r\n\r\n", 400),
            ("two lengths", JSON + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x", 400),
            ("length and chunks", JSON + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
             b"2\r\n{}\r\n0\r\n\r\n", 400),
            ("unknown encoding", JSON + b"Transfer-Encoding: gzip\r\n\r\n{}", 501),
            ("a terabyte", JSON + b"Content-Length: 1000000000000\r\n\r\n", 413),
            ("endless chunks", itertools.chain([chunked],
                                               itertools.repeat(chunk(b"a" * MEGABYTE), 1000)),
             CLOSED),
            ("endless chunk size", itertools.chain([chunked], itertools.repeat(b"1" * 100000, 1000)),
             (400, CLOSED)),
        ])
        self.assertEqual(self.send(post(b"/listStreams", b" " * (2 * MEGABYTE))), 413)

    def test_json(self):
        self.check([
            ("deep", post(b"/listStreams", b"[" * MEGABYTE), 400),
            ("deep objects", post(b"/listStreams", b'{"a":' * 200000), 400),
            ("deep and whole", post(b"/listStreams", b'{"a":' + b"[" * 400000 + b"]" * 400000
                                    + b"}"), 400),
            ("brackets in a text", post(b"/listStreams", b'{"NextToken":"\\"' + b"[" * 500000
                                        + b'"}'), 400),
            ("brackets behind a quote that opens nothing",
             post(b"/listStreams", b'{\'"\':1,"a":' + b"[" * 500000), 400),
            ("brackets behind a quote in a comment",
             post(b"/listStreams", b'/*"*/{"a":' + b"[" * 500000), 400),
            ("a few brackets in a name", post(b"/listStreams", b'{"' + b"[{" * 100 + b'":1}'), 200),
            ("what looks like a zero byte", post(b"/describeStream",
                                                 b'{"StreamName":"a\\\\u0000"}'), 400),
            ("number too large", post(b"/listStreams", b'{"MaxResults":1e999}'), 400),
            ("half a character", post(b"/describeStream", b'{"StreamName":"\\ud800"}'), 400),
            ("escaped zero byte", post(b"/describeStream", b'{"StreamName":"%s\\u0000x"}'
                                       % self.stream.encode()), 400),
            ("comment", post(b"/listStreams", b'{/*'), 400),
            ("not UTF-8", post(b"/describeStream", b'{"StreamName":"\xff"}'), 400),
            ("what json-glib takes for JSON", post(b"/listStreams", b"var a = {'b':0x1};"), 400),
            ("two bodies", post(b"/listStreams", b"{}{}"), 400),
            ("time with an exponent", post(b"/listFragments", b'{"StreamName":"%s",'
                                           b'"FragmentSelector":{"FragmentSelectorType":'
                                           b'"SERVER_TIMESTAMP","TimestampRange":{"StartTimestamp":'
                                           b'1.551924009774E9,"EndTimestamp":1.6e+9}}}'
                                           % self.stream.encode()), 200),
            ("zero byte", post(b"/describeStream", b'{"StreamName":"a\0b"}'), 400),
        ])

    def test_sql(self):
        """Texts that would do something if they were part of a statement."""
        texts = ("x' OR '1'='1", "'; DROP TABLE streams; --", '"; DELETE FROM fragments; --', "%",
                 "x\\", "x\u2019 OR 1=1")
        for text in texts:
            with self.subTest(text):
                self.refused("InvalidArgumentException", 400, self.control.describe_stream,
                             StreamName=text)
                self.control.tag_stream(StreamName=self.stream, Tags={"by": "x = : / @"})
        self.refused("InvalidArgumentException", 400, self.control.list_streams,
                     NextToken="' OR 1=1")
        self.refused("InvalidArgumentException", 400, self.media.get_media,
                     StreamName=self.stream,
                     StartSelector={"StartSelectorType": "FRAGMENT_NUMBER",
                                    "AfterFragmentNumber": "1' OR '1'='1"})
        self.assertIn(self.stream, [info["StreamName"] for info in
                                    self.control.list_streams()["StreamInfoList"]])

    def media_body(self, *pieces):
        """Acks after pieces of a PutMedia body that has no end."""
        connection = self.put(timeout=60).accepted()
        try:
            for piece in pieces:
                connection.send(piece)
        except (ConnectionResetError, BrokenPipeError):
            pass
        return connection

    def test_put_media_heads(self):
        for headers in ({"Content-Length": "-4", "Transfer-Encoding": None},
                        {"Content-Length": "4"}, {"Content-Length": "99999999999999999999"},
                        {"x-amzn-stream-name": "x' OR '1'='1"}):
            with self.subTest(headers=headers):
                with self.assertRaises(kvslocal.HttpError) as caught:
                    self.put(unsigned=headers, signed=False).accepted()
                self.assertEqual(caught.exception.status, 400)

    def test_put_media_chunks(self):
        for name, raw in (("no size", b"zz\r\n"), ("negative size", b"-5\r\nhello\r\n"),
                          ("size beyond 64 bits", b"fffffffffffffffff\r\n"),
                          ("endless extension", b"1;" + b"a" * 10 * MEGABYTE),
                          ("no end of line", b"1\r\nxy\r\n")):
            with self.subTest(name):
                connection = self.put(timeout=60).accepted()
                connection.send_raw(raw)
                self.assertIn(events(connection.acks())[-1], ("ERROR 4000", "ERROR 4006"))

    def test_matroska(self):
        segment = mkv.ebml() + mkv.unknown(mkv.SEGMENT)
        junk = [b"x" * MEGABYTE] * 40
        for name, pieces, expected in (
                ("garbage", [os.urandom(100000)], "ERROR 4006"),
                ("zeros", [mkv.header(), b"\0" * 100000], "ERROR 4006"),
                ("private data of 256 GB", [segment + mkv.info() + large_head(mkv.TRACKS, 1 << 40)
                                            + large_head(mkv.TRACK_ENTRY, 1 << 39)
                                            + large_head(0x63A2, 1 << 38), *junk], "ERROR 4006"),
                ("endless header", [segment] + [mkv.info() * 10000] * 40, "ERROR 4006"),
                ("two thousand tracks", [segment + mkv.info() + mkv.tracks(
                    *[mkv.video_track(i + 1) for i in range(2000)])], "ERROR 4012"),
                ("segments in segments", [mkv.ebml() + mkv.unknown(mkv.SEGMENT) * 5000],
                 "ERROR 4006"),
                ("tags in tags", [mkv.header() + mkv.unknown(mkv.TAGS) + mkv.unknown(mkv.TAG)
                                  + mkv.unknown(mkv.SIMPLE_TAG) * 100000], "ERROR 4006"),
                ("no time in a unit", [mkv.header(scale=0) + mkv.cluster(1)], "ERROR 4006"),
                ("a block of 70 MB in a fragment of 50", [
                    mkv.header() + mkv.unknown(mkv.CLUSTER) + mkv.element(mkv.TIMECODE, 1)
                    + large_head(mkv.SIMPLE_BLOCK, 70 * MEGABYTE) + b"\x81\0\0\x80",
                    *[b"x" * MEGABYTE] * 60], "ERROR 1 4001"),
        ):
            with self.subTest(name):
                connection = self.media_body(*pieces)
                found = []
                while not found or found[-1] != expected:
                    ack = connection.ack()
                    self.assertIsNotNone(ack, found)
                    found += events([ack])
                connection.abort()

    def test_endless_tags_and_padding(self):
        """More than the service takes, and nothing that would end the session: the fragment after
        them is refused, or takes none of it along."""
        for name, pieces, expected in (
                ("tags", [mkv.tags(*[(f"a{i}", "b" * 200) for i in range(5)]) * 1000] * 20,
                 "ERROR 5000 4009"),
                ("a tag of 40 MB", [mkv.element(mkv.TAGS, mkv.element(mkv.TAG, mkv.element(
                    mkv.SIMPLE_TAG, mkv.element(mkv.TAG_NAME, "a") + mkv.element(
                        mkv.TAG_STRING, b"x" * 40 * MEGABYTE))))], "ERROR 5000 4009"),
                ("padding", [mkv.element(mkv.VOID, b"x" * MEGABYTE)] * 40, "PERSISTED 5000")):
            with self.subTest(name):
                connection = self.put(timeout=60).accepted()
                connection.send(mkv.header() + mkv.cluster(1000))
                for piece in pieces:
                    connection.send(piece)
                connection.send(mkv.cluster(5000))
                connection.end()
                self.assertIn(expected, events(connection.acks()))

    def test_slow_requests(self):
        """Who sends a byte now and then is cut off like one who sends none."""
        began = time.monotonic()
        socks = [socket.create_connection(("127.0.0.1", self.kvs.port), timeout=60)
                 for _ in range(20)]
        for sock in socks:
            self.addCleanup(sock.close)
            sock.sendall(b"POST /listStreams HTTP/1.1\r\n")
        still_open = set(socks)

        def all_are_closed():
            for sock in list(still_open):
                try:
                    sock.sendall(b"X")
                except OSError:
                    still_open.discard(sock)
            time.sleep(0.2)
            return not still_open

        wait_for(all_are_closed, 30)
        self.assertGreater(time.monotonic() - began, KEEP_ALIVE_SECONDS * 0.9)

    def test_slow_body(self):
        sock = socket.create_connection(("127.0.0.1", self.kvs.port), timeout=60)
        self.addCleanup(sock.close)
        sock.sendall(JSON + b"Content-Length: 100000\r\n\r\n")

        def is_closed():
            try:
                sock.sendall(b" ")
            except OSError:
                return True
            time.sleep(0.2)
            return False

        wait_for(is_closed, 30)

    def test_floods_of_connections(self):
        """Hundreds that say nothing, or half of something, hold nobody up."""
        halves = (b"", b"G", b"POST /putMedia HTTP/1.1\r\n", JSON + b"Content-Length: 9\r\n\r\n{")
        socks = []
        for i in range(600):
            sock = socket.create_connection(("127.0.0.1", self.kvs.port), timeout=60)
            self.addCleanup(sock.close)
            sock.sendall(halves[i % len(halves)])
            socks.append(sock)
        self.assertEqual(self.put_all(mkv.header() + mkv.cluster(0)), persisted(0))
        for sock in socks:
            sock.close()

        def n_files():
            return len(os.listdir(f"/proc/{self.kvs.process.pid}/fd"))

        wait_for(lambda: n_files() < 100)


class Memory(unittest.TestCase):
    """What nobody sees from outside."""

    def test_token_that_is_no_text(self):
        """A letter that is cut off at its end is not looked for behind it."""
        if kvslocal.SLOWNESS != 1:
            self.skipTest("the program looks after its memory itself")
        with KvsLocal(args=["--no-auth"], wrapper=[tool("valgrind"), "-q"]) as kvs:
            control = kvs.client()
            for token in (b"\xfc", b"cam\xfd"):
                with self.assertRaises(control.exceptions.InvalidArgumentException):
                    control.list_streams(NextToken=base64.b64encode(token).decode())
            control.close()
            self.assertEqual(kvs.stop(), 0)
            self.assertEqual(kvs.errors(), "")


class Bind(unittest.TestCase):
    def test_loopback_alone(self):
        """Nobody on the network reaches it unless it is told to let them."""
        with KvsLocal() as kvs, open("/proc/net/tcp", encoding="ascii") as file:
            locals_ = [line.split()[1] for line in file
                       if line.split()[3] == "0A" and line.split()[1].endswith(f":{kvs.port:04X}")]
        self.assertEqual(locals_, [f"0100007F:{kvs.port:04X}"])


if __name__ == "__main__":
    unittest.main()
