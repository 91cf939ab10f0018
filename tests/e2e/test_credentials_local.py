# SPDX-License-Identifier: LGPL-2.1-or-later
"""Credentials that are on the machine itself, what may be wrong with them, and which of many are
used."""

import time

import credential_cases
import support
from credential_cases import (LOCAL, N_FRAMES, STATIC_KEY, use_container, use_imds,
                              use_iot_properties, use_source_profile, use_sso, use_web_identity)
from credential_services import Behaviour, iso


class Local(credential_cases.Case):
    """Sources on the machine itself."""

    def test_each(self):
        def begin(name, place):
            LOCAL[name](place)
            return self.start(place)

        def check(_, place, child):
            self.assertEqual(child.wait(30), 0, child.output)
            self.check_stored(place)
            self.assertIn(place.static_key, self.signers())

        self.run_each(LOCAL, begin, check)

    def test_largest_session_token(self):
        place = self.place("imds")
        place.services.token_chars = 16384
        use_imds(place)
        child = self.start(place)
        self.assertEqual(child.wait(30), 0, child.output)
        self.check_stored(place)

    def write_line(self, place, suffix, expires_in):
        key, secret, token = place.allow_static_keys(suffix)
        end = time.time() + expires_in
        place.keyring.add(key, secret, token, end)
        return place.write("credential", f"CREDENTIALS {key} {iso(end)} {secret} {token}\n")

    def test_credential_path_is_read_again(self):
        """Somebody writes a new line before the old one ends, as the AWS producers expect it."""
        place = self.place("line")
        place.sink.append("credential-path=" + self.write_line(place, "FIRST", 8))
        child = self.start(place, 100, options=("-e", "-m"))
        child.wait_for_output(r"type=\(string\)persisted")
        self.write_line(place, "SECOND", 3600)
        self.assertEqual(child.wait(60), 0, child.output)
        self.assertNotIn("WARNING", child.output)
        self.check_stored(place, 100)
        self.assertEqual(self.signers()[-1], STATIC_KEY + "SECOND")

    def test_credential_path_that_ends(self):
        """Nobody writes a new line for a while: a warning, and then all is delivered."""
        place = self.place("late-line")
        place.sink.append("credential-path=" + self.write_line(place, "OLD", 6))
        child = self.start(place, 150, options=("-e", "-m"))
        child.wait_for_output(r"WARNING.*credential", timeout=30)
        self.write_line(place, "NEW", 3600)
        self.assertEqual(child.wait(90), 0, child.output)
        self.check_stored(place, 150)

    def test_mistakes(self):
        """What is wrong with what the user has written is said, and where."""
        def half_environment(place):
            place.env["AWS_ACCESS_KEY_ID"] = "AKIDHALF"

        def missing_profile(place):
            place.env["AWS_PROFILE"] = "nowhere"

        def circle(place):
            place.write(".aws/config", "[default]\nrole_arn = arn:aws:iam::123456789012:role/x\n"
                                       "source_profile = default\n")

        def missing_token(place):
            use_web_identity(place)
            place.env["AWS_WEB_IDENTITY_TOKEN_FILE"] = place.path("gone")

        def wrong_user(place):
            use_source_profile(place)
            place.services.users.clear()

        def foreign_agent(place):
            place.env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://192.0.2.1/credentials"

        def missing_process(place):
            place.write(".aws/config", "[default]\ncredential_process = /nonexistent/program\n")

        def foreign_certificate(place):
            use_iot_properties(place)
            for name in ("cert", "key"):
                path = place.certificates.path("other." + ("crt" if name == "cert" else "key"))
                place.sink.append(f"iot-{name}-path={path}")

        def other_key(place):
            use_iot_properties(place)
            place.sink.append("iot-key-path=" + place.certificates.path("other.key"))

        def untrusted_sts(place):
            use_web_identity(place)
            del place.env["AWS_CA_BUNDLE"]

        def bad_line(place):
            place.sink.append("credential-path=" + place.write("credential", "CREDENTIALS one\n"))

        def expired_login(place):
            use_sso(place, -10)

        def nothing(_):
            pass

        mistakes = {use.__name__.replace("_", "-"): (use, pattern) for use, pattern in (
            (half_environment, "AWS_ACCESS_KEY_ID.*AWS_SECRET_ACCESS_KEY is not"),
            (missing_profile, "nowhere.*section"),
            (circle, "circle"),
            (missing_token, "web identity.*gone"),
            (wrong_user, "assumed role.*InvalidClientTokenId"),
            (foreign_agent, "192.0.2.1.*https"),
            (missing_process, "credential_process.*/nonexistent/program"),
            (foreign_certificate, "IoT credentials.*other.crt"),
            (other_key, "other.key.*thing.crt"),
            (untrusted_sts, "web identity.*certificate"),
            (bad_line, "credential.*CREDENTIALS"),
            (expired_login, "aws sso login --sso-session ours"),
            (nothing, "no AWS credentials.*AWS_PROFILE"))}

        def begin(name, place):
            mistakes[name][0](place)
            place.sink.append("streaming-type=offline")
            return self.start(place)

        self.run_each(mistakes, begin,
                      lambda name, _, child: self.check_error(child, mistakes[name][1]))


class Order(credential_cases.Case):
    """With all sources there at once, one after the other is taken away; who is used?"""

    def test_order(self):
        place = self.place("all")
        services = place.services
        key, secret, token = place.allow_static_keys("PROP")
        place.sink += [f"access-key={key}", f"secret-key={secret}", f"session-token={token}"]
        use_iot_properties(place)
        key, secret, _ = place.allow_static_keys("LINE", "")
        place.sink.append("credential-path="
                          + place.write("credential", f"CREDENTIALS {key} {secret}"))
        LOCAL["environment"](place)
        use_web_identity(place)
        LOCAL["credentials-file"](place)
        use_container(place)
        use_imds(place)
        last = []

        def check(wanted):
            place.name = f"order-{wanted.lower()}"
            services.thing = place.name
            child = self.start(place)
            self.assertEqual(child.wait(30), 0, child.output)
            last[:] = self.signers()[-1:]
            names = [given.service for given in services.given if given.access_key == last[0]]
            self.assertEqual((names or [last[0].replace(STATIC_KEY, "")])[0], wanted)

        def drop(prefix):
            place.sink[:] = [word for word in place.sink if not word.startswith(prefix)]
            for name in [name for name in place.env if name.startswith(prefix)]:
                del place.env[name]

        check("PROP")
        for prefix in ("access-key", "secret-key", "session-token"):
            drop(prefix)
        check("iot")
        drop("iot-")
        check("LINE")
        drop("credential-path")
        check("ENV")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            drop(name)
        check("sts")
        drop("AWS_WEB_IDENTITY_TOKEN_FILE")
        check("FILE")
        place.write(".aws/credentials", "")
        check("container")
        drop("AWS_CONTAINER")
        check("imds")
        place.env["AWS_EC2_METADATA_DISABLED"] = "true"
        self.check_error(self.start(place), "no AWS credentials")

    def test_first_source_decides(self):
        """One that is set up and fails is an error: others than those that were meant are worse."""
        place = self.place("web-identity")
        use_web_identity(place)
        LOCAL["credentials-file"](place)
        place.services.behave(Behaviour(denied=True), "sts")
        self.check_error(self.start(place), "web identity")

    def test_roles_of_a_named_profile(self):
        """The profile that an element names goes before keys of the environment."""
        place = self.place("profile")
        LOCAL["environment"](place)
        LOCAL["profile-property"](place)
        child = self.start(place)
        self.assertEqual(child.wait(30), 0, child.output)
        self.assertEqual(self.signers()[-1], STATIC_KEY + "PROP")


class Shared(credential_cases.Case):
    def test_elements_share(self):
        """Four elements with the same source: it is asked once."""
        place = self.place("four")
        use_imds(place)
        pipeline = " ".join(
            f"videotestsrc is-live=true num-buffers={N_FRAMES} ! video/x-raw,width=160,height=120,"
            "framerate=10/1 ! x264enc tune=zerolatency key-int-max=5 speed-preset=ultrafast "
            f"! kvssink stream-name={place.name}-{i} " for i in range(4))
        child = support.pipeline(pipeline, env=place.environment(self.kvs.url))
        self.assertEqual(child.wait(30), 0, child.output)
        self.assertEqual(len(place.services.given), 1)
