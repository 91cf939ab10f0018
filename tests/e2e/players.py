# SPDX-License-Identifier: LGPL-2.1-or-later
"""Players that run while a test sends what they play, and the pictures that each has shown so far.

A test ends them when it has seen enough. Nothing in a pipeline does that instead: "identity
eos-after" in GStreamer stops decoders that work in several threads, and those lose pictures then.
"""

import re
import tempfile

import media
import support


class Player:
    """One player of a URL, in a process of its own, which writes a line with a hash for each picture
    that it shows.

    pictures    those hashes, in the order of showing, as of the last read()
    """

    # Whether it always plays all of a list of HLS that gets its end, and ends by itself then
    keeps_to_the_end = True

    def __init__(self, url):
        self._output = tempfile.NamedTemporaryFile()  # pylint: disable=consider-using-with
        self.child = support.Child(
            ["/bin/sh", "-c", 'exec "$@" >"$0"', self._output.name, *self.command(url)], self.name)
        self._rest = b""
        self.pictures = []

    def read(self):
        """Takes in what it has written since the last time, in whole lines."""
        *lines, self._rest = (self._rest + self._output.read()).split(b"\n")
        self.pictures += [line.split()[-1].decode() for line in lines
                          if line and not line.startswith(b"#")]

    @property
    def complaints(self):
        """What it has to say besides."""
        return self.child.output.split("\n", 1)[1]

    @property
    def has_ended(self):
        return self.child.returncode is not None

    def kill(self):
        """Ends it; what it has shown can still be read."""
        self.child.kill()

    def close(self):
        self.kill()
        self._output.close()


class FFmpeg(Player):
    name = "ffmpeg"

    @staticmethod
    def command(url):
        # A list that has not grown for a few seconds is over for FFmpeg from 6.1 on
        patience = ["-max_reload", "1000"] if ".m3u8?" in url else []
        # Of a list that grows it fetches the initialisation again each time, and warns that it does
        return [support.tool("ffmpeg"), "-nostdin", "-v", "error", "-threads", "1", *patience, "-i", url,
                "-map", "0:v", "-fps_mode", "passthrough", "-flush_packets", "1", "-f",
                "framehash", "-"]

    @staticmethod
    def hashes(path):
        """Of the pictures of a file, as it gives them."""
        return media.picture_hashes(path)


class GStreamer(Player):
    """uridecodebin3, as in playbin3: it takes hlsdemux2 and dashdemux2.

    The demultiplexers say that they are buffering until they hold 30 s of DASH, which a short list
    does not have; gst-launch does not wait for that if there is a live source in the pipeline.

    When a list gets its end, hlsdemux2 of GStreamer 1.22 now and then ends without the last segment.
    """

    name = "gstreamer"
    keeps_to_the_end = False

    END = ["!", "videoconvert", "!", "video/x-raw,format=I420", "!", "checksumsink", "hash=sha256",
           "sync=false"]

    @staticmethod
    def command(url):
        return [support.tool("gst-launch-1.0"), "-q", "uridecodebin3", f"uri={url}",
                "caps=video/x-raw", *GStreamer.END,
                "fakesrc", "is-live=true", "num-buffers=1", "!", "fakesink"]

    @staticmethod
    def hashes(path):
        text = media.run_quiet(
            support.tool("gst-launch-1.0"), "-q", "filesrc", f"location={path}", "!", "decodebin3",
            "!", "video/x-raw", *GStreamer.END)
        return [line.split()[1] for line in text.splitlines() if len(line.split()) == 2]


class OlderGStreamer(GStreamer):
    """hlsdemux and dashdemux, which uridecodebin and playbin take.

    When a list gets its end, hlsdemux looks for its place in that by time, and counts that from the
    first segment that is still listed. If the list has moved by then, it takes itself to be at the end.
    Now and then its process stays, though all has been shown.
    """

    name = "gstreamer-older"

    @staticmethod
    def command(url):
        demux = ["dashdemux", "!", "video/quicktime"] if ".mpd?" in url else ["hlsdemux"]
        return [support.tool("gst-launch-1.0"), "-q", "souphttpsrc", f"location={url}", "!",
                *demux, "!", "decodebin", "!", "video/x-raw", *GStreamer.END]


PLAYERS = (FFmpeg, GStreamer, OlderGStreamer)


def of_growing_lists():
    """Players that follow a list of HLS. hlsdemux2 of GStreamer 1.24 and 1.26 now and then aborts with
    an assertion of its own, and stops short of the end of a list that gets one."""
    text = media.run_quiet(support.tool("gst-launch-1.0"), "--version")
    version = tuple(map(int, re.search(r"GStreamer (\d+)\.(\d+)", text).groups()))
    return PLAYERS if version < (1, 24) else (FFmpeg, OlderGStreamer)


def require_all():
    support.tool("ffmpeg")
    support.require_elements("uridecodebin3", "hlsdemux2", "hlsdemux", "dashdemux2", "dashdemux",
                             "souphttpsrc", "avdec_h264", "avdec_h265", "checksumsink")
