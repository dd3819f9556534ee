"""What happens to one flat, and how everything left undone is finished: by the product's own sweepers, nothing else.

The relay of the flat is a document, so that it survives the death of the program as a real relay does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from prepaid.domain.access import CLOCK, Actor, Role
from prepaid.domain.approvals import Approval, ApprovalState
from prepaid.domain.bills import BillKind, BillRow
from prepaid.domain.errors import Unknown
from prepaid.domain.metering import Reading, Sweep
from prepaid.domain.orders import Order, OrderState
from prepaid.domain.refunds import RefundState, refund_id
from prepaid.domain.staff_requests import Wish
from prepaid.domain.supply import Outcome, Reported
from prepaid.ports import Business
from prepaid.storage.driver import Database, Document
from prepaid.storage.mongo import open_store
from prepaid.usecases.adjust import Cause, adjust
from prepaid.usecases.ask_staff import ask_staff
from prepaid.usecases.audit_ledger import audit_ledger
from prepaid.usecases.carry_out import resume_approvals
from prepaid.usecases.chase_orders import chase_orders
from prepaid.usecases.chase_refunds import chase_refunds
from prepaid.usecases.close_account import close_account, resume_closings
from prepaid.usecases.decide_approval import approve
from prepaid.usecases.deliver_notices import deliver_notices
from prepaid.usecases.may_switch import may_switch
from prepaid.usecases.reconcile import reconcile
from prepaid.usecases.record_switch import record_switch
from prepaid.usecases.refund import refund
from prepaid.usecases.review_supplies import review_supplies
from prepaid.usecases.settle_readings import settle_readings
from prepaid.usecases.staff_requests import tell_of_requests
from prepaid.usecases.take_notification import take_notification
from prepaid.usecases.work_inbox import work_inbox
from tests.crash.points import Fuse, watched
from tests.fakes.building import GATEWAY, SITE, Building, RecordingSender, build
from tests.fakes.clock import EPOCH, ManualClock
from tests.fakes.recycled import KEPT

ORDER = Order(
    id="cwcrash0000000001",
    account_id="acc-1",
    site_id=SITE,
    person_id="",
    provider="testpay",
    amount_fen=5_000,
    created_at=EPOCH,
    expires_at=EPOCH + timedelta(hours=2),
    state=OrderState.PENDING,
)
METER = "met-1"
DRY_WH = 1_300


@dataclass
class Stage:
    """The flat and the hands that move it, in this process."""

    building: Building
    business: Business
    fuse: Fuse
    database: Database

    async def read(self, energy_wh: int, *, minute: int) -> None:
        """The bus reports the register at a given minute of the story."""
        self.building.clock.set(EPOCH + timedelta(minutes=minute))
        on = await self.relay_on()
        reading = Reading(meter_id=METER, at=self.building.clock.now(), energy_wh=energy_wh, relay_on=on)
        await settle_readings(self.business, Sweep(gateway_id=GATEWAY, readings=(reading,)))

    async def relay_on(self) -> bool:
        """The truth about the contact."""
        row = await self.database.collection("sim").find_one({"_id": "relay"})
        return row is None or bool(row["on"])

    async def switch(self) -> None:
        """What the owner of the bus does whenever wanted and reported differ: ask, write, read back, report."""
        supply = await self.business.store.supplies.get(METER)
        assert supply is not None
        settled = supply.outcome is Outcome.CONFIRMED and supply.reported and supply.reported.on == supply.wanted.on
        wanted = supply.wanted
        if settled or not await may_switch(self.business, METER, wanted.generation, on=wanted.on):
            return
        self.fuse.point("before the relay")
        change = {"$set": {"on": wanted.on}}
        await self.database.collection("sim").update_one({"_id": "relay"}, change, upsert=True)
        self.fuse.point("after the relay")
        reported = Reported(on=await self.relay_on(), at=self.building.clock.now())
        await record_switch(self.business, METER, wanted.generation, reported)

    async def deliver(self) -> None:
        """The outbox, until it is empty."""
        sender = RecordingSender()
        while await deliver_notices(self.business, {"chat": sender}):
            pass

    async def pay(self) -> None:
        """The provider tells us, and the inbox is worked."""
        payment = self.building.payment(ORDER, paid_at=EPOCH + timedelta(minutes=60))
        await take_notification(self.business, self.building.row(payment))
        await work_inbox(self.business)

    async def owner(self) -> Actor:
        """Somebody who may refund and close."""
        return await self.building.operator(role=Role.OWNER)


Act = Callable[[Stage], Awaitable[None]]


async def _use_up(stage: Stage) -> None:
    """From some credit through the low level to none, warned."""
    for minute, register in ((0, 1_000), (1, 1_100), (2, 1_200), (3, DRY_WH)):
        await stage.read(register, minute=minute)
    await stage.deliver()


async def _cut(stage: Stage) -> None:
    """The warning has had its lead; two fresh readings; the relay opens."""
    for minute, register in ((20, DRY_WH + 5), (21, DRY_WH + 10)):
        await stage.read(register, minute=minute)
    await stage.switch()
    await stage.deliver()


async def _top_up(stage: Stage) -> None:
    """Paid in the dark; the light comes back."""
    stage.building.clock.set(EPOCH + timedelta(minutes=60))
    await stage.pay()
    await stage.switch()
    await stage.deliver()


async def _nothing(stage: Stage) -> None:
    """Nothing has happened before."""


async def _dry(stage: Stage) -> None:
    await _use_up(stage)


async def _dark(stage: Stage) -> None:
    await _use_up(stage)
    await _cut(stage)


async def _paid(stage: Stage) -> None:
    """In credit by one payment, some of it used."""
    await stage.pay()
    for minute, register in ((61, 1_000), (62, 1_100)):
        await stage.read(register, minute=minute)
    await stage.switch()
    await stage.deliver()


async def _refund(stage: Stage) -> None:
    """A part of the payment goes back to its payer."""
    stage.building.clock.set(EPOCH + timedelta(minutes=70))
    await refund(stage.business, await stage.owner(), ORDER.id, 2_000, key="r1", why="paid too much")
    await stage.deliver()


async def _move_out(stage: Stage) -> None:
    """The final reading is billed, what is left goes back, the account closes."""
    await stage.read(1_150, minute=80)
    await close_account(stage.business, await stage.owner(), "acc-1", reason="moved away")
    await stage.read(1_150, minute=81)
    await resume_closings(stage.business)
    await stage.deliver()


async def _expired(stage: Stage) -> None:
    """The order has been given up."""
    await stage.business.store.orders.move(ORDER.id, OrderState.PENDING, OrderState.EXPIRED)


async def _paid_late(stage: Stage) -> None:
    """Money comes for an order that has expired."""
    stage.building.clock.set(EPOCH + timedelta(minutes=60))
    await stage.pay()


async def _paid_wrong(stage: Stage) -> None:
    """Another amount than was asked for."""
    stage.building.clock.set(EPOCH + timedelta(minutes=60))
    payment = stage.building.payment(ORDER, amount_fen=ORDER.amount_fen - 1, paid_at=EPOCH)
    await take_notification(stage.business, stage.building.row(payment))
    await work_inbox(stage.business)


async def _refund_unanswered(stage: Stage) -> None:
    """Paid, and a refund under way of which the provider says nothing yet."""

    def silent(_number: str) -> RefundState:
        raise Unknown("unknown.provider")

    await stage.pay()
    stage.building.provider.on_refund = silent
    await refund(stage.business, await stage.owner(), ORDER.id, 2_000, key="r1", why="paid too much")


async def _refund_news(stage: Stage) -> None:
    """The provider tells of the refund, is asked, and says that it went well."""
    stage.building.clock.set(EPOCH + timedelta(minutes=70))
    news = stage.building.row(stage.building.payment(ORDER, paid_at=EPOCH + timedelta(minutes=60)), "refund")
    await take_notification(stage.business, replace(news, payment=None, refund_id=refund_id(ORDER.id, "r1")))
    await work_inbox(stage.business)


async def _bill(stage: Stage) -> None:
    """The bill of the day has a payment that we were never told of, and one that nobody knows."""
    provider = stage.building.provider
    stage.building.clock.set(EPOCH + timedelta(days=1))
    paid = stage.building.payment(ORDER, paid_at=EPOCH + timedelta(minutes=60))
    provider.on_query = lambda _order: paid
    row = BillRow(kind=BillKind.PAYMENT, txn_id=paid.txn_id, order_id=ORDER.id, amount_fen=5_000, at=paid.paid_at)
    provider.bills[EPOCH.date()] = (row, replace(row, txn_id="txn-stray", order_id="cwnowhere1", amount_fen=900))
    await reconcile(stage.business, CLOCK, "testpay", EPOCH.date())


async def _two_agreed(stage: Stage) -> None:
    """Two persons have agreed to an adjustment, and have a minute to take it back."""
    sites = stage.business.store.sites
    site = await sites.site(SITE)
    assert site is not None
    await sites.save_site(replace(site, limits=replace(site.limits, undo_s=60, adjust_micro=0)))
    asker = await stage.building.operator(role=Role.MANAGER)
    asked = await adjust(stage.business, asker, "acc-1", -30_000, key="a1", cause=Cause.BILLING_ERROR, why="twice")
    assert isinstance(asked, Approval)
    await approve(stage.business, await stage.owner(), asked.id, asked.digest)


async def _minute_over(stage: Stage) -> None:
    """Nobody took it back: it is carried out, and whoever asked is told."""
    stage.building.clock.set(EPOCH + timedelta(minutes=70))
    await resume_approvals(stage.business)
    await stage.deliver()


async def _staffed(stage: Stage) -> None:
    """Somebody looks after the site."""
    await stage.owner()


async def _ask_for_help(stage: Stage) -> None:
    """A tenant asks the staff; whoever finds their words among what is open does not say them again."""
    stage.building.clock.set(EPOCH + timedelta(minutes=70))
    if not await stage.building.business.store.staff_requests.open_of_account("acc-1", 1):
        tenant = (await stage.building.business.store.people.at("chat", "tenant-1", language="en")).actor()
        await ask_staff(stage.business, tenant, "acc-1", Wish.HELP, words="no light")
    await stage.deliver()


SCENARIOS: Mapping[str, tuple[Act, Act]] = {
    "settlement": (_nothing, _use_up),
    "cut": (_dry, _cut),
    "top_up": (_dark, _top_up),
    "refund": (_paid, _refund),
    "move_out": (_paid, _move_out),
    "late_payment": (_expired, _paid_late),
    "dispute": (_nothing, _paid_wrong),
    "refund_news": (_refund_unanswered, _refund_news),
    "reconcile": (_expired, _bill),
    "agreed_by_two": (_two_agreed, _minute_over),
    "asked_for_help": (_staffed, _ask_for_help),
}
"""What went before, undisturbed, and what is disturbed."""


Snapshot = dict[str, list[Document]]
MOST_ROWS = 10_000


async def open_stage(database: Database, fuse: Fuse) -> Stage:
    """The building as it stands, in this process."""
    building = await build(database, ManualClock())
    return Stage(building=building, business=watched(building.business, fuse), fuse=fuse, database=database)


async def prepare(database: Database, before: Act) -> Snapshot:
    """Collections and indexes, the flat, and what went before; returns every document of it."""
    await open_store(database, ManualClock())
    stage = await open_stage(database, Fuse())
    tenant = await stage.building.flat(1, balance_micro=100_000)
    await stage.building.business.store.orders.add(replace(ORDER, person_id=tenant.id))
    await before(stage)
    names = await database.collection_names()
    return {name: [row async for row in database.collection(name).find({})] for name in names}


async def reset(database: Database, snapshot: Snapshot) -> None:
    """The house as it was before; a hundred times cheaper than living through it again."""
    # One after the other: side by side each would have a connection made for it, which costs more than the reading.
    for name in await database.collection_names():
        if name not in KEPT:
            await _put_back(database, name, snapshot.get(name, []))


async def _put_back(database: Database, name: str, rows: list[Document]) -> None:
    collection = database.collection(name)
    there = await collection.find_list({}, limit=MOST_ROWS)
    if there == rows:
        return  # Reading costs the server a tenth of what writing does.
    if there:
        await collection.delete_many({})
    if rows:
        await collection.insert_many(rows)


async def recover(stage: Stage, act: Act) -> None:
    """A restart: the world goes on telling us what it told before, and the sweepers finish what was left."""
    stage.building.clock.set(EPOCH + timedelta(minutes=61))
    await act(stage)
    for _ in range(3):
        await work_inbox(stage.business)
        await chase_orders(stage.business)
        await review_supplies(stage.business)
        await chase_refunds(stage.business)
        await resume_closings(stage.business)
        await resume_approvals(stage.business)
        await tell_of_requests(stage.business)
        await stage.switch()
        stage.building.clock.advance(minutes=2)
        await stage.deliver()


async def digest(stage: Stage) -> dict[str, Any]:
    """Everything that matters, without what differs for good reasons (instants of retries)."""
    store = stage.building.business.store
    entries = await store.ledger.latest("acc-1", 100)
    order = await store.orders.get(ORDER.id)
    supply = await store.supplies.get(METER)
    notices = await store.notices.of_account("acc-1", limit=200)
    tickets = [*await store.money_tickets.below("acme", 50), *await store.money_tickets.below("", 50)]
    audit = await audit_ledger(stage.building.business, CLOCK)
    assert order is not None
    assert supply is not None
    account = await store.sites.account("acc-1")
    assert account is not None
    approvals = [str(each.state) for state in ApprovalState for each in await store.approvals.below("acme", state, 50)]
    return {
        "approvals": sorted(approvals),
        "account": str(account.status),
        "refunded_fen": order.refunded_fen,
        "tickets": sorted([str(each.why), each.theirs_fen] for each in tickets),
        "asked": [[str(each.wish), each.told] for each in await store.staff_requests.below("acme", 50)],
        "refunds_open": len(await store.refunds.open(10)),
        "balance": (await store.ledger.head("acc-1")).balance_micro,
        "entries": sorted([str(e.kind), e.delta_micro] for e in entries if e.kind != "consumption"),
        "used_micro": sum(e.delta_micro for e in entries if e.kind == "consumption"),
        "order": str(order.state),
        "wanted_on": supply.wanted.on,
        "relay_on": await stage.relay_on(),
        "outcome": str(supply.outcome),
        "told": sorted({f"{n.kind}:{n.stage or ''}:{n.state}" for n in notices}),
        "audit": audit.as_json() | {"entries": 0},
    }
