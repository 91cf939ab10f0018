# SPDX-License-Identifier: LGPL-2.1-or-later
"""The benchmark runs: each row of its tables is there. No figure is judged."""

import json
import os
import sys
import unittest
import xml.etree.ElementTree

import kvslocal_case
import support

BENCH = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bench")
SUBJECTS = ["fakesink", "mux", "kvssink", "kvssink-0", "floor", "floor-0"]


class Bench(unittest.TestCase):
    timeout = 120

    def setUp(self):
        kvslocal_case.require_kvs_local()
        support.built("tests", "bench", "bench-streams")
        support.require_introspection("Gst", "GstApp")
        support.require_elements("x264enc", "matroskamux")

    def run_script(self, name, *arguments):
        child = support.Child([sys.executable, os.path.join(BENCH, name), *arguments], name)
        self.assertEqual(child.wait(100), 0, child.output)
        return child.output

    def test_one_stream(self):
        path = os.path.join(support.LOGS, "results.json")
        output = self.run_script("run", "--build", support.BUILD, "--seconds", "2", "--repeats", "1",
                                 "--json", path, "1")
        for name in ("fakesink", "matroskamux ! fakesink", "kvssink", "kvssink flush-interval=0",
                     "libcurl alone", "libcurl alone, each frame"):
            self.assertRegex(output, rf"(?m)^ *{name}  +\d+\.\d+ .* 1/1 ", output)
        self.assertIn("1 stream: ended cleanly", output)
        self.assertNotIn("note:", output)
        with open(path, encoding="utf-8") as file:
            results = json.load(file)
        found = results["workloads"]["1"]
        self.assertEqual(list(found), SUBJECTS)
        for subject in SUBJECTS:
            self.assertEqual(found[subject]["clean"], 1, subject)
            self.assertGreater(found[subject]["cpu"], 0, subject)
        self.assertGreater(found["kvssink"]["first_media_max_ms"], 0)
        svg = self.run_script("chart", path).split("\n", 1)[1]
        self.assertIn("1 stream", "".join(xml.etree.ElementTree.fromstring(svg).itertext()))
        self.assertIn("| 1 | kvssink flush-interval=0 |", self.run_script("chart", "--markdown", path))


if __name__ == "__main__":
    unittest.main()
