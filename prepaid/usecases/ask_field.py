"""Staff ask a bus: read a meter now, look who is there, commission, read and write settings.

The owner of the bus answers, or time is up. Only of a write it is then not known whether it was done.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from prepaid.domain.access import Action, Actor
from prepaid.domain.errors import Refused, TryAgain, Unknown, not_found
from prepaid.domain.field_requests import (
    FieldKind,
    FieldRequest,
    Seen,
    Setting,
    answered,
    check_scan,
    check_setting,
    places_for,
)
from prepaid.domain.metering import Meter
from prepaid.ports import Business, Waiter, topic_field, topic_gateway
from prepaid.usecases.authorize import intent, reach_place, record
from prepaid.usecases.reach_meter import reach_meter

READ_WITHIN_S = 15.0
SCAN_WITHIN_S = 180.0
LOOK_EVERY_S = 1.0
OTHER_DEVICE = "serial"
"""Among the failed checks: another device answers than the one that is bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """What answers, and the last address that was asked: on a full bus the time may end before the addresses do."""

    seen: tuple[Seen, ...]
    through: int


async def read_meter(business: Business, actor: Actor, meter_id: str, *, within_s: float = READ_WITHIN_S) -> Seen:
    """All figures of a meter as they are now; nothing is billed by them. Raises `TryAgain` when nobody answers."""
    meter = await reach_meter(business, actor, meter_id, Action.SEE_SITE)
    await record(business, actor, "read_meter", f"{meter.path}/{meter.id}")
    seen = (await _ask_meter(business, actor, meter, FieldKind.READ, within_s)).seen[0]
    other = meter.serial is not None and seen.serial not in (None, meter.serial)
    return replace(seen, failed=(*seen.failed, OTHER_DEVICE)) if other else seen


async def scan_gateway(
    business: Business,
    actor: Actor,
    gateway_id: str,
    *,
    first: int,
    last: int,
    profiles: tuple[str, ...],
    within_s: float = SCAN_WITHIN_S,
) -> Scanned:
    """Which devices answer at these addresses, and as which of these models. Without models: those that hang there."""
    gateway = await business.store.sites.gateway(gateway_id)
    site = None if gateway is None else await business.store.sites.site(gateway.site_id)
    if gateway is None or site is None:
        await record(business, actor, "scan_gateway", gateway_id, refused="refused.not_found")
        raise not_found()
    await reach_place(business, actor, site.path, Action.ASSIGN_METER, named=gateway_id)
    known = sorted({meter.profile for meter in await business.store.meters.on_gateway(gateway.id)})
    models = profiles or tuple(known)
    check_scan(first, last, models)
    await record(business, actor, "scan_gateway", f"{site.path}/{gateway.id}", after=f"{first}-{last}")
    now = business.clock.now()
    request = FieldRequest(
        id=gateway.id,
        number=secrets.token_hex(12),
        gateway_id=gateway.id,
        kind=FieldKind.SCAN,
        asked_by=actor.id,
        asked_at=now,
        expires_at=now + timedelta(seconds=within_s),
        first_unit=first,
        last_unit=last,
        profiles=models,
    )
    row = await _ask(business, request, within_s)
    return Scanned(seen=row.seen, through=row.through)


async def commission_meter(business: Business, actor: Actor, meter_id: str, *, within_s: float = READ_WITHIN_S) -> Seen:
    """Runs the model's checks on the device and, if all pass, binds its serial number and what it can do (S11).

    Raises `Refused` when a check fails, or when another device answers than the one that is bound: that is a
    replacement, which goes on from two registers.
    """
    meter = await reach_meter(business, actor, meter_id, Action.ASSIGN_METER)
    seen = (await _ask_meter(business, actor, meter, FieldKind.COMMISSION, within_s)).seen[0]
    before, after = meter.serial or "", seen.serial or ""
    async with intent(business, actor, "commission_meter", f"{meter.path}/{meter.id}", before=before, after=after):
        if meter.serial and seen.serial and meter.serial != seen.serial:
            raise Refused("refused.commission_other_device", bound=meter.serial, here=seen.serial)
        if seen.failed:
            raise Refused("refused.commission_checks", failed=", ".join(seen.failed))
        # It only takes away what the model cannot do: a meter that somebody set not to be switched stays so.
        has_relay = meter.has_relay and (seen.switches or bool(meter.board))
        if not await business.store.meters.commission(meter, seen.serial or meter.serial, has_relay=has_relay):
            raise TryAgain("try_again.changed_meanwhile")
    await business.wakeups.wake(topic_gateway(meter.gateway_id))
    return seen


async def read_settings(
    business: Business, actor: Actor, meter_id: str, *, within_s: float = READ_WITHIN_S
) -> tuple[Setting, ...]:
    """Every setting that the meter's model names, as the device says it now."""
    meter = await reach_meter(business, actor, meter_id, Action.SEE_SITE)
    await record(business, actor, "read_settings", f"{meter.path}/{meter.id}")
    return (await _ask_meter(business, actor, meter, FieldKind.SETTINGS, within_s)).settings


async def set_meter(
    business: Business, actor: Actor, meter_id: str, name: str, value: int, *, within_s: float = READ_WITHIN_S
) -> Setting:
    """Writes one setting once and gives what the device says afterwards, which is `value` (S4, S5, S11, A3).

    Raises `Refused` for a setting that is not there, is read only, or has another range; `TryAgain` when nothing was
    written; `Unknown` when it may have been: whoever asks looks at the settings before trying again.
    """
    meter = await reach_meter(business, actor, meter_id, Action.SET_METER)
    known = (await _ask_meter(business, actor, meter, FieldKind.SETTINGS, within_s)).settings
    now = next((f"{name}={setting.value}" for setting in known if setting.name == name), "")
    subject, after = f"{meter.path}/{meter.id}", f"{name}={value}"
    async with intent(business, actor, "set_meter", subject, before=now, after=after):
        check_setting(known, name, value)
        wish = {"setting": name, "value": value, "serial": meter.serial or ""}
        return (await _ask_meter(business, actor, meter, FieldKind.SET, within_s, **wish)).settings[0]


async def _ask_meter(
    business: Business, actor: Actor, meter: Meter, kind: FieldKind, within_s: float, **more: Any
) -> FieldRequest:
    now = business.clock.now()
    request = FieldRequest(
        id=meter.gateway_id,
        number=secrets.token_hex(12),
        gateway_id=meter.gateway_id,
        kind=kind,
        asked_by=actor.id,
        asked_at=now,
        expires_at=now + timedelta(seconds=within_s),
        meter_id=meter.id,
        first_unit=meter.unit,
        last_unit=meter.unit,
        profiles=(meter.profile,),
        **more,
    )
    return await _ask(business, request, within_s)


async def _ask(business: Business, wish: FieldRequest, within_s: float) -> FieldRequest:
    """Puts the row, wakes the owner, waits for its answer and frees the place. Wall clocks may jump; this wait ends."""
    async with business.wakeups.waiter(topic_field(wish.number)) as waiter:
        request = await _placed(business, wish)
        try:
            await business.wakeups.wake(topic_gateway(wish.gateway_id))
            async with asyncio.timeout(within_s):
                return await _answer(business, request, waiter)
        except TimeoutError:
            if wish.kind is FieldKind.SET and not await business.store.field_requests.retract(request):
                raise Unknown("unknown.setting", name=wish.setting) from None
            raise TryAgain("try_again.field_unanswered") from None
        finally:
            await business.store.field_requests.withdraw(request, business.clock.now())


async def _answer(business: Business, request: FieldRequest, waiter: Waiter) -> FieldRequest:
    while True:
        await waiter.wait(LOOK_EVERY_S)
        row = await business.store.field_requests.get(request)
        if row is None:
            if request.kind is FieldKind.SET:
                raise Unknown("unknown.setting", name=request.setting)
            raise TryAgain("try_again.field_unanswered")
        if answered(row):
            return row


async def _placed(business: Business, wish: FieldRequest) -> FieldRequest:
    for place in places_for(wish.kind):
        request = replace(wish, id=f"{wish.gateway_id}:{place}")
        if await business.store.field_requests.put(request, business.clock.now()):
            return request
    raise TryAgain("try_again.field_busy")
