# SPDX-License-Identifier: LGPL-2.1-or-later
"""kvs-local on a disk that becomes full: fragments are refused with 5001, and taken again when there
is room. The disk is a small tmpfs that only kvs-local sees."""

import os
import shutil
import subprocess
import tempfile
import unittest

import mkvwriter as mkv
from kvslocal import KvsLocal
from kvslocal_case import botocore, events, persisted, require_kvs_local, wait_for

DISK_BYTES = 6 << 20
FRAGMENT_BYTES = 300000
BLOCK = os.urandom(FRAGMENT_BYTES)


def setUpModule():
    require_kvs_local()


def wrapper(folder):
    """Words that start a program with a small disk at folder; skips where that is not allowed."""
    if shutil.which("unshare") is None:
        raise unittest.SkipTest("unshare is not installed")
    words = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]),
             "sh", "-c", f'mount -t tmpfs -o size={DISK_BYTES} tmpfs "$0" && exec "$@"', folder]
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode != 0:
        raise unittest.SkipTest("this system allows no mount, not even in a namespace")
    return words


def cluster(timecode):
    return mkv.cluster(timecode, mkv.simple_block(0, BLOCK))


class Disk(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.kvs = KvsLocal(data=folder.name, wrapper=wrapper(folder.name))
        self.addCleanup(self.kvs.__exit__)
        self.kvs.start()
        self.control = self.kvs.client()
        self.addCleanup(self.control.close)
        self.control.create_stream(StreamName="cam", DataRetentionInHours=1)

    @property
    def disk(self):
        """The disk as kvs-local sees it."""
        return f"/proc/{self.kvs.process.pid}/root{self.kvs.data}"

    def fill_up(self):
        """Takes all that is left, and gives the file that does."""
        path = os.path.join(self.disk, "filler")
        for size in (65536, 4096, 1):
            try:
                while True:
                    with open(path, "ab", buffering=0) as file:
                        if file.write(b"x" * size) < size:
                            break
            except OSError:
                pass
        self.assertEqual(os.statvfs(self.disk).f_bavail, 0)
        return path

    def put(self):
        connection = self.kvs.put_media("cam")
        self.addCleanup(connection.close)
        return connection.accepted()

    def send(self, connection, timecode):
        """Sends a fragment with its end, and gives the acks up to the last one about it."""
        connection.send(cluster(timecode) + mkv.END_OF_FRAGMENT)
        found = []
        while not found or not found[-1].startswith(("PERSISTED", "ERROR")):
            found += events([connection.ack()])
        return found

    def files(self):
        return [name for _, _, names in os.walk(os.path.join(self.disk, "media")) for name in names]

    def stored(self):
        return [clusters for chunk in mkv.chunks(self.kvs.get_media()) for clusters in
                chunk["clusters"]]

    def test_full_and_empty_again(self):
        """The session goes on, with the fragments that fit."""
        connection = self.put()
        connection.send(mkv.header())
        kept = []
        acks = []
        while len(kept) < 100:
            timecode = 1000 * (len(kept) + 1)
            acks = self.send(connection, timecode)
            if acks[-1].startswith("ERROR"):
                break
            kept.append(cluster(timecode))
        self.assertGreaterEqual(len(kept), DISK_BYTES // FRAGMENT_BYTES // 2)
        self.assertEqual(acks[-1].split()[0::2], ["ERROR", "5001"])
        self.assertEqual(len(self.files()), len(kept), "what did not fit is taken away")
        filler = self.fill_up()
        for i in range(3):
            self.assertEqual(self.send(connection, 200000 + i)[-1], f"ERROR {200000 + i} 5001")
        self.assertEqual(self.stored(), kept)

        os.unlink(filler)
        self.control.create_stream(StreamName="other")
        oldest = sorted(self.files())[:4]
        for folder, _, names in os.walk(os.path.join(self.disk, "media")):
            for name in set(names) & set(oldest):
                os.unlink(os.path.join(folder, name))
        for i in range(2):
            self.assertEqual(self.send(connection, 300000 + 1000 * i), persisted(300000 + 1000 * i))
        connection.end()
        self.assertEqual(connection.acks(), [])
        self.assertEqual(self.stored(), kept[4:] + [cluster(300000), cluster(301000)])
        self.assertIn("No space left", self.kvs.errors())

    def test_other_calls(self):
        """What needs no room works; what does is an error of the service, and works later."""
        connection = self.put()
        connection.send(mkv.header())
        self.assertEqual(self.send(connection, 0), persisted(0))
        filler = self.fill_up()
        self.assertEqual(self.send(connection, 1000)[-1], "ERROR 1000 5001")
        failed = 0
        for i in range(50):
            try:
                self.control.create_stream(StreamName=f"more-{i}")
            except botocore.exceptions.ClientError as error:
                answer = error.response
                self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], 500, answer)
                self.assertEqual(answer["Error"]["Code"], "InternalFailure")
                failed += 1
        self.assertGreater(failed, 0)
        self.assertEqual(self.control.describe_stream(StreamName="cam")["StreamInfo"]["Status"],
                         "ACTIVE")
        self.assertEqual(self.stored(), [cluster(0)])
        second = self.put()
        second.send(mkv.header())
        self.assertEqual(self.send(second, 5000)[-1].split()[0], "ERROR")
        os.unlink(filler)
        self.control.create_stream(StreamName="at-last", DataRetentionInHours=1)
        self.assertEqual(self.send(second, 6000), persisted(6000))
        self.assertEqual(self.send(connection, 7000), persisted(7000))
        names = [info["StreamName"] for info in self.control.list_streams()["StreamInfoList"]]
        self.assertEqual(len(names), 50 - failed + 2)
        for name in names:
            self.control.describe_stream(StreamName=name)

    def test_deleting_makes_room(self):
        self.control.create_stream(StreamName="old", DataRetentionInHours=1)
        with self.kvs.put_media("old") as connection:
            connection.send_all(mkv.header() + cluster(0) + cluster(1000))
        connection = self.put()
        connection.send(mkv.header())
        timecode = 0
        while not self.send(connection, timecode)[-1].startswith("ERROR"):
            timecode += 1000
        arn = self.control.describe_stream(StreamName="old")["StreamInfo"]["StreamARN"]
        self.control.delete_stream(StreamARN=arn)
        wait_for(lambda: os.statvfs(self.disk).f_bavail * os.statvfs(self.disk).f_frsize
                 > FRAGMENT_BYTES)
        self.assertEqual(self.send(connection, timecode + 1000), persisted(timecode + 1000))


class Start(unittest.TestCase):
    def test_folder_that_cannot_be(self):
        for data in ("/proc/nowhere", "/dev/null/data"):
            with self.assertRaisesRegex(RuntimeError, f"kvs-local: .*{data.split('/')[1]}"):
                KvsLocal(data=data).start()


if __name__ == "__main__":
    unittest.main()
