# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clips for the end-to-end tests, and what other people's programs read of what was uploaded.

The oracle is FFmpeg: it hashes each packet of the source and of what came back.
"""

import json
import os
import subprocess
import tempfile

import support

EBML_HEADER = b"\x1a\x45\xdf\xa3"
TRACKS_ID = b"\x16\x54\xae\x6b"
CLUSTER_ID = b"\x1f\x43\xb6\x75"


def launch(*words):
    """A GStreamer pipeline that needs no kvssink, run to its end."""
    subprocess.run([support.tool("gst-launch-1.0"), "-q", *" ".join(words).split()], check=True,
                   stdin=subprocess.DEVNULL, timeout=120 * support.SLOWNESS)


def make_clip(path, frames=600, size=(1280, 720), rate=30, encoder="", parse=""):
    """H.264 in Matroska, at about 4 Mbit/s with the defaults."""
    width, height = size
    launch(f"videotestsrc num-buffers={frames}",
           f"! video/x-raw,format=I420,width={width},height={height},framerate={rate}/1",
           f"! x264enc bitrate=4000 key-int-max=60 speed-preset=ultrafast {encoder}",
           f"! h264parse {parse} ! video/x-h264,stream-format=avc,alignment=au",
           f"! matroskamux ! filesink location={path}")
    return path


def split_files(data):
    """The Matroska files that stand one after the other in GetMedia's answer."""
    starts = []
    at = data.find(EBML_HEADER)
    while at >= 0:
        starts.append(at)
        at = data.find(EBML_HEADER, at + 4)
    return [data[a:b] for a, b in zip(starts, starts[1:] + [len(data)])]


def run_quiet(*command):
    """Standard output; any word on standard error is a complaint."""
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    if result.returncode != 0 or result.stderr.strip():
        raise AssertionError(f"{' '.join(command)} complains: {result.stderr.decode()[-2000:]}")
    return result.stdout.decode()


def probe(path, kind="v", level="warning"):
    """What ffprobe says about streams and packets, each packet with a hash of its bytes; kind: "v"
    for video, "a" for audio, "" for all. What it says at that level is an error."""
    text = run_quiet(support.tool("ffprobe"), "-v", level, "-show_streams", "-show_packets",
                     "-show_data_hash", "sha256", *(("-select_streams", kind) if kind else ()),
                     "-of", "json", path)
    return json.loads(text)


def packet_hashes(path, kind="v"):
    """SHA-256 of each packet of a kind as FFmpeg's demuxer gives it."""
    return [packet["data_hash"] for packet in probe(path, kind)["packets"]]


def payload(path, kind):
    """The bytes of all packets of a kind, one after the other."""
    result = subprocess.run(
        [support.tool("ffmpeg"), "-nostdin", "-v", "error", "-i", path, "-map", f"0:{kind}", "-c",
         "copy", "-f", "data", "-"], capture_output=True, timeout=120, check=True)
    return result.stdout


def tracks_element(data):
    """The bytes of the Tracks element of a Matroska file."""
    start = data.index(TRACKS_ID)
    size_at = start + len(TRACKS_ID)
    n_bytes = 9 - data[size_at].bit_length()
    marked = int.from_bytes(data[size_at:size_at + n_bytes], "big")
    return data[start:size_at + n_bytes + (marked ^ 1 << 7 * n_bytes)]


def join_sessions(files):
    """One file for each run of files with the same Tracks."""
    sessions = []
    for data in files:
        tracks = tracks_element(data)
        if not sessions or sessions[-1][0] != tracks:
            sessions.append((tracks, []))
        sessions[-1][1].append(data)
    return [join_files(members) for _, members in sessions]


def join_files(files):
    """One Matroska file: the first one, and the Clusters of the others."""
    return files[0] + b"".join(data[data.index(CLUSTER_ID):] for data in files[1:])


def picture_hashes(path):
    """A hash of each decoded picture, in the order of presentation."""
    text = run_quiet(support.tool("ffmpeg"), "-nostdin", "-v", "error", "-i", path, "-map", "0:v",
                     "-fps_mode", "passthrough", "-f", "framehash", "-")
    return [line.rsplit(",", 1)[1].strip() for line in text.splitlines()
            if line and not line.startswith("#")]


def samples(path):
    """The decoded sound of a file or an address, 16 bits a sample."""
    result = subprocess.run(
        [support.tool("ffmpeg"), "-nostdin", "-v", "error", "-i", path, "-map", "0:a", "-f", "s16le",
         "-"], stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    if result.returncode != 0 or result.stderr.strip():
        raise AssertionError(f"{path}: {result.stderr.decode()[-2000:]}")
    return result.stdout


def gstreamer_picture_hashes(path, parser, decoder):
    """A hash of each picture that a decoder of GStreamer gives."""
    text = run_quiet(
        support.tool("gst-launch-1.0"), "-q", "filesrc", f"location={path}", "!", "matroskademux",
        "!", parser, "!", decoder, "!", "checksumsink", "hash=sha256", "sync=false")
    return [line.split()[1] for line in text.splitlines() if line]


def check_with_mkvinfo(path):
    """mkvinfo's reading of a file, which must have no complaint."""
    text = run_quiet(support.tool("mkvinfo"), "--all", path)
    for line in text.splitlines():
        if "error" in line.lower() or "invalid" in line.lower() or "unknown element" in line.lower():
            raise AssertionError(f"mkvinfo complains: {line}")
    return text


class Fragment:
    """One fragment that came back, as FFmpeg reads it."""

    def __init__(self, data, folder, number):
        self.path = os.path.join(folder, f"{number:04}.mkv")
        with open(self.path, "wb") as file:
            file.write(data)
        facts = probe(self.path)
        self.stream = facts["streams"][0]
        self.packets = facts["packets"]
        self.hashes = [packet["data_hash"] for packet in self.packets]

    @property
    def starts_with_key(self):
        return "K" in self.packets[0]["flags"]

    @property
    def first_pts_ms(self):
        return min(round(float(packet["pts_time"]) * 1000) for packet in self.packets)

    @property
    def last_pts_ms(self):
        return max(round(float(packet["pts_time"]) * 1000) for packet in self.packets)


def read_back(kvs, stream):
    """All fragments of a stream, from GetMedia."""
    folder = tempfile.mkdtemp(dir=kvs.data)
    return [Fragment(data, folder, i)
            for i, data in enumerate(split_files(kvs.get_media(stream)))]
