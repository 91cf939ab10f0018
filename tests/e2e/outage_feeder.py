# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pipelines appsrc ! kvssink, many in one process, fed with frames that test_outages.py knows.

    outage_feeder.py PLAN SOCKET

PLAN is JSON: the file of frames, and for each stream its name, sink properties, frames a second and
how much faster than that they come. SOCKET takes commands and gives events, both as lines of JSON.
"""

import heapq
import json
import os
import pickle
import socket
import sys
import threading
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
from gi.repository import GLib, Gst, GstApp  # noqa: E402,F401

# Within an access unit in length-prefixed form: an SEI with user data that tells frames apart.
UUID = b"kvssink-outages!"


def numbered(frame, number, pad=0):
    """pad: how many bytes larger it shall be, by a NAL unit of filler data."""
    text = UUID + b"%08d" % number
    nal = b"\x06\x05" + bytes([len(text)]) + text + b"\x80"
    filler = b"\x0c" + b"\xff" * (pad - 6) + b"\x80" if pad else b""
    return (len(nal).to_bytes(4, "big") + nal + frame
            + (len(filler).to_bytes(4, "big") + filler if pad else b""))


def number_of(payload):
    at = payload.index(UUID) + len(UUID)
    return int(payload[at:at + 8])


def plain(value):
    return value if isinstance(value, (int, float, str, bool, type(None))) else str(value)


def structure_to_dict(structure):
    if structure is None:
        return {}
    names = [structure.nth_field_name(i) for i in range(structure.n_fields())]
    return {name: plain(structure.get_value(name)) for name in names}


class Stream:
    """One pipeline."""

    def __init__(self, feeder, plan):
        self.feeder = feeder
        self.name = plan["name"]
        self.fps = plan["fps"]
        self.speed = plan["speed"]
        self.offline = "offline" in plan["sink"]
        self.max_frames = plan.get("max_frames")
        self.pad = plan.get("pad", 0)
        # the source brings nothing for `seconds` before frame number `frame`
        self.pause = plan.get("pause") or {"frame": -1, "seconds": 0}
        self.shift = 0
        self.n = 0
        self.feeding = True
        self.lock = threading.Lock()
        caps = ("video/x-h264,stream-format=avc,alignment=au,width=%d,height=%d,framerate=%d/1,"
                "codec_data=(buffer)%s" % (*feeder.size, self.fps, feeder.codec_data.hex()))
        self.pipeline = Gst.parse_launch(
            f"appsrc name=src format=time is-live={not self.offline} block=true max-bytes=200000 "
            f"! kvssink name=sink stream-name={self.name} {plan['sink']}")
        self.source = self.pipeline.get_by_name("src")
        self.source.set_property("caps", Gst.Caps.from_string(caps))
        self.sink = self.pipeline.get_by_name("sink")
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message", self.on_message)

    def tell(self, event, **more):
        self.feeder.tell(stream=self.name, event=event, **more)

    def on_message(self, _, message):
        if message.type == Gst.MessageType.EOS:
            self.tell("eos", **self.facts())
        elif message.type == Gst.MessageType.WARNING:
            error, _ = message.parse_warning()
            self.tell("warning", text=error.message,
                      details=structure_to_dict(message.parse_warning_details()))
        elif message.type == Gst.MessageType.ERROR:
            error, _ = message.parse_error()
            with self.lock:
                self.feeding = False
            self.tell("error", text=error.message, source=message.src.get_name(),
                      details=structure_to_dict(message.parse_error_details()), **self.facts())

    def facts(self):
        return {"frames": self.n, "stats": structure_to_dict(self.sink.get_property("stats")),
                "state": self.pipeline.get_state(0).state.value_nick}

    def push(self):
        """Returns whether more may follow."""
        with self.lock:
            if not self.feeding:
                return False
            if self.n == self.max_frames:
                self.source.end_of_stream()
                return False
            frames = self.feeder.frames
            buffer = Gst.Buffer.new_wrapped(
                numbered(frames[self.n % len(frames)], self.n, self.pad))
            if self.n == self.pause["frame"]:
                self.shift = int(self.pause["seconds"] * self.speed * Gst.SECOND)
            buffer.pts = buffer.dts = self.n * Gst.SECOND // self.fps + self.shift
            buffer.duration = Gst.SECOND // self.fps
            if self.n % len(frames) % self.feeder.gop:
                buffer.set_flags(Gst.BufferFlags.DELTA_UNIT)
            self.n += 1
        if self.source.push_buffer(buffer) == Gst.FlowReturn.OK:
            return True
        self.n -= 1
        return False

    def end(self):
        with self.lock:
            self.feeding = False
        self.source.end_of_stream()

    def push_all(self):
        while self.push():
            pass


class Feeder:
    """All of them."""

    def __init__(self, plan, connection):
        with open(plan["frames"], "rb") as file:
            kept = pickle.load(file)
        self.frames, self.codec_data, self.gop, self.size = kept
        self.connection = connection
        self.lock = threading.Lock()
        self.streams = {item["name"]: Stream(self, item) for item in plan["streams"]}
        self.main_loop = GLib.MainLoop()

    def tell(self, **event):
        with self.lock:
            self.connection.sendall(json.dumps(event).encode() + b"\n")

    def pace(self):
        """Pushes each frame when it is due."""
        queue = []
        for i, stream in enumerate(self.streams.values()):
            if stream.offline:
                threading.Thread(target=stream.push_all, daemon=True).start()
            else:
                heapq.heappush(queue, (time.monotonic(), i, stream))
        while queue:
            due, i, stream = heapq.heappop(queue)
            time.sleep(max(0, due - time.monotonic()))
            if stream.push():
                due += 1 / stream.fps / stream.speed
                if stream.n == stream.pause["frame"]:
                    due += stream.pause["seconds"]
                heapq.heappush(queue, (due, i, stream))

    def obey(self):
        for line in self.connection.makefile():
            command = json.loads(line)
            if command["do"] == "end":
                self.streams[command["stream"]].end()
            elif command["do"] == "facts":
                self.tell(event="facts", stream=command["stream"],
                          **self.streams[command["stream"]].facts())
            elif command["do"] == "measure":
                self.tell(event="measure", **measure())
            else:
                break
        GLib.idle_add(self.main_loop.quit)

    def run(self):
        for stream in self.streams.values():
            stream.pipeline.set_state(Gst.State.PLAYING)
        threading.Thread(target=self.pace, daemon=True).start()
        threading.Thread(target=self.obey, daemon=True).start()
        self.main_loop.run()
        for stream in self.streams.values():
            stream.pipeline.set_state(Gst.State.NULL)


def measure():
    """What this process holds."""
    with open("/proc/self/statm", encoding="ascii") as file:
        rss = int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    return {"threads": len(os.listdir("/proc/self/task")), "fds": len(os.listdir("/proc/self/fd")),
            "rss": rss}


def main():
    Gst.init(None)
    with open(sys.argv[1], encoding="utf-8") as file:
        plan = json.load(file)
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(sys.argv[2])
    Feeder(plan, connection).run()


if __name__ == "__main__":
    main()
