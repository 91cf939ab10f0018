# SPDX-License-Identifier: LGPL-2.1-or-later
"""No secret is in the log at any level, in messages, in pictures of the pipeline, or in what
properties read back."""

import os
import sys
import unittest
import urllib.parse

import credential_cases
import support
from credential_cases import LOCAL, REMOTE, STATIC_SECRET, STATIC_TOKEN
from credential_services import Behaviour

# see tests/e2e/run.py: logs of everything take minutes under sanitizers
LONG = True

N_FRAMES = 8
# typed on a command line, secrets are in the text of the pipeline, which GStreamer itself logs
FROM_FILES = {**{name: remote.use for name, remote in REMOTE.items()},
              **{name: use for name, use in LOCAL.items() if name != "properties"}}
LEAST_PIECE = 24

# Sets properties as an application does, and shows all that can be seen of them
PROGRAM = """
import sys
import gi
gi.require_version("Gst", "1.0")
from gi.repository import Gst
Gst.init(None)
pipeline = Gst.parse_launch(sys.argv[1])
sink = pipeline.get_by_name("sink")
for line in sys.stdin.read().splitlines():
    name, value = line.split("=", 1)
    sink.set_property(name, value)
    print(f"{name} reads", sink.get_property(name))
pipeline.set_state(Gst.State.PLAYING)
bus = pipeline.get_bus()
while True:
    message = bus.timed_pop(Gst.CLOCK_TIME_NONE)
    structure = message.get_structure()
    print(message.type.first_value_nick, structure.to_string() if structure else "")
    if message.type in (Gst.MessageType.EOS, Gst.MessageType.ERROR):
        break
print(Gst.debug_bin_to_dot_data(pipeline, Gst.DebugGraphDetails.ALL))
pipeline.set_state(Gst.State.NULL)
"""


def key_lines(path):
    with open(path, encoding="ascii") as file:
        return [line for line in file.read().splitlines() if len(line) >= LEAST_PIECE
                and "-----" not in line]


class Secrets(credential_cases.Case):
    timeout = 200

    def forms(self, place):
        """Each secret, as it is and as it may be written, and the beginning of each."""
        secrets = place.services.secrets + [STATIC_SECRET, STATIC_TOKEN]
        secrets += key_lines(self.certificates.path("thing.key"))
        for secret in secrets:
            for form in (secret, urllib.parse.quote(secret, safe="")):
                yield form
                yield form[:LEAST_PIECE]

    def check_text(self, place, name, text):
        for secret in self.forms(place):
            at = text.find(secret)
            self.assertEqual(at, -1, f"{name} has {text[max(0, at - 200):at + len(secret)]}")

    def check_folder(self, place, folder):
        names = os.listdir(folder)
        self.assertIn("log", names)
        for name in names:
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                text = file.read()
            # it is about the element at all
            self.assertIn("kvssink" if name == "log" else "GstKvsSink", text)
            self.check_text(place, name, text)

    def begin(self, place):
        folder = place.path("seen")
        os.mkdir(folder)
        return self.start(place, N_FRAMES, options=("-e", "-m", "-v"), env={
            "GST_DEBUG": "9", "GST_DEBUG_NO_COLOR": "1", "GST_DEBUG_DUMP_DOT_DIR": folder,
            "GST_DEBUG_FILE": os.path.join(folder, "log"), "G_MESSAGES_DEBUG": "all"})

    def check(self, place, child, status):
        self.assertEqual(child.wait(90), status, child.output)
        folder = place.path("seen")
        self.assertTrue([name for name in os.listdir(folder) if name.endswith(".dot")])
        self.check_folder(place, folder)
        self.check_text(place, "output", child.output)
        for name in os.listdir(folder):
            os.remove(os.path.join(folder, name))

    def test_where_all_is_well(self):
        def begin(name, place):
            FROM_FILES[name](place)
            return self.begin(place)

        self.run_each(FROM_FILES, begin, lambda _, place, child: self.check(place, child, 0))

    def test_where_it_fails(self):
        """Messages of errors are where secrets get out."""
        ways = {"denied": Behaviour(denied=True), "garbage": Behaviour(garbage=True),
                "expired": Behaviour(lifetime=-100)}
        names = [f"{way}-{name}" for way in ways for name in REMOTE
                 if name not in ("iot-properties", "role-of-container")]

        def begin(name, place):
            way, source = name.split("-", 1)
            REMOTE[source].use(place)
            place.services.behave(ways[way], REMOTE[source].service)
            return self.begin(place)

        self.run_each(names, begin, lambda _, place, child: self.check(place, child, 1))

    def test_where_the_service_refuses(self):
        """Keys and tokens that kvs-local knows nothing of, or only in part."""
        def begin(name, place):
            LOCAL[name](place)
            self.keyring.add(place.static_key, "another", "another")
            return self.begin(place)

        names = [name for name in LOCAL if name in FROM_FILES]
        self.run_each(names, begin, lambda _, place, child: self.check(place, child, 1))

    def test_properties(self):
        """Set by a program: they read as NULL, and are in no log, message or picture."""
        support.require_introspection("Gst")
        place = self.place("typed")
        key, secret, token = place.allow_static_keys("TYPED")
        typed = place.write("typed", f"access-key={key}\nsecret-key={secret}\n"
                                     f"session-token={token}\n")
        folder = place.path("seen")
        os.mkdir(folder)
        pipeline = credential_cases.MEDIA.format(frames=N_FRAMES) + (
            f"kvssink name=sink stream-name={place.name}")
        child = support.Child(
            ["sh", "-c", 'exec "$@" < "$0"', typed, sys.executable, "-c", PROGRAM, pipeline],
            "program", {**support.python_environment(), **place.environment(self.kvs.url),
                        "GST_DEBUG": "9", "GST_DEBUG_FILE": os.path.join(folder, "log")})
        self.assertEqual(child.wait(60), 0, child.output)
        for name in ("access-key", "secret-key", "session-token"):
            self.assertIn(f"{name} reads None\n", child.output)
        self.assertIn("digraph pipeline", child.output)
        self.check_text(place, "output", child.output)
        self.check_folder(place, folder)
        self.check_stored(place, N_FRAMES)

    def test_typed_secret_is_warned_about_once(self):
        place = self.place("typed")
        LOCAL["properties"](place)
        child = self.start(place, options=("-e", "-m"))
        self.assertEqual(child.wait(30), 0, child.output)
        warnings = [line for line in child.output.splitlines()
                    if line.startswith("WARNING: from element")]
        self.assertEqual(len(warnings), 1, child.output)
        self.assertRegex(warnings[0], "secret key.*property.*environment.*role")
        # after the line that shows the command
        self.check_text(place, "output", child.output.split("\n", 1)[1])

    def test_nothing_else_is_warned_about(self):
        place = self.place("environment")
        LOCAL["environment"](place)
        child = self.start(place)
        self.assertEqual(child.wait(30), 0, child.output)
        self.assertNotIn("WARNING", child.output)


if __name__ == "__main__":
    unittest.main()
