# SPDX-License-Identifier: LGPL-2.1-or-later
"""G.711 in clips and DASH (section 8): FFmpeg and GStreamer decode the samples that were sent."""

import os
import struct
import unittest
import urllib.parse
import xml.etree.ElementTree

import hls_case
import kvslocal_case
import media
import mkvwriter as mkv
import support
from hls_case import now_ms

MPD = "{urn:mpeg:dash:schema:mpd:2011}"
LAWS = {"alaw": 6, "mulaw": 7}
RATE = 8000
SAMPLE_BYTES = 2
# what the smallest value of A-law is when it is decoded
SILENCE = struct.pack("<h", 8)
CODEC_PRIVATE = 0x63A2
CONTAINERS = ("FRAGMENTED_MP4", "MPEG_TS")


def setUpModule():
    kvslocal_case.require_kvs_local()
    support.tool("ffmpeg")


def sound(law, rate=RATE, channels=1, packets=""):
    """Of a pitch that rises, so that no part is like another; packets: a filter that makes them of one
    size."""
    return ("-af", f"aeval='sin(2000*t*t)':c=same,aresample={rate}{packets}", "-ac", str(channels), "-c:a", f"pcm_{law}")


def wave_format(tag=6, channels=1, rate=RATE, average=None, align=None, bits=8, extra=0):
    return struct.pack("<HHIIHHH", tag, channels, rate,
                       channels * rate if average is None else average,
                       channels if align is None else align, bits, extra)


def track(number, codec_id, private=None):
    shape = (mkv.element(mkv.VIDEO, mkv.element(mkv.PIXEL_WIDTH, 160)
                         + mkv.element(mkv.PIXEL_HEIGHT, 120)) if codec_id[0] == "V" else
             mkv.element(mkv.AUDIO, mkv.element(mkv.SAMPLING_FREQUENCY, float(RATE))
                         + mkv.element(mkv.CHANNELS, 1)))
    return mkv.element(mkv.TRACK_ENTRY, mkv.element(mkv.TRACK_NUMBER, number)
                       + mkv.element(mkv.TRACK_UID, number)
                       + mkv.element(mkv.TRACK_TYPE, 1 if codec_id[0] == "V" else 2)
                       + mkv.element(mkv.CODEC_ID, codec_id)
                       + (mkv.element(CODEC_PRIVATE, private) if private else b"") + shape)


def gstreamer_samples(description):
    """What a pipeline decodes to, which writes to a file named OUT and has nothing to complain of."""
    path = os.path.join(os.environ["TMPDIR"], "samples.raw")
    media.run_quiet(support.tool("gst-launch-1.0"), "-q", *(
        word.replace("OUT", path) if word == "location=OUT" else word
        for word in description.split()))
    with open(path, "rb") as file:
        return file.read()


class G711Case(hls_case.HlsCase):
    def g711_clip(self, law="alaw", seconds=4, **options):
        return self.clip(seconds=seconds, sound=sound(law, **options))

    def put_at_second(self, clip, start_ms=None, **options):
        """botocore cuts fractions of seconds off."""
        return self.put_clip(clip, start_ms or now_ms() // 1000 * 1000 - 60000, **options)

    def clip_request(self, start_ms, seconds=50):
        return {"StreamName": self.stream, "ClipFragmentSelector": self.selector(
            "PRODUCER", start_ms, start_ms + seconds * 1000)}

    def get_clip(self, start_ms, seconds=50):
        """Path of the file."""
        answer = self.archive.get_clip(**self.clip_request(start_ms, seconds))
        self.assertEqual(answer["ContentType"], "video/mp4")
        path = os.path.join(self.kvs.data, f"{self.stream}.mp4")
        with open(path, "wb") as file:
            file.write(answer["Payload"].read())
        return path

    def range_of(self, start_ms, seconds=50):
        return self.selector("PRODUCER", start_ms, start_ms + seconds * 1000)

    def dash_url(self, start_ms, seconds=50):
        return self.dash(PlaybackMode="ON_DEMAND",
                         DASHFragmentSelector=self.range_of(start_ms, seconds))

    def manifest_track(self, url, place):
        root = xml.etree.ElementTree.fromstring(self.get(url))
        return root.findall(f".//{MPD}AdaptationSet")[place]

    def consumers(self, start_ms, seconds=50):
        """Name and call of each one that chooses by codecs."""
        selector = self.range_of(start_ms, seconds)
        yield "clip", lambda: self.archive.get_clip(**self.clip_request(start_ms, seconds))
        yield "dash", lambda: self.archive.get_dash_streaming_session_url(
            StreamName=self.stream, PlaybackMode="ON_DEMAND", DASHFragmentSelector=selector)
        for container in CONTAINERS:
            yield container, lambda container=container: (
                self.archive.get_hls_streaming_session_url(
                    StreamName=self.stream, PlaybackMode="ON_DEMAND", ContainerFormat=container,
                    HLSFragmentSelector=selector))

    def check_sound(self, path, codec, rate=RATE, channels=1):
        """ffprobe's words on the second track of a file."""
        stream = media.probe(path, "a", "error")["streams"][0]
        self.assertEqual((stream["codec_name"], stream["sample_rate"], stream["channels"]),
                         (codec, str(rate), channels))


class Clips(G711Case):
    def check_clip(self, clip, path, rate=RATE, channels=1):
        self.check_sound(path, "pcm_alaw", rate, channels)
        self.assertEqual(media.probe(path)["streams"][0]["codec_tag_string"], "avc1")
        self.assertEqual(media.samples(path), media.samples(clip.path))
        self.assertEqual(media.picture_hashes(path), clip.hashes)

    def test_a_law(self):
        clip = self.g711_clip()
        path = self.get_clip(self.put_at_second(clip))
        self.check_clip(clip, path)
        self.assertEqual(len(media.samples(path)), 4 * RATE * SAMPLE_BYTES)
        times = {kind: min(float(packet["pts_time"]) for packet in
                           media.probe(path, kind, "error")["packets"]) for kind in "va"}
        sent = {kind: min(float(packet["pts_time"]) for packet in
                          media.probe(clip.path, kind, "error")["packets"]) for kind in "va"}
        self.assertAlmostEqual(times["a"] - times["v"], sent["a"] - sent["v"], delta=0.002)

    def test_other_rates_and_channels(self):
        for rate, channels in ((16000, 2), (48000, 1)):
            with self.subTest(rate=rate, channels=channels):
                self.stream = f"{self._testMethodName}-{rate}"
                self.control.create_stream(StreamName=self.stream, DataRetentionInHours=2)
                clip = self.g711_clip(rate=rate, channels=channels)
                self.check_clip(clip, self.get_clip(self.put_at_second(clip)), rate, channels)

    def test_more_than_65535_hz(self):
        """FFmpeg writes a WAVEFORMATEXTENSIBLE for such, which is none of what the service names."""
        clip = self.g711_clip(rate=96000)
        entry = mkv.parse(clip.tracks)[0][1][1][1]
        extensible = mkv.element(CODEC_PRIVATE, mkv.children(entry, CODEC_PRIVATE)[0])
        plain = mkv.element(CODEC_PRIVATE, wave_format(rate=96000))
        start = now_ms() // 1000 * 1000 - 60000
        body = clip.body(start)
        self.assertIn(extensible, body)
        padding = mkv.element(mkv.VOID, bytes(len(extensible) - len(plain) - 2))
        self.put_all(body.replace(extensible, plain + padding))
        self.check_clip(clip, self.get_clip(start), 96000)
        self.check_sound(self.dash_url(start), "pcm_alaw", 96000)

    def test_gstreamer(self):
        support.require_elements("qtdemux", "alawdec", "avdec_h264")
        clip = self.g711_clip()
        path = self.get_clip(self.put_at_second(clip))
        self.assertEqual(gstreamer_samples(
            f"filesrc location={path} ! qtdemux name=d d.audio_0 ! queue ! alawdec ! filesink "
            "location=OUT d.video_0 ! queue ! h264parse ! avdec_h264 ! fakesink"),
            media.samples(clip.path))

    def test_kvssink(self):
        """Pictures and sound as kvssink put them."""
        support.require_elements("x264enc", "alawenc")
        pictures, sent = (os.path.join(self.kvs.data, name) for name in ("sink.mkv", "sink.al"))
        start = now_ms() // 1000 - 60
        child = support.pipeline(
            "videotestsrc num-buffers=60 pattern=ball ! video/x-raw,width=160,height=120,"
            "framerate=10/1 ! x264enc key-int-max=10 ! h264parse ! tee name=t t. ! queue ! "
            f"matroskamux ! filesink location={pictures} t. ! queue ! kvssink name=sink "
            f"stream-name={self.stream} streaming-type=offline file-start-time={start} "
            "audiotestsrc num-buffers=300 samplesperbuffer=160 ! audio/x-raw,rate=8000,channels=1 "
            f"! alawenc ! tee name=a a. ! queue ! filesink location={sent} a. ! queue ! sink.",
            env=self.kvs.env)
        self.assertEqual(child.wait(60), 0, child.output)
        path = self.get_clip(start * 1000)
        self.check_sound(path, "pcm_alaw")
        self.assertEqual(media.picture_hashes(path), media.picture_hashes(pictures))
        with open(sent, "rb") as file:
            law = file.read()
        self.assertEqual(len(law), 6 * RATE)
        self.assertEqual(media.payload(path, "a"), law)

    def test_missing_sound_is_silence(self):
        """QuickTime has no time for each sample: without silence all that follows would be early."""
        clip = self.g711_clip(packets=",asetnsamples=n=160:p=0")
        data = clip.header
        for place, fragment in enumerate(clip.fragments):
            begin = min(at for at, number, _, _ in fragment if number == 1)
            data += mkv.cluster(clip.start_ms(place), b"".join(
                mkv.simple_block(at - begin, frame, number, key)
                for at, number, key, frame in fragment
                if place not in (1, 2) or number == 1 or not 400 <= at - begin < 800))
        start = now_ms() // 1000 * 1000 - 60000
        acks = self.put(timecodes="RELATIVE", start=str(start // 1000)).send_all(data)
        self.assertEqual([ack for ack in acks if ack["EventType"] == "ERROR"], [])
        got, sent = media.samples(self.get_clip(start)), media.samples(clip.path)
        self.assertEqual(len(got), len(sent))
        for place in (1, 2):
            first, last = ((place * 1000 + ms) * RATE // 1000 * SAMPLE_BYTES for ms in (400, 800))
            self.assertEqual(got[first:last], SILENCE * (400 * RATE // 1000))
            sent = sent[:first] + got[first:last] + sent[last:]
        self.assertEqual(got, sent)

    def join_sessions(self, clip, sound_ms):
        """Samples of a clip of five sessions, each a second of pictures and so much sound."""
        begin = min(at for at, number, _, _ in clip.fragments[0] if number == 1)
        frames = [frame for fragment in clip.fragments[:2] for frame in fragment]
        n_pictures = sum(1 for frame in clip.fragments[0] if frame[1] == 1)
        pictures = [frame for frame in frames if frame[1] == 1][:n_pictures]
        heard = [frame for frame in frames if frame[1] == 2 and frame[0] - begin < sound_ms]
        body = mkv.cluster(0, b"".join(mkv.simple_block(at - begin, frame, number, key)
                                       for at, number, key, frame in pictures + heard))
        start = now_ms() // 1000 * 1000 - 600000
        for i in range(5):
            acks = self.put(timecodes="RELATIVE", start=str(start // 1000 + 20 * i)).send_all(
                clip.header + body)
            self.assertEqual([ack for ack in acks if ack["EventType"] == "ERROR"], [])
        return media.samples(self.get_clip(start, 500))

    def check_places(self, clip, got, first, last):
        """The same samples at the same time of each second, give or take what is not corrected."""
        sent = media.samples(clip.path)
        for i in range(5):
            begin, end = (int((i + place) * RATE) * SAMPLE_BYTES for place in (first, last))
            want = sent[int(first * RATE) * SAMPLE_BYTES:int(last * RATE) * SAMPLE_BYTES]
            slack = RATE * 41 // 1000 * SAMPLE_BYTES
            at = got.find(want, max(begin - slack, 0), end + slack)
            self.assertGreaterEqual(at, 0, i)

    def test_sessions_with_little_sound(self):
        """Sound that is shorter than the pictures does not come earlier from session to session."""
        clip = self.g711_clip()
        self.check_places(clip, self.join_sessions(clip, 700), 0, 0.6)

    def test_sessions_with_much_sound(self):
        """Nor does sound that is longer come later."""
        clip = self.g711_clip()
        self.check_places(clip, self.join_sessions(clip, 1500), 0.6, 0.9)

    def test_half_a_sample(self):
        clip = self.g711_clip(channels=2)
        start = now_ms() // 1000 * 1000 - 60000
        for data, code in ((b"\xd5" * 8, None), (b"\xd5" * 7, "InvalidMediaFrameException")):
            self.stream = f"{self._testMethodName}-{len(data)}"
            self.control.create_stream(StreamName=self.stream, DataRetentionInHours=2)
            pictures = b"".join(mkv.simple_block(at - clip.fragments[0][0][0], frame, number, key)
                                for at, number, key, frame in clip.fragments[0] if number == 1)
            self.put_all(clip.header + mkv.cluster(start, pictures
                                                   + mkv.simple_block(0, data, 2)))
            if code is None:
                self.assertEqual(media.samples(self.get_clip(start)), SILENCE * 8)
            else:
                self.refused(code, 400, self.archive.get_clip, **self.clip_request(start))


class Dash(G711Case):
    def play(self, law):
        clip = self.g711_clip(law)
        url = self.dash_url(self.put_at_second(clip))
        return clip, url

    def test_manifest(self):
        for law, name in (("alaw", "alaw"), ("mulaw", "ulaw")):
            with self.subTest(law=law):
                self.stream = f"{self._testMethodName}-{law}"
                self.control.create_stream(StreamName=self.stream, DataRetentionInHours=2)
                clip = self.g711_clip(law, rate=16000)
                url = self.dash_url(self.put_at_second(clip))
                found = self.manifest_track(url, 1)
                self.assertEqual((found.get("contentType"), found.get("mimeType")),
                                 ("audio", "audio/mp4"))
                representation = found.find(f"{MPD}Representation")
                self.assertEqual((representation.get("codecs"),
                                  representation.get("audioSamplingRate")), (name, "16000"))
                template = representation.find(f"{MPD}SegmentTemplate")
                init = self.get(urllib.parse.urljoin(url, template.get("initialization")))
                # the name of its sample description
                self.assertIn(name.encode(), init[init.index(b"stsd"):])

    def test_ffmpeg(self):
        for law in LAWS:
            with self.subTest(law=law):
                self.stream = f"{self._testMethodName}-{law}"
                self.control.create_stream(StreamName=self.stream, DataRetentionInHours=2)
                clip, url = self.play(law)
                self.check_sound(url, f"pcm_{law}")
                self.assertEqual(media.samples(url), media.samples(clip.path))
                self.assertEqual(media.picture_hashes(url), clip.hashes)

    def test_gstreamer(self):
        """dashdemux2 by uridecodebin3, dashdemux by uridecodebin, and that with qtdemux alone."""
        support.require_elements("uridecodebin3", "dashdemux2", "dashdemux", "souphttpsrc", "qtdemux",
                                 "alawdec", "mulawdec")
        for law in LAWS:
            self.stream = f"{self._testMethodName}-{law}"
            self.control.create_stream(StreamName=self.stream, DataRetentionInHours=2)
            clip, url = self.play(law)
            sent = media.samples(clip.path)
            both = ("name=d d. ! audio/x-raw ! filesink location=OUT "
                    "d. ! video/x-raw ! fakesink sync=false")
            for name, pipeline in (
                    ("uridecodebin3", f"uridecodebin3 uri={url} {both}"),
                    ("uridecodebin", f"uridecodebin uri={url} {both}"),
                    ("dashdemux", f"souphttpsrc location={url} ! dashdemux name=d d.audio_00 ! "
                                  f"qtdemux ! audio/x-{law},rate={RATE},channels=1 ! {law}dec ! "
                                  "filesink location=OUT d.video_00 ! fakesink sync=false")):
                with self.subTest(law=law, player=name):
                    self.assertEqual(gstreamer_samples(pipeline), sent)

    def test_times(self):
        """Sound goes on without gaps from fragment to fragment, and is with its pictures."""
        clip, url = self.play("alaw")
        for kind in "va":
            got, sent = (sorted(float(packet["pts_time"]) for packet in
                                media.probe(path, kind, "error")["packets"])
                         for path in (url, clip.path))
            if kind == "v":
                shift = got[0] - sent[0]
            self.assertEqual(len(got), len(sent))
            for one, other in zip(got, sent):
                self.assertAlmostEqual(one - other, shift, delta=0.003)

    def test_codec_may_not_change(self):
        clip = self.g711_clip(seconds=2)
        start = self.put_at_second(clip)
        for i, (law, rate) in enumerate((("mulaw", RATE), ("alaw", 16000))):
            self.put_clip(self.g711_clip(law, seconds=2, rate=rate), start + 2000 + i * 2000)
        url = self.dash_url(start)
        template = self.manifest_track(url, 1).find(f".//{MPD}SegmentTemplate").get("media")
        for number, code in ((2, None), (3, "UnsupportedStreamMediaTypeException"),
                             (5, "InvalidCodecPrivateDataException")):
            status, headers, _ = hls_case.fetch(
                urllib.parse.urljoin(url, template.replace("$Number$", str(number))))
            self.assertEqual((status, headers.get("x-amzn-errortype", "").split(":")[0] or None),
                             (400 if code else 200, code))
        self.refused("UnsupportedStreamMediaTypeException", 400, self.archive.get_clip,
                     **self.clip_request(start))


class Refused(G711Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.private = {}
        for name in ("h264", "h265"):
            entry = mkv.parse(cls.clip(seconds=1, codec=name, audio=False).tracks)[0][1][0][1]
            cls.private[name] = mkv.children(entry, CODEC_PRIVATE)[0]

    def setUp(self):
        super().setUp()
        self.avc = track(1, "V_MPEG4/ISO/AVC", self.private["h264"])
        self.hevc = track(1, "V_MPEGH/ISO/HEVC", self.private["h265"])
        self.start = now_ms() // 1000 * 1000 - 3600 * 1000

    def put_tracks(self, *tracks):
        """One fragment with a frame of each track, an hour ago at first; its time."""
        self.start += 100000
        frames = b"".join(mkv.simple_block(0, b"\0\0\0\2\x65\x80", i + 1)
                          for i in range(len(tracks)))
        self.assertFalse([event for event in
                          self.put_all(mkv.header(*tracks) + mkv.cluster(self.start, frames))
                          if event.startswith("ERROR")])
        return self.start

    def outcome(self, call):
        """Name of the modelled exception that botocore raises, if it does."""
        try:
            call()
        except self.archive.exceptions.ClientError as error:
            code = error.response["Error"]["Code"]
            self.assertIs(type(error), getattr(self.archive.exceptions, code))
            return code
        return None

    def check(self, tracks, **expected):
        """expected: exceptions by consumer; the others are under `others`."""
        start = self.put_tracks(*tracks)
        found = {name: self.outcome(call) for name, call in self.consumers(start)}
        self.assertEqual(found, {name: expected.get(name, expected.get("others"))
                                 for name in found})

    def test_table(self):
        """Section 8: which codecs may be with which."""
        refused = "UnsupportedStreamMediaTypeException"
        laws = {law: track(2, "A_MS/ACM", wave_format(tag)) for law, tag in LAWS.items()}
        aac = track(2, "A_AAC", b"\x11\x88")
        self.check([self.avc, aac])
        self.check([self.hevc, aac], MPEG_TS=refused)
        self.check([self.avc, laws["alaw"]], others=refused, clip=None, dash=None)
        self.check([self.avc, laws["mulaw"]], others=refused, dash=None)
        for law, tag in LAWS.items():
            alone = track(1, "A_MS/ACM", wave_format(tag))
            with self.subTest(law=law):
                self.check([self.hevc, laws[law]], others=refused)
                self.check([alone], others=refused)
                self.check([alone, track(2, "V_MPEG4/ISO/AVC", self.private["h264"])],
                           others=refused)
                self.check([self.avc, laws[law], track(3, "A_AAC", b"\x11\x88")], others=refused)

    def test_other_formats_of_acm(self):
        for private in (wave_format(tag=1, bits=16, align=2), wave_format(tag=0x55),
                        wave_format(tag=0xFF, extra=2) + b"\x11\x88",
                        wave_format(tag=0xFFFE, extra=22) + struct.pack("<HI", 8, 4)
                        + b"\6\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"):
            with self.subTest(private=private.hex()):
                self.check([self.avc, track(2, "A_MS/ACM", private)],
                           others="UnsupportedStreamMediaTypeException")

    def test_private_data_is_missing(self):
        self.check([self.avc, track(2, "A_MS/ACM")], others="UnsupportedStreamMediaTypeException",
                   clip="MissingCodecPrivateDataException", dash="MissingCodecPrivateDataException")

    def test_private_data_is_bad(self):
        """libavformat opens no file with some of them, and then nothing is known of its tracks."""
        bad = "InvalidCodecPrivateDataException"
        for private, opens in (
                (b"\6", True), (wave_format()[:10], True), (wave_format()[:17], True),
                (wave_format(channels=0), True), (wave_format(align=2), True),
                (wave_format(bits=16), True), (wave_format(extra=1), True),
                (wave_format(rate=0), False), (wave_format(rate=0x80000000), False)):
            with self.subTest(private=private.hex()):
                self.check([self.avc, track(2, "A_MS/ACM", private)], clip=bad, dash=bad,
                           others="UnsupportedStreamMediaTypeException" if opens else bad)
        self.check([self.avc, track(2, "A_MS/ACM", wave_format(7)[:17])], dash=bad,
                   others="UnsupportedStreamMediaTypeException")

    def test_what_other_producers_write(self):
        """That of the AWS SDK has no bits, and an eighth of the bytes a second."""
        clip = self.g711_clip(seconds=2)
        for i, private in enumerate((wave_format(average=RATE // 8, bits=0),
                                     wave_format(average=0, extra=0))):
            self.stream = f"{self._testMethodName}-{i}"
            self.control.create_stream(StreamName=self.stream, DataRetentionInHours=2)
            start = now_ms() // 1000 * 1000 - 60000
            body = clip.body(start).replace(wave_format(), private, 1)
            self.assertIn(private, body)
            self.put_all(body)
            self.assertEqual(media.samples(self.get_clip(start)), media.samples(clip.path))
            self.assertEqual(media.samples(self.dash_url(start)), media.samples(clip.path))

    def test_extreme_formats(self):
        """A file comes out, or the frames do not fit the format; kvs-local lives on."""
        clip = self.g711_clip(seconds=1)
        for i, (private, expected) in enumerate((
                (wave_format(channels=65535), "InvalidMediaFrameException"),
                (wave_format(channels=255, rate=768000), "InvalidMediaFrameException"),
                (wave_format(channels=3), "InvalidMediaFrameException"),
                (wave_format(rate=0x7FFFFFFF), None), (wave_format(rate=1), None))):
            self.stream = f"{self._testMethodName}-{i}"
            self.control.create_stream(StreamName=self.stream, DataRetentionInHours=2)
            start = now_ms() // 1000 * 1000 - 60000
            self.put_all(clip.body(start).replace(wave_format(), private, 1))
            self.assertEqual(self.outcome(lambda start=start: self.get_clip(start)), expected)
            url = self.dash_url(start)
            for place in range(2):
                template = self.manifest_track(url, place).find(f".//{MPD}SegmentTemplate")
                self.get(urllib.parse.urljoin(url, template.get("initialization")))
                status, headers, _ = hls_case.fetch(urllib.parse.urljoin(
                    url, template.get("media").replace("$Number$", "1")))
                if status != 200:
                    self.assertEqual((place, status, headers["x-amzn-errortype"].split(":")[0]),
                                     (1, 400, "InvalidMediaFrameException"))


if __name__ == "__main__":
    unittest.main()
