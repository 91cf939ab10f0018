# SPDX-License-Identifier: LGPL-2.1-or-later
"""The systemd unit of kvs-local: systemd takes it, finds it closed up, and its command works."""

import os
import re
import shlex
import subprocess
import tempfile
import unittest

import kvslocal
from kvslocal_case import require_kvs_local, tool
from support import built

# systemd's own measure, from 0 (closed) to 100; a unit without any settings has 96
MAX_EXPOSURE = 20


def setUpModule():
    require_kvs_local()


class Unit(unittest.TestCase):
    def setUp(self):
        with open(built("examples", "kvs-local", "kvs-local.service"), encoding="utf-8") as file:
            self.text = file.read()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        # as if the program were installed
        self.text = re.sub("(?m)^ExecStart=[^ ]*", "ExecStart=" + kvslocal.program(), self.text)
        self.path = os.path.join(self.folder, "kvs-local.service")
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(self.text)

    def analyze(self, *arguments):
        return subprocess.run([tool("systemd-analyze"), *arguments, self.path], text=True,
                              capture_output=True, check=False)

    def test_verify(self):
        run = self.analyze("verify", "--man=no", "--recursive-errors=no")
        self.assertEqual((run.returncode, run.stdout + run.stderr), (0, ""))

    def test_security(self):
        run = self.analyze("security", "--no-pager", "--offline=true",
                           f"--threshold={MAX_EXPOSURE}")
        if "unrecognized option" in run.stderr or "Unknown" in run.stderr:
            self.skipTest("this systemd does not analyze files")
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        # the state folder of a DynamicUser is that user's alone
        for setting in ("DynamicUser=yes", "StateDirectory=kvs-local", "ProtectSystem=strict"):
            self.assertIn(f"\n{setting}\n", self.text)

    def test_command(self):
        command = re.search("(?m)^ExecStart=(.*)$", self.text).group(1)
        port_file = os.path.join(self.folder, "port")
        words = []
        for word in shlex.split(command):
            if word == "$KVS_LOCAL_OPTIONS":
                words += ["--port", "0", "--port-file", port_file]
            else:
                words.append(word.replace("${STATE_DIRECTORY}", os.path.join(self.folder, "state")))
        env = {**os.environ, "AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "secret"}
        with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, text=True) as process:
            try:
                self.assertRegex(process.stdout.readline(), "^kvs-local: listening on http")
            finally:
                process.terminate()
        self.assertEqual(process.returncode, 0)
        self.assertTrue(os.path.exists(os.path.join(self.folder, "state", "kvs-local.sqlite")))


if __name__ == "__main__":
    unittest.main()
