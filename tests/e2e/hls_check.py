# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads HLS playlists as RFC 8216 demands, and says what is against it.

    playlist = MediaPlaylist(text)          raises PlaylistError
    check_reload(before, playlist)          section 6.2.1: what a server may change
"""

import re

ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"\r\n]*"|[^",\s][^,\s]*)(?:,|$)')
DATE_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
MEDIA_ONCE = ("EXT-X-TARGETDURATION", "EXT-X-MEDIA-SEQUENCE", "EXT-X-DISCONTINUITY-SEQUENCE",
              "EXT-X-PLAYLIST-TYPE", "EXT-X-ENDLIST", "EXT-X-INDEPENDENT-SEGMENTS", "EXT-X-VERSION")
MEDIA_HEAD = ("EXT-X-TARGETDURATION", "EXT-X-MEDIA-SEQUENCE", "EXT-X-DISCONTINUITY-SEQUENCE",
              "EXT-X-PLAYLIST-TYPE")
SEGMENT_TAGS = ("EXTINF", "EXT-X-DISCONTINUITY", "EXT-X-MAP", "EXT-X-PROGRAM-DATE-TIME")


class PlaylistError(AssertionError):
    pass


def demand(condition, text):
    if not condition:
        raise PlaylistError(text)


def attributes(text):
    """Section 4.2: an attribute list, each name at most once."""
    found = {}
    at = 0
    while at < len(text):
        match = ATTRIBUTE.match(text, at)
        demand(match, f"not an attribute list: {text!r}")
        demand(match.group(1) not in found, f"{match.group(1)} twice: {text!r}")
        found[match.group(1)] = match.group(2)
        at = match.end()
    return found


def quoted(value):
    demand(value is not None and len(value) >= 2 and value[0] == value[-1] == '"',
           f"not a quoted string: {value!r}")
    return value[1:-1]


def decimal(text):
    demand(re.fullmatch(r"\d{1,20}", text or ""), f"not a decimal integer: {text!r}")
    return int(text)


def lines_of(text):
    """Sections 4.1: UTF-8 without a byte order mark, #EXTM3U first, no blanks around URIs."""
    demand(text.startswith("#EXTM3U\n"), "#EXTM3U is not first")
    demand(text.endswith("\n"), "the last line has no end")
    found = []
    for line in text.split("\n")[1:]:
        demand(line == line.strip(), f"blanks around {line!r}")
        demand(all(c.isprintable() for c in line), f"control characters in {line!r}")
        if line and not (line.startswith("#") and not line.startswith("#EXT")):
            found.append(line)
    return found


def split_tag(line):
    name, _, value = line[1:].partition(":")
    return name, value


class Segment:
    def __init__(self):
        self.uri = None
        self.duration = None
        self.discontinuity = False
        self.map = None
        self.date_time = None
        self.sequence = None
        self.discontinuity_sequence = None

    @property
    def identity(self):
        return self.uri, self.duration, self.map, self.date_time, self.discontinuity_sequence


class MediaPlaylist:
    """Section 4.3.2 and 4.3.3."""

    def __init__(self, text):
        self.tags = {}
        self.segments = []
        self._seen_segment = False
        self._map = None
        self._next = Segment()
        for line in lines_of(text):
            demand("EXT-X-ENDLIST" not in self.tags or line.startswith("#"),
                   "a segment after EXT-X-ENDLIST")
            if line.startswith("#"):
                self._take_tag(*split_tag(line))
            else:
                self._take_uri(line)
        demand(self._next.duration is None, "EXTINF without a URI")
        self._check_head()
        self._number()

    def _take_tag(self, name, value):
        if name in MEDIA_ONCE:
            demand(name not in self.tags, f"{name} twice")
            demand(name not in MEDIA_HEAD or not self._seen_segment, f"{name} after a segment")
            self.tags[name] = value
        elif name == "EXTINF":
            match = re.fullmatch(r"(\d+(?:\.\d+)?),.*", value)
            demand(match, f"EXTINF:{value}")
            demand(self._next.duration is None, "EXTINF twice")
            self._next.duration = float(match.group(1))
        elif name == "EXT-X-DISCONTINUITY":
            demand(not value, "EXT-X-DISCONTINUITY has a value")
            self._next.discontinuity = True
        elif name == "EXT-X-MAP":
            found = attributes(value)
            demand(set(found) <= {"URI", "BYTERANGE"}, f"EXT-X-MAP:{value}")
            self._map = quoted(found.get("URI"))
        elif name == "EXT-X-PROGRAM-DATE-TIME":
            demand(DATE_TIME.match(value), f"not a date and time: {value}")
            self._next.date_time = value
        else:
            raise PlaylistError(f"not a tag of media playlists: {name}")
        self._seen_segment = self._seen_segment or name in SEGMENT_TAGS

    def _take_uri(self, uri):
        demand(self._next.duration is not None, f"{uri} has no EXTINF")
        self._next.uri = uri
        self._next.map = self._map
        self.segments.append(self._next)
        self._next = Segment()

    def _check_head(self):
        demand("EXT-X-TARGETDURATION" in self.tags, "no EXT-X-TARGETDURATION")
        demand(self.segments, "no segments")
        self.target = decimal(self.tags["EXT-X-TARGETDURATION"])
        self.sequence = decimal(self.tags.get("EXT-X-MEDIA-SEQUENCE", "0"))
        self.discontinuity_sequence = decimal(self.tags.get("EXT-X-DISCONTINUITY-SEQUENCE", "0"))
        self.version = decimal(self.tags.get("EXT-X-VERSION", "1"))
        self.is_over = "EXT-X-ENDLIST" in self.tags
        kind = self.tags.get("EXT-X-PLAYLIST-TYPE")
        demand(kind in (None, "VOD", "EVENT"), f"EXT-X-PLAYLIST-TYPE:{kind}")
        demand(kind != "VOD" or self.is_over, "VOD without EXT-X-ENDLIST")
        self.is_vod = kind == "VOD"
        for segment in self.segments:
            # 4.3.3.1: rounded to the nearest integer
            demand(int(segment.duration + 0.5) <= self.target,
                   f"{segment.duration} is longer than {self.target}")
            demand(segment.duration > 0, "a segment of no duration")
        # section 7
        demand(self.version >= 3, "decimal durations need version 3")
        demand(self.version >= 6 or not any(s.map for s in self.segments),
               "EXT-X-MAP needs version 6")

    def _number(self):
        discontinuities = self.discontinuity_sequence
        for i, segment in enumerate(self.segments):
            discontinuities += segment.discontinuity
            segment.sequence = self.sequence + i
            segment.discontinuity_sequence = discontinuities

    @property
    def duration(self):
        return sum(segment.duration for segment in self.segments)


def check_reload(before, after):
    """Section 6.2.1 and 6.2.2: segments are appended and removed at the ends, and nothing that stays
    changes."""
    demand(not before.is_over or (before.sequence, len(before.segments))
           == (after.sequence, len(after.segments)), "changed after EXT-X-ENDLIST")
    demand(after.target == before.target, "EXT-X-TARGETDURATION changed")
    demand(after.version == before.version, "EXT-X-VERSION changed")
    demand(after.sequence >= before.sequence, "EXT-X-MEDIA-SEQUENCE went down")
    demand(after.discontinuity_sequence >= before.discontinuity_sequence,
           "EXT-X-DISCONTINUITY-SEQUENCE went down")
    demand(after.segments[-1].sequence >= before.segments[-1].sequence, "segments went away")
    known = {segment.sequence: segment.identity for segment in before.segments}
    numbers = {segment.identity[0]: segment.sequence for segment in before.segments}
    for segment in after.segments:
        if segment.sequence in known:
            demand(known[segment.sequence] == segment.identity,
                   f"segment {segment.sequence} changed: {known[segment.sequence]} is now "
                   f"{segment.identity}")
        demand(numbers.get(segment.uri, segment.sequence) == segment.sequence,
               f"{segment.uri} has another number")


class MasterPlaylist:
    """Section 4.3.4."""

    def __init__(self, text):
        self.variants = []
        self.media = []
        pending = None
        for line in lines_of(text):
            if not line.startswith("#"):
                demand(pending is not None, f"{line} has no EXT-X-STREAM-INF")
                self.variants.append((pending, line))
                pending = None
                continue
            name, value = split_tag(line)
            demand(pending is None, "EXT-X-STREAM-INF without a URI")
            if name == "EXT-X-STREAM-INF":
                pending = self._variant(attributes(value))
            elif name == "EXT-X-MEDIA":
                self.media.append(self._rendition(attributes(value)))
            else:
                demand(name in ("EXT-X-VERSION", "EXT-X-INDEPENDENT-SEGMENTS"),
                       f"not a tag of master playlists: {name}")
        demand(self.variants, "no variants")
        groups = {quoted(media["GROUP-ID"]) for media in self.media}
        for found, _ in self.variants:
            demand("AUDIO" not in found or quoted(found["AUDIO"]) in groups, "no such AUDIO group")

    @staticmethod
    def _variant(found):
        decimal(found.get("BANDWIDTH"))
        quoted(found.get("CODECS"))
        if "RESOLUTION" in found:
            demand(re.fullmatch(r"\d+x\d+", found["RESOLUTION"]), "RESOLUTION")
        if "FRAME-RATE" in found:
            demand(re.fullmatch(r"\d+(\.\d{1,3})?", found["FRAME-RATE"]), "FRAME-RATE")
        return found

    @staticmethod
    def _rendition(found):
        demand(found.get("TYPE") in ("AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS"), "TYPE")
        for name in ("GROUP-ID", "NAME", "URI"):
            quoted(found.get(name))
        for name in ("DEFAULT", "AUTOSELECT", "FORCED"):
            demand(found.get(name, "NO") in ("YES", "NO"), name)
        demand("FORCED" not in found or found["TYPE"] == "SUBTITLES"
               or found["FORCED"] == "NO", "FORCED")
        return found
