#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A source of A-law frames that can be told apart, and that says when it pushed which.

    spool_source.py [--first ID] [--frames N] [--interval MS] [--duration MS] [--cycle N]
                    [--until PATH] SINK...

Frame ID begins with its number in 8 digits. Before a frame is pushed a line "push ID SECONDS" is
written, with the monotonic clock, and "pushed ID SECONDS" when the element has it; both are there
whatever happens to this process. Without --duration frames carry the time of their pushing, with it
they follow each other. With --cycle the pipeline goes to READY and back to PLAYING each time the
element has got that many frames, with --until no frame follows once that file is there. Ends with
EOS; warnings, errors and the peak of memory are lines
too.
"""

import argparse
import os
import sys
import threading
import time

import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
from gi.repository import Gst, GstApp  # noqa: E402,F401

RATE = 8000


def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def peak_kib():
    with open("/proc/self/status", encoding="ascii") as file:
        return next(line.split()[1] for line in file if line.startswith("VmHWM"))


def cycle(pipeline, frames):
    """From PLAYING to READY and back. What is not in the element by then would be flushed."""
    sink = pipeline.get_by_name("sink")
    while sink.get_property("stats").get_value("frames-in") < frames:
        time.sleep(0.001)
    for state in (Gst.State.READY, Gst.State.PLAYING):
        pipeline.set_state(state)
        pipeline.get_state(5 * Gst.SECOND)
    say("cycled", time.monotonic())


def feed(pipeline, options):
    appsrc = pipeline.get_by_name("source")
    size = RATE * (options.duration or options.interval) // 1000
    due = time.monotonic()
    for number in range(options.first, options.first + options.frames):
        if options.until and os.path.exists(options.until):
            break
        n_before = number - options.first
        if options.cycle and n_before > 0 and n_before % options.cycle == 0:
            cycle(pipeline, options.cycle)
        buffer = Gst.Buffer.new_wrapped(b"%08d" % number + b"\xd5" * (size - 8))
        if options.duration:
            buffer.pts = (number - options.first) * options.duration * Gst.MSECOND
            buffer.duration = options.duration * Gst.MSECOND
        else:
            buffer.pts = appsrc.get_current_running_time()
            buffer.duration = options.interval * Gst.MSECOND
        say("push", number, time.monotonic())
        if appsrc.push_buffer(buffer) != Gst.FlowReturn.OK:
            break
        say("pushed", number, time.monotonic())
        due += options.interval / 1000
        time.sleep(max(0, due - time.monotonic()))
    appsrc.end_of_stream()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--frames", type=int, default=10 ** 7)
    parser.add_argument("--interval", type=int, default=20)
    parser.add_argument("--duration", type=int, default=0)
    parser.add_argument("--cycle", type=int, default=0)
    parser.add_argument("--until")
    parser.add_argument("sink", nargs="+")
    options = parser.parse_args()
    Gst.init(None)
    caps = f"audio/x-alaw,rate={RATE},channels=1"
    # the caps are there twice: appsrc's own decide nothing before kvssink has to choose a pad
    pipeline = Gst.parse_launch(
        "appsrc name=source format=time is-live=true max-bytes=100000 block=true "
        f"caps={caps} ! {caps} ! {' '.join(options.sink)}")
    pipeline.set_state(Gst.State.PLAYING)
    pipeline.get_state(5 * Gst.SECOND)
    threading.Thread(target=feed, args=(pipeline, options), daemon=True).start()
    bus = pipeline.get_bus()
    status = None
    while status is None:
        message = bus.timed_pop(Gst.CLOCK_TIME_NONE)
        if message.type == Gst.MessageType.WARNING:
            say("WARNING", message.parse_warning()[0].message)
        elif message.type == Gst.MessageType.ERROR:
            say("ERROR", message.parse_error()[0].message)
            status = 1
        elif message.type == Gst.MessageType.EOS:
            status = 0
    pipeline.set_state(Gst.State.NULL)
    say("peak", peak_kib())
    return status


if __name__ == "__main__":
    sys.exit(main())
