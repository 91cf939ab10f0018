# SPDX-License-Identifier: LGPL-2.1-or-later
"""kvs-local --quotas: what the service allows so often a second (section 16).

However slow the machine is, no more may pass than the time allowed; that some are refused is asked for
where requests are sent at once, many more than a slow machine's time would allow.
"""

import concurrent.futures
import http.client
import json
import socket
import time
import urllib.parse

import kvslocal
import mkvwriter as mkv
from hls_case import HlsCase, fetch
from kvslocal_case import Case, require_kvs_local, wait_for

try:
    import botocore.exceptions
    import botocore.parsers
except ImportError:
    botocore = None

REFUSED = "ClientLimitExceededException"


def setUpModule():
    require_kvs_local()


class QuotaCase(HlsCase):
    def request(self, path, **members):
        """A signed request as bytes."""
        body = json.dumps({"StreamName": self.stream, **members}).encode()
        headers = kvslocal.sign("POST", path, {"Host": f"127.0.0.1:{self.kvs.port}",
                                               "Content-Type": "application/json"}, body=body)
        head = f"POST {path} HTTP/1.1\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def get_request(self, url):
        parts = urllib.parse.urlsplit(url)
        return f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()

    def burst(self, requests):
        """Sends each on a connection of its own before it reads any answer: codes of errors, empty
        for 200, and the seconds it took. Bodies of good answers are not read."""
        sockets = [socket.create_connection(("127.0.0.1", self.kvs.port), timeout=60)
                   for _ in requests]
        codes = []
        begin = time.monotonic()
        try:
            for sock, request in zip(sockets, requests):
                sock.sendall(request)
            for sock in sockets:
                answer = http.client.HTTPResponse(sock)
                answer.begin()
                codes.append(answer.getheader("x-amzn-ErrorType", "").split(":")[0])
                self.assertEqual(answer.status, {"": 200, "AccessDeniedException": 403}.get(
                    codes[-1], 400))
                if codes[-1]:
                    self.last_refusal = answer.status, dict(answer.getheaders()), answer.read()
            return codes, time.monotonic() - begin
        finally:
            for sock in sockets:
                sock.close()

    def check_rate(self, found, per_second, others=("",), used=0):
        """So many at once, less those used before, and so many a second at most."""
        codes, seconds = found
        self.assertEqual(set(codes) - {REFUSED}, set(others))
        passed = len(codes) - codes.count(REFUSED)
        self.assertGreaterEqual(passed, per_second - used)
        self.assertLessEqual(passed, per_second * (1 + seconds) + 1)
        self.assertIn(REFUSED, codes)

    def check_model(self, client, operation):
        """The last refusal is one that botocore's model has for the operation; gives its text."""
        status, headers, body = self.last_refusal
        model = client.meta.service_model.operation_model(operation)
        parsed = botocore.parsers.create_parser("rest-json").parse(
            {"status_code": status, "headers": {k.lower(): v for k, v in headers.items()},
             "body": body}, model.output_shape)
        self.assertEqual(parsed["Error"]["Code"], REFUSED)
        self.assertIn(REFUSED, [shape.name for shape in model.error_shapes])
        return parsed["Error"]["Message"]

    def other_stream(self):
        """A stream with a name of its own becomes the test's."""
        self.stream += "_other"
        self.control.create_stream(StreamName=self.stream, DataRetentionInHours=2)

    def fill(self):
        """Some fragments; gives their numbers and the time of the first."""
        start_ms = self.put_clip(self.clip(seconds=4))
        return [fragment["FragmentNumber"] for fragment in self.stored()], start_ms

    def put_codes(self, count):
        begin = time.monotonic()
        calls = [self.put(length=0) for _ in range(count)]
        codes = []
        for call in calls:
            try:
                call.accepted()
                codes.append("")
            except kvslocal.HttpError as error:
                self.assertEqual(error.status, 400)
                codes.append(error.code)
            call.close()
        return codes, time.monotonic() - begin

    def get_codes(self, count):
        return self.burst([self.request("/getMedia", StartSelector={
            "StartSelectorType": "EARLIEST"})] * count)

    def media_url(self, url):
        return urllib.parse.urljoin(url, self.master(url).variants[0][1])

    def session(self, start_ms, kind="hls", **members):
        """What a player asks for, by name."""
        if kind == "dash":
            url = self.dash(PlaybackMode="ON_DEMAND", DASHFragmentSelector=self.selector(
                "PRODUCER", start_ms, start_ms + 10000), **members)
            token = urllib.parse.urlsplit(url).query
            base = url.split("?")[0].rsplit("/", 1)[0]
            return {"manifest": url,
                    "init": f"{base}/getMP4InitFragment.mp4?TrackNumber=1&{token}",
                    "fragment": f"{base}/getMP4MediaFragment.mp4?FragmentNumber=1&TrackNumber=1"
                                f"&{token}"}
        url = self.on_demand("PRODUCER", start_ms, start_ms + 10000, **members)
        urls = {"master": url, "media": self.media_url(url),
                "fragment": urllib.parse.urljoin(url, self.playlist(url).segments[0].uri)}
        if "ContainerFormat" not in members:
            token = urllib.parse.urlsplit(url).query
            urls["init"] = f"{url.split('?')[0].rsplit('/', 1)[0]}/getMP4InitFragment.mp4?{token}"
        return urls


class Refusals(QuotaCase):
    ARGS = ["--quotas", "--get-media-empty-seconds", "1"]

    def test_put_media_calls(self):
        """Those that meet the limit of connections have been counted, too."""
        codes, seconds = self.put_codes(40)
        self.check_rate((codes, seconds), 5,
                        {"", *set(codes) & {"ConnectionLimitExceededException"}})
        stream = self.stream
        self.other_stream()
        self.assertEqual(self.put_codes(1)[0], [""])
        self.stream = stream
        wait_for(lambda: self.put_codes(1)[0] == [""])

    def test_get_media_calls(self):
        self.check_rate(self.get_codes(40), 5, {"", "ConnectionLimitExceededException"})
        self.assertIn("5 GetMedia calls", self.check_model(self.media, "GetMedia"))
        stream = self.stream
        self.other_stream()
        self.assertEqual(self.get_codes(1)[0], [""])
        self.stream = stream
        wait_for(lambda: self.get_codes(1)[0] == [""])

    def test_session_urls(self):
        _, start_ms = self.fill()
        for kind in ("HLS", "DASH"):
            request = self.request(f"/get{kind}StreamingSessionURL", PlaybackMode="ON_DEMAND", **{
                f"{kind}FragmentSelector": self.selector("PRODUCER", start_ms, start_ms + 10000)})
            self.check_rate(self.burst([request] * 150), 25)
            self.assertIn("25 ", self.check_model(self.archive, f"Get{kind}StreamingSessionURL"))
            wait_for(lambda request=request: self.burst([request])[0] == [""])

    def check_session(self, make, per_second):
        """Each resource is refused for itself, and only in its own session. Two of some had been
        loaded to find the others."""
        _, start_ms = self.fill()
        used, other = make(start_ms), make(start_ms)
        for name in used:
            limit = per_second.get(name, 5)
            with self.subTest(name):
                self.check_rate(self.burst([self.get_request(used[name])] * limit * 8), limit,
                                used=2)
                status, headers, _ = self.last_refusal
                self.assertEqual(status, 400)
                self.assertEqual(headers["Access-Control-Allow-Origin"], "*")
                self.assertEqual(fetch(other[name])[0], 200)
                wait_for(lambda name=name: fetch(used[name])[0] == 200)

    def test_hls_session(self):
        self.check_session(self.session, {"fragment": 20})

    def test_transport_stream_session(self):
        self.check_session(lambda start_ms: self.session(start_ms, ContainerFormat="MPEG_TS"),
                           {"fragment": 20})

    def test_dash_session(self):
        self.check_session(lambda start_ms: self.session(start_ms, "dash"), {"fragment": 20})

    def test_tokens_come_first(self):
        _, start_ms = self.fill()
        url = self.session(start_ms)["master"]
        codes, _ = self.burst([self.get_request(url + "x")] * 20)
        self.assertEqual(set(codes), {"AccessDeniedException"})

    def test_metadata_points_of_lists(self):
        """A list costs as many fragments as it may have, and whose session it is does not matter."""
        _, start_ms = self.fill()
        lists = [self.media_url(self.on_demand("PRODUCER", start_ms, start_ms + 10000,
                                               MaxMediaPlaylistFragmentResults=5000))
                 for _ in range(10)]
        codes, seconds = self.burst([self.get_request(url) for url in lists * 3])
        self.assertLessEqual(codes.count(""), 2 * (1 + seconds) + 1)
        self.assertIn(b"fragment-metadata points", self.last_refusal[2])
        wait_for(lambda: fetch(lists[0])[0] == 200)

    def test_metadata_points_of_list_fragments(self):
        request = self.request("/listFragments", MaxResults=1000, FragmentSelector=self.selector(
            "SERVER", 0, 1000))
        found = self.burst([request] * 150)
        self.check_rate(found, 10)
        self.assertIn("fragment-metadata points",
                      self.check_model(self.archive, "ListFragments"))
        stream = self.stream
        self.other_stream()
        self.assertEqual(self.stored(), [])
        self.stream = stream
        wait_for(lambda: self.burst([request])[0] == [""])

    def get_list(self, numbers):
        """Whether botocore was given it."""
        try:
            answer = self.archive.get_media_for_fragment_list(
                StreamName=self.stream, Fragments=numbers)
            answer["Payload"].close()
            return True
        except self.archive.exceptions.ClientLimitExceededException as error:
            self.assertEqual(error.response["ResponseMetadata"]["HTTPStatusCode"], 400)
            self.assertIn("fragment-media points", error.response["Error"]["Message"])
            return False

    def test_media_points(self):
        """A thousand at once is two seconds' worth, and can be had."""
        numbers, _ = self.fill()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            given = list(pool.map(self.get_list, [[numbers[0]] * 1000] * 4))
        self.assertIn(True, given)
        self.assertIn(False, given)
        stream = self.stream
        self.other_stream()
        self.assertTrue(self.get_list([self.fill()[0][0]] * 1000))
        self.stream = stream
        wait_for(lambda: self.get_list(numbers[:1]))

    def test_who_has_media_points(self):
        numbers, start_ms = self.fill()
        many = self.request("/getMediaForFragmentList", Fragments=[numbers[0]] * 700)
        times = {"StartTimestamp": start_ms / 1000, "EndTimestamp": start_ms / 1000 + 2}
        session = {kind: self.session(start_ms, kind)["fragment"] for kind in ("hls", "dash")}
        session["ts"] = self.session(start_ms, ContainerFormat="MPEG_TS")["fragment"]
        requests = {kind: self.get_request(url) for kind, url in session.items()}
        requests["clip"] = self.request("/getClip", ClipFragmentSelector={
            "FragmentSelectorType": "PRODUCER_TIMESTAMP", "TimestampRange": times})
        requests["images"] = self.request(
            "/getImages", ImageSelectorType="PRODUCER_TIMESTAMP", Format="JPEG", **times)
        for name, request in requests.items():
            with self.subTest(name):
                self.last_refusal = None
                wait_for(lambda request=request: self.burst([many, request])[0][1] == REFUSED)
                self.assertIn(b"fragment-media points", self.last_refusal[2])
                wait_for(lambda request=request: self.burst([request])[0] == [""])


class Pace(Case):
    ARGS = ["--quotas", "--get-media-empty-seconds", "1"]
    FRAGMENT_BYTES = 15000000

    def test_fragments(self):
        """Five at once, then five a second: the twelfth is not read before, nor given."""
        begin = time.monotonic()
        connection = self.put(timecodes="RELATIVE").accepted()
        connection.send(mkv.header())
        for i in range(12):
            connection.send(mkv.cluster(1000 * i))
            self.assertEqual(connection.until("BUFFERING")["FragmentTimecode"], 1000 * i)
        self.assertGreaterEqual(time.monotonic() - begin, 1.15)
        connection.end()
        self.assertNotIn("ERROR", [ack["EventType"] for ack in connection.acks()])
        begin = time.monotonic()
        self.assertEqual(self.timecodes(), [f"{i}.000" for i in range(12)])
        self.assertGreaterEqual(time.monotonic() - begin, 1.35)

    def test_bytes(self):
        data = bytes(range(250)) * (self.FRAGMENT_BYTES // 250)
        body = mkv.header() + b"".join(mkv.cluster(1000 * i, mkv.simple_block(0, data))
                                       for i in range(2))
        begin = time.monotonic()
        connection = self.put(timecodes="RELATIVE", timeout=60 * kvslocal.SLOWNESS).accepted()
        connection.send(body, 1 << 20)
        connection.end()
        acks = connection.acks()
        self.assertGreaterEqual(time.monotonic() - begin, len(body) / 12500000 - 1.05)
        numbers = [ack["FragmentNumber"] for ack in acks if ack["EventType"] == "PERSISTED"]
        self.assertEqual(len(numbers), 2)
        archive = self.kvs.client("kinesis-video-archived-media")
        self.addCleanup(archive.close)
        for get in (
                lambda: self.kvs.get_media(self.stream),
                lambda: archive.get_media_for_fragment_list(
                    StreamName=self.stream, Fragments=numbers)["Payload"].read()):
            begin = time.monotonic()
            media = get()
            self.assertGreaterEqual(time.monotonic() - begin, len(body) / 25000000 - 1.05)
            self.assertEqual(media.count(data), 2)


class Held(Case):
    ARGS = ["--quotas", "--idle-seconds", "2"]

    def test_a_held_producer_is_not_idle(self):
        """25 fragments in one packet are four seconds' worth more than a second's."""
        body = mkv.header() + b"".join(mkv.cluster(1000 * i) for i in range(25))
        begin = time.monotonic()
        connection = self.put(timecodes="RELATIVE", early=body).accepted()
        while connection.until("BUFFERING")["FragmentTimecode"] < 24000:
            pass
        connection.send(mkv.cluster(25000))
        connection.end()
        events = [ack["EventType"] for ack in connection.acks()]
        self.assertGreaterEqual(time.monotonic() - begin, 3.9)
        self.assertEqual(set(events), {"BUFFERING", "RECEIVED", "PERSISTED"})
        self.assertEqual(sum(b"PERSISTED" in ack for ack in connection.chunks), 26)


class Unlimited(QuotaCase):
    """Nothing is counted unless it is asked for."""

    ARGS = ["--get-media-empty-seconds", "1"]

    def test_nothing_is_refused(self):
        for find in (self.put_codes, self.get_codes):
            codes, _ = find(40)
            self.assertIn("", codes)
            self.assertLessEqual(set(codes), {"", "ConnectionLimitExceededException"})
        numbers, start_ms = self.fill()
        requests = [self.get_request(url) for kind in ("hls", "dash")
                    for url in self.session(start_ms, kind).values()]
        requests += [self.request("/listFragments", MaxResults=1000,
                                  FragmentSelector=self.selector("SERVER", 0, 1000))]
        requests += [self.request("/getHLSStreamingSessionURL", PlaybackMode="ON_DEMAND",
                                  HLSFragmentSelector=self.selector("PRODUCER", start_ms,
                                                                    start_ms + 10000))]
        for request in requests:
            self.assertEqual(set(self.burst([request] * 60)[0]), {""})
        for _ in range(3):
            request = self.request("/getMediaForFragmentList", Fragments=numbers[:1] * 1000)
            self.assertEqual(self.burst([request])[0], [""])
