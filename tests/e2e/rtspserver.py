#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""An RTSP camera on loopback.

    rtspserver.py MOUNT=LAUNCH...

MOUNT is a path such as /cam, LAUNCH a pipeline whose payloaders are called pay0, pay1. Each client
gets a pipeline of its own from the beginning. The camera's clock is an hour slow. Says
"rtsp://127.0.0.1:PORT" once it listens, "captured MOUNT FRAME NANOSECONDS" with the camera's Unix
time for each frame that goes to pay0, and ends with SIGTERM.
"""

import signal
import sys

import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, GObject, Gst, GstRtspServer  # noqa: E402

LOOPBACK = "127.0.0.1"
# The server tries one after the other
FIRST_UDP_PORT, LAST_UDP_PORT = 20000, 29999
NTP_EPOCH_NS = 2208988800 * Gst.SECOND
SLOW_NS = 3600 * Gst.SECOND


def tell_own_time(_pipeline, element):
    """Has RTCP tell the time of the camera's clock, not the machine's."""
    if element.get_factory().get_name() == "rtpbin":
        Gst.util_set_object_arg(element, "ntp-time-source", "clock-time")


def slow_clock():
    """Nanoseconds since 1900, as NTP has them, and an hour behind everyone else."""
    clock = GObject.new(Gst.SystemClock, clock_type=Gst.ClockType.REALTIME)
    clock.set_calibration(0, NTP_EPOCH_NS - SLOW_NS, 1, 1)
    return clock


def configure(_factory, media, path):
    """Sets a camera's clock, and has it say by that when each frame was captured."""
    payloader = media.get_element().get_by_name("pay0")
    media.get_element().get_parent().connect("element-added", tell_own_time)
    n_frames = [0]

    def say(pad, info):
        segment = pad.get_sticky_event(Gst.EventType.SEGMENT, 0).parse_segment()
        running_ns = segment.to_running_time(Gst.Format.TIME, info.get_buffer().pts)
        captured_ns = payloader.get_base_time() + running_ns - NTP_EPOCH_NS
        print(f"captured {path} {n_frames[0]} {captured_ns}", flush=True)
        n_frames[0] += 1
        return Gst.PadProbeReturn.OK

    payloader.get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, say)


def make_factory(path, launch):
    pool = GstRtspServer.RTSPAddressPool()
    pool.add_range(LOOPBACK, LOOPBACK, FIRST_UDP_PORT, LAST_UDP_PORT, 0)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f"( {launch} )")
    factory.set_address_pool(pool)
    factory.set_clock(slow_clock())
    factory.connect("media-configure", configure, path)
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
