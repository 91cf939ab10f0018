# SPDX-License-Identifier: LGPL-2.1-or-later
"""kvs-local: PutMedia, its acks and the rules of ingest."""

import socket
import threading
import time
import unittest

import mkvwriter as mkv
from kvslocal import HttpError
from kvslocal_case import Case, events, persisted, require_kvs_local, wait_for

ONE_YEAR_MS = 366 * 24 * 3600 * 1000


def setUpModule():
    require_kvs_local()


class PutMediaHeaders(Case):
    def refuse(self, code, status, **options):
        with self.assertRaises(HttpError) as caught:
            self.put(**options).accepted()
        self.assertEqual((caught.exception.status, caught.exception.code), (status, code))
        self.assertRegex(caught.exception.headers["x-amzn-requestid"], "^[0-9a-f-]{36}$")
        self.assertIn("x-amz-errortype", caught.exception.headers)
        self.assertTrue(caught.exception.message)

    def test_refused(self):
        for headers in ({"x-amzn-stream-name": None}, {"x-amzn-stream-arn": self.arn},
                        {"x-amzn-stream-name": "a b"}, {"x-amzn-stream-name": "a" * 257},
                        {"x-amzn-fragment-timecode-type": None},
                        {"x-amzn-fragment-timecode-type": "absolute"},
                        {"x-amzn-producer-start-timestamp": "-1"},
                        {"x-amzn-producer-start-timestamp": "1e3"},
                        {"x-amzn-producer-start-timestamp": "x"},
                        {"x-amzn-producer-start-timestamp": "1.2.3"},
                        {"x-amzn-producer-start-timestamp": "999999999999"}):
            with self.subTest(headers=headers):
                self.refuse("InvalidArgumentException", 400, headers=headers)
        self.refuse("ResourceNotFoundException", 404, headers={"x-amzn-stream-name": "nowhere"})

    def test_refused_at_once_while_body_is_open(self):
        with self.assertRaises(HttpError):
            connection = self.put(headers={"x-amzn-stream-name": "nowhere",
                                           "Expect": "100-continue"})
            connection.accepted()
        self.assertEqual(connection.continued, 0)

    def test_arn_and_lengths(self):
        self.put(headers={"x-amzn-stream-name": None, "x-amzn-stream-arn": self.arn}).accepted()
        body = mkv.header() + mkv.cluster(0)
        self.assertEqual(events(self.put(length=len(body)).send_all(body)), persisted(0))
        self.assertEqual(events(self.put(length=0).send_all(b"")), [])
        self.assertEqual(events(self.put().send_all(b"")), [])

    def test_timestamps(self):
        for text, want in (("1704164645.5", "1704164645.500"), ("0", "0.000"), ("7.", "7.000"),
                           (".25", "0.250"), (None, "0.000")):
            name = f"t{text}"
            self.control.create_stream(StreamName=name, DataRetentionInHours=1)
            with self.kvs.put_media(name, timecodes="RELATIVE", start=text) as connection:
                connection.send_all(mkv.header() + mkv.cluster(0))
            chunk = mkv.chunks(self.kvs.get_media(name))[0]
            self.assertEqual(chunk["tags"]["AWS_KINESISVIDEO_PRODUCER_TIMESTAMP"], want)

    def test_connection_limit(self):
        first, second = self.put().accepted(), self.put().accepted()
        self.refuse("ConnectionLimitExceededException", 400)
        self.assertEqual(self.finish(first, mkv.header() + mkv.cluster(0)), persisted(0))
        third = self.put().accepted()
        self.assertEqual(self.finish(second, mkv.header() + mkv.cluster(0)), persisted(0))
        self.assertEqual(self.finish(third, mkv.header() + mkv.cluster(0)), persisted(0))

    def finish(self, connection, body):
        connection.send(body)
        connection.end()
        return events(connection.acks())


class PutMediaAcks(Case):
    def test_full_duplex(self):
        connection = self.put().accepted()
        connection.send(mkv.header() + mkv.cluster(1000, []))
        first = connection.ack()
        self.assertEqual(events([first]), ["BUFFERING 1000"])
        self.assertRegex(first["FragmentNumber"], "^[0-9]{47}$")
        connection.send(mkv.simple_block(0))
        connection.send(mkv.cluster(2000, [0]))
        acks = [connection.ack() for _ in range(3)]
        self.assertEqual(events(acks), ["RECEIVED 1000", "PERSISTED 1000", "BUFFERING 2000"])
        self.assertEqual(acks[0]["FragmentNumber"], first["FragmentNumber"])
        self.assertGreater(acks[2]["FragmentNumber"], first["FragmentNumber"])
        connection.end()
        self.assertEqual(events(connection.acks()), ["RECEIVED 2000", "PERSISTED 2000"])
        self.assertIn(b'{"EventType":"BUFFERING","FragmentTimecode":1000,"FragmentNumber":"',
                      connection.chunks[0])

    def test_fragment_numbers(self):
        """Section 9: sequence in the upper bits, a thousand for each connection, then the time."""
        sequences = []
        for i in range(3):
            acks = self.put().send_all(mkv.header() + mkv.cluster(i * 2000) +
                                       mkv.cluster(i * 2000 + 1000))
            for ack in acks:
                if ack["EventType"] == "BUFFERING":
                    number = int(ack["FragmentNumber"])
                    self.assertEqual(number >> 156, 1)
                    sequences.append(number >> 92 & (1 << 64) - 1)
                    self.assertAlmostEqual((number >> 28 & (1 << 64) - 1) / 1000, time.time(),
                                           delta=60)
        self.assertEqual(sequences, [1, 2, 1001, 1002, 2001, 2002])

    def test_any_split(self):
        body = mkv.header() + mkv.tags(("a", "b")) + mkv.cluster(0) + mkv.cluster(1000, known=True)
        want = persisted(0) + persisted(1000)
        for i, split in enumerate((1, 2, 3, 7, None)):
            self.control.create_stream(StreamName=f"split-{i}", DataRetentionInHours=1)
            with self.kvs.put_media(f"split-{i}") as connection:
                self.assertEqual(events(connection.send_all(body, split)), want)

    def test_byte_by_byte_packets(self):
        connection = self.put().accepted()
        wire = connection.frame(mkv.header() + mkv.cluster(0)) + b"0\r\n\r\n"
        for byte in wire:
            connection.send_raw(bytes([byte]))
        self.assertEqual(events(connection.acks()), persisted(0))

    def test_body_with_the_head(self):
        connection = self.put(early=mkv.header() + mkv.cluster(0)).accepted()
        self.assertEqual(events([connection.ack()]), ["BUFFERING 0"])
        connection.end()
        self.assertEqual(events(connection.acks()), persisted(0)[1:])

    def test_continue(self):
        connection = self.put(headers={"Expect": "100-continue"})
        self.assertEqual(connection.head(), (100, {}))
        self.assertEqual(connection.head()[0], 200)
        connection.send(mkv.header() + mkv.cluster(0))
        connection.end()
        self.assertEqual(events(connection.acks()), persisted(0))

    def test_end_of_fragment_tag(self):
        connection = self.put().accepted()
        for timecode in (0, 1000):
            connection.send((mkv.header() if timecode == 0 else b"") + mkv.cluster(timecode)
                            + mkv.END_OF_FRAGMENT)
            self.assertEqual(events(connection.ack() for _ in range(3)), persisted(timecode))
        connection.end()
        self.assertEqual(connection.acks(), [])
        for chunk in self.chunks():
            self.assertNotIn("AWS_KINESISVIDEO_END_OF_FRAGMENT", chunk["tags"])

    def test_known_size_waits_for_what_follows(self):
        connection = self.put().accepted()
        connection.send(mkv.header() + mkv.cluster(0, known=True))
        self.assertEqual(events([connection.ack()]), ["BUFFERING 0"])
        connection.send(mkv.element(mkv.VOID, b""))
        self.assertEqual(events([connection.ack(), connection.ack()]), persisted(0)[1:])

    def test_acks_turned_off(self):
        body = mkv.header() + mkv.cluster(1000) + mkv.cluster(0) + mkv.cluster(2000)
        self.assertEqual(self.put_all(body, acks="0"), ["ERROR 0 4004"])
        self.assertEqual(len(self.chunks()), 2)

    def test_acks_by_default(self):
        self.assertEqual(self.put_all(mkv.header() + mkv.cluster(0), acks=None), persisted(0))

    def test_without_retention(self):
        self.control.create_stream(StreamName="none")
        with self.kvs.put_media("none") as connection:
            self.assertEqual(events(connection.send_all(mkv.header() + mkv.cluster(0))),
                             ["BUFFERING 0", "RECEIVED 0"])
        self.assertEqual(len(mkv.chunks(self.kvs.get_media("none"))), 1)

    def test_half_closed(self):
        connection = self.put().accepted()
        connection.send(mkv.header() + mkv.cluster(0) + mkv.cluster(1000))
        connection.shut_down()
        self.assertEqual(events(connection.acks()),
                         persisted(0) + ["BUFFERING 1000", "ERROR 1000 4000"])
        self.assertEqual(len(self.chunks()), 1)

    def test_half_closed_after_known_size(self):
        connection = self.put().accepted()
        connection.send(mkv.header() + mkv.cluster(0, known=True))
        connection.shut_down()
        self.assertEqual(events(connection.acks()), persisted(0) + ["ERROR 4000"])

    def test_aborted(self):
        for pieces in ([], [mkv.header()], [mkv.header(), mkv.cluster(0)]):
            connection = self.put().accepted()
            for piece in pieces:
                connection.send(piece)
            if len(pieces) == 2:
                connection.until("BUFFERING")
            connection.abort()
        # places on the stream are free again, and nothing was stored
        wait_for(lambda: self.accepts(2))
        self.assertEqual(self.chunks(), [])

    def accepts(self, n):
        connections = [self.put() for _ in range(n)]
        try:
            for connection in connections:
                connection.accepted()
        except HttpError:
            return False
        finally:
            for connection in connections:
                connection.abort()
        return True

    def test_client_that_never_reads(self):
        connection = self.put().accepted()
        connection.sock.settimeout(0.5)
        try:
            connection.send(mkv.header())
            for i in range(2000):
                connection.send(mkv.cluster(1000 * i, [0]))
        except socket.timeout:
            pass
        connection.abort()
        self.put().accepted()

    def test_wrong_chunks(self):
        connection = self.put().accepted()
        connection.send(mkv.header() + mkv.cluster(0))
        connection.send_raw(b"zz\r\n")
        self.assertEqual(events(connection.acks()), ["BUFFERING 0", "ERROR 0 4000"])

    def test_short_content_length(self):
        body = mkv.header() + mkv.cluster(0)
        connection = self.put(length=len(body) + 1).accepted()
        connection.send(body)
        connection.shut_down()
        self.assertEqual(events(connection.acks()), ["BUFFERING 0", "ERROR 0 4000"])

    def test_deleted_meanwhile(self):
        connection = self.put().accepted()
        connection.send(mkv.header() + mkv.cluster(0))
        self.assertEqual(events([connection.ack()]), ["BUFFERING 0"])
        self.control.delete_stream(StreamARN=self.arn)
        self.assertEqual(events(connection.acks()), ["ERROR 0 4008"])

    def test_deleted_while_data_come(self):
        connection = self.put().accepted()
        connection.send(mkv.header() + mkv.cluster(0))
        connection.ack()
        self.control.delete_stream(StreamARN=self.arn)
        connection.send(mkv.cluster(1000))
        self.assertEqual(events(connection.acks()), ["ERROR 0 4008"])

    def test_error_reaches_client_that_keeps_sending(self):
        connection = self.put().accepted()
        connection.send(mkv.header() + b"\0" * 100)
        stop = threading.Event()

        def keep_sending():
            try:
                while not stop.is_set():
                    connection.send(b"\0" * 10000)
            except OSError:
                pass

        sender = threading.Thread(target=keep_sending)
        sender.start()
        try:
            self.assertEqual(events(connection.acks()), ["ERROR 4006"])
        finally:
            stop.set()
            sender.join()

    def test_many_connections(self):
        names = [f"many-{i}" for i in range(100)]
        for name in names:
            self.control.create_stream(StreamName=name, DataRetentionInHours=1)
        connections = [self.kvs.put_media(name).accepted() for name in names]
        for step in (mkv.header(), mkv.cluster(0), mkv.cluster(1000)):
            for connection in connections:
                connection.send(step)
        for connection in connections:
            connection.end()
        for connection in connections:
            self.assertEqual(events(connection.acks()), persisted(0) + persisted(1000))
            connection.close()


class Ingest(Case):
    ARGS = ["--max-fragment-bytes", "100000"]

    def test_too_large(self):
        body = (mkv.header() + mkv.cluster(0, mkv.simple_block(0, b"x" * 100000))
                + mkv.cluster(1000))
        self.assertEqual(self.put_all(body), ["BUFFERING 0", "ERROR 0 4001"] + persisted(1000))
        self.assertEqual(len(self.chunks()), 1)

    def test_largest(self):
        overhead = len(mkv.cluster(0, mkv.simple_block(0, b"x" * 90000))) - 90000
        block = mkv.simple_block(0, b"x" * (100000 - overhead))
        self.assertEqual(self.put_all(mkv.header() + mkv.cluster(0, block)), persisted(0))

    def test_too_long(self):
        body = mkv.header() + mkv.cluster(0, [0, 20000]) + mkv.cluster(30000, [0, 20001])
        self.assertEqual(self.put_all(body), persisted(0) + ["BUFFERING 30000", "ERROR 30000 4002"])

    def test_timecode_goes_back(self):
        body = mkv.header() + b"".join(mkv.cluster(t) for t in (1000, 1000, 500, 2000))
        self.assertEqual(self.put_all(body), persisted(1000) + [
            "BUFFERING 1000", "ERROR 1000 4004", "BUFFERING 500", "ERROR 500 4004"]
            + persisted(2000))

    def test_frames_go_back(self):
        body = mkv.header() + mkv.cluster(0, [0, 1500]) + mkv.cluster(1000, [0]) \
            + mkv.cluster(1500, [0]) + mkv.cluster(1501, [0]) + mkv.cluster(2000, [-499])
        self.assertEqual(self.put_all(body), persisted(0) + [
            "BUFFERING 1000", "ERROR 1000 4004", "BUFFERING 1500", "ERROR 1500 4004"]
            + persisted(1501) + ["BUFFERING 2000", "ERROR 2000 4004"])

    def test_leading_pictures(self):
        body = mkv.header() + mkv.cluster(0, [0, 1200]) + mkv.cluster(2000, [0, -100, 300])
        self.assertEqual(self.put_all(body), persisted(0) + persisted(2000))

    def test_next_call_may_go_back(self):
        for _ in range(2):
            self.assertEqual(self.put_all(mkv.header() + mkv.cluster(5000)), persisted(5000))

    def test_invalid_data(self):
        good = mkv.header() + mkv.cluster(0)
        buffering = ["BUFFERING 0"]
        for what, body, want in (
                ("garbage", b"garbage", ["ERROR 4006"]),
                ("HTTP", b"POST / HTTP/1.1\r\n\r\n", ["ERROR 4006"]),
                ("no EBML header", mkv.unknown(mkv.SEGMENT), ["ERROR 4006"]),
                ("other DocType", mkv.ebml("avi"), ["ERROR 4006"]),
                ("no DocType", mkv.element(mkv.EBML), ["ERROR 4006"]),
                ("second EBML header", good + mkv.ebml(), persisted(0) + ["ERROR 4006"]),
                ("two EBML headers", mkv.ebml() + mkv.ebml(), ["ERROR 4006"]),
                ("second Segment", good + mkv.header(), persisted(0) + ["ERROR 4006"]),
                ("second Segment alone", good + mkv.unknown(mkv.SEGMENT),
                 persisted(0) + ["ERROR 4006"]),
                ("second Tracks", good + mkv.tracks(), persisted(0) + ["ERROR 4006"]),
                ("two Tracks", mkv.header() + mkv.tracks(), ["ERROR 4006"]),
                ("second Info", good + mkv.info(), persisted(0) + ["ERROR 4006"]),
                ("Cluster before Tracks", mkv.ebml() + mkv.unknown(mkv.SEGMENT) + mkv.info()
                 + mkv.cluster(0), ["ERROR 4006"]),
                ("Cluster before Info", mkv.ebml() + mkv.unknown(mkv.SEGMENT) + mkv.tracks()
                 + mkv.cluster(0), ["ERROR 4006"]),
                ("no tracks", mkv.ebml() + mkv.unknown(mkv.SEGMENT) + mkv.element(mkv.TRACKS),
                 ["ERROR 4006"]),
                ("track 0", mkv.header(mkv.video_track(0)), ["ERROR 4006"]),
                ("two tracks 1", mkv.header(mkv.video_track(1), mkv.audio_track(1)),
                 ["ERROR 4006"]),
                ("timecode scale 0", mkv.header(scale=0), ["ERROR 4006"]),
                ("block outside", mkv.header() + mkv.simple_block(0), ["ERROR 4006"]),
                ("block after Tags", good + mkv.tags(("a", "b")) + mkv.simple_block(0),
                 persisted(0) + ["ERROR 4006"]),
                ("Tracks in Cluster", mkv.header() + mkv.element(
                    mkv.CLUSTER, mkv.element(mkv.TIMECODE, 0) + mkv.tracks()),
                 buffering + ["ERROR 0 4006"]),
                ("no Timecode", mkv.header() + mkv.unknown(mkv.CLUSTER) + mkv.simple_block(0),
                 ["ERROR 4006"]),
                ("nothing in Cluster", mkv.header() + mkv.unknown(mkv.CLUSTER), ["ERROR 4006"]),
                ("two Timecodes", good + mkv.element(mkv.TIMECODE, 1),
                 buffering + ["ERROR 0 4006"]),
                ("long Timecode", mkv.header() + mkv.unknown(mkv.CLUSTER)
                 + mkv.element(mkv.TIMECODE, b"\0" * 9), ["ERROR 4006"]),
                ("short block", good + mkv.element(mkv.SIMPLE_BLOCK, b"\x81\0\0"),
                 buffering + ["ERROR 0 4006"]),
                ("empty block", good + mkv.element(mkv.SIMPLE_BLOCK), buffering + ["ERROR 0 4006"]),
                ("bad id", good + b"\x01", buffering + ["ERROR 0 4006"]),
                ("truncated block", good[:-1], buffering + ["ERROR 0 4006"]),
                ("truncated Cluster", mkv.header() + mkv.cluster(0, known=True)[:-12],
                 buffering + ["ERROR 0 4006"]),
                ("truncated header", mkv.header()[:-1], ["ERROR 4006"]),
                ("Tags of unknown size", good + mkv.unknown(mkv.TAGS), buffering + ["ERROR 0 4006"]),
                ("header too large", mkv.ebml() + mkv.unknown(mkv.SEGMENT)
                 + mkv.element(mkv.VOID, b"\0" * (5 << 20)), ["ERROR 4006"]),
        ):
            with self.subTest(what):
                self.assertEqual(self.put_all(body), want)

    def test_no_media(self):
        for body in (b"", mkv.ebml(), mkv.header(), mkv.header() + mkv.tags(("a", "b"))):
            self.assertEqual(self.put_all(body), [])

    def test_tolerated(self):
        void = mkv.element(mkv.VOID, b"\0\0")
        body = (void + mkv.ebml("webm") + void + mkv.unknown(mkv.SEGMENT)
                + mkv.element(mkv.SEEK_HEAD, b"\xec\x80") + void + mkv.info()
                + mkv.tracks(mkv.video_track(7)) + void + mkv.element(0x4DDD, b"unknown")
                + mkv.unknown(mkv.CLUSTER) + void + mkv.element(0xA7, 1) + mkv.element(0xAB, 2)
                + mkv.element(mkv.TIMECODE, 10)
                + mkv.element(mkv.BLOCK_GROUP, mkv.element(mkv.BLOCK, mkv.block_payload(0, track=7))
                              + mkv.element(0x9B, 10))
                + mkv.element(mkv.CUES, b"\xec\x80"))
        self.assertEqual(self.put_all(body), persisted(10))

    def test_segment_of_known_size(self):
        inside = mkv.info() + mkv.tracks() + mkv.cluster(0) + mkv.cluster(1000)
        self.assertEqual(self.put_all(mkv.ebml() + mkv.element(mkv.SEGMENT, inside)),
                         persisted(0) + persisted(1000))

    def test_producer_timestamp(self):
        now = int(time.time() * 1000)
        body = (mkv.header() + mkv.cluster(now) + mkv.cluster(now + ONE_YEAR_MS)
                + mkv.cluster(now + 20 * ONE_YEAR_MS) + mkv.cluster(2 ** 64 - 1))
        self.assertEqual(self.put_all(body), persisted(now) + persisted(now + ONE_YEAR_MS) + [
            f"BUFFERING {now + 20 * ONE_YEAR_MS}", f"ERROR {now + 20 * ONE_YEAR_MS} 4007",
            f"BUFFERING {2 ** 64 - 1}", f"ERROR {2 ** 64 - 1} 4007"])

    def test_timecode_scale(self):
        # a second a unit: acks have the units, times are in seconds
        body = mkv.header(scale=1000000000) + mkv.cluster(10, [0, 20]) + mkv.cluster(31, [0, 21])
        self.assertEqual(self.put_all(body), persisted(10) + ["BUFFERING 31", "ERROR 31 4002"])
        self.assertEqual(self.timecodes(), ["10.000"])

    def test_metadata_limits(self):
        def acks(tags):
            return self.put_all(mkv.header() + tags + mkv.cluster(0) + mkv.cluster(1000))
        ten = [(f"name{i}", "value") for i in range(10)]
        control = [("AWS_KINESISVIDEO_IMAGE_GENERATION", ""),
                   ("AWS_KINESISVIDEO_IMAGE_PREFIX", "x"), ("AWS_KINESISVIDEO_NOTIFICATION", "")]
        good = persisted(0) + persisted(1000)
        for what, tags, error in (
                ("ten", mkv.tags(*ten), None),
                ("ten and control tags", mkv.tags(*ten, *control), None),
                ("eleven", mkv.tags(*ten, ("more", "")), 4009),
                ("eleven in two elements", mkv.tags(*ten) + mkv.tags(("more", "")), 4009),
                ("long name", mkv.tags(("n" * 128, "")), None),
                ("longer name", mkv.tags(("n" * 129, "")), 4009),
                ("very long name", mkv.tags(("n" * 5000, "")), 4009),
                ("long value", mkv.tags(("n", "v" * 256)), None),
                ("longer value", mkv.tags(("n", "v" * 257)), 4009),
                ("huge", mkv.tags(("n", "v" * 100000)), 4009),
                ("reserved", mkv.tags(("AWS_MINE", "")), 4012),
                ("service's own", mkv.tags(("AWS_KINESISVIDEO_FRAGMENT_NUMBER", "1")), 4012),
                ("no name", mkv.tags(("", "")), 4012),
                ("no name element", mkv.element(mkv.TAGS, mkv.element(
                    mkv.TAG, mkv.element(mkv.SIMPLE_TAG))), 4012),
                ("not UTF-8", mkv.tags((b"\xff", "")), 4012),
                ("value not UTF-8", mkv.tags(("n", b"\xff")), 4012),
        ):
            with self.subTest(what):
                want = good if error is None else \
                    ["BUFFERING 0", f"ERROR 0 {error}"] + persisted(1000)
                self.assertEqual(acks(tags), want)

    def test_bad_metadata_without_fragment(self):
        self.assertEqual(self.put_all(mkv.header() + mkv.tags(("AWS_X", ""))), ["ERROR 4012"])

    def test_error_codes(self):
        acks = self.put().send_all(mkv.header() + mkv.tags(("AWS_X", "")) + mkv.cluster(5))
        self.assertEqual(acks[1]["ErrorCode"], "INVALID_FRAGMENT_METADATA")
        self.assertEqual(acks[1]["FragmentNumber"], acks[0]["FragmentNumber"])
        acks = self.put().send_all(mkv.header(*(mkv.video_track(n) for n in range(1, 5))))
        self.assertEqual(acks, [{"EventType": "ERROR", "ErrorId": 4012,
                                 "ErrorCode": "MORE_THAN_ALLOWED_TRACKS_FOUND"}])

    def test_tracks(self):
        two = mkv.header(mkv.video_track(1), mkv.audio_track(2))
        both = mkv.simple_block(0, track=1) + mkv.simple_block(5, track=2)
        body = (two + mkv.cluster(0, both) + mkv.cluster(1000, [0]) + mkv.cluster(2000, [])
                + mkv.cluster(3000, both + mkv.simple_block(10, track=3)) + mkv.cluster(4000, both))
        self.assertEqual(self.put_all(body), persisted(0) + [
            "BUFFERING 1000", "ERROR 1000 4011", "BUFFERING 2000", "ERROR 2000 4011",
            "BUFFERING 3000", "ERROR 3000 4010"] + persisted(4000))

    def test_three_tracks(self):
        header = mkv.header(mkv.video_track(1), mkv.audio_track(2), mkv.audio_track(3))
        blocks = b"".join(mkv.simple_block(n, track=n) for n in (1, 2, 3))
        self.assertEqual(self.put_all(header + mkv.cluster(0, blocks)), persisted(0))


class SizeLimit(Case):
    def test_fifty_megabytes(self):
        megabyte = mkv.simple_block(0, b"\0" * 1_000_000)
        connection = self.put().accepted()
        connection.send(mkv.header())
        for timecode, count in ((0, 49), (1000, 50)):
            connection.send(mkv.cluster(timecode, b""))
            for _ in range(count):
                connection.send(megabyte)
        connection.end()
        self.assertEqual(events(connection.acks()),
                         persisted(0) + ["BUFFERING 1000", "ERROR 1000 4001"])


class Times(Case):
    ARGS = ["--idle-seconds", "2", "--max-connection-seconds", "4"]

    def test_idle(self):
        connection = self.put().accepted()
        connection.send(mkv.header() + mkv.cluster(0) + mkv.END_OF_FRAGMENT)
        began = time.monotonic()
        acks = events(connection.acks())
        self.assertAlmostEqual(time.monotonic() - began, 2, delta=1)
        self.assertEqual(acks[:3], persisted(0))
        self.assertGreaterEqual(acks.count("IDLE"), 3)
        self.assertEqual(acks[-1], "IDLE")
        self.assertEqual(connection.chunks[3], b'{"EventType":"IDLE"}\n')

    def test_idle_within_fragment(self):
        connection = self.put().accepted()
        connection.send(mkv.header() + mkv.cluster(0))
        self.assertEqual(events(connection.acks())[-1], "ERROR 0 4000")
        self.assertEqual(self.chunks(), [])

    def test_idle_without_acks(self):
        self.assertEqual(events(self.put(acks="0").accepted().acks()), [])

    def test_connection_age(self):
        connection = self.put().accepted()
        connection.send(mkv.header())
        began = time.monotonic()
        done = []

        def keep_sending():
            timecode = 0
            try:
                while not done:
                    connection.send(mkv.cluster(timecode))
                    timecode += 1000
                    time.sleep(0.3)
            except OSError:
                pass

        sender = threading.Thread(target=keep_sending)
        sender.start()
        acks = events(connection.acks())
        done.append(True)
        sender.join()
        self.assertAlmostEqual(time.monotonic() - began, 4, delta=1.5)
        self.assertRegex(acks[-1], r"^ERROR( \d+)? 4003$")
        self.assertNotIn("IDLE", acks)


if __name__ == "__main__":
    unittest.main()
