# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long kvs-local keeps fragments (section 4). Time passes by changing the index."""

import os
import sqlite3
import time
import unittest

import mkvwriter as mkv
from kvslocal_case import Case, require_kvs_local, wait_for

MS_PER_HOUR = 3600000


def setUpModule():
    require_kvs_local()


class AgingCase(Case):
    ARGS = ["--get-media-empty-seconds", "1"]

    def put_three(self):
        """The last two by a second connection, so that they are apart in the index."""
        self.put_all(mkv.header() + mkv.cluster(0))
        self.put_all(mkv.header() + mkv.cluster(1000) + mkv.cluster(2000))

    def age(self, timecode, ms):
        index = sqlite3.connect(os.path.join(self.kvs.data, "kvs-local.sqlite"), timeout=30)
        with index:
            index.execute(
                "UPDATE fragments SET server_ms = server_ms - ? WHERE timecode = ? AND stream_id ="
                " (SELECT id FROM streams WHERE name = ?)", (ms, timecode, self.stream))
        index.close()

    def folder(self):
        return os.path.join(self.kvs.data, "media", f"{self.stream}-{self.arn.split('/')[-1]}")

    def n_files(self):
        return len(os.listdir(self.folder()))

    def change(self, operation, hours):
        version = self.control.describe_stream(StreamName=self.stream)["StreamInfo"]["Version"]
        self.control.update_data_retention(
            StreamName=self.stream, CurrentVersion=version, DataRetentionChangeInHours=hours,
            Operation=operation + "_DATA_RETENTION")


class Retention(AgingCase):
    RETENTION = 2

    def test_increase_keeps_what_is_there(self):
        self.put_three()
        self.age(0, 3 * MS_PER_HOUR // 2)
        self.change("INCREASE", 1)
        self.age(0, MS_PER_HOUR)
        # any change deletes at once what is too old after it
        self.change("INCREASE", 1)
        self.assertEqual(self.n_files(), 3)

    def test_decrease_deletes_at_once(self):
        self.put_three()
        self.age(0, 3 * MS_PER_HOUR // 2)
        self.change("DECREASE", 1)
        self.assertEqual(self.n_files(), 2)
        self.assertEqual(self.timecodes(), ["1.000", "2.000"])

    def test_decrease_to_nothing_leaves_the_host_buffer(self):
        self.put_three()
        self.age(0, 6 * 60 * 1000)
        self.age(1000, 4 * 60 * 1000)
        self.change("DECREASE", 2)
        self.assertEqual(self.n_files(), 2)
        self.assertEqual(self.timecodes(), ["1.000", "2.000"])

    def test_time_passes(self):
        """Nobody asks for anything, and the fragments go, from the disk as well."""
        self.put_three()
        self.age(0, 2 * MS_PER_HOUR)
        self.age(1000, 2 * MS_PER_HOUR - 600000)
        wait_for(lambda: self.n_files() == 2, 40)
        self.assertEqual(self.timecodes(), ["1.000", "2.000"])


class Many(AgingCase):
    """Weeks of fragments: nobody waits until the last of their files is gone."""

    N_FILES = 50000

    def setUp(self):
        super().setUp()
        for i in range(self.N_FILES):
            with open(os.path.join(self.folder(), f"{i:047}.mkv"), "wb"):
                pass

    def test_decrease(self):
        now_ms = int(time.time() * 1000)
        index = sqlite3.connect(os.path.join(self.kvs.data, "kvs-local.sqlite"), timeout=30)
        with index:
            stream, = index.execute("SELECT id FROM streams WHERE name = ?", (self.stream,)).fetchone()
            index.executemany(
                "INSERT INTO fragments (stream_id, number, server_ms, producer_ms, duration_ms,"
                " timecode, header_size, cluster_offset, file_size) VALUES (?, ?, ?, 0, 0, 0, 0, 0, 0)",
                [(stream, f"{i:047}", now_ms - 3 * MS_PER_HOUR // 2) for i in range(self.N_FILES)])
        index.close()
        self.put_all(mkv.header() + mkv.cluster(1000))
        self.change("DECREASE", 1)
        self.assertGreater(self.n_files(), 1)
        self.assertEqual(self.timecodes(), ["1.000"])
        wait_for(lambda: self.n_files() == 1, 60)
        self.assertEqual(self.timecodes(), ["1.000"])

    def test_delete(self):
        """What is left when kvs-local is killed goes at the next start."""
        folder = self.folder()
        self.control.delete_stream(StreamARN=self.arn)
        self.assertTrue(os.path.exists(folder))
        self.kvs.kill()
        self.assertTrue(os.path.exists(folder))
        self.kvs.start()
        type(self).control = self.kvs.client("kinesisvideo")
        wait_for(lambda: not os.path.exists(folder), 60)


class HostBuffer(AgingCase):
    RETENTION = 0

    def test_time_passes(self):
        self.put_three()
        self.age(0, 5 * 60 * 1000)
        self.age(1000, 4 * 60 * 1000)
        wait_for(lambda: self.n_files() == 2, 40)
        self.assertEqual(self.timecodes(), ["1.000", "2.000"])

    def test_what_it_has_is_kept_once_there_is_retention(self):
        self.put_three()
        self.change("INCREASE", 1)
        self.age(0, MS_PER_HOUR // 2)
        self.change("INCREASE", 1)
        self.assertEqual(self.n_files(), 3)


if __name__ == "__main__":
    unittest.main()
