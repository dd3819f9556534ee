"""Rooms, their meters and registers: found, opened, joined, replaced, judged, as in chat (A5, M11, S10)."""

from __future__ import annotations

from miniprogram_api.contract import Ask
from miniprogram_api.models.estate import (
    AssignedOut,
    AssignWish,
    CodeOut,
    DecideWish,
    FindWish,
    HeldListOut,
    HeldOneOut,
    HeldOut,
    OpenWish,
    RegisterChangeOut,
    ReplaceWish,
    RoomOut,
    SilentOut,
    assigned_out,
    change_out,
    held_out,
    room_out,
    silent_out,
)
from miniprogram_api.routes.declared import staff_read, staff_write
from prepaid.domain.people import CODE_TTL_S
from prepaid.domain.registers import Decision, HeldReading
from prepaid.usecases.assign_meter import assign_meter
from prepaid.usecases.decide_held_reading import decide_held_reading, held_reading, held_readings
from prepaid.usecases.field_state import silent_devices
from prepaid.usecases.find_account import find_account
from prepaid.usecases.issue_bind_code import issue_bind_code
from prepaid.usecases.open_account import open_account
from prepaid.usecases.replace_meter import NewDevice, replace_meter


async def _find(ask: Ask) -> RoomOut:
    return room_out(await find_account(ask.business, ask.actor, ask.query(FindWish).text))


async def _code(ask: Ask) -> CodeOut:
    return CodeOut(code=await issue_bind_code(ask.business, ask.actor, ask.path["account_id"]), valid_s=CODE_TTL_S)


async def _open(ask: Ask) -> RoomOut:
    wish = ask.body(OpenWish)
    account = await open_account(
        ask.business,
        ask.actor,
        ask.path["site_id"],
        path=wish.path,
        label=wish.label,
        key=wish.key,
        meters=wish.meters,
    )
    return room_out(account)


async def _assign(ask: Ask) -> AssignedOut:
    account_id = ask.body(AssignWish).account_id
    return assigned_out(await assign_meter(ask.business, ask.actor, ask.path["meter_id"], account_id))


async def _replace(ask: Ask) -> RegisterChangeOut:
    wish = ask.body(ReplaceWish)
    device = NewDevice(serial=wish.serial, first_wh=wish.first_wh, profile=wish.profile, wraps_wh=wish.wraps_wh)
    changed = await replace_meter(
        ask.business, ask.actor, ask.path["meter_id"], device, wish.why, final_wh=wish.final_wh
    )
    return change_out(changed)


async def _silent(ask: Ask) -> SilentOut:
    return SilentOut(silent=[silent_out(each) for each in await silent_devices(ask.business, ask.actor)])


async def _held(ask: Ask) -> HeldListOut:
    return HeldListOut(held=[_case(ask, each) for each in await held_readings(ask.business, ask.actor)])


async def _held_one(ask: Ask) -> HeldOneOut:
    case, meter = await held_reading(ask.business, ask.actor, ask.path["meter_id"])
    return HeldOneOut(held=_case(ask, case), bound_serial=meter.serial, wraps_wh=meter.register_wraps_wh)


async def _decide(ask: Ask) -> RegisterChangeOut:
    wish = ask.body(DecideWish)
    changed = await decide_held_reading(
        ask.business,
        ask.actor,
        ask.path["meter_id"],
        Decision(wish.decision),
        wish.why,
        wraps_wh=wish.wraps_wh,
    )
    return change_out(changed)


def _case(ask: Ask, case: HeldReading) -> HeldOut:
    return held_out(case, ask.parts.words.text(ask.language, case.doubt))


ROUTES = (
    staff_read(
        "find",
        "findAccount",
        "The account that is meant by a room's number, label or place",
        _find,
        RoomOut,
        query=FindWish,
    ),
    staff_write(
        "accounts/{account_id}/bind-code",
        "issueBindCode",
        "A one-time code by which one person binds themselves to the account",
        _code,
        CodeOut,
        keeps_reply=False,
    ),
    staff_write(
        "sites/{site_id}/accounts",
        "openAccount",
        "Open an account, once for each key",
        _open,
        RoomOut,
        body=OpenWish,
    ),
    staff_write(
        "meters/{meter_id}/account",
        "assignMeter",
        "Let an account pay for what the meter counts",
        _assign,
        AssignedOut,
        body=AssignWish,
        method="PUT",
    ),
    staff_write(
        "meters/{meter_id}/replacement",
        "replaceMeter",
        "Go on with another device, from the old one's final register",
        _replace,
        RegisterChangeOut,
        body=ReplaceWish,
        money=True,
    ),
    staff_read("silent", "listSilent", "Gateways and meters that do not answer", _silent, SilentOut),
    staff_read("held-readings", "listHeldReadings", "Doubtful readings that wait for a decision", _held, HeldListOut),
    staff_read(
        "meters/{meter_id}/held-reading",
        "getHeldReading",
        "One such case, with all that is needed to decide",
        _held_one,
        HeldOneOut,
    ),
    staff_write(
        "meters/{meter_id}/held-reading/decision",
        "decideHeldReading",
        "Say what happened to the register",
        _decide,
        RegisterChangeOut,
        body=DecideWish,
        money=True,
    ),
)
