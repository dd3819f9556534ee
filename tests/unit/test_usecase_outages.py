"""Planned outages: who is told what and how often, what is held back meanwhile, what is told afterwards."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest

from prepaid.domain.access import Actor, Role
from prepaid.domain.errors import Refused
from prepaid.domain.metering import Sweep
from prepaid.domain.notices import Lane, NoticeKind, Stage
from prepaid.domain.outages import AFTERWARDS, REMINDED_BEFORE, OutageWish
from prepaid.domain.preferences import Preferences, Quiet
from prepaid.domain.supply import Wanted
from prepaid.domain.tariffs import Utility
from prepaid.ports import Notices
from prepaid.storage.driver import Database
from prepaid.usecases import plan_outage as case
from prepaid.usecases.deliver_notices import deliver_notices
from prepaid.usecases.gateway_link import gateway_lost
from prepaid.usecases.outage_lines import outage_lines
from prepaid.usecases.plan_outage import call_off_outage, plan_outage, preview_outage, tell_outages
from prepaid.usecases.set_preferences import set_preferences
from prepaid.usecases.settle_readings import settle_readings
from prepaid.usecases.show_balance import show_balance
from prepaid.usecases.stuck_payment import BACK_WITHIN, review_restores
from tests.fakes.building import GATEWAY, SITE, Building, RecordingSender, build
from tests.fakes.clock import ManualClock
from tests.unit.test_usecase_broadcast import DiesAfterOne

HOURS = timedelta(hours=1)


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """Two tenants in three flats, and a flat with nobody."""
    place = await build(database, clock)
    first = await place.flat(1, balance_micro=5_000_000)
    await place.flat(2, balance_micro=5_000_000)
    await place.flat(3, tenant=False)
    await place.flat(4, tenant=False)
    await place.business.store.people.bind(first.id, "acc-3")
    return place


def wish_for(
    building: Building, *, begins: float = 24, lasts: float = 3, part: str = "b1", **changes: object
) -> OutageWish:
    since = building.clock.now() + begins * HOURS
    wish = OutageWish(
        site_id=SITE,
        part=part,
        utilities=(Utility.ELECTRICITY,),
        since=since,
        until=since + lasts * HOURS,
        reason="work on the switchboard",
    )
    return replace(wish, **changes)  # type: ignore[arg-type]


async def told_by_kind(building: Building) -> dict[NoticeKind, list[str]]:
    """Persons with a row in the outbox, by what it says."""
    found: dict[NoticeKind, list[str]] = {}
    for lane in Lane:
        for row in await building.business.store.notices.due(building.clock.now(), 100, lane):
            found.setdefault(row.kind, []).append(row.person_id)
    return {kind: sorted(people) for kind, people in found.items()}


async def test_everybody_is_told_at_once_reminded_once_and_of_the_end_of_it(building: Building) -> None:
    """N1, N2: each person once for each news, however often it is asked; new tenants are reminded too."""
    staff = await building.operator()
    plan = await preview_outage(building.business, staff, wish_for(building))
    assert (len(plan.audience.people), plan.audience.rooms, plan.audience.silent, plan.others) == (2, 4, 1, ())
    assert await told_by_kind(building) == {}
    wish = wish_for(building)
    outage = await plan_outage(building.business, staff, wish, key="k1")
    await plan_outage(building.business, staff, wish, key="k1")
    people = sorted([*plan.audience.people, staff.id])
    assert await told_by_kind(building) == {NoticeKind.OUTAGE_PLANNED: people}
    assert await tell_outages(building.business) == 0
    newcomer = await building.flat(9)
    building.clock.set(outage.since - REMINDED_BEFORE)
    assert await tell_outages(building.business) == 1
    assert await tell_outages(building.business) == 0
    told = await told_by_kind(building)
    assert told[NoticeKind.OUTAGE_SOON] == sorted([*people, newcomer.id])
    await call_off_outage(building.business, staff, outage.id)
    await call_off_outage(building.business, staff, outage.id)
    told = await told_by_kind(building)
    assert told[NoticeKind.OUTAGE_CALLED_OFF] == sorted([*people, newcomer.id])
    assert told[NoticeKind.OUTAGE_PLANNED] == people
    building.clock.set(outage.until + timedelta(days=1))
    assert await tell_outages(building.business) == 0
    trail = [line.action for line in await building.business.store.audit.latest(building.site.path, 10)]
    assert trail[:2] == ["call_off_outage", "call_off_outage"]
    assert "plan_outage" in trail


async def test_who_dies_between_two_rows_is_followed_by_the_clock(building: Building) -> None:
    """N1, Y1: the rest is told by whoever comes after, and by two of them at once nobody twice."""
    staff, store = await building.operator(), building.business.store
    dying = replace(building.business, store=replace(store, notices=cast("Notices", DiesAfterOne(store.notices))))
    with pytest.raises(asyncio.CancelledError):
        await plan_outage(dying, staff, wish_for(building), key="k1")
    assert [len(people) for people in (await told_by_kind(building)).values()] == [1]
    await asyncio.gather(*(tell_outages(building.business) for _ in range(2)))
    (people,) = (await told_by_kind(building)).values()
    assert (len(people), len(set(people))) == (3, 3)


async def test_a_late_announcement_has_no_reminder(building: Building) -> None:
    """Whoever was told three hours before is not told the same once more."""
    outage = await plan_outage(building.business, await building.operator(), wish_for(building, begins=3), key="k1")
    building.clock.set(outage.since - timedelta(minutes=1))
    assert await tell_outages(building.business) == 0
    assert list(await told_by_kind(building)) == [NoticeKind.OUTAGE_PLANNED]


async def test_only_the_staff_of_the_place_may(building: Building) -> None:
    """A2, A8: a role on one building ends at it; tenants see what touches their rooms, and call nothing off."""
    ours = await building.operator(scope="acme/maple/b1")
    outage = await plan_outage(building.business, ours, wish_for(building), key="k1")
    tenant, elsewhere = await building.flat(5), await building.operator(scope="other")
    viewer = await building.operator(role=Role.VIEWER)
    refused: list[tuple[Actor, str]] = [(ours, ""), (ours, "b2"), (ours, "../maple/b1"), (elsewhere, "b1")]
    for actor, part in [*refused, (viewer, "b1"), (tenant, "b1")]:
        with pytest.raises(Refused, match="not_found"):
            await plan_outage(building.business, actor, wish_for(building, part=part), key="k2")
    for actor in (elsewhere, viewer, tenant):
        for name in (outage.id, "nowhere"):
            with pytest.raises(Refused, match="not_found"):
                await call_off_outage(building.business, actor, name)
    seen = {
        who: [(line.outage.id, line.may_call_off) for line in await outage_lines(building.business, actor)]
        for who, actor in (("ours", ours), ("viewer", viewer), ("tenant", tenant), ("elsewhere", elsewhere))
    }
    assert seen == {
        "ours": [(outage.id, True)],
        "viewer": [(outage.id, False)],
        "tenant": [(outage.id, False)],
        "elsewhere": [],
    }
    building.clock.set(outage.until)
    assert await outage_lines(building.business, ours) == []
    with pytest.raises(Refused, match="outage_over"):
        await call_off_outage(building.business, ours, outage.id)


async def test_what_cannot_be_is_refused(building: Building) -> None:
    """Y3: spans, reasons and how often have limits; what is planned for the same hours is shown, not refused."""
    staff = await building.operator()
    for changes, key in (
        ({"begins": -5, "lasts": 3}, "outage_past"),
        ({"lasts": -1}, "outage_order"),
        ({"lasts": 15 * 24}, "outage_long"),
        ({"begins": 91 * 24}, "outage_far"),
        ({"reason": " "}, "outage_reason"),
        ({"reason": "x" * 201}, "outage_reason"),
        ({"utilities": ()}, "outage_of_what"),
    ):
        with pytest.raises(Refused, match=key):
            await plan_outage(building.business, staff, wish_for(building, **changes), key="k")
    first = await plan_outage(building.business, staff, wish_for(building), key="k0")
    for begins, touched in ((25, (first.id,)), (27, ()), (21, ()), (22, (first.id,))):
        plan = await preview_outage(building.business, staff, wish_for(building, begins=begins, part=""))
        assert tuple(other.id for other in plan.others) == touched
    water = wish_for(building, begins=25, utilities=(Utility.WATER,))
    assert (await preview_outage(building.business, staff, water)).others == ()
    for number in range(1, case.AN_HOUR):
        await plan_outage(building.business, staff, wish_for(building), key=f"k{number}")
    with pytest.raises(Refused, match="broadcast_often"):
        await plan_outage(building.business, staff, wish_for(building), key="one more")
    assert (await plan_outage(building.business, staff, wish_for(building), key="k0")).id == first.id


async def test_silence_is_no_alarm_meanwhile_and_is_one_afterwards(building: Building) -> None:
    """A5, S9: announced silence tells nobody and cuts nobody; what is still silent when it is over is told then."""
    staff = await building.operator()
    outage = await plan_outage(building.business, staff, wish_for(building), key="k1")
    for unit in (1, 2, 3, 4):
        await building.read(unit, 1_000, advance_s=1)
    building.clock.set(outage.since + timedelta(minutes=1))
    await settle_readings(building.business, Sweep(gateway_id=GATEWAY, readings=(), silent=("met-1", "met-2")))
    await gateway_lost(building.business, GATEWAY)
    assert set(await told_by_kind(building)) == {NoticeKind.OUTAGE_PLANNED}
    assert all([(await building.supply(unit)).wanted.on for unit in (1, 2)])
    view = await show_balance(building.business, await _tenant(building), "acc-1")
    assert view.outage is not None
    assert view.outage.id == outage.id
    building.clock.set(outage.until + AFTERWARDS)
    await building.read(2, 1_000, advance_s=1)
    assert await tell_outages(building.business) == 1
    assert await tell_outages(building.business) == 0
    told = await told_by_kind(building)
    assert told[NoticeKind.METER_DOWN] == [staff.id] * 3
    assert NoticeKind.GATEWAY_DOWN not in told
    assert (await show_balance(building.business, await _tenant(building), "acc-1")).outage is None


async def test_a_whole_gateway_that_stays_away_is_one_message(building: Building) -> None:
    """A5: not one for each meter behind it; and without an announcement silence is told as ever."""
    staff = await building.operator()
    outage = await plan_outage(building.business, staff, wish_for(building), key="k1")
    building.clock.set(outage.since + timedelta(minutes=1))
    await gateway_lost(building.business, GATEWAY)
    building.clock.set(outage.until + AFTERWARDS)
    await tell_outages(building.business)
    told = await told_by_kind(building)
    assert told[NoticeKind.GATEWAY_DOWN] == [staff.id]
    assert NoticeKind.METER_DOWN not in told
    building.clock.advance(seconds=60)
    await gateway_lost(building.business, GATEWAY)
    assert (await told_by_kind(building))[NoticeKind.GATEWAY_DOWN] == [staff.id] * 2


async def test_who_pays_meanwhile_is_told_why_it_is_dark(building: Building) -> None:
    """N3: the thread names the works; nobody is sent to look; once they are over, a late restore is a ticket again."""
    staff = await building.operator()
    outage = await plan_outage(building.business, staff, wish_for(building, begins=1), key="k1")
    tenant = await building.flat(6, balance_micro=-2_000_000)
    wanted = Wanted(on=False, generation=1, reason="rule.no_credit", at=building.clock.now())
    assert await building.business.store.supplies.want("met-6", 0, wanted)
    building.clock.set(outage.since + timedelta(minutes=5))
    order = await building.paid(tenant, 6, 5_000)
    building.clock.advance(seconds=BACK_WITHIN.total_seconds() + 1)
    await review_restores(building.business)
    rows = await building.business.store.notices.due(building.clock.now(), 100, Lane.PROMPT)
    stuck = [row for row in rows if row.stage is Stage.STUCK]
    assert [(row.thread, row.params["why"], row.params["outage_until"]) for row in stuck] == [
        (order.id, "stuck.outage", outage.until.isoformat())
    ]
    assert NoticeKind.SWITCH_STUCK not in {row.kind for row in rows}
    assert await building.business.store.money_tickets.below("acme", 10) == []
    building.clock.set(outage.until + AFTERWARDS)
    await review_restores(building.business)
    (ticket,) = await building.business.store.money_tickets.below("acme", 10)
    assert ticket.order_id == order.id
    assert (await building.supply(6)).wanted.on


async def _tenant(building: Building) -> Actor:
    (person,) = await building.business.store.people.of_account("acc-1")
    return person.actor()


async def test_works_before_the_quiet_is_over_are_told_at_once(building: Building) -> None:
    """N2, N3: who sleeps until eight is woken for works at five, and not for those of the afternoon."""
    staff, box = await building.operator(), RecordingSender()
    midnight = building.site.calendar.midnight((building.clock.now() + timedelta(days=1)).date())
    building.clock.set(midnight)
    tenant = await _tenant(building)
    await set_preferences(building.business, tenant, Preferences(quiet=Quiet(since_min=22 * 60, until_min=8 * 60)))
    await plan_outage(building.business, staff, wish_for(building, begins=14), key="afternoon")
    await plan_outage(building.business, staff, wish_for(building, begins=5, lasts=1), key="five")
    await deliver_notices(building.business, {"chat": box})
    heard = [notice.id.split(":")[-2] for _, notice, _ in box.sent if notice.person_id == tenant.id]
    assert heard == ["five"]
