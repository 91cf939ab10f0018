# SPDX-License-Identifier: LGPL-2.1-or-later
"""kvs-local is killed over and over while it takes media: what it said was PERSISTED is there."""

import os
import random
import sqlite3
import tempfile
import threading
import unittest

import mkvwriter as mkv
from kvslocal import SLOWNESS, HttpError, KvsLocal
from kvslocal_case import require_kvs_local

N_KILLS = 100 if SLOWNESS == 1 else 20
STREAMS = ("a", "b", "c", "d")
# of them a kill comes after a random number
MOST_ACKS = 60
MOST_FRAME_BYTES = 60000


def setUpModule():
    require_kvs_local()


class Producer:
    """Sends fragments as fast as they are taken, and remembers which were persisted."""

    def __init__(self, kvs, stream, first_timecode, on_persisted):
        self.sent = {}       # timecode: Cluster
        self.persisted = {}  # fragment number: Cluster
        self.on_persisted = on_persisted
        self.timecode = first_timecode
        self.connection = kvs.put_media(stream, timeout=60).accepted()
        self.random = random.Random(first_timecode)
        self.threads = [threading.Thread(target=self.send), threading.Thread(target=self.read)]
        for thread in self.threads:
            thread.start()

    def send(self):
        try:
            self.connection.send(mkv.header())
            while True:
                frame = self.random.randbytes(self.random.randrange(1, MOST_FRAME_BYTES))
                self.sent[self.timecode] = mkv.cluster(self.timecode, mkv.simple_block(0, frame))
                # in pieces, so that a kill finds fragments half received
                self.connection.send(self.sent[self.timecode], split=4000)
                self.timecode += 1
        except OSError:
            pass

    def read(self):
        try:
            while (ack := self.connection.ack()) is not None:
                assert ack["EventType"] != "ERROR", ack
                if ack["EventType"] == "PERSISTED":
                    self.persisted[ack["FragmentNumber"]] = self.sent[ack["FragmentTimecode"]]
                    self.on_persisted()
        except (OSError, EOFError):
            pass

    def join(self):
        for thread in self.threads:
            thread.join()
        self.connection.close()


class Crash(unittest.TestCase):
    timeout = 300

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.data = folder.name
        self.persisted = {stream: {} for stream in STREAMS}
        self.random = random.Random(7)

    def run_until_killed(self, i):
        enough = threading.Semaphore(0)
        kvs = KvsLocal(data=self.data).start()
        try:
            if i == 0:
                with_client(kvs, lambda client: [
                    client.create_stream(StreamName=stream, DataRetentionInHours=24)
                    for stream in STREAMS])
            producers = {stream: Producer(kvs, stream, 1000 * (i + 1), enough.release)
                         for stream in STREAMS}
            for _ in range(self.random.randrange(1, MOST_ACKS)):
                self.assertTrue(enough.acquire(timeout=60), "no more acks")
        finally:
            kvs.kill()
        for stream, producer in producers.items():
            producer.join()
            before = self.persisted[stream]
            if before and producer.persisted:
                self.assertGreater(min(producer.persisted), max(before))
            before.update(producer.persisted)

    def test_no_persisted_fragment_is_lost(self):
        for i in range(N_KILLS):
            self.run_until_killed(i)
        promised = sum(len(fragments) for fragments in self.persisted.values())
        self.assertGreater(promised, N_KILLS)
        with KvsLocal(data=self.data) as kvs:
            for stream in STREAMS:
                self.check_stream(kvs, stream)
                with kvs.put_media(stream) as connection:
                    acks = connection.send_all(mkv.header() + mkv.cluster(1))
                self.assertEqual(acks[-1]["EventType"], "PERSISTED")
            self.assertEqual(kvs.stop(), 0)
            self.assertEqual(kvs.errors(), "")
        self.check_index()

    def check_stream(self, kvs, stream):
        stored = {}
        for chunk in mkv.chunks(kvs.get_media(stream)):
            number = chunk["tags"]["AWS_KINESISVIDEO_FRAGMENT_NUMBER"]
            self.assertNotIn(number, stored)
            self.assertEqual(len(chunk["clusters"]), 1)
            stored[number] = chunk["clusters"][0]
        for number, cluster in self.persisted[stream].items():
            self.assertEqual(stored.get(number), cluster, f"{stream} {number}")

    def check_index(self):
        index = sqlite3.connect(os.path.join(self.data, "kvs-local.sqlite"))
        self.addCleanup(index.close)
        self.assertEqual(index.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        indexed = {(f"{name}-{created}", number + ".mkv") for name, created, number in index.execute(
            "SELECT name, creation_ms, number FROM fragments JOIN streams"
            " ON streams.id = stream_id")}
        files = {(os.path.basename(folder), name) for folder, _, names in
                 os.walk(os.path.join(self.data, "media")) for name in names}
        self.assertEqual(files, indexed)

    def test_killed_while_it_starts(self):
        """Not even the first files are left half made."""
        for _ in range(20):
            kvs = KvsLocal(data=self.data)
            try:
                kvs.start()
                self.assertRaises(HttpError, kvs.put_media("nowhere").accepted)
            finally:
                kvs.kill()
        with KvsLocal(data=self.data) as kvs:
            with_client(kvs, lambda client: client.create_stream(StreamName="a"))


def with_client(kvs, function):
    client = kvs.client()
    try:
        return function(client)
    finally:
        client.close()


if __name__ == "__main__":
    unittest.main()
