"""Use on the stage: the same load each day, a little less the time before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bot.conversations.topics.load import ShowLoad
from bot.conversations.topics.usage import ShowUsage
from prepaid.domain.load import Load, Odd
from prepaid.usecases.compare_usage import SLOTS, ComparedUsage, Period, Slot
from prepaid.usecases.show_load import OwnLoad
from tests.fakes.rights import SEES, right

STEP = {
    Period.DAY: timedelta(hours=1),
    Period.WEEK: timedelta(days=1),
    Period.MONTH: timedelta(days=1),
    Period.YEAR: timedelta(days=30),
}


def used(stage: Any, account_id: str, period: Period) -> ComparedUsage:
    """What one account of the stage used."""
    count = SLOTS[period]
    loads = [line.energy_wh for line in stage.usage(account_id, 24).hours]
    times = 1 if period is Period.DAY else 300 if period is Period.YEAR else 20
    last = stage.now.replace(minute=0)
    slots = tuple(
        Slot(
            start=last - STEP[period] * (count - 1 - place),
            energy_wh=loads[place % 24] * times,
            amount_micro=loads[place % 24] * times * 528,
            before_wh=loads[(place + 1) % 24] * times * 4 // 5,
        )
        for place in range(count)
    )
    return ComparedUsage(
        account_id=account_id,
        label=stage.rooms[account_id].label,
        site_time_zone="Asia/Shanghai",
        period=period,
        slots=slots,
        known=True,
    )


def at_rest(stage: Any, user: str, account_id: str) -> OwnLoad:
    """A month with a kettle left on in one night; who has both rooms has just moved in."""
    until = stage.now.replace(hour=16, minute=0) - timedelta(days=1)
    new = user == "both"
    odd = Odd(at=until - timedelta(days=9, hours=21), energy_wh=2_350, usual_wh=180)
    return OwnLoad(
        account_id=account_id,
        label=stage.rooms[account_id].label,
        site_time_zone="Asia/Shanghai",
        since=until - timedelta(days=0 if new else 30),
        until=until,
        days=0 if new else 30,
        known_hours=0 if new else 720,
        load=None if new else Load(energy_wh=189_400, base_w=85, night_permille=224, odd=(odd,)),
    )


ANSWERS = {
    ShowUsage: lambda stage, _, e: (used(stage, e.account_id, e.period),),
    ShowLoad: lambda stage, user, e: at_rest(stage, user, e.account_id),
}
SCRIPTS = {
    "usage": (("anna", "今天用电"), ("anna", "本月用电量"), ("ben", "this week's usage"), ("ben", "usage by year")),
    "load": (("anna", "夜里用了多少电"), ("ben", "base load"), ("both", "/use a101"), ("both", "待机用电")),
}
RIGHTS = (
    right("usage", lambda on: ShowUsage(account_id=on.account_id), SEES),
    right("usage", lambda on: ShowUsage(account_id=on.account_id, period=Period.YEAR), SEES),
    right("load", lambda on: ShowLoad(account_id=on.account_id), SEES),
)
