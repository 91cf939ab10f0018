#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A program with a pipeline of its own, as users of kvssink write them: appsrc is fed from code,
and a valve is opened while the pipeline runs.

    appsrc_app.py [--feed APPSRC=PIPELINE]... [--open VALVE:BUFFERS]... PIPELINE...

Each buffer that comes out of the end of a feed's PIPELINE is pushed into the appsrc of that name,
without its caps, as fast as it is taken. A valve is opened after so many buffers came to it. Ends
with the pipeline's EOS.
"""

import argparse
import sys
import threading

import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
from gi.repository import Gst, GstApp  # noqa: E402,F401

FEED_SECONDS = 60


def feed(appsrc, description):
    """Moves what a pipeline makes into an appsrc."""
    source = Gst.parse_launch(f"{description} ! appsink name=out sync=false")
    out = source.get_by_name("out")
    source.set_state(Gst.State.PLAYING)
    while (sample := out.try_pull_sample(FEED_SECONDS * Gst.SECOND)) is not None:
        if appsrc.push_buffer(sample.get_buffer()) != Gst.FlowReturn.OK:
            break
    appsrc.end_of_stream()
    source.set_state(Gst.State.NULL)


def open_after(valve, n_buffers):
    """Opens a valve once it saw so many buffers."""
    left = [n_buffers]

    def count(_pad, _info):
        left[0] -= 1
        if left[0] == 0:
            valve.set_property("drop", False)
        return Gst.PadProbeReturn.OK

    valve.get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, count)


def print_message(message):
    structure = message.get_structure()
    name = structure.to_string() if structure is not None else message.type.first_value_nick
    print(f"Got message from {message.src.get_name()}: {name}")


def wait_for_end(pipeline):
    """Exit status: 0 after EOS, 1 after an error."""
    bus = pipeline.get_bus()
    while True:
        message = bus.timed_pop(Gst.CLOCK_TIME_NONE)
        if message.type == Gst.MessageType.ELEMENT:
            print_message(message)
        elif message.type in (Gst.MessageType.ERROR, Gst.MessageType.WARNING):
            is_error = message.type == Gst.MessageType.ERROR
            error, detail = message.parse_error() if is_error else message.parse_warning()
            print(f"{'ERROR' if is_error else 'WARNING'}: from {message.src.__class__.__name__} "
                  f"{error.message} ({detail})")
            if is_error:
                return 1
        elif message.type == Gst.MessageType.EOS:
            return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--feed", action="append", default=[], metavar="APPSRC=PIPELINE")
    parser.add_argument("--open", action="append", default=[], metavar="VALVE:BUFFERS")
    parser.add_argument("pipeline", nargs="+")
    arguments = parser.parse_args()

    Gst.init(None)
    pipeline = Gst.parse_launchv(arguments.pipeline)
    for word in arguments.open:
        name, _, n_buffers = word.partition(":")
        open_after(pipeline.get_by_name(name), int(n_buffers))
    pipeline.set_state(Gst.State.PLAYING)
    feeders = []
    for word in arguments.feed:
        name, _, description = word.partition("=")
        feeders.append(threading.Thread(
            target=feed, args=(pipeline.get_by_name(name), description), daemon=True))
    for feeder in feeders:
        feeder.start()
    status = wait_for_end(pipeline)
    pipeline.set_state(Gst.State.NULL)
    for feeder in feeders:
        feeder.join()
    return status


if __name__ == "__main__":
    sys.exit(main())
