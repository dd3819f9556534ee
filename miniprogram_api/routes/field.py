"""Buses as staff ask them: read now, commission, scan, settings.

Whoever asks is answered with what the device says if it says it soon. Else the question goes on, and the answer is 202
with the place to look at. Nobody answering is a 503: nothing has changed. Only of a setting that may have been written
it is a 504 (S4, S5).
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from miniprogram_api.contract import ROOT, Ask, Route
from miniprogram_api.later import trouble_of
from miniprogram_api.models.field import (
    FieldProgressOut,
    FollowFieldWish,
    ScannedOut,
    ScanWish,
    SeenListOut,
    SettingOut,
    SettingsOut,
    SetWish,
    result_of,
    seen_out,
    setting_out,
)
from miniprogram_api.problems import problem_of
from miniprogram_api.routes.declared import staff_read, staff_write
from prepaid.domain.field_requests import Seen
from prepaid.usecases.ask_field import read_settings, set_meter
from prepaid.usecases.asked_work import AskedWork, look_at_asked
from prepaid.usecases.field_of_account import commission_account, read_account, scan_named

PLACE = "/admin/field-requests"
FOLLOW_S = 30.0
M = TypeVar("M", bound=BaseModel)


async def _soon(ask: Ask, work: Coroutine[Any, Any, M]) -> M | FieldProgressOut:
    """What the device said, or where to look for it."""
    found = await ask.parts.later.soon(ask.business, ask.actor, work)
    return _waiting(found.id) if isinstance(found, AskedWork) else found


def _waiting(request_id: str) -> FieldProgressOut:
    return FieldProgressOut(request_id=request_id, url=f"{ROOT}{PLACE}/{request_id}", state="waiting")


async def _read(ask: Ask) -> BaseModel:
    async def work() -> SeenListOut:
        return _listed(await read_account(ask.business, ask.actor, ask.path["account_id"]))

    return await _soon(ask, work())


async def _commission(ask: Ask) -> BaseModel:
    async def work() -> SeenListOut:
        return _listed(await commission_account(ask.business, ask.actor, ask.path["account_id"]))

    return await _soon(ask, work())


def _listed(found: Sequence[tuple[str, Seen]]) -> SeenListOut:
    return SeenListOut(meters=[seen_out(seen, meter_id) for meter_id, seen in found])


async def _scan(ask: Ask) -> BaseModel:
    wish = ask.body(ScanWish)

    async def work() -> ScannedOut:
        found = await scan_named(ask.business, ask.actor, ask.path["gateway_id"], first=wish.first, last=wish.last)
        return ScannedOut(devices=[seen_out(each) for each in found.seen], through=found.through)

    return await _soon(ask, work())


async def _settings(ask: Ask) -> BaseModel:
    async def work() -> SettingsOut:
        found = await read_settings(ask.business, ask.actor, ask.path["meter_id"])
        return SettingsOut(settings=[setting_out(each) for each in found])

    return await _soon(ask, work())


async def _set(ask: Ask) -> BaseModel:
    value = ask.body(SetWish).value

    async def work() -> SettingOut:
        meter_id, name = ask.path["meter_id"], ask.path["setting"]
        return setting_out(await set_meter(ask.business, ask.actor, meter_id, name, value))

    return await _soon(ask, work())


async def _follow(ask: Ask) -> FieldProgressOut:
    request_id, wait_s = ask.path["request_id"], ask.query(FollowFieldWish).wait_s
    row = await look_at_asked(ask.business, ask.actor, request_id, wait_s=wait_s, stopping=ask.parts.stopping)
    waiting = _waiting(request_id)
    if not row.status:
        return waiting
    trouble = trouble_of(row.status, row.body)
    if trouble is None:
        return waiting.model_copy(update={"state": "done", "result": result_of(row.body)})
    problem = problem_of(ask.parts.words, ask.language, trouble, f"urn:chatwatt:request:{request_id}")
    return waiting.model_copy(update={"state": "failed", "problem": problem})


ROUTES = (
    staff_write(
        "accounts/{account_id}/readings",
        "readNow",
        "Read the account's meters at this moment; nothing is billed by it",
        _read,
        SeenListOut,
        later=FieldProgressOut,
    ),
    staff_write(
        "accounts/{account_id}/commissioning",
        "commission",
        "Run the model's checks on the account's meters, and bind their serial numbers",
        _commission,
        SeenListOut,
        later=FieldProgressOut,
    ),
    staff_write(
        "gateways/{gateway_id}/scan",
        "scanGateway",
        "See which devices answer on a gateway's bus",
        _scan,
        ScannedOut,
        body=ScanWish,
        later=FieldProgressOut,
    ),
    Route(
        method="GET",
        path="/admin/meters/{meter_id}/settings",
        name="getSettings",
        summary="Every setting that the meter's model names, as the device says it now",
        tag="staff",
        handle=_settings,
        answers=SettingsOut,
        later=FieldProgressOut,
    ),
    staff_write(
        "meters/{meter_id}/settings/{setting}",
        "setSetting",
        "Write one setting once; the answer is what the device says afterwards",
        _set,
        SettingOut,
        body=SetWish,
        method="PUT",
        later=FieldProgressOut,
    ),
    staff_read(
        "field-requests/{request_id}",
        "followFieldRequest",
        "What came of a question that took longer; waits for it if asked to",
        _follow,
        FieldProgressOut,
        query=FollowFieldWish,
        waits_s=FOLLOW_S,
    ),
)
