"""Carries the outbox to people: each row on the first channel that takes it, in order for each person (N1, N2)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

import structlog

from prepaid.domain.errors import Refused, Trouble
from prepaid.domain.notices import MAX_ATTEMPTS, STAGE_ORDER, Notice, Stage, retry_after_s
from prepaid.domain.people import Person
from prepaid.ports import Business, Sender

log = structlog.get_logger()

BATCH = 100
LEASE_S = 30


async def deliver_notices(business: Business, senders: Mapping[str, Sender]) -> int:
    """One round over the due rows; returns how many were delivered."""
    rows = await business.store.notices.due(business.clock.now(), BATCH)
    by_person: dict[str, list[Notice]] = {}
    for row in rows:
        by_person.setdefault(row.person_id, []).append(row)
    done = await asyncio.gather(*(_in_order(business, senders, each) for each in by_person.values()))
    return sum(done)


async def _in_order(business: Business, senders: Mapping[str, Sender], rows: Sequence[Notice]) -> int:
    delivered = 0
    for row in rows:
        if await business.store.notices.claim(row, business.clock.now() + timedelta(seconds=LEASE_S)):
            delivered += await _one(business, senders, row)
    return delivered


async def _one(business: Business, senders: Mapping[str, Sender], row: Notice) -> bool:
    person = await business.store.people.get(row.person_id)
    if person is None or not any(address.channel in senders for address in person.addresses):
        await business.store.notices.done(row.id, business.clock.now(), delivered=False)
        return False
    try:
        await _ladder(business, senders, row, person)
    except Refused:
        log.warning("notice_exhausted", notice=row.id)
        await business.store.notices.done(row.id, business.clock.now(), delivered=False)
        return False
    except Trouble:
        await _later(business, row)
        return False
    await business.store.notices.done(row.id, business.clock.now(), delivered=True)
    return True


async def _ladder(business: Business, senders: Mapping[str, Sender], row: Notice, person: Person) -> None:
    """Tries each address in the person's order. Raises the last trouble when none took it."""
    trouble: Trouble = Refused("refused.no_channel")
    for address in person.addresses:
        if address.channel not in senders:
            continue
        try:
            await _send(business, senders[address.channel], row, person, person.addresses.index(address))
        except Trouble as caught:
            trouble = trouble if isinstance(caught, Refused) and not isinstance(trouble, Refused) else caught
        else:
            return
    raise trouble


async def _send(business: Business, sender: Sender, row: Notice, person: Person, address: int) -> None:
    if row.thread is None or row.stage is None:
        await sender.send(person.addresses[address], row, person, reference=None)
        return
    shown = await business.store.notices.thread_message(row.thread, person.id)
    if shown is not None and STAGE_ORDER.index(row.stage) <= STAGE_ORDER.index(Stage(shown[1])):
        return  # The message shows a later stage already: it never goes back.
    reference = await sender.send(person.addresses[address], row, person, reference=shown[0] if shown else None)
    await business.store.notices.set_thread_message(row.thread, person.id, reference, row.stage)


async def _later(business: Business, row: Notice) -> None:
    now = business.clock.now()
    if row.attempts + 1 >= MAX_ATTEMPTS:
        log.warning("notice_exhausted", notice=row.id, attempts=row.attempts + 1)
        await business.store.notices.done(row.id, now, delivered=False)
        return
    await business.store.notices.later(row.id, now + timedelta(seconds=retry_after_s(row.attempts + 1)))
