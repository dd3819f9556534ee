"""The same questions as staff ask them in a chat: for all meters of one room, and of a bus by its name as typed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from prepaid.domain.access import Action, Actor
from prepaid.domain.errors import Refused
from prepaid.domain.field_requests import Seen, Setting
from prepaid.domain.metering import Meter
from prepaid.ports import Business
from prepaid.usecases.ask_field import Scanned, commission_meter, read_meter, read_settings, scan_gateway
from prepaid.usecases.authorize import reach_account

CHAT_SCAN_WITHIN_S = 18.0
"""Whoever asks in a chat waits for the answer; a scan that is not through by then says how far it came."""
CHAT_METER_WITHIN_S = 10.0


async def scan_named(business: Business, actor: Actor, named: str, *, first: int, last: int) -> Scanned:
    """A scan of the gateway of that name, however it is written, for the models that hang there."""
    wanted = named.casefold()
    ids = [gateway.id for gateway in await business.store.sites.gateways() if gateway.id.casefold() == wanted]
    gateway_id = ids[0] if len(ids) == 1 else named
    return await scan_gateway(
        business, actor, gateway_id, first=first, last=last, profiles=(), within_s=CHAT_SCAN_WITHIN_S
    )


async def read_account(business: Business, actor: Actor, account_id: str) -> Sequence[tuple[str, Seen]]:
    """Each meter's id and what it says now."""
    meters = await _meters(business, actor, account_id, Action.SEE_SITE)
    seen = await asyncio.gather(
        *(read_meter(business, actor, meter.id, within_s=CHAT_METER_WITHIN_S) for meter in meters)
    )
    return [(meter.id, each) for meter, each in zip(meters, seen, strict=True)]


async def settings_of_account(
    business: Business, actor: Actor, account_id: str
) -> Sequence[tuple[str, Sequence[Setting]]]:
    """Each meter's id and its settings as the device says them now."""
    meters = await _meters(business, actor, account_id, Action.SEE_SITE)
    found = await asyncio.gather(
        *(read_settings(business, actor, meter.id, within_s=CHAT_METER_WITHIN_S) for meter in meters)
    )
    return [(meter.id, each) for meter, each in zip(meters, found, strict=True)]


async def commission_account(business: Business, actor: Actor, account_id: str) -> Sequence[tuple[str, Seen]]:
    """Commissions each meter; the first that does not pass ends it, those before it stay commissioned."""
    meters = await _meters(business, actor, account_id, Action.ASSIGN_METER)
    return [
        (meter.id, await commission_meter(business, actor, meter.id, within_s=CHAT_METER_WITHIN_S)) for meter in meters
    ]


async def _meters(business: Business, actor: Actor, account_id: str, action: Action) -> Sequence[Meter]:
    account = await reach_account(business, actor, account_id, action)
    meters = await business.store.meters.of_account(account.id)
    if not meters:
        raise Refused("refused.account_without_meter")
    return meters
