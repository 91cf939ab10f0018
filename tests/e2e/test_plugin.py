# SPDX-License-Identifier: LGPL-2.1-or-later
"""The plugin loads and describes itself."""

import unittest

import support


class Plugin(unittest.TestCase):
    def inspect(self, *arguments):
        support.built("gst", "libgstkvs.so")
        child = support.Child([support.tool("gst-inspect-1.0"), *arguments],
                              env=support.gst_environment())
        self.assertEqual(child.wait(60), 0, child.output)
        return child.output

    def test_plugin_is_found(self):
        self.assertIn("kvssink", self.inspect("kvs"))

    def test_element_is_described(self):
        text = self.inspect("kvssink")
        self.assertIn("Sink/Network", text)
        self.assertIn("stream-name", text)

    @support.valgrind
    def test_pipeline_without_plugin_runs(self):
        """The tools that the other tests rest on do their work, also under valgrind."""
        child = support.pipeline("videotestsrc num-buffers=5 ! fakesink")
        self.assertEqual(child.wait(60), 0, child.output)


if __name__ == "__main__":
    unittest.main()
