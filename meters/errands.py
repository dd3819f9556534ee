"""What people ask of a bus between polls: read now, who is there, commission, settings. Behind every command.

A scan is long and goes behind every poll too, so it has a lane of its own: nobody who wants one meter waits for it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace

from meters.bus import Bus
from meters.calls import Calls
from meters.jobs import Priority
from meters.links.errors import ExceptionReply, NoReply
from meters.meter_settings import MeterSettings
from meters.profile import Profile
from meters.profiles import load_profile
from prepaid.domain.errors import Refused, Trouble, TryAgain, Unknown
from prepaid.domain.field_requests import Answer, FieldKind, FieldRequest, Seen, Setting, check_setting
from prepaid.ports import Business, topic_gateway

LOOK_EVERY_S = 2.0
"""For wake-ups that are lost."""
ANSWER_BEFORE_S = 1.0
"""A scan ends this long before its request does, so that what it found is still awaited."""
ENERGY_FELL = "energy_fell"
NO_SERIAL = "serial"
NO_MODEL = "model"
"""What fails where a device answers, and as none of the models that were tried."""
LANES = ((FieldKind.READ, FieldKind.COMMISSION, FieldKind.SETTINGS, FieldKind.SET), (FieldKind.SCAN,))


class Errands:
    """Takes requests of one gateway, one at a time in each lane, while its owner lives."""

    def __init__(
        self,
        business: Business,
        gateway_id: str,
        bus: Bus,
        *,
        calls: Calls,
        still_ours: Callable[[], Awaitable[bool]],
    ) -> None:
        self._business = business
        self._gateway_id = gateway_id
        self._bus = bus
        self._calls = calls
        self._still_ours = still_ours
        self._name = secrets.token_hex(8)

    async def run(self) -> None:
        """Until cancelled. A store that is away costs time."""
        async with asyncio.TaskGroup() as tasks:
            for kinds in LANES:
                tasks.create_task(self._serve(kinds))

    async def _serve(self, kinds: tuple[FieldKind, ...]) -> None:
        async with self._business.wakeups.waiter(topic_gateway(self._gateway_id)) as waiter:
            while True:
                try:
                    busy = await self._one(kinds)
                except (TryAgain, Unknown):
                    busy = False
                if not busy:
                    await waiter.wait(LOOK_EVERY_S)

    async def _one(self, kinds: tuple[FieldKind, ...]) -> bool:
        request = await self._calls.take_field(self._business, self._gateway_id, kinds, self._name)
        if request is None:
            return False
        try:
            if not await self._still_ours():
                raise TryAgain("try_again.lease_lost")
            answer = await self._carried_out(request)
        except Trouble as trouble:
            answer = Answer(trouble=trouble)
        await self._calls.answer_field(self._business, request, self._name, answer)
        return True

    async def _carried_out(self, request: FieldRequest) -> Answer:
        profiles = [load_profile(name) for name in request.profiles]
        left_s = (request.expires_at - self._business.clock.now()).total_seconds()
        if request.kind is FieldKind.SCAN:
            return await self._scan(request, profiles, max(0.0, left_s - ANSWER_BEFORE_S))
        if request.kind is FieldKind.SET:
            settings = MeterSettings(self._bus, request.first_unit, profiles[0])
            return Answer(settings=(await self._set(request, settings, left_s),))
        try:
            async with asyncio.timeout(max(0.0, left_s)):
                if request.kind is FieldKind.SETTINGS:
                    return Answer(settings=await MeterSettings(self._bus, request.first_unit, profiles[0]).read())
                seen = await self._look(request.first_unit, profiles[0])
                if request.kind is FieldKind.COMMISSION:
                    seen = await self._commission(request.first_unit, profiles[0], seen)
        except TimeoutError:
            raise TryAgain("try_again.field_unanswered") from None
        return Answer(seen=(seen,), through=request.first_unit)

    # A scan.

    async def _scan(self, request: FieldRequest, profiles: list[Profile], within_s: float) -> Answer:
        """Address after address, as far as the time goes; the answer says how far that was."""
        seen: list[Seen] = []
        through = request.first_unit - 1
        try:
            async with asyncio.timeout(within_s):
                for unit in range(request.first_unit, request.last_unit + 1):
                    seen += await self._who(unit, profiles)
                    through = unit
        except TimeoutError:
            if through < request.first_unit:
                raise TryAgain("try_again.field_unanswered") from None
        return Answer(seen=tuple(seen), through=through)

    async def _who(self, unit: int, profiles: list[Profile]) -> list[Seen]:
        """Every model as which the device passes, or else that something answers; none where nothing does."""
        found: list[Seen] = []
        here = False
        for profile in profiles:
            try:
                seen = await self._look(unit, profile, priority=Priority.SCAN)
            except NoReply:
                # Of a meter that answers, one of another model may leave out a read; silence at first is silence.
                if here:
                    continue
                break
            except ExceptionReply as said:
                if said.from_gateway:
                    break
                here = True
                continue
            here = True
            found += [] if seen.failed else [seen]
        return found or ([Seen(unit=unit, profile="", failed=(NO_MODEL,))] if here else [])

    # Settings.

    async def _set(self, request: FieldRequest, settings: MeterSettings, left_s: float) -> Setting:
        """Only to the device that is bound, and as its model says; the write itself is within no timeout of ours."""
        try:
            async with asyncio.timeout(max(0.0, left_s - ANSWER_BEFORE_S)):
                seen = await self._look(request.first_unit, settings.profile)
                now = check_setting(await settings.read(request.setting), request.setting, request.value)
        except TimeoutError:
            raise TryAgain("try_again.field_unanswered") from None
        if request.serial and seen.serial not in (None, request.serial):
            raise Refused("refused.commission_other_device", bound=request.serial, here=seen.serial)
        if seen.failed:
            raise Refused("refused.commission_checks", failed=", ".join(seen.failed))
        if now.value == request.value:
            return now
        ends_in_s = (request.expires_at - self._business.clock.now()).total_seconds() - ANSWER_BEFORE_S
        return await settings.write(request.setting, request.value, within_s=ends_in_s, last_look=self._still_ours)

    # One meter.

    async def _look(self, unit: int, profile: Profile, *, priority: Priority = Priority.ON_DEMAND) -> Seen:
        """One poll, with the device's own number and what its relay or valve does."""
        serial = None
        if profile.identity is not None:
            serial = profile.identity.serial_in(await self._bus.read(unit, profile.identity.request, priority=priority))
        replies = [await self._bus.read(unit, read.request, priority=priority) for read in profile.reads]
        values = profile.understand(replies, unit)
        relay_on = values.relay_on
        if profile.switch is not None and not profile.relay_in_poll:
            back = profile.switch.read_back
            relay_on = back.state_in(await self._bus.read(unit, back.request, priority=priority))
        failed = profile.first_look_fails(replies, unit)
        if profile.identity is not None and serial is None:
            failed = (*failed, NO_SERIAL)
        return Seen(
            unit=unit,
            profile=profile.name,
            serial=serial or values.serial,
            relay_on=relay_on,
            switches=profile.switch is not None,
            figures={str(name): value for name, value in values.measured.items()},
            failed=failed,
        )

    async def _commission(self, unit: int, profile: Profile, first: Seen) -> Seen:
        """Settings on which bills hang, and a second look: energy does not fall, and the same device answers."""
        wrong = [
            setting.name
            for setting in profile.commissioning
            if not setting.passes(setting.value_in(await self._bus.read(unit, setting.request)))
        ]
        second = await self._look(unit, profile)
        if second.figures.get(profile.billed, -1) < first.figures.get(profile.billed, 0):
            wrong.append(ENERGY_FELL)
        if second.serial != first.serial:
            wrong.append(NO_SERIAL)
        return replace(second, failed=tuple(dict.fromkeys((*first.failed, *second.failed, *wrong))))
