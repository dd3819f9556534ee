"""Planned outages on the stage: one is planned for the switchboard of building 1."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.conversations.topics.outages import CallOffOutage, ListOutages, LookAtOutage, PlanOutage, PreviewOutage
from prepaid.domain.accounts import Site
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.outages import Outage, OutageWish
from prepaid.domain.tariffs import FlatTariff, Utility
from prepaid.usecases.broadcast import Audience
from prepaid.usecases.outage_lines import OutageLine
from prepaid.usecases.plan_outage import OutagePlan
from tests.fakes.rights import EVERYBODY, OPERATES, free, right

SITE = Site(id="maple", name="枫丹苑", path="acme/maple", tariff=FlatTariff(id="t", price_micro_per_kwh=1))
BEGINS = datetime(2026, 11, 28, 1, tzinfo=UTC)
PLANNED = Outage(
    id="p3:7",
    actor="p3",
    site_id="maple",
    path="acme/maple/b1",
    utilities=(Utility.ELECTRICITY,),
    since=BEGINS,
    until=BEGINS + timedelta(hours=3),
    reason="配电房检修",
    at=BEGINS - timedelta(days=3),
)


def _plan(wish: OutageWish) -> OutagePlan:
    if wish.part == "b9":
        raise Refused("refused.not_found")
    path = f"acme/maple/{wish.part}" if wish.part else "acme/maple"
    audience = Audience(path=path, site=SITE, people=("p1", "p2"), rooms=4, silent=1)
    others = (PLANNED,) if wish.since < PLANNED.until and PLANNED.since < wish.until else ()
    return OutagePlan(wish=wish, audience=audience, others=others)


def _lines(stage: Any, user: str) -> tuple[OutageLine, ...]:
    actor = stage.actors[user]
    if user == "new":
        return ()
    zone = "Asia/Shanghai"
    return (OutageLine(outage=PLANNED, place="枫丹苑 b1", time_zone=zone, may_call_off=bool(actor.grants)),)


def _one(stage: Any, user: str, name: str) -> OutageLine:
    found = [line for line in _lines(stage, user) if line.may_call_off and name in {"1", line.outage.id}]
    if not found:
        raise not_found()
    return found[0]


ANSWERS = {
    PreviewOutage: lambda _, __, e: _plan(e.wish),
    PlanOutage: lambda _, __, e: replace(PLANNED, utilities=e.wish.utilities),
    ListOutages: lambda stage, user, _: _lines(stage, user),
    LookAtOutage: lambda stage, user, e: _one(stage, user, e.name),
    CallOffOutage: lambda _, __, ___: PLANNED,
}
SCRIPTS = {
    "outage": (
        ("admin", "计划停电"),
        ("admin", "枫丹苑"),
        ("admin", "停电"),
        ("admin", "b1"),
        ("admin", "配电房检修"),
        ("admin", "明天"),
        ("admin", "11月20日 9点到12点"),
        ("admin", "11月28日9点到12点"),
        ("admin", "是"),
        ("anna", "计划停电"),
        ("admin", "language english"),
        ("admin", "plan an outage"),
        ("admin", "枫丹苑"),
        ("admin", "both"),
        ("admin", "b1"),
        ("admin", "new switchgear"),
        ("admin", "Saturday"),
        ("admin", "20 Nov 9am to noon"),
        ("admin", "28 Nov 10pm to 6am"),
        ("admin", "yes"),
        ("admin", "outages"),
        ("admin", "call off outage 1"),
        ("admin", "no"),
    ),
    "outages": (("anna", "什么时候停电"), ("ben", "outages"), ("admin", "停电计划"), ("new", "outages")),
    "calloff": (("admin", "取消停电 1"), ("admin", "是"), ("admin", "取消停电 9"), ("anna", "取消停电 1")),
}
_WISH = OutageWish(
    site_id="maple",
    part="",
    utilities=(Utility.ELECTRICITY,),
    since=datetime(2100, 1, 1, tzinfo=UTC),
    until=datetime(2100, 1, 2, tzinfo=UTC),
    reason="x",
)
RIGHTS = (
    free("outages", lambda _: ListOutages(), EVERYBODY),
    replace(right("calloff", lambda on: LookAtOutage(name=on.outage_id), OPERATES), office=True),
    replace(right("calloff", lambda on: CallOffOutage(outage_id=on.outage_id), OPERATES), office=True),
    replace(right("outage", lambda on: PreviewOutage(wish=replace(_WISH, site_id=on.site_id)), OPERATES), at_site=True),
    replace(
        right("outage", lambda on: PlanOutage(wish=replace(_WISH, site_id=on.site_id), key="w"), OPERATES), at_site=True
    ),
)
