# SPDX-License-Identifier: LGPL-2.1-or-later
"""Streams that kvssink creates, finds and names by their ARN; and what of that kvs-local holds it to."""

import json
import sqlite3
import tempfile
import unittest

import kvslocal_case
import support
from kvslocal import REGION, KvsLocal

SOURCE = ("videotestsrc num-buffers={} ! video/x-raw,width=160,height=120,framerate=30/1 "
          "! x264enc tune=zerolatency key-int-max=10 speed-preset=ultrafast ! ")
FRAMES = 20


class Case(kvslocal_case.Case):
    """Streams are made by the pipelines."""

    @classmethod
    def setUpClass(cls):
        kvslocal_case.require_kvs_local()
        super().setUpClass()

    def setUp(self):
        self.stream = self._testMethodName

    def pipeline(self, settings, env=None, frames=FRAMES):
        return support.pipeline(f"{SOURCE.format(frames)}kvssink {settings}".split(),
                                env={**self.kvs.env, **(env or {})})

    def upload(self, settings, env=None):
        child = self.pipeline(settings, env)
        self.assertEqual(child.wait(60), 0, child.output)
        return child.output

    def info(self):
        return self.control.describe_stream(StreamName=self.stream)["StreamInfo"]

    def call(self, operation, **members):
        status, _, body = self.post(f"/{operation}", json.dumps(members).encode())
        return status, json.loads(body) if body else None


class Created(Case):
    ARGS = ["--creating-seconds", "2"]

    def test_all_settings(self):
        """The stream is CREATING for two seconds; media wait for it."""
        output = self.upload(
            f"stream-name={self.stream} retention-period=24 kms-key-id=alias/cam "
            "content-type=video/h264 storage-tier=warm stream-tags=tags,site=(string)gate")
        self.assertNotIn("WARNING", output)
        info = self.info()
        self.assertEqual(info["DataRetentionInHours"], 24)
        self.assertEqual(info["KmsKeyId"], "alias/cam")
        self.assertEqual(info["MediaType"], "video/h264")
        tags = self.control.list_tags_for_stream(StreamName=self.stream)["Tags"]
        self.assertEqual(tags, {"site": "gate"})
        self.assertEqual(self.call("describeStreamStorageConfiguration", StreamName=self.stream),
                         (200, {"StreamName": self.stream, "StreamARN": info["StreamARN"],
                                "StreamStorageConfiguration": {"DefaultStorageTier": "WARM"}}))
        self.assertEqual(len(self.timecodes()), FRAMES // 10)

    def test_two_at_once(self):
        """Both create the same stream; both succeed, and tag it."""
        children = [self.pipeline(f"stream-name={self.stream} stream-tags=tags,n=(string){n}")
                    for n in range(2)]
        for child in children:
            self.assertEqual(child.wait(60), 0, child.output)
            self.assertNotIn("ERROR", child.output)
        # a stream takes one upload at a time: fragments of both are there
        self.assertGreaterEqual(len(self.timecodes()), FRAMES // 10)

    def test_a_stream_that_is_being_created(self):
        arn = self.control.create_stream(StreamName=self.stream)["StreamARN"]
        self.assertEqual(self.info()["Status"], "CREATING")
        self.refused("ResourceNotFoundException", 404, self.control.get_data_endpoint,
                     StreamName=self.stream, APIName="PUT_MEDIA")
        self.refused("ResourceNotFoundException", 404, self.control.tag_stream, StreamARN=arn,
                     Tags={"a": "b"})
        self.refused("ResourceInUseException", 400, self.control.delete_stream, StreamARN=arn)
        kvslocal_case.wait_for(lambda: self.info()["Status"] == "ACTIVE")
        self.control.tag_stream(StreamARN=arn, Tags={"a": "b"})


class Existing(Case):
    def setUp(self):
        super().setUp()
        self.arn = self.control.create_stream(
            StreamName=self.stream, DataRetentionInHours=2, MediaType="video/h265",
            KmsKeyId="arn:aws:kms:us-west-2:1:key/1")["StreamARN"]

    def test_differences_are_said_once(self):
        output = self.upload(f"stream-name={self.stream} retention-period=24 kms-key-id=2 "
                             "content-type=video/h264")
        self.assertEqual(output.count("exists with other settings"), 1, output)
        self.assertRegex(output, "WARNING.*retention-period is 24 hours.*kms-key-id is 2.*"
                                 "content-type is video/h264")
        self.assertEqual(self.info()["DataRetentionInHours"], 2)

    def test_no_differences(self):
        output = self.upload(f"stream-name={self.stream} retention-period=2 kms-key-id=1 "
                             "content-type=video/h265")
        self.assertNotIn("WARNING", output)

    def test_defaults_are_no_wishes(self):
        self.control.update_stream(StreamName=self.stream, MediaType="video/h264",
                                   CurrentVersion=self.info()["Version"])
        self.control.update_data_retention(
            StreamName=self.stream, CurrentVersion=self.info()["Version"],
            Operation="INCREASE_DATA_RETENTION", DataRetentionChangeInHours=22)
        self.assertNotIn("WARNING", self.upload(f"stream-name={self.stream}"))

    def test_arn(self):
        """Region and name are in it; those of the environment do not count."""
        other = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}
        self.assertIn(REGION, self.arn)
        self.upload(f"stream-arn={self.arn} content-type=video/h265", other)
        self.assertEqual(len(self.timecodes()), FRAMES // 10)

    def test_arn_of_an_earlier_stream(self):
        self.control.delete_stream(StreamARN=self.arn)
        self.control.create_stream(StreamName=self.stream)
        child = self.pipeline(f"stream-arn={self.arn}")
        self.assertEqual(child.wait(60), 1, child.output)
        self.assertRegex(child.output, f"ERROR.*GstKvsSink.*There is no stream {self.arn}")

    def test_arn_and_something_else(self):
        for settings, expected in (("aws-region=eu-west-1", "aws-region is eu-west-1"),
                                   ("stream-name=other", "stream-name is other")):
            child = self.pipeline(f"stream-arn={self.arn} {settings}")
            self.assertEqual(child.wait(60), 1, child.output)
            self.assertRegex(child.output, f"ERROR.*GstKvsSink.*stream-arn.*{expected}")

    def test_own_data_endpoint(self):
        port = support.free_port()
        self.upload(f"stream-name={self.stream} data-endpoint={self.kvs.url}")
        child = self.pipeline(f"stream-name={self.stream} restart-on-error=false "
                              f"data-endpoint=http://127.0.0.1:{port}")
        self.assertEqual(child.wait(60), 1, child.output)
        self.assertRegex(child.output, f"ERROR.*GstKvsSink.*{port}")

    def test_storage_tier(self):
        name = {"StreamName": self.stream}
        tier = {"StreamStorageConfiguration": {"DefaultStorageTier": "WARM"}}
        version = {"CurrentVersion": self.info()["Version"]}
        hot = (200, {"StreamName": self.stream, "StreamARN": self.arn,
                     "StreamStorageConfiguration": {"DefaultStorageTier": "HOT"}})
        self.assertEqual(self.call("describeStreamStorageConfiguration", **name), hot)
        for members in ({**name, **tier}, {**name, **version}, {**version, **tier},
                        {**name, **version, "StreamStorageConfiguration": {}},
                        {**name, **version,
                         "StreamStorageConfiguration": {"DefaultStorageTier": "COLD"}},
                        {**name, **tier, "CurrentVersion": "other"}):
            self.assertEqual(self.call("updateStreamStorageConfiguration", **members)[0], 400)
        self.assertEqual(self.call("describeStreamStorageConfiguration", **name), hot)
        self.assertEqual(self.call("updateStreamStorageConfiguration", **name, **version, **tier)[0],
                         200)
        self.assertNotEqual(self.info()["Version"], version["CurrentVersion"])
        self.assertEqual(self.call("createStream", StreamName="x", StreamStorageConfiguration={})[0],
                         400)


class OlderIndex(unittest.TestCase):
    def test_is_taken_over(self):
        """As kvs-local left it before it knew of storage tiers, and before it knew of cells"""
        later = ["cell", "image_generation", "notification"]
        for version, absent in ((1, ["storage_tier"] + later), (2, later)):
            with self.subTest(version=version), tempfile.TemporaryDirectory() as data:
                with KvsLocal(data=data) as kvs:
                    arn = kvs.client().create_stream(StreamName="cam")["StreamARN"]
                index = sqlite3.connect(f"{data}/kvs-local.sqlite")
                for column in absent:
                    index.execute(f"ALTER TABLE streams DROP COLUMN {column}")
                index.execute(f"PRAGMA user_version = {version}")
                index.commit()
                index.close()
                with KvsLocal(data=data) as kvs:
                    found = kvs.client().describe_stream(StreamName="cam")["StreamInfo"]
                    self.assertEqual(found["StreamARN"], arn)

    def test_of_a_newer_version(self):
        with tempfile.TemporaryDirectory() as data:
            with KvsLocal(data=data):
                pass
            index = sqlite3.connect(f"{data}/kvs-local.sqlite")
            index.execute("PRAGMA user_version = 1000")
            index.close()
            with self.assertRaisesRegex(RuntimeError, "made by another version .*1000"):
                KvsLocal(data=data).start()


if __name__ == "__main__":
    unittest.main()
