# SPDX-License-Identifier: LGPL-2.1-or-later
"""kvs-local: ListFragments and GetMediaForFragmentList."""

import json
import os
import re
import sqlite3
import tempfile
import threading
import time
import unittest

import media
import mkvwriter as mkv
import support
from kvs_archive_case import ArchiveCase, require_kvs_local, unknown_members
from kvslocal_case import events, wait_for

setUpModule = require_kvs_local

FRAGMENT = {"FragmentNumber", "FragmentSizeInBytes", "ProducerTimestamp", "ServerTimestamp",
            "FragmentLengthInMilliseconds"}


class ListFragments(ArchiveCase):
    def numbers(self, selector, start, end, **members):
        return [fragment["FragmentNumber"]
                for fragment in self.list_fragments(selector, start, end, **members)["Fragments"]]

    def test_answer(self):
        began = time.time()
        numbers = self.fill(3)
        answer = self.list_fragments("PRODUCER_TIMESTAMP", 0, 1000)
        self.assertNotIn("NextToken", answer)
        self.assertEqual([f["FragmentNumber"] for f in answer["Fragments"]], numbers)
        folder = os.path.join(self.kvs.data, "media", f"{self.stream}-{self.arn.split('/')[-1]}")
        for i, fragment in enumerate(answer["Fragments"]):
            self.assertEqual(set(fragment), FRAGMENT)
            self.assertEqual(fragment["ProducerTimestamp"].timestamp(), 100 + i)
            self.assertAlmostEqual(fragment["ServerTimestamp"].timestamp(), began, delta=60)
            self.assertEqual(fragment["FragmentLengthInMilliseconds"], 1000)
            self.assertEqual(fragment["FragmentSizeInBytes"], os.path.getsize(
                os.path.join(folder, fragment["FragmentNumber"] + ".mkv")))

    def test_times_are_written_as_milliseconds(self):
        """Decimals, which not all clients read as binary numbers"""
        self.put_all(mkv.header() + b"".join(
            mkv.cluster(1700000000840 + i, mkv.simple_block(0)) for i in range(9)))
        range_ = {"StartTimestamp": 1700000000, "EndTimestamp": 1700000001}
        body = json.dumps({"StreamName": self.stream, "FragmentSelector": {
            "FragmentSelectorType": "PRODUCER_TIMESTAMP", "TimestampRange": range_}})
        listed = self.post("/listFragments", body.encode())[2].decode()
        self.assertEqual(re.findall(r'"ProducerTimestamp":([^,}]+)', listed),
                         [f"1700000000.84{i}" for i in range(9)])
        described = self.post("/describeStream", b'{"StreamName":"%s"}' % self.stream.encode())[2]
        self.assertRegex(described.decode(), r'"CreationTime":[0-9]+\.[0-9]{3}[,}]')

    def test_the_model_knows_all_members(self):
        self.fill(3)
        status, headers, body = self.post("/listFragments", json.dumps({
            "StreamName": self.stream, "MaxResults": 2, "FragmentSelector": {
                "FragmentSelectorType": "PRODUCER_TIMESTAMP",
                "TimestampRange": {"StartTimestamp": 0, "EndTimestamp": 200}}}).encode())
        self.assertEqual((status, headers["content-type"]), (200, "application/json"))
        self.assertEqual(unknown_members(self.archive, "ListFragments", json.loads(body)), [])

    def test_both_ends_are_inclusive(self):
        """A range goes by the beginning of fragments (section 11)."""
        numbers = self.fill(5)
        for start, end, want in ((101, 103, numbers[1:4]), (100, 100, numbers[:1]),
                                 (100.5, 101.5, numbers[1:2]), (103.001, 200, numbers[4:]),
                                 (0, 99.999, []), (104.001, 200, [])):
            self.assertEqual(self.numbers("PRODUCER_TIMESTAMP", start, end), want, (start, end))

    def test_server_time(self):
        connection = self.put().accepted()
        connection.send(mkv.header())
        for i in range(4):
            connection.send(mkv.cluster(1000 * i))
            time.sleep(0.05)
        connection.end()
        numbers = [ack["FragmentNumber"] for ack in connection.acks()
                   if ack["EventType"] == "PERSISTED"]
        listed = self.list_fragments("SERVER_TIMESTAMP", time.time() - 60, time.time() + 60)
        self.assertEqual([f["FragmentNumber"] for f in listed["Fragments"]], numbers)
        times = [f["ServerTimestamp"].timestamp() for f in listed["Fragments"]]
        self.assertEqual(times, sorted(set(times)))
        self.assertEqual(self.numbers("SERVER_TIMESTAMP", times[1], times[2]), numbers[1:3])
        self.assertEqual(self.numbers("SERVER_TIMESTAMP", times[1] + 0.001, times[2]), numbers[2:3])

    def test_pages(self):
        numbers = self.fill(7)
        got, sizes, token = [], [], {}
        while token is not None:
            members = {"FragmentSelector": self.selector("PRODUCER_TIMESTAMP", 0, 1000)}
            if token:
                members = {"NextToken": token}
            answer = self.archive.list_fragments(StreamName=self.stream, MaxResults=3, **members)
            got += [f["FragmentNumber"] for f in answer["Fragments"]]
            sizes.append(len(answer["Fragments"]))
            token = answer.get("NextToken")
        self.assertEqual((got, sizes), (numbers, [3, 3, 1]))

    def test_paginator(self):
        """botocore sends the selector again with each token."""
        numbers = self.fill(6)
        pages = self.archive.get_paginator("list_fragments").paginate(
            StreamName=self.stream, FragmentSelector=self.selector("PRODUCER_TIMESTAMP", 101, 104),
            PaginationConfig={"PageSize": 2})
        self.assertEqual([[f["FragmentNumber"] for f in page["Fragments"]] for page in pages],
                         [numbers[1:3], numbers[3:5]])

    def test_pages_of_equal_times(self):
        """Fragments of the same producer's time are all listed, and once each."""
        numbers = [self.fill(1)[0] for _ in range(5)]
        pages = self.archive.get_paginator("list_fragments").paginate(
            StreamName=self.stream, FragmentSelector=self.selector("PRODUCER_TIMESTAMP", 100, 100),
            PaginationConfig={"PageSize": 2})
        self.assertEqual([f["FragmentNumber"] for page in pages for f in page["Fragments"]], numbers)

    def test_fragments_that_come_between_pages(self):
        numbers = self.fill(4)
        first = self.list_fragments("PRODUCER_TIMESTAMP", 0, 1000, MaxResults=2)
        later = self.fill(2, start="200")
        second = self.archive.list_fragments(StreamName=self.stream, NextToken=first["NextToken"])
        self.assertEqual([f["FragmentNumber"] for f in first["Fragments"] + second["Fragments"]],
                         numbers + later)

    def test_hundred_is_the_default(self):
        self.fill(103)
        answer = self.list_fragments("PRODUCER_TIMESTAMP", 0, 1000)
        self.assertEqual(len(answer["Fragments"]), 100)
        self.assertIn("NextToken", answer)
        answer = self.list_fragments("PRODUCER_TIMESTAMP", 0, 1000, MaxResults=1000)
        self.assertEqual(len(answer["Fragments"]), 103)
        self.assertNotIn("NextToken", answer)

    def test_by_arn(self):
        numbers = self.fill(2)
        answer = self.archive.list_fragments(
            StreamARN=self.arn, FragmentSelector=self.selector("PRODUCER_TIMESTAMP", 0, 1000))
        self.assertEqual([f["FragmentNumber"] for f in answer["Fragments"]], numbers)

    def test_empty_stream(self):
        answer = self.list_fragments("SERVER_TIMESTAMP", 0, time.time())
        self.assertEqual(answer["Fragments"], [])
        self.assertNotIn("NextToken", answer)

    def test_unknown_stream(self):
        self.refused("ResourceNotFoundException", 404, self.archive.list_fragments,
                     StreamName="nowhere", FragmentSelector=self.selector("SERVER_TIMESTAMP", 0, 1))

    def test_invalid_arguments(self):
        good = self.selector("SERVER_TIMESTAMP", 0, 1)
        range_ = good["TimestampRange"]
        for members in (
                {},
                {"FragmentSelector": None},
                {"FragmentSelector": []},
                {"FragmentSelector": {}},
                {"FragmentSelector": {"FragmentSelectorType": "SERVER_TIMESTAMP"}},
                {"FragmentSelector": {"TimestampRange": range_}},
                {"FragmentSelector": {"FragmentSelectorType": "NOW", "TimestampRange": range_}},
                {"FragmentSelector": {"FragmentSelectorType": 1, "TimestampRange": range_}},
                {"FragmentSelector": {**good, "TimestampRange": {"StartTimestamp": 0}}},
                {"FragmentSelector": {**good, "TimestampRange": {"EndTimestamp": 0}}},
                {"FragmentSelector": {**good, "TimestampRange": {
                    "StartTimestamp": 2, "EndTimestamp": 1}}},
                {"FragmentSelector": {**good, "TimestampRange": {
                    "StartTimestamp": "1", "EndTimestamp": 2}}},
                {"FragmentSelector": {**good, "TimestampRange": {
                    "StartTimestamp": -1, "EndTimestamp": 2}}},
                {"FragmentSelector": good, "MaxResults": 0},
                {"FragmentSelector": good, "MaxResults": 1001},
                {"FragmentSelector": good, "MaxResults": "5"},
                {"NextToken": ""},
                {"NextToken": "AAAA"},
                {"NextToken": "not a token"},
                {"NextToken": "A" * 4097},
                {"NextToken": 7},
                {"StreamARN": self.arn, "FragmentSelector": good}):
            self.refused_raw("/listFragments", members, "InvalidArgumentException")

    def test_token_of_another_stream(self):
        self.fill(3)
        token = self.list_fragments("PRODUCER_TIMESTAMP", 0, 1000, MaxResults=1)["NextToken"]
        other = self.stream + "-other"
        self.control.create_stream(StreamName=other, DataRetentionInHours=1)
        self.refused("InvalidArgumentException", 400, self.archive.list_fragments,
                     StreamName=other, NextToken=token)

    def test_deleted_stream(self):
        numbers = self.fill(3)
        self.assertEqual(self.numbers("PRODUCER_TIMESTAMP", 0, 1000), numbers)
        self.control.delete_stream(StreamARN=self.arn)
        self.refused("ResourceNotFoundException", 404, self.list_fragments,
                     selector="PRODUCER_TIMESTAMP", start=0, end=1000)


class FragmentList(ArchiveCase):
    def get(self, fragments, **members):
        return self.archive.get_media_for_fragment_list(
            **{"StreamName": self.stream, **members}, Fragments=fragments)

    def test_layout(self):
        """The chunks of GetMedia without what it says about the position at their ends."""
        numbers = self.fill(3)
        answer = self.get(numbers)
        self.assertEqual(answer["ContentType"], "video/webm")
        data = answer["Payload"].read()
        for i, (_, content, _, _) in enumerate(mkv.parse(data)[1::2]):
            self.assertEqual([item[0] for item in content],
                             [mkv.INFO, mkv.TRACKS, mkv.TAGS, mkv.CLUSTER])
            pairs = mkv.tag_pairs(content[2][1])
            self.assertEqual([name for name, _ in pairs], [
                "AWS_KINESISVIDEO_FRAGMENT_NUMBER", "AWS_KINESISVIDEO_SERVER_TIMESTAMP",
                "AWS_KINESISVIDEO_PRODUCER_TIMESTAMP"])
            self.assertEqual(pairs[0][1], numbers[i])
            self.assertEqual(pairs[2][1], f"{100 + i}.000")
        of_get_media = mkv.chunks(self.kvs.get_media(self.stream))
        self.assertEqual([c["clusters"] for c in mkv.chunks(data)],
                         [c["clusters"] for c in of_get_media])

    def test_order_is_that_of_the_request(self):
        numbers = self.fill(4)
        wanted = [numbers[2], numbers[0], numbers[3], numbers[0]]
        data = self.get(wanted)["Payload"].read()
        self.assertEqual([c["tags"]["AWS_KINESISVIDEO_FRAGMENT_NUMBER"] for c in mkv.chunks(data)],
                         wanted)

    def test_tags_of_the_producer(self):
        acks = self.put().send_all(mkv.header() + mkv.cluster(0) + mkv.tags(("name", "value"))
                                   + mkv.cluster(1000))
        numbers = [ack["FragmentNumber"] for ack in acks if ack["EventType"] == "PERSISTED"]
        chunks = mkv.chunks(self.get(numbers)["Payload"].read())
        self.assertEqual([chunk["tags"].get("name") for chunk in chunks], [None, "value"])

    def test_thousand(self):
        numbers = self.fill(4)
        wanted = numbers * 250
        data = self.get(wanted)["Payload"].read()
        self.assertEqual([c["tags"]["AWS_KINESISVIDEO_FRAGMENT_NUMBER"] for c in mkv.chunks(data)],
                         wanted)

    def test_kvssink(self):
        """What kvssink has put comes back by list: each file plays by itself, and all frames are
        there."""
        support.require_elements("x264enc")
        with tempfile.TemporaryDirectory() as folder:
            source = media.make_clip(os.path.join(folder, "source.mkv"), 150, (160, 120))
            child = support.pipeline(
                f"filesrc location={source} ! matroskademux ! h264parse ! kvssink "
                f"stream-name={self.stream} streaming-type=offline file-start-time=1000",
                env=self.kvs.env)
            self.assertEqual(child.wait(60), 0, child.output)
            listed = self.list_fragments("PRODUCER_TIMESTAMP", 1000, 1002)["Fragments"]
            self.assertEqual([f["ProducerTimestamp"].timestamp() for f in listed], [1000, 1002])
            self.assertEqual([f["FragmentLengthInMilliseconds"] for f in listed], [2000, 2000])
            data = self.get([f["FragmentNumber"] for f in listed])["Payload"].read()
            got = [media.Fragment(file, folder, i) for i, file in enumerate(media.split_files(data))]
            self.assertEqual([digest for fragment in got for digest in fragment.hashes],
                             media.packet_hashes(source)[:120])

    def test_unknown_fragments(self):
        """Nothing is given if one is unknown; the text is the service's (section 5)."""
        numbers = self.fill(2)
        for wanted in (["1"], numbers + ["9" * 47], ["9" * 128]):
            message = self.refused("InvalidArgumentException", 400, self.get, fragments=wanted)
            self.assertIn("Fragment numbers are invalid", message)

    def test_fragment_of_another_stream(self):
        numbers = self.fill(1)
        other = self.stream + "-other"
        self.control.create_stream(StreamName=other, DataRetentionInHours=1)
        self.refused("InvalidArgumentException", 400, self.get, fragments=numbers, StreamName=other)

    def test_invalid_arguments(self):
        number = self.fill(1)[0]
        for fragments in (None, [], {}, number, [number] * 1001, [int(number)], [""], ["12a"],
                          ["1" * 129], [None], ["1' OR '1'='1"]):
            self.refused_raw("/getMediaForFragmentList", {"Fragments": fragments},
                             "InvalidArgumentException")

    def test_unknown_stream(self):
        self.refused("ResourceNotFoundException", 404, self.get, fragments=["1"],
                     StreamName="nowhere")

    def test_connection_limit(self):
        block = mkv.simple_block(0, os.urandom(8 << 20))
        acks = self.put().send_all(mkv.header() + mkv.cluster(0, block))
        numbers = [ack["FragmentNumber"] for ack in acks if ack["EventType"] == "PERSISTED"]
        payloads = [self.get(numbers * 4)["Payload"] for _ in range(5)]
        self.refused("ClientLimitExceededException", 400, self.get, fragments=numbers)
        for payload in payloads:
            self.assertEqual(len(mkv.chunks(payload.read())), 4)
        wait_for(lambda: self.can_read(numbers))

    def can_read(self, numbers):
        try:
            return len(mkv.chunks(self.get(numbers)["Payload"].read())) == 1
        except self.archive.exceptions.ClientLimitExceededException:
            return False

    def test_fragment_that_goes_away(self):
        """What was there at the request's time and is not any more is said within the body."""
        block = mkv.simple_block(0, os.urandom(16 << 20))
        acks = self.put().send_all(mkv.header() + mkv.cluster(0, block) + mkv.cluster(1000))
        numbers = [ack["FragmentNumber"] for ack in acks if ack["EventType"] == "PERSISTED"]
        folder = os.path.join(self.kvs.data, "media", f"{self.stream}-{self.arn.split('/')[-1]}")
        payload = self.get([numbers[0], numbers[1]])["Payload"]
        data = payload.read(1000)
        os.unlink(os.path.join(folder, numbers[1] + ".mkv"))
        first, last = mkv.chunks(data + payload.read())
        self.assertEqual(first["clusters"], [mkv.cluster(0, block)])
        self.assertEqual(last["clusters"], [])
        self.assertEqual(last["tags"]["AWS_KINESISVIDEO_FRAGMENT_NUMBER"], numbers[1])
        self.assertEqual(last["tags"]["AWS_KINESISVIDEO_EXCEPTION_ERROR_CODE"], "4000")
        self.assertTrue(last["tags"]["AWS_KINESISVIDEO_EXCEPTION_MESSAGE"])

    def test_deleted_while_read(self):
        block = mkv.simple_block(0, os.urandom(16 << 20))
        acks = self.put().send_all(mkv.header() + mkv.cluster(0, block))
        numbers = [ack["FragmentNumber"] for ack in acks if ack["EventType"] == "PERSISTED"]
        payload = self.get(numbers)["Payload"]
        payload.read(10)
        self.control.delete_stream(StreamARN=self.arn)
        payload.read()


class WithoutRetention(ArchiveCase):
    """Nothing of a stream without retention is persisted (section 11)."""

    RETENTION = 0

    def test_nothing_is_archived(self):
        acks = self.put().send_all(mkv.header() + mkv.cluster(0))
        self.assertNotIn("PERSISTED 0", events(acks))
        self.assertEqual(self.list_fragments("PRODUCER_TIMESTAMP", 0, 1000)["Fragments"], [])
        self.refused("InvalidArgumentException", 400, self.archive.get_media_for_fragment_list,
                     StreamName=self.stream, Fragments=[acks[0]["FragmentNumber"]])
        self.assertEqual(len(self.chunks()), 1)


class Creating(ArchiveCase):
    """Operations on media know no stream that is not ACTIVE (section 4)."""

    ARGS = ["--creating-seconds", "3600"]

    def test_refused(self):
        for path, members in (
                ("/listFragments", {"FragmentSelector": self.selector("SERVER_TIMESTAMP", 0, 1)}),
                ("/getMediaForFragmentList", {"Fragments": ["1"]}),
                ("/getMedia", {"StartSelector": {"StartSelectorType": "NOW"}}),
                ("/getClip", {}), ("/getImages", {})):
            self.refused_raw(path, members, "ResourceNotFoundException", 404)


class Tailing(ArchiveCase):
    """Readers that begin in the archive or with live media get each fragment once, in order."""

    ARGS = ["--get-media-empty-seconds", "2"]
    FRAGMENTS = 60

    def read_all(self, selector, **members):
        payload = self.media.get_media(StreamName=self.stream, StartSelector={
            "StartSelectorType": selector, **members})["Payload"]
        got = []
        thread = threading.Thread(target=lambda: got.append(payload.read()))
        thread.start()
        return thread, got

    def produce(self, connection, first, last, pause):
        for i in range(first, last):
            connection.send(mkv.cluster(1000 * i, mkv.simple_block(0, os.urandom(30000))))
            time.sleep(pause)

    def check(self, reader, first):
        thread, got = reader
        thread.join()
        times = [chunk["tags"]["AWS_KINESISVIDEO_PRODUCER_TIMESTAMP"]
                 for chunk in mkv.chunks(got[0])]
        self.assertEqual(times, [f"{i}.000" for i in range(first, self.FRAGMENTS)])

    def test_archive_to_live(self):
        connection = self.put().accepted()
        connection.send(mkv.header())
        self.produce(connection, 0, 10, 0)
        for _ in range(9):
            connection.until("PERSISTED")
        readers = [(self.read_all("EARLIEST"), 0), (self.read_all("NOW"), 8),
                   (self.read_all("PRODUCER_TIMESTAMP", StartTimestamp=3), 3)]
        self.produce(connection, 10, self.FRAGMENTS, 0.02)
        connection.end()
        connection.acks()
        for reader, first in readers:
            self.check(reader, first)

    def test_slow_reader_catches_up(self):
        """What a reader has not taken yet waits in the archive."""
        connection = self.put().accepted()
        connection.send(mkv.header())
        big = mkv.simple_block(0, os.urandom(1 << 20))
        payload = None
        for i in range(self.FRAGMENTS):
            connection.send(mkv.cluster(1000 * i, big))
            if i == 2:
                connection.until("PERSISTED")
                payload = self.media.get_media(StreamName=self.stream, StartSelector={
                    "StartSelectorType": "EARLIEST"})["Payload"]
                data = payload.read(1000)
        connection.end()
        connection.acks()
        chunks = mkv.chunks(data + payload.read())
        self.assertEqual([c["tags"]["AWS_KINESISVIDEO_PRODUCER_TIMESTAMP"] for c in chunks],
                         [f"{i}.000" for i in range(self.FRAGMENTS)])
        self.assertEqual({c["clusters"][0][-(1 << 20):] for c in chunks}, {big[-(1 << 20):]})
        behind = [int(c["tags"]["AWS_KINESISVIDEO_MILLIS_BEHIND_NOW"]) for c in chunks]
        self.assertGreaterEqual(min(behind), 0)

    def test_millis_behind_now(self):
        """How long ago the service got the fragment."""
        numbers = self.fill(2)
        index = sqlite3.connect(os.path.join(self.kvs.data, "kvs-local.sqlite"))
        with index:
            index.execute("UPDATE fragments SET server_ms = server_ms - 3600000 WHERE number = ?",
                          [numbers[0]])
        index.close()
        old, new = [int(chunk["tags"]["AWS_KINESISVIDEO_MILLIS_BEHIND_NOW"])
                    for chunk in mkv.chunks(self.kvs.get_media(self.stream))]
        self.assertAlmostEqual(old, 3600000, delta=60000)
        self.assertLess(new, 60000)

    def test_continuation_tokens(self):
        """Calls that go on from each other's tokens leave nothing out and give nothing twice."""
        connection = self.put().accepted()
        connection.send(mkv.header())
        producer = threading.Thread(target=self.produce,
                                    args=(connection, 0, self.FRAGMENTS, 0.03))
        producer.start()
        times, start = [], {"StartSelectorType": "EARLIEST"}
        while len(times) < self.FRAGMENTS:
            payload = self.media.get_media(StreamName=self.stream, StartSelector=start)["Payload"]
            data = payload.read(200000)
            payload.close()
            if len(times) == self.FRAGMENTS - 1 or not producer.is_alive():
                connection.send(mkv.END_OF_FRAGMENT)
            for chunk in mkv.chunks(self.whole(data)):
                times.append(chunk["tags"]["AWS_KINESISVIDEO_PRODUCER_TIMESTAMP"])
                start = {"StartSelectorType": "CONTINUATION_TOKEN", "ContinuationToken":
                         chunk["tags"]["AWS_KINESISVIDEO_CONTINUATION_TOKEN"]}
        producer.join()
        connection.end()
        self.assertEqual(times, [f"{i}.000" for i in range(self.FRAGMENTS)])

    @staticmethod
    def whole(data):
        """The chunks of a body that came to their ends."""
        end = data.rfind(b"AWS_KINESISVIDEO_CONTINUATION_TOKEN")
        if end < 0:
            return b""
        at = data.find(b"\x1a\x45\xdf\xa3", end)
        if at >= 0:
            return data[:at]
        value = data.find(b"\x44\x87\xaf", end)
        if value >= 0 and len(data) >= value + 3 + 47:
            return data[:value + 3 + 47]
        before = data.rfind(b"\x1a\x45\xdf\xa3", 0, end)
        return data[:before]


if __name__ == "__main__":
    unittest.main()
