# SPDX-License-Identifier: LGPL-2.1-or-later
"""A short run of soak_kvs_local.py, and readers of kvs-local that stop reading while media come."""

import http.client
import json
import os
import socket
import subprocess
import sys
import unittest

import kvslocal
import mkvwriter as mkv
import support
from kvslocal import KvsLocal
from kvslocal_case import events, persisted, require_kvs_local, tool
from soak_kvs_local import FRAGMENT_SECONDS, Clip, uris

ALONE = True
HERE = os.path.dirname(os.path.abspath(__file__))
# More than the sockets on the way to a reader hold
N_FRAGMENTS = 60
KBPS = 4000
N_READERS = 30


def setUpModule():
    require_kvs_local()
    tool("ffmpeg")


class Soak(unittest.TestCase):
    timeout = 240

    def test_short(self):
        slow = support.SLOWNESS > 1
        run = subprocess.run(
            [sys.executable, os.path.join(HERE, "soak_kvs_local.py"), "--build", support.BUILD,
             "--minutes", "0.3", "--speed", "2" if slow else "10",
             "--streams", "5" if slow else "20", "--readers", "5" if slow else "20",
             "--hls-readers", "2"], text=True, capture_output=True, check=False)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertIn("\nok\n", run.stdout)


class StoppedReaders(unittest.TestCase):
    """Nobody who stops reading holds up a producer, or has kvs-local keep what it does not read."""

    def setUp(self):
        self.kvs = KvsLocal(args=["--keep-alive-seconds", "20"])
        self.addCleanup(self.kvs.__exit__)
        self.kvs.start()
        self.clip = Clip(KBPS)
        control = self.kvs.client()
        control.create_stream(StreamName="cam", DataRetentionInHours=1)
        control.close()

    def memory(self):
        with open(f"/proc/{self.kvs.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def ask(self, request):
        """Sends a request, and reads nothing of what comes."""
        sock = socket.socket()
        self.addCleanup(sock.close)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", self.kvs.port))
        sock.sendall(request)
        return sock

    def check_ingest(self, first):
        """Each fragment is acknowledged before the next is sent."""
        connection = self.kvs.put_media("cam", timeout=30 * support.SLOWNESS).accepted()
        self.addCleanup(connection.close)
        connection.send(self.clip.header)
        for i in range(first, first + N_FRAGMENTS):
            timecode = i * FRAGMENT_SECONDS * 1000
            connection.send(self.clip.cluster(timecode) + mkv.END_OF_FRAGMENT)
            self.assertEqual(events(connection.ack() for _ in range(3)), persisted(timecode))
        connection.end()
        self.assertEqual(connection.acks(), [])

    def check(self, requests):
        self.check_ingest(0)
        before = self.memory()
        socks = [self.ask(request) for request in requests()]
        self.check_ingest(N_FRAGMENTS)
        for sock in socks:
            # it was answered, and waits for its reader
            self.assertTrue(sock.recv(15).startswith(b"HTTP/1.1 200"))
        if support.SLOWNESS == 1:
            self.assertLess(self.memory() - before, len(socks) * 6 * len(self.clip.blocks))
        self.assertEqual(self.kvs.errors(), "")

    def test_get_media(self):
        body = json.dumps({"StreamName": "cam",
                           "StartSelector": {"StartSelectorType": "EARLIEST"}}).encode()

        def requests():
            headers = kvslocal.sign("POST", "/getMedia", {"Host": "a"}, body=body)
            head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            return [f"POST /getMedia HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode()
                    + body] * 3

        self.check(requests)

    def test_hls(self):
        def requests():
            client = self.kvs.client("kinesis-video-archived-media")
            self.addCleanup(client.close)
            url = client.get_hls_streaming_session_url(
                StreamName="cam", PlaybackMode="LIVE",
                MaxMediaPlaylistFragmentResults=N_READERS)["HLSStreamingSessionURL"]
            folder = url.rsplit("/", 1)[0].split("/", 3)[3]
            playlist = uris(get(self.kvs, url.split("/", 3)[3]))[0]
            segments = uris(get(self.kvs, f"{folder}/{playlist}"))
            self.assertEqual(len(segments), N_READERS)
            return [f"GET /{folder}/{segment} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
                    for segment in segments]

        self.check(requests)


def get(kvs, path):
    connection = http.client.HTTPConnection("127.0.0.1", kvs.port, timeout=60)
    connection.request("GET", "/" + path)
    answer = connection.getresponse().read()
    connection.close()
    return answer


if __name__ == "__main__":
    unittest.main()
