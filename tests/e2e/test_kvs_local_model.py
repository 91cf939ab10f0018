# SPDX-License-Identifier: LGPL-2.1-or-later
"""kvs-local's control plane held against botocore's model, constraint by constraint."""

import json
import time
import unittest

import kvslocal_case
import kvslocal_model as model
from kvslocal_case import Case, require_kvs_local

REGION = "us-west-2"
TOPIC = "arn:aws:sns:us-west-2:123456789012:topic"

IMAGES = {
    "Status": "ENABLED", "ImageSelectorType": "SERVER_TIMESTAMP",
    "DestinationConfig": {"Uri": "s3://bucket/prefix", "DestinationRegion": REGION},
    "SamplingInterval": 3000, "Format": "JPEG", "FormatConfig": {"JPEGQuality": "80"},
    "WidthPixels": 320, "HeightPixels": 240,
}
NOTIFICATIONS = {"Status": "ENABLED", "DestinationConfig": {"Uri": TOPIC}}

# Each operation with all of its members; "STREAM" is what names the stream.
REQUESTS = {
    "DescribeStream": {"STREAM": 1},
    "UpdateStream": {"STREAM": 1, "CurrentVersion": "VERSION", "DeviceName": "d",
                     "MediaType": "video/h264,audio/aac"},
    "UpdateDataRetention": {"STREAM": 1, "CurrentVersion": "VERSION",
                            "Operation": "INCREASE_DATA_RETENTION",
                            "DataRetentionChangeInHours": 1},
    "GetDataEndpoint": {"STREAM": 1, "APIName": "PUT_MEDIA"},
    "TagStream": {"STREAM": 1, "Tags": {"key": "value"}},
    "UntagStream": {"STREAM": 1, "TagKeyList": ["key"]},
    "ListTagsForStream": {"STREAM": 1, "NextToken": ""},
    "TagResource": {"ResourceARN": "ARN", "Tags": [{"Key": "key", "Value": "value"}]},
    "UntagResource": {"ResourceARN": "ARN", "TagKeyList": ["key"]},
    "ListTagsForResource": {"ResourceARN": "ARN", "NextToken": ""},
    "DescribeImageGenerationConfiguration": {"STREAM": 1},
    "UpdateImageGenerationConfiguration": {"STREAM": 1, "ImageGenerationConfiguration": IMAGES},
    "DescribeNotificationConfiguration": {"STREAM": 1},
    "UpdateNotificationConfiguration": {"STREAM": 1, "NotificationConfiguration": NOTIFICATIONS},
    "DeleteStream": {"StreamARN": "ARN", "CurrentVersion": "VERSION"},
}
# Those that name no stream
OTHERS = {
    "CreateStream": {"StreamName": "new", "DeviceName": "d", "MediaType": "video/h264",
                     "KmsKeyId": "key", "DataRetentionInHours": 2, "Tags": {"key": "value"}},
    "ListStreams": {"MaxResults": 5, "NextToken": "", "StreamNameCondition": {
        "ComparisonOperator": "BEGINS_WITH", "ComparisonValue": "a"}},
}
# Describing is possible, and so is listing, while a stream is being created.
CHANGES = [name for name in REQUESTS if not name.startswith(("Describe", "List", "Get"))]

STREAM_LIMITS = ("TagStream", "UntagStream", "ListTagsForStream")


def setUpModule():
    require_kvs_local()


class ModelCase(Case):
    OPERATIONS = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.OPERATIONS = model.operations()

    def info(self):
        return self.control.describe_stream(StreamName=self.stream)["StreamInfo"]

    def request(self, template, by="StreamName"):
        info = self.info()
        filled = {"ARN": info["StreamARN"], "VERSION": info["Version"]}
        request = {name: filled.get(value, value) if isinstance(value, str) else value
                   for name, value in template.items() if name != "STREAM"}
        if "STREAM" in template:
            request[by] = info[by]
        return request

    def call(self, name, request):
        """Status, exception, body; an exception must be one that the operation's model has."""
        operation = self.OPERATIONS[name]
        status, headers, body = self.post(operation.http["requestUri"],
                                          json.dumps(request).encode())
        answer = json.loads(body)
        code = headers.get("x-amzn-errortype", "").split(":")[0]
        if status != 200:
            self.assertEqual(headers["x-amz-errortype"], headers["x-amzn-errortype"])
            self.assertIn(code, [shape.name for shape in operation.error_shapes], request)
            shape = next(shape for shape in operation.error_shapes if shape.name == code)
            self.assertEqual(status, shape.metadata["error"]["httpStatusCode"])
            self.assertEqual(list(answer), ["Message"])
        elif operation.output_shape is not None:
            model.check_answer(operation.output_shape, answer)
        return status, code, answer


class Constraints(ModelCase):
    def check_all(self, name, request):
        before = self.info()
        n_cases = 0
        for what, bad in model.bad_requests(self.OPERATIONS[name], request):
            with self.subTest(operation=name, what=what):
                status, code, answer = self.call(name, bad)
                arn_is_bad = bad.get("StreamARN") != request.get("StreamARN")
                expected = ("InvalidResourceFormatException"
                            if name in STREAM_LIMITS and arn_is_bad and "StreamARN" in bad
                            else "InvalidArgumentException")
                self.assertEqual((status, code), (400, expected), f"{bad} {answer}"[:500])
            n_cases += 1
        self.assertGreater(n_cases, 5)
        self.assertEqual(self.info(), before)

    def test_by_name(self):
        for name, template in REQUESTS.items():
            self.check_all(name, self.request(template))

    def test_by_arn(self):
        for name, template in REQUESTS.items():
            if "STREAM" in template:
                self.check_all(name, self.request(template, "StreamARN"))

    def test_others(self):
        for name, request in OTHERS.items():
            self.check_all(name, request)
        self.assertEqual([info["StreamName"] for info in self.control.list_streams(
            StreamNameCondition={"ComparisonValue": "new"})["StreamInfoList"]], [])

    def test_neither_and_both(self):
        for name, template in REQUESTS.items():
            if "STREAM" not in template:
                continue
            request = self.request(template)
            both = {**request, "StreamARN": self.arn}
            del request["StreamName"]
            for bad in (request, both):
                with self.subTest(operation=name, request=bad):
                    self.assertEqual(self.call(name, bad)[:2], (400, "InvalidArgumentException"))

    def test_unknown_stream(self):
        unknown = {"StreamName": "nowhere", "StreamARN": self.arn + "0",
                   "ResourceARN": self.arn.replace("stream", "channel", 1)}
        for name, template in REQUESTS.items():
            for by in ("StreamName", "StreamARN"):
                request = self.request(template, by)
                request.update({k: v for k, v in unknown.items() if k in request})
                with self.subTest(operation=name, request=request):
                    self.assertEqual(self.call(name, request)[:2],
                                     (404, "ResourceNotFoundException"))

    def test_stale_version(self):
        for name, template in REQUESTS.items():
            if "CurrentVersion" in template:
                request = {**self.request(template), "CurrentVersion": "abcdefghijklmnopqrst"}
                self.assertEqual(self.call(name, request)[:2], (400, "VersionMismatchException"))


class Good(ModelCase):
    def test_each(self):
        for by in ("StreamName", "StreamARN"):
            for name, template in REQUESTS.items():
                with self.subTest(operation=name, by=by):
                    status, code, answer = self.call(name, self.request(template, by))
                    self.assertEqual((status, code), (200, ""), answer)
            self.control.create_stream(StreamName=self.stream, DataRetentionInHours=1)
        for name, request in OTHERS.items():
            self.assertEqual(self.call(name, request)[:2], (200, ""))

    def test_at_the_limits(self):
        arn = self.control.create_stream(
            StreamName="s" * 256, DeviceName="d" * 128, MediaType="video/" + "a" * 122,
            KmsKeyId="k" * 2048, DataRetentionInHours=87600,
            Tags={f"{i:03}" + "\u00e4" * 125: "v" * 256 for i in range(50)})["StreamARN"]
        answer = self.call("ListTagsForResource", {"ResourceARN": arn})[2]
        self.assertEqual(len(answer["Tags"]), 50)
        self.assertEqual(self.call("DescribeStream", {"StreamARN": arn})[0], 200)
        self.assertEqual(
            self.call("UntagStream", {"StreamARN": arn, "TagKeyList": list(answer["Tags"])})[0], 200)
        self.assertEqual(self.call("ListTagsForStream", {"StreamARN": arn})[2]["Tags"], {})

    def test_number_of_tags(self):
        tags = [{"Key": f"k{i}", "Value": ""} for i in range(51)]
        request = {"ResourceARN": self.arn, "Tags": tags}
        self.assertEqual(self.call("TagResource", request)[:2],
                         (400, "TagsPerResourceExceededLimitException"))
        request["Tags"] = tags[:50]
        self.assertEqual(self.call("TagResource", request)[0], 200)
        self.assertEqual(self.call("TagStream", {"StreamARN": self.arn, "Tags": {"k50": ""}})[:2],
                         (400, "TagsPerResourceExceededLimitException"))

    def test_all_members_of_a_stream(self):
        self.call("UpdateStream", self.request(REQUESTS["UpdateStream"]))
        answer = self.call("DescribeStream", {"StreamName": self.stream})[2]
        self.assertEqual(set(answer["StreamInfo"]),
                         set(self.OPERATIONS["DescribeStream"].output_shape
                             .members["StreamInfo"].members))

    def test_version(self):
        """Tags and what is delivered are no part of the description that has a version."""
        changing = ("UpdateStream", "UpdateDataRetention")
        for name in CHANGES:
            if name == "DeleteStream":
                continue
            before = self.info()["Version"]
            self.assertEqual(self.call(name, self.request(REQUESTS[name]))[0], 200)
            self.assertEqual(self.info()["Version"] != before, name in changing, name)


class BeingCreated(ModelCase):
    ARGS = ["--creating-seconds", "3600"]

    def test_changes(self):
        for name in CHANGES:
            with self.subTest(operation=name):
                in_use = (400, "ResourceInUseException")
                absent = (404, "ResourceNotFoundException")
                expected = absent if name.startswith(("Tag", "Untag")) else in_use
                self.assertEqual(self.call(name, self.request(REQUESTS[name]))[:2], expected)

    def test_reads(self):
        for name in set(REQUESTS) - set(CHANGES) - {"GetDataEndpoint"}:
            self.assertEqual(self.call(name, self.request(REQUESTS[name]))[0], 200)
        self.assertEqual(self.call("GetDataEndpoint", self.request(REQUESTS["GetDataEndpoint"]))[:2],
                         (404, "ResourceNotFoundException"))


class Limits(ModelCase):
    ARGS = ["--max-streams", "3"]

    def test_streams(self):
        for name in ("a", "b"):
            self.assertEqual(self.call("CreateStream", {"StreamName": name})[0], 200)
        self.assertEqual(self.call("CreateStream", {"StreamName": "c"})[:2],
                         (400, "AccountStreamLimitExceededException"))
        self.assertEqual(self.call("CreateStream", {"StreamName": "a"})[:2],
                         (400, "ResourceInUseException"))
        self.control.delete_stream(StreamARN=self.arn)
        self.assertEqual(self.call("CreateStream", {"StreamName": "c"})[0], 200)


class Rate(ModelCase):
    ARGS = ["--max-calls", "2"]

    def setUp(self):
        super().setUp()
        self.other = self.control.create_stream(StreamName=self.stream + "2")["StreamARN"]

    def codes(self, n_calls, **members):
        return [self.call("GetDataEndpoint", {"APIName": "PUT_MEDIA", **members})[1]
                for _ in range(n_calls)]

    def test_calls_about_one_stream(self):
        """At most two at once, and then two a second, however slow the test is."""
        begin = time.monotonic()
        found = self.codes(60, StreamName=self.stream)
        seconds = time.monotonic() - begin
        self.assertEqual(found[:2], ["", ""])
        self.assertEqual(set(found[2:]) - {""}, {"ClientLimitExceededException"})
        self.assertLessEqual(found.count(""), 2 + 2 * seconds + 1)
        # the ARN is another name of the same stream, and other streams have calls of their own
        self.assertEqual(self.codes(2, StreamARN=self.other), ["", ""])
        kvslocal_case.wait_for(lambda: self.codes(1, StreamARN=self.arn) == [""])


class Configurations(ModelCase):
    def test_stored_and_returned(self):
        for kind, good in (("ImageGeneration", IMAGES), ("Notification", NOTIFICATIONS)):
            member = kind + "Configuration"
            describe = lambda kind=kind, member=member: self.call(
                f"Describe{kind}Configuration", {"StreamName": self.stream})[2][member]
            update = lambda value, kind=kind, member=member: self.call(
                f"Update{kind}Configuration", {"StreamName": self.stream, **value})
            self.assertIsNone(describe())
            self.assertEqual(update({member: good})[0], 200)
            self.assertEqual(describe(), good)
            self.assertEqual(update({member: {**good, "Status": "DISABLED"}})[0], 200)
            self.assertEqual(describe()["Status"], "DISABLED")
            self.assertEqual(update({member: {**good, "Unknown": 1}})[0], 200)
            self.assertEqual(describe(), good)
            self.assertEqual(update({member: None})[0], 200)
            self.assertIsNone(describe())
            update({member: good})
            self.assertEqual(update({})[0], 200)
            self.assertIsNone(describe())

    def test_botocore(self):
        self.control.update_image_generation_configuration(
            StreamName=self.stream, ImageGenerationConfiguration=IMAGES)
        answer = self.control.describe_image_generation_configuration(StreamName=self.stream)
        self.assertEqual(answer["ImageGenerationConfiguration"], IMAGES)
        self.control.update_notification_configuration(
            StreamName=self.stream, NotificationConfiguration=NOTIFICATIONS)
        answer = self.control.describe_notification_configuration(StreamName=self.stream)
        self.assertEqual(answer["NotificationConfiguration"], NOTIFICATIONS)
        self.control.update_notification_configuration(StreamName=self.stream)
        answer = self.control.describe_notification_configuration(StreamName=self.stream)
        self.assertNotIn("NotificationConfiguration", answer)

    def test_what_the_model_lets_pass(self):
        def images(**members):
            return {"StreamName": self.stream, "ImageGenerationConfiguration": {**IMAGES, **members}}

        def destination(uri, region=REGION):
            return {"DestinationConfig": {"Uri": uri, "DestinationRegion": region}}

        for bad in (destination("s3://bucket", "eu-west-1"), destination("https://bucket/prefix"),
                    destination(TOPIC), {"FormatConfig": {"JPEGQuality": "0"}},
                    {"FormatConfig": {"JPEGQuality": "101"}}, {"FormatConfig": {"JPEGQuality": "x"}},
                    {"FormatConfig": {"JPEGQuality": "80", "PNGQuality": "80"}}):
            with self.subTest(bad=bad):
                self.assertEqual(self.call("UpdateImageGenerationConfiguration", images(**bad))[:2],
                                 (400, "InvalidArgumentException"))
        for uri in ("s3://bucket/prefix", "arn:aws:sqs:us-west-2:123456789012:queue"):
            self.assertEqual(self.call("UpdateNotificationConfiguration", {
                "StreamName": self.stream, "NotificationConfiguration": {
                    "Status": "ENABLED", "DestinationConfig": {"Uri": uri}}})[:2],
                (400, "InvalidArgumentException"))
        self.assertEqual(self.call("UpdateImageGenerationConfiguration",
                                   images(**destination("s3://bucket"), SamplingInterval=200))[0],
                         200)


class WithoutRetention(ModelCase):
    RETENTION = 0

    def test_configurations(self):
        for kind, good in (("ImageGeneration", IMAGES), ("Notification", NOTIFICATIONS)):
            name = f"Update{kind}Configuration"
            self.assertEqual(self.call(name, {"StreamName": self.stream,
                                              f"{kind}Configuration": good})[:2],
                             (400, "NoDataRetentionException"))
            self.assertEqual(self.call(name, {"StreamName": self.stream})[0], 200)


if __name__ == "__main__":
    unittest.main()
