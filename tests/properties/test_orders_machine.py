"""Orders on the real store against a few sums: paid, expired, disputed, refunded, by tenant, provider and desk at once.

Each example has an account of its own. The model knows amounts and no steps: what each order is worth to its account,
what has gone back to its payer, and what the provider was told.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from chatwatt.embedded import StoreUris
from prepaid.domain.access import CLOCK, Actor, Role
from prepaid.domain.errors import Refused, TryAgain, Unknown
from prepaid.domain.orders import Order, OrderState
from prepaid.domain.refunds import Refund, RefundState
from prepaid.storage.driver import DriverName
from prepaid.usecases.audit_ledger import audit_ledger
from prepaid.usecases.cancel_topup import cancel_topup
from prepaid.usecases.chase_orders import chase_orders
from prepaid.usecases.chase_refunds import chase_refunds
from prepaid.usecases.credit_payment import credit_payment
from prepaid.usecases.refund import refund
from prepaid.usecases.start_topup import start_topup
from tests.fakes.building import Building, build
from tests.fakes.clock import ManualClock
from tests.fakes.rig import Rig, rig

SETTINGS = settings(
    max_examples=16,
    stateful_step_count=16,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
MICRO = 10_000
PICK = st.integers(0, 3)
FEN = st.integers(100, 900)
KEYS = st.sampled_from(["a", "b", "c", "d", "e", "f"])
SIZES = st.sampled_from(["part", "part", "part", "rest", "whole", "over"])


@dataclass
class Told:
    """One order, as an onlooker with a pencil would keep it."""

    id: str
    fen: int
    credited: bool = False
    disputed_fen: int = 0
    expired: bool = False
    back_fen: int = 0
    under_way: tuple[str, int] | None = None


class OrdersMachine(RuleBasedStateMachine):
    """The stage is set by the test."""

    stage: ClassVar[Rig]
    building: ClassVar[Building]
    cashier: ClassVar[Actor]

    def __init__(self) -> None:
        super().__init__()
        self.unit = self.stage.name()
        self.account = f"acc-{self.unit}"
        self.tenant = self.stage.run(self.building.flat(self.unit))
        self.orders: list[Told] = []
        self.keys: dict[tuple[str, str], int] = {}
        self.spent = 0
        self.mode = RefundState.SUCCESS
        self._answers()

    def _answers(self) -> None:
        """The provider answers refunds by the mode of the moment; processing stands for a lost answer, too."""

        def answer(_number: str) -> RefundState:
            if self.mode is RefundState.PROCESSING:
                raise Unknown("unknown.provider")
            return self.mode

        self.building.provider.on_refund = answer

    @property
    def balance(self) -> int:
        """What the account must be worth."""
        credited = sum(each.fen for each in self.orders if each.credited)
        back = sum(each.back_fen for each in self.orders if each.credited)
        held = sum(each.under_way[1] for each in self.orders if each.credited and each.under_way)
        return (credited - back - held) * MICRO - self.spent

    @rule(fen=FEN)
    def start(self, fen: int) -> None:
        """The tenant asks to pay."""
        order = self.stage.run(start_topup(self.building.business, self.tenant, self.account, fen, provider="testpay"))
        known = [told for told in self.orders if told.id == order.id]
        waiting = [told for told in self.orders if told.fen == fen and self._state(told) is OrderState.PENDING]
        assert known == waiting, "the same wish is the same order while it waits, and another one afterwards"
        if not known:
            self.orders.append(Told(order.id, fen))

    @rule(pick=PICK, fen=FEN)
    def wish_again(self, pick: int, fen: int) -> None:
        """The same wish three times at once comes to one number (M9)."""
        told = self._picked(pick)
        amount = told.fen if told else fen
        begin = partial(start_topup, self.building.business, self.tenant, self.account, amount, provider="testpay")
        numbers = {order.id for order in self.stage.both(*(begin() for _ in range(3))) if isinstance(order, Order)}
        assert len(numbers) == 1
        (number,) = numbers
        if all(each.id != number for each in self.orders):
            self.orders.append(Told(number, amount))

    @rule(pick=PICK, paid=st.booleans())
    def cancel(self, pick: int, *, paid: bool) -> None:
        """The tenant takes it back, perhaps just after paying (M8)."""
        told = self._picked(pick)
        if told is None or self._state(told) is not OrderState.PENDING:
            return
        self.building.provider.on_query = self.building.payment if paid else (lambda _order: None)
        order = self.stage.run(cancel_topup(self.building.business, self.tenant, told.id))
        self.building.provider.on_query = lambda _order: None
        told.credited, told.expired = paid, not paid
        assert order.state is (OrderState.CREDITED if paid else OrderState.EXPIRED)

    @rule(pick=PICK, times=st.integers(1, 3))
    def pay(self, pick: int, times: int) -> None:
        """The provider tells of a payment, perhaps several times at once (M4, M8)."""
        if (told := self._picked(pick)) is None:
            return
        payment = self.building.payment(self._order(told))
        self.stage.both(*(credit_payment(self.building.business, payment) for _ in range(times)))
        told.credited = told.credited or told.disputed_fen == 0

    @rule(pick=PICK)
    def pay_less(self, pick: int) -> None:
        """A payment of another amount under another number (M6)."""
        if (told := self._picked(pick)) is None:
            return
        order = self._order(told)
        wrong = self.building.payment(order, amount_fen=told.fen - 1, txn_id=f"odd-{told.id}")
        self.stage.run(credit_payment(self.building.business, wrong))
        if not told.credited and told.disputed_fen == 0:
            told.disputed_fen = told.fen - 1

    @rule()
    def time_passes(self) -> None:
        """Two hours: unpaid orders expire."""
        self.building.clock.advance(hours=2, seconds=1)
        self._expire()

    def _expire(self) -> None:
        """Orders live for less than the two hours that have passed."""
        self.stage.run(chase_orders(self.building.business))
        for told in self.orders:
            told.expired = told.expired or not (told.credited or told.disputed_fen)

    @initialize(fen=FEN)
    def begin(self, fen: int) -> None:
        """Every example has something that can be refunded."""
        self.start(fen)
        self.pay(0, 1)

    @rule(pick=PICK, size=SIZES, key=KEYS, says=st.sampled_from(RefundState))
    def give_back(self, pick: int, size: str, key: str, says: RefundState) -> None:
        """The desk refunds a part or the whole (M10)."""
        if (told := self._picked(pick)) is None:
            return
        self.mode = says
        whole = told.disputed_fen or told.fen
        left = whole - told.back_fen
        fen = self.keys.get((told.id, key)) or {"part": left // 3, "rest": left, "whole": whole, "over": left + 1}[size]
        expected = self._refund_expected(told, fen, key)
        (got,) = self.stage.both(self._refund(told, fen, key))
        assert isinstance(got, Refund) == expected, (got, told)
        if expected:
            self._note(told, key, fen)

    @rule(pick=PICK, fens=st.tuples(FEN, FEN))
    def both_desks_at_once(self, pick: int, fens: tuple[int, int]) -> None:
        """Two refunds, a repeated payment and the janitor together: afterwards the books are asked what happened."""
        told = self._picked(pick)
        if told is None or not told.credited or told.under_way:
            return
        self.mode = RefundState.SUCCESS
        payment = self.building.payment(self._order(told))
        keys = [f"race{self.stage.name()}" for _ in fens]
        self.stage.both(
            *(self._refund(told, fen, key) for fen, key in zip(fens, keys, strict=True)),
            credit_payment(self.building.business, payment),
            chase_refunds(self.building.business),
        )
        self._settle()
        before, after = told.back_fen, self._order(told).refunded_fen
        assert after - before in {0, *fens, sum(fens)}
        assert after <= told.fen
        told.back_fen = after
        self._ended()  # The janitor asked about those of other orders as well.

    @rule(share=st.integers(1, 3))
    def spend(self, share: int) -> None:
        """Some of the credit is used up."""
        amount = self.balance // share if self.balance > 0 else 0
        if amount:
            self.stage.run(self.building.give(self.account, -amount, f"spend{self.stage.name()}"))
            self.spent += amount

    @rule(says=st.sampled_from(RefundState))
    def janitor(self, says: RefundState) -> None:
        """Asks about refunds whose answer was lost, by the same number (M9)."""
        self.mode = says
        self._settle()
        self._ended()

    def _ended(self) -> None:
        """Whatever was under way has ended as the provider says now."""
        for told in self.orders:
            if told.under_way and self.mode is not RefundState.PROCESSING:
                told.back_fen += told.under_way[1] if self.mode is RefundState.SUCCESS else 0
                told.under_way = None

    @invariant()
    def the_account_is_worth_what_was_told(self) -> None:
        """M2, M4, M6, M10: after every step."""
        assert self.stage.run(self.building.balance_micro(self.unit)) == self.balance
        for told in self.orders:
            order = self._order(told)
            assert order.refunded_fen == told.back_fen <= (told.disputed_fen or told.fen)
            assert order.state is self._state(told), (order, told)

    def _state(self, told: Told) -> OrderState:
        if told.under_way:
            return OrderState.REFUNDING
        if told.back_fen == (told.disputed_fen or told.fen):
            return OrderState.REFUNDED
        if told.credited:
            return OrderState.CREDITED
        if told.disputed_fen:
            return OrderState.DISPUTED
        return OrderState.EXPIRED if told.expired else OrderState.PENDING

    def _refund_expected(self, told: Told, fen: int, key: str) -> bool:
        if (told.id, key) in self.keys:
            return self.keys[told.id, key] == fen
        if told.under_way or not (told.credited or told.disputed_fen):
            return False
        if told.disputed_fen:
            return told.back_fen == 0 and fen == told.disputed_fen
        return 0 < fen <= told.fen - told.back_fen and fen * MICRO <= self.balance

    def _note(self, told: Told, key: str, fen: int) -> None:
        """A first call, or another call that asks the provider about the one under way."""
        first = (told.id, key) not in self.keys
        self.keys[told.id, key] = fen
        if not first and told.under_way != (key, fen):
            return  # It had ended before.
        told.under_way = (key, fen) if self.mode is RefundState.PROCESSING else None
        if self.mode is RefundState.SUCCESS:
            told.back_fen += fen

    def _settle(self) -> None:
        for _ in range(2):
            self.building.clock.advance(hours=1, seconds=1)
            self.stage.run(chase_refunds(self.building.business))
        self._expire()

    async def _refund(self, told: Told, fen: int, key: str) -> object:
        try:
            return await refund(self.building.business, self.cashier, told.id, fen, key=key, why="test")
        except (Refused, TryAgain) as trouble:
            return trouble

    def _picked(self, pick: int) -> Told | None:
        return self.orders[pick % len(self.orders)] if self.orders else None

    def _order(self, told: Told) -> Order:
        return self.stage.run(self.building.order(told.id))

    def teardown(self) -> None:
        """Nothing is left under way for the next example."""
        self.mode = RefundState.SUCCESS
        self._settle()


def test_orders_are_worth_what_they_say(store_uris: StoreUris, driver_name: DriverName) -> None:
    """M4, M6, M8, M9, M10: whatever comes in whatever order, the sums are those of a pencil and the chain is whole."""
    with rig(store_uris, driver_name) as stage:
        building = stage.run(build(stage.database, ManualClock()))
        OrdersMachine.stage, OrdersMachine.building = stage, building
        OrdersMachine.cashier = stage.run(building.operator(role=Role.FINANCE))
        run_state_machine_as_test(OrdersMachine, settings=SETTINGS)
        assert stage.run(audit_ledger(building.business, CLOCK)).clean
