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
        # said when nothing has come for a while, as on a slow machine
        return [event for event in found if event != "IDLE"]

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

    def leave(self, filler, size):
        """Makes room for so many bytes."""
        os.truncate(filler, os.path.getsize(filler) - size)

    def test_fragment_that_fits_without_its_entry(self):
        """The file of a fragment that the index has no room for is taken away at once."""
        connection = self.put()
        connection.send(mkv.header())
        self.assertEqual(self.send(connection, 0), persisted(0))
        self.assertEqual(len(self.files()), 1)
        size = os.statvfs(self.disk).f_frsize
        pages = os.path.getsize(self.find(self.files()[0])) // size + 1
        filler = self.fill_up()
        self.leave(filler, pages * size)
        self.assertEqual(self.send(connection, 1000), ["BUFFERING 1000", "RECEIVED 1000",
                                                       "ERROR 1000 5001"])
        self.assertEqual(len(self.files()), 1)
        self.leave(filler, 4 * FRAGMENT_BYTES)
        self.assertEqual(self.send(connection, 2000), persisted(2000))
        self.assertEqual(self.stored(), [cluster(0), cluster(2000)])

    def find(self, file):
        return next(os.path.join(folder, file) for folder, _, names in
                    os.walk(os.path.join(self.disk, "media")) if file in names)

    def until_it_fails(self, operation):
        """Calls it with 0, 1, ... until it is refused, and gives what it was taken with last."""
        for i in range(1000):
            try:
                operation(i)
            except botocore.exceptions.ClientError as error:
                self.assertEqual(error.response["Error"]["Code"], "InternalFailure")
                return i - 1
        self.fail("there is always room")

    def describe(self):
        return self.control.describe_stream(StreamName="cam")["StreamInfo"]

    def restart(self):
        """Goes on with a copy of what is on the disk, which goes with the process."""
        copy = tempfile.TemporaryDirectory()
        self.addCleanup(copy.cleanup)
        shutil.copytree(self.disk, copy.name, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("filler"))
        self.assertEqual(self.kvs.stop(), 0)
        self.kvs = KvsLocal(data=copy.name).start()
        self.addCleanup(self.kvs.__exit__)
        self.control = self.kvs.client()
        self.addCleanup(self.control.close)

    def test_description_is_changed_or_not(self):
        """What was refused has not happened, now or after a restart."""
        self.fill_up()
        changes = (
            lambda i: self.control.update_stream(
                StreamName="cam", CurrentVersion=self.describe()["Version"], DeviceName=f"d{i}",
                MediaType=f"video/m{i}"),
            lambda _: self.control.update_data_retention(
                StreamName="cam", CurrentVersion=self.describe()["Version"],
                Operation="INCREASE_DATA_RETENTION", DataRetentionChangeInHours=1))
        for change in changes:
            taken = [self.describe()]
            self.until_it_fails(lambda i, c=change, t=taken: (c(i), t.append(self.describe())))
            self.assertEqual(self.describe(), taken[-1])
        self.restart()
        self.assertEqual(self.describe(), taken[-1])
        self.control.update_stream(StreamName="cam", CurrentVersion=taken[-1]["Version"],
                                   DeviceName="last")

    def test_tags_are_all_there_or_none_of_the_new(self):
        filler = self.fill_up()
        tags = [{f"key{n}": f"{i}-" + "x" * 250 for n in range(50)} for i in range(1000)]
        size = os.statvfs(self.disk).f_frsize
        taken = []

        def tag(i):
            self.leave(filler, 5 * size)
            self.control.tag_stream(StreamName="cam", Tags=tags[i])
            taken.append(i)
            self.fill_up()

        last = self.until_it_fails(tag)
        expected = tags[last] if last >= 0 else {}
        self.assertEqual(self.control.list_tags_for_stream(StreamName="cam")["Tags"], expected)
        self.restart()
        self.assertEqual(self.control.list_tags_for_stream(StreamName="cam")["Tags"], expected)


class Folder(unittest.TestCase):
    def test_fragment_without_a_file(self):
        """What is refused before a byte of it was written has its timecode and number, too."""
        with KvsLocal() as kvs:
            kvs.client().create_stream(StreamName="cam", DataRetentionInHours=1)
            media, away = (os.path.join(kvs.data, name) for name in ("media", "away"))
            with kvs.put_media() as connection:
                connection.accepted()
                os.rename(media, away)
                connection.send(mkv.header() + mkv.cluster(1000) + mkv.END_OF_FRAGMENT)
                acks = [connection.ack() for _ in range(2)]
                os.rename(away, media)
                connection.send(mkv.cluster(2000))
                connection.end()
                self.assertEqual(events(acks), ["BUFFERING 1000", "ERROR 1000 5001"])
                self.assertEqual(acks[0]["FragmentNumber"], acks[1]["FragmentNumber"])
                self.assertEqual(events(connection.acks()), persisted(2000))
            self.assertIn("No such file", kvs.errors())


class Start(unittest.TestCase):
    def test_folder_that_cannot_be(self):
        for data in ("/proc/nowhere", "/dev/null/data"):
            with self.assertRaisesRegex(RuntimeError, f"kvs-local: .*{data.split('/')[1]}"):
                KvsLocal(data=data).start()


if __name__ == "__main__":
    unittest.main()
