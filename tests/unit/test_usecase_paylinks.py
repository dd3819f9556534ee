"""Pay-for-me links and claims of lost payments on the real store."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepaid.domain.access import Actor, Role
from prepaid.domain.errors import Refused, TryAgain
from prepaid.domain.notices import NoticeKind
from prepaid.domain.orders import Order, OrderState, PayWay
from prepaid.domain.pay_links import OPEN_MOST, PayLink, new_key, read_key, seal, unseal
from prepaid.domain.refunds import Refund
from prepaid.domain.tickets import MoneyKind
from prepaid.storage.driver import Database
from prepaid.usecases.claim_payment import TRIES, Claim, claim_payment
from prepaid.usecases.credit_payment import credit_payment
from prepaid.usecases.money_tickets import open_money_tickets
from prepaid.usecases.pay_links import PayLinkView, look_at_pay_link, make_pay_link, pay_by_link, revoke_pay_link
from prepaid.usecases.refund import refund
from prepaid.usecases.start_topup import start_topup
from tests.fakes.building import Building, build
from tests.fakes.clock import EPOCH, ManualClock

KEY = read_key(new_key())
LINK = PayLink(
    id="0" * 20, account_id="acc-1", site_id="maple", made_by="p", made_at=EPOCH, expires_at=EPOCH + timedelta(days=1)
)


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """One site whose links are sealed."""
    building = await build(database, clock)
    building.business = replace(building.business, link_key=KEY)
    return building


@pytest.fixture
async def tenant(building: Building) -> Actor:
    """Whoever lives in 101."""
    return await building.flat(1, balance_micro=7_000_000)


async def pay(building: Building, token: str, **how: Any) -> Order:
    """Whoever holds the link asks to pay."""
    return await pay_by_link(building.business, token, **{"provider": "testpay", **how})


async def test_a_link_pays_once(building: Building, tenant: Actor) -> None:
    """M4, M15: opened at once and again it is one order; once paid, it opens nothing more."""
    made = await make_pay_link(building.business, tenant, "acc-1", amount_fen=5_000)
    orders = await asyncio.gather(*(pay(building, made.token) for _ in range(6)))
    assert len({order.id for order in orders}) == 1
    assert (orders[0].amount_fen, orders[0].link_id, orders[0].person_id) == (5_000, made.link.id, tenant.id)
    await credit_payment(building.business, building.payment(orders[0]))
    assert await building.balance_micro(1) == 57_000_000
    for ask in (pay(building, made.token), look_at_pay_link(building.business, made.token)):
        with pytest.raises(Refused, match="pay_link_used"):
            await ask


async def test_another_way_closes_the_order_before_it(building: Building, tenant: Actor) -> None:
    """M4, M8: one link never has two orders that can be paid; one that turns out to be paid ends the link."""
    made = await make_pay_link(building.business, tenant, "acc-1")
    first = await pay(building, made.token, amount_fen=1_000)
    second = await pay(building, made.token, amount_fen=2_000)
    assert (await building.order(first.id)).state is OrderState.EXPIRED
    third = await pay(building, made.token, amount_fen=1_000)
    assert third.id not in (first.id, second.id)
    building.provider.on_query = building.payment
    with pytest.raises(Refused, match="pay_link_used"):
        await pay(building, made.token, amount_fen=3_000)
    assert (await building.order(third.id)).state is OrderState.CREDITED
    assert await building.balance_micro(1) == 17_000_000


async def test_two_wishes_at_once_by_one_link_leave_one_order(building: Building, tenant: Actor) -> None:
    """M4: the binding decides; whoever loses is told to try again, and no second order can be paid."""
    made = await make_pay_link(building.business, tenant, "acc-1")
    asked = [pay(building, made.token, amount_fen=1_000 + turn) for turn in range(5)]
    got = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(each, Order | TryAgain) for each in got), got
    orders = await building.business.store.orders.of_account("acc-1", 20)
    assert sum(order.state is OrderState.PENDING for order in orders) == 1


async def test_the_payer_sees_the_place_and_nothing_else(building: Building, tenant: Actor) -> None:
    """A1, A7: no balance, no name, no account, nothing that is not needed to pay."""
    made = await make_pay_link(building.business, tenant, "acc-1", amount_fen=5_000)
    view = await look_at_pay_link(building.business, made.token)
    assert (view.site_name, view.label, view.amount_fen, view.providers) == ("Maple Court", "101", 5_000, ("testpay",))
    assert {each.name for each in fields(PayLinkView)} == {
        "site_name",
        "label",
        "amount_fen",
        "min_fen",
        "max_fen",
        "expires_at",
        "providers",
    }


async def test_a_refund_goes_to_whoever_paid(building: Building, tenant: Actor) -> None:
    """M10: by the provider, to the payer of the order, never to the maker of the link."""
    cashier = await building.operator(role=Role.FINANCE)
    made = await make_pay_link(building.business, tenant, "acc-1", amount_fen=5_000)
    order = await pay(building, made.token)
    await credit_payment(building.business, building.payment(order))
    back = await refund(building.business, cashier, order.id, 5_000, key="k", why="not theirs to pay")
    assert isinstance(back, Refund)
    assert building.provider.refunds == {back.id: 5_000}
    assert await building.balance_micro(1) == 7_000_000


async def test_a_link_ends(building: Building, tenant: Actor) -> None:
    """A4: by its time and by being taken back; a stranger cannot take it back (A1)."""
    stranger = await building.flat(2)
    made = await make_pay_link(building.business, tenant, "acc-1", ttl=timedelta(hours=1))
    with pytest.raises(Refused, match="not_found"):
        await revoke_pay_link(building.business, stranger, made.link.id)
    order = await pay(building, made.token, amount_fen=1_000)
    await revoke_pay_link(building.business, tenant, made.link.id)
    assert (await building.order(order.id)).state is OrderState.EXPIRED
    with pytest.raises(Refused, match="pay_link_unknown"):
        await pay(building, made.token, amount_fen=1_000)
    other = await make_pay_link(building.business, tenant, "acc-1", ttl=timedelta(hours=1))
    building.clock.advance(hours=1)
    with pytest.raises(Refused, match="pay_link_expired"):
        await look_at_pay_link(building.business, other.token)


@pytest.mark.parametrize(
    ("fixed", "how", "key"),
    [
        (5_000, {"amount_fen": 4_000}, "pay_link_amount"),
        (None, {}, "amount_range"),
        (None, {"amount_fen": 1}, "amount_range"),
        (5_000, {"provider": "nopay"}, "provider_unknown"),
        (5_000, {"way": PayWay.IN_APP}, "payer_missing"),
    ],
)
async def test_a_wrong_wish_by_a_link_is_refused(
    building: Building, tenant: Actor, fixed: int | None, how: dict[str, Any], key: str
) -> None:
    """M5: what the link does not say cannot be asked for, and nothing is opened."""
    made = await make_pay_link(building.business, tenant, "acc-1", amount_fen=fixed)
    with pytest.raises(Refused, match=key):
        await pay(building, made.token, **how)
    assert not await building.business.store.orders.of_account("acc-1", 5)


async def test_links_have_limits(building: Building, tenant: Actor) -> None:
    """Y3, A1: only so many live ones, only within sensible times, only for one's own account, only with a key."""
    for _ in range(OPEN_MOST):
        await make_pay_link(building.business, tenant, "acc-1")
    with pytest.raises(Refused, match="too_many_links"):
        await make_pay_link(building.business, tenant, "acc-1")
    stranger = await building.flat(2)
    with pytest.raises(Refused, match="not_found"):
        await make_pay_link(building.business, stranger, "acc-1")
    with pytest.raises(Refused, match="pay_link_ttl"):
        await make_pay_link(building.business, stranger, "acc-2", ttl=timedelta(days=365))
    with pytest.raises(Refused, match="pay_links_off"):
        await make_pay_link(replace(building.business, link_key=b""), stranger, "acc-2")


@given(st.integers(0, 54), st.characters())
def test_a_token_with_any_other_character_is_not_believed(place: int, character: str) -> None:
    """A4: the seal covers number and end; a changed token is refused before anything is looked up."""
    token = seal(KEY, LINK)
    changed = token[:place] + character + token[place + 1 :]
    if changed == token:
        assert unseal(KEY, changed, EPOCH) == LINK.id
        return
    with pytest.raises(Refused, match="pay_link_unknown"):
        unseal(KEY, changed, EPOCH)


@given(st.text(max_size=80))
def test_any_text_is_no_token(text: str) -> None:
    """A4: whatever is pasted gets the same no."""
    with pytest.raises(Refused, match="pay_link_unknown"):
        unseal(KEY, text, EPOCH)


@pytest.mark.parametrize("text", ["", "short", base64.b64encode(b"x" * 31).decode(), "€"])
def test_a_weak_key_is_refused(text: str) -> None:
    """A4: at least 32 bytes."""
    with pytest.raises(Refused, match="pay_link_key"):
        read_key(text)


async def test_a_lost_payment_is_found_by_its_number(building: Building, tenant: Actor) -> None:
    """M4, M5: the tenant pastes the number, the provider confirms it, it is credited once; asked again it says so."""
    order = await start_topup(building.business, tenant, "acc-1", 5_000, provider="testpay")
    await building.business.store.orders.move(order.id, OrderState.PENDING, OrderState.EXPIRED)
    payment = building.payment(order, txn_id="4200001234567890")
    building.provider.on_find = lambda number: payment if number == payment.txn_id else None
    asked = [claim_payment(building.business, tenant, "acc-1", " 4200001234567890 ") for _ in range(3)]
    assert set(await asyncio.gather(*asked)) <= {Claim.CREDITED, Claim.CREDITED_BEFORE}
    assert await claim_payment(building.business, tenant, "acc-1", payment.txn_id) is Claim.CREDITED_BEFORE
    assert await building.balance_micro(1) == 57_000_000


async def test_a_claim_reveals_nothing_of_others(building: Building, tenant: Actor) -> None:
    """A1: a stranger's payment and one that nobody knows give the same answer and the same ticket; nothing moves."""
    finance = await building.operator(role=Role.FINANCE)
    neighbour = await building.flat(2)
    order = await start_topup(building.business, neighbour, "acc-2", 5_000, provider="testpay")
    payment = building.payment(order, txn_id="4200000000000002")
    building.provider.on_find = lambda number: payment if number == payment.txn_id else None
    for number in (payment.txn_id, "4200000000000404"):
        assert await claim_payment(building.business, tenant, "acc-1", number) is Claim.PASSED_ON
    tickets = await open_money_tickets(building.business, finance)
    assert {(each.kind, each.why, each.account_id, each.order_id) for each in tickets} == {
        (MoneyKind.CLAIM, "claim.not_found", "acc-1", "")
    }
    assert len(tickets) == 2
    assert await building.balance_micro(2) == 0
    told = await building.business.store.notices.of_account("acc-1", 10)
    assert [n.kind for n in told if n.person_id == finance.id] == [NoticeKind.CLAIM_OPENED] * 2


async def test_claims_are_limited(building: Building, tenant: Actor) -> None:
    """A5, Y3: numbers cannot be tried out, and only for an account of one's own."""
    for turn in range(TRIES):
        await claim_payment(building.business, tenant, "acc-1", f"420000000000000{turn}")
    with pytest.raises(Refused, match="too_many_claims"):
        await claim_payment(building.business, tenant, "acc-1", "4200000000000009")
    stranger = await building.flat(2)
    with pytest.raises(Refused, match="not_found"):
        await claim_payment(building.business, stranger, "acc-1", "4200000000000009")
    with pytest.raises(Refused, match="txn_number"):
        await claim_payment(building.business, stranger, "acc-2", "my money!")
    building.clock.advance(hours=1)
    assert await claim_payment(building.business, tenant, "acc-1", "4200000000000009") is Claim.PASSED_ON
