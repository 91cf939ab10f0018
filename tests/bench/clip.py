# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the clip that all workloads send: x264enc's output as clip.c reads it."""

import os
import re
import struct

FPS = 30
KEY_FRAME_EVERY = 45  # 1.5 s
HEAD = struct.Struct("=8sIIIIQQ")


def encode(seconds, kbit, width, height):
    """codec_data and a list of (bytes, is a key frame)."""
    import gi
    gi.require_version("Gst", "1.0")
    gi.require_version("GstApp", "1.0")
    from gi.repository import Gst, GstApp  # noqa: F401  pylint: disable=unused-import

    Gst.init(None)
    pipeline = Gst.parse_launch(
        f"videotestsrc num-buffers={seconds * FPS} pattern=zone-plate kx2=20 ky2=20 kt=5 "
        f"! video/x-raw,format=I420,width={width},height={height},framerate={FPS}/1 "
        f"! x264enc tune=zerolatency speed-preset=ultrafast bitrate={kbit} "
        f"key-int-max={KEY_FRAME_EVERY} ! video/x-h264,stream-format=avc,alignment=au "
        "! appsink name=out sync=false")
    out = pipeline.get_by_name("out")
    pipeline.set_state(Gst.State.PLAYING)
    frames = []
    while (sample := out.emit("pull-sample")) is not None:
        buffer = sample.get_buffer()
        frames.append((buffer.extract_dup(0, buffer.get_size()),
                       not buffer.has_flags(Gst.BufferFlags.DELTA_UNIT)))
        caps = sample.get_caps().to_string()
    pipeline.set_state(Gst.State.NULL)
    if len(frames) != seconds * FPS:
        raise RuntimeError(f"x264enc gave {len(frames)} frames")
    # As text: with the field itself PyGObject 3.48 frees a buffer twice
    codec_data = re.search(r"codec_data=\(buffer\)([0-9a-f]+)", caps).group(1)
    return bytes.fromhex(codec_data), frames


def write(path, width, height, codec_data, frames):
    table = (HEAD.size + len(codec_data) + 7) // 8 * 8
    offset = table + 16 * len(frames)
    part = f"{path}.{os.getpid()}"
    with open(part, "wb") as file:
        file.write(HEAD.pack(b"KVSCLIP1", len(frames), FPS, width, height, len(codec_data), table))
        file.write(codec_data)
        file.seek(table)
        for data, is_key in frames:
            file.write(struct.pack("=QII", offset, len(data), is_key))
            offset += len(data)
        for data, _ in frames:
            file.write(data)
    os.replace(part, path)


def clip(folder, seconds, kbit=4000, width=1280, height=720):
    """Path of a clip of that many seconds; kept in the folder for the next time."""
    path = os.path.join(folder, f"clip-{height}p{FPS}-{kbit}k-{seconds}s")
    if not os.path.exists(path):
        write(path, width, height, *encode(seconds, kbit, width, height))
    return path


def bytes_per_second(path):
    """Of the frames of a clip."""
    with open(path, "rb") as file:
        _, n_frames, fps, _, _, _, table = HEAD.unpack(file.read(HEAD.size))
        size = file.seek(0, os.SEEK_END)
    return (size - table - 16 * n_frames) * fps / n_frames
