"""Registers to numbers and back: four orders of bytes and words, exact scaling, integers out.

pymodbus decodes with a chosen word order only; meters exist that swap bytes as well. Scaling is exact, because a
rounding between a register and a bill would lose Wh.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from enum import StrEnum
from fractions import Fraction

Reader = Callable[[bytes], int | None]
"""Finds one figure in the data bytes of a reply; None where the meter says that it has none."""

EXACT_FLOAT_SCALE = 1 << 29
"""A 24-bit fraction times a whole number below this is exact in a double, so no Fraction is needed for it."""


class Decode(StrEnum):
    """The number that the registers hold."""

    U16 = "u16"
    I16 = "i16"
    U32 = "u32"
    I32 = "i32"
    U64 = "u64"
    I64 = "i64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    BCD16 = "bcd16"
    BCD32 = "bcd32"
    BCD48 = "bcd48"


class Order(StrEnum):
    """How a 32-bit number ABCD (A is the highest byte) lies on the wire. Of a 16-bit number only its last two count.

    Longer numbers follow the same two rules: whether the words come last first, and whether each word's bytes do.
    """

    ABCD = "ABCD"
    CDAB = "CDAB"
    BADC = "BADC"
    DCBA = "DCBA"


_BYTES = {
    Decode.U16: 2,
    Decode.I16: 2,
    Decode.U32: 4,
    Decode.I32: 4,
    Decode.U64: 8,
    Decode.I64: 8,
    Decode.FLOAT32: 4,
    Decode.FLOAT64: 8,
    Decode.BCD16: 2,
    Decode.BCD32: 4,
    Decode.BCD48: 6,
}
_FLOATS = {Decode.FLOAT32: "f", Decode.FLOAT64: "d"}
_BCD = frozenset({Decode.BCD16, Decode.BCD32, Decode.BCD48})
_SIGNED = frozenset({Decode.I16, Decode.I32, Decode.I64})
_WORDS_SWAPPED = frozenset({Order.CDAB, Order.DCBA})
_BYTES_SWAPPED = frozenset({Order.BADC, Order.DCBA})


def width(decode: Decode) -> int:
    """How many registers the number takes."""
    return _BYTES[decode] // 2


def is_float(decode: Decode) -> bool:
    """Whether large numbers move in steps."""
    return decode in _FLOATS


def span(decode: Decode) -> int | None:
    """How many different numbers the registers can hold; None for floats, which have no such end."""
    if decode in _FLOATS:
        return None
    if decode in _BCD:
        return int(10 ** (2 * _BYTES[decode]))
    return 1 << 8 * _BYTES[decode]


def ordered(data: bytes, order: Order) -> bytes:
    """To ABCD and from it: each order undoes itself."""
    words = [data[at : at + 2] for at in range(0, len(data), 2)]
    if order in _WORDS_SWAPPED:
        words.reverse()
    if order in _BYTES_SWAPPED:
        words = [word[::-1] for word in words]
    return b"".join(words)


def packed(words: Sequence[int]) -> bytes:
    """Registers as the bytes of a reply."""
    return struct.pack(f">{len(words)}H", *words)


def unpacked(data: bytes) -> list[int]:
    """The bytes of a reply as registers."""
    return list(struct.unpack(f">{len(data) // 2}H", data))


def raw(words: Sequence[int], decode: Decode, order: Order) -> Fraction | None:
    """The number in the registers, exactly; None for a float or a BCD that is no number."""
    number = _number(ordered(packed(words), order), decode)
    return None if number is None else Fraction(number)


def scaled(number: Fraction, scale: Fraction) -> int:
    """To the integer unit, to the nearest (a half to even): a larger register never gives a smaller figure."""
    return round(number * scale)


def encode(number: Fraction, decode: Decode, order: Order) -> list[int]:
    """The registers that hold the number; integers and BCD wrap as a meter's counters do."""
    size = _BYTES[decode]
    if decode in _FLOATS:
        data = struct.pack(">" + _FLOATS[decode], float(number))
    elif decode in _BCD:
        data = bytes.fromhex(str(round(number) % 10 ** (2 * size)).zfill(2 * size))
    else:
        data = (round(number) % (1 << 8 * size)).to_bytes(size, "big")
    return unpacked(ordered(data, order))


def reader(at: int, decode: Decode, order: Order, scale: Fraction, no_value: frozenset[int] = frozenset()) -> Reader:
    """A fast way to one figure that lies `at` this byte of a reply's data, scaled to its integer unit."""
    native = plain(decode, order, scale)
    if native is None or no_value:
        return _careful_reader(at, decode, order, scale, no_value)
    unpack, times = struct.Struct(native).unpack_from, scale.numerator
    if decode is Decode.FLOAT32:

        def number(data: bytes) -> int | None:
            value: float = unpack(data, at)[0]
            return round(value * times) if math.isfinite(value) else None

        return number
    return lambda data: unpack(data, at)[0] * times


def _careful_reader(at: int, decode: Decode, order: Order, scale: Fraction, no_value: frozenset[int]) -> Reader:
    end = at + _BYTES[decode]

    def number(data: bytes) -> int | None:
        value = _number(ordered(data[at:end], order), decode)
        if value is None or value in no_value:
            return None
        return scaled(Fraction(value), scale)

    return number


def plain(decode: Decode, order: Order, scale: Fraction) -> str | None:
    """The order and letter by which `struct` decodes it, where only a whole scale is left to do. None: by hand."""
    letters = {2: "H", 4: "I", 8: "Q"}
    if decode in _BCD or decode is Decode.FLOAT64 or scale.denominator != 1 or scale >= EXACT_FLOAT_SCALE:
        return None
    short = _BYTES[decode] == 2  # noqa: PLR2004 - one word has no order of words
    if not short and order in (Order.CDAB, Order.BADC):
        return None
    letter = _FLOATS.get(decode) or letters[_BYTES[decode]]
    return ("<" if order in _BYTES_SWAPPED else ">") + (letter.lower() if decode in _SIGNED else letter)


def _number(data: bytes, decode: Decode) -> int | float | None:
    """The number in bytes that lie highest first."""
    if decode in _FLOATS:
        value: float = struct.unpack(">" + _FLOATS[decode], data)[0]
        return value if math.isfinite(value) else None
    if decode in _BCD:
        digits = data.hex()
        return int(digits) if digits.isdecimal() else None
    return int.from_bytes(data, "big", signed=decode in _SIGNED)
