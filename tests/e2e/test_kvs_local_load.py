# SPDX-License-Identifier: LGPL-2.1-or-later
"""kvs-local: many sessions, large pieces, and clients that are slow to read."""

import http.client
import os
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import kvslocal
import mkvwriter as mkv
from kvslocal import KvsLocal
from kvslocal_case import Case, events, persisted, require_kvs_local, tool, wait_for

# More than kvs-local takes from one connection at a time
BURST_BYTES = 3 << 20


def setUpModule():
    require_kvs_local()


class Load(Case):
    def test_burst_then_silence(self):
        """What the socket no longer holds is not forgotten while the client waits."""
        check_burst(self, self.kvs, self.stream)

    def test_burst_before_the_answer(self):
        """What libsoup has read with the head is taken first."""
        connection = self.put(early=mkv.header() + mkv.cluster(0, [0]) + mkv.cluster(1000, b""))
        connection.accepted()
        self.assertEqual(events([connection.ack()]), ["BUFFERING 0"])
        self.assertEqual(events(connection.ack() for _ in range(3)),
                         [*persisted(0)[1:], "BUFFERING 1000"])

    def test_client_that_reads_late(self):
        """kvs-local stops reading while its acks are not read, and goes on afterwards."""
        n_fragments = 8000
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(60)
        sock.connect(("127.0.0.1", self.kvs.port))
        connection = self.put(sock=sock).accepted()
        # the first is stored, the others are refused for their timecode: two acks each
        body = mkv.header() + mkv.cluster(1000, [0]) * n_fragments

        def send():
            connection.send(body, split=50000)
            connection.end()

        sender = threading.Thread(target=send)
        sender.start()
        time.sleep(0.5)
        acks = [event for event in events(connection.acks()) if event != "IDLE"]
        sender.join()
        self.assertEqual(acks[:3], persisted(1000))
        self.assertEqual(acks[3:], ["BUFFERING 1000", "ERROR 1000 4004"] * (n_fragments - 1))


    def test_tiny_fragments_hold_nobody_up(self):
        """A body of nothing but fragments without end takes turns with everything else."""
        connection = self.put().accepted()
        body = mkv.header() + b"".join(
            mkv.cluster(i, [0]) for i in range(int(60000 / kvslocal.SLOWNESS)))
        acks = []
        reader = threading.Thread(target=lambda: acks.extend(connection.acks()))
        sender = threading.Thread(target=lambda: (connection.send(body), connection.end()))
        asker = http.client.HTTPConnection("127.0.0.1", self.kvs.port, timeout=60)
        self.addCleanup(asker.close)
        longest = 0.0
        began = time.monotonic()
        reader.start()
        sender.start()
        while reader.is_alive():
            asked = time.monotonic()
            asker.request("GET", "/kvs-local/health")
            self.assertEqual(asker.getresponse().read(), b"ok")
            longest = max(longest, time.monotonic() - asked)
        took = time.monotonic() - began
        reader.join()
        sender.join()
        self.assertEqual(events(acks[-3:]), persisted(acks[-1]["FragmentTimecode"]))
        self.assertLess(longest, took / 3)


class Limits(unittest.TestCase):
    def test_more_files_than_the_soft_limit(self):
        kvs = KvsLocal(wrapper=["sh", "-c", 'ulimit -Sn 64 && exec "$@"', "sh"])
        self.addCleanup(kvs.__exit__)
        kvs.start()
        control = kvs.client()
        self.addCleanup(control.close)
        connections = []
        for i in range(60):
            control.create_stream(StreamName=f"cam{i}", DataRetentionInHours=1)
            connection = kvs.put_media(f"cam{i}")
            self.addCleanup(connection.close)
            connection.accepted().send(mkv.header() + mkv.cluster(0))
            connections.append(connection)
        for connection in connections:
            self.assertEqual(events([connection.ack()]), ["BUFFERING 0"])
            connection.end()
            # the last one may have waited for long
            self.assertEqual([event for event in events(connection.acks()) if event != "IDLE"],
                             persisted(0)[1:])
        self.assertEqual(kvs.stop(), 0)
        self.assertEqual(kvs.errors(), "")


    def test_more_connections_than_files(self):
        """They are refused, and told of once; media that come meanwhile are kept."""
        kvs = KvsLocal(wrapper=["sh", "-c", 'ulimit -n 100 && exec "$@"', "sh"])
        self.addCleanup(kvs.__exit__)
        kvs.start()
        control = kvs.client()
        control.create_stream(StreamName="cam", DataRetentionInHours=1)
        control.close()
        connection = kvs.put_media("cam")
        self.addCleanup(connection.close)
        connection.accepted().send(mkv.header() + mkv.cluster(0) + mkv.END_OF_FRAGMENT)
        silent = [socket.create_connection(("127.0.0.1", kvs.port), timeout=60)
                  for _ in range(150)]
        refused = []
        for sock in silent:
            self.addCleanup(sock.close)
        for sock in reversed(silent[100:]):
            refused.append(sock.recv(1))
        self.assertEqual(refused, [b""] * 50)
        connection.send(mkv.cluster(1000) + mkv.END_OF_FRAGMENT)
        connection.end()
        acks = [event for event in events(connection.acks()) if event != "IDLE"]
        self.assertEqual(acks, persisted(0) + persisted(1000))
        for sock in silent:
            sock.close()
        wait_for(lambda: len(os.listdir(f"/proc/{kvs.process.pid}/fd")) < 30)
        with kvs.put_media("cam") as another:
            self.assertEqual(events(another.send_all(mkv.header() + mkv.cluster(0))), persisted(0))
        self.assertEqual(kvs.stop(), 0)
        self.assertEqual(kvs.errors().count("WARNING"), 1)


class Tls(unittest.TestCase):
    def test_burst_then_silence(self):
        """TLS holds bytes of its own, of which the socket tells nothing."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        cert, key = (os.path.join(folder.name, name) for name in ("cert.pem", "key.pem"))
        subprocess.run(
            [tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
            check=True, capture_output=True)
        # LeakSanitizer of GCC 12 crashes once GnuTLS is loaded
        env = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
        kvs = KvsLocal(args=["--tls-cert", cert, "--tls-key", key], env=env)
        self.addCleanup(kvs.__exit__)
        kvs.start()
        control = kvs.client(verify=cert)
        self.addCleanup(control.close)
        control.create_stream(StreamName="cam", DataRetentionInHours=1)
        check_burst(self, kvs, "cam")
        self.assertEqual(kvs.stop(), 0)
        self.assertEqual(kvs.errors(), "")


def check_burst(test, kvs, stream):
    """Sends fragments in one piece each, with the start of the next, and waits for their acks."""
    block = mkv.simple_block(0, os.urandom(BURST_BYTES))
    connection = kvs.put_media(stream)
    test.addCleanup(connection.close)
    connection.accepted()
    connection.send(mkv.header() + mkv.cluster(0, b""))
    test.assertEqual(events([connection.ack()]), ["BUFFERING 0"])
    for i in range(1, 4):
        connection.send(block + mkv.cluster(1000 * i, b""), split=70000)
        test.assertEqual(events(connection.ack() for _ in range(3)),
                         [*persisted(1000 * (i - 1))[1:], f"BUFFERING {1000 * i}"])
    connection.send(block)
    connection.end()
    test.assertEqual(events(connection.acks()), persisted(3000)[1:])
    folder = next(entry for entry in os.scandir(os.path.join(kvs.data, "media"))
                  if entry.name.startswith(stream + "-"))
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            test.assertTrue(file.read().endswith(block))


if __name__ == "__main__":
    unittest.main()
