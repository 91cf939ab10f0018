# SPDX-License-Identifier: LGPL-2.1-or-later
"""kvs-local: GetMedia, and what is kept for how long."""

import json
import os
import sqlite3
import threading
import time
import unittest

import kvslocal
import mkvwriter as mkv
from kvslocal_case import Case, require_kvs_local, wait_for

try:
    import botocore.exceptions
except ImportError:
    botocore = None


def setUpModule():
    require_kvs_local()


class GetMedia(Case):
    ARGS = ["--get-media-empty-seconds", "1"]

    def fill(self, count=5, **options):
        body = mkv.header() + b"".join(mkv.cluster(1000 * i, [0, 250, 500, 750]) for i in range(count))
        acks = self.put(timecodes="RELATIVE", start="100", **options).send_all(body)
        return [ack["FragmentNumber"] for ack in acks if ack["EventType"] == "PERSISTED"]

    def test_layout(self):
        header = mkv.ebml() + mkv.unknown(mkv.SEGMENT) + mkv.info() + mkv.tracks()
        clusters = [mkv.cluster(0), mkv.cluster(1000, known=True)]
        tags = mkv.tags(("name", "value"))
        acks = self.put(start="5").send_all(header + clusters[0] + tags + clusters[1])
        data = self.kvs.get_media(self.stream)
        documents = data.split(mkv.ebml())[1:]
        self.assertEqual(len(documents), 2)
        for i, document in enumerate(documents):
            chunk = mkv.ebml() + document
            self.assertTrue(chunk.startswith(header + (tags if i == 1 else b"")))
            segment = mkv.parse(chunk)[1][1]
            self.assertEqual([item[0] for item in segment],
                             [mkv.INFO, mkv.TRACKS] + [mkv.TAGS] * i
                             + [mkv.TAGS, mkv.CLUSTER, mkv.TAGS])
            before, after = [mkv.tag_pairs(item[1]) for item in segment if item[0] == mkv.TAGS][-2:]
            self.assertEqual([name for name, _ in before], [
                "AWS_KINESISVIDEO_FRAGMENT_NUMBER", "AWS_KINESISVIDEO_SERVER_TIMESTAMP",
                "AWS_KINESISVIDEO_PRODUCER_TIMESTAMP"])
            self.assertEqual([name for name, _ in after], [
                "AWS_KINESISVIDEO_MILLIS_BEHIND_NOW", "AWS_KINESISVIDEO_CONTINUATION_TOKEN"])
            self.assertEqual(dict(before)["AWS_KINESISVIDEO_FRAGMENT_NUMBER"],
                             acks[3 * i]["FragmentNumber"])
            self.assertEqual(dict(after)["AWS_KINESISVIDEO_CONTINUATION_TOKEN"],
                             acks[3 * i]["FragmentNumber"])
            self.assertEqual(dict(before)["AWS_KINESISVIDEO_PRODUCER_TIMESTAMP"], f"{i}.000")
            server = dict(before)["AWS_KINESISVIDEO_SERVER_TIMESTAMP"]
            self.assertRegex(server, r"^\d+\.\d{3}$")
            self.assertAlmostEqual(float(server), time.time(), delta=60)
            self.assertRegex(dict(after)["AWS_KINESISVIDEO_MILLIS_BEHIND_NOW"], r"^\d+$")
        self.assertEqual(mkv.chunks(data)[0]["clusters"], [clusters[0]])
        self.assertEqual(mkv.chunks(data)[1]["clusters"], [clusters[1]])

    def test_answer(self):
        began = time.monotonic()
        answer = self.media.get_media(StreamName=self.stream,
                                      StartSelector={"StartSelectorType": "NOW"})
        self.assertEqual(answer["ContentType"], "video/webm")
        self.assertEqual(answer["Payload"].read(), b"")
        self.assertAlmostEqual(time.monotonic() - began, 1.3, delta=0.9)

    def test_selectors(self):
        numbers = self.fill()
        all_times = [f"{100 + i}.000" for i in range(5)]
        self.assertEqual(self.timecodes("EARLIEST"), all_times)
        self.assertEqual(self.timecodes("NOW"), all_times[4:])
        self.assertEqual(self.timecodes("FRAGMENT_NUMBER", AfterFragmentNumber=numbers[1]),
                         all_times[2:])
        self.assertEqual(self.timecodes("FRAGMENT_NUMBER", AfterFragmentNumber=numbers[4]), [])
        self.assertEqual(self.timecodes("CONTINUATION_TOKEN", ContinuationToken=numbers[2]),
                         all_times[3:])
        for at, first in ((0, 0), (100, 0), (101, 1), (102, 2), (104, 4), (105, 5)):
            self.assertEqual(self.timecodes("PRODUCER_TIMESTAMP", StartTimestamp=at),
                             all_times[first:], at)
        self.assertEqual(self.timecodes("SERVER_TIMESTAMP", StartTimestamp=int(time.time()) - 60),
                         all_times)
        self.assertEqual(self.timecodes("SERVER_TIMESTAMP", StartTimestamp=time.time() + 60), [])

    def test_fractions_of_seconds(self):
        self.fill(3)
        for at, want in ((100.2, 3), (101.3, 2), (102.1, 1)):
            body = json.dumps({"StreamName": self.stream, "StartSelector": {
                "StartSelectorType": "PRODUCER_TIMESTAMP", "StartTimestamp": at}}).encode()
            status, _, answer = self.post("/getMedia", body)
            self.assertEqual(status, 200)
            self.assertEqual(len(mkv.chunks(answer)), want)

    def test_missing_fragment(self):
        self.fill(1)
        for selector in ({"StartSelectorType": "FRAGMENT_NUMBER", "AfterFragmentNumber": "1"},
                         {"StartSelectorType": "CONTINUATION_TOKEN", "ContinuationToken": "x"}):
            data = self.media.get_media(StreamName=self.stream,
                                        StartSelector=selector)["Payload"].read()
            chunk = mkv.chunks(data)[0]
            self.assertEqual(chunk["clusters"], [])
            self.assertEqual(chunk["tags"]["AWS_KINESISVIDEO_ERROR_ID"], "4000")

    def test_unknown_stream(self):
        self.refused("ResourceNotFoundException", 404, self.media.get_media, StreamName="nowhere",
                     StartSelector={"StartSelectorType": "NOW"})

    def test_live(self):
        connection = self.put().accepted()
        connection.send(mkv.header() + mkv.cluster(0))
        payload = self.media.get_media(StreamName=self.stream, StartSelector={
            "StartSelectorType": "NOW"})["Payload"]
        got = []
        reader = threading.Thread(target=lambda: got.append(payload.read()))
        reader.start()
        for i in range(1, 8):
            time.sleep(0.5)
            connection.send(mkv.cluster(1000 * i))
        connection.end()
        connection.acks()
        reader.join()
        self.assertEqual([c["tags"]["AWS_KINESISVIDEO_PRODUCER_TIMESTAMP"]
                          for c in mkv.chunks(got[0])], [f"{i}.000" for i in range(8)])

    def test_first_fragment_comes_at_once(self):
        connection = self.put().accepted()
        connection.send(mkv.header() + mkv.cluster(0))
        payload = self.media.get_media(StreamName=self.stream, StartSelector={
            "StartSelectorType": "EARLIEST"})["Payload"]
        connection.send(mkv.END_OF_FRAGMENT)
        began = time.monotonic()
        self.assertEqual(payload.read(4), b"\x1a\x45\xdf\xa3")
        self.assertLess(time.monotonic() - began, 0.9 * kvslocal.SLOWNESS)

    def test_overlapping_producers(self):
        first, second = self.put().accepted(), self.put().accepted()
        first.send(mkv.header() + mkv.cluster(0))
        second.send(mkv.header() + mkv.cluster(1000) + mkv.cluster(2000))
        second.until("PERSISTED")
        first.end()
        first.acks()
        second.end()
        second.acks()
        self.assertEqual(sorted(self.timecodes()), ["0.000", "1.000", "2.000"])

    def test_connection_limit(self):
        connection = self.put().accepted()
        connection.send(mkv.header() + mkv.cluster(0))
        start = {"StartSelectorType": "EARLIEST"}
        open_ones = [self.media.get_media(StreamName=self.stream, StartSelector=start)
                     for _ in range(3)]
        self.refused("ConnectionLimitExceededException", 400, self.media.get_media,
                     StreamName=self.stream, StartSelector=start)
        for one in open_ones:
            one["Payload"].read()
        # The place of a reader is free a moment after it has seen the end.
        wait_for(lambda: self.can_read(start))

    def can_read(self, start):
        try:
            self.media.get_media(StreamName=self.stream, StartSelector=start)["Payload"].read()
        except self.media.exceptions.ConnectionLimitExceededException:
            return False
        return True

    def test_slow_reader(self):
        """More than socket buffers hold: the rest waits in files, and comes complete."""
        block = mkv.simple_block(0, os.urandom(4 << 20))
        body = mkv.header() + b"".join(mkv.cluster(1000 * i, block) for i in range(8))
        self.put().send_all(body)
        payload = self.media.get_media(StreamName=self.stream, StartSelector={
            "StartSelectorType": "EARLIEST"})["Payload"]
        data = payload.read(100000)
        time.sleep(1.5)
        data += payload.read()
        self.assertEqual([c["clusters"] for c in mkv.chunks(data)],
                         [[mkv.cluster(1000 * i, block)] for i in range(8)])

    def test_reader_that_goes_away(self):
        block = mkv.simple_block(0, os.urandom(4 << 20))
        self.put().send_all(mkv.header() + b"".join(mkv.cluster(1000 * i, block) for i in range(4)))
        for _ in range(5):
            payload = self.media.get_media(StreamName=self.stream, StartSelector={
                "StartSelectorType": "EARLIEST"})["Payload"]
            payload.read(10000)
            payload.close()
            time.sleep(0.1)
        wait_for(self.all_can_be_read)

    def all_can_be_read(self):
        try:
            return len(self.chunks()) == 4
        except botocore.exceptions.ClientError:
            return False

    def test_deleted_while_read(self):
        self.fill(1)
        payload = self.media.get_media(StreamName=self.stream, StartSelector={
            "StartSelectorType": "EARLIEST"})["Payload"]
        payload.read(10)
        self.control.delete_stream(StreamARN=self.arn)
        payload.read()

    def test_expired_fragments(self):
        """A decrease of the retention takes effect at once (section 4)."""
        info = self.control.describe_stream(StreamName=self.stream)["StreamInfo"]
        self.fill(3)
        folder = os.path.join(self.kvs.data, "media", f"{self.stream}-{self.arn.split('/')[-1]}")
        self.assertEqual(len(os.listdir(folder)), 3)
        index = sqlite3.connect(os.path.join(self.kvs.data, "kvs-local.sqlite"))
        with index:
            index.execute("UPDATE fragments SET server_ms = server_ms - 5400000 WHERE stream_id ="
                          " (SELECT id FROM streams WHERE name = ?)"
                          " AND producer_ms < 102000", [self.stream])
        index.close()
        self.assertEqual(len(self.chunks()), 3)
        self.control.update_data_retention(
            StreamName=self.stream, CurrentVersion=info["Version"],
            Operation="DECREASE_DATA_RETENTION", DataRetentionChangeInHours=1)
        self.assertEqual(self.timecodes(), ["102.000"])
        self.assertEqual(len(os.listdir(folder)), 1)


class HostBuffer(Case):
    RETENTION = 0
    ARGS = ["--get-media-empty-seconds", "1"]

    def test_size(self):
        """Section 4: 200 MB are kept of a stream without retention."""
        mebibyte = mkv.simple_block(0, b"\0" * (1 << 20))
        connection = self.put().accepted()
        connection.send(mkv.header())
        for i in range(6):
            connection.send(mkv.cluster(1000 * i, b""))
            for _ in range(40):
                connection.send(mebibyte)
        connection.end()
        connection.acks()
        payload = self.media.get_media(StreamName=self.stream, StartSelector={
            "StartSelectorType": "EARLIEST"})["Payload"]
        self.assertIn(b"2.000", payload.read(1000))
        payload.close()
        folder = os.path.join(self.kvs.data, "media", f"{self.stream}-{self.arn.split('/')[-1]}")
        sizes = [os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder)]
        self.assertEqual(len(sizes), 4)
        self.assertLessEqual(sum(sizes), 200000000)


if __name__ == "__main__":
    unittest.main()
