# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a process holds does not grow: not with outages, not with state changes."""

import json
import os
import sys
import tempfile
import time
import unittest

import kvslocal_case
import outages
import support
from kvslocal import KvsLocal

N_OUTAGES = 200
N_CYCLES = 1000
# Allocators keep some; a leak of a kilobyte an outage would be seen where there are many of them
MORE_RSS_BYTES = 12 << 20


class Flatness(unittest.TestCase):
    timeout = 240

    def setUp(self):
        kvslocal_case.require_kvs_local()
        outages.require_gi()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.frames = outages.make_frames(self.folder)

    def check_flat(self, before, after):
        print(json.dumps([before, after]), file=open(os.path.join(support.LOGS, "flat.txt"), "w",
                                                     encoding="utf-8"))
        self.assertLessEqual(after["threads"], before["threads"])
        self.assertLessEqual(after["fds"], before["fds"] + 2)
        if support.SLOWNESS == 1:
            self.assertLess(after["rss"] - before["rss"], MORE_RSS_BYTES)

    def test_200_outages(self):
        """Connections are reset and refused for a moment, again and again."""
        with outages.Rig(self.folder, self.frames) as rig:
            for fps in (30, 30, 15, 10):
                rig.add(f"{N_OUTAGES} outages in a row, {fps} frames a second", fps=fps)
            rig.start()
            self.wait_for_more(rig)
            measures = []
            for i in range(N_OUTAGES):
                for stream in rig.streams.values():
                    rig.proxy.note(stream.name, "fault")
                rig.proxy.refuse()
                time.sleep(0.03)
                rig.proxy.listen()
                self.wait_for_more(rig)
                if i in (N_OUTAGES // 5, N_OUTAGES - 1):
                    measures.append(rig.measure())
            for stream in rig.streams.values():
                rig.end(stream)
            rig.finish(60)
            rig.table()
            for stream in rig.streams.values():
                with self.subTest(str(stream)):
                    self.assertEqual(stream.errors, [])
                    self.assertEqual(stream.n_lost, 0)
                    self.assertEqual(stream.stored.strange, 0)
                    self.assertTrue(stream.stored.is_in_order)
                    self.assertLessEqual(stream.stored.n_doubled, N_OUTAGES)
            self.assertEqual(rig.proxy.too_many, [])
            self.check_flat(*measures)

    def wait_for_more(self, rig):
        """Each stream has something persisted since the last outage."""
        def has_more(stream):
            events = rig.proxy.events_of(stream.name, "fault", "persisted")
            return events and events[-1][1] == "persisted"
        support.wait_until(lambda: all(map(has_more, rig.streams.values())), 60, 0.01)

    def test_1000_state_cycles(self):
        with KvsLocal() as kvs:
            script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "state_cycles.py")
            child = support.Child(
                [sys.executable, script, self.frames, str(N_CYCLES), "cam"], "cycles",
                {**support.gst_environment(), **kvs.env, "PYTHONDONTWRITEBYTECODE": "1",
                 "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"})
            self.assertEqual(child.wait(200), 0, child.output)
            self.check_flat(*[json.loads(line) for line in child.output.splitlines()
                              if line.startswith("{")])


if __name__ == "__main__":
    unittest.main()
