# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pipelines take their credentials from wherever a user of AWS has them: each source with nothing
but the files, variables and properties that belong to it, while its service does well or not."""

import credential_cases
from credential_cases import N_FRAMES, REMOTE
from credential_services import Behaviour

# see tests/e2e/run.py
LONG = True

FAILING_SECONDS = 3
# a camera whose service has come back is not told so at once
FAILING_FRAMES = 30
SHORT_LIFE = 6
ROTATED_FRAMES = 120


class Remote(credential_cases.Case):
    """Sources that are asked over a network."""

    timeout = 200

    def each(self, check, behaviour, frames=N_FRAMES, both=False, without=(), **options):
        """Runs a pipeline with each source while its service behaves like that; check: called with
        the name of the source, its place and the pipeline. both: so does the source of a role."""
        def begin(name, place):
            remote = REMOTE[name]
            remote.use(place)
            place.services.behave(behaviour(remote), *(() if both else (remote.service,)))
            return self.start(place, frames)

        self.run_each([name for name in REMOTE if name not in without], begin, check, **options)

    def check_delivery(self, place, child, frames=N_FRAMES, silent=True):
        self.assertEqual(child.wait(60), 0, child.output)
        self.assertNotIn("ERROR", child.output)
        if silent:
            self.assertNotIn("WARNING", child.output)
        self.check_stored(place, frames)

    def test_normal(self):
        def check(name, place, child):
            self.check_delivery(place, child)
            # asked once: good for an hour
            self.assertEqual(len(place.services.given_by(REMOTE[name].service)), 1)

        self.each(check, lambda _: Behaviour())

    def test_slow(self):
        """The source takes seconds: media wait for it, frames do not."""
        def check(_, place, child):
            self.check_delivery(place, child, silent=False)

        self.each(check, lambda remote: Behaviour(delay=remote.slow))

    def test_failing_for_a_while(self):
        def check(_, place, child):
            self.check_delivery(place, child, FAILING_FRAMES, silent=False)

        # nobody can tell whether a program that fails will work a moment later
        self.each(check, lambda _: Behaviour(failing=FAILING_SECONDS), FAILING_FRAMES,
                  without=("process",))

    def test_garbage(self):
        """What a hotel's network answers."""
        self.each(lambda name, place, child: self.check_error(child, REMOTE[name].words),
                  lambda _: Behaviour(garbage=True))

    def test_expired(self):
        self.each(lambda name, place, child: self.check_error(child, "expired"),
                  lambda _: Behaviour(lifetime=-100))

    def test_denied(self):
        """One error that names the source, and something to do."""
        def check(name, place, child):
            self.check_error(child, f"{REMOTE[name].words}.*(look at|attach|sign in|exit|status)")

        self.each(check, lambda _: Behaviour(denied=True))

    def test_rotated(self):
        """Credentials that live for some seconds: several are used, no frame is lost or doubled."""
        def check(name, place, child):
            self.check_delivery(place, child, ROTATED_FRAMES)
            given = {given.access_key for given in place.services.given_by(REMOTE[name].service)}
            self.assertGreaterEqual(len(given & set(self.signers())), 2)

        self.each(check, lambda _: Behaviour(lifetime=SHORT_LIFE), ROTATED_FRAMES, both=True,
                  parallel=len(REMOTE))
