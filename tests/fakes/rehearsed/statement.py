"""The bill of November on the stage: one top-up, two hours of use."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.conversations.parts import File, make_file
from bot.conversations.topics.statement import Read, SendStatement, ShowStatement
from bot.rendering.sheets import MEDIA_TYPES
from prepaid.domain.errors import Refused
from prepaid.usecases.show_statement import StatementLine, StatementTotals, StatementView
from tests.fakes.rights import SEES, right

SINCE = datetime(2026, 10, 31, 16, tzinfo=UTC)


async def _nothing() -> Any:
    return
    yield


def _read(stage: Any, account_id: str, month: str) -> Read:
    if month and not re.fullmatch(r"2026-(0\d|1[0-2])|last", month):
        raise Refused("refused.statement_month", text=month)
    at = SINCE + timedelta(days=3)
    lines = (
        StatementLine(1, at, "top_up", 50_000_000, 50_000_000, 0),
        StatementLine(2, at + timedelta(hours=5), "consumption", -528_300, 49_471_700, 1_000),
        StatementLine(3, at + timedelta(days=1), "consumption", -3_089_600, 46_382_100, 4_000),
    )
    totals = StatementTotals(
        entries=3,
        amount_micro=Counter({"top_up": 50_000_000, "consumption": -3_617_900}),
        energy_wh=Counter({"flat": 3_000, "peak": 2_000}),
        exact_nano=Counter({"flat": 1_584_900_000, "peak": 2_033_000_000}),
    )
    view = StatementView(
        account_id=account_id,
        label=stage.rooms[account_id].label,
        currency="CNY",
        site_time_zone="Asia/Shanghai",
        since=SINCE,
        until=stage.now,
        opening_micro=0,
        closing_micro=46_382_100,
        entries=3,
        pages=_nothing(),
        totals=totals,
    )
    return Read(view=view, lines=lines)


def _file(stage: Any, user: str, effect: SendStatement) -> File:
    del stage, user
    name = f"{effect.month}-{effect.account_id}.{effect.form}"
    return make_file(name, MEDIA_TYPES[effect.form], b"\xef\xbb\xbfon stage", "101")


ANSWERS = {ShowStatement: lambda stage, _, e: _read(stage, e.account_id, e.month), SendStatement: _file}
SCRIPTS = {
    "statement": (
        ("anna", "本月账单"),
        ("anna", "/statement 2026-11 csv"),
        ("ben", "monthly bill"),
        ("ben", "statement for 2025-13"),
    )
}
RIGHTS = (
    right("statement", lambda on: ShowStatement(account_id=on.account_id), SEES),
    right("statement", lambda on: SendStatement(account_id=on.account_id, month="2026-10", form="csv"), SEES),
)
