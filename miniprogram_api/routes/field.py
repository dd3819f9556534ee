"""Buses as staff ask them: read now, commission, scan, settings. The answer waits for the device, as in chat.

Nobody answering is a 503: nothing has changed. Only of a setting that may have been written it is a 504 (S4, S5).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from miniprogram_api.contract import Ask, Route
from miniprogram_api.models.field import (
    ScannedOut,
    ScanWish,
    SeenListOut,
    SettingOut,
    SettingsOut,
    SetWish,
    seen_out,
    setting_out,
)
from miniprogram_api.routes.declared import staff_write
from prepaid.domain.field_requests import Seen
from prepaid.usecases.ask_field import read_settings, set_meter
from prepaid.usecases.field_of_account import commission_account, read_account, scan_named

MORE_S: Final = 25.0
"""Beyond what others may take: two questions of a bus that is busy."""


async def _read(ask: Ask) -> SeenListOut:
    return _listed(await read_account(ask.business, ask.actor, ask.path["account_id"]))


async def _commission(ask: Ask) -> SeenListOut:
    return _listed(await commission_account(ask.business, ask.actor, ask.path["account_id"]))


def _listed(found: Sequence[tuple[str, Seen]]) -> SeenListOut:
    return SeenListOut(meters=[seen_out(seen, meter_id) for meter_id, seen in found])


async def _scan(ask: Ask) -> ScannedOut:
    wish = ask.body(ScanWish)
    found = await scan_named(ask.business, ask.actor, ask.path["gateway_id"], first=wish.first, last=wish.last)
    return ScannedOut(devices=[seen_out(each) for each in found.seen], through=found.through)


async def _settings(ask: Ask) -> SettingsOut:
    found = await read_settings(ask.business, ask.actor, ask.path["meter_id"])
    return SettingsOut(settings=[setting_out(each) for each in found])


async def _set(ask: Ask) -> SettingOut:
    value = ask.body(SetWish).value
    return setting_out(await set_meter(ask.business, ask.actor, ask.path["meter_id"], ask.path["setting"], value))


ROUTES = (
    staff_write(
        "accounts/{account_id}/readings",
        "readNow",
        "Read the account's meters at this moment; nothing is billed by it",
        _read,
        SeenListOut,
        waits_s=MORE_S,
    ),
    staff_write(
        "accounts/{account_id}/commissioning",
        "commission",
        "Run the model's checks on the account's meters, and bind their serial numbers",
        _commission,
        SeenListOut,
        waits_s=MORE_S,
    ),
    staff_write(
        "gateways/{gateway_id}/scan",
        "scanGateway",
        "See which devices answer on a gateway's bus",
        _scan,
        ScannedOut,
        body=ScanWish,
        waits_s=MORE_S,
    ),
    Route(
        method="GET",
        path="/admin/meters/{meter_id}/settings",
        name="getSettings",
        summary="Every setting that the meter's model names, as the device says it now",
        tag="staff",
        handle=_settings,
        answers=SettingsOut,
        waits_s=MORE_S,
    ),
    staff_write(
        "meters/{meter_id}/settings/{setting}",
        "setSetting",
        "Write one setting once; the answer is what the device says afterwards",
        _set,
        SettingOut,
        body=SetWish,
        method="PUT",
        waits_s=MORE_S,
    ),
)
