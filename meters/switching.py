"""The parts of a profile that switch: a relay, a valve, a relay board for meters that have neither.

What is written here can always be read back (S4). A pulse or a toggle is refused: repeated, it would undo itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from meters.links import requests
from meters.links.requests import Request
from meters.parts import WIDEST_READ, Address, Strict, Word

PULSES = frozenset({"pulse", "pulse_ms", "toggle", "flash", "width_ms"})
CHANNELS_MOST = 64


def _several(value: Any) -> Any:
    """One word may be written without brackets."""
    return (value,) if isinstance(value, int) else value


Words = Annotated[tuple[Word, ...], BeforeValidator(_several), Field(min_length=1, max_length=8)]


class Restore(StrEnum):
    """How supply comes back."""

    DIRECT = "direct"
    """The contact closes at once."""
    ALLOW = "allow"
    """The device is allowed to close, and the person presses its button."""


class Proves(StrEnum):
    """What the read-back is worth."""

    STATE = "state"
    """The device says where its contact or valve stands."""
    ORDER = "order"
    """The device repeats the order that it keeps: the load, or energy that stands still, must bear it out."""


class SwitchWrite(Strict):
    """How the device is commanded. `flow`: current or water flows; `stop`: it does not."""

    function: Literal[5, 6, 16]
    address: Address
    flow: Words
    stop: Words
    allow: Words | None = None
    """The order that lets the person close it by hand, where the device has one."""

    @model_validator(mode="before")
    @classmethod
    def _no_pulse(cls, data: Any) -> Any:
        if isinstance(data, dict) and PULSES & set(data):
            raise PydanticCustomError("pulse_refused", "a pulse or toggle cannot be repeated safely")
        return data

    @model_validator(mode="after")
    def _sound(self) -> Self:
        orders = [self.flow, self.stop, *([self.allow] if self.allow else [])]
        if len(set(orders)) != len(orders):
            raise PydanticCustomError("same_order", "the orders must differ: one value for both would be a toggle")
        if len({len(order) for order in orders}) > 1:
            raise PydanticCustomError("order_lengths", "the orders must agree in length")
        if self.function != requests.WRITE_REGISTERS and len(self.flow) != 1:
            raise PydanticCustomError("one_value", "functions 5 and 6 write one value")
        return self

    @property
    def addresses(self) -> range:
        """What is written to."""
        return range(self.address, self.address + len(self.flow))


class Within(Strict):
    """The registers that are read for the sake of a few among them."""

    address: Address
    count: int = Field(ge=2, le=WIDEST_READ)


class ReadBack(Strict):
    """Where the device says what it did."""

    function: Literal[1, 3, 4]
    address: Address
    flow: Words
    stop: Words
    allowed: Words | None = None
    """It waits for the person to press the button."""
    mask: Words = (0xFFFF,)
    fault: Words | None = None
    """Bits by which the device says that it could not move."""
    proves: Proves = Proves.STATE
    within: Within | None = None
    """A longer read that holds it, where a read of its own would look like another one on RTU."""

    @model_validator(mode="after")
    def _sound(self) -> Self:
        words = len(self.flow)
        others = (self.stop, self.allowed, self.fault, self.mask if len(self.mask) > 1 else None)
        if any(other is not None and len(other) != words for other in others):
            raise PydanticCustomError("order_lengths", "the orders must agree in length")
        if self.function == requests.READ_COILS and words > 1:
            raise PydanticCustomError("one_value", "one coil says the state")
        states = [self._masked(state) for state in (self.flow, self.stop, self.allowed) if state is not None]
        if len(set(states)) != len(states):
            raise PydanticCustomError("same_state", "the states must differ under the mask")
        within = self.within
        if within and not within.address <= self.address <= within.address + within.count - words:
            raise PydanticCustomError("outside_within", "the longer read does not hold the read-back")
        return self

    @property
    def count(self) -> int:
        """Registers or coils that say the state."""
        return len(self.flow)

    @property
    def span(self) -> tuple[int, int]:
        """Where the read begins, and how much it takes."""
        return (self.address, self.count) if self.within is None else (self.within.address, self.within.count)

    @property
    def request(self) -> Request:
        """The short read that follows every switch."""
        return requests.read(self.function, *self.span)

    def state(self, words: Sequence[int]) -> bool | None:
        """On, off, or None for words that mean neither (a valve that moves, a device that follows its own mind)."""
        return None if self.faulty(words) else self._states.get(self._masked(words))

    def faulty(self, words: Sequence[int]) -> bool:
        """Whether the device says that it could not move."""
        return self.fault is not None and any(w & f for w, f in zip(words, self.fault, strict=True))

    def waits(self, words: Sequence[int]) -> bool:
        """Whether it may close, and waits for the person's button."""
        return self.allowed is not None and self._masked(words) == self._masked(self.allowed)

    def words_in(self, reply: bytes) -> tuple[int, ...]:
        """The registers or coils of a reply to `request`."""
        first, taken = self.span
        words = requests.bits(reply, taken) if self.function == requests.READ_COILS else requests.words(reply)
        return words[self.address - first : self.address - first + self.count]

    def state_in(self, reply: bytes) -> bool | None:
        """What a reply to `request` says."""
        return self.state(self.words_in(reply))

    def faulty_in(self, reply: bytes) -> bool:
        """Whether a reply to `request` tells of a fault."""
        return self.faulty(self.words_in(reply))

    def waits_in(self, reply: bytes) -> bool:
        """Whether a reply to `request` says that the button is waited for."""
        return self.waits(self.words_in(reply))

    @cached_property
    def _states(self) -> dict[tuple[int, ...], bool]:
        return {self._masked(self.flow): True, self._masked(self.stop): False}

    def _masked(self, words: Sequence[int]) -> tuple[int, ...]:
        if len(words) == 1:
            return (words[0] & self.mask[0],)
        masks = self.mask if len(self.mask) == len(words) else self.mask * len(words)
        return tuple(word & mask for word, mask in zip(words, masks, strict=True))


class Switch(Strict):
    """Something that lets current or water flow or stops it, and can be read back (S4)."""

    write: SwitchWrite
    read_back: ReadBack
    settle_ms: int = Field(ge=0, le=10_000)
    """How long after the echo the read-back may first tell the truth."""
    settled_within_ms: int = Field(default=0, ge=0, le=60_000)
    """By then the final state is there; until then it is read again and again. 0: at once after `settle_ms`."""
    restore: Restore = Restore.DIRECT
    """How this model restores unless the site wants it otherwise."""

    @model_validator(mode="after")
    def _can_restore(self) -> Self:
        if self.restore is Restore.ALLOW and Restore.ALLOW not in self.restores:
            raise PydanticCustomError("allow_unknown", "allow-close needs its order and its read-back")
        return self

    @property
    def restores(self) -> tuple[Restore, ...]:
        """The ways of restoring that the device has."""
        allows = self.write.allow is not None and self.read_back.allowed is not None
        return (Restore.DIRECT, Restore.ALLOW) if allows else (Restore.DIRECT,)

    @property
    def patience_ms(self) -> int:
        """How long to look for the final state."""
        return max(self.settle_ms, self.settled_within_ms)

    def request(self, *, on: bool, restore: Restore = Restore.DIRECT) -> Request:
        """The write that switches. `restore` matters for on only, and falls back to direct where there is no other."""
        order = self.write.flow if on else self.write.stop
        if on and restore is Restore.ALLOW and self.write.allow is not None:
            order = self.write.allow
        return requests.write(self.write.function, self.write.address, order)


class RelayWrite(SwitchWrite):
    """A contact: closed, current flows."""

    flow: Words = Field(alias="closed")
    stop: Words = Field(alias="open")


class RelayReadBack(ReadBack):
    """A contact: closed, current flows."""

    flow: Words = Field(alias="closed")
    stop: Words = Field(alias="open")


class Relay(Switch):
    """A relay in the meter."""

    write: RelayWrite
    read_back: RelayReadBack


class ValveWrite(SwitchWrite):
    """A valve: open, water flows."""

    flow: Words = Field(alias="open")
    stop: Words = Field(alias="shut")


class ValveReadBack(ReadBack):
    """A valve: open, water flows."""

    flow: Words = Field(alias="open")
    stop: Words = Field(alias="shut")


class Valve(Switch):
    """A valve in the meter. It takes seconds, and it can get stuck."""

    write: ValveWrite
    read_back: ValveReadBack


class Channels(Strict):
    """The relays of a board: each channel is the same, some addresses further on."""

    count: int = Field(ge=1, le=CHANNELS_MOST)
    first: int = Field(default=1, ge=0, le=1)
    """The number printed at the first relay."""
    stride: int = Field(default=1, ge=1, le=256)
    write: RelayWrite
    read_back: RelayReadBack
    settle_ms: int = Field(ge=0, le=10_000)

    @property
    def numbers(self) -> range:
        """As printed on the board."""
        return range(self.first, self.first + self.count)

    def channel(self, number: int) -> Relay | None:
        """The relay of this number; None when the board has none such."""
        if number not in self.numbers:
            return None
        further = (number - self.first) * self.stride
        moved = {
            name: part.model_copy(update={"address": part.address + further})
            for name, part in (("write", self.write), ("read_back", self.read_back))
        }
        return Relay.model_validate({**moved, "settle_ms": self.settle_ms})
