# SPDX-License-Identifier: LGPL-2.1-or-later
"""What users see when something is wrong: one clear error, exit status 1, and no secret anywhere."""

import socket
import unittest

import support
from kvslocal import ACCESS_KEY, SECRET_KEY, KvsLocal

SOURCE = ("videotestsrc is-live=true ! video/x-raw,width=160,height=120,framerate=30/1 "
          "! x264enc tune=zerolatency key-int-max=30 speed-preset=ultrafast ! ")
TOKEN = "SESSIONTOKENTHATNOBODYMAYSEE"


class Errors(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kvs = KvsLocal().start()
        cls.addClassCleanup(cls.kvs.__exit__)

    def run_wrong(self, sink, expected, env=None, options=("-e",)):
        child = support.pipeline(f"{SOURCE} kvssink name=sink {sink}".split(" "),
                                 env={**self.kvs.env, **(env or {})}, options=options)
        self.assertEqual(child.wait(30), 1, child.output)
        own = [line for line in child.output.splitlines()
               if "ERROR" in line and "GstKvsSink" in line]
        self.assertEqual(len(own), 1, child.output)
        self.assertRegex(own[0], expected)
        for secret in (SECRET_KEY, TOKEN):
            self.assertNotIn(secret, child.output)
        return child

    def test_wrong_secret(self):
        self.run_wrong("stream-name=cam", "InvalidSignatureException.*AWS_SECRET_ACCESS_KEY",
                       {"AWS_SECRET_ACCESS_KEY": "wrong"})

    def test_unknown_key(self):
        self.run_wrong("stream-name=cam", "UnrecognizedClientException.*AWS_ACCESS_KEY_ID",
                       {"AWS_ACCESS_KEY_ID": "AKIDOTHER"})

    def test_no_credentials(self):
        self.run_wrong("stream-name=cam", "AWS_ACCESS_KEY_ID",
                       {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""})

    def test_region_that_the_endpoint_does_not_serve(self):
        self.run_wrong("stream-name=cam aws-region=eu-west-1", "valid region.*region")

    def test_region_that_is_none(self):
        self.run_wrong("stream-name=cam aws-region=nowhere", "nowhere.*aws-region")

    def test_region_that_does_not_exist(self):
        """No endpoint is set, so it is the region's own host, which does not resolve."""
        # In a network namespace of its own, so that nothing asks a name server.
        namespace = [support.tool("unshare"), "--map-root-user", "--net"]
        if support.Child(namespace + ["true"]).wait() != 0:
            self.skipTest("this machine allows no network namespace")
        child = support.Child(
            namespace + [support.tool("gst-launch-1.0")]
            + f"{SOURCE} kvssink stream-name=cam aws-region=xx-nowhere-9".split(),
            env={**support.gst_environment(), **self.kvs.env, "AWS_ENDPOINT_URL_KINESIS_VIDEO": ""})
        self.assertEqual(child.wait(30), 1, child.output)
        self.assertRegex(child.output, "ERROR.*GstKvsSink.*xx-nowhere-9.*aws-region")

    def test_missing_stream(self):
        self.run_wrong("stream-name=missing allow-create-stream=false",
                       "missing does not exist.*allow-create-stream=true")

    def test_stream_names(self):
        self.run_wrong('stream-name=""', "name is empty.*stream-name")
        self.run_wrong("stream-name=" + "n" * 257, "257 characters.*256.*stream-name")
        self.run_wrong("stream-name=a/b", "a/b.*character.*stream-name")
        self.run_wrong("stream-name=k\u00e4mera", "character.*stream-name")

    def test_longest_stream_name(self):
        child = support.pipeline(SOURCE.replace("videotestsrc", "videotestsrc num-buffers=30")
                                 + "kvssink stream-name=" + "n" * 256, env=self.kvs.env)
        self.assertEqual(child.wait(30), 0, child.output)

    def test_plain_http_to_another_host(self):
        self.run_wrong("stream-name=cam endpoint=http://192.0.2.1:80", "http://")

    def test_missing_ca_bundle(self):
        self.run_wrong("stream-name=cam ca-path=/nonexistent.pem", "/nonexistent.pem.*ca-path")

    def test_unreachable_and_no_restart(self):
        port = support.free_port()
        for wish in ("restart-on-error=false", "streaming-type=offline"):
            self.run_wrong(f"stream-name=cam endpoint=http://127.0.0.1:{port} {wish}", "connect")

    def test_unreachable(self):
        """A live stream warns and goes on, whether the port is closed or nobody answers."""
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        for port in (support.free_port(), silent.getsockname()[1]):
            child = support.pipeline(
                SOURCE + f"kvssink stream-name=cam endpoint=http://127.0.0.1:{port}",
                env=self.kvs.env, options=())
            child.wait_for_output("WARNING.*GstKvsSink", timeout=10)
            child.wait_for_output("Trying again; meanwhile media are buffered", timeout=1)
            child.signal(2)
            self.assertEqual(child.wait(20), 0, child.output)
            self.assertNotIn("ERROR", child.output)

    def test_what_could_not_be_delivered_is_said(self):
        port = support.free_port()
        child = support.pipeline(
            SOURCE.replace("videotestsrc", "videotestsrc num-buffers=30")
            + f"kvssink stream-name=cam stop-stream-timeout=1 endpoint=http://127.0.0.1:{port}",
            env=self.kvs.env)
        self.assertEqual(child.wait(30), 0, child.output)
        self.assertRegex(child.output, "could not be delivered within stop-stream-timeout")

    def test_no_secret_at_any_debug_level(self):
        kvs = KvsLocal(env={"AWS_SESSION_TOKEN": TOKEN}).start()
        self.addCleanup(kvs.__exit__)
        for env in ({}, {"AWS_SECRET_ACCESS_KEY": SECRET_KEY[::-1]}):
            child = support.pipeline(
                SOURCE.replace("videotestsrc", "videotestsrc num-buffers=10")
                + "kvssink stream-name=cam",
                env={**kvs.env, "AWS_SESSION_TOKEN": TOKEN, "GST_DEBUG": "9",
                     "GST_DEBUG_NO_COLOR": "1", **env}, options=("-e", "-v"))
            child.wait(60)
            self.assertIn("kvssink", child.output)
            for secret in (SECRET_KEY, SECRET_KEY[::-1], TOKEN):
                self.assertNotIn(secret, child.output)

    def test_secret_properties_are_not_shown(self):
        child = support.pipeline(
            SOURCE.replace("videotestsrc", "videotestsrc num-buffers=10")
            + f"kvssink stream-name=cam access-key={ACCESS_KEY} secret-key={SECRET_KEY}",
            env={**self.kvs.env, "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
            options=("-e", "-v"))
        self.assertEqual(child.wait(30), 0, child.output)
        shown = child.output.split("\n", 1)[1]  # the first line is the command itself
        self.assertNotIn(SECRET_KEY, shown)


if __name__ == "__main__":
    unittest.main()
