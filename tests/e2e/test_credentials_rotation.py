# SPDX-License-Identifier: LGPL-2.1-or-later
"""Credentials that live for seconds cost nothing: every frame is stored once, and nobody hears of
it. Live streams through faultproxy.py, as in test_outages.py."""

import os
import tempfile
import time
import unittest

import credential_cases
import kvslocal_case
import outages
import support
from credential_services import Behaviour, Certificates, Keyring

# see tests/e2e/run.py
LONG = True

# An hour of media with credentials of 90 s, 24 times as fast; ends are whole seconds
SPEED = 24
HOUR_FRAMES = 3600 * 5
SHORT_LIFE = 4
# Sessions have a least duration of some seconds, which such credentials leave room for.
LONG_LIFE = 24
NONE = {name: "" for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}


class Rotation(unittest.TestCase):
    timeout = 400

    @classmethod
    def setUpClass(cls):
        kvslocal_case.require_kvs_local()
        outages.require_gi()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.frames = outages.make_frames(cls.folder)
        cls.certificates = Certificates(cls.folder)

    def setUp(self):
        name = self._testMethodName
        self.keyring = Keyring(os.path.join(self.folder, name + "-keyring"))
        self.place = credential_cases.Place(self.folder, self.keyring, self.certificates, name)
        self.services = self.place.services
        self.addCleanup(self.services.stop)

    def rig(self, use, *kvs_args):
        use(self.place)
        rig = outages.Rig(
            self.folder, self.frames, env={**NONE, "HOME": self.place.home, **self.place.env},
            kvs_args=["--credentials", self.keyring.path, "--verbose", *kvs_args])
        self.addCleanup(rig.__exit__)
        return rig.__enter__()

    def check(self, rig):
        """Each frame once, in order; nothing said, nothing refused."""
        rig.table()
        self.assertNotRegex(rig.kvs.errors(), "Exception: ")
        for stream in rig.streams.values():
            with self.subTest(str(stream)):
                self.assertEqual((stream.errors, stream.warnings), ([], []))
                self.assertTrue(stream.stored.is_in_order)
                self.assertEqual(stream.n_lost, 0)
                self.assertEqual(stream.stored.n_doubled, 0)
                self.assertEqual(stream.stored.strange, 0)
                self.assertEqual(stream.result["stats"]["reconnects"], 0)

    def signers(self, rig):
        """Access keys of PutMedia requests."""
        return [line.split()[-1] for line in rig.kvs.errors().splitlines()
                if " /putMedia signed by " in line]

    def test_an_hour(self):
        """Two streams share what they ask for; one of them is sent 24 times as fast as it plays."""
        self.services.behave(Behaviour(lifetime=SHORT_LIFE))
        rig = self.rig(credential_cases.use_imds)
        rig.add("an hour of media", fps=5, speed=SPEED, max_frames=HOUR_FRAMES,
                sink="buffer-duration=1200")
        rig.add("in real time", fps=outages.FPS, max_frames=outages.FPS * 140)
        began = time.monotonic()
        rig.run(300)
        lives = (time.monotonic() - began) / SHORT_LIFE
        self.check(rig)
        used = set(self.signers(rig))
        self.assertGreater(len(used), lives / 2)
        # ahead of their end, but not all the time
        self.assertLess(len(self.services.given), 3 * lives)

    def test_sessions_end_before_their_credentials(self):
        """A session never outlives what it was signed with."""
        self.services.behave(Behaviour(lifetime=LONG_LIFE))
        rig = self.rig(credential_cases.use_container)
        stream = rig.add("sessions", fps=10, max_frames=420)
        rig.run(120)
        self.check(rig)
        ends = {given.access_key: given.expiration for given in self.services.given}
        clock = time.time() - time.monotonic()
        sessions = [at + clock for at, _, _ in rig.proxy.events_of(stream.name, "session")]
        over = [at + clock for at, _, _ in rig.proxy.events_of(stream.name, "body-ended")]
        signers = self.signers(rig)
        self.assertGreaterEqual(len(set(signers)), 2)
        self.assertEqual(len(sessions), len(signers))
        for end, signer in zip(over, signers):
            self.assertLess(end, ends[signer])

    def test_the_service_says_that_a_token_expired(self):
        """Long before its time: the source is asked anew once, at once, for all streams."""
        rig = self.rig(credential_cases.use_imds, "--max-connection-seconds", "3")
        for _ in range(3):
            rig.add("refused in between", fps=10, max_frames=150)
        rig.start()
        support.wait_until(lambda: all(rig.proxy.events_of(name, "persisted")
                                       for name in rig.streams))
        first = self.services.given[0]
        self.keyring.add(first.access_key, first.secret_key, first.token, time.time() - 1)
        rig.finish(60)
        self.assertIn("ExpiredTokenException", rig.kvs.errors())
        self.assertEqual(len(self.services.given), 2)
        for stream in rig.streams.values():
            with self.subTest(str(stream)):
                self.assertEqual(stream.errors, [])
                # only of connections that the service has ended within a fragment
                self.assertNotRegex(str(stream.warnings), "(?i)expired|credential|token")
                self.assertEqual(stream.n_lost, 0)

    def test_the_source_fails_for_a_while(self):
        """Credentials that are still good are used until it answers again."""
        self.services.behave(Behaviour(lifetime=12))
        rig = self.rig(credential_cases.use_imds)
        rig.add("the source fails", fps=10, max_frames=250)
        rig.start()
        support.wait_until(lambda: self.services.given)
        self.services.behave(Behaviour(denied=True))
        # it is asked, ahead of time, and refuses
        n = len(self.services.requests)
        support.wait_until(lambda: len(self.services.requests) > n)
        time.sleep(1)
        self.services.behave(Behaviour(lifetime=12))
        rig.finish(60)
        self.check(rig)
        self.assertGreaterEqual(len(self.services.given), 2)


if __name__ == "__main__":
    unittest.main()
