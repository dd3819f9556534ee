"""Carries the outbox to people: each row down its ladder of channels, in order for each person (N1, N2, N3)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from prepaid.domain.delivery import Receipt, may_wait, quiet_hours, quiet_until, rung_key, rungs
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
from prepaid.ports import Business, LaneHold, Outcome, ReceiptingSender, Sender
from prepaid.usecases.send_watch import SendWatch

log = structlog.get_logger()

BATCH: Mapping[Lane, int] = {Lane.PROMPT: 200, Lane.BULK: 100}
TAKEN_AT_ONCE = 50
"""Few, so that the first are on their way while the others' persons are read."""
LEASE_S = 60
SEND_S = 10.0
"""A channel that has not answered by then may have sent or not: the next rung is tried (N2)."""
RENEW_S = 10.0
BEGIN_BEFORE_S = 15.0
"""No row is begun so shortly before the lease ends, unless it was renewed."""
ROUND_S = 15.0
"""Whoever delivers begins no more after so long, so that others have their turn and what people changed is read."""
AT_ONCE = 200
"""Rows under way at once."""
WRITE_EVERY_S = 0.25
RECEIPT_EVERY_S = 10
HELD_S = 5
"""What was held back comes again then at the soonest; another rung would not be what the person chose."""
NO_POLICY = MessagePolicy()


async def deliver_notices(
    business: Business, senders: Mapping[str, Sender], *, lanes: Sequence[Lane] = tuple(Lane)
) -> int:
    """One round over the due rows of each lane; returns how many were delivered."""
    return sum([await _deliver(business, senders, lane) for lane in lanes])


async def _deliver(business: Business, senders: Mapping[str, Sender], lane: Lane) -> int:
    now = business.clock.now()
    held = await business.store.notices.hold(lane, now, now + timedelta(seconds=LEASE_S))
    if held is None:
        return 0
    try:
        return await _Round(business, senders, held, lane).run()
    finally:
        await asyncio.shield(held.release())


class _Round:
    """What is due in a lane, sent many at a time: rows are read, sent and written down side by side (Y3)."""

    def __init__(self, business: Business, senders: Mapping[str, Sender], held: LaneHold, lane: Lane) -> None:
        self._business, self._senders, self._held, self._batch = business, senders, held, BATCH[lane]
        self._receipting = {name: each for name, each in senders.items() if isinstance(each, ReceiptingSender)}
        self._began_s = self._kept_s = business.clock.monotonic()
        self._people: dict[str, Person | None] = {}
        """None for those whom no channel here reaches."""
        self._policies: Mapping[str, MessagePolicy] = {}
        self._begun: set[asyncio.Task[None]] = set()
        self._last: dict[str, asyncio.Task[None]] = {}
        """Of those the last for each person, which the next one waits for."""
        self._watch = SendWatch()
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._ends: list[Outcome] = []
        self._stirred = asyncio.Event()
        self._failure: Exception | None = None

    async def run(self) -> int:
        """Returns how many were delivered."""
        rows = await self._held.take(TAKEN_AT_ONCE)
        if not rows:
            return await self._settled()
        feeder, watch = asyncio.create_task(self._feed(rows)), asyncio.create_task(self._watch.run())
        delivered = 0
        try:
            while not feeder.done() or self._last or self._ends:
                await self._wait()
                ends, self._ends = self._ends, []
                if ends:
                    await self._held.finish(ends)
                delivered += sum(end.state is NoticeState.DELIVERED for end in ends)
                await self._keep()
        finally:
            for task in (feeder, watch, *self._begun):
                task.cancel()
            await asyncio.gather(feeder, watch, *self._begun, return_exceptions=True)
        feeder.result()
        if self._failure is not None:
            raise self._failure
        return delivered

    async def _settled(self) -> int:
        """Nothing is due: what was noted together is written on its rows, as long as it stays so."""
        while await self._held.settle() and await self._keep():
            rows = await self._held.take(1)
            if rows:
                break
        return 0

    async def _wait(self) -> None:
        """Until something has ended, and so long that many ends are written together."""
        with suppress(TimeoutError):
            async with asyncio.timeout(WRITE_EVERY_S):
                await self._stirred.wait()
        self._stirred.clear()

    async def _keep(self) -> bool:
        """Holds on to the lane while it is worked on."""
        passed_s = self._business.clock.monotonic() - self._kept_s
        if passed_s < RENEW_S:
            return True
        now = self._business.clock.now()
        if not await self._held.keep(now, now + timedelta(seconds=LEASE_S)):
            return False
        self._kept_s += passed_s
        return True

    def _may_begin(self) -> bool:
        """Whether the lane is surely ours for as long as one more channel may take to answer (F3)."""
        return self._business.clock.monotonic() - self._kept_s < LEASE_S - BEGIN_BEFORE_S

    async def _feed(self, rows: Sequence[Notice]) -> None:
        """Begins what is due, in order for each person; the next rows are read while these go out.

        While one channel does not answer, what becomes due meanwhile is begun all the same.
        """
        while rows or self._last:
            if rows:
                await self._know(rows)
            else:
                await asyncio.wait([*self._last.values()], timeout=WRITE_EVERY_S)
            for row in rows:
                await self._at_once.acquire()
                before = self._last.get(row.person_id)
                self._last[row.person_id] = task = asyncio.create_task(self._after(before, row))
                self._begun.add(task)
            if self._business.clock.monotonic() - self._began_s > ROUND_S:
                break
            rows = await self._held.take(TAKEN_AT_ONCE)
        self._stirred.set()

    async def _know(self, rows: Sequence[Notice]) -> None:
        """Persons and sites' rules, read once in a round."""
        missing = {row.person_id for row in rows} - self._people.keys()
        if missing:
            found = await self._business.store.people.many(sorted(missing))
            self._people |= dict.fromkeys(missing) | {each.id: each for each in found if self._reaches(each)}
        if not self._policies:
            self._policies = {site.id: site.messages for site in await self._business.store.sites.sites()}

    def _reaches(self, person: Person) -> bool:
        return any(address.channel in self._senders for address in person.addresses)

    async def _after(self, before: asyncio.Task[None] | None, row: Notice) -> None:
        """One row, after the person's one before it."""
        try:
            if before is not None:
                await asyncio.wait([before])
            if self._may_begin():
                end = await self._one(row)
                self._ends.append(end)
        except Exception as error:  # noqa: BLE001  # Raised when the others' ends are written.
            self._failure = error
        finally:
            self._at_once.release()
            if (task := asyncio.current_task()) is not None:
                self._begun.discard(task)
            if self._last.get(row.person_id) is task:
                del self._last[row.person_id]
            if len(self._ends) >= self._batch or not self._last:
                self._stirred.set()

    async def _one(self, row: Notice) -> Outcome:
        person, now = self._people.get(row.person_id), self._business.clock.now
        if person is None:
            return Outcome(row=row, state=NoticeState.EXHAUSTED, at=now(), tried=row.tried, why="refused.no_channel")
        policy = self._policies.get(str(row.params.get("site_id")), NO_POLICY)
        if row.waits_for is not None:
            return await self._after_receipt(row, person, policy, row.waits_for)
        quiet = quiet_hours(row, person, policy)
        if quiet is not None and (until := quiet_until(row, quiet, now())) is not None:
            return Outcome(row=row, state=NoticeState.QUEUED, at=now(), next_at=until, tried=row.tried)
        return await self._ladder(row, person, policy, row.tried)

    async def _ladder(self, row: Notice, person: Person, policy: MessagePolicy, tried: tuple[str, ...]) -> Outcome:
        """The rungs that are left, in order, until a channel takes it."""
        again, why, held_since = False, row.why, None
        for address in rungs(row, person, policy, self._senders):
            if tried and rung_key(address) in tried:
                continue
            try:
                reference = await self._send(address, row, person)
            except HeldBack as held:
                again, why, held_since = True, held.key, row.held_since or self._business.clock.now()
                end = self._stays(row, held, held_since, tried)
                if end is not None:
                    return end
            except Refused as refused:
                tried, why = (*tried, rung_key(address)), refused.key
            except Trouble as trouble:
                again, why = True, trouble.key
            else:
                return self._sent(row, address, reference, tried)
        return self._none_took_it(row, tried, why, held_since, again=again)

    def _stays(self, row: Notice, held: HeldBack, since: datetime, tried: tuple[str, ...]) -> Outcome | None:
        """It comes again on this channel. None when that would be too late: then this is a channel in trouble."""
        now = self._business.clock.now()
        next_at = now + timedelta(seconds=max(HELD_S, held.wait_s))
        if not may_wait(row, since, next_at):
            return None
        return Outcome(
            row=row, state=NoticeState.QUEUED, at=now, next_at=next_at, tried=tried, held_since=since, why=row.why
        )

    async def _send(self, address: Address, row: Notice, person: Person) -> str:
        try:
            sending = _send(self._business, self._senders[address.channel], row, person, address)
            return await self._watch.within(SEND_S, sending)
        except TimeoutError:
            raise Trouble("unknown.channel") from None
        except Trouble:
            raise
        except Exception:
            # A bug in one channel must not keep the others from telling; it is logged whole, and the row comes again.
            log.exception("channel_failed", channel=address.channel, notice=row.id)
            raise Trouble("unknown.channel") from None

    def _sent(self, row: Notice, address: Address, reference: str, tried: tuple[str, ...]) -> Outcome:
        sender, now = self._receipting.get(address.channel), self._business.clock.now()
        if sender is None or not reference:
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
        sender = self._receipting.get(address.channel) if address is not None else None
        if address is None or sender is None:
            return Receipt.LOST
        try:
            async with asyncio.timeout(SEND_S):
                return await sender.receipt(address, waiting.reference, waiting.since)
        except (Trouble, TimeoutError):
            return Receipt.UNKNOWN

    def _none_took_it(
        self, row: Notice, tried: tuple[str, ...], why: str, held_since: datetime | None, *, again: bool
    ) -> Outcome:
        now, attempts = self._business.clock.now(), row.attempts + 1
        if again and attempts < MAX_ATTEMPTS:
            next_at = now + timedelta(seconds=retry_after_s(attempts))
            return Outcome(
                row=row,
                state=NoticeState.QUEUED,
                at=now,
                next_at=next_at,
                failed=True,
                tried=tried,
                held_since=held_since,
                why=why,
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
