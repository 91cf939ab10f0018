#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads a stream back with GetMedia, from AWS or from kvs-local, and looks at every frame.

    examples/read_back.py my-stream --out copy.mkv
    examples/read_back.py my-stream --endpoint http://127.0.0.1:8787 --compare clip.mkv

Keys and region come from the environment, as for kvssink: AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION. Needs nothing but Python 3.

Prints the number of fragments and frames. With --compare it exits with 1 unless each frame has the
same bytes, in the same order, as in that Matroska file. With --out it writes one Matroska file that
any player opens.
"""

import argparse
import datetime
import hashlib
import hmac
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

EBML, SEGMENT, CLUSTER, TRACKS, TAGS = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0x1654AE6B, 0x1254C367
TRACK_ENTRY, TRACK_NUMBER, TRACK_TYPE = 0xAE, 0xD7, 0x83
TIMECODE, SIMPLE_BLOCK, BLOCK_GROUP, BLOCK = 0xE7, 0xA3, 0xA0, 0xA1
INFO, SEEK_HEAD, CUES, CHAPTERS, ATTACHMENTS, VOID = (
    0x1549A966, 0x114D9B74, 0x1C53BB6B, 0x1043A770, 0x1941A469, 0xEC)
LEVEL_1 = {CLUSTER, TRACKS, TAGS, INFO, SEEK_HEAD, CUES, CHAPTERS, ATTACHMENTS}
VIDEO = 1


# ---- Matroska ----

def read_id(data, at):
    size = 9 - data[at].bit_length()
    return int.from_bytes(data[at:at + size], "big"), at + size


def read_size(data, at):
    """Size of an element, None where it is unknown."""
    length = 9 - data[at].bit_length()
    value = int.from_bytes(data[at:at + length], "big") & ((1 << 7 * length) - 1)
    return (None if value == (1 << 7 * length) - 1 else value), at + length


def children(data, at, end, stop=()):
    """(id, start, body, end) of each element; an element of unknown size goes up to its next peer."""
    while at < end:
        start = at
        element, at = read_id(data, at)
        if element in stop:
            return
        size, body = read_size(data, at)
        at = min(body + size, end) if size is not None else unknown_end(data, element, body, end)
        yield element, start, body, at


def unknown_end(data, element, body, end):
    peers = {EBML} if element == SEGMENT else LEVEL_1 | {EBML, SEGMENT}
    last = body
    for _, _, _, last in children(data, body, end, stop=peers):
        pass
    return last


class Frame:
    def __init__(self, timecode, is_key, payload):
        self.timecode = timecode
        self.is_key = is_key
        self.digest = hashlib.sha256(payload).hexdigest()


class Media:
    """The video of some Matroska bytes: one file, or many one after the other, as GetMedia gives."""

    def __init__(self, data):
        self.data = memoryview(data)
        self.header = None
        self.clusters = []  # (start, end)
        self.fragments = []  # lists of Frame
        self._video = None
        for element, start, body, end in children(self.data, 0, len(data)):
            if element == EBML:
                file_start = start
            elif element == SEGMENT:
                self._read_segment(file_start, body, end)

    def _read_segment(self, file_start, body, end):
        for element, start, at, stop in children(self.data, body, end):
            if element == TRACKS:
                self._video = self._video_track(at, stop)
                if self.header is None:
                    self.header = (file_start, stop)
            elif element == CLUSTER:
                self.clusters.append((start, stop))
                self.fragments.append(list(self._read_cluster(at, stop)))

    def _video_track(self, body, end):
        for element, _, at, stop in children(self.data, body, end):
            if element != TRACK_ENTRY:
                continue
            entry = {e: int.from_bytes(self.data[a:s], "big")
                     for e, _, a, s in children(self.data, at, stop)
                     if e in (TRACK_NUMBER, TRACK_TYPE)}
            if entry[TRACK_TYPE] == VIDEO:
                return entry[TRACK_NUMBER]
        return None

    def _read_cluster(self, body, end):
        base = 0
        for element, _, at, stop in children(self.data, body, end):
            if element == TIMECODE:
                base = int.from_bytes(self.data[at:stop], "big")
            elif element == SIMPLE_BLOCK:
                yield from self._read_block(base, at, stop, None)
            elif element == BLOCK_GROUP:
                parts = list(children(self.data, at, stop))
                is_key = all(e != 0xFB for e, _, _, _ in parts)  # ReferenceBlock
                for e, _, a, s in parts:
                    if e == BLOCK:
                        yield from self._read_block(base, a, s, is_key)

    def _read_block(self, base, at, end, is_key):
        track, at = read_size(self.data, at)
        if track != self._video:
            return
        offset = int.from_bytes(self.data[at:at + 2], "big", signed=True)
        flags = self.data[at + 2]
        yield Frame(base + offset, bool(flags & 0x80) if is_key is None else is_key,
                    self.data[at + 3:end])

    @property
    def frames(self):
        return [frame for fragment in self.fragments for frame in fragment]

    def write(self, path):
        """One file: the first header, then all clusters."""
        with open(path, "wb") as file:
            file.write(self.data[slice(*self.header)])
            for cluster in self.clusters:
                file.write(self.data[slice(*cluster)])


# ---- the service ----

def sign(url, body, region, now):
    """Headers of a signed POST request (AWS Signature Version 4)."""
    address = urllib.parse.urlsplit(url)
    date = now.strftime("%Y%m%dT%H%M%SZ")
    headers = {"content-type": "application/json", "host": address.netloc, "x-amz-date": date}
    if token := os.environ.get("AWS_SESSION_TOKEN"):
        headers["x-amz-security-token"] = token
    names = ";".join(sorted(headers))
    canonical = "\n".join(
        ["POST", address.path, ""] + [f"{name}:{headers[name]}" for name in sorted(headers)]
        + ["", names, hashlib.sha256(body).hexdigest()])
    scope = f"{date[:8]}/{region}/kinesisvideo/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", date, scope,
                      hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"]).encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={os.environ['AWS_ACCESS_KEY_ID']}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}")
    return headers


def call(endpoint, path, region, request):
    """The answer's body. GetMedia goes on while there is media, and ends 3 s after the last."""
    body = json.dumps(request).encode()
    url = endpoint.rstrip("/") + path
    headers = sign(url, body, region, datetime.datetime.now(datetime.timezone.utc))
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        sys.exit(f"{path} was answered with {error.code}: {error.read().decode(errors='replace')}")
    except urllib.error.URLError as error:
        sys.exit(f"{endpoint} cannot be reached: {error.reason}")


def get_media(stream, endpoint, region):
    answer = call(endpoint, "/getDataEndpoint", region,
                  {"StreamName": stream, "APIName": "GET_MEDIA"})
    return call(json.loads(answer)["DataEndpoint"], "/getMedia", region,
                {"StreamName": stream, "StartSelector": {"StartSelectorType": "EARLIEST"}})


def compare(got, wanted):
    """What is wrong, as text; empty if nothing."""
    got = [frame.digest for frame in got.frames]
    wanted = [frame.digest for frame in wanted.frames]
    same = sum(a == b for a, b in zip(got, wanted))
    print(f"{same} of {len(wanted)} frames with identical bytes")
    if got == wanted:
        return ""
    return f"{len(got)} frames came back, {len(wanted)} were sent, {same} are where they belong"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stream")
    parser.add_argument("--endpoint", help="URL of the control plane; default: the region's")
    parser.add_argument("--out", help="write one Matroska file")
    parser.add_argument("--compare", help="Matroska file whose video frames should come back")
    options = parser.parse_args()
    if not os.environ.get("AWS_ACCESS_KEY_ID") or not os.environ.get("AWS_SECRET_ACCESS_KEY"):
        parser.error("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-west-2"
    endpoint = options.endpoint or f"https://kinesisvideo.{region}.amazonaws.com"

    media = Media(get_media(options.stream, endpoint, region))
    print(f"{len(media.fragments)} fragments, {len(media.frames)} frames")
    problems = [f"fragment {i} does not start with a key frame"
                for i, fragment in enumerate(media.fragments) if not fragment[0].is_key]
    if options.out and media.header:
        media.write(options.out)
    if options.compare:
        with open(options.compare, "rb") as file:
            problems.append(compare(media, Media(file.read())))
    problems = [problem for problem in problems if problem]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
