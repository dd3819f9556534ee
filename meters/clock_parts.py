"""The part of a profile that tells and sets the meter's clock. Bills never follow it: they follow the server's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from meters import codec
from meters.links import requests
from meters.links.requests import Request
from meters.parts import Address, Strict

Piece = Literal["year", "month", "day", "weekday", "hour", "minute", "second", "nothing"]
NEEDED = frozenset({"year", "month", "day", "hour", "minute", "second"})
CENTURY = 2000


class Clock(Strict):
    """A clock in registers: its pieces in order, each a byte or a whole register, in binary or BCD, in local time."""

    function: Literal[3, 4]
    address: Address
    pieces: tuple[Piece, ...] = Field(min_length=6, max_length=16)
    each: Literal["byte", "word"]
    decode: Literal["binary", "bcd"] = "binary"
    sunday: Literal[0, 7] = 0
    """How the weekday counts: Sunday 0 or 7, Monday 1."""
    write_function: Literal[16] | None = None
    """None: it can be read only."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        used = [piece for piece in self.pieces if piece != "nothing"]
        if not set(used) >= NEEDED or len(set(used)) != len(used):
            raise PydanticCustomError("clock_pieces", "a clock needs year to second, each once")
        if self.each == "byte" and len(self.pieces) % 2:
            raise PydanticCustomError("clock_pieces", "bytes must fill whole registers")
        return self

    @property
    def count(self) -> int:
        """Registers that it takes."""
        return len(self.pieces) // (2 if self.each == "byte" else 1)

    @property
    def request(self) -> Request:
        """Reads it."""
        return requests.read(self.function, self.address, self.count)

    def write(self, local: datetime) -> Request | None:
        """Sets it to this local time; None when it cannot be set."""
        if self.write_function is None:
            return None
        return requests.write(self.write_function, self.address, self.words(local))

    def time_in(self, reply: bytes) -> datetime | None:
        """The local time (without a zone) in a reply to `request`; None when it is none."""
        return self.time_of(requests.words(reply))

    def time_of(self, words: Sequence[int]) -> datetime | None:
        """The local time (without a zone) in these registers; None when it is none."""
        data = codec.packed(words) if self.each == "byte" else bytes(word & 0xFF for word in words)
        values = dict(zip(self.pieces, data, strict=True))
        if self.decode == "bcd":
            digits = {piece: f"{value:02x}" for piece, value in values.items()}
            if not all(text.isdecimal() for text in digits.values()):
                return None
            values = {piece: int(text) for piece, text in digits.items()}
        try:
            return datetime(  # noqa: DTZ001 - the meter tells no zone
                CENTURY + values["year"],
                values["month"],
                values["day"],
                values["hour"],
                values["minute"],
                values["second"],
            )
        except ValueError:
            return None

    def words(self, local: datetime) -> list[int]:
        """The registers that say this local time."""
        weekday = local.isoweekday() % 7 or self.sunday
        values = {
            "year": local.year - CENTURY,
            "month": local.month,
            "day": local.day,
            "weekday": weekday,
            "hour": local.hour,
            "minute": local.minute,
            "second": local.second,
            "nothing": 0,
        }
        said = [values[piece] for piece in self.pieces]
        if self.decode == "bcd":
            said = [value // 10 << 4 | value % 10 for value in said]
        return codec.unpacked(bytes(said)) if self.each == "byte" else said
