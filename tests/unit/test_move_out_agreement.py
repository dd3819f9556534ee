"""Whoever moves out agrees to the statement before the credit goes back; silence or a waiver ends the wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from prepaid.domain.access import Actor, Role
from prepaid.domain.closing import Closing, Step
from prepaid.domain.errors import Refused
from prepaid.domain.notices import NoticeKind
from prepaid.storage.driver import Database
from prepaid.usecases.agree_closing import agree_closing, waive_agreement
from prepaid.usecases.close_account import close_account, resume_closings, show_closing
from tests.fakes.building import Building, build
from tests.fakes.clock import ManualClock

TIME_S = 3 * 24 * 3600


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """One site that gives three days to agree."""
    building = await build(database, clock)
    site = replace(building.site, limits=replace(building.site.limits, agree_s=TIME_S))
    await building.business.store.sites.save_site(site)
    return building


@pytest.fixture
async def tenant(building: Building) -> Actor:
    """Whoever lives in 101, who has paid 50 yuan and used 10 kWh of them."""
    tenant = await building.flat(1)
    await building.paid(tenant, 1, 5_000)
    await building.read(1, 1_000)
    await building.read(1, 11_000, advance_s=3_600)
    return tenant


@pytest.fixture
async def manager(building: Building) -> Actor:
    """Who may close."""
    return await building.operator(role=Role.MANAGER)


async def begun(building: Building, manager: Actor) -> Closing:
    """The move-out as it waits for the tenant."""
    closing = await close_account(building.business, manager, "acc-1", reason="moving")
    assert (closing.step, closing.waits_for) == (Step.BALANCING, "closing.not_agreed")
    return closing


async def told(
    building: Building, tenant: Actor, kind: NoticeKind = NoticeKind.CLOSING_STATEMENT
) -> list[Mapping[str, object]]:
    """What the tenant was told of statements, or reminded of."""
    rows = await building.business.store.notices.of_person(tenant.id, 50)
    return [row.params for row in rows if row.kind is kind]


async def test_nothing_goes_back_before_the_tenant_agrees(building: Building, tenant: Actor, manager: Actor) -> None:
    """T5, M11, N1: the statement is shown and told once; the word to exactly it pays back and closes, at once."""
    shown = await begun(building, manager)
    assert [(each.meter_id, each.energy_wh) for each in shown.readings] == [("met-1", 11_000)]
    assert (shown.balance_micro, [part.amount_fen for part in shown.plan]) == (44_000_000, [4_400])
    for _ in range(2):
        await resume_closings(building.business)
    assert building.provider.refunds == {}
    assert len(await told(building, tenant)) == 1
    with pytest.raises(Refused, match="closing_changed"):
        await agree_closing(building.business, tenant, "acc-1", "0" * 64)
    stranger = await building.flat(2)
    with pytest.raises(Refused, match="not_found"):
        await agree_closing(building.business, stranger, "acc-1", shown.digest)
    done = await agree_closing(building.business, tenant, "acc-1", shown.digest)
    assert (done.step, done.agreed_by, done.agreed) == (Step.CLOSED, tenant.id, True)
    assert list(building.provider.refunds.values()) == [4_400]


async def test_other_figures_are_asked_for_anew(building: Building, tenant: Actor, manager: Actor) -> None:
    """T5, F37: money that comes after the word changes what was agreed to, so the word does not hold for it."""
    shown = await begun(building, manager)
    await building.give("acc-1", 1_000_000, "late")
    await resume_closings(building.business)
    changed = await show_closing(building.business, manager, "acc-1")
    assert (changed.balance_micro, changed.waits_for) == (45_000_000, "closing.not_agreed")
    with pytest.raises(Refused, match="closing_changed"):
        await agree_closing(building.business, tenant, "acc-1", shown.digest)
    assert len(await told(building, tenant)) == 2
    assert (await agree_closing(building.business, tenant, "acc-1", changed.digest)).step is Step.CLOSED


async def test_silence_does_not_keep_the_money(building: Building, tenant: Actor, manager: Actor) -> None:
    """T5: a tenant who is gone gets the credit back all the same, when the time for a word is over and not before."""
    del tenant
    await begun(building, manager)
    building.clock.advance(seconds=TIME_S - 1)
    assert await resume_closings(building.business) == 0
    building.clock.advance(seconds=1)
    assert await resume_closings(building.business) == 1
    closed = await show_closing(building.business, manager, "acc-1")
    assert (closed.step, closed.waived_by, closed.agreed) == (Step.CLOSED, "clock", False)


@pytest.mark.parametrize(("time_s", "lead_s"), [(TIME_S, 24 * 3600), (3600, 1800)], ids=["three days", "an hour"])
async def test_the_end_is_called_to_mind_once(
    building: Building, tenant: Actor, manager: Actor, time_s: int, lead_s: int
) -> None:
    """T5, N1: a day before the time for a word ends, or in its middle, there is one reminder with the very end."""
    site = replace(building.site, limits=replace(building.site.limits, agree_s=time_s))
    await building.business.store.sites.save_site(site)
    await begun(building, manager)
    until = (building.clock.now() + timedelta(seconds=time_s)).isoformat()
    building.clock.advance(seconds=time_s - lead_s - 1)
    await resume_closings(building.business)
    assert await told(building, tenant, NoticeKind.CLOSING_REMINDER) == []
    building.clock.advance(seconds=1)
    for _ in range(3):
        await resume_closings(building.business)
        building.clock.advance(seconds=lead_s // 4)
    (reminder,) = await told(building, tenant, NoticeKind.CLOSING_REMINDER)
    (statement,) = await told(building, tenant)
    assert (reminder["until"], reminder["balance_micro"]) == (until, 44_000_000)
    assert statement["until"] == until


async def test_who_has_agreed_is_reminded_of_nothing_and_other_figures_anew(
    building: Building, tenant: Actor, manager: Actor
) -> None:
    """T5, N1: a statement that has changed has a time and a reminder of its own; one that is agreed to has none."""
    await begun(building, manager)
    building.clock.advance(seconds=TIME_S - 3600)
    await resume_closings(building.business)
    await building.give("acc-1", 1_000_000, "late")
    await resume_closings(building.business)
    assert len(await told(building, tenant, NoticeKind.CLOSING_REMINDER)) == 1
    building.clock.advance(seconds=TIME_S - 3600)
    await resume_closings(building.business)
    assert len(await told(building, tenant, NoticeKind.CLOSING_REMINDER)) == 2
    changed = await show_closing(building.business, manager, "acc-1")
    await agree_closing(building.business, tenant, "acc-1", changed.digest)
    await resume_closings(building.business)
    assert len(await told(building, tenant, NoticeKind.CLOSING_REMINDER)) == 2


async def test_the_staff_may_go_on_for_a_reason(building: Building, tenant: Actor, manager: Actor) -> None:
    """A1, A3, T5: a word on paper is enough, with a reason on record; by no other, only while it is waited for."""
    await begun(building, manager)
    for actor, reason, key in ((manager, " ", "reason_needed"), (tenant, "x", "not_found")):
        with pytest.raises(Refused, match=key):
            await waive_agreement(building.business, actor, "acc-1", reason=reason)
    done = await waive_agreement(building.business, manager, "acc-1", reason="signed on paper")
    assert (done.step, done.waived_by) == (Step.CLOSED, manager.id)
    lines = await building.business.store.audit.latest("acme/maple/b1/101", 20)
    assert ("waive_agreement", "signed on paper") in [(line.action, line.reason) for line in lines]
    with pytest.raises(Refused, match="closing_not_waiting"):
        await waive_agreement(building.business, manager, "acc-1", reason="again")


async def test_nobody_is_waited_for_where_nobody_is_bound(building: Building, tenant: Actor, manager: Actor) -> None:
    """T5: an account that no chat is bound to closes as before."""
    await building.business.store.people.unbind(tenant.id, "acc-1")
    assert (await close_account(building.business, manager, "acc-1", reason="gone")).step is Step.CLOSED
