# SPDX-License-Identifier: LGPL-2.1-or-later
"""GetHLSStreamingSessionURL as botocore sees it, and what its tokens open (sections 5 and 12)."""

import base64
import http.client
import time
import unittest
import urllib.parse

import hls_case
import kvslocal_case
import mkvwriter as mkv
from hls_case import now_ms
from kvslocal import KvsLocal

CODEC_PRIVATE = 0x63A2
EBML_READ_VERSION = 0x42F7
# What FFmpeg reads no further than
OF_LATER = mkv.element(mkv.EBML, mkv.element(EBML_READ_VERSION, 2)
                       + mkv.element(mkv.DOC_TYPE, "matroska"))
NO_FRAGMENTS = "No fragments found in the stream for the streaming request."


def setUpModule():
    kvslocal_case.require_kvs_local()


def token_of(url):
    return urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["SessionToken"][0]


class ParameterTest(hls_case.HlsCase):
    def refuse(self, code, status, **members):
        return self.refused(code, status, self.archive.get_hls_streaming_session_url,
                            StreamName=self.stream, **members)

    def refuse_argument(self, **members):
        return self.refuse("InvalidArgumentException", 400, **members)

    def test_url_has_the_services_form(self):
        self.put_clip(self.clip(seconds=2))
        url = self.archive.get_hls_streaming_session_url(StreamName=self.stream)[
            "HLSStreamingSessionURL"]
        self.assertRegex(url, "^" + self.kvs.url
                         + r"/hls/v1/getHLSMasterPlaylist\.m3u8\?SessionToken=[A-Za-z0-9_-]+~{0,2}$")
        by_arn = self.archive.get_hls_streaming_session_url(StreamARN=self.arn)[
            "HLSStreamingSessionURL"]
        self.assertNotEqual(token_of(url), token_of(by_arn))

    def test_unknown_stream(self):
        self.refused("ResourceNotFoundException", 404, self.archive.get_hls_streaming_session_url,
                     StreamName="nobody")

    def test_nothing_to_play(self):
        self.assertEqual(self.refuse("ResourceNotFoundException", 404), NO_FRAGMENTS)
        self.put_clip(self.clip(seconds=2))
        start = now_ms() - 3600000
        status, answer = self.ask(
            "getHLSStreamingSessionURL", PlaybackMode="ON_DEMAND",
            HLSFragmentSelector=self.selector("PRODUCER", start - 1000, start))
        self.assertEqual((status, answer["Message"]), (404, NO_FRAGMENTS))

    def test_choices(self):
        self.put_clip(self.clip(seconds=2))
        for member in ("PlaybackMode", "ContainerFormat", "DiscontinuityMode",
                       "DisplayFragmentTimestamp"):
            with self.subTest(member):
                self.refuse_argument(**{member: "NEITHER"})
        status, answer = self.ask("getHLSStreamingSessionURL", HLSFragmentSelector={
            "FragmentSelectorType": "OTHER_TIMESTAMP"})
        self.assertEqual(status, 400, answer)

    def test_limits(self):
        self.put_clip(self.clip(seconds=2))
        for member, low, high in (("Expires", 300, 43200),
                                  ("MaxMediaPlaylistFragmentResults", 1, 5000)):
            for value, is_good in ((low - 1, False), (low, True), (high, True), (high + 1, False)):
                with self.subTest(member=member, value=value):
                    status, answer = self.ask("getHLSStreamingSessionURL", **{member: value})
                    self.assertEqual(status, 200 if is_good else 400, answer)

    def test_ranges(self):
        start = self.put_clip(self.clip(seconds=2))
        bad = [
            ("LIVE", self.selector("PRODUCER", start, start + 1000)),
            ("ON_DEMAND", None),
            ("ON_DEMAND", self.selector("PRODUCER")),
            ("ON_DEMAND", self.selector("PRODUCER", start)),
            ("ON_DEMAND", self.selector("PRODUCER", start, start)),
            ("ON_DEMAND", self.selector("PRODUCER", start, start - 1)),
            ("ON_DEMAND", self.selector("PRODUCER", start, start + 24 * 3600000 + 1)),
            ("ON_DEMAND", self.selector("SERVER", now_ms() - 1000, now_ms() + 5000)),
            ("ON_DEMAND", self.selector("SERVER", now_ms() - 3 * 3600000, now_ms() - 100)),
            ("LIVE_REPLAY", None),
            ("LIVE_REPLAY", self.selector("SERVER")),
        ]
        for mode, selector in bad:
            with self.subTest(mode=mode, selector=selector):
                members = {"HLSFragmentSelector": selector} if selector else {}
                status, answer = self.ask("getHLSStreamingSessionURL", PlaybackMode=mode, **members)
                self.assertEqual(status, 400, answer)
        status, answer = self.ask("getHLSStreamingSessionURL", PlaybackMode="ON_DEMAND",
                                  HLSFragmentSelector=self.selector("PRODUCER", start,
                                                                    start + 24 * 3600000))
        self.assertEqual(status, 200, answer)

    def test_members_of_dash_are_not_looked_at(self):
        self.put_clip(self.clip(seconds=2))
        self.hls(MaxManifestFragmentResults=0)


class NoRetentionTest(hls_case.HlsCase):
    RETENTION = 0

    def test_stream_without_retention(self):
        self.put_clip(self.clip(seconds=2))
        self.refused("NoDataRetentionException", 400, self.archive.get_hls_streaming_session_url,
                     StreamName=self.stream)


class CodecTest(hls_case.HlsCase):
    """Which first fragments are refused, and with what."""

    def put_tracks(self, *entries, blocks=None):
        header = mkv.header(*entries)
        blocks = blocks or mkv.simple_block(0) + mkv.simple_block(40, key=False)
        self.put_all(header + mkv.cluster(now_ms(), blocks))

    def refuse(self, code, **members):
        return self.refused(code, 400, self.archive.get_hls_streaming_session_url,
                            StreamName=self.stream, **members)

    @staticmethod
    def entry(number, kind, codec, private=None):
        shape = (mkv.element(mkv.VIDEO, mkv.element(mkv.PIXEL_WIDTH, 64)
                             + mkv.element(mkv.PIXEL_HEIGHT, 48)) if kind == 1 else
                 mkv.element(mkv.AUDIO, mkv.element(mkv.SAMPLING_FREQUENCY, 48000.0)
                             + mkv.element(mkv.CHANNELS, 1)))
        return mkv.element(
            mkv.TRACK_ENTRY, mkv.element(mkv.TRACK_NUMBER, number)
            + mkv.element(mkv.TRACK_UID, number) + mkv.element(mkv.TRACK_TYPE, kind)
            + mkv.element(mkv.CODEC_ID, codec) + shape
            + (mkv.element(CODEC_PRIVATE, private) if private else b""))

    def test_other_codec(self):
        self.put_tracks()
        self.refuse("UnsupportedStreamMediaTypeException")

    def test_video_without_private_data(self):
        self.put_tracks(self.entry(1, 1, "V_MPEG4/ISO/AVC"))
        self.assertEqual(self.refuse("MissingCodecPrivateDataException"),
                         "Missing codec private data in fragment for track 1.")

    def test_private_data_that_is_none(self):
        self.put_tracks(self.entry(1, 1, "V_MPEG4/ISO/AVC", b"\0\0\0\1\x67\x42\0\x1e"))
        self.refuse("InvalidCodecPrivateDataException")

    def test_sound_without_private_data(self):
        clip = self.clip(seconds=2)
        video = mkv.children(mkv.parse(clip.tracks)[0][1], mkv.TRACK_ENTRY)[0]
        private = mkv.children(video, CODEC_PRIVATE)[0]
        self.put_tracks(self.entry(1, 1, "V_MPEG4/ISO/AVC", private), self.entry(2, 2, "A_AAC"),
                        blocks=mkv.simple_block(0) + mkv.simple_block(20, track=2))
        self.assertEqual(self.refuse("MissingCodecPrivateDataException"),
                         "Missing codec private data in fragment for track 2.")

    def test_tracks_that_cannot_be_read(self):
        """Ingest does not look into what it need not know."""
        clip = self.clip(seconds=2, audio=False)
        self.put_all(OF_LATER + clip.header[len(mkv.ebml()):] + clip.cluster(0, now_ms()))
        self.refuse("UnsupportedStreamMediaTypeException")
        self.refused("UnsupportedStreamMediaTypeException", 400,
                     self.archive.get_dash_streaming_session_url, StreamName=self.stream)

    def test_fragments_that_cannot_be_read(self):
        """They are listed, and refused to who fetches them; those beside them are played."""
        clip = self.clip(seconds=2, audio=False)
        start = self.put_clip(clip)
        laced = mkv.element(mkv.SIMPLE_BLOCK, b"\x81\x00\x00\xff\xff\xff")
        for header, blocks in ((OF_LATER + clip.header[len(mkv.ebml()):], mkv.simple_block(0)),
                               (clip.header, laced)):
            start += 5000
            self.put_all(header + mkv.cluster(start, blocks))
        url = self.hls()
        answers = [hls_case.fetch(urllib.parse.urljoin(url, segment.uri))
                   for segment in self.playlist(url).segments]
        self.assertEqual([answer[0] for answer in answers], [200, 200, 400, 400])
        for _, headers, _ in answers[2:]:
            self.assertIn("InvalidMediaFrameException", headers["x-amzn-errortype"])

    def test_sound_of_another_codec(self):
        clip = self.clip(seconds=2)
        video = mkv.children(mkv.parse(clip.tracks)[0][1], mkv.TRACK_ENTRY)[0]
        private = mkv.children(video, CODEC_PRIVATE)[0]
        self.put_tracks(self.entry(1, 1, "V_MPEG4/ISO/AVC", private), mkv.audio_track(2),
                        blocks=mkv.simple_block(0) + mkv.simple_block(20, track=2))
        self.refuse("UnsupportedStreamMediaTypeException")

    def test_h265_goes_into_mp4_alone(self):
        self.put_clip(self.clip(codec="h265", seconds=2))
        self.refuse("UnsupportedStreamMediaTypeException", ContainerFormat="MPEG_TS")
        master = self.master(self.hls())
        self.assertRegex(master.variants[0][0]["CODECS"], r'^"hvc1\.1\.6\.L\d+(\.[0-9A-F]+)*,mp4a')

    def test_sound_alone(self):
        clip = self.clip(seconds=2)
        entries = mkv.parse(clip.tracks)[0][1]
        audio = [clip.tracks[start:end] for number, content, start, end in entries
                 if number == mkv.TRACK_ENTRY][1]
        header = mkv.header(audio)
        self.put_all(header + clip.cluster(0, now_ms(), tracks=[2]))
        master = self.master(self.hls())
        self.assertEqual(master.variants[0][0]["CODECS"], '"mp4a.40.2"')
        self.assertNotIn("RESOLUTION", master.variants[0][0])
        self.assertEqual(master.media, [])


class TokenTest(hls_case.HlsCase):
    ARGS = ["--playback-seconds", "4"]

    def setUp(self):
        super().setUp()
        self.start = self.put_clip(self.clip(seconds=2))

    def paths(self, url):
        """All that a session of fMP4 offers."""
        segment = self.playlist(url).segments[0]
        uris = [self.master(url).variants[0][1], segment.map, segment.uri]
        return [url] + [urllib.parse.urljoin(url, uri) for uri in uris]

    def test_no_token_and_no_signature(self):
        url = self.hls()
        for path in self.paths(url):
            parts = urllib.parse.urlsplit(path)
            query = urllib.parse.parse_qs(parts.query)
            self.assertEqual(hls_case.fetch(path)[0], 200)
            del query["SessionToken"]
            without = parts._replace(query=urllib.parse.urlencode(query, doseq=True)).geturl()
            self.get(without, 403)

    def test_every_change_to_a_token_is_found(self):
        url = self.hls()
        token = token_of(url)
        raw = base64.urlsafe_b64decode(token.replace("~", "="))
        self.assertGreaterEqual(len(raw), 32)
        bad = [token[:-1], token + "A", token + "~", "~" + token, token.swapcase(), token[::-1], "",
               "A" * len(token), token[:20] + "." + token[20:], token[:20] + "%0A" + token[20:]]
        for i in range(len(raw)):
            changed = raw[:i] + bytes([raw[i] ^ 1]) + raw[i + 1:]
            bad.append(base64.urlsafe_b64encode(changed).decode().replace("=", "~"))
        for other in bad:
            body = self.get(url.replace(token, other), 403)
            self.assertNotIn(b"expired", body)
            self.assertNotIn(token.encode(), body)

    def test_tokens_have_nothing_in_common(self):
        raws = [base64.urlsafe_b64decode(token_of(self.hls()).replace("~", "=")) for _ in range(8)]
        self.assertEqual(len({raw[:32] for raw in raws}), 8)
        for a in raws:
            for b in raws:
                if a is not b:
                    self.assertGreater(sum(x != y for x, y in zip(a[:32], b[:32])), 20)

    def test_token_of_another_stream_opens_nothing_of_this_one(self):
        other = self.stream + "-other"
        self.control.create_stream(StreamName=other, DataRetentionInHours=2)
        number = self.numbers(self.playlist(self.hls()))[0]
        mine, self.stream = self.stream, other
        self.put_clip(self.clip(seconds=2))
        url = self.hls()
        segment = urllib.parse.urljoin(
            url, f"getMP4MediaFragment.mp4?FragmentNumber={number}&SessionToken={token_of(url)}"
            "&TrackNumber=1")
        self.get(segment, 404)
        self.stream = mine

    def test_token_opens_only_its_range_and_container(self):
        first, second = [fragment["FragmentNumber"] for fragment in self.stored()][:2]
        url = self.on_demand("PRODUCER", self.start, self.start + 500)
        token = token_of(url)

        def ask(resource, expected, **query):
            query = urllib.parse.urlencode({"SessionToken": token, **query}, safe="~")
            self.get(urllib.parse.urljoin(url, f"{resource}?{query}"), expected)

        ask("getMP4MediaFragment.mp4", 200, FragmentNumber=first, TrackNumber=1)
        ask("getMP4MediaFragment.mp4", 404, FragmentNumber=second, TrackNumber=1)
        ask("getMP4MediaFragment.mp4", 404, FragmentNumber="1", TrackNumber=1)
        ask("getMP4MediaFragment.mp4", 404, TrackNumber=1)
        for track in ("0", "3", "-1", "x", "99999999999999999999"):
            ask("getMP4MediaFragment.mp4", 400, FragmentNumber=first, TrackNumber=track)
            ask("getMP4InitFragment.mp4", 400, TrackNumber=track)
        for sequence in ("1", "-1", "x"):
            ask("getMP4InitFragment.mp4", 400, SequenceNumber=sequence)
        ask("getTSFragment.ts", 400, FragmentNumber=first)
        ask("getNothing.mp4", 404)
        ask("../../dash/v1/getDASHManifest.mpd", 403)

    def test_expiry(self):
        paths = self.paths(self.hls())
        later = self.hls()
        time.sleep(4.1)
        for path in paths:
            self.assertIn(b"Streaming session token is expired", self.get(path, 403))
        self.assertIn(b"Streaming session token is expired", self.get(later, 403))

    def test_deleted_stream(self):
        url = self.on_demand("PRODUCER", self.start, self.start + 5000)
        playlist = self.playlist(url)
        self.control.delete_stream(StreamARN=self.arn)
        self.get(urllib.parse.urljoin(url, playlist.segments[0].uri), 404)

    def test_token_of_an_earlier_run(self):
        with KvsLocal(data=None) as other:
            port = urllib.parse.urlsplit(self.hls())
            self.get(port._replace(netloc=f"127.0.0.1:{other.port}").geturl(), 403)

    def test_browsers_of_other_origins(self):
        parts = urllib.parse.urlsplit(self.hls())
        connection = http.client.HTTPConnection("127.0.0.1", self.kvs.port, timeout=30)
        self.addCleanup(connection.close)
        connection.request("OPTIONS", parts.path, headers={
            "Origin": "http://page.example", "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "range"})
        answer = connection.getresponse()
        answer.read()
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.getheader("Access-Control-Allow-Origin"), "*")
        self.assertIn("GET", answer.getheader("Access-Control-Allow-Methods"))


if __name__ == "__main__":
    unittest.main()
