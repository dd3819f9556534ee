"""The tree of places, written as paths: organisation / site / building / room, and whatever lies deeper.

A path is made of short plain segments, so that "below" is a prefix test on whole segments and nothing else (A2).
"""

from __future__ import annotations

import re
from enum import StrEnum

from prepaid.domain.access import covers
from prepaid.domain.errors import Refused

MAX_DEPTH = 8
_SEGMENT = re.compile(r"^[0-9A-Za-z][0-9A-Za-z_.-]{0,39}$", re.ASCII)


class Level(StrEnum):
    """What a path of a certain depth stands for."""

    ORGANISATION = "organisation"
    SITE = "site"
    BUILDING = "building"
    ROOM = "room"


_BY_DEPTH = tuple(Level)


def check_path(path: str) -> str:
    """Returns a well-formed path, or raises `Refused("refused.path")`."""
    segments = path.split("/")
    if len(segments) > MAX_DEPTH or not all(_SEGMENT.match(segment) for segment in segments):
        raise Refused("refused.path", path=path[:80])
    return path


def check_segment(name: str) -> str:
    """Returns a name that can stand in a path, or raises `Refused("refused.path")`."""
    if not _SEGMENT.match(name):
        raise Refused("refused.path", path=name[:80])
    return name


def level(path: str) -> Level:
    """What stands at a path. Everything below a room belongs to the room."""
    return _BY_DEPTH[min(path.count("/"), len(_BY_DEPTH) - 1)]


def parents(path: str) -> tuple[str, ...]:
    """The path itself and everything above it, from the top down."""
    parts = path.split("/")
    return tuple("/".join(parts[: end + 1]) for end in range(len(parts)))


def check_inside(path: str, site_path: str) -> str:
    """Returns a path that lies within the site, below its root; raises `Refused("refused.path")` otherwise."""
    if path == site_path or not covers(site_path, check_path(path)):
        raise Refused("refused.path", path=path[:80])
    return path
