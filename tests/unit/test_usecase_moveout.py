"""Moving in and out on the real store: meters, final bill, remaining credit, and nothing seen of one another."""

from __future__ import annotations

import asyncio

import pytest

from prepaid.domain.access import CLOCK, Actor, Role
from prepaid.domain.accounts import AccountStatus
from prepaid.domain.approvals import ApprovalState
from prepaid.domain.closing import Closing, Step
from prepaid.domain.errors import Refused, Unknown
from prepaid.domain.metering import EMPTY_ROOM_MOST, Reading, Sweep
from prepaid.domain.notices import NoticeKind
from prepaid.domain.refunds import RefundState
from prepaid.domain.tariffs.plan import Utility
from prepaid.storage.driver import Database
from prepaid.usecases.assign_meter import assign_meter, mend_supplies
from prepaid.usecases.audit_ledger import audit_ledger
from prepaid.usecases.bind_chat import bind_chat
from prepaid.usecases.cash_topup import cash_topup
from prepaid.usecases.close_account import close_account, pay_out_cash, resume_closings, show_closing
from prepaid.usecases.decide_approval import approve
from prepaid.usecases.deliver_notices import deliver_notices
from prepaid.usecases.find_account import find_account
from prepaid.usecases.issue_bind_code import issue_bind_code
from prepaid.usecases.open_account import open_account
from prepaid.usecases.settle_readings import settle_readings
from prepaid.usecases.show_balance import show_balance
from prepaid.usecases.show_history import show_history
from prepaid.usecases.show_usage import show_usage
from prepaid.usecases.start_topup import start_topup
from tests.fakes.building import GATEWAY, Building, RecordingSender, build
from tests.fakes.clock import ManualClock

ROOM = "acme/maple/b1/101"


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """One site."""
    return await build(database, clock)


@pytest.fixture
async def tenant(building: Building) -> Actor:
    """Whoever lives in 101, who has paid 50 yuan and used 10 kWh of them."""
    tenant = await building.flat(1)
    await building.paid(tenant, 1, 3_000)
    building.clock.advance(seconds=1)
    await building.paid(tenant, 1, 2_000)
    await building.read(1, 1_000)
    await building.read(1, 11_000, advance_s=3_600)
    return tenant


@pytest.fixture
async def manager(building: Building) -> Actor:
    """Who may close."""
    return await building.operator(role=Role.MANAGER)


async def out(building: Building, manager: Actor) -> Closing:
    """Begins or goes on."""
    return await close_account(building.business, manager, "acc-1", reason="moving to the coast")


async def clean(building: Building) -> bool:
    """Whether the books are right."""
    return (await audit_ledger(building.business, CLOCK)).clean


async def test_a_tenant_moves_out_with_credit(building: Building, tenant: Actor, manager: Actor) -> None:
    """M10, M11: billed to the final reading, the rest back to the payers newest first, then closed at nothing."""
    done = await out(building, manager)
    assert done.step is Step.CLOSED
    assert [(each.meter_id, each.energy_wh) for each in done.readings] == [("met-1", 11_000)]
    assert done.balance_micro == 44_000_000
    assert sorted(building.provider.refunds.values()) == [2_000, 2_400]
    assert [part.amount_fen for part in done.plan] == [2_000, 2_400]
    assert await building.balance_micro(1) == 0
    account = await building.business.store.sites.account("acc-1")
    assert account is not None
    assert (account.status, account.lease_to) == (AccountStatus.CLOSED, building.clock.now())
    meter = await building.business.store.meters.get("met-1")
    assert meter is not None
    assert (meter.account_id, (await building.supply(1)).account_id) == (None, None)
    person = await building.business.store.people.get(tenant.id)
    assert person is not None
    assert person.accounts == ()
    assert (await out(building, manager)) == done
    assert await clean(building)


async def test_energy_up_to_the_last_reading_is_billed_however_short(
    building: Building, tenant: Actor, manager: Actor
) -> None:
    """M11: what the pace of settling had left open is billed at the end, and a stale sweep bills nothing after it."""
    site = building.site
    meter = await building.business.store.meters.get("met-1")
    assert meter is not None
    assert meter.watermark is not None
    building.clock.advance(seconds=0.5)
    late = Reading(meter_id="met-1", at=building.clock.now(), energy_wh=11_020)
    await settle_readings(building.business, Sweep(gateway_id=GATEWAY, readings=(late,)))
    assert await building.balance_micro(1) == 44_000_000
    done = await out(building, manager)
    assert done.balance_micro == 44_000_000 - 12_000
    assert done.payable_micro == 0
    assert await building.balance_micro(1) == 0
    assert site.policy.settle_every_s == 1
    assert await clean(building)


async def test_top_ups_are_blocked_while_it_waits_for_a_reading(
    building: Building, tenant: Actor, manager: Actor
) -> None:
    """T5: a final reading is fresh; until there is one no money is taken, and the row says what it waits for."""
    building.clock.advance(hours=2)
    waiting = await out(building, manager)
    assert (waiting.step, waiting.waits_for) == (Step.SETTLING, "closing.reading_old")
    with pytest.raises(Refused, match="account_closed"):
        await start_topup(building.business, tenant, "acc-1", 1_000, provider="testpay")
    with pytest.raises(Refused, match="account_closed"):
        await cash_topup(building.business, manager, "acc-1", 1_000, receipt="R-1")
    assert await resume_closings(building.business) == 0
    await building.read(1, 12_000)
    assert await resume_closings(building.business) == 1
    assert (await show_closing(building.business, manager, "acc-1")).step is Step.CLOSED


async def test_money_on_its_way_is_waited_for(building: Building, tenant: Actor, manager: Actor) -> None:
    """M8, M9: an order in doubt holds the move-out; an unpaid one is closed at the provider."""
    await start_topup(building.business, tenant, "acc-1", 1_000, provider="testpay")
    doubt = await start_topup(building.business, tenant, "acc-1", 2_000, provider="testpay")
    building.provider.on_close = lambda order: order.id != doubt.id
    assert (await out(building, manager)).waits_for == "closing.money_on_its_way"
    building.provider.on_close = lambda _order: True
    assert (await out(building, manager)).step is Step.CLOSED


async def test_a_debt_is_paid_at_the_desk_before_the_account_closes(building: Building, manager: Actor) -> None:
    """T5: closed is closed at nothing; only against a debt does a closing account take money."""
    await building.flat(1)
    await building.give("acc-1", -5_000_000, "used")
    await building.read(1, 1_000)
    assert (await out(building, manager)).waits_for == "closing.debt"
    await cash_topup(building.business, manager, "acc-1", 600, receipt="R-1")
    done = await out(building, manager)
    assert (done.step, done.payable_micro) == (Step.CLOSED, 1_000_000)
    with pytest.raises(Refused, match="account_closed"):
        await cash_topup(building.business, manager, "acc-1", 600, receipt="R-2")


async def test_what_no_provider_takes_back_is_payable_in_cash_once(building: Building, manager: Actor) -> None:
    """M10, M3: too old for the provider: payable at the desk, handed out once, and the part below a fen is rounded."""
    tenant = await building.flat(1)
    await building.paid(tenant, 1, 2_000)
    building.clock.advance(days=400)
    await building.give("acc-1", -1_234, "dust")
    await building.read(1, 1_000)
    done = await out(building, manager)
    assert (done.step, done.payable_micro, building.provider.refunds) == (Step.CLOSED, 19_990_000, {})
    paid = await asyncio.gather(*(pay_out_cash(building.business, manager, "acc-1") for _ in range(3)))
    assert {each.paid_out_by for each in paid} == {manager.id}
    books: dict[str, int] = {}
    for entry in await building.business.store.ledger.latest("acc-1", 50):
        for line in entry.lines:
            books[line.account] = books.get(line.account, 0) + line.amount_micro
    assert (books["refunds:payable"], books["rounding:closing"], books["cash:desk"]) == (0, 8_766, 19_990_000)
    assert await clean(building)


async def test_a_refund_that_fails_becomes_payable(building: Building, tenant: Actor, manager: Actor) -> None:
    """M10: whoever paid cannot be given it back by the provider: the credit is not lost, it is owed in cash."""
    building.provider.on_refund = lambda _number: RefundState.FAILED
    done = await out(building, manager)
    assert (done.step, done.payable_micro) == (Step.CLOSED, 44_000_000)
    assert await clean(building)


async def test_a_silent_provider_is_waited_for(building: Building, tenant: Actor, manager: Actor) -> None:
    """M9, Y1: the sweeper goes on by the same numbers, and closes when the provider has spoken."""

    def silent(_number: str) -> RefundState:
        raise Unknown("unknown.provider")

    building.provider.on_refund = silent
    assert (await out(building, manager)).waits_for == "closing.refund_under_way"
    building.provider.on_refund = lambda _number: RefundState.SUCCESS
    assert await resume_closings(building.business) == 1
    assert sum(building.provider.refunds.values()) == 4_400
    assert await clean(building)


async def test_a_large_remaining_credit_takes_two_persons(building: Building, manager: Actor) -> None:
    """A6: the manager who closes cannot alone send a large sum away; the approval names the sum."""
    boss = await building.operator(role=Role.OWNER)
    tenant = await building.flat(1)
    await building.paid(tenant, 1, 100_000)
    await building.read(1, 1_000)
    waiting = await out(building, manager)
    assert waiting.waits_for == "closing.second_person"
    assert waiting.approval_id is not None
    asked = await building.business.store.approvals.get(waiting.approval_id)
    assert asked is not None
    assert (await out(building, manager)).approval_id == asked.id
    done = await approve(building.business, boss, asked.id, asked.digest)
    assert done.state is ApprovalState.DONE
    assert (await show_closing(building.business, boss, "acc-1")).step is Step.CLOSED
    assert sum(building.provider.refunds.values()) == 100_000


async def test_many_at_once_close_once(building: Building, tenant: Actor, manager: Actor) -> None:
    """Y1, M10: admins and sweepers together give the state that one alone gives."""
    runs = [out(building, manager) for _ in range(3)] + [resume_closings(building.business) for _ in range(3)]
    await asyncio.gather(*runs, return_exceptions=True)
    await resume_closings(building.business)
    assert (await show_closing(building.business, manager, "acc-1")).step is Step.CLOSED
    assert sum(building.provider.refunds.values()) == 4_400
    assert await building.balance_micro(1) == 0
    assert await clean(building)


async def test_neighbours_in_time_see_nothing_of_one_another(building: Building, tenant: Actor, manager: Actor) -> None:
    """A1, M11: the next tenant pays from their first reading on and sees no hour, line or order of the last one."""
    await out(building, manager)
    await building.read(1, 13_000, advance_s=3_600)
    opened = await open_account(
        building.business, manager, "maple", path=ROOM, label="101", key="lease-2", meters=["met-1"]
    )
    again = await open_account(
        building.business, manager, "maple", path=ROOM, label="101", key="lease-2", meters=["met-1"]
    )
    assert opened == again
    newcomer = (await building.business.store.people.at("chat", "new", language="en")).actor()
    code = await issue_bind_code(building.business, manager, opened.id)
    await bind_chat(building.business, newcomer, code, chat="chat:new")
    person = await building.business.store.people.get(newcomer.id)
    assert person is not None
    await building.read(1, 14_000, advance_s=3_600)
    await building.read(1, 16_000, advance_s=3_600)
    assert (await building.business.store.ledger.head(opened.id)).balance_micro == -1_200_000
    usage = await show_usage(building.business, person.actor(), opened.id)
    assert usage.since >= (opened.lease_from or usage.until)
    assert [entry.delta_micro for entry in await show_history(building.business, person.actor(), opened.id)] == [
        -1_200_000
    ]
    gone = await building.business.store.people.get(tenant.id)
    assert gone is not None
    for who, account_id in ((gone.actor(), opened.id), (gone.actor(), "acc-1"), (person.actor(), "acc-1")):
        with pytest.raises(Refused, match="not_found"):
            await show_balance(building.business, who, account_id)
    assert (await find_account(building.business, manager, "101")).id == opened.id
    with pytest.raises(Refused, match="account_closed"):
        await issue_bind_code(building.business, manager, "acc-1")


async def test_use_in_a_room_that_nobody_rents(building: Building, tenant: Actor, manager: Actor) -> None:
    """N1: the staff hear once of each vacancy that somebody uses; a main meter has no tenant and no such alarm."""

    async def alarms() -> list[tuple[object, object]]:
        sender = RecordingSender()
        while await deliver_notices(building.business, {"chat": sender}):
            pass
        about = [notice.params for _, notice, _ in sender.sent if notice.kind is NoticeKind.METER_ALARM]
        return [(params["meter_id"], params["why"]) for params in about]

    await building.flat(2)
    await building.business.store.meters.assign("met-2", "acc-2", None, None)
    await out(building, manager)
    most = 11_000 + EMPTY_ROOM_MOST[Utility.ELECTRICITY]
    for register_wh, heard in ((11_000, 0), (most, 0), (most + 1, 1), (most + 5_000, 0)):
        await building.read(1, register_wh, advance_s=3_600)
        await building.read(2, register_wh)
        assert await alarms() == [("met-1", "alarm.empty_room")] * heard
    opened = await open_account(building.business, manager, "maple", path=ROOM, label="101", key="lease-2")
    await assign_meter(building.business, manager, "met-1", opened.id)
    await building.read(1, most + 9_000, advance_s=3_600)
    assert await alarms() == []


async def test_a_meter_has_one_account_at_a_time(building: Building, tenant: Actor, manager: Actor) -> None:
    """M11: a meter that somebody pays for is not given away; a foreign and a missing one answer alike."""
    await building.flat(2)
    with pytest.raises(Refused, match="meter_taken"):
        await assign_meter(building.business, manager, "met-1", "acc-2")
    narrow = await building.operator(scope="acme/maple/b1/102")
    for meter_id in ("met-1", "met-404"):
        with pytest.raises(Refused, match="not_found"):
            await assign_meter(building.business, narrow, meter_id, "acc-2")


async def test_a_supply_follows_its_meter_after_a_crash(building: Building, tenant: Actor, manager: Actor) -> None:
    """Y1: dead between the two rows of an assignment, the sweeper brings them together."""
    await out(building, manager)
    opened = await open_account(building.business, manager, "maple", path=ROOM, label="101", key="lease-2")
    await building.business.store.meters.assign("met-1", None, opened.id, None)
    assert await mend_supplies(building.business) == 1
    assert await mend_supplies(building.business) == 0
    assert (await building.supply(1)).account_id == opened.id


@pytest.mark.parametrize("path", ["acme/maple", "acme/oak/b1/1", "acme/maple/../x", "acme/maple/b1/", "x"])
async def test_an_account_lies_inside_its_site(building: Building, path: str) -> None:
    """A2: a place outside the site, or no place at all, is refused."""
    owner = await building.operator(role=Role.OWNER)
    with pytest.raises(Refused, match=r"refused\.(path|not_found)"):
        await open_account(building.business, owner, "maple", path=path, label="1", key="k")
