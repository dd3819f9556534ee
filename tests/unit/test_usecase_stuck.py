"""A payment after which the power does not come back: why, said to the payer; a ticket; the staff; the end (S1, N3)."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

import pytest

from bot.conversations.inbound import Inbound
from bot.conversations.parts import Part
from bot.conversations.runner import Conversation
from bot.delivery import NoticeSender
from bot.rendering.plain import render
from meters import cases
from meters.profiles import load_profile
from meters.worker import Worker
from prepaid.domain.access import Actor, Role
from prepaid.domain.errors import Refused
from prepaid.domain.metering import Gateway
from prepaid.domain.notices import STAGE_ORDER, NoticeKind, Stage
from prepaid.domain.supply import Hold, HoldKind, Reported, Wanted
from prepaid.domain.tickets import MoneyKind, MoneyState
from prepaid.storage.driver import Database
from prepaid.storage.wakeups import LocalWakeups
from prepaid.usecases.claim_payment import claim_payment
from prepaid.usecases.deliver_notices import deliver_notices
from prepaid.usecases.money_tickets import open_money_tickets, settle_ticket, show_money_ticket
from prepaid.usecases.record_switch import record_switch
from prepaid.usecases.stuck_payment import BACK_WITHIN, power_ticket_id, review_restores
from prepaid.usecases.switch_supply import switch_supply
from prepaid.usecases.take_notification import take_notification
from prepaid.usecases.work_inbox import work_inbox
from sandbox.meters import SandboxGateway
from tests.fakes.building import GATEWAY, SITE, Building, RecordingSender, build
from tests.fakes.bus_worker import until_it
from tests.fakes.clock import ManualClock
from tests.unit.test_bot_runner import KeptSessions

PROFILE = "hiking_dds238_2_zn_sr"
DARK = -2_000_000
WAIT_S = 60.0


async def _dark(building: Building, *, by_hand: bool = False) -> Actor:
    """Flat 101 in the dark, two yuan short."""
    tenant = await building.flat(1, balance_micro=DARK)
    wanted = Wanted(on=False, generation=1, reason="rule.no_credit", at=building.clock.now(), by_hand=by_hand)
    assert await building.business.store.supplies.want("met-1", 0, wanted)
    return tenant


async def _told(building: Building, person: Actor) -> list[tuple[NoticeKind, Stage | None, object]]:
    """What a person is told now, with the reasons."""
    sender = RecordingSender()
    while await deliver_notices(building.business, {"chat": sender}):
        pass
    return [(n.kind, n.stage, n.params.get("why")) for _, n, _ in sender.sent if n.person_id == person.id]


async def test_a_late_restore_is_escalated_once_and_its_end_is_told(database: Database, clock: ManualClock) -> None:
    """S1, N1: also where no try was ever made; silent devices are named; the ticket goes when the power is back."""
    building = await build(database, clock)
    tenant, finance = await _dark(building), await building.operator(role=Role.FINANCE)
    order = await building.paid(tenant, 1, 5_000)
    assert (await building.supply(1)).wanted.on
    clock.advance(seconds=BACK_WITHIN.total_seconds() - 1)
    assert await review_restores(building.business) == 0
    clock.advance(seconds=2)
    for _ in range(2):
        assert await review_restores(building.business) == 1
    (ticket,) = await open_money_tickets(building.business, finance)
    assert (ticket.kind, ticket.why, ticket.order_id, ticket.ours_fen) == (
        MoneyKind.POWER,
        "stuck.meter",
        order.id,
        5_000,
    )
    told = await _told(building, tenant)
    assert told[-1] == (NoticeKind.PAYMENT_THREAD, Stage.STUCK, "stuck.meter")
    assert (NoticeKind.SWITCH_STUCK, None, None) not in told
    # Somebody of the staff switches by hand, and it works: the payer's thread ends all the same.
    await switch_supply(building.business, await building.operator(), "acc-1", on=True, reason="looked after it")
    supply = await building.supply(1)
    await record_switch(building.business, "met-1", supply.wanted.generation, Reported(on=True, at=clock.now()))
    assert await open_money_tickets(building.business, finance) == ()
    told = await _told(building, tenant)
    assert (NoticeKind.PAYMENT_THREAD, Stage.POWER_ON, None) in told
    assert await review_restores(building.business) == 0
    gone = await building.business.store.money_tickets.get(power_ticket_id(order.id, "met-1"))
    assert gone is not None
    assert gone.state is MoneyState.GONE


async def test_who_goes_and_looks_sees_the_ticket_of_the_power_and_no_other(
    database: Database, clock: ManualClock
) -> None:
    """A2, S1: an operator of the place sees and ends it, and no other money; a viewer and another site's do not."""
    building = await build(database, clock)
    tenant = await _dark(building)
    await building.paid(tenant, 1, 5_000)
    clock.advance(seconds=BACK_WITHIN.total_seconds() + 1)
    await review_restores(building.business)
    await claim_payment(building.business, tenant, "acc-1", "4200001234202611238888")
    finance, operator = await building.operator(role=Role.FINANCE), await building.operator()
    by_kind = {each.kind: each for each in await open_money_tickets(building.business, finance)}
    power, claim = by_kind[MoneyKind.POWER], by_kind[MoneyKind.CLAIM]
    assert await open_money_tickets(building.business, operator) == (power,)
    assert await show_money_ticket(building.business, operator, power.id) == power
    room = await building.operator(scope=power.path)
    assert await open_money_tickets(building.business, room) == (power,)
    for other in (await building.operator(role=Role.VIEWER), await building.operator(scope="acme/oak")):
        assert await open_money_tickets(building.business, other) == ()
        with pytest.raises(Refused, match=r"not_found"):
            await show_money_ticket(building.business, other, power.id)
    with pytest.raises(Refused, match=r"not_found"):
        await show_money_ticket(building.business, operator, claim.id)
    settled = await settle_ticket(building.business, operator, power.id, words="the relay was replaced")
    assert (settled.settled_by, settled.state) == (operator.id, MoneyState.SETTLED)
    assert [each.id for each in await open_money_tickets(building.business, finance)] == [claim.id]


async def test_the_staffs_words_reach_whoever_paid(database: Database, clock: ManualClock) -> None:
    """A2, N3: a ticket that somebody settles is answered to the payer, once, and not by strangers."""
    building = await build(database, clock)
    tenant, finance = await _dark(building), await building.operator(role=Role.FINANCE)
    await building.paid(tenant, 1, 5_000)
    clock.advance(seconds=BACK_WITHIN.total_seconds() + 1)
    await review_restores(building.business)
    (ticket,) = await open_money_tickets(building.business, finance)
    with pytest.raises(Refused, match=r"not_found"):
        await settle_ticket(building.business, tenant, ticket.id, words="x")
    await settle_ticket(building.business, finance, ticket.id, words="the electrician comes at eight")
    await review_restores(building.business)
    assert await open_money_tickets(building.business, finance) == ()
    told = await _told(building, tenant)
    assert (NoticeKind.POWER_ANSWERED, None, "the electrician comes at eight") in told


@pytest.mark.parametrize(
    ("fen", "why"), [(100, "stuck.no_credit"), (5_000, "stuck.maintenance"), (6_000, "stuck.by_hand")]
)
async def test_what_a_payment_does_not_take_away_is_said_at_once(
    database: Database, clock: ManualClock, fen: int, why: str
) -> None:
    """S12, N3: too little money, works, a person's own word: the payer reads it in the thread and waits for nothing."""
    building = await build(database, clock)
    tenant = await _dark(building, by_hand=why == "stuck.by_hand")
    if why == "stuck.maintenance":
        tag = Hold(kind=HoldKind.OFF, by="op", why="works")
        assert await building.business.store.supplies.hold("met-1", tag, at=clock.now())
    await building.paid(tenant, 1, fen)
    assert not (await building.supply(1)).wanted.on
    assert (await _told(building, tenant))[-1] == (NoticeKind.PAYMENT_THREAD, Stage.STUCK, why)


class Chat:
    """Shows what a person sees; a thread in place of what showed it before."""

    def __init__(self, building: Building) -> None:
        self._conversation = Conversation(building.business, KeptSessions(), provider="testpay")
        self._building = building
        self.shown: list[tuple[str, str]] = []

    async def show(self, user: str, parts: Sequence[Part], *, reference: str | None, bulk: bool = False) -> str:
        """Keeps it."""
        del bulk
        self.shown.append((user, render(parts)))
        return reference or f"m{len(self.shown)}"

    async def say(self, user: str, *words: str) -> str:
        """The answer to the last of the words."""
        heard = [await self._conversation.hear(Inbound(channel="chat", user=user, text=each)) for each in words]
        return render(heard[-1])

    async def sees(self, user: str, wanted: str) -> None:
        """Waits until a notice with these words has come, carrying the outbox meanwhile."""

        async def seen() -> bool:
            await deliver_notices(self._building.business, {"chat": NoticeSender(self)})
            return any(who == user and re.search(wanted, words) for who, words in self.shown)

        await until_it(seen, within_s=WAIT_S)


class GoingClock:
    """The tests' day, going on at its own pace."""

    def __init__(self, begins: ManualClock) -> None:
        self._begins, self._since = begins.now(), time.monotonic()

    def now(self) -> datetime:
        """To the millisecond, which is what the store keeps."""
        return self._begins + timedelta(milliseconds=int((self.monotonic() - self._since) * 1000))

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()


@asynccontextmanager
async def _live(database: Database, clock: ManualClock) -> AsyncIterator[tuple[Building, SandboxGateway]]:
    """The building with a simulated meter behind a gateway, and the worker that owns its bus."""
    going = GoingClock(clock)
    building = await build(database, cast("ManualClock", going))
    building.business = replace(building.business, wakeups=LocalWakeups())
    field = SandboxGateway(profile=load_profile(PROFILE), units=[1], speed=1)
    await field.start()
    field.meter(1).flip(closed=False)
    store = building.business.store
    await store.sites.save_gateway(
        Gateway(id=GATEWAY, site_id=SITE, transport="tcp", host="127.0.0.1", port=field.port)
    )
    stop = asyncio.Event()
    await _dark(building)
    meter = await store.meters.get("met-1")
    assert meter is not None
    await store.meters.add(replace(meter, profile=PROFILE, serial=None))
    working = asyncio.create_task(Worker(building.business, owner="test").run(stop))
    try:
        yield building, field
    finally:
        stop.set()
        await working
        await field.stop()


async def test_a_stuck_relay_from_payment_to_light(
    database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S1, S4, N3: paid in the chat, the contact stays open: reason, ticket and staff; freed: light, and both know."""
    monkeypatch.setattr(cases, "SPACING_S", (0.1,) * 20)
    async with _live(database, clock) as (building, field):
        chat, user, clerk = Chat(building), "tenant-1", f"staff-acme-{Role.FINANCE}"
        await building.operator(role=Role.FINANCE)
        field.meter(1).faults.stuck_relay = True
        shown = await chat.say(user, "recharge 50", "yes")
        order = await building.order(shown.split("pay:")[1].split()[0])
        await take_notification(building.business, building.row(building.payment(order)))
        await work_inbox(building.business)
        await chat.sees(user, "its switch has not closed")
        await chat.sees(clerk, "was told to switch on and does not confirm it")
        assert "Paid, power not back" in await chat.say(clerk, "tickets")
        field.meter(1).faults.clear()
        await chat.sees(user, r"✓ \d\d:\d\d:\d\d Power is on")
        assert field.meter(1).relay_closed
        assert "Paid, power not back" not in await chat.say(clerk, "tickets")


def test_every_stage_has_its_place_in_the_thread() -> None:
    """M8, N3: what comes later replaces what was shown: money after the end of its code, and light after a wait."""
    assert sorted(STAGE_ORDER) == sorted(Stage)
    for earlier, later in ((Stage.EXPIRED, Stage.PAID), (Stage.STUCK, Stage.POWER_ON), (Stage.PAID, Stage.DISPUTED)):
        assert STAGE_ORDER.index(earlier) < STAGE_ORDER.index(later)
