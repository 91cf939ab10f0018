#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A pipeline with a kvssink named "sink": its signals, messages and figures as lines of JSON.

What any GObject language can read of the element. Ends at EOS or at an error.
"""

import json
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402


def plain(structure):
    """Fields of a GstStructure as plain values."""
    return {structure.nth_field_name(i): structure.get_value(structure.nth_field_name(i))
            for i in range(structure.n_fields())}


def say(kind, **fields):
    # In one piece: signals come on other threads than messages
    sys.stdout.write(json.dumps({"kind": kind, **fields}) + "\n")
    sys.stdout.flush()


def main():
    Gst.init(None)
    pipeline = Gst.parse_launch(" ".join(sys.argv[1:]))
    sink = pipeline.get_by_name("sink")
    for name in ("stream-error", "fragment-ack", "stream-client-metric"):
        sink.connect(name, lambda _, structure, name=name: say(
            "signal", name=name, structure=structure.get_name(), fields=plain(structure)))
    loop = GLib.MainLoop()

    def on_message(_, message):
        if message.type in (Gst.MessageType.EOS, Gst.MessageType.ERROR):
            say("end", by=message.type.first_value_nick)
            loop.quit()
        elif message.type == Gst.MessageType.ELEMENT and message.src == sink:
            say("message", structure=message.get_structure().get_name(),
                fields=plain(message.get_structure()))

    bus = pipeline.get_bus()
    bus.add_signal_watch()
    bus.connect("message", on_message)
    pipeline.set_state(Gst.State.PLAYING)
    loop.run()
    say("stats", fields=plain(sink.get_property("stats")))
    pipeline.set_state(Gst.State.NULL)


main()
