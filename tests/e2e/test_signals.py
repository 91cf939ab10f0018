# SPDX-License-Identifier: LGPL-2.1-or-later
"""Signals, element messages and stats, as a program in another language sees them."""

import json
import os
import sys
import unittest

import support
from kvslocal import KvsLocal

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = ("videotestsrc num-buffers=90 ! video/x-raw,format=I420,width=176,height=144,"
          "framerate=30/1 ! x264enc key-int-max=30 speed-preset=ultrafast")
DROP_REASONS = ("before-key-frame", "buffer-full", "refused", "late", "damaged", "corrupted")


class Signals(unittest.TestCase):
    timeout = 60

    def setUp(self):
        self.kvs = KvsLocal().start()
        self.addCleanup(self.kvs.__exit__)

    def watch(self, properties):
        support.require_introspection("Gst")
        child = support.Child(
            [sys.executable, os.path.join(HERE, "watch_signals.py"),
             *f"{SOURCE} ! kvssink name=sink stream-name=cam {properties}".split()],
            env={**support.python_environment(), **self.kvs.env})
        self.assertEqual(child.wait(60), 0, child.output)
        return [json.loads(line) for line in child.output.splitlines() if line.startswith("{")]

    def test_a_good_run(self):
        told = self.watch("streaming-type=offline get-kvs-metrics=true")
        acks = [line["fields"] for line in told
                if line["kind"] == "signal" and line["name"] == "fragment-ack"]
        self.assertEqual([ack["type"] for ack in acks if ack["type"] == "persisted"],
                         ["persisted"] * 3)
        for ack in acks:
            self.assertRegex(ack["fragment-number"], r"^[0-9]{47}$")
            self.assertEqual((ack["error-id"], ack["error-code"]), (0, ""))
        messages = [line["structure"] for line in told if line["kind"] == "message"]
        self.assertEqual(messages[0], "kvs-session-started")
        self.assertEqual(messages.count("kvs-fragment-ack"), len(acks))
        metrics = [line["fields"] for line in told
                   if line["kind"] == "signal" and line["name"] == "stream-client-metric"]
        self.assertEqual(len(metrics), 3)
        stats = told[-1]["fields"]
        self.assertEqual(stats.keys(), metrics[0].keys())
        self.assertEqual((stats["sessions"], stats["reconnects"], stats["error-acks"]), (1, 0, 0))
        self.assertEqual((stats["frames-in"], stats["frames-sent"], stats["frames-persisted"]),
                         (90, 90, 90))
        self.assertGreater(stats["bytes-sent"], stats["bytes-in"])
        self.assertGreater(stats["ack-latency"], 0)
        self.assertIsNone(stats["last-error"])
        self.assertEqual({name: stats.get(f"frames-dropped-{name}") for name in DROP_REASONS},
                         dict.fromkeys(DROP_REASONS, 0))
        self.assertIn("bytes-per-second", stats)

    def test_what_the_service_refuses(self):
        told = self.watch("allow-create-stream=false")
        errors = [line["fields"] for line in told
                  if line["kind"] == "signal" and line["name"] == "stream-error"]
        self.assertEqual(len(errors), 1)
        self.assertTrue(errors[0]["fatal"])
        self.assertEqual(errors[0]["http-status"], 404)
        self.assertEqual(errors[0]["aws-error-type"], "ResourceNotFoundException")
        self.assertTrue(errors[0]["request-id"])
        self.assertIn("cam", errors[0]["message"])
        self.assertIn("kvs-stream-error",
                      [line["structure"] for line in told if line["kind"] == "message"])
        self.assertIn("cam", told[-1]["fields"]["last-error"])


if __name__ == "__main__":
    unittest.main()
