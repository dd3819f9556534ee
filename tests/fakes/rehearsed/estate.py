"""Tenancies, devices and roles on the stage: a room is opened, one is left; a gateway and a meter are silent."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.conversations.topics.devices import MetersOfRoom, ReplaceMeter, ShowSilent
from bot.conversations.topics.roles import InviteStaff, ListStaff, PickRole, RevokeRole, Roles
from bot.conversations.topics.tenancy import MoveOut, OpenAccount, WaiveAgreement
from prepaid.domain.access import Grant, Role
from prepaid.domain.accounts import Account
from prepaid.domain.closing import Closing, Step
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.metering import Meter
from prepaid.domain.people import Person
from prepaid.domain.registers import Decision, RegisterChange
from prepaid.usecases.field_state import Silent
from prepaid.usecases.list_staff import Holder
from prepaid.usecases.name_people import As, Named
from tests.fakes.rights import MANAGES, OPERATES, STAFF, Subject, Who, free, right


def _open(stage: Any, user: str, effect: OpenAccount) -> Account:
    del stage, user
    if effect.path.endswith("/999"):
        raise not_found()
    return Account(id="a0123456789abcdef", site_id=effect.site_id, path=effect.path, label=effect.label)


def _move_out(stage: Any, user: str, effect: MoveOut | WaiveAgreement) -> Closing:
    del user
    return Closing(
        id=effect.account_id,
        site_id="maple",
        path="acme/maple/101",
        asked_by="p3",
        asked_at=stage.now,
        reason=effect.why,
        step=Step.SETTLING,
        waits_for="closing.reading_old",
    )


def _silent(stage: Any, user: str, effect: ShowSilent) -> tuple[Silent, ...]:
    del user, effect
    zone, since = "Asia/Shanghai", stage.now - timedelta(hours=2)
    gateway = Silent(gateway_id="gw-1", meter_id="", place="", since=since, meters=14, time_zone=zone)
    return (gateway, replace(gateway, gateway_id="gw-2", meter_id="m-a102", place="102", meters=1))


def _meters(stage: Any, user: str, effect: MetersOfRoom) -> tuple[Meter, ...]:
    del stage, user
    one = Meter(
        id=f"m-{effect.account_id}", site_id="maple", path="acme/maple/101", gateway_id="gw-1", unit=1, profile="test"
    )
    return (one,) if effect.account_id == "a101" else (one, replace(one, id="w-a102", serial="77"))


def _replace(stage: Any, user: str, effect: ReplaceMeter) -> RegisterChange:
    del user
    if 0 <= effect.final_wh < 1000:
        raise Refused("refused.final_register")
    return RegisterChange(
        meter_id=effect.meter_id,
        epoch=1,
        decision=Decision.REPLACEMENT,
        at=stage.now,
        actor="p3",
        reason=effect.why,
        case_id=None,
        before_offset_wh=0,
        offset_wh=0,
        exponent=0,
        last=None,
    )


def _staff(stage: Any, user: str, effect: ListStaff | PickRole) -> Roles:
    del stage, user
    holders: tuple[Holder, ...] = (
        Holder(person_id="p3", grant=Grant(Role.OPERATOR, "acme"), place="acme"),
        Holder(person_id="p8", grant=Grant(Role.VIEWER, "acme/maple"), place="枫丹苑"),
        Holder(person_id="p8", grant=Grant(Role.FINANCE, "acme/maple/b1"), place="枫丹苑 b1"),
        Holder(person_id="p9", grant=Grant(Role.VIEWER, "acme/maple"), is_group=True, place="枫丹苑"),
    )
    names = {
        "p3": Named(known_as=As.YOU, mark="7c1d", role=Role.OPERATOR, place="acme"),
        "p8": Named(known_as=As.STAFF, mark="0a8f", role=Role.FINANCE, place="枫丹苑 b1"),
        "p9": Named(known_as=As.GROUP, mark="33e0", role=Role.VIEWER, place="枫丹苑"),
    }
    if isinstance(effect, PickRole):
        holders = tuple(each for each in holders if each.person_id == effect.person_id)
        if not holders:
            raise not_found()
    return Roles(holders=holders, names=names)


def _revoke(stage: Any, user: str, effect: RevokeRole) -> Person:
    del stage, user
    if effect.person_id != "p8":
        raise not_found()
    return Person(id="p8")


ANSWERS = {
    OpenAccount: _open,
    MoveOut: _move_out,
    WaiveAgreement: _move_out,
    ShowSilent: _silent,
    MetersOfRoom: _meters,
    ReplaceMeter: _replace,
    ListStaff: _staff,
    PickRole: _staff,
    InviteStaff: lambda _, __, ___: "7KQ2M9XB",
    RevokeRole: _revoke,
}
SCRIPTS = {
    "open": (
        ("admin", "/open 枫丹苑"),
        ("admin", "一号楼 101"),
        ("admin", "b1/103"),
        ("admin", "103 室"),
        ("admin", "met-103"),
        ("admin", "是"),
        ("admin", "开户"),
    ),
    "moveout": (("admin", "办理退租 101"), ("admin", "租约到期"), ("admin", "是")),
    "waive": (("admin", "退租放行 101"), ("admin", "已在纸上签字"), ("admin", "是")),
    "down": (("admin", "离线设备"),),
    "replace": (
        ("admin", "换表 101"),
        ("admin", "不清楚"),
        ("admin", "1234.56 kWh"),
        ("admin", "新 表"),
        ("admin", "20260007"),
        ("admin", "0"),
        ("admin", "旧表烧坏"),
        ("admin", "是"),
        ("admin", "换表 102"),
        ("admin", "/replace meter:w-a102"),
        ("admin", "读不出来"),
    ),
    "staff": (("admin", "人员"),),
    "invite": (
        ("admin", "/invite maple"),
        ("admin", "老板"),
        ("admin", "财务"),
        ("admin", "新同事"),
        ("admin", "是"),
    ),
    "revoke": (
        ("admin", "/revoke"),
        ("admin", "/revoke p0"),
        ("admin", "/revoke p8"),
        ("admin", "/revoke p8:1"),
        ("admin", "已离职"),
        ("admin", "是"),
    ),
}


def _opens(on: Subject) -> OpenAccount:
    return OpenAccount(site_id=on.site_id, path=f"acme/{on.site_id}/b9/901", label="901", meter="-", key="matrix")


def _at(on: Subject) -> str:
    return f"acme/{on.site_id}"


RIGHTS = (
    replace(right("open", _opens, OPERATES), at_site=True),
    right("waive", lambda on: WaiveAgreement(account_id=on.account_id, label="", why="test"), MANAGES),
    right("moveout", lambda on: MoveOut(account_id=on.account_id, label="", why="test"), MANAGES),
    free("down", lambda _: ShowSilent(), STAFF),
    right("replace", lambda on: MetersOfRoom(account_id=on.account_id, label=""), OPERATES),
    right(
        "replace",
        lambda on: ReplaceMeter(meter_id=on.meter_id, serial="77", first_wh=0, final_wh=-1, why="test"),
        OPERATES,
    ),
    free("staff", lambda _: ListStaff(), MANAGES),
    replace(right("revoke", lambda on: PickRole(person_id=on.clerk_id), MANAGES), office=True),
    replace(right("invite", lambda on: InviteStaff(role="viewer", scope=_at(on), why="test"), MANAGES), at_site=True),
    replace(
        right(
            "revoke",
            lambda on: RevokeRole(
                person_id=on.clerk_id, role="owner", scope=f"acme/maple/b1/{on.label}", why="the last one stays"
            ),
            {Who.OWNER},
        ),
        office=True,
    ),
)
