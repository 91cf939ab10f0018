# SPDX-License-Identifier: LGPL-2.1-or-later
"""How kvs-local keeps connections for further requests, and lets go of them; plain and over TLS."""

import http.client
import os
import socket
import ssl
import tempfile
import time
import unittest
import unittest.mock

import certificates
import kvslocal
import mkvwriter as mkv
from kvslocal import KvsLocal
from kvslocal_case import require_kvs_local, wait_for

HEALTH = b"GET /kvs-local/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
N_CLIENTS = 500
N_PIPELINED = 500
KEEP_ALIVE_SECONDS = 2
MORE_THAN_SOCKETS_HOLD_BYTES = 20 * 1000 * 1000


def setUpModule():
    require_kvs_local()


def signed(path, body=b"{}", **headers):
    """The bytes of a control-plane request."""
    sent = kvslocal.sign("POST", path, {"Host": "localhost"}, body=body)
    sent.update({"Content-Length": str(len(body)), **headers})
    head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


class Client:
    """A connection on which requests are sent as the test wants."""

    def __init__(self, sock):
        self.sock = sock
        self.file = sock.makefile("rb")

    def answer(self):
        """(status, headers, body) of the next answer."""
        status = int(self.file.readline().split()[1])
        headers = http.client.parse_headers(self.file)
        return status, headers, self.file.read(int(headers["Content-Length"]))

    def ask(self, request):
        self.sock.sendall(request)
        return self.answer()

    def is_at_end(self):
        """Waits until kvs-local closes the connection; there must be nothing more to read."""
        return self.file.read(1) == b""

    def close(self):
        self.file.close()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Plain(unittest.TestCase):
    ARGS = []
    ENV = {}
    CLIENT_OPTIONS = {}

    def setUp(self):
        self.kvs = self.start()
        self.control = self.kvs.client(**self.CLIENT_OPTIONS)
        self.addCleanup(self.control.close)
        self.control.create_stream(StreamName="cam", DataRetentionInHours=1)

    def start(self, *args):
        kvs = KvsLocal(args=[*self.ARGS, "--get-media-empty-seconds", "1", *args], env=self.ENV)
        self.addCleanup(self.stop, kvs)
        return kvs.start()

    def stop(self, kvs):
        status = kvs.stop() if kvs.process else 0
        errors = kvs.errors()
        kvs.__exit__()
        self.assertEqual((status, errors), (0, ""))

    def connect(self, kvs=None):
        sock = socket.create_connection(("127.0.0.1", (kvs or self.kvs).port), timeout=60)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def open(self, kvs=None):
        client = Client(self.connect(kvs))
        self.addCleanup(client.close)
        return client

    def http_connection(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.kvs.port, timeout=60)
        self.addCleanup(connection.close)
        return connection

    def n_files(self, kvs=None):
        return len(os.listdir(f"/proc/{(kvs or self.kvs).process.pid}/fd"))

    def test_requests_share_a_connection(self):
        connection = self.http_connection()
        connection.connect()
        connection.auto_open = False
        port = connection.sock.getsockname()
        for i in range(50):
            connection.request("GET", "/kvs-local/health")
            response = connection.getresponse()
            self.assertEqual((response.status, response.read()), (200, b"ok"))
            self.assertIsNone(response.getheader("Connection"))
            self.assertEqual(connection.sock.getsockname(), port, f"after {i} requests")

    def test_botocore_shares_a_connection(self):
        import urllib3.util.connection as connection

        control = self.kvs.client(**self.CLIENT_OPTIONS)
        self.addCleanup(control.close)
        with unittest.mock.patch.object(connection, "create_connection",
                                        wraps=connection.create_connection) as connect:
            for i in range(20):
                control.describe_stream(StreamName="cam")
                control.create_stream(StreamName=f"cam-{i}")
                with self.assertRaises(control.exceptions.ResourceNotFoundException):
                    control.describe_stream(StreamName="nowhere")
        self.assertEqual(connect.call_count, 1)

    def test_clients_that_close(self):
        before = self.n_files()
        for _ in range(N_CLIENTS):
            client = Client(self.connect())
            self.assertEqual(client.ask(HEALTH)[0], 200)
            client.close()
        wait_for(lambda: self.n_files() <= before)

    def test_clients_that_close_together(self):
        before = self.n_files()
        clients = [Client(self.connect()) for _ in range(N_CLIENTS // 5)]
        for _ in range(2):
            for client in clients:
                self.assertEqual(client.ask(HEALTH)[0], 200)
        self.assertGreaterEqual(self.n_files(), before + len(clients))
        for client in clients[::2]:
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        for client in clients:
            client.close()
        wait_for(lambda: self.n_files() <= before)

    def test_silent_clients_are_closed(self):
        kvs = self.start("--keep-alive-seconds", str(KEEP_ALIVE_SECONDS))
        before = self.n_files(kvs)
        began = time.monotonic()
        silent = self.open(kvs)
        without_tls = Client(Plain.connect(self, kvs))
        self.addCleanup(without_tls.close)
        in_between = [self.open(kvs) for _ in range(20)]
        unfinished = self.open(kvs)
        for _ in range(3):
            for client in in_between:
                self.assertEqual(client.ask(HEALTH)[0], 200)
        self.assertEqual(unfinished.ask(HEALTH + HEALTH[:20])[0], 200)
        for client in (silent, without_tls, *in_between, unfinished):
            self.assertTrue(client.is_at_end())
        self.assertGreater(time.monotonic() - began, KEEP_ALIVE_SECONDS * 0.9)
        wait_for(lambda: self.n_files(kvs) <= before)

    def test_silence_in_a_session_is_allowed(self):
        """A viewer takes nothing, and a producer sends nothing, for longer than a connection may wait
        for a request."""
        kvs = self.start("--keep-alive-seconds", "1")
        control = kvs.client(**self.CLIENT_OPTIONS)
        self.addCleanup(control.close)
        control.create_stream(StreamName="cam", DataRetentionInHours=1)
        frame = mkv.simple_block(0, bytes(MORE_THAN_SOCKETS_HOLD_BYTES))
        with kvs.put_media(sock=self.connect(kvs)) as put:
            put.accepted().send(mkv.header() + mkv.cluster(0, frame) + mkv.cluster(1000))
            put.until("PERSISTED")
            viewer = self.open(kvs)
            viewer.sock.sendall(signed("/getMedia", b'{"StreamName":"cam","StartSelector":'
                                                    b'{"StartSelectorType":"EARLIEST"}}'))
            time.sleep(3)
            put.end()
            self.assertEqual(put.acks()[-1]["EventType"], "PERSISTED")
        answer = viewer.file.read()
        self.assertTrue(answer.startswith(b"HTTP/1.1 200"))
        self.assertTrue(answer.endswith(b"\r\n0\r\n\r\n"))
        self.assertGreater(len(answer), MORE_THAN_SOCKETS_HOLD_BYTES)

    def test_small_pieces(self):
        client = self.open()
        for request in (HEALTH, signed("/describeStream", b'{"StreamName":"cam"}'), HEALTH):
            for i in range(len(request)):
                client.sock.sendall(request[i:i + 1])
            self.assertEqual(client.answer()[0], 200)

    def test_a_piece_of_the_next_request(self):
        """Each packet ends within a request, whose rest comes only after the answer before it."""
        client = self.open()
        request = signed("/describeStream", b'{"StreamName":"cam"}')
        stream = request * 20
        at = 0
        for i in range(20):
            until = (i + 1) * len(request) + i * 29 % len(request)
            client.sock.sendall(stream[at:until])
            at = until
            status, _, body = client.answer()
            self.assertEqual((status, b'"StreamName":"cam"' in body), (200, True))
        self.assertEqual(client.ask(HEALTH)[0], 200)

    def test_pipelined(self):
        client = self.open()
        for _ in range(3):
            client.sock.sendall(b"".join(
                signed("/describeStream", b'{"StreamName":"no-%d"}' % i) + HEALTH
                for i in range(N_PIPELINED)))
            for i in range(N_PIPELINED):
                self.assertEqual(client.answer()[0], 404)
                self.assertEqual(client.answer()[2], b"ok")

    def test_pipelined_by_a_client_that_leaves(self):
        before = self.n_files()
        for _ in range(20):
            client = Client(self.connect())
            client.sock.sendall(HEALTH * N_PIPELINED)
            client.close()
        wait_for(lambda: self.n_files() <= before)

    def test_http_1_0(self):
        client = self.open()
        self.assertEqual(client.ask(HEALTH)[0], 200)
        status, headers, body = client.ask(b"GET /kvs-local/health HTTP/1.0\r\n\r\n")
        self.assertEqual((status, headers["Connection"], body), (200, "close", b"ok"))
        self.assertTrue(client.is_at_end())

    def test_client_asks_to_close(self):
        client = self.open()
        self.assertEqual(client.ask(HEALTH)[0], 200)
        status, headers, _ = client.ask(signed("/listStreams", Connection="close"))
        self.assertEqual((status, headers["Connection"]), (200, "close"))
        self.assertTrue(client.is_at_end())

    def test_errors_keep_the_connection(self):
        client = self.open()
        large = b"{" + b" " * 2000000 + b"}"
        for request, expected in (
                (signed("/createStream", b'{"StreamName":""}'), 400),
                (signed("/createStream", b"no json"), 400),
                (signed("/nothing"), 404),
                (b"POST /listStreams HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}", 403),
                (signed("/listStreams", large), 413),
                (signed("/getMedia", b'{"StreamName":"cam"}'), 400),
                (HEALTH, 200)):
            status, headers, _ = client.ask(request)
            self.assertEqual((status, headers["Connection"]), (expected, None), request[:100])

    def test_malformed_request_ends_it(self):
        client = self.open()
        self.assertEqual(client.ask(HEALTH)[0], 200)
        self.assertEqual(client.ask(b"nonsense\r\n\r\n")[0], 400)
        self.assertTrue(client.is_at_end())

    def test_continue(self):
        client = self.open()
        for _ in range(2):
            request = signed("/describeStream", b'{"StreamName":"cam"}', Expect="100-continue")
            head, body = request.split(b"\r\n\r\n")
            client.sock.sendall(head + b"\r\n\r\n")
            self.assertEqual(client.file.readline().split()[1], b"100")
            http.client.parse_headers(client.file)
            self.assertEqual(client.ask(body)[0], 200)

    def test_media_after_requests(self):
        client = self.open()
        for i in range(3):
            self.assertEqual(client.ask(HEALTH)[0], 200)
        self.assertEqual(client.ask(signed("/describeStream", b'{"StreamName":"cam"}'))[0], 200)
        put = self.kvs.put_media(sock=client.sock)
        acks = put.send_all(mkv.header() + mkv.cluster(0))
        self.assertEqual(acks[-1]["EventType"], "PERSISTED")

        client = self.open()
        request = signed("/getMedia", b'{"StreamName":"cam","StartSelector":'
                                      b'{"StartSelectorType":"EARLIEST"}}')
        self.assertEqual(client.ask(HEALTH)[0], 200)
        # in one packet: libsoup has read both when it answers the first
        client.sock.sendall(HEALTH + request)
        self.assertEqual(client.answer()[2], b"ok")
        response = http.client.HTTPResponse(client.sock)
        response.fp = client.file
        response.begin()
        self.assertEqual((response.status, response.getheader("Connection")), (200, "close"))
        self.assertEqual(len(mkv.chunks(response.read())), 1)
        self.assertEqual(client.sock.recv(1), b"")

    def test_media_behind_a_request(self):
        """PutMedia whose head comes in one packet with the request before it."""
        sock = self.connect()

        class Together:
            """The first sendall() gets a request in front."""

            def __init__(self):
                self.front = HEALTH

            def sendall(self, data):
                sock.sendall(self.front + data)
                self.front = b""

            def __getattr__(self, name):
                return getattr(sock, name)

        with self.kvs.put_media(sock=Together(), early=mkv.header()) as put:
            self.assertEqual(put.head()[0], 200)
            self.assertEqual(put._take(2), b"ok")
            put.accepted().send(mkv.cluster(0))
            put.end()
            self.assertEqual(put.acks()[-1]["EventType"], "PERSISTED")

    def test_ends_with_waiting_clients(self):
        clients = [self.open() for _ in range(10)]
        for client in clients:
            self.assertEqual(client.ask(HEALTH)[0], 200)
        self.assertEqual(self.kvs.stop(), 0)
        for client in clients:
            self.assertTrue(client.is_at_end())


class Tls(Plain):
    # LeakSanitizer of GCC 12 crashes once GnuTLS is loaded
    ENV = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cert = certificates.certificate(folder.name, "server")
        cls.ARGS = ["--tls-cert", cert + ".crt", "--tls-key", cert + ".key"]
        cls.CLIENT_OPTIONS = {"verify": cert + ".crt"}
        cls.tls = ssl.create_default_context(cafile=cert + ".crt")

    def connect(self, kvs=None):
        return self.tls.wrap_socket(super().connect(kvs), server_hostname="127.0.0.1")

    def http_connection(self):
        connection = http.client.HTTPSConnection("127.0.0.1", self.kvs.port, timeout=60,
                                                 context=self.tls)
        self.addCleanup(connection.close)
        return connection

    def hello(self):
        """What a client of TLS says first."""
        output = ssl.MemoryBIO()
        with self.assertRaises(ssl.SSLWantReadError):
            self.tls.wrap_bio(ssl.MemoryBIO(), output, server_hostname="127.0.0.1").do_handshake()
        return output.read()

    def n_threads(self):
        return len(os.listdir(f"/proc/{self.kvs.process.pid}/task"))

    def test_those_who_do_not_begin_take_no_thread(self):
        """All handshakes wait for threads of one pool, which clients that say nothing must not fill."""
        with self.open() as client:
            self.assertEqual(client.ask(HEALTH)[0], 200)
        before = self.n_threads()
        hello = self.hello()
        beginnings = (b"", hello[:1], hello[:5], hello[:-1])
        silent = [Client(super(Tls, self).connect()) for _ in range(200)]
        for i, client in enumerate(silent):
            self.addCleanup(client.close)
            client.sock.sendall(beginnings[i % len(beginnings)])
        for _ in range(3):
            with self.open() as client:
                self.assertEqual(client.ask(HEALTH)[0], 200)
        self.assertLess(self.n_threads(), before + 5)
        self.assertEqual(self.kvs.stop(), 0)
        for client in silent:
            self.wait_until_closed(client)

    def wait_until_closed(self, client):
        """Whatever it was told before"""
        try:
            client.file.read()
        except ConnectionResetError:
            pass

    def test_slow_handshakes_are_ended(self):
        kvs = self.start("--keep-alive-seconds", str(KEEP_ALIVE_SECONDS))
        before = self.n_files(kvs)
        hello = self.hello()
        clients = [Client(super(Tls, self).connect(kvs)) for _ in range(4)]
        for client in clients:
            self.addCleanup(client.close)
        clients[0].sock.sendall(hello)
        clients[1].sock.sendall(hello[:10])
        clients[2].sock.sendall(b"\x16\x03\x01\xff\xff" + hello[5:])
        clients[3].sock.sendall(HEALTH)
        for client in clients:
            self.wait_until_closed(client)
        wait_for(lambda: self.n_files(kvs) <= before)

    def test_hello_in_small_pieces(self):
        sock = super().connect()
        self.addCleanup(sock.close)
        into, output = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.tls.wrap_bio(into, output, server_hostname="127.0.0.1")
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                for byte in output.read():
                    sock.sendall(bytes([byte]))
                into.write(sock.recv(65536))
        tls.write(HEALTH)
        sock.sendall(output.read())
        self.assertTrue(sock.recv(65536))


if __name__ == "__main__":
    unittest.main()
