"""Reads and writes the settings that a model names: one write, once, and its read-back tells what came of it (S4)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from fractions import Fraction

from meters import codec
from meters.bus import Bus
from meters.jobs import Priority
from meters.parts import Parameter
from meters.profile import Profile
from prepaid.domain.errors import Refused, Unknown
from prepaid.domain.field_requests import Setting

SETTLE_S = 0.2
"""When, after the echo, the device is asked for what it keeps."""
WRITE_WITHIN_S = 10.0
"""How long a write may wait for the bus, and never longer than whoever asked."""


class MeterSettings:
    """The settings of one device."""

    def __init__(self, bus: Bus, unit: int, profile: Profile) -> None:
        self.profile = profile
        self._bus = bus
        self._unit = unit

    async def read(self, name: str = "") -> tuple[Setting, ...]:
        """All of them, or the one of that name if there is one."""
        wanted = [each for each in self.profile.parameters if name in ("", each.name)]
        return tuple([_said(each, await self._bus.read(self._unit, each.request)) for each in wanted])

    async def write(
        self, name: str, value: int, *, within_s: float, last_look: Callable[[], Awaitable[bool]]
    ) -> Setting:
        """Once. The caller has checked name and range.

        Raises `TryAgain` when nothing left, `Refused` when the device would not or kept something else, `Unknown` when
        it may have been written and the device could not be asked.
        """
        parameter = next(each for each in self.profile.parameters if each.name == name)
        if not self.profile.may_write(parameter.address, parameter.count):
            raise Refused("refused.setting_read_only", name=name)
        if _scaled(parameter, value) != value:
            raise Refused("refused.setting_step", name=name, step=str(parameter.scale))
        try:
            reply = await self._bus.switch(
                self._unit,
                parameter.write(value),
                parameter.request,
                settle_s=SETTLE_S,
                expires_at=asyncio.get_running_loop().time() + min(WRITE_WITHIN_S, within_s),
                last_look=last_look,
                priority=Priority.ON_DEMAND,
            )
        except Unknown as unknown:
            raise Unknown("unknown.setting", name=name) from unknown
        kept = _said(parameter, reply)
        if kept.value != value:
            raise Refused("refused.setting_not_kept", name=name, value="-" if kept.value is None else kept.value)
        return kept


def _said(parameter: Parameter, reply: bytes) -> Setting:
    low, high = parameter.between
    writable = parameter.write_function is not None
    value = parameter.value_in(reply)
    return Setting(name=parameter.name, value=value, unit=parameter.unit, low=low, high=high, writable=writable)


def _scaled(parameter: Parameter, value: int) -> int | None:
    """What the device would say after this value was written."""
    words = codec.encode(Fraction(value) / parameter.scale, parameter.decode, parameter.order)
    return parameter.value_of(words)
