"""Registers to numbers and back: four orders of bytes and words, exact scaling, integers out.

pymodbus decodes with a chosen word order only; meters exist that swap bytes as well. Scaling is done with fractions,
because a float between a register and a bill would lose Wh.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from enum import StrEnum
from fractions import Fraction


class Decode(StrEnum):
    """The number that the registers hold."""

    U16 = "u16"
    I16 = "i16"
    U32 = "u32"
    I32 = "i32"
    FLOAT32 = "float32"


class Order(StrEnum):
    """How a 32-bit number ABCD (A is the highest byte) lies on the wire. Of a 16-bit number only its last two count."""

    ABCD = "ABCD"
    CDAB = "CDAB"
    BADC = "BADC"
    DCBA = "DCBA"


_FORMATS = {
    Decode.U16: struct.Struct(">H"),
    Decode.I16: struct.Struct(">h"),
    Decode.U32: struct.Struct(">I"),
    Decode.I32: struct.Struct(">i"),
    Decode.FLOAT32: struct.Struct(">f"),
}
_WORDS_SWAPPED = frozenset({Order.CDAB, Order.DCBA})
_BYTES_SWAPPED = frozenset({Order.BADC, Order.DCBA})


def width(decode: Decode) -> int:
    """How many registers the number takes."""
    return _FORMATS[decode].size // 2


def _ordered(words: Sequence[int], order: Order) -> list[int]:
    """To ABCD and from it: each order undoes itself."""
    placed = list(reversed(words)) if order in _WORDS_SWAPPED else list(words)
    if order in _BYTES_SWAPPED:
        placed = [(word & 0xFF) << 8 | word >> 8 for word in placed]
    return placed


def raw(words: Sequence[int], decode: Decode, order: Order) -> Fraction | None:
    """The number in the registers, exactly; None for a float that is no number."""
    packed = b"".join(word.to_bytes(2, "big") for word in _ordered(words, order))
    (number,) = _FORMATS[decode].unpack(packed)
    return Fraction(number) if math.isfinite(number) else None


def scaled(number: Fraction, scale: Fraction) -> int:
    """To the integer unit, to the nearest (a half to even): a larger register never gives a smaller figure."""
    return round(number * scale)


def encode(number: Fraction, decode: Decode, order: Order) -> list[int]:
    """The registers that hold the number; integers wrap as a meter's counters do."""
    form = _FORMATS[decode]
    if decode is Decode.FLOAT32:
        packed = form.pack(float(number))
    else:
        packed = (round(number) % (1 << 8 * form.size)).to_bytes(form.size, "big")
    return _ordered([int.from_bytes(packed[at : at + 2], "big") for at in range(0, form.size, 2)], order)
