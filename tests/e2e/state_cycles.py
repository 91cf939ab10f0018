# SPDX-License-Identifier: LGPL-2.1-or-later
"""Takes one pipeline with a kvssink from READY to PLAYING and back, many times.

    state_cycles.py FRAMES CYCLES STREAM

Each cycle ends somewhere else: before the first frame, with media on the way, after some acks.
Writes a line of JSON with what the process holds: after a fifth of the cycles, and in the end.
"""

import json
import pickle
import random
import sys
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
from gi.repository import Gst, GstApp  # noqa: E402,F401

from outage_feeder import measure, numbered  # noqa: E402

SETTLE_SECONDS = 20


class Cycles:
    """The pipeline."""

    def __init__(self, kept, stream):
        self.frames, codec_data, _, size = kept
        self.n = 0
        self.pipeline = Gst.parse_launch(
            f"appsrc name=src format=time is-live=true ! kvssink stream-name={stream} "
            "stop-stream-timeout=2")
        self.source = self.pipeline.get_by_name("src")
        self.source.set_property("caps", Gst.Caps.from_string(
            "video/x-h264,stream-format=avc,alignment=au,width=%d,height=%d,framerate=30/1,"
            "codec_data=(buffer)%s" % (*size, codec_data.hex())))
        self.bus = self.pipeline.get_bus()

    def push(self, count):
        for i in range(count):
            buffer = Gst.Buffer.new_wrapped(
                numbered(self.frames[i % len(self.frames)], self.n))
            buffer.pts = buffer.dts = i * Gst.SECOND // 30
            self.source.push_buffer(buffer)
            self.n += 1

    def cycle(self):
        self.pipeline.set_state(Gst.State.PLAYING)
        self.push(random.choice((0, 1, 5, 12, 30)))
        time.sleep(random.choice((0, 0, 0.001, 0.005, 0.02)))
        self.pipeline.set_state(Gst.State.READY)
        while message := self.bus.pop():
            if message.type == Gst.MessageType.ERROR:
                raise SystemExit(message.parse_error()[0].message)

    def settle(self, least):
        """What was handed over is still being delivered for a while."""
        end = time.monotonic() + SETTLE_SECONDS
        found = measure()
        while time.monotonic() < end and (
                least is None or any(found[name] > least[name] for name in ("threads", "fds"))):
            time.sleep(0.2 if least else SETTLE_SECONDS / 4)
            found = measure()
            if least is None:
                break
        return found


def main():
    Gst.init(None)
    random.seed(1)
    with open(sys.argv[1], "rb") as file:
        cycles = Cycles(pickle.load(file), sys.argv[3])
    total = int(sys.argv[2])
    first = None
    for i in range(total):
        cycles.cycle()
        if i + 1 == total // 5:
            first = cycles.settle(None)
            print(json.dumps(first), flush=True)
    print(json.dumps(cycles.settle(first)), flush=True)
    cycles.pipeline.set_state(Gst.State.NULL)


if __name__ == "__main__":
    main()
