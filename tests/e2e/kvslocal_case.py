# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of kvs-local itself share.

Expected behaviour is that of the service; "section N" refers to the protocol facts that the comments
in examples/kvs-local cite. Signatures come from botocore, Matroska from mkvwriter.py and ffmpeg.
"""

import http.client
import os
import shutil
import time
import unittest

import kvslocal
import mkvwriter as mkv
from kvslocal import KvsLocal

try:
    import botocore.exceptions
except ImportError:
    botocore = None


def require_kvs_local():
    if botocore is None:
        raise unittest.SkipTest("python3-botocore is not installed")
    if not os.path.exists(kvslocal.program()):
        raise unittest.SkipTest("kvs-local is not built")


def tool(name):
    path = shutil.which(name)
    if path is None:
        raise unittest.SkipTest(f"{name} is not installed")
    return path


def events(acks):
    """Acks in short: "BUFFERING 0", "ERROR 1000 4004", ..."""
    return [" ".join(str(ack[key]) for key in ("EventType", "FragmentTimecode", "ErrorId")
                     if key in ack) for ack in acks]


def persisted(timecode):
    return [f"{event} {timecode}" for event in ("BUFFERING", "RECEIVED", "PERSISTED")]


def wait_for(condition, seconds=10):
    end = time.monotonic() + seconds * kvslocal.SLOWNESS
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("did not happen")
        time.sleep(0.02)


class Case(unittest.TestCase):
    """One kvs-local for all tests of a class; each test has its own stream."""

    ARGS = []
    RETENTION = 2

    @classmethod
    def setUpClass(cls):
        cls.kvs = KvsLocal(args=cls.ARGS)
        cls.kvs.start()
        cls.control = cls.kvs.client("kinesisvideo")
        cls.media = cls.kvs.client("kinesis-video-media")

    @classmethod
    def tearDownClass(cls):
        cls.control.close()
        cls.media.close()
        status = cls.kvs.stop()
        errors = cls.kvs.errors()
        cls.kvs.__exit__()
        if status != 0 or errors:
            raise AssertionError(f"kvs-local ended with {status}:\n{errors}")

    def setUp(self):
        self.stream = self._testMethodName
        self.arn = self.control.create_stream(
            StreamName=self.stream, DataRetentionInHours=self.RETENTION)["StreamARN"]

    def put(self, **options):
        connection = self.kvs.put_media(self.stream, **options)
        self.addCleanup(connection.close)
        return connection

    def put_all(self, body, split=None, **options):
        return events(self.put(**options).send_all(body, split))

    def chunks(self, selector="EARLIEST", **members):
        return mkv.chunks(self.kvs.get_media(self.stream, selector, **members))

    def timecodes(self, selector="EARLIEST", **members):
        return [chunk["tags"]["AWS_KINESISVIDEO_PRODUCER_TIMESTAMP"]
                for chunk in self.chunks(selector, **members)]

    def refused(self, code, status, operation, **members):
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            operation(**members)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], status)
        return caught.exception.response["Error"]["Message"]

    def post(self, path, body, headers=None, kvs=None, **options):
        """A signed request with any body: status, headers, body."""
        kvs = kvs or self.kvs
        connection = http.client.HTTPConnection("127.0.0.1", kvs.port, timeout=30)
        self.addCleanup(connection.close)
        sent = {"Host": f"127.0.0.1:{kvs.port}", "Content-Type": "application/json"}
        sent.update(headers or {})
        sent = kvslocal.sign("POST", path, sent, body=body, **options)
        connection.request("POST", path, body=body, headers=sent)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
