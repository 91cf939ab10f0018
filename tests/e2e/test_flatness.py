# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a process holds does not grow with state changes; test_outages.py has that for outages."""

import json
import os
import sys
import tempfile
import unittest

import kvslocal_case
import outages
import support
from kvslocal import KvsLocal

# see tests/e2e/run.py
LONG = True
ALONE = True

N_CYCLES = 1000


class Flatness(unittest.TestCase):
    timeout = 240

    def setUp(self):
        kvslocal_case.require_kvs_local()
        outages.require_gi()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.frames = outages.make_frames(self.folder)

    def test_1000_state_cycles(self):
        with KvsLocal() as kvs:
            script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "state_cycles.py")
            child = support.Child(
                [sys.executable, script, self.frames, str(N_CYCLES), "cam"], "cycles",
                {**support.python_environment(), **kvs.env})
            self.assertEqual(child.wait(200), 0, child.output)
            outages.check_flat(self, *[json.loads(line) for line in child.output.splitlines()
                                       if line.startswith("{")])


if __name__ == "__main__":
    unittest.main()
