"""Top-up orders and the claims of provider transactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from prepaid.domain.errors import InvariantBroken
from prepaid.domain.orders import UNSETTLED, Order, OrderState, Payment, check_edge
from prepaid.ports import Clock
from prepaid.storage import rules
from prepaid.storage.bounded import kept, newest, not_after
from prepaid.storage.driver import Database, DuplicateKey
from prepaid.storage.mapping import Mapper

_ORDERS = Mapper(Order)
IDS_AT_ONCE = 500
DAY_MOST = 200_000
"""Paid orders of one provider in one day, far above what a landlord has."""


class MongoOrders:
    """Implements `prepaid.ports.Orders`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._clock = clock
        self._database = database
        self._orders = database.collection("orders", durable=True)
        self._claims = database.collection("provider_transactions", durable=True)

    async def migrate(self) -> None:
        """Creates the indexes."""
        await self._database.ensure_collection("orders", validator=rules.ORDERS)
        await self._orders.create_index([("account_id", 1), ("created_at", 1)])
        await self._orders.create_index([("account_id", 1), ("state", 1)])
        await self._orders.create_index([("state", 1), ("created_at", 1)])
        await self._orders.create_index([("state", 1), ("ask_at", 1)])
        await self._orders.create_index([("provider", 1), ("paid_at", 1)])

    async def add(self, order: Order) -> None:
        """A new row, journaled before the provider hears of it."""
        await self._orders.insert_one(_ORDERS.to_doc(order))

    async def get(self, order_id: str) -> Order | None:
        """One order."""
        return _ORDERS.optional(await self._orders.find_one({"_id": order_id}))

    async def move(self, order_id: str, old: OrderState, new: OrderState, **changes: object) -> bool:
        """An allowed edge, taken only from `old` (M8)."""
        check_edge(old, new)
        query = {"_id": order_id, "state": old}
        return (await self._orders.update_one(query, {"$set": {"state": new, **changes}})).matched_count == 1

    async def keep(self, order: Order) -> Order:
        """One row for one number."""
        return await kept(self._orders, _ORDERS, order)

    async def asked(self, order_id: str, at: datetime, next_at: datetime) -> None:
        """One more question to the provider."""
        update = {"$set": {"asked_at": at, "ask_at": next_at}, "$inc": {"questions": 1}}
        await self._orders.update_one({"_id": order_id}, update)

    async def due(self, states: frozenset[OrderState], at: datetime, limit: int) -> Sequence[Order]:
        """Ordered by when their turn came, so that orders that stay open never hold up newer ones."""
        query = {"state": {"$in": sorted(states)}, **not_after("ask_at", at)}
        found = await self._orders.find_list(query, sort=[("ask_at", 1)], limit=limit)
        return [_ORDERS.from_doc(document) for document in found]

    async def get_many(self, order_ids: Sequence[str]) -> Mapping[str, Order]:
        """A bounded number in each query."""
        found: dict[str, Order] = {}
        for first in range(0, len(order_ids), IDS_AT_ONCE):
            some = list(order_ids[first : first + IDS_AT_ONCE])
            rows = await self._orders.find_list({"_id": {"$in": some}}, limit=len(some))
            found |= {row["_id"]: _ORDERS.from_doc(row) for row in rows}
        return found

    async def any_asked(self, provider: str, since: datetime, until: datetime) -> bool:
        """State by state, as the index goes."""
        span = {"$gte": since, "$lt": until}
        for state in OrderState:
            query = {"state": state, "created_at": span, "provider": provider}
            if await self._orders.count_documents(query, limit=1):
                return True
        return False

    async def paid_between(self, provider: str, since: datetime, until: datetime) -> Sequence[Order]:
        """By the instant that the provider gave."""
        query = {"provider": provider, "paid_at": {"$gte": since, "$lt": until}}
        return [_ORDERS.from_doc(row) for row in await self._orders.find_list(query, limit=DAY_MOST)]

    async def in_states(self, states: frozenset[OrderState], limit: int) -> Sequence[Order]:
        """Oldest first."""
        query = {"state": {"$in": sorted(states)}}
        found = self._orders.find(query, sort=[("created_at", 1)], limit=limit)
        return [_ORDERS.from_doc(document) async for document in found]

    async def of_account(self, account_id: str, limit: int, *, until: datetime | None = None) -> Sequence[Order]:
        """Newest first; with `until` those that were not opened after it."""
        query = {"account_id": account_id}
        found = await newest(self._orders, query, "created_at", limit=limit, now=self._clock.now(), until=until)
        return [_ORDERS.from_doc(document) for document in found]

    async def unsettled(self, account_id: str) -> bool:
        """Whether money may be on its way."""
        query = {"account_id": account_id, "state": {"$in": sorted(UNSETTLED)}}
        return await self._orders.count_documents(query, limit=1) > 0

    async def begin_refund(self, order: Order, refund_id: str) -> bool:
        """From the very state and amount that were read, so that two refunds never count on the same money (M10)."""
        check_edge(order.state, OrderState.REFUNDING)
        gone = {"$in": [None, 0]} if order.refunded_fen == 0 else order.refunded_fen
        query = {"_id": order.id, "state": order.state, "refunded_fen": gone, "refund_ids": {"$ne": refund_id}}
        changes = {"state": OrderState.REFUNDING, "refund_id": refund_id}
        update = {"$set": changes, "$push": {"refund_ids": refund_id}}
        return (await self._orders.update_one(query, update)).matched_count == 1

    async def end_refund(self, order_id: str, refund_id: str, state: OrderState, refunded_fen: int) -> bool:
        """Only the refund under way ends it, once."""
        check_edge(OrderState.REFUNDING, state)
        query = {"_id": order_id, "state": OrderState.REFUNDING, "refund_id": refund_id}
        changes = {"state": state, "refunded_fen": refunded_fen, "refund_id": None}
        return (await self._orders.update_one(query, {"$set": changes})).matched_count == 1

    async def refund_sent(self, order_id: str, at: datetime) -> None:
        """Written before the provider hears of it."""
        await self._orders.update_one({"_id": order_id}, {"$set": {"refund_sent_at": at}})

    async def claim(self, payment: Payment) -> str:
        """The `_id` of the claim is the transaction: the first order to claim it holds it for ever (M4)."""
        key = f"{payment.provider}:{payment.merchant_id}:{payment.txn_id}"
        try:
            await self._claims.insert_one({"_id": key, "order_id": payment.order_id})
        except DuplicateKey:
            row = await self._claims.find_one({"_id": key})
            if row is None:
                raise InvariantBroken(f"claim {key} vanished") from None
            return str(row["order_id"])
        return payment.order_id
