# SPDX-License-Identifier: LGPL-2.1-or-later
"""What fragments ask for by their tags, delivered to a folder (section 15)."""

import http.client
import json
import os
import subprocess
import tempfile
import unittest

import media
import mkvwriter as mkv
import support
from kvslocal import KvsLocal
from kvslocal_case import Case, events, persisted, require_kvs_local, wait_for

TOPIC = "arn:aws:sns:us-west-2:123456789012:topic"
NOTIFY = ("AWS_KINESISVIDEO_NOTIFICATION", "")


def setUpModule():
    require_kvs_local()


def configure_images(kvs, stream, interval_ms):
    """Without a signature, and botocore, an older one of which wants an interval of 3000."""
    connection = http.client.HTTPConnection("127.0.0.1", kvs.port, timeout=60)
    connection.request("POST", "/updateImageGenerationConfiguration", json.dumps({
        "StreamName": stream, "ImageGenerationConfiguration": {
            "Status": "ENABLED", "ImageSelectorType": "SERVER_TIMESTAMP", "Format": "PNG",
            "SamplingInterval": interval_ms, "DestinationConfig": {
                "Uri": "s3://bucket", "DestinationRegion": "us-west-2"}}}))
    assert connection.getresponse().status == 200
    connection.close()


class DeliveryCase(Case):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.ARGS = ["--get-media-empty-seconds", "1", "--deliver",
                    os.path.join(cls.folder.name, "deliver")]
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.folder.cleanup()

    def delivered_to(self, kind):
        return os.path.join(self.folder.name, "deliver", kind,
                            f"{self.stream}-{self.arn.split('/')[-1]}")

    def upload(self, words, frames=60):
        child = support.pipeline(
            f"videotestsrc num-buffers={frames} ! video/x-raw,width=320,height=240,framerate=30/1 ! "
            "x264enc key-int-max=30 speed-preset=ultrafast bframes=0 ! "
            f"kvssink stream-name={self.stream} streaming-type=offline {words}".split(),
            env=self.kvs.env)
        self.assertEqual(child.wait(60), 0, child.output)
        return [chunk["tags"] for chunk in self.chunks()]


class Notifications(DeliveryCase):
    def configure(self, status="ENABLED"):
        self.control.update_notification_configuration(
            StreamName=self.stream, NotificationConfiguration={
                "Status": status, "DestinationConfig": {"Uri": TOPIC}})

    def delivered(self):
        """Messages by fragment number."""
        folder = self.delivered_to("notifications")
        if not os.path.exists(folder):
            return {}
        found = {}
        for name in os.listdir(folder):
            self.assertTrue(name.endswith(".json"), name)
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                found[name[:-len(".json")]] = json.load(file)
        return found

    def numbers(self, acks):
        return [ack["FragmentNumber"] for ack in acks if ack["EventType"] == "PERSISTED"]

    def test_message(self):
        self.configure()
        chunks_before = mkv.header() + mkv.tags(("mine", "all the time"))
        event = mkv.tags(NOTIFY, ("gate", "open"), ("who", "J\u00fcrgen"))
        acks = self.put(timecodes="RELATIVE", start="1664000000.5").send_all(
            chunks_before + mkv.cluster(0) + event + mkv.cluster(1000) + mkv.cluster(2000))
        numbers = self.numbers(acks)
        self.assertEqual(len(numbers), 3)
        found = self.delivered()
        self.assertEqual(list(found), [numbers[1]])
        chunk = self.chunks()[1]["tags"]
        server = chunk["AWS_KINESISVIDEO_SERVER_TIMESTAMP"]
        self.assertEqual(found[numbers[1]], {
            "StreamArn": self.arn, "FragmentNumber": numbers[1],
            "FragmentStartProducerTimestamp": 1664000001500,
            "FragmentStartServerTimestamp": int(server.replace(".", "")),
            "NotificationType": "PERSISTED",
            "NotificationPayload": {"gate": "open", "who": "J\u00fcrgen"}})

    def test_pairs_are_those_of_the_event(self):
        self.configure()
        image = mkv.tags(("AWS_KINESISVIDEO_IMAGE_GENERATION", ""), ("shot", "1"),
                         ("AWS_KINESISVIDEO_IMAGE_PREFIX", "x"))
        self.put_all(mkv.header() + mkv.tags(("camera", "2")) + image + mkv.tags(NOTIFY)
                     + mkv.cluster(0) + image + mkv.cluster(1000))
        self.assertEqual([message["NotificationPayload"] for message in self.delivered().values()],
                         [{}])

    def test_configuration_decides(self):
        body = lambda at: mkv.header() + mkv.tags(NOTIFY) + mkv.cluster(at)
        self.put_all(body(0))
        self.assertEqual(self.delivered(), {})
        self.configure("DISABLED")
        self.put_all(body(1000))
        self.assertEqual(self.delivered(), {})
        self.configure()
        self.put_all(body(2000))
        self.assertEqual(len(self.delivered()), 1)
        self.control.update_notification_configuration(StreamName=self.stream)
        self.put_all(body(3000))
        self.assertEqual(len(self.delivered()), 1)

    def test_fragments_that_are_refused_or_not_kept(self):
        self.configure()
        bad = mkv.tags(NOTIFY, ("AWS_OTHER", ""))
        self.put_all(mkv.header() + bad + mkv.cluster(0) + mkv.cluster(1000))
        self.assertEqual(self.delivered(), {})
        version = self.control.describe_stream(StreamName=self.stream)["StreamInfo"]["Version"]
        self.control.update_data_retention(
            StreamName=self.stream, CurrentVersion=version, DataRetentionChangeInHours=2,
            Operation="DECREASE_DATA_RETENTION")
        acks = self.put_all(mkv.header() + mkv.tags(NOTIFY) + mkv.cluster(2000))
        self.assertEqual(acks, ["BUFFERING 2000", "RECEIVED 2000"])
        self.assertEqual(self.delivered(), {})

    def test_kvssink(self):
        self.configure()
        chunks = self.upload("send-notifications=true metadata=metadata,site=gate")
        found = self.delivered()
        self.assertEqual(sorted(found), sorted(
            tags["AWS_KINESISVIDEO_FRAGMENT_NUMBER"] for tags in chunks))
        self.assertEqual(len(found), 2)


class Images(DeliveryCase):
    timeout = 60

    def configure(self, **members):
        configuration = {
            "Status": "ENABLED", "ImageSelectorType": "PRODUCER_TIMESTAMP", "Format": "PNG",
            "SamplingInterval": 500,
            "DestinationConfig": {"Uri": "s3://bucket/some/folder", "DestinationRegion": "us-west-2"},
            **members}
        # an older botocore wants 3000 at least
        status, _, body = self.post("/updateImageGenerationConfiguration", json.dumps({
            "StreamName": self.stream, "ImageGenerationConfiguration": configuration}).encode())
        self.assertEqual(status, 200, body)

    def delivered(self, n_wanted):
        """(path, object) for each image, in the order of fragments and times."""
        folder = self.delivered_to("images")
        suffixes = (".png", ".jpg")
        names = lambda: [] if not os.path.exists(folder) else sorted(
            (name for name in os.listdir(folder) if name.endswith(suffixes)),
            key=lambda name: [int(part) for part in name[:-4].split("-")])
        wait_for(lambda: len(names()) >= n_wanted, 30)
        self.assertEqual(len(names()), n_wanted)
        found = []
        for name in names():
            with open(os.path.join(folder, name[:-4] + ".json"), encoding="utf-8") as file:
                found.append((os.path.join(folder, name), json.load(file)))
        return found

    def pixels(self, path, *options):
        return subprocess.run(
            [support.tool("ffmpeg"), "-nostdin", "-v", "error", "-i", path, *options, "-frames:v",
             "1", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"], check=True,
            capture_output=True).stdout

    def test_png(self):
        self.configure()
        chunks = self.upload("generate-images=true image-prefix=cam/front")
        found = self.delivered(4)
        clip = os.path.join(self.folder.name, "clip.mkv")
        with open(clip, "wb") as file:
            file.write(media.join_files(media.split_files(self.kvs.get_media(self.stream))))
        for i, (path, thing) in enumerate(found):
            tags = chunks[i // 2]
            number = tags["AWS_KINESISVIDEO_FRAGMENT_NUMBER"]
            self.assertEqual(os.path.basename(path), f"{number}-{i % 2 * 500}.png")
            times = [int(tags[f"AWS_KINESISVIDEO_{who}_TIMESTAMP"].replace(".", "")) + i % 2 * 500
                     for who in ("PRODUCER", "SERVER")]
            self.assertEqual(thing["Bucket"], "bucket")
            self.assertRegex(
                thing["Key"], rf"^some/folder/cam/front_123456789012_{self.stream}_{times[0]}_"
                r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.png$")
            self.assertEqual(thing["Metadata"], {
                "aws_kinesisvideo_fragment_number": number,
                "aws_kinesisvideo_producer_timestamp": str(times[0]),
                "aws_kinesisvideo_server_timestamp": str(times[1])})
            # the picture of that time: 30 a second
            image = self.pixels(path)
            source = self.pixels(clip, "-vf", f"select=eq(n\\,{15 * i})")
            self.assertEqual(len(image), 320 * 240 * 3)
            difference = sum(abs(a - b) for a, b in zip(image, source)) / len(image)
            self.assertLess(difference, 2, path)

    def test_jpeg(self):
        """One image for a fragment that is shorter than the interval; sizes are as configured."""
        self.configure(Format="JPEG", SamplingInterval=3000, FormatConfig={"JPEGQuality": "50"},
                       WidthPixels=64, HeightPixels=64, ImageSelectorType="SERVER_TIMESTAMP",
                       DestinationConfig={"Uri": "s3://bucket", "DestinationRegion": "us-west-2"})
        chunks = self.upload("generate-images=true")
        for (path, thing), tags in zip(self.delivered(2), chunks, strict=True):
            # FFmpeg 5.1 warns of some of its own images that their end, which is there, is missing
            stream = media.probe(path, level="error")["streams"][0]
            self.assertEqual((stream["codec_name"], stream["width"], stream["height"]),
                             ("mjpeg", 64, 64))
            server = tags["AWS_KINESISVIDEO_SERVER_TIMESTAMP"].replace(".", "")
            self.assertRegex(thing["Key"], rf"^123456789012_{self.stream}_{server}_[0-9a-f-]+\.jpg$")

    def test_configuration_decides(self):
        self.configure(Status="DISABLED")
        self.upload("generate-images=true", 30)
        self.configure()
        self.upload("", 30)
        self.upload("send-notifications=true", 30)
        self.upload("generate-images=true", 30)
        self.delivered(2)

    def test_pairs_become_metadata(self):
        self.configure()
        chunks = self.upload("", 30)
        data = media.split_files(self.kvs.get_media(self.stream))[0]
        at = data.index(media.CLUSTER_ID)
        header = data[:data.index(b"\x12\x54\xc3\x67")]
        cluster = data[at:data.index(b"\x12\x54\xc3\x67", at)]
        tags = mkv.tags(("AWS_KINESISVIDEO_IMAGE_GENERATION", ""), ("plate", "B-X 1"),
                        ("AWS_KINESISVIDEO_IMAGE_PREFIX", "../../up"))
        self.put_all(header + tags + cluster)
        for path, thing in self.delivered(2):
            self.assertEqual(thing["Metadata"]["plate"], "B-X 1")
            self.assertIn("/../../up_", thing["Key"])
        self.assertEqual(len(chunks), 1)

    def test_what_cannot_be_decoded(self):
        """It is told, and media are kept."""
        with tempfile.TemporaryDirectory() as folder, KvsLocal(args=["--deliver", folder]) as kvs:
            client = kvs.client()
            client.create_stream(StreamName="cam", DataRetentionInHours=1)
            self.post("/updateImageGenerationConfiguration", json.dumps({
                "StreamName": "cam", "ImageGenerationConfiguration": {
                    "Status": "ENABLED", "ImageSelectorType": "SERVER_TIMESTAMP", "Format": "PNG",
                    "SamplingInterval": 500, "DestinationConfig": {
                        "Uri": "s3://bucket", "DestinationRegion": "us-west-2"}}}).encode(), kvs=kvs)
            with kvs.put_media() as connection:
                acks = connection.send_all(
                    mkv.header() + mkv.tags(("AWS_KINESISVIDEO_IMAGE_GENERATION", ""))
                    + mkv.cluster(0))
            self.assertEqual(events(acks), persisted(0))
            wait_for(lambda: "stream cam: images: " in kvs.errors())


class End(unittest.TestCase):
    """Who ends kvs-local need not wait until all images are made that fragments asked for."""

    def fragment(self, folder):
        """Header and blocks of 19 s of pictures that take their time to be made PNG of."""
        path = os.path.join(folder, "large.mkv")
        subprocess.run(
            [support.tool("ffmpeg"), "-nostdin", "-v", "error", "-f", "lavfi", "-i",
             "testsrc2=size=1920x1080:rate=5:duration=19", "-c:v", "libx264", "-preset", "ultrafast",
             "-g", "1000", "-cluster_time_limit", "60000", "-cluster_size_limit", "100000000", path], check=True)
        with open(path, "rb") as file:
            data = file.read()
        segment = mkv.children(mkv.parse(data), mkv.SEGMENT)[0]
        head = b"".join(data[start:end] for number, _, start, end in segment
                        if number in (mkv.INFO, mkv.TRACKS))
        blocks = b"".join(mkv.element(number, content)
                          for cluster in mkv.children(segment, mkv.CLUSTER)
                          for number, content, _, _ in cluster if number == mkv.SIMPLE_BLOCK)
        return mkv.ebml() + mkv.unknown(mkv.SEGMENT) + head, blocks

    def test_images_that_are_waiting(self):
        with tempfile.TemporaryDirectory() as folder:
            header, blocks = self.fragment(folder)
            kvs = KvsLocal(args=["--no-auth", "--deliver", folder]).start()
            self.addCleanup(kvs.__exit__)
            client = kvs.client()
            client.create_stream(StreamName="cam", DataRetentionInHours=1)
            configure_images(kvs, "cam", 200)
            tags = mkv.tags(("AWS_KINESISVIDEO_IMAGE_GENERATION", ""))
            with kvs.put_media() as connection:
                connection.accepted()
                connection.send(header)
                for i in range(60):
                    connection.send(tags + mkv.cluster(20000 * i, blocks))
                connection.end()
                self.assertEqual(events(connection.acks())[-1], f"PERSISTED {20000 * 59}")
            self.assertEqual(kvs.stop(), 0, "it had to be killed")
            self.assertIn("stream cam: images: not made, as kvs-local ends", kvs.errors())
            names = {name for _, _, names in os.walk(folder) for name in names}
            images = {name[:-4] for name in names if name.endswith(".png")}
            self.assertLess(len(images), 95 * 60)
            self.assertLessEqual(images, {name[:-5] for name in names})


class Failing(Case):
    """That nothing can be delivered is no reason to refuse media."""

    ARGS = ["--deliver", "/dev/null/nowhere"]

    @classmethod
    def tearDownClass(cls):
        cls.control.close()
        cls.media.close()
        cls.kvs.stop()
        cls.kvs.__exit__()

    def test_media_are_kept(self):
        self.control.update_notification_configuration(
            StreamName=self.stream, NotificationConfiguration={
                "Status": "ENABLED", "DestinationConfig": {"Uri": TOPIC}})
        self.assertEqual(self.put_all(mkv.header() + mkv.tags(NOTIFY) + mkv.cluster(0)),
                         persisted(0))
        wait_for(lambda: "notification: /dev/null/nowhere" in self.kvs.errors())


if __name__ == "__main__":
    unittest.main()
