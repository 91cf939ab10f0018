# SPDX-License-Identifier: LGPL-2.1-or-later
"""kvs-local's control plane as the AWS CLI sees it: each command, and what it prints."""

import json
import os
import subprocess
import unittest

from kvslocal_case import Case, require_kvs_local, tool

TOPIC = "arn:aws:sns:us-west-2:123456789012:topic"
IMAGES = ("Status=ENABLED,ImageSelectorType=SERVER_TIMESTAMP,SamplingInterval=3000,Format=JPEG,"
          "FormatConfig={JPEGQuality=80},WidthPixels=320,HeightPixels=240,"
          "DestinationConfig={Uri=s3://bucket/prefix,DestinationRegion=us-west-2}")

# The CLI's own status for what the service refuses, from version 2 on and before
REFUSED = (254, 255)


def setUpModule():
    require_kvs_local()
    tool("aws")


class UnknownCommand(Exception):
    """The CLI is older than the operation."""


class Cli(Case):
    timeout = 120

    def run_cli(self, command, *words):
        base = [tool("aws"), "--region", "us-west-2", "--endpoint-url", self.kvs.url, "--output",
                "json", "kinesisvideo", command]
        env = {**os.environ, **self.kvs.env, "PYTHONPATH": "", "AWS_PAGER": ""}
        run = subprocess.run(base + list(words), env=env, capture_output=True, text=True, check=False,
                             stdin=subprocess.DEVNULL)
        if "nvalid choice" in run.stderr:
            raise UnknownCommand(command)
        return run

    def aws(self, command, *words):
        run = self.run_cli(command, *words)
        self.assertEqual(run.returncode, 0, run.stderr)
        return json.loads(run.stdout) if run.stdout.strip() else None

    def aws_refused(self, code, command, *words):
        run = self.run_cli(command, *words)
        self.assertIn(run.returncode, REFUSED, run.stderr)
        self.assertIn(f"({code})", run.stderr)

    def info(self, name="cli"):
        return self.aws("describe-stream", "--stream-name", name)["StreamInfo"]

    def test_life_of_a_stream(self):
        name = ["--stream-name", "cli"]
        arn = self.aws("create-stream", *name, "--data-retention-in-hours", "2", "--tags",
                       "a=b")["StreamARN"]
        self.aws_refused("ResourceInUseException", "create-stream", *name)
        info = self.info()
        self.assertEqual((info["StreamARN"], info["Status"]), (arn, "ACTIVE"))
        self.aws("update-stream", *name, "--current-version", info["Version"], "--device-name", "d",
                 "--media-type", "video/h264")
        self.aws_refused("VersionMismatchException", "update-stream", *name, "--current-version",
                         info["Version"], "--device-name", "e")
        info = self.info()
        self.assertEqual((info["DeviceName"], info["MediaType"]), ("d", "video/h264"))
        self.aws("update-data-retention", *name, "--current-version", info["Version"], "--operation",
                 "DECREASE_DATA_RETENTION", "--data-retention-change-in-hours", "1")
        self.assertEqual(self.info()["DataRetentionInHours"], 1)
        endpoint = self.aws("get-data-endpoint", *name, "--api-name", "PUT_MEDIA")
        self.assertEqual(endpoint, {"DataEndpoint": self.kvs.url})
        self.aws("delete-stream", "--stream-arn", arn)
        self.aws_refused("ResourceNotFoundException", "describe-stream", *name)

    def test_list_streams(self):
        names = [f"listed-{i}" for i in range(5)]
        for name in names:
            self.control.create_stream(StreamName=name)
        found = self.aws("list-streams", "--page-size", "2", "--stream-name-condition",
                         "ComparisonOperator=BEGINS_WITH,ComparisonValue=listed-")
        self.assertEqual([info["StreamName"] for info in found["StreamInfoList"]], names)

    def test_tags(self):
        name = ["--stream-name", self.stream]
        self.aws("tag-stream", *name, "--tags", "a=1,b=2")
        self.assertEqual(self.aws("list-tags-for-stream", *name)["Tags"], {"a": "1", "b": "2"})
        self.aws("untag-stream", *name, "--tag-key-list", "a")
        arn = ["--resource-arn", self.arn]
        self.aws("tag-resource", *arn, "--tags", "Key=c,Value=3")
        self.assertEqual(self.aws("list-tags-for-resource", *arn)["Tags"], {"b": "2", "c": "3"})
        self.aws("untag-resource", *arn, "--tag-key-list", "b", "c")
        self.assertEqual(self.aws("list-tags-for-resource", *arn)["Tags"], {})

    def test_configurations(self):
        name = ["--stream-name", self.stream]
        self.assertFalse((self.aws("describe-image-generation-configuration", *name) or {}).get(
            "ImageGenerationConfiguration"))
        self.aws("update-image-generation-configuration", *name,
                 "--image-generation-configuration", IMAGES)
        found = self.aws("describe-image-generation-configuration", *name)
        self.assertEqual(found["ImageGenerationConfiguration"]["FormatConfig"], {"JPEGQuality": "80"})
        self.aws("update-notification-configuration", *name, "--notification-configuration",
                 f"Status=ENABLED,DestinationConfig={{Uri={TOPIC}}}")
        found = self.aws("describe-notification-configuration", *name)
        self.assertEqual(found["NotificationConfiguration"]["DestinationConfig"], {"Uri": TOPIC})
        self.aws("update-notification-configuration", *name)
        self.assertFalse((self.aws("describe-notification-configuration", *name) or {}).get(
            "NotificationConfiguration"))
        without = self.control.create_stream(StreamName="without")["StreamARN"]
        self.aws_refused("NoDataRetentionException", "update-image-generation-configuration",
                         "--stream-arn", without, "--image-generation-configuration", IMAGES)

    def test_storage(self):
        try:
            found = self.aws("describe-stream-storage-configuration", "--stream-name", self.stream)
            self.assertEqual(found["StreamStorageConfiguration"], {"DefaultStorageTier": "HOT"})
            self.aws("update-stream-storage-configuration", "--stream-name", self.stream,
                     "--current-version", self.info(self.stream)["Version"],
                     "--stream-storage-configuration", "DefaultStorageTier=WARM")
            found = self.aws("describe-stream-storage-configuration", "--stream-arn", self.arn)
            self.assertEqual(found["StreamStorageConfiguration"], {"DefaultStorageTier": "WARM"})
        except UnknownCommand as command:
            self.skipTest(f"the AWS CLI is too old for {command}")


if __name__ == "__main__":
    unittest.main()
