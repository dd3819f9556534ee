"""The cash desk, adjustments and corrections on the real store."""

from __future__ import annotations

import asyncio

import pytest

from prepaid.domain.access import CLOCK, Actor, Role
from prepaid.domain.approvals import Approval
from prepaid.domain.errors import Refused
from prepaid.domain.ledger import Entry, Kind
from prepaid.domain.notices import NoticeKind
from prepaid.domain.receipts import Method, Receipt
from prepaid.storage.driver import Database
from prepaid.usecases.adjust import Cause, adjust
from prepaid.usecases.audit_ledger import audit_ledger
from prepaid.usecases.cash_topup import cash_topup, resume_receipts, show_receipt
from prepaid.usecases.decide_approval import approve
from prepaid.usecases.deliver_notices import deliver_notices
from prepaid.usecases.reverse_entry import reverse_entry
from tests.fakes.building import Building, RecordingSender, build
from tests.fakes.clock import ManualClock


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """Two flats without credit."""
    building = await build(database, clock)
    await building.flat(1)
    await building.flat(2)
    return building


@pytest.fixture
async def cashier(building: Building) -> Actor:
    """Somebody at the desk."""
    return await building.operator(role=Role.FINANCE)


async def test_a_receipt_is_credited_once(building: Building, cashier: Actor) -> None:
    """M4, M15: one receipt number, one entry, however often and at once it is sent; the tenant is told once."""
    sent = [cash_topup(building.business, cashier, "acc-1", 5_000, receipt="R-1") for _ in range(20)]
    receipts = await asyncio.gather(*sent)
    assert {each.id for each in receipts} == {"maple:R-1"}
    assert await building.balance_micro(1) == 50_000_000
    sender = RecordingSender()
    while await deliver_notices(building.business, {"chat": sender}):
        pass
    told = [notice.kind for who, notice, _ in sender.sent if who == "tenant-1"]
    assert told == [NoticeKind.CASH_RECEIVED]
    audit = await audit_ledger(building.business, CLOCK)
    assert audit.clean


@pytest.mark.parametrize(("account", "amount_fen"), [("acc-1", 5_001), ("acc-2", 5_000)])
async def test_a_receipt_number_is_spent_for_its_site(
    building: Building, cashier: Actor, account: str, amount_fen: int
) -> None:
    """M15: another amount or another account under the same number is refused, and nothing moves."""
    await cash_topup(building.business, cashier, "acc-1", 5_000, receipt="R-1")
    with pytest.raises(Refused, match="receipt_used"):
        await cash_topup(building.business, cashier, account, amount_fen, receipt="R-1")
    assert (await building.balance_micro(1), await building.balance_micro(2)) == (50_000_000, 0)


async def test_two_accounts_racing_for_one_number_get_one_credit(building: Building, cashier: Actor) -> None:
    """M4: the claim of the number decides, not the order of the entries."""
    asked = [cash_topup(building.business, cashier, f"acc-{1 + i % 2}", 5_000, receipt="R-9") for i in range(10)]
    await asyncio.gather(*asked, return_exceptions=True)
    assert await building.balance_micro(1) + await building.balance_micro(2) == 50_000_000


async def test_a_crash_between_number_and_entry_is_finished(building: Building, cashier: Actor) -> None:
    """Y1: money that was taken reaches the account, by whoever runs next, once."""
    receipt = Receipt(
        id="maple:R-2",
        number="R-2",
        account_id="acc-1",
        site_id="maple",
        amount_fen=700,
        currency="CNY",
        method=Method.BANK,
        taken_by=cashier.id,
        taken_at=building.clock.now(),
    )
    await building.business.store.receipts.claim(receipt)
    assert await resume_receipts(building.business) == 1
    assert await resume_receipts(building.business) == 0
    assert await building.balance_micro(1) == 7_000_000
    assert (await show_receipt(building.business, cashier, "acc-1", "R-2")).entered


async def test_above_the_limit_two_persons_take_cash(building: Building, cashier: Actor) -> None:
    """A6, M5: nothing is credited, and no number is spent, before the second person agrees."""
    boss = await building.operator(role=Role.OWNER)
    asked = await cash_topup(building.business, cashier, "acc-1", 200_000, receipt="R-3")
    assert isinstance(asked, Approval)
    assert await building.balance_micro(1) == 0
    assert await building.business.store.receipts.get("maple:R-3") is None
    await approve(building.business, boss, asked.id, asked.digest)
    assert await building.balance_micro(1) == 2_000_000_000
    again = await cash_topup(building.business, cashier, "acc-1", 200_000, receipt="R-3")
    assert isinstance(again, Receipt)
    assert again.approval_id == asked.id
    assert await building.balance_micro(1) == 2_000_000_000


async def test_a_receipt_of_another_account_is_not_found(building: Building, cashier: Actor) -> None:
    """A1: foreign and missing receipts answer alike."""
    await cash_topup(building.business, cashier, "acc-2", 100, receipt="R-4")
    for number in ("R-4", "R-404"):
        with pytest.raises(Refused, match="not_found"):
            await show_receipt(building.business, cashier, "acc-1", number)


@pytest.mark.parametrize(("receipt", "amount_fen", "key"), [("", 1, "receipt_number"), ("R", 0, "cash_range")])
async def test_bad_input_at_the_desk_is_refused(
    building: Building, cashier: Actor, receipt: str, amount_fen: int, key: str
) -> None:
    """M5: a number that is none and an amount that is none move nothing."""
    with pytest.raises(Refused, match=key):
        await cash_topup(building.business, cashier, "acc-1", amount_fen, receipt=receipt)
    assert await building.balance_micro(1) == 0


async def test_a_correction_reverses_and_names_its_entry_once(building: Building, cashier: Actor) -> None:
    """M14: the reversal carries what it reverses; a second one of the same entry is refused, at once or later."""
    await cash_topup(building.business, cashier, "acc-1", 5_000, receipt="R-5")
    original = (await building.business.store.ledger.latest("acc-1", 1))[0]
    wrong_room = [reverse_entry(building.business, cashier, "acc-1", original.idem, why="wrong room") for _ in range(5)]
    outcomes = await asyncio.gather(*wrong_room, return_exceptions=True)
    entries = {each.hash for each in outcomes if isinstance(each, Entry)}
    assert len(entries) == 1
    assert await building.balance_micro(1) == 0
    newest = (await building.business.store.ledger.latest("acc-1", 1))[0]
    assert (newest.kind, newest.ref["reverses"], newest.ref["reverses_hash"]) == (
        Kind.REVERSAL,
        original.idem,
        original.hash,
    )
    with pytest.raises(Refused, match="reversed_already"):
        await reverse_entry(building.business, cashier, "acc-1", original.idem, why="again")
    with pytest.raises(Refused, match="not_reversible"):
        await reverse_entry(building.business, cashier, "acc-1", newest.idem, why="undo the undo")


async def test_a_provider_s_payment_is_refunded_and_not_reversed(building: Building, cashier: Actor) -> None:
    """M14: reversing it would leave the money with the provider and say that it is not there."""
    tenant = await building.flat(3)
    await building.paid(tenant, 3, 1_000)
    original = (await building.business.store.ledger.latest("acc-3", 1))[0]
    with pytest.raises(Refused, match="not_reversible"):
        await reverse_entry(building.business, cashier, "acc-3", original.idem, why="x")
    with pytest.raises(Refused, match="not_found"):
        await reverse_entry(building.business, cashier, "acc-1", original.idem, why="x")


async def test_a_large_correction_takes_two_persons(building: Building, cashier: Actor) -> None:
    """A6, M14: of the very entry that was named."""
    boss = await building.operator(role=Role.OWNER)
    await building.give("acc-1", 900_000_000, "big")
    asked = await reverse_entry(building.business, cashier, "acc-1", "adj:big", why="typo")
    assert isinstance(asked, Approval)
    await approve(building.business, boss, asked.id, asked.digest)
    assert await building.balance_micro(1) == 0


async def test_a_debit_of_the_staff_may_leave_a_debt(building: Building, cashier: Actor) -> None:
    """M5: what is owed is owed: an adjustment has no floor, but it has a cause and a reason on its entry."""
    entry = await adjust(
        building.business, cashier, "acc-1", -3_000_000, key="seal", cause=Cause.METER_FAULT, why="broken seal"
    )
    assert isinstance(entry, Entry)
    assert entry.balance_micro == -3_000_000
    assert [line.account for line in entry.lines] == ["customer:acc-1", "adjustments:meter_fault"]
    assert entry.ref["why"] == "broken seal"
