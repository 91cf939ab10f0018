# SPDX-License-Identifier: LGPL-2.1-or-later
"""Encoded media for the tests of kvs-local's archive, and pictures as FFmpeg decodes them."""

import bisect
import struct
import subprocess

import mkvwriter as mkv
import support

REFERENCE_BLOCK = 0xFB

RATE = 10
SIZE = (160, 120)

# what kvs-local converts with; FFmpeg's own default is faster and less exact
SCALE = "scale=flags=bicubic+accurate_rnd+full_chroma_int"


def ffmpeg(*words, data=None):
    """Standard output of an ffmpeg that has nothing to complain of."""
    result = subprocess.run([support.tool("ffmpeg"), "-nostdin", "-v", "error", *words]
                            if data is None else
                            [support.tool("ffmpeg"), "-v", "error", *words],
                            input=data, stdin=subprocess.DEVNULL if data is None else None,
                            capture_output=True, timeout=120 * support.SLOWNESS)
    if result.returncode != 0 or result.stderr:
        raise AssertionError(result.stderr.decode()[-2000:])
    return result.stdout


def make_media(path, seconds=5, encoder="libx264", size=SIZE, audio=False, options=(), source=None,
               rate=RATE):
    """Matroska with a Cluster and a key frame a second, pictures out of order where the encoder does
    so."""
    source = source or f"testsrc2=size={size[0]}x{size[1]}:rate={rate}"
    inputs = ["-f", "lavfi", "-i", source]
    codec = ["-c:v", encoder, "-pix_fmt", "yuv420p", "-g", str(rate), "-keyint_min", str(rate),
             "-bf", "2"]
    if encoder == "libx264":
        codec += ["-sc_threshold", "0", "-x264-params", "open-gop=0"]
    if encoder == "libx265":
        codec += ["-x265-params", f"log-level=none:keyint={rate}:min-keyint={rate}:open-gop=0"]
    if audio:
        inputs += ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]
        codec += ["-c:a", "aac", "-b:a", "64k"]
    ffmpeg(*inputs, "-t", str(seconds), *codec, *options, "-f", "matroska", "-live", "1", "-y", path)
    with open(path, "rb") as file:
        data = file.read()
    with open(path, "wb") as file:
        file.write(fragments(data))
    return path


def fragments(data):
    """The same Matroska with a Cluster for each key frame: all that is shown from then on."""
    _, segment, start, _ = mkv.parse(data)[1]
    level_1 = {number: data[at:end] for number, _, at, end in segment}
    blocks = [block for number, content, _, _ in segment if number == mkv.CLUSTER
              for block in cluster_blocks(content)]
    starts = [at for at, track, key, _ in blocks if track == 1 and key]
    clusters = [[] for _ in starts]
    place = -1
    for at, track, key, frame in blocks:
        if track == 1:
            place += key
        clusters[place if track == 1 else max(bisect.bisect(starts, at) - 1, 0)].append(
            (at, track, key, frame))
    return (data[:start] + mkv.unknown(mkv.SEGMENT) + level_1[mkv.INFO] + level_1[mkv.TRACKS]
            + b"".join(mkv.cluster(begin, b"".join(
                mkv.simple_block(at - begin, frame, track, key) for at, track, key, frame in cluster))
                for begin, cluster in zip(starts, clusters)))


def cluster_blocks(content):
    """(time, track, whether it is a key frame, frame) of each block."""
    begin = int.from_bytes(mkv.children(content, mkv.TIMECODE)[0], "big")
    for number, payload, _, _ in content:
        group = []
        if number == mkv.BLOCK_GROUP:
            group, payload = payload, mkv.children(payload, mkv.BLOCK)[0]
        if number in (mkv.SIMPLE_BLOCK, mkv.BLOCK_GROUP):
            track, relative, flags = payload[0] & 0x7f, *struct.unpack(">hB", payload[1:4])
            key = bool(flags & 0x80) or (bool(group) and not mkv.children(group, REFERENCE_BLOCK))
            yield begin + relative, track, key, payload[4:]


def raw_pictures(path, size=SIZE):
    """All pictures as RGB, in the order of presentation."""
    data = ffmpeg("-i", path, "-map", "0:v", "-fps_mode", "passthrough", "-vf", SCALE,
                  "-pix_fmt", "rgb24", "-f", "rawvideo", "-")
    step = size[0] * size[1] * 3
    return [data[i:i + step] for i in range(0, len(data), step)]


def raw_image(data):
    """The RGB of a PNG or JPEG file."""
    return ffmpeg("-f", "image2pipe", "-i", "-", "-vf", SCALE, "-pix_fmt", "rgb24", "-f",
                  "rawvideo", "-", data=data)


def difference(one, other):
    """Mean difference of two pictures' bytes."""
    if len(one) != len(other):
        raise AssertionError(f"{len(one)} bytes are not {len(other)}")
    return sum(abs(a - b) for a, b in zip(one, other)) / len(one)
