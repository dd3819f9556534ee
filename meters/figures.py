"""Finds all figures of a poll at once: what lies in one reply in the same order of bytes is unpacked in one go.

A meter is read for its whole life, so what a figure costs is worked out when its profile is loaded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import groupby
from operator import mul
from struct import Struct
from typing import Generic, NamedTuple, TypeVar

from meters import codec
from meters.codec import Decode, Order, Reader

Name = TypeVar("Name")
Finder = Callable[[Sequence[bytes]], dict[Name, int]]
"""From a poll's reply PDUs to every figure that the meter has, in its integer unit."""


class Place(NamedTuple, Generic[Name]):
    """Where one figure lies: the number of the read, the byte in its reply, and how to understand it."""

    name: Name
    number: int
    at: int
    decode: Decode
    order: Order
    scale: Fraction
    no_value: frozenset[int] = frozenset()

    @property
    def letter(self) -> str | None:
        """Its letter and order for `struct`, where a whole number or a float32 times a whole number is all there is."""
        return None if self.no_value else codec.plain(self.decode, self.order, self.scale)


class _Group(NamedTuple, Generic[Name]):
    """Figures that one `Struct` unpacks from one reply."""

    number: int
    layout: Struct
    names: Sequence[Name]
    scales: Sequence[int]
    floats: bool


def finder(places: Sequence[Place[Name]]) -> Finder[Name]:
    """The quick way to these figures. What no group can hold is read by itself."""
    groups, left = _grouped(places)
    careful = [
        (each.name, each.number, codec.reader(each.at, each.decode, each.order, each.scale, each.no_value))
        for each in left
    ]
    if len(groups) == 1 and not careful and not groups[0].floats:
        number, layout, names, scales, _ = groups[0]
        unpack = layout.unpack_from
        # One name and one scale for each figure of the layout, by its making.
        return lambda replies: dict(zip(names, map(mul, unpack(replies[number]), scales), strict=False))
    return lambda replies: _found(groups, careful, replies)


def _found(
    groups: Sequence[_Group[Name]], careful: Sequence[tuple[Name, int, Reader]], replies: Sequence[bytes]
) -> dict[Name, int]:
    found: dict[Name, int] = {}
    for number, layout, names, scales, floats in groups:
        values = layout.unpack_from(replies[number])
        if not floats:
            found.update(zip(names, map(mul, values, scales), strict=True))
            continue
        for name, value, scale in zip(names, values, scales, strict=True):
            if math.isfinite(value):
                found[name] = round(value * scale)
    for name, number, read in careful:
        value = read(replies[number])
        if value is not None:
            found[name] = value
    return found


def _grouped(places: Sequence[Place[Name]]) -> tuple[list[_Group[Name]], list[Place[Name]]]:
    """Those that can be unpacked together, and the rest. Of figures that overlap the first is in the group."""
    plain: Mapping[Place[Name], str] = {each: letter for each in places if (letter := each.letter) is not None}
    left = [each for each in places if each not in plain]

    def key(place: Place[Name]) -> tuple[int, str, bool]:
        return place.number, plain[place][0], plain[place][1] == "f"

    groups: list[_Group[Name]] = []
    for (number, byte_order, floats), members in groupby(sorted(plain, key=lambda each: (key(each), each.at)), key):
        layout, end, taken = byte_order, 0, list[Place[Name]]()
        for each in members:
            if each.at < end:
                left.append(each)
                continue
            layout += f"{each.at - end}x{plain[each][1]}"
            end = each.at + 2 * codec.width(each.decode)
            taken.append(each)
        names, scales = [each.name for each in taken], [each.scale.numerator for each in taken]
        groups.append(_Group(number, Struct(layout), names, scales, floats))
    return groups, left
