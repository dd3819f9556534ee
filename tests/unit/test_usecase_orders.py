"""Orders on the real store: one number for one wish, cancelling, the janitor's plan, and money that comes oddly."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from prepaid.domain.access import Actor, Grant, Role
from prepaid.domain.errors import Refused, TryAgain, Unknown
from prepaid.domain.notices import NoticeKind
from prepaid.domain.orders import MOST_OPEN, Order, OrderState, PayWay
from prepaid.storage.driver import Database
from prepaid.usecases.at_once import at_once
from prepaid.usecases.cancel_topup import cancel_topup
from prepaid.usecases.chase_orders import chase_orders
from prepaid.usecases.credit_payment import credit_payment
from prepaid.usecases.start_topup import start_topup
from tests.fakes.building import MERCHANT, Building, ScriptedProvider, build
from tests.fakes.clock import ManualClock


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """One site with two ways to pay."""
    building = await build(database, clock)
    other = ScriptedProvider(name="otherpay", merchant=replace(MERCHANT, provider="otherpay"))
    providers = {"testpay": building.provider, "otherpay": other}
    building.business = replace(building.business, providers=providers)
    return building


@pytest.fixture
async def tenant(building: Building) -> Actor:
    """Whoever lives in 101."""
    return await building.flat(1)


async def ask(building: Building, tenant: Actor, fen: int = 5_000, **how: Any) -> Order:
    """The tenant asks to pay."""
    return await start_topup(building.business, tenant, "acc-1", fen, **{"provider": "testpay", **how})


async def test_the_same_wish_is_the_same_order(building: Building, tenant: Actor) -> None:
    """M9, M15: asked ten times at once and again later it is one number; another amount, way or provider is another."""
    orders = await asyncio.gather(*(ask(building, tenant) for _ in range(10)))
    assert len({order.id for order in orders}) == 1
    building.clock.advance(hours=1)
    assert (await ask(building, tenant)).id == orders[0].id
    other = [
        await ask(building, tenant, 5_001),
        await ask(building, tenant, way=PayWay.WAP),
        await ask(building, tenant, provider="otherpay"),
    ]
    assert len({orders[0].id, *(order.id for order in other)}) == 4


async def test_a_lost_answer_is_asked_for_again_under_the_same_number(building: Building, tenant: Actor) -> None:
    """M9: a retry after a timeout never becomes a second charge."""
    heard: list[str] = []

    def lost(order: Order) -> str:
        heard.append(order.id)
        raise Unknown("unknown.provider")

    building.provider.on_create = lost
    first = await ask(building, tenant)
    assert first.state is OrderState.UNKNOWN

    def answered(order: Order) -> str:
        heard.append(order.id)
        return f"pay:{order.id}"

    building.provider.on_create = answered
    again = await ask(building, tenant)
    assert (again.state, again.pay_uri) == (OrderState.PENDING, f"pay:{first.id}")
    assert heard == [first.id, first.id]


async def test_a_code_that_was_just_paid_is_not_shown_again(building: Building, tenant: Actor) -> None:
    """M4, M9: asked for again before its notification came, the order is found paid; silence delays nobody."""
    order = await ask(building, tenant)

    def silent(_order: Order) -> None:
        raise Unknown("unknown.provider")

    building.provider.on_query = silent
    assert (await ask(building, tenant)).pay_uri == order.pay_uri
    building.provider.on_query = building.payment
    again = await ask(building, tenant)
    assert (again.id, again.state) == (order.id, OrderState.CREDITED)
    building.provider.on_query = lambda _order: None
    assert (await ask(building, tenant)).id != order.id
    assert await building.balance_micro(1) == 50_000_000


async def test_a_number_is_followed_by_another_only_when_it_is_closed(building: Building, tenant: Actor) -> None:
    """M8, M9: near its end the old order is closed first; if that fails there is no new one; if paid it counts."""
    first = await ask(building, tenant)
    building.clock.advance(minutes=116)

    def away(_order: Order) -> bool:
        raise TryAgain("try_again.provider")

    building.provider.on_close = away
    with pytest.raises(TryAgain):
        await ask(building, tenant)
    building.provider.on_close = lambda _order: True
    second = await ask(building, tenant)
    assert second.id != first.id
    assert (await building.order(first.id)).state is OrderState.EXPIRED
    building.clock.advance(minutes=116)
    building.provider.on_query = building.payment
    assert (await ask(building, tenant)).id == second.id
    assert (await building.order(second.id)).state is OrderState.CREDITED
    assert await building.balance_micro(1) == 50_000_000


async def test_a_paid_wish_can_be_wished_again(building: Building, tenant: Actor) -> None:
    """M4: the same amount on another day, or the same day, is another order and another credit."""
    for turn in range(1, 4):
        order = await ask(building, tenant)
        await credit_payment(building.business, building.payment(order))
        assert await building.balance_micro(1) == turn * 50_000_000


async def test_two_channels_both_paid_are_both_credited(building: Building, tenant: Actor) -> None:
    """M4, M8: a wish paid by both providers is two payments of the same person, and both are theirs."""
    one, two = await ask(building, tenant), await ask(building, tenant, provider="otherpay")
    paid = [building.payment(one), building.payment(two, provider="otherpay")]
    await asyncio.gather(*(credit_payment(building.business, each) for each in paid * 3))
    assert await building.balance_micro(1) == 100_000_000
    assert {(await building.order(each.id)).state for each in (one, two)} == {OrderState.CREDITED}


async def test_a_cancelled_order_is_closed_on_both_sides(building: Building, tenant: Actor) -> None:
    """M8: cancelled twice it is closed; money that comes for it in spite of that reaches the account."""
    closed: list[str] = []

    def close(order: Order) -> bool:
        closed.append(order.id)
        return True

    building.provider.on_close = close
    order = await ask(building, tenant)
    for _ in range(2):
        assert (await cancel_topup(building.business, tenant, order.id)).state is OrderState.EXPIRED
    assert closed == [order.id]
    await credit_payment(building.business, building.payment(order))
    assert await building.balance_micro(1) == 50_000_000
    with pytest.raises(Refused, match="order_edge"):
        await cancel_topup(building.business, tenant, order.id)


async def test_cancelling_what_was_just_paid_credits_it(building: Building, tenant: Actor) -> None:
    """M8: the provider's word that it was paid wins over the person's wish."""
    order = await ask(building, tenant)
    answers = iter([None, building.payment(order)])
    building.provider.on_query = lambda _order: next(answers)
    building.provider.on_close = lambda _order: False
    assert (await cancel_topup(building.business, tenant, order.id)).state is OrderState.CREDITED
    assert await building.balance_micro(1) == 50_000_000


async def test_nobody_cancels_another_s_order(building: Building, tenant: Actor) -> None:
    """A1: a foreign order and a missing one give the same answer, and nothing happens."""
    stranger = await building.flat(2)
    order = await ask(building, tenant)
    for number in (order.id, "cw-nowhere"):
        with pytest.raises(Refused, match="not_found"):
            await cancel_topup(building.business, stranger, number)
    assert (await building.order(order.id)).state is OrderState.PENDING


async def test_the_janitor_asks_often_and_then_less(building: Building, tenant: Actor) -> None:
    """M9, Y3: every half minute for ten minutes, then at growing distances, and never after the end."""
    asked: list[float] = []
    since = building.clock.now()

    def unpaid(_order: Order) -> None:
        asked.append((building.clock.now() - since).total_seconds())

    building.provider.on_query = unpaid
    await ask(building, tenant)
    for _ in range(3 * 120):
        building.clock.advance(seconds=30)
        await chase_orders(building.business)
    assert asked[:20] == [30.0 * turn for turn in range(1, 21)]
    gaps = [later - earlier for earlier, later in pairwise(asked[20:])]
    assert gaps == sorted(gaps)
    assert gaps[-1] > 600
    assert len(asked) < 30


async def test_old_orders_in_trouble_do_not_starve_new_ones(building: Building, tenant: Actor) -> None:
    """M4, Y3: however many orders wait for a provider that is away, a paid one of another is found in its turn."""

    def away(_order: Order) -> None:
        raise TryAgain("try_again.provider")

    other = building.business.providers["otherpay"]
    assert isinstance(other, ScriptedProvider)
    other.on_query = away
    await building.flat(2)
    model = await ask(building, tenant, provider="otherpay")
    stuck = [replace(model, id=f"cwstuck{number:010}", account_id="acc-2") for number in range(120)]
    async for _ in at_once(stuck, building.business.store.orders.add):
        pass  # More than the driver's connections at once may wait too long for one on a busy machine.
    order = await ask(building, tenant)
    building.provider.on_query = building.payment
    for _ in range(2):
        building.clock.advance(seconds=31)
        await chase_orders(building.business)
    assert (await building.order(order.id)).state is OrderState.CREDITED


async def test_a_provider_that_was_removed_troubles_only_its_own_orders(building: Building, tenant: Actor) -> None:
    """Y7: an order of a provider that is not set up any more waits; the janitor goes on with the others."""
    gone, here = await ask(building, tenant, provider="otherpay"), await ask(building, tenant)
    building.business = replace(building.business, providers={"testpay": building.provider})
    building.provider.on_query = building.payment
    building.clock.advance(seconds=31)
    await chase_orders(building.business)
    assert (await building.order(gone.id)).state is OrderState.PENDING
    assert (await building.order(here.id)).state is OrderState.CREDITED


async def test_money_that_went_back_over_there_is_not_credited(building: Building, tenant: Actor) -> None:
    """M4, M6: a payment that the merchant refunded in the provider's console ends as a dispute, told to the staff."""
    staff = await building.operator(role=Role.FINANCE)
    order = await ask(building, tenant)
    building.provider.on_query = lambda asked: building.payment(asked, success=False)
    building.clock.advance(seconds=31)
    await chase_orders(building.business)
    stored = await building.order(order.id)
    assert (stored.state, stored.dispute) == (OrderState.DISPUTED, "dispute.refunded_there")
    assert await building.balance_micro(1) == 0
    told = await building.business.store.notices.of_account("acc-1", 10)
    assert [n.kind for n in told if n.person_id == staff.id] == [NoticeKind.PAYMENT_DISPUTED]


async def test_open_orders_of_an_account_have_a_limit(building: Building, tenant: Actor) -> None:
    """Y3: more open orders than anybody needs are refused, with words."""
    for more in range(MOST_OPEN):
        await ask(building, tenant, 1_000 + more)
    with pytest.raises(Refused, match="too_many_orders"):
        await ask(building, tenant, 9_000)
    assert (await ask(building, tenant, 1_000)).amount_fen == 1_000


@pytest.mark.parametrize(
    ("how", "key"),
    [
        ({"way": PayWay.IN_APP}, "payer_missing"),
        ({"provider": "nopay"}, "provider_unknown"),
    ],
)
async def test_a_wish_that_cannot_be_is_refused(
    building: Building, tenant: Actor, how: dict[str, Any], key: str
) -> None:
    """M5: nothing is opened for it."""
    with pytest.raises(Refused, match=key):
        await ask(building, tenant, **how)
    assert not await building.business.store.orders.of_account("acc-1", 10)


async def test_staff_of_another_site_cannot_open_orders(building: Building, tenant: Actor) -> None:
    """A2: an account outside the actor's reach is not found."""
    stranger = replace(tenant, accounts=frozenset(), grants=(Grant(Role.OWNER, "elsewhere"),))
    with pytest.raises(Refused, match="not_found"):
        await ask(building, stranger)
