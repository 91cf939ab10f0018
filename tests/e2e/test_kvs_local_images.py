# SPDX-License-Identifier: LGPL-2.1-or-later
"""kvs-local: GetImages. The oracle of pictures is FFmpeg, that of JPEG's tables is libjpeg."""

import base64
import json
import os
import struct
import subprocess
import tempfile
import threading
import time
import unittest

import archive_media as av
import mkvwriter as mkv
import support
from kvs_archive_case import ArchiveCase, require_kvs_local, unknown_members

START = 1000


def setUpModule():
    require_kvs_local()
    support.tool("ffmpeg")


def png_size(data):
    return struct.unpack(">II", data[16:24])


def jpeg_segments(data):
    """Payloads of a JPEG file's segments by marker, up to the picture."""
    found, at = {}, 2
    while data[at + 1] != 0xDA:
        length = int.from_bytes(data[at + 2:at + 4], "big")
        found.setdefault(data[at + 1], []).append(data[at + 4:at + 2 + length])
        at += 2 + length
    return found


def jpeg_size(data):
    height, width = struct.unpack(">HH", next(
        segment for marker, segments in jpeg_segments(data).items() if marker in (0xC0, 0xC1, 0xC2)
        for segment in segments)[1:5])
    return width, height


def quantisers(data):
    """The tables of a JPEG file by number, without the value for the mean."""
    tables = {}
    for segment in jpeg_segments(data)[0xDB]:
        while segment:
            tables[segment[0]] = list(segment[2:65])
            segment = segment[65:]
    return tables


class ImagesCase(ArchiveCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name

    def put_file(self, path, start=START):
        with open(path, "rb") as file:
            acks = self.put(timecodes="RELATIVE", start=str(start)).send_all(file.read())
        self.assertEqual([ack for ack in acks if ack["EventType"] == "ERROR"], [])
        return [ack["FragmentNumber"] for ack in acks if ack["EventType"] == "PERSISTED"]

    def request(self, start, end, **members):
        return {"StreamName": self.stream, "ImageSelectorType": "PRODUCER_TIMESTAMP",
                "StartTimestamp": start, "EndTimestamp": end, "Format": "PNG", **members}

    def images(self, start, end, **members):
        """(time, file or error) of each image of a page, and the page's token. Not by botocore, whose
        model in Debian still has a least SamplingInterval of 3 s."""
        body = json.dumps(self.request(start, end, **members)).encode()
        status, headers, answer = self.post("/getImages", body)
        self.assertEqual((status, headers["content-type"]), (200, "application/json"), answer)
        answer = json.loads(answer)
        self.assertEqual(unknown_members(self.archive, "GetImages", answer), [])
        found = []
        for image in answer["Images"]:
            self.assertEqual(len(image), 2)
            found.append((image["TimeStamp"], base64.b64decode(image["ImageContent"])
                          if "ImageContent" in image else image["Error"]))
        return found, answer.get("NextToken")


class Images(ImagesCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clip = av.make_media(os.path.join(cls.folder, "clip.mkv"))
        cls.pictures = av.raw_pictures(cls.clip)

    def check_picture(self, file, place):
        """Of these pictures each differs from the next one."""
        self.assertEqual(av.difference(av.raw_image(file), self.pictures[place]), 0)
        self.assertNotEqual(self.pictures[place], self.pictures[place - 1])

    def test_each_picture(self):
        """A picture is shown from its time on until that of the next one."""
        self.assertEqual(len(self.put_file(self.clip)), 5)
        images, token = self.images(START, START + 4.9, SamplingInterval=700)
        self.assertIsNone(token)
        self.assertEqual([at for at, _ in images], [START + i * 0.7 for i in range(8)])
        for at, file in images:
            self.check_picture(file, int((at - START) * 1000 + 0.5) // 100)

    def test_between_two_pictures(self):
        self.put_file(self.clip)
        for at, place in ((0.099, 0), (0.1, 1), (2.35, 23), (2.999, 29), (4.95, 49)):
            (time_of, file), = self.images(START + at, START + at)[0]
            self.assertAlmostEqual(time_of, START + at, places=3)
            self.check_picture(file, place)

    def test_botocore(self):
        """The answer as a client of AWS gets it; base64 is what it hands on."""
        self.put_file(self.clip)
        answer = self.archive.get_images(**self.request(START + 1, START + 4, Format="JPEG",
                                                        SamplingInterval=3000))
        self.assertNotIn("NextToken", answer)
        self.assertEqual([image["TimeStamp"].timestamp() for image in answer["Images"]],
                         [START + 1, START + 4])
        for image in answer["Images"]:
            self.assertEqual(jpeg_size(base64.b64decode(image["ImageContent"])), av.SIZE)

    def test_server_time(self):
        self.put_file(self.clip)
        listed = self.list_fragments("SERVER_TIMESTAMP", 0, time.time() + 60)["Fragments"]
        at = listed[-1]["ServerTimestamp"].timestamp()
        (_, file), = self.images(at, at, ImageSelectorType="SERVER_TIMESTAMP")[0]
        self.check_picture(file, 40)
        (_, file), = self.images(at + 0.5, at + 0.5, ImageSelectorType="SERVER_TIMESTAMP")[0]
        self.check_picture(file, 45)

    def test_range_shorter_than_the_interval(self):
        self.put_file(self.clip)
        images, token = self.images(START + 1, START + 2.5, SamplingInterval=20000)
        self.assertEqual(([at for at, _ in images], token), ([START + 1], None))
        self.check_picture(images[0][1], 10)

    def test_interval_left_out(self):
        """It is 3 s then."""
        self.put_file(self.clip)
        images, _ = self.images(START, START + 4)
        self.assertEqual([at for at, _ in images], [START, START + 3])

    def test_pages(self):
        self.put_file(self.clip)
        got, sizes, token = [], [], {}
        while token is not None:
            members = {"NextToken": token} if token else {}
            images, token = self.images(START, START + 4.8, SamplingInterval=200, MaxResults=10,
                                        **members)
            got += images
            sizes.append(len(images))
        self.assertEqual(sizes, [10, 10, 5])
        self.assertEqual([round((at - START) * 10) for at, _ in got], list(range(0, 50, 2)))
        for at, file in got[::8]:
            self.check_picture(file, round((at - START) * 10))

    def test_paginator(self):
        self.put_file(self.clip)
        pages = self.archive.get_paginator("get_images").paginate(
            **self.request(START, START + 20, SamplingInterval=3000),
            PaginationConfig={"PageSize": 3})
        times = [[image["TimeStamp"].timestamp() - START for image in page["Images"]]
                 for page in pages]
        self.assertEqual(times, [[0, 3, 6], [9, 12, 15], [18]])

    def test_page_holds_25(self):
        self.put_file(self.clip)
        images, token = self.images(START, START + 10, SamplingInterval=200)
        self.assertEqual(len(images), 25)
        images, token = self.images(START, START + 10, SamplingInterval=200, NextToken=token)
        self.assertEqual(len(images), 25)
        images, token = self.images(START, START + 10, SamplingInterval=200, NextToken=token)
        self.assertEqual((len(images), token), (1, None))

    def test_no_media(self):
        self.put_file(self.clip)
        self.put_file(self.clip, START + 20)
        images, _ = self.images(START - 10, START + 30, SamplingInterval=4000)
        self.assertEqual([round(at - START) for at, file in images if file == "NO_MEDIA"],
                         [-10, -6, -2, 6, 10, 14, 18, 26, 30])
        for at, place in ((2, 20), (22, 20)):
            self.check_picture(next(file for time_of, file in images if time_of == START + at), place)

    def test_newest_of_the_same_time(self):
        other = av.make_media(os.path.join(self.folder, "other.mkv"), 2,
                              source="mandelbrot=size=160x120:rate=10")
        self.put_file(self.clip)
        self.put_file(other)
        (_, file), = self.images(START + 1, START + 1)[0]
        self.assertEqual(av.raw_image(file), av.raw_pictures(other)[10])

    def test_size(self):
        """Both: stretched; height alone: the shape is kept."""
        self.put_file(self.clip)
        for kind, read in (("PNG", png_size), ("JPEG", jpeg_size)):
            for members, want in (({}, (160, 120)),
                                  ({"HeightPixels": 60}, (80, 60)),
                                  ({"HeightPixels": 61}, (81, 61)),
                                  ({"WidthPixels": 300, "HeightPixels": 50}, (300, 50)),
                                  ({"WidthPixels": 3840, "HeightPixels": 2160}, (3840, 2160)),
                                  ({"WidthPixels": 1, "HeightPixels": 1}, (1, 1))):
                (_, file), = self.images(START, START, Format=kind, **members)[0]
                self.assertEqual(read(file), want, (kind, members))

    def test_scaled_picture(self):
        self.put_file(self.clip)
        (_, file), = self.images(START + 2, START + 2, WidthPixels=100, HeightPixels=90)[0]
        want = av.ffmpeg("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "160x120", "-i", "-", "-vf",
                         av.SCALE.replace("scale=", "scale=100:90:"), "-f", "rawvideo", "-",
                         data=self.pictures[20])
        self.assertLess(av.difference(av.raw_image(file), want), 3)

    def test_jpeg(self):
        """80 is the default quality; a JPEG file is near to the picture, the nearer the larger."""
        self.put_file(self.clip)
        sizes, differences = [], []
        for quality in ("1", "25", "50", "80", "100"):
            (_, file), = self.images(START + 2, START + 2, Format="JPEG",
                                     FormatConfig={"JPEGQuality": quality})[0]
            sizes.append(len(file))
            differences.append(av.difference(av.raw_image(file), self.pictures[20]))
            if quality == "80":
                self.assertEqual(self.images(START + 2, START + 2, Format="JPEG")[0][0][1], file)
        self.assertEqual(sizes, sorted(set(sizes)))
        self.assertEqual(differences, sorted(set(differences), reverse=True))
        self.assertLess(differences[-1], 4)

    def test_jpeg_quality_is_that_of_libjpeg(self):
        self.put_file(self.clip)
        support.require_elements("jpegenc")
        for quality in (5, 50, 80, 99):
            (_, file), = self.images(START, START, Format="JPEG",
                                     FormatConfig={"JPEGQuality": str(quality)})[0]
            want = os.path.join(self.folder, "want.jpg")
            subprocess.run([support.tool("gst-launch-1.0"), "-q", "videotestsrc", "num-buffers=1",
                            "!", "jpegenc", f"quality={quality}", "!", "filesink",
                            f"location={want}"], check=True)
            with open(want, "rb") as reference:
                self.assertEqual(quantisers(file), quantisers(reference.read()), quality)

    def test_what_a_client_does_not_wait_for(self):
        """Other requests are answered while images are being made."""
        big = av.make_media(os.path.join(self.folder, "big.mkv"), 12, size=(1280, 720), rate=30,
                            options=["-preset", "ultrafast"])
        self.put_file(big)
        done = threading.Event()

        def ask():
            self.images(START + 0.9, START + 11.9, SamplingInterval=1000, WidthPixels=1280,
                        HeightPixels=720)
            done.set()

        thread = threading.Thread(target=ask)
        thread.start()
        time.sleep(0.1)
        n_answers = 0
        while not done.is_set() and n_answers < 3:
            self.control.describe_stream(StreamName=self.stream)
            acks = self.put(start="5000").send_all(mkv.header() + mkv.cluster(0))
            self.assertEqual(acks[-1]["EventType"], "PERSISTED")
            n_answers += not done.is_set()
        thread.join()
        self.assertEqual(n_answers, 3)

    def test_client_that_goes_away(self):
        self.put_file(self.clip)
        for _ in range(3):
            body = json.dumps(self.request(START, START + 4.8, SamplingInterval=200)).encode()
            sent = self.signed_request("/getImages", body)
            sent.close()
        (_, file), = self.images(START, START)[0]
        self.assertEqual(av.raw_image(file), self.pictures[0])


class OtherMedia(ImagesCase):
    def test_h265(self):
        clip = av.make_media(os.path.join(self.folder, "h265.mkv"), 3, "libx265")
        pictures = av.raw_pictures(clip)
        self.put_file(clip)
        images, _ = self.images(START, START + 2.9, SamplingInterval=900)
        self.assertEqual(len(images), 4)
        for at, file in images:
            self.assertEqual(av.raw_image(file), pictures[round((at - START) * 10)])

    def test_with_sound(self):
        clip = av.make_media(os.path.join(self.folder, "sound.mkv"), 3, audio=True)
        pictures = av.raw_pictures(clip)
        self.put_file(clip)
        images, _ = self.images(START + 0.05, START + 2.9, SamplingInterval=900)
        for at, file in images:
            self.assertEqual(av.raw_image(file), pictures[int((at - START) * 10)])

    def test_media_error(self):
        """Sound alone, codecs that are none of KVS's, pictures that cannot be decoded."""
        private = mkv.element(0x63A2, b"\1\x64\0\x0a\xff\xe1\0\0\1\0\0")
        broken = mkv.element(mkv.TRACK_ENTRY, mkv.element(mkv.TRACK_NUMBER, 1)
                             + mkv.element(mkv.TRACK_UID, 1) + mkv.element(mkv.TRACK_TYPE, 1)
                             + mkv.element(mkv.CODEC_ID, "V_MPEG4/ISO/AVC") + private
                             + mkv.element(mkv.VIDEO, mkv.element(mkv.PIXEL_WIDTH, 64)
                                           + mkv.element(mkv.PIXEL_HEIGHT, 48)))
        for i, track in enumerate((mkv.audio_track(1), mkv.video_track(1), broken)):
            self.put(timecodes="RELATIVE", start=str(START + i)).send_all(
                mkv.header(track) + mkv.cluster(0, [0, 300, 600]))
        images, _ = self.images(START, START + 2.5, SamplingInterval=1000)
        self.assertEqual([file for _, file in images], ["MEDIA_ERROR"] * 3)

    def test_image_too_large(self):
        """An image has at most 6291456 characters (section 15)."""
        clip = av.make_media(os.path.join(self.folder, "noise.mkv"), 1,
                             source="nullsrc=size=640x480:rate=10,geq=random(1)*255:128:128")
        self.put_file(clip)
        (_, error), = self.images(START, START, WidthPixels=3840, HeightPixels=2160)[0]
        self.assertEqual(error, "MEDIA_ERROR")
        (_, file), = self.images(START, START, Format="JPEG", WidthPixels=1920, HeightPixels=1080)[0]
        self.assertEqual(jpeg_size(file), (1920, 1080))

    def test_kvssink(self):
        """Pictures of what kvssink has put."""
        support.require_elements("x264enc")
        source = os.path.join(self.folder, "sink.mkv")
        child = support.pipeline(
            "videotestsrc num-buffers=60 pattern=ball ! video/x-raw,width=160,height=120,"
            "framerate=10/1 ! x264enc key-int-max=10 ! h264parse ! tee name=t "
            f"t. ! queue ! matroskamux ! filesink location={source} t. ! queue ! kvssink "
            f"stream-name={self.stream} streaming-type=offline file-start-time={START}",
            env=self.kvs.env)
        self.assertEqual(child.wait(60), 0, child.output)
        pictures = av.raw_pictures(source)
        self.assertEqual(len(pictures), 60)
        images, _ = self.images(START, START + 5.9, SamplingInterval=300)
        self.assertEqual(len(images), 20)
        for at, file in images:
            self.assertEqual(av.raw_image(file), pictures[round((at - START) * 10)], at)


class Refused(ImagesCase):
    def test_invalid_arguments(self):
        self.fill(1)
        good = self.request(0, 10)
        for members in (
                {"ImageSelectorType": None}, {"ImageSelectorType": "NOW"},
                {"StartTimestamp": None}, {"EndTimestamp": None}, {"StartTimestamp": "0"},
                {"StartTimestamp": 11}, {"EndTimestamp": 300.001}, {"Format": None},
                {"Format": "GIF"}, {"Format": "png"},
                {"SamplingInterval": 199}, {"SamplingInterval": -1}, {"SamplingInterval": "3000"},
                {"SamplingInterval": 1 << 31},
                {"FormatConfig": {}}, {"FormatConfig": {"JPEGQuality": 80}},
                {"FormatConfig": {"JPEGQuality": "0"}}, {"FormatConfig": {"JPEGQuality": "101"}},
                {"FormatConfig": {"JPEGQuality": "high"}}, {"FormatConfig": {"Quality": "80"}},
                {"FormatConfig": {"JPEGQuality": "80", "x": "1"}}, {"FormatConfig": "80"},
                {"HeightPixels": 0}, {"HeightPixels": 2161},
                {"WidthPixels": 0, "HeightPixels": 10}, {"WidthPixels": 3841, "HeightPixels": 10},
                {"MaxResults": 0}, {"MaxResults": 101}, {"NextToken": "AAAA"},
                {"NextToken": ""}, {"StreamARN": self.arn}):
            self.refused_raw("/getImages", {**good, **members}, "InvalidArgumentException")

    def test_width_alone(self):
        self.fill(1)
        self.refused_raw("/getImages", self.request(0, 10, WidthPixels=100), "ValidationException")

    def test_token_of_another_request(self):
        self.fill(1)
        _, token = self.images(0, 100, SamplingInterval=200)
        self.assertTrue(token)
        for members in ({"SamplingInterval": 300}, {"EndTimestamp": 101},
                        {"ImageSelectorType": "SERVER_TIMESTAMP"}):
            self.refused_raw("/getImages", {**self.request(0, 100, SamplingInterval=200),
                                            "NextToken": token, **members},
                             "InvalidArgumentException")

    def test_stream_without_fragments(self):
        self.refused_raw("/getImages", self.request(0, 10), "ResourceNotFoundException", 404)

    def test_unknown_stream(self):
        self.refused_raw("/getImages", self.request(0, 10, StreamName="nowhere"),
                         "ResourceNotFoundException", 404)


class WithoutRetention(ImagesCase):
    RETENTION = 0

    def test_refused(self):
        self.put().send_all(mkv.header() + mkv.cluster(0))
        self.refused_raw("/getImages", self.request(0, 10), "NoDataRetentionException")


if __name__ == "__main__":
    unittest.main()
