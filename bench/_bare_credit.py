"""The writes of one credited payment with the driver alone: nothing is received, verified, read or decided."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import Int64

from prepaid.domain.notices import Notice, NoticeKind, Stage, notice_id
from prepaid.domain.orders import Order, OrderState
from prepaid.ports import Clock, InboxRow
from prepaid.storage.driver import Database
from prepaid.storage.mapping import Mapper
from prepaid.storage.mongo import open_store

DATABASE = "bare"
HASH = "0" * 64
STAGES = (Stage.PAID, Stage.CREDITED, Stage.CREDITED_STILL_ON)

Doc = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """The documents of one payment, ready to be written."""

    order: Order
    row: Doc
    notices: tuple[Doc, ...]
    entry: Doc
    head: Doc


class Bare:
    """Writes into a database of its own, whose collections, validators and indexes are the product's."""

    def __init__(self, database: Database) -> None:
        self._inbox = database.collection("inbox", durable=True)
        self._claims = database.collection("provider_transactions", durable=True)
        self._orders = database.collection("orders", durable=True)
        self._notices = database.collection("notices", durable=True)
        self._entries = database.collection("entries", durable=True)
        self._heads = database.collection("ledger_heads")
        self._seq: dict[str, int] = {}

    @classmethod
    async def open(cls, beside: Database, clock: Clock) -> Bare:
        """On the same server and the same connections."""
        database = Database(beside._client, DATABASE)  # noqa: SLF001 - the very same connections
        await open_store(database, clock)
        return cls(database)

    async def prepare(self, orders: Sequence[Order], rows: Sequence[InboxRow]) -> list[Paid]:
        """The orders in the store, and everything else ready."""
        for order in orders:
            await self._orders.insert_one(Mapper(Order).to_doc(order))
        return [self._paid(order, row) for order, row in zip(orders, rows, strict=True)]

    def _paid(self, order: Order, row: InboxRow) -> Paid:
        seq = self._seq[order.account_id] = self._seq.get(order.account_id, 0) + 1
        now = order.created_at
        head = {"seq": Int64(seq), "bal": Int64(seq), "hash": HASH, "credit_seq": Int64(seq), "aside": None}
        return Paid(
            order=order,
            row=Mapper(InboxRow).to_doc(row),
            notices=tuple(_notice(order, stage) for stage in STAGES),
            entry=_entry(order, seq, now),
            head=head,
        )

    async def credit(self, paid: Sequence[Paid], at_once: int) -> None:
        """All of them, so many at once."""
        room = asyncio.Semaphore(at_once)

        async def one(each: Paid) -> None:
            async with room:
                await self._one(each)

        async with asyncio.TaskGroup() as group:
            for each in paid:
                group.create_task(one(each))

    async def _one(self, paid: Paid) -> None:
        order, txn_id = paid.order, paid.row["_id"]
        first, *rest = paid.notices
        await self._inbox.insert_one(paid.row)
        await self._claims.insert_one({"_id": f"wechat_pay:{order.id}:{txn_id}", "order_id": order.id})
        await self._notices.insert_one(first)
        pending, done = {"_id": order.id, "state": OrderState.PENDING}, {"_id": order.id, "state": OrderState.PAID}
        change = {"state": OrderState.PAID, "txn_id": txn_id, "paid_at": order.created_at}
        await self._orders.update_one(pending, {"$set": change})
        await self._entries.insert_one(paid.entry)
        newer = {"_id": order.account_id, "seq": {"$lt": paid.head["seq"]}}
        await self._heads.update_one(newer, {"$set": paid.head}, upsert=True)
        for notice in rest:
            await self._notices.insert_one(notice)
        await self._orders.update_one(done, {"$set": {"state": OrderState.CREDITED}})
        await self._inbox.update_one({"_id": txn_id}, {"$set": {"done": True}})


def _notice(order: Order, stage: Stage) -> Doc:
    notice = Notice(
        id=notice_id(NoticeKind.PAYMENT_THREAD, order.account_id, f"{order.id}:{stage}", order.person_id),
        kind=NoticeKind.PAYMENT_THREAD,
        person_id=order.person_id,
        account_id=order.account_id,
        at=order.created_at,
        params={
            "label": order.account_id,
            "time_zone": "Asia/Shanghai",
            "amount_micro": order.amount_fen * 10_000,
            "order_id": order.id,
            "at": order.created_at.isoformat(),
            "balance_micro": order.amount_fen * 10_000,
        },
        thread=order.id,
        stage=stage,
    )
    return {**Mapper(Notice).to_doc(notice), "next_at": notice.at, "group": notice.id.rpartition(":")[0]}


def _entry(order: Order, seq: int, now: datetime) -> Doc:
    """As long as a real one."""
    amount, idem = order.amount_fen * 10_000, f"topup:wechat_pay:{order.id}"
    return {
        "_id": f"{order.account_id}:{idem}",
        "acc": order.account_id,
        "seq": Int64(seq),
        "idem": idem,
        "req": HASH,
        "kind": "top_up",
        "lines": [
            {"a": f"customer:{order.account_id}", "v": Int64(amount)},
            {"a": "clearing:wechat_pay", "v": Int64(-amount)},
        ],
        "delta": Int64(amount),
        "bal": Int64(amount * seq),
        "at": now,
        "effective_at": now,
        "actor": "provider:wechat_pay",
        "reason": "reason.top_up",
        "ccy": "CNY",
        "ref": {"order": order.id, "txn": order.id},
        "credit_seq": Int64(seq),
        "prev": HASH,
        "hash": HASH,
        "aside": None,
    }
