"""Reversals, meters and cuts by two on the stage: the top-up of room 101 can be reversed, nothing of 102."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.conversations.topics.by_two import BulkCut, FindRooms, ForceCut
from bot.conversations.topics.mend import AssignMeter, ListReversible, LookAtEntry, ReverseEntry
from prepaid.domain.accounts import Account
from prepaid.domain.approvals import Effect
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.ledger import Entry, Kind
from prepaid.domain.metering import Meter
from tests.fakes.rehearsed.approvals import CUT, approval
from tests.fakes.rights import COUNTS, OPERATES, SEES, right


def _entries(stage: Any, user: str, effect: ListReversible) -> tuple[Entry, ...]:
    del user
    newest: Entry = stage.history("a101")[0]
    return (newest,) if effect.account_id == "a101" else ()


def _look(stage: Any, user: str, effect: LookAtEntry) -> tuple[Account, Entry]:
    del user
    newest: Entry = stage.history("a101")[0]
    account = Account(id="a101", site_id="maple", path="acme/maple/101", label="101")
    return account, replace(newest, seq=effect.seq)


def _reverse(stage: Any, user: str, effect: ReverseEntry) -> Entry:
    del user
    if effect.seq > 2:
        raise Refused("refused.reversed_already")
    newest: Entry = stage.history("a101")[0]
    return replace(newest, kind=Kind.REVERSAL, delta_micro=-newest.delta_micro, balance_micro=46_910_400)


def _assign(stage: Any, user: str, effect: AssignMeter) -> Meter:
    del stage, user
    if effect.meter_id == "m-taken":
        raise Refused("refused.meter_taken")
    return Meter(
        id=effect.meter_id,
        site_id="maple",
        path="acme/maple/101",
        gateway_id="gw-1",
        unit=1,
        profile="test",
        serial="1",
    )


def _rooms(stage: Any, user: str, effect: FindRooms) -> tuple[Account, ...]:
    del user
    ids = {room.label: account_id for account_id, room in stage.rooms.items()}
    if not set(effect.rooms.split()) <= set(ids):
        raise not_found()
    return tuple(
        Account(id=ids[label], site_id="maple", path=f"acme/maple/{label}", label=label)
        for label in effect.rooms.split()
    )


ANSWERS = {
    ListReversible: _entries,
    LookAtEntry: _look,
    ReverseEntry: _reverse,
    AssignMeter: _assign,
    FindRooms: _rooms,
    ForceCut: lambda stage, _, __: approval(stage, "2222333344445555", Effect.FORCE_CUT, CUT, "p3"),
    BulkCut: lambda stage, _, __: approval(stage, "3333444455556666", Effect.BULK_CUT, CUT, "p3"),
}
SCRIPTS = {
    "reverse": (
        ("admin", "冲正 102"),
        ("admin", "冲正 101"),
        ("admin", "/reverse entry:2:a101"),
        ("admin", "录入错误"),
        ("admin", "是"),
        ("admin", "/reverse entry:9:a101"),
        ("admin", "again"),
        ("admin", "是"),
    ),
    "assign": (
        ("admin", "分配电表给 101"),
        ("admin", "met 7, left"),
        ("admin", "met-7"),
        ("admin", "是"),
        ("admin", "assign meter to 102"),
        ("admin", "m-taken"),
        ("admin", "是"),
    ),
    "forcecut": (("admin", "强制断电 101"), ("admin", "漏电"), ("admin", "是"), ("anna", "/forcecut 101")),
    "bulkcut": (
        ("admin", "批量断电 101、102"),
        ("admin", "拆迁"),
        ("admin", "是"),
        ("admin", "/bulkcut"),
        ("admin", "101 999"),
        ("admin", "bulk cut " + " ".join(str(room) for room in range(1, 31))),
    ),
}
RIGHTS = (
    right("reverse", lambda on: ListReversible(account_id=on.account_id, label=""), COUNTS),
    right("reverse", lambda on: LookAtEntry(account_id=on.account_id, seq=on.entry_seq), COUNTS),
    right("reverse", lambda on: ReverseEntry(account_id=on.account_id, seq=on.entry_seq, why="x"), COUNTS),
    right("assign", lambda on: AssignMeter(account_id=on.account_id, label="", meter_id=on.meter_id), OPERATES),
    right("forcecut", lambda on: ForceCut(account_id=on.account_id, why="x"), OPERATES),
    right("bulkcut", lambda on: FindRooms(rooms=on.account_id), SEES),
    right("bulkcut", lambda on: BulkCut(account_ids=(on.account_id,), why="x"), OPERATES),
)
