"""A small building over the real store: one site, flats with relay meters on one bus, tenants and an operator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from prepaid.domain.access import Actor, Grant, Role
from prepaid.domain.accounts import Account, Site
from prepaid.domain.approvals import Limits
from prepaid.domain.bills import Bill, BillRow
from prepaid.domain.calendar import SiteCalendar
from prepaid.domain.errors import TryAgain
from prepaid.domain.ledger import Kind, Line, Posting, customer
from prepaid.domain.metering import Gateway, Meter, Reading, Sweep
from prepaid.domain.notices import Notice
from prepaid.domain.orders import Merchant, Order, Payment
from prepaid.domain.people import Address, Person
from prepaid.domain.refunds import RefundState
from prepaid.domain.supply import Supply, SupplyPolicy, Wanted
from prepaid.domain.tariffs import FlatTariff
from prepaid.ports import Business, InboxRow, Waiter
from prepaid.storage.driver import Database
from prepaid.storage.mongo import open_store, store_over
from prepaid.usecases.credit_payment import credit_payment
from prepaid.usecases.gather_facts import gather_facts
from prepaid.usecases.settle_readings import settle_readings
from prepaid.usecases.start_topup import start_topup
from tests.fakes.clock import ManualClock
from tests.fakes.recycled import is_migrated

SITE = "maple"
GATEWAY = "gw-1"
MERCHANT = Merchant(provider="testpay", merchant_id="m-1", app_id="app-1")
PRICE_MICRO = 600_000
"""0.60 yuan per kWh."""


class NoWakeups:
    """Hints that go nowhere: what holds with these holds without Redis (Y2)."""

    async def wake(self, topic: str) -> None: ...

    @asynccontextmanager
    async def waiter(self, *topics: str) -> AsyncIterator[Waiter]:
        """Sleeps through everything."""
        yield _Deaf()


class _Deaf:
    async def wait(self, timeout_s: float) -> bool:
        await asyncio.sleep(timeout_s)
        return False


@dataclass
class ScriptedProvider:
    """Answers what a test tells it to."""

    name: str = "testpay"
    merchant: Merchant = MERCHANT
    on_create: Callable[[Order], str] = field(default=lambda order: f"pay:{order.id}")
    on_query: Callable[[Order], Payment | None] = field(default=lambda _order: None)
    on_close: Callable[[Order], bool] = field(default=lambda _order: True)
    on_refund: Callable[[str], RefundState] = field(default=lambda _number: RefundState.SUCCESS)
    on_find: Callable[[str], Payment | None] = field(default=lambda _number: None)
    bills: dict[date, tuple[BillRow, ...]] = field(default_factory=dict)
    """Its bills by day; a day that is not there is not ready."""
    refunds: dict[str, int] = field(default_factory=dict)
    """Refund numbers that were heard, with their amounts in fen: the same number never pays twice."""
    refund_within: timedelta = timedelta(days=365)

    async def create(self, order: Order, description: str) -> str:
        return self.on_create(order)

    async def query(self, order: Order) -> Payment | None:
        return self.on_query(order)

    async def close(self, order: Order) -> bool:
        return self.on_close(order)

    async def find(self, txn_id: str) -> Payment | None:
        return self.on_find(txn_id)

    async def bill(self, day: date) -> Bill:
        if day not in self.bills:
            raise TryAgain("try_again.bill_not_ready")
        return Bill(provider=self.name, day=day, rows=self.bills[day])

    async def refund(self, order: Order, refund_id: str, amount_fen: int, reason: str) -> RefundState:
        """Hears the number, then answers, so that an answer may be lost after it was heard."""
        assert self.refunds.setdefault(refund_id, amount_fen) == amount_fen
        return self.on_refund(refund_id)

    async def query_refund(self, order: Order, refund_id: str) -> RefundState | None:
        return self.on_refund(refund_id) if refund_id in self.refunds else None


@dataclass
class RecordingSender:
    """Keeps what was sent; raises what it is told to."""

    sent: list[tuple[str, Notice, str | None]] = field(default_factory=list)
    trouble: Exception | None = None

    async def send(self, address: Address, notice: Notice, person: Person, *, reference: str | None) -> str:
        if self.trouble is not None:
            raise self.trouble
        self.sent.append((address.user, notice, reference))
        return reference or f"msg-{len(self.sent)}"


@dataclass
class Building:
    """The building and the hands to play with it."""

    business: Business
    clock: ManualClock
    provider: ScriptedProvider
    site: Site

    async def flat(self, unit: int, *, balance_micro: int = 0, tenant: bool = True, protected: bool = False) -> Actor:
        """A flat "10<unit>" with account "acc-<unit>", meter "met-<unit>" and, if wanted, a bound tenant."""
        path = f"{self.site.path}/b1/10{unit}"
        account_id, meter_id = f"acc-{unit}", f"met-{unit}"
        store = self.business.store
        account = Account(id=account_id, site_id=SITE, path=path, label=f"10{unit}", protected=protected)
        await store.sites.save_account(account)
        meter = Meter(
            id=meter_id, site_id=SITE, path=path, gateway_id=GATEWAY, unit=unit, profile="test", account_id=account_id
        )
        await store.meters.add(meter)
        await store.supplies.add(
            Supply(
                meter_id=meter_id,
                account_id=account_id,
                site_id=SITE,
                gateway_id=GATEWAY,
                path=path,
                wanted=Wanted(at=self.clock.now()),
            )
        )
        if balance_micro:
            await self.give(account_id, balance_micro, "opening")
        person = await store.people.at("chat", f"tenant-{unit}", language="en")
        if tenant:
            await store.people.bind(person.id, account_id)
        fresh = await store.people.get(person.id)
        assert fresh is not None
        return fresh.actor()

    async def operator(self, *, scope: str = "acme", role: Role = Role.OPERATOR) -> Actor:
        """A member of staff."""
        person = await self.business.store.people.at("chat", f"staff-{scope}-{role}", language="en")
        granted = replace(person, grants=(Grant(role, scope),))
        await self.business.store.people.save(granted)
        return granted.actor()

    async def give(self, account_id: str, amount_micro: int, key: str) -> None:
        """Moves money on an account by an adjustment."""
        lines = (Line(customer(account_id), amount_micro), Line("adjustments:test", -amount_micro))
        await self.business.store.ledger.post(
            Posting(
                account_id=account_id,
                idem=f"adj:{key}",
                kind=Kind.ADJUSTMENT,
                lines=lines,
                effective_at=self.clock.now(),
                actor="test",
                reason="reason.test",
            )
        )

    async def paid(self, tenant: Actor, unit: int, amount_fen: int) -> Order:
        """A top-up, paid and credited."""
        order = await start_topup(self.business, tenant, f"acc-{unit}", amount_fen, provider="testpay")
        await credit_payment(self.business, self.payment(order))
        return await self.order(order.id)

    async def order(self, order_id: str) -> Order:
        """The row as it stands."""
        order = await self.business.store.orders.get(order_id)
        assert order is not None
        return order

    async def read(self, unit: int, energy_wh: int, *, on: bool = True, advance_s: float = 60) -> None:
        """One sweep in which one meter answers."""
        self.clock.advance(seconds=advance_s)
        reading = Reading(meter_id=f"met-{unit}", at=self.clock.now(), energy_wh=energy_wh, relay_on=on, power_w=500)
        await settle_readings(self.business, Sweep(gateway_id=GATEWAY, readings=(reading,)))

    async def balance_micro(self, unit: int) -> int:
        """From the ledger."""
        return (await self.business.store.ledger.head(f"acc-{unit}")).balance_micro

    async def supply(self, unit: int) -> Supply:
        """The row as it stands."""
        supply = await self.business.store.supplies.get(f"met-{unit}")
        assert supply is not None
        return supply

    async def warned_at(self, unit: int) -> datetime | None:
        """What the policy of cuts takes for the end of a flat's warning."""
        store = self.business.store
        account = await store.sites.account(f"acc-{unit}")
        (meter,) = await store.meters.of_account(f"acc-{unit}")
        assert account is not None
        facts = await gather_facts(self.business, account, self.site, meter, await self.supply(unit))
        return facts.warned_at

    def payment(self, order: Order, **changes: object) -> Payment:
        """What the provider says of a paid order."""
        payment = Payment(
            provider="testpay",
            merchant_id=MERCHANT.merchant_id,
            app_id=MERCHANT.app_id,
            order_id=order.id,
            txn_id=f"txn-{order.id}",
            amount_fen=order.amount_fen,
            currency="CNY",
            paid_at=self.clock.now(),
        )
        return replace(payment, **changes)  # type: ignore[arg-type]

    def row(self, payment: Payment, event: str = "e1") -> InboxRow:
        """The notification of a payment."""
        return InboxRow(
            id=f"testpay:{event}:{payment.order_id}",
            provider="testpay",
            kind="paid",
            raw=b"{}",
            headers={},
            payment=payment,
            received_at=self.clock.now(),
        )


async def build(database: Database, clock: ManualClock, **policy: int) -> Building:
    """An empty building. `policy` overrides numbers; by default a cut follows a minute after its warning."""
    numbers = {"warning_lead_s": 60, "settle_every_s": 1, "no_off_after_on_s": 60, **policy}
    site = Site(
        id=SITE,
        name="Maple Court",
        path="acme/maple",
        calendar=SiteCalendar(time_zone="Asia/Shanghai"),
        policy=SupplyPolicy(**numbers),  # type: ignore[arg-type]
        limits=Limits(undo_s=0, agree_s=0),
        tariff=FlatTariff(id="t1", price_micro_per_kwh=PRICE_MICRO),
    )
    store = store_over(database, clock) if await is_migrated(database) else await open_store(database, clock)
    await store.sites.save_site(site)
    await store.sites.save_gateway(Gateway(id=GATEWAY, site_id=SITE, transport="tcp", host="127.0.0.1", port=1))
    provider = ScriptedProvider()
    business = Business(store=store, clock=clock, wakeups=NoWakeups(), providers={"testpay": provider})
    return Building(business=business, clock=clock, provider=provider, site=site)


WARNED = timedelta(seconds=61)
