# SPDX-License-Identifier: LGPL-2.1-or-later
"""kvs-local: the control plane, signatures and credentials."""

import datetime
import http.client
import json
import os
import subprocess
import tempfile
import time
import unittest

import kvslocal
import mkvwriter as mkv
from kvslocal import HttpError, KvsLocal
from kvslocal_case import Case, require_kvs_local, tool

try:
    import botocore.exceptions
except ImportError:
    botocore = None

AMZ_DATE = "%Y%m%dT%H%M%SZ"


def setUpModule():
    require_kvs_local()


def amz_date(offset_seconds):
    now = datetime.datetime.now(datetime.timezone.utc)
    return (now + datetime.timedelta(seconds=offset_seconds)).strftime(AMZ_DATE)


class Control(Case):
    def test_describe(self):
        self.control.create_stream(
            StreamName="all", DataRetentionInHours=24, DeviceName="device", MediaType="video/h264",
            KmsKeyId="key", Tags={"a": "b"})
        described = self.control.describe_stream(StreamName="all")["StreamInfo"]
        self.assertEqual(described["DeviceName"], "device")
        self.assertEqual(described["MediaType"], "video/h264")
        self.assertEqual(described["KmsKeyId"], "key")
        self.assertEqual(described["Status"], "ACTIVE")
        self.assertEqual(described["DataRetentionInHours"], 24)
        self.assertRegex(described["Version"], "^[a-zA-Z0-9]{20}$")
        created = described["CreationTime"].timestamp()
        self.assertAlmostEqual(created, time.time(), delta=60)
        self.assertEqual(
            described["StreamARN"],
            f"arn:aws:kinesisvideo:us-west-2:123456789012:stream/all/{round(created * 1000)}")
        self.assertEqual(
            self.control.describe_stream(StreamARN=described["StreamARN"])["StreamInfo"], described)

    def test_defaults(self):
        self.control.create_stream(StreamName="bare")
        described = self.control.describe_stream(StreamName="bare")["StreamInfo"]
        self.assertEqual(described["DataRetentionInHours"], 0)
        self.assertEqual(described["KmsKeyId"],
                         "arn:aws:kms:us-west-2:123456789012:alias/aws/kinesisvideo")
        self.assertNotIn("DeviceName", described)

    def test_answer_headers(self):
        status, headers, _ = self.post("/describeStream", b'{"StreamName":"nowhere"}')
        self.assertEqual(status, 404)
        for name in ("x-amzn-errortype", "x-amz-errortype"):
            self.assertEqual(headers[name], "ResourceNotFoundException:"
                             "https://kinesisvideo.amazonaws.com/doc/2017-09-30/")
        self.assertRegex(headers["x-amzn-requestid"], "^[0-9a-f-]{36}$")
        self.assertEqual(headers["x-amzn-requestid"], headers["x-amz-requestid"])
        self.assertEqual(headers["content-type"], "application/json")
        self.assertNotIn("server", headers)

    def test_message(self):
        body = self.post("/describeStream", b'{"StreamName":"nowhere"}')[2]
        self.assertEqual(json.loads(body),
                         {"Message": "The requested stream is not found or not active."})

    def test_refused_bodies(self):
        stream = json.dumps(self.stream)
        arn = json.dumps(self.arn)
        for path, body, status, code in (
                ("/describeStream", "{}", 400, "InvalidArgumentException"),
                ("/describeStream", "", 400, "InvalidArgumentException"),
                ("/describeStream", '{"StreamName":%s,"StreamARN":%s}' % (stream, arn), 400,
                 "InvalidArgumentException"),
                ("/describeStream", '{"StreamName":7}', 400, "InvalidArgumentException"),
                ("/describeStream", '{"StreamName":["a"]}', 400, "InvalidArgumentException"),
                ("/describeStream", '{"StreamName":""}', 400, "InvalidArgumentException"),
                ("/describeStream", '{"StreamName":"a b"}', 400, "InvalidArgumentException"),
                ("/describeStream", '{"StreamName":"a\\n"}', 400, "InvalidArgumentException"),
                ("/describeStream", '{"StreamName":"%s"}' % ("a" * 257), 400,
                 "InvalidArgumentException"),
                ("/describeStream", '{"StreamName":"%s"}' % ("a" * 256), 404,
                 "ResourceNotFoundException"),
                ("/describeStream", '{"StreamName":null,"StreamARN":%s,"X":1}' % arn, 200, None),
                ("/describeStream", '{"StreamARN":"arn"}', 400, "InvalidArgumentException"),
                ("/describeStream", '{"StreamARN":"%s1"}' % self.arn, 404,
                 "ResourceNotFoundException"),
                ("/updateDataRetention", '{"StreamName":%s,"CurrentVersion":"a",'
                 '"Operation":"INCREASE_DATA_RETENTION"}' % stream, 400, "InvalidArgumentException"),
                ("/describeStream", "[]", 400, "MalformedHttpRequestException"),
                ("/describeStream", "7", 400, "MalformedHttpRequestException"),
                ("/describeStream", '{"StreamName":', 400, "MalformedHttpRequestException"),
                ("/describeStream", b'{"StreamName":"\xff"}', 400, "MalformedHttpRequestException"),
                ("/createStream", '{"DataRetentionInHours":1}', 400, "InvalidArgumentException"),
                ("/createStream", '{"StreamName":"n","DataRetentionInHours":-1}', 400,
                 "InvalidArgumentException"),
                ("/createStream", '{"StreamName":"n","DataRetentionInHours":87601}', 400,
                 "InvalidArgumentException"),
                ("/createStream", '{"StreamName":"n","DataRetentionInHours":"1"}', 400,
                 "InvalidArgumentException"),
                ("/createStream", '{"StreamName":"n","DataRetentionInHours":1.5}', 400,
                 "InvalidArgumentException"),
                ("/createStream", '{"StreamName":"n","MediaType":"h264"}', 400,
                 "InvalidArgumentException"),
                ("/createStream", '{"StreamName":"n","MediaType":"vid\u00e9o/h264"}', 400,
                 "InvalidArgumentException"),
                ("/createStream", '{"StreamName":"n","DeviceName":"a/b"}', 400,
                 "InvalidArgumentException"),
                ("/createStream", '{"StreamName":"n","Tags":[]}', 400, "InvalidArgumentException"),
                ("/createStream", '{"StreamName":"n","Tags":{"a":1}}', 400,
                 "InvalidArgumentException"),
                ("/createStream", '{"StreamName":%s}' % stream, 400, "ResourceInUseException"),
                ("/deleteStream", '{"StreamName":%s}' % stream, 400, "InvalidArgumentException"),
                ("/deleteStream", '{"StreamARN":%s,"CurrentVersion":"x"}' % arn, 400,
                 "VersionMismatchException"),
                ("/tagStream", '{"StreamName":%s}' % stream, 400, "InvalidArgumentException"),
                ("/tagStream", '{"StreamName":%s,"Tags":{}}' % stream, 400,
                 "InvalidArgumentException"),
                ("/tagStream", '{"StreamName":%s,"Tags":{"a":"!"}}' % stream, 400,
                 "InvalidArgumentException"),
                ("/untagStream", '{"StreamName":%s,"TagKeyList":[1]}' % stream, 400,
                 "InvalidArgumentException"),
                ("/listStreams", '{"MaxResults":0}', 400, "InvalidArgumentException"),
                ("/listStreams", '{"MaxResults":10001}', 400, "InvalidArgumentException"),
                ("/listStreams", '{"NextToken":"!"}', 400, "InvalidArgumentException"),
                ("/listStreams", '{"NextToken":"////"}', 400, "InvalidArgumentException"),
                ("/listStreams", '{"StreamNameCondition":{"ComparisonOperator":"IS",'
                 '"ComparisonValue":"a"}}', 400, "InvalidArgumentException"),
                ("/getDataEndpoint", '{"StreamName":%s}' % stream, 400, "InvalidArgumentException"),
                ("/getDataEndpoint", '{"StreamName":%s,"APIName":"PUT"}' % stream, 400,
                 "InvalidArgumentException"),
                ("/getMedia", '{"StreamName":%s}' % stream, 400, "InvalidArgumentException"),
                ("/getMedia", '{"StreamName":%s,"StartSelector":{"StartSelectorType":"X"}}' % stream,
                 400, "InvalidArgumentException"),
                ("/getMedia", '{"StreamName":%s,"StartSelector":{"StartSelectorType":'
                 '"SERVER_TIMESTAMP"}}' % stream, 400, "InvalidArgumentException"),
                ("/getMedia", '{"StreamName":%s,"StartSelector":{"StartSelectorType":'
                 '"FRAGMENT_NUMBER","AfterFragmentNumber":"x"}}' % stream, 400,
                 "InvalidArgumentException"),
                ("/getMedia", '{"StreamName":%s,"StartSelector":{"StartSelectorType":"NOW",'
                 '"AfterFragmentNumber":"x"}}' % stream, 400, "InvalidArgumentException"),
                ("/getMedia", '{"StreamName":%s,"StartSelector":{"StartSelectorType":"NOW",'
                 '"ContinuationToken":""}}' % stream, 400, "InvalidArgumentException"),
                ("/getMedia", '{"StreamName":%s,"StartSelector":{"StartSelectorType":"NOW",'
                 '"StartTimestamp":"1"}}' % stream, 400, "InvalidArgumentException"),
                ("/describestream", "{}", 404, "UnknownOperationException"),
                ("/", "{}", 404, "UnknownOperationException"),
                ("/describeStream", "x" * (1024 * 1024 + 1), 413, "RequestEntityTooLargeException"),
        ):
            with self.subTest(path=path, body=body[:100]):
                raw = body if isinstance(body, bytes) else body.encode()
                got_status, headers, answer = self.post(path, raw)
                self.assertEqual(got_status, status, answer)
                self.assertEqual(headers.get("x-amzn-errortype", "").split(":")[0], code or "")

    def test_unknown_operation(self):
        self.assertEqual(json.loads(self.post("/nothing", b"")[2]), {
            "Output": {"__type": "com.amazon.coral.service#UnknownOperationException"},
            "Version": "1.0"})

    def test_health(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.kvs.port, timeout=30)
        connection.request("GET", "/kvs-local/health")
        answer = connection.getresponse()
        self.assertEqual((answer.status, answer.read()), (200, b"ok"))
        connection.close()

    def test_list_streams(self):
        names = [f"list-{i:02}" for i in range(25)]
        for name in reversed(names):
            self.control.create_stream(StreamName=name)
        condition = {"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": "list-"}
        found = []
        token = {}
        sizes = []
        while True:
            page = self.control.list_streams(MaxResults=10, StreamNameCondition=condition, **token)
            found += [info["StreamName"] for info in page["StreamInfoList"]]
            sizes.append(len(page["StreamInfoList"]))
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}
        self.assertEqual(found, names)
        self.assertEqual(sizes, [10, 10, 5])
        everything = self.control.list_streams()
        self.assertIn(self.stream, [i["StreamName"] for i in everything["StreamInfoList"]])
        self.assertEqual(len(self.control.list_streams(
            MaxResults=25, StreamNameCondition=condition)["StreamInfoList"]), 25)

    def test_delete(self):
        info = self.control.describe_stream(StreamName=self.stream)["StreamInfo"]
        self.control.delete_stream(StreamARN=self.arn, CurrentVersion=info["Version"])
        self.refused("ResourceNotFoundException", 404, self.control.describe_stream,
                     StreamName=self.stream)
        self.refused("ResourceNotFoundException", 404, self.control.delete_stream,
                     StreamARN=self.arn)
        time.sleep(0.002)
        again = self.control.create_stream(StreamName=self.stream)["StreamARN"]
        self.assertNotEqual(again, self.arn)
        self.refused("ResourceNotFoundException", 404, self.control.describe_stream,
                     StreamARN=self.arn)

    def test_deleted_and_created_at_once(self):
        """As fast as one connection can: no two streams have one ARN."""
        connection = http.client.HTTPConnection("127.0.0.1", self.kvs.port, timeout=30)
        self.addCleanup(connection.close)

        def call(path, members):
            body = json.dumps(members).encode()
            headers = {"Host": f"127.0.0.1:{self.kvs.port}", "Content-Type": "application/json"}
            connection.request("POST", path, body=body,
                               headers=kvslocal.sign("POST", path, headers, body=body))
            answer = connection.getresponse()
            self.assertEqual(answer.status, 200)
            return json.loads(answer.read())

        arns = []
        for _ in range(300):
            arns.append(call("/createStream", {"StreamName": "again"})["StreamARN"])
            call("/deleteStream", {"StreamARN": arns[-1]})
        self.assertEqual(len(set(arns)), len(arns))

    def test_tags(self):
        listed = lambda: self.control.list_tags_for_stream(StreamName=self.stream)["Tags"]
        self.assertEqual(listed(), {})
        self.control.tag_stream(StreamName=self.stream, Tags={"Owner": "J\u00fcrgen", "a": ""})
        self.control.tag_stream(StreamARN=self.arn, Tags={"a": "2"})
        self.assertEqual(listed(), {"Owner": "J\u00fcrgen", "a": "2"})
        self.control.untag_stream(StreamName=self.stream, TagKeyList=["a", "absent"])
        self.assertEqual(listed(), {"Owner": "J\u00fcrgen"})
        many = {f"k{i}": "v" for i in range(49)}
        self.control.tag_stream(StreamName=self.stream, Tags=many)
        self.refused("TagsPerResourceExceededLimitException", 400, self.control.tag_stream,
                     StreamName=self.stream, Tags={"more": ""})
        self.assertEqual(len(listed()), 50)
        self.refused("TagsPerResourceExceededLimitException", 400, self.control.create_stream,
                     StreamName="overtagged", Tags={f"k{i}": "v" for i in range(51)})

    def test_update(self):
        before = self.control.describe_stream(StreamName=self.stream)["StreamInfo"]["Version"]
        self.control.update_stream(StreamName=self.stream, CurrentVersion=before, DeviceName="d2",
                                   MediaType="video/h265")
        info = self.control.describe_stream(StreamName=self.stream)["StreamInfo"]
        self.assertEqual((info["DeviceName"], info["MediaType"]), ("d2", "video/h265"))
        self.assertNotEqual(info["Version"], before)
        self.refused("VersionMismatchException", 400, self.control.update_stream,
                     StreamName=self.stream, CurrentVersion=before, DeviceName="d3")
        change = {"StreamName": self.stream, "Operation": "INCREASE_DATA_RETENTION"}
        self.control.update_data_retention(CurrentVersion=info["Version"],
                                           DataRetentionChangeInHours=3, **change)
        info = self.control.describe_stream(StreamName=self.stream)["StreamInfo"]
        self.assertEqual(info["DataRetentionInHours"], 5)
        change["Operation"] = "DECREASE_DATA_RETENTION"
        self.refused("InvalidArgumentException", 400, self.control.update_data_retention,
                     CurrentVersion=info["Version"], DataRetentionChangeInHours=6, **change)

    def test_endpoint(self):
        for name in ("PUT_MEDIA", "GET_MEDIA", "LIST_FRAGMENTS", "GET_MEDIA_FOR_FRAGMENT_LIST",
                     "GET_HLS_STREAMING_SESSION_URL", "GET_DASH_STREAMING_SESSION_URL", "GET_CLIP"):
            answer = self.control.get_data_endpoint(StreamName=self.stream, APIName=name)
            self.assertEqual(answer["DataEndpoint"], self.kvs.url)

    def test_aws_cli(self):
        base = [tool("aws"), "--region", "us-west-2", "--endpoint-url", self.kvs.url, "--output",
                "json"]
        env = {**os.environ, **self.kvs.env, "PYTHONPATH": "", "AWS_PAGER": ""}

        def aws(*words):
            run = subprocess.run(base + list(words), env=env, capture_output=True, text=True,
                                 check=False)
            self.assertEqual(run.returncode, 0, run.stderr)
            return json.loads(run.stdout) if run.stdout.strip() else None

        aws("kinesisvideo", "create-stream", "--stream-name", "cli", "--data-retention-in-hours", "2")
        info = aws("kinesisvideo", "describe-stream", "--stream-name", "cli")["StreamInfo"]
        self.assertEqual(info["Status"], "ACTIVE")
        self.kvs.put_media("cli").send_all(mkv.header() + mkv.cluster(1000) + mkv.cluster(2000))
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "out.mkv")
            aws("kinesis-video-media", "get-media", "--stream-name", "cli", "--start-selector",
                "StartSelectorType=EARLIEST", path)
            with open(path, "rb") as file:
                self.assertEqual(len(mkv.chunks(file.read())), 2)
        aws("kinesisvideo", "delete-stream", "--stream-arn", info["StreamARN"])


class Signatures(Case):
    def refuse(self, code, message, status=403, **options):
        with self.assertRaises(HttpError) as caught:
            self.put(**options).accepted()
        self.assertEqual((caught.exception.status, caught.exception.code), (status, code))
        self.assertRegex(caught.exception.message, message)
        if status == 403:
            self.assertIn("message", json.loads(caught.exception.body))

    def refuse_both(self, code, message, **options):
        self.refuse(code, message, **options)
        status, headers, body = self.post("/listStreams", b"{}", **options)
        self.assertEqual((status, headers["x-amzn-errortype"].split(":")[0]), (403, code))
        self.assertRegex(json.loads(body)["message"], message)

    def test_good(self):
        self.put().accepted()
        self.assertEqual(self.post("/listStreams", b"{}")[0], 200)

    def test_unknown_key(self):
        self.refuse_both("UnrecognizedClientException", "security token .* invalid",
                         access_key="AKIDOTHER")

    def test_wrong_secret(self):
        self.refuse_both("InvalidSignatureException", "does not match", secret_key="other")

    def test_token_that_is_not_expected(self):
        self.refuse_both("UnrecognizedClientException", "security token .* invalid", token="token")

    def test_region_and_service(self):
        self.refuse_both("InvalidSignatureException", "valid region", region="eu-west-1")
        self.refuse_both("InvalidSignatureException", "correct service", service="s3")

    def test_clock(self):
        self.refuse_both("InvalidSignatureException",
                         r"Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z "
                         r"\(\d{8}T\d{6}Z - 5 min\.\)", amz_date=amz_date(-330))
        self.refuse_both("InvalidSignatureException", "Signature not yet current",
                         amz_date=amz_date(330))
        self.put(amz_date=amz_date(-240)).accepted()
        self.put(amz_date=amz_date(240)).accepted()

    def test_without(self):
        self.refuse("MissingAuthenticationTokenException", "Missing Authentication Token",
                    signed=False)
        connection = http.client.HTTPConnection("127.0.0.1", self.kvs.port, timeout=30)
        self.addCleanup(connection.close)
        connection.request("POST", "/listStreams", body=b"{}")
        answer = connection.getresponse()
        self.assertEqual(answer.status, 403)
        answer.read()

    def test_garbled(self):
        def replace(old, new):
            def tamper(headers):
                headers["Authorization"] = headers["Authorization"].replace(old, new)
            return tamper
        for old, new in (("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"), ("Credential=", "Cred="),
                         ("SignedHeaders=", "Signed="), ("Signature=", "Sig="),
                         ("/aws4_request", ""), ("AWS4-HMAC-SHA256 ", "")):
            self.refuse("IncompleteSignatureException", ".", tamper=replace(old, new))
        self.refuse("InvalidSignatureException", "terminator",
                    tamper=replace("aws4_request", "aws3_request"))
        self.refuse("InvalidSignatureException", "Date in Credential",
                    tamper=replace("/20", "/19"))
        self.refuse("IncompleteSignatureException", "X-Amz-Date",
                    tamper=lambda headers: headers.pop("X-Amz-Date"))

    def test_tampered(self):
        for name, value in (("x-amzn-stream-name", "other"), ("User-Agent", "other"),
                            ("x-amzn-producer-start-timestamp", "1"),
                            ("Host", "elsewhere"), ("Connection", "close")):
            def tamper(headers, name=name, value=value):
                headers[name] = value
            self.refuse("InvalidSignatureException", "does not match", tamper=tamper)

        def take_away(headers):
            del headers["User-Agent"]
        self.refuse("InvalidSignatureException", "does not match", tamper=take_away)

    def test_host_and_date_must_be_signed(self):
        def leave_out(name):
            def tamper(headers):
                before = headers["Authorization"]
                headers["Authorization"] = before.replace(f";{name};", ";")
                self.assertNotEqual(before, headers["Authorization"])
            return tamper
        self.refuse("InvalidSignatureException", "Host", tamper=leave_out("host"))
        self.refuse("InvalidSignatureException", "X-Amz-Date", tamper=leave_out("x-amz-date"))

    def test_payload_hashes_of_put_media(self):
        for text in ("UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"):
            self.put(headers={"x-amz-content-sha256": text}, payload_hash=text).accepted()

    def test_body_hash(self):
        body = b'{"MaxResults":1}'
        connection = http.client.HTTPConnection("127.0.0.1", self.kvs.port, timeout=30)
        self.addCleanup(connection.close)
        headers = kvslocal.sign("POST", "/listStreams", {"Host": f"127.0.0.1:{self.kvs.port}"},
                                body=body)
        connection.request("POST", "/listStreams", body=body.replace(b"1", b"2"), headers=headers)
        answer = connection.getresponse()
        self.assertEqual(answer.status, 403)
        answer.read()
        unsigned = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
        self.assertEqual(self.post("/listStreams", body, unsigned,
                                   payload_hash="UNSIGNED-PAYLOAD")[0], 200)
        false_hash = "0" * 64
        status, _, answer = self.post("/listStreams", body, {"x-amz-content-sha256": false_hash},
                                      payload_hash=false_hash)
        self.assertEqual(status, 403)
        self.assertIn("x-amz-content-sha256", json.loads(answer)["message"])

    def test_query_is_signed(self):
        self.put(query="X-Amz-Expires=600").accepted()

    def test_absolute_target(self):
        # as the AWS SDK for Java writes it
        self.put(target=f"http://127.0.0.1:{self.kvs.port}/putMedia").accepted()


class Credentials(unittest.TestCase):
    def start(self, text=None, **options):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        args = []
        if text is not None:
            path = os.path.join(folder.name, "credentials")
            with open(path, "w", encoding="ascii") as file:
                file.write(text)
            args = ["--credentials", path]
        kvs = KvsLocal(args=args + options.pop("args", []), **options)
        self.addCleanup(kvs.__exit__)
        return kvs.start()

    def lists(self, kvs, key, secret, token=None):
        client = kvs.client(aws_access_key_id=key, aws_secret_access_key=secret,
                            aws_session_token=token)
        try:
            client.list_streams()
        except botocore.exceptions.ClientError as error:
            return error.response["Error"]["Code"]
        return "ok"

    def test_file(self):
        kvs = self.start("# comment\n\nAK1 SK1\n  AK2\tSK2 token2 \n"
                         "AK3 SK3 token3 2020-01-01T00:00:00Z\nAK4 SK4 token4 2999-01-01T00:00:00Z\n")
        self.assertEqual(self.lists(kvs, "AK1", "SK1"), "ok")
        self.assertEqual(self.lists(kvs, "AK2", "SK2", "token2"), "ok")
        self.assertEqual(self.lists(kvs, "AK2", "SK2"), "UnrecognizedClientException")
        self.assertEqual(self.lists(kvs, "AK2", "SK2", "token3"), "UnrecognizedClientException")
        self.assertEqual(self.lists(kvs, "AK3", "SK3", "token3"), "ExpiredTokenException")
        self.assertEqual(self.lists(kvs, "AK4", "SK4", "token4"), "ok")
        self.assertEqual(self.lists(kvs, kvslocal.ACCESS_KEY, kvslocal.SECRET_KEY),
                         "UnrecognizedClientException")

    def test_file_that_changes(self):
        """It is read at each request; one that makes no sense changes nothing."""
        kvs = self.start("AK1 SK1\n")
        path = kvs.args[1]
        self.assertEqual(self.lists(kvs, "AK2", "SK2", "t"), "UnrecognizedClientException")
        for text, outcome in (("AK2 SK2 t 2999-01-01T00:00:00Z\n", "ok"),
                              ("AK2 SK2 t 2020-01-01T00:00:00Z\n", "ExpiredTokenException"),
                              ("AK2\n", "ExpiredTokenException"),
                              ("AK2 SK3 t 2999-01-01T00:00:00Z\n", "InvalidSignatureException")):
            with open(path, "w", encoding="ascii") as file:
                file.write(text)
            self.assertEqual(self.lists(kvs, "AK2", "SK2", "t"), outcome)
            self.assertEqual(self.lists(kvs, "AK1", "SK1"), "UnrecognizedClientException")

    def test_verbose_says_who_signed(self):
        kvs = self.start("AK1 SK1 token1\n", args=["--verbose"])
        self.assertEqual(self.lists(kvs, "AK1", "SK1", "token1"), "ok")
        self.assertIn("/listStreams signed by AK1\n", kvs.errors())
        self.assertNotIn("SK1", kvs.errors())
        self.assertNotIn("token1", kvs.errors())

    def test_token_of_environment(self):
        kvs = self.start(env={"AWS_SESSION_TOKEN": "session"})
        self.assertEqual(self.lists(kvs, kvslocal.ACCESS_KEY, kvslocal.SECRET_KEY, "session"), "ok")
        self.assertEqual(self.lists(kvs, kvslocal.ACCESS_KEY, kvslocal.SECRET_KEY),
                         "UnrecognizedClientException")
        kvs.client(aws_session_token="session").create_stream(StreamName="cam")
        # the C producers add the token after signing
        with kvs.put_media(unsigned={"x-amz-security-token": "session"}) as connection:
            connection.accepted()

    def test_no_auth(self):
        kvs = self.start(args=["--no-auth"], env={"AWS_ACCESS_KEY_ID": None})
        self.assertEqual(self.lists(kvs, "anybody", "anything"), "ok")

    def test_refuses_to_start(self):
        for env, args, text in (({"AWS_ACCESS_KEY_ID": None}, [], "--no-auth"),
                                ({}, ["--credentials", "/nonexistent"], "nonexistent"),
                                ({}, ["--no-such-option"], "no-such-option"),
                                ({}, ["--tls-cert", "x"], "--tls-key"),
                                ({}, ["--bind", "nowhere"], "--bind"),
                                ({}, ["more"], "only options")):
            with self.assertRaisesRegex(RuntimeError, text):
                self.start(env=env, args=args)
        with self.assertRaisesRegex(RuntimeError, "line 2 is not"):
            self.start("AK SK\nAKIDALONE\n")


if __name__ == "__main__":
    unittest.main()
