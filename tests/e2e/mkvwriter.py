# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small Matroska writer and reader of its own, so that tests of kvs-local do not depend on lib/mkv."""

import struct

EBML = 0x1A45DFA3
DOC_TYPE = 0x4282
SEGMENT = 0x18538067
SEEK_HEAD = 0x114D9B74
VOID = 0xEC
INFO = 0x1549A966
TIMECODE_SCALE = 0x2AD7B1
MUXING_APP = 0x4D80
WRITING_APP = 0x5741
TRACKS = 0x1654AE6B
TRACK_ENTRY = 0xAE
TRACK_NUMBER = 0xD7
TRACK_UID = 0x73C5
TRACK_TYPE = 0x83
CODEC_ID = 0x86
VIDEO = 0xE0
PIXEL_WIDTH = 0xB0
PIXEL_HEIGHT = 0xBA
AUDIO = 0xE1
SAMPLING_FREQUENCY = 0xB5
CHANNELS = 0x9F
CLUSTER = 0x1F43B675
TIMECODE = 0xE7
SIMPLE_BLOCK = 0xA3
BLOCK_GROUP = 0xA0
BLOCK = 0xA1
CUES = 0x1C53BB6B
CHAPTERS = 0x1043A770
ATTACHMENTS = 0x1941A469
TAGS = 0x1254C367
TAG = 0x7373
SIMPLE_TAG = 0x67C8
TAG_NAME = 0x45A3
TAG_STRING = 0x4487

MASTERS = {EBML, SEGMENT, INFO, TRACKS, TRACK_ENTRY, VIDEO, AUDIO, CLUSTER, BLOCK_GROUP, TAGS,
           TAG, SIMPLE_TAG}
LEVEL_1 = {SEEK_HEAD, INFO, TRACKS, CLUSTER, CUES, CHAPTERS, ATTACHMENTS, TAGS}

UNKNOWN = None


def ident(number):
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def size(number, length=None):
    if number is UNKNOWN:
        return b"\x01" + b"\xff" * 7
    if length is None:
        length = 1
        while number >= (1 << (7 * length)) - 1:
            length += 1
    return (number | 1 << (7 * length)).to_bytes(length, "big")


def element(number, payload=b""):
    if isinstance(payload, str):
        payload = payload.encode()
    elif isinstance(payload, int):
        payload = payload.to_bytes(max(1, (payload.bit_length() + 7) // 8), "big")
    elif isinstance(payload, float):
        payload = struct.pack(">d", payload)
    return ident(number) + size(len(payload)) + payload


def unknown(number):
    """The head of an element of unknown size."""
    return ident(number) + size(UNKNOWN)


def ebml(doc_type="matroska"):
    return element(EBML, element(DOC_TYPE, doc_type))


def info(scale=1000000):
    return element(INFO, element(TIMECODE_SCALE, scale) + element(MUXING_APP, "mkvwriter")
                   + element(WRITING_APP, "mkvwriter"))


def video_track(number=1):
    return element(TRACK_ENTRY, element(TRACK_NUMBER, number) + element(TRACK_UID, number)
                   + element(TRACK_TYPE, 1) + element(CODEC_ID, "V_MJPEG")
                   + element(VIDEO, element(PIXEL_WIDTH, 64) + element(PIXEL_HEIGHT, 48)))


def audio_track(number=2):
    return element(TRACK_ENTRY, element(TRACK_NUMBER, number) + element(TRACK_UID, number)
                   + element(TRACK_TYPE, 2) + element(CODEC_ID, "A_PCM/INT/LIT")
                   + element(AUDIO, element(SAMPLING_FREQUENCY, 8000.0) + element(CHANNELS, 1)))


def tracks(*entries):
    return element(TRACKS, b"".join(entries or (video_track(),)))


def header(*entries, scale=1000000):
    """EBML header to Tracks, with a Segment of unknown size."""
    return ebml() + unknown(SEGMENT) + info(scale) + tracks(*entries)


def block_payload(relative, data=b"frame", track=1, key=True):
    return size(track) + struct.pack(">hB", relative, 0x80 if key else 0) + data


def simple_block(relative, data=b"frame", track=1, key=True):
    return element(SIMPLE_BLOCK, block_payload(relative, data, track, key))


def cluster(timecode, blocks=None, known=False):
    """blocks: bytes, or a list of frame times relative to the Cluster."""
    if blocks is None:
        blocks = [0, 100, 200]
    if not isinstance(blocks, bytes):
        blocks = b"".join(simple_block(at, key=at == 0) for at in blocks)
    body = element(TIMECODE, timecode) + blocks
    return element(CLUSTER, body) if known else unknown(CLUSTER) + body


def tags(*pairs):
    return element(TAGS, element(TAG, b"".join(
        element(SIMPLE_TAG, element(TAG_NAME, name) + element(TAG_STRING, value))
        for name, value in pairs)))


END_OF_FRAGMENT = tags(("AWS_KINESISVIDEO_END_OF_FRAGMENT", ""))


def _read_head(data, at):
    first = data[at]
    id_length = 9 - first.bit_length()
    number = int.from_bytes(data[at:at + id_length], "big")
    at += id_length
    size_length = 9 - data[at].bit_length()
    value = int.from_bytes(data[at:at + size_length], "big") & ((1 << 7 * size_length) - 1)
    if value == (1 << 7 * size_length) - 1:
        value = UNKNOWN
    return number, value, at + size_length


def parse(data, at=0, end=None, inside=None):
    """The elements of a document: (id, payload or list of the same, offset, end)."""
    end = len(data) if end is None else end
    found = []
    while at < end:
        start = at
        number, length, payload = _read_head(data, at)
        if inside == CLUSTER and (number in LEVEL_1 or number in (EBML, SEGMENT)):
            break
        if inside == SEGMENT and number in (EBML, SEGMENT):
            break
        if length is UNKNOWN:
            children = parse(data, payload, end, number)
            at = children[-1][3] if children else payload
            found.append((number, children, start, at))
            continue
        at = payload + length
        if at > end:
            raise ValueError("element %x reaches beyond its parent" % number)
        content = parse(data, payload, at) if number in MASTERS else data[payload:at]
        found.append((number, content, start, at))
    return found


def children(content, number):
    return [item[1] for item in content if item[0] == number]


def tag_pairs(tags_content):
    return [(children(simple, TAG_NAME)[0].decode(), b"".join(children(simple, TAG_STRING)).decode())
            for tag in children(tags_content, TAG) for simple in children(tag, SIMPLE_TAG)]


def chunks(data):
    """What GetMedia gave: a dict of tags, and the bytes of the Cluster, for each fragment."""
    found = []
    for number, content, _, _ in parse(data):
        if number != SEGMENT:
            continue
        pairs = {}
        clusters = []
        for child, payload, start, end in content:
            if child == TAGS:
                pairs.update(tag_pairs(payload))
            elif child == CLUSTER:
                clusters.append(data[start:end])
        found.append({"tags": pairs, "clusters": clusters})
    return found
