# SPDX-License-Identifier: LGPL-2.1-or-later
"""Endpoints of kvs-local: planes at ports of their own, and cells that streams are moved between."""

import json
import os
import re
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

import kvslocal
import media
import mkvwriter as mkv
import support
from kvslocal import HttpError, KvsLocal
from kvslocal_case import Case, events, persisted, require_kvs_local, wait_for

APIS = ("PUT_MEDIA", "GET_MEDIA", "LIST_FRAGMENTS", "GET_MEDIA_FOR_FRAGMENT_LIST",
        "GET_HLS_STREAMING_SESSION_URL", "GET_DASH_STREAMING_SESSION_URL", "GET_CLIP", "GET_IMAGES")
CONTROL_PATHS = ("/createStream", "/describeStream", "/listStreams", "/getDataEndpoint",
                 "/TagResource", "/kvs-local/move-stream")
DATA_PATHS = ("/getMedia", "/listFragments", "/getMediaForFragmentList", "/getClip", "/getImages",
              "/getHLSStreamingSessionURL", "/getDASHStreamingSessionURL")
NO_OPERATION = {"Output": {"__type": "com.amazon.coral.service#UnknownOperationException"},
                "Version": "1.0"}


def setUpModule():
    require_kvs_local()


class Place:
    """An endpoint, in the place of a KvsLocal."""

    def __init__(self, url):
        self.url = url
        self.port = urllib.parse.urlsplit(url).port


class EndpointCase(Case):
    def endpoint(self, api="PUT_MEDIA", stream=None):
        return self.control.get_data_endpoint(
            StreamName=stream or self.stream, APIName=api)["DataEndpoint"]

    def put_at(self, url, **options):
        connection = kvslocal.PutMedia(Place(url), self.stream, **options)
        self.addCleanup(connection.close)
        return connection

    def media_at(self, url):
        client = self.kvs.client("kinesis-video-media", endpoint_url=url)
        self.addCleanup(client.close)
        return client

    def get_at(self, url):
        payload = self.media_at(url).get_media(StreamName=self.stream, StartSelector={
            "StartSelectorType": "EARLIEST"})["Payload"]
        with payload:
            return mkv.chunks(payload.read())

    def code_at(self, url, path, body=b"{}"):
        status, headers, answer = self.post(path, body, kvs=Place(url))
        return status, headers.get("x-amzn-errortype", "").split(":")[0], answer


class Planes(EndpointCase):
    ARGS = ["--data-port", "0", "--get-media-empty-seconds", "1"]

    def test_each_refuses_what_is_the_others(self):
        data = self.endpoint()
        self.assertNotEqual(data, self.kvs.url)
        for api in APIS:
            self.assertEqual(self.endpoint(api), data)
        for path in CONTROL_PATHS:
            status, code, answer = self.code_at(data, path)
            self.assertEqual((status, code), (404, "UnknownOperationException"), path)
            self.assertEqual(json.loads(answer), NO_OPERATION)
        for path in DATA_PATHS:
            status, code, answer = self.code_at(self.kvs.url, path)
            self.assertEqual((status, code), (404, "UnknownOperationException"), path)
            self.assertEqual(json.loads(answer), NO_OPERATION)
            self.assertNotEqual(self.code_at(data, path)[0], 404, path)
        # at once, though the body is not over
        with self.assertRaises(HttpError) as caught:
            self.put().accepted()
        self.assertEqual((caught.exception.status, caught.exception.code),
                         (404, "UnknownOperationException"))

    def test_media(self):
        data = self.endpoint()
        self.put_at(data).send_all(mkv.header() + mkv.cluster(0))
        self.assertEqual(len(self.get_at(data)), 1)
        # there are no cells to move between
        self.assertEqual(self.code_at(self.kvs.url, "/kvs-local/move-stream", json.dumps(
            {"StreamName": self.stream}).encode())[:2], (400, "InvalidArgumentException"))


    def test_playback(self):
        """What a session's URL leads to is with the media."""
        child = support.pipeline(
            "videotestsrc num-buffers=60 ! video/x-raw,width=160,height=120,framerate=30/1 ! x264enc "
            f"key-int-max=30 ! kvssink stream-name={self.stream} streaming-type=offline".split(),
            env=self.kvs.env)
        self.assertEqual(child.wait(60), 0, child.output)
        data = self.endpoint("GET_HLS_STREAMING_SESSION_URL")
        archive = self.kvs.client("kinesis-video-archived-media", endpoint_url=data)
        self.addCleanup(archive.close)
        url = archive.get_hls_streaming_session_url(
            StreamName=self.stream, PlaybackMode="LIVE_REPLAY", HLSFragmentSelector={
                "FragmentSelectorType": "SERVER_TIMESTAMP",
                "TimestampRange": {"StartTimestamp": time.time() - 600}})["HLSStreamingSessionURL"]
        self.assertTrue(url.startswith(data + "/"), url)
        with urllib.request.urlopen(url, timeout=30) as answer:
            self.assertTrue(answer.read().startswith(b"#EXTM3U"))
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(url.replace(data, self.kvs.url), timeout=30)
        self.assertEqual(caught.exception.code, 404)
        caught.exception.close()


class Ports(unittest.TestCase):
    def start(self, *args):
        kvs = KvsLocal(args=args)
        self.addCleanup(kvs.__exit__)
        kvs.start()
        kvs.client().create_stream(StreamName="cam")
        return kvs

    def endpoint(self, kvs, **options):
        return kvs.client(**options).get_data_endpoint(
            StreamName="cam", APIName="GET_MEDIA")["DataEndpoint"]

    def test_given(self):
        port = support.free_port()
        kvs = self.start("--data-port", str(port))
        self.assertEqual(self.endpoint(kvs), f"http://127.0.0.1:{port}")
        self.assertEqual(kvs.process.stdout.readline().decode(),
                         f"kvs-local: data plane on http://127.0.0.1:{port}\n")

    def test_all_addresses(self):
        """The host is the one that the client used; the port is that of the data plane."""
        kvs = self.start("--bind", "0.0.0.0", "--data-port", "0")
        found = self.endpoint(kvs, endpoint_url=f"http://localhost:{kvs.port}")
        self.assertRegex(found, r"^http://localhost:\d+$")
        self.assertNotEqual(found, f"http://localhost:{kvs.port}")
        one = self.start("--bind", "0.0.0.0")
        self.assertEqual(self.endpoint(one, endpoint_url=f"http://localhost:{one.port}"),
                         f"http://localhost:{one.port}")

    def test_public_url(self):
        kvs = self.start("--data-port", "0", "--public-url", "https://data.example")
        self.assertEqual(self.endpoint(kvs), "https://data.example")

    def test_refuses_to_start(self):
        for args, text in ((["--cells", "0"], "--cells"), (["--cells", "65"], "--cells"),
                           (["--data-port", "65536"], "--data-port"),
                           (["--data-port", "-2"], "--data-port"),
                           (["--data-port", "65535", "--cells", "2"], "--data-port"),
                           (["--cells", "2", "--public-url", "https://data.example"],
                            "--public-url"),
                           (["--max-streams", "0"], "--max-streams")):
            with self.assertRaisesRegex(RuntimeError, text):
                self.start(*args)


class Cells(EndpointCase):
    ARGS = ["--cells", "3", "--get-media-empty-seconds", "1"]

    def move(self, **members):
        status, _, body = self.post("/kvs-local/move-stream", json.dumps(
            {"StreamName": self.stream, **members}).encode())
        self.assertEqual(status, 200, body)
        return json.loads(body)["DataEndpoint"]

    def test_streams_are_spread(self):
        names = [f"spread-{i}" for i in range(20)]
        for name in names:
            self.control.create_stream(StreamName=name)
        self.assertEqual(len({self.endpoint(stream=name) for name in names}), 3)

    def test_moves(self):
        first = self.endpoint()
        found = [self.move() for _ in range(3)]
        self.assertEqual(len(set(found)), 3)
        self.assertEqual(found[2], first)
        self.assertEqual({self.endpoint(api) for api in APIS}, {first})
        all_cells = [self.move(Cell=cell) for cell in range(3)]
        self.assertEqual(set(all_cells), set(found))
        for bad in ({"Cell": 3}, {"Cell": -1}, {"Cell": "1"}, {"StreamARN": self.arn}):
            status, _, _ = self.post("/kvs-local/move-stream", json.dumps(
                {"StreamName": self.stream, **bad}).encode())
            self.assertEqual(status, 400)
        self.assertEqual(self.endpoint(), all_cells[2])

    def test_is_signed(self):
        status, _, _ = self.post("/kvs-local/move-stream", json.dumps(
            {"StreamName": self.stream}).encode(), secret_key="other")
        self.assertEqual(status, 403)

    def test_the_old_endpoint(self):
        old = self.endpoint()
        self.put_at(old).send_all(mkv.header() + mkv.cluster(0))
        new = self.move()
        for header in ({}, {"arn": True}):
            with self.assertRaises(HttpError) as caught:
                connection = kvslocal.PutMedia(Place(old), self.arn if header else self.stream,
                                               **header)
                self.addCleanup(connection.close)
                connection.accepted()
            self.assertEqual((caught.exception.status, caught.exception.code),
                             (400, "InvalidEndpointException"))
        client = self.media_at(old)
        with self.assertRaises(client.exceptions.InvalidEndpointException) as caught:
            client.get_media(StreamARN=self.arn, StartSelector={"StartSelectorType": "NOW"})
        self.assertEqual(
            caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], 400)
        archive = self.kvs.client("kinesis-video-archived-media", endpoint_url=old)
        self.addCleanup(archive.close)
        # these know no such exception
        self.refused("ResourceNotFoundException", 404, archive.list_fragments,
                     StreamName=self.stream)
        self.refused("ResourceNotFoundException", 404, archive.get_media_for_fragment_list,
                     StreamName=self.stream, Fragments=["1"])
        # what is wrong in other respects is wrong in both places
        for url in (old, new):
            self.assertEqual(self.code_at(url, "/getMedia")[:2], (400, "InvalidArgumentException"))
            self.assertEqual(self.code_at(url, "/getMedia", b'{"StreamName":"nowhere"}')[:2],
                             (404, "ResourceNotFoundException"))
        self.put_at(new).send_all(mkv.header() + mkv.cluster(1000))
        self.assertEqual(len(self.get_at(new)), 2)


class RunningSessions(EndpointCase):
    # longer than the test may take
    ARGS = ["--cells", "2", "--get-media-empty-seconds", "600"]

    def test_end(self):
        old = self.endpoint()
        connection = self.put_at(old).accepted()
        connection.send(mkv.header() + mkv.cluster(0) + mkv.cluster(1000))
        connection.until("PERSISTED")
        payload = self.media_at(old).get_media(StreamName=self.stream, StartSelector={
            "StartSelectorType": "EARLIEST"})["Payload"]
        self.addCleanup(payload.close)
        self.assertEqual(self.post("/kvs-local/move-stream", json.dumps(
            {"StreamName": self.stream}).encode())[0], 200)
        acks = connection.acks()
        self.assertEqual((acks[-1]["EventType"], acks[-1]["ErrorId"]), ("ERROR", 5000))
        # what was not whole is not kept
        self.assertNotIn("PERSISTED", [ack["EventType"] for ack in acks])
        self.assertEqual(len(mkv.chunks(payload.read())), 1)
        self.assertEqual(events(self.put_at(self.endpoint()).send_all(
            mkv.header() + mkv.cluster(1000))), persisted(1000))


class Restart(unittest.TestCase):
    def test_cells_are_remembered(self):
        with tempfile.TemporaryDirectory() as data:
            with KvsLocal(args=["--cells", "2"], data=data) as kvs:
                client = kvs.client()
                client.create_stream(StreamName="cam")
                client.create_stream(StreamName="other")
                case = Case()
                cells = [line.split()[-1] for line in
                         (kvs.process.stdout.readline().decode() for _ in range(2))]
                find = lambda client, name: client.get_data_endpoint(
                    StreamName=name, APIName="PUT_MEDIA")["DataEndpoint"]
                for name, cell in (("cam", 1), ("other", 0)):
                    case.post("/kvs-local/move-stream", json.dumps(
                        {"StreamName": name, "Cell": cell}).encode(), kvs=kvs)
                    self.assertEqual(find(client, name), cells[cell])
                case.doCleanups()
            with KvsLocal(args=["--cells", "2"], data=data) as kvs:
                client = kvs.client()
                cells = [line.split()[-1] for line in
                         (kvs.process.stdout.readline().decode() for _ in range(2))]
                self.assertEqual([find(client, "cam"), find(client, "other")], cells[::-1])
            with KvsLocal(data=data) as kvs:
                self.assertEqual(find(kvs.client(), "cam"), kvs.url)


class Sink(EndpointCase):
    """kvssink keeps an endpoint until the service refuses it, and then asks again."""

    timeout = 90
    ARGS = ["--cells", "3", "--verbose"]
    FRAMES = 300
    GOP = 15

    @classmethod
    def tearDownClass(cls):
        # --verbose writes to where errors would be
        cls.control.close()
        cls.media.close()
        log = cls.kvs.errors()
        status = cls.kvs.stop()
        cls.kvs.__exit__()
        if status != 0 or "WARNING" in log or "CRITICAL" in log:
            raise AssertionError(f"kvs-local ended with {status}:\n{log}")

    def n_persisted(self):
        return len(re.findall(r'"PERSISTED"', self.kvs.errors()))

    def move(self):
        self.assertEqual(self.post("/kvs-local/move-stream", json.dumps(
            {"StreamName": self.stream}).encode())[0], 200)

    def test_goes_on_in_the_new_cell(self):
        with tempfile.TemporaryDirectory() as folder:
            clip = media.make_clip(os.path.join(folder, "clip.mkv"), self.FRAMES, (320, 240),
                                   encoder=f"key-int-max={self.GOP} bframes=0")
            before = self.endpoint()
            child = support.pipeline(
                f"filesrc location={clip} ! matroskademux ! h264parse ! identity sync=true ! "
                f"kvssink stream-name={self.stream}".split(), env=self.kvs.env)
            for n_wanted in (2, 6, 10):
                wait_for(lambda: self.n_persisted() >= n_wanted, 30)
                self.move()
            self.assertEqual(child.wait(60), 0, child.output)
            self.assertEqual(self.endpoint(), before)
            wanted = media.packet_hashes(clip)
            found = {}
            with self.media_at(before).get_media(
                    StreamName=self.stream,
                    StartSelector={"StartSelectorType": "EARLIEST"})["Payload"] as payload:
                data = payload.read()
            for i, part in enumerate(media.split_files(data)):
                fragment = media.Fragment(part, folder, i)
                for packet in fragment.packets:
                    found[packet["pts_time"]] = packet["data_hash"]
        self.assertEqual(len(wanted), self.FRAMES)
        self.assertEqual([found[time] for time in sorted(found, key=float)], wanted)
        log = self.kvs.errors()
        self.assertEqual(log.count("InvalidEndpointException"), 3)
        asked = log.count("POST /getDataEndpoint")
        # those of this test are two; without a cache each of the seven attempts would have asked
        self.assertEqual(asked - 2, 4)


if __name__ == "__main__":
    unittest.main()
