"""Carries the outbox to people: each row down its ladder of channels, in order for each person (N1, N2, N3)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

import structlog

from prepaid.domain.delivery import Receipt, quiet_until, rung_key, rungs
from prepaid.domain.errors import HeldBack, Refused, Trouble
from prepaid.domain.notices import (
    MAX_ATTEMPTS,
    STAGE_ORDER,
    Lane,
    Notice,
    NoticeState,
    Stage,
    Waiting,
    retry_after_s,
)
from prepaid.domain.people import Address, Person
from prepaid.domain.preferences import MessagePolicy
from prepaid.ports import Business, Outcome, ReceiptingSender, Sender

log = structlog.get_logger()

BATCH: Mapping[Lane, int] = {Lane.PROMPT: 200, Lane.BULK: 100}
LEASE_S = 60
SEND_S = 10.0
"""A channel that has not answered by then may have sent or not: the next rung is tried (N2)."""
BEGIN_WITHIN_S = 15.0
"""A row is begun only so long after it was leased, so that its whole ladder ends within the lease."""
WRITE_EVERY_S = 0.5
RECEIPT_EVERY_S = 10
HELD_S = 5
"""What our own pace held back comes again then; another rung would not be what the person chose."""
NO_POLICY = MessagePolicy()


async def deliver_notices(
    business: Business, senders: Mapping[str, Sender], *, lanes: Sequence[Lane] = tuple(Lane)
) -> int:
    """One round over the due rows of each lane; returns how many were delivered."""
    return sum([await _deliver(business, senders, lane) for lane in lanes])


async def _deliver(business: Business, senders: Mapping[str, Sender], lane: Lane) -> int:
    now = business.clock.now()
    rows = await business.store.notices.take(now, now + timedelta(seconds=LEASE_S), BATCH[lane], lane)
    if not rows:
        return 0
    people = {person.id: person for person in await business.store.people.many([row.person_id for row in rows])}
    policies = {site.id: site.messages for site in await business.store.sites.sites()}
    round_ = _Round(business, senders, people, policies)
    by_person: dict[str, list[Notice]] = {}
    for row in rows:
        by_person.setdefault(row.person_id, []).append(row)
    return await _written(business, [asyncio.create_task(round_.in_order(each)) for each in by_person.values()])


async def _written(business: Business, tasks: Sequence[asyncio.Task[list[Outcome]]]) -> int:
    """Writes down what has ended every moment, so that one slow channel never makes others' deliveries forgotten."""
    pending, delivered = set(tasks), 0
    try:
        while pending:
            done, pending = await asyncio.wait(pending, timeout=WRITE_EVERY_S)
            ends = [end for task in done for end in task.result()]
            if ends:
                await business.store.notices.finish(ends)
            delivered += sum(end.state is NoticeState.DELIVERED for end in ends)
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
    return delivered


class _Round:
    """What the rows of one round share."""

    def __init__(
        self,
        business: Business,
        senders: Mapping[str, Sender],
        people: Mapping[str, Person],
        policies: Mapping[str, MessagePolicy],
    ) -> None:
        self._business, self._senders, self._people, self._policies = business, senders, people, policies
        self._began_s = business.clock.monotonic()

    async def in_order(self, rows: Sequence[Notice]) -> list[Outcome]:
        """One person's rows, one after the other. What cannot begin in time comes again when its lease has run out."""
        ends: list[Outcome] = []
        for row in rows:
            if self._business.clock.monotonic() - self._began_s > BEGIN_WITHIN_S:
                break
            ends.append(await self._one(row))
        return ends

    async def _one(self, row: Notice) -> Outcome:
        person, now = self._people.get(row.person_id), self._business.clock.now()
        if person is None or not any(address.channel in self._senders for address in person.addresses):
            return Outcome(row=row, state=NoticeState.EXHAUSTED, at=now, tried=row.tried, why="refused.no_channel")
        policy = self._policies.get(str(row.params.get("site_id")), NO_POLICY)
        if row.waits_for is not None:
            return await self._after_receipt(row, person, policy, row.waits_for)
        until = quiet_until(row, person, policy, now)
        if until is not None:
            return Outcome(row=row, state=NoticeState.QUEUED, at=now, next_at=until, tried=row.tried)
        return await self._ladder(row, person, policy, row.tried)

    async def _ladder(self, row: Notice, person: Person, policy: MessagePolicy, tried: tuple[str, ...]) -> Outcome:
        """The rungs that are left, in order, until a channel takes it."""
        again, why = False, row.why
        for address in rungs(row, person, policy, self._senders):
            if rung_key(address) in tried:
                continue
            try:
                reference = await self._send(address, row, person)
            except HeldBack:
                next_at = self._business.clock.now() + timedelta(seconds=HELD_S)
                return Outcome(row=row, state=NoticeState.QUEUED, at=next_at, next_at=next_at, tried=tried, why=why)
            except Refused as refused:
                tried, why = (*tried, rung_key(address)), refused.key
            except Trouble as trouble:
                again, why = True, trouble.key
            else:
                return self._sent(row, address, reference, tried)
        return self._none_took_it(row, tried, why, again=again)

    async def _send(self, address: Address, row: Notice, person: Person) -> str:
        try:
            async with asyncio.timeout(SEND_S):
                return await _send(self._business, self._senders[address.channel], row, person, address)
        except TimeoutError:
            raise Trouble("unknown.channel") from None
        except Trouble:
            raise
        except Exception:
            # A bug in one channel must not keep the others from telling; it is logged whole, and the row comes again.
            log.exception("channel_failed", channel=address.channel, notice=row.id)
            raise Trouble("unknown.channel") from None

    def _sent(self, row: Notice, address: Address, reference: str, tried: tuple[str, ...]) -> Outcome:
        sender, now = self._senders[address.channel], self._business.clock.now()
        if not isinstance(sender, ReceiptingSender) or not reference:
            return Outcome(row=row, state=NoticeState.DELIVERED, at=now, tried=tried)
        until = now + timedelta(seconds=sender.receipt_within_s)
        waiting = Waiting(rung=rung_key(address), reference=reference, since=now, until=until)
        return self._waits(row, tried, waiting)

    def _waits(self, row: Notice, tried: tuple[str, ...], waiting: Waiting) -> Outcome:
        now = self._business.clock.now()
        next_at = min(now + timedelta(seconds=RECEIPT_EVERY_S), max(waiting.until, now + timedelta(seconds=1)))
        return Outcome(
            row=row, state=NoticeState.QUEUED, at=now, next_at=next_at, tried=tried, waits_for=waiting, why=row.why
        )

    async def _after_receipt(self, row: Notice, person: Person, policy: MessagePolicy, waiting: Waiting) -> Outcome:
        """Arrived: delivered. Lost, or nothing heard in time: the next rung (N2)."""
        now = self._business.clock.now()
        receipt = await self._receipt(person, waiting)
        if receipt is Receipt.ARRIVED:
            return Outcome(row=row, state=NoticeState.DELIVERED, at=now, tried=row.tried)
        if receipt is Receipt.UNKNOWN and now < waiting.until:
            return self._waits(row, row.tried, waiting)
        return await self._ladder(row, person, policy, (*row.tried, waiting.rung))

    async def _receipt(self, person: Person, waiting: Waiting) -> Receipt:
        address = next((each for each in person.addresses if rung_key(each) == waiting.rung), None)
        sender: object = self._senders.get(address.channel) if address is not None else None
        if address is None or not isinstance(sender, ReceiptingSender):
            return Receipt.LOST
        try:
            async with asyncio.timeout(SEND_S):
                return await sender.receipt(address, waiting.reference, waiting.since)
        except (Trouble, TimeoutError):
            return Receipt.UNKNOWN

    def _none_took_it(self, row: Notice, tried: tuple[str, ...], why: str, *, again: bool) -> Outcome:
        now, attempts = self._business.clock.now(), row.attempts + 1
        if again and attempts < MAX_ATTEMPTS:
            next_at = now + timedelta(seconds=retry_after_s(attempts))
            return Outcome(
                row=row, state=NoticeState.QUEUED, at=now, next_at=next_at, failed=True, tried=tried, why=why
            )
        log.warning("notice_exhausted", notice=row.id, attempts=attempts)
        return Outcome(row=row, state=NoticeState.EXHAUSTED, at=now, failed=True, tried=tried, why=why)


async def _send(business: Business, sender: Sender, row: Notice, person: Person, address: Address) -> str:
    if row.thread is None or row.stage is None:
        return await sender.send(address, row, person, reference=None)
    shown = await business.store.notices.thread_message(row.thread, person.id)
    if shown is not None and STAGE_ORDER.index(row.stage) <= STAGE_ORDER.index(Stage(shown[1])):
        return ""  # The message shows a later stage already: it never goes back.
    reference = await sender.send(address, row, person, reference=shown[0] if shown else None)
    await business.store.notices.set_thread_message(row.thread, person.id, reference, row.stage)
    return reference
