#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""An RTSP camera on loopback.

    rtspserver.py MOUNT=LAUNCH...

MOUNT is a path such as /cam, LAUNCH a pipeline whose payloaders are called pay0, pay1. Each client
gets a pipeline of its own from the beginning. Says "rtsp://127.0.0.1:PORT" once it listens,
"captured MOUNT FRAME NANOSECONDS" for each frame that goes to pay0, and ends with SIGTERM.
"""

import signal
import sys
import time

import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

LOOPBACK = "127.0.0.1"
# The server tries one after the other
FIRST_UDP_PORT, LAST_UDP_PORT = 20000, 29999


def say_when_captured(_factory, media, path):
    """Says for each frame when it was captured, by the server's own clock, in Unix nanoseconds."""
    payloader = media.get_element().get_by_name("pay0")
    n_frames = [0]

    def say(pad, info):
        segment = pad.get_sticky_event(Gst.EventType.SEGMENT, 0).parse_segment()
        running_ns = segment.to_running_time(Gst.Format.TIME, info.get_buffer().pts)
        clock = payloader.get_clock()
        if clock is not None:
            age_ns = clock.get_time() - payloader.get_base_time() - running_ns
            print(f"captured {path} {n_frames[0]} {time.time_ns() - age_ns}", flush=True)
        n_frames[0] += 1
        return Gst.PadProbeReturn.OK

    payloader.get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, say)


def make_factory(path, launch):
    pool = GstRtspServer.RTSPAddressPool()
    pool.add_range(LOOPBACK, LOOPBACK, FIRST_UDP_PORT, LAST_UDP_PORT, 0)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f"( {launch} )")
    factory.set_address_pool(pool)
    factory.connect("media-configure", say_when_captured, path)
    return factory


def main():
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address(LOOPBACK)
    server.set_service("0")
    mounts = server.get_mount_points()
    for word in sys.argv[1:]:
        path, _, launch = word.partition("=")
        mounts.add_factory(path, make_factory(path, launch))
    loop = GLib.MainLoop()
    if server.attach(None) == 0:
        return "rtspserver.py: cannot listen"
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGTERM, loop.quit)
    print(f"rtsp://{LOOPBACK}:{server.get_bound_port()}", flush=True)
    loop.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
