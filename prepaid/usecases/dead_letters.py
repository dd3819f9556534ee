"""Notices that reached nobody, for whoever looks after the place: shown with the reason, sent again, or put aside."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from prepaid.domain.access import Action, Actor, Subject, covers, may
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.notices import Notice, NoticeKind
from prepaid.ports import TOPIC_OUTBOX, Business
from prepaid.usecases.authorize import intent, record, scopes

MOST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One notice that no channel took. `why` is a text key; what it said is nobody's business here."""

    id: str
    kind: NoticeKind
    person_id: str
    label: str
    time_zone: str
    at: datetime
    ended_at: datetime
    attempts: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterView:
    """One notice and the channels of its person, by their names alone: where they lead is nobody's business here."""

    letter: DeadLetter
    channels: tuple[str, ...]
    messages_left: int | None = None
    """How many WeChat subscription messages the person has still agreed to; None for who was never asked."""


async def dead_letters(business: Business, actor: Actor, *, limit: int = 50) -> tuple[DeadLetter, ...]:
    """The newest within the actor's reach (A2). Raises "refused.not_found" for whoever holds no role."""
    return tuple(_letter(row) for row, _ in (await _rows(business, actor))[: min(limit, MOST)])


async def one_letter(business: Business, actor: Actor, wanted: str) -> LetterView:
    """One of them, and how its person can be reached at all. A foreign one and none give the same `Refused` (A2)."""
    rows = await _rows(business, actor)
    row = next((row for row, _ in rows if letter_id(row.id) == wanted), None)
    if row is None:
        raise not_found()
    person = await business.store.people.get(row.person_id)
    channels = dict.fromkeys(address.channel for address in person.addresses) if person is not None else {}
    left = await business.store.quotas.of_person(row.person_id)
    return LetterView(letter=_letter(row), channels=tuple(channels), messages_left=sum(left.values()) if left else None)


async def send_again(business: Business, actor: Actor, letter_id: str) -> DeadLetter:
    """Puts an exhausted notice back on the first rung. A cut that waits for it goes on waiting: that is safe.

    Raises "refused.notice_under_way" where it is on its way already.
    """
    row, path = await _found(business, actor, letter_id, "send_again")
    async with intent(business, actor, "send_again", path, after=row.kind):
        if not await business.store.notices.again(row.id, business.clock.now()):
            raise Refused("refused.notice_under_way")
    await business.wakeups.wake(TOPIC_OUTBOX)
    return _letter(row)


async def drop_letter(business: Business, actor: Actor, letter_id: str, *, why: str) -> DeadLetter:
    """Puts one aside, for a reason that is kept (A3). It counts as exhausted as before."""
    row, path = await _found(business, actor, letter_id, "drop_letter")
    if not why.strip():
        raise Refused("refused.reason_needed")
    async with intent(business, actor, "drop_letter", path, reason=why.strip(), after=row.kind):
        if not await business.store.notices.drop(row.id, business.clock.now()):
            raise Refused("refused.notice_under_way")
    return _letter(row)


def letter_id(notice_id: str) -> str:
    """A short name of a row, which a button can carry and which says nothing of whom it is about."""
    return hashlib.sha256(notice_id.encode()).hexdigest()[:16]


async def _found(business: Business, actor: Actor, wanted: str, act: str) -> tuple[Notice, str]:
    """The row with its path, if the actor may mend it; a foreign one and none give the same answer."""
    for row, path in await _rows(business, actor):
        if letter_id(row.id) == wanted and may(actor, Action.MEND_LETTERS, Subject(path)):
            return row, path
    await record(business, actor, act, wanted, refused="refused.not_found")
    raise not_found()


async def _rows(business: Business, actor: Actor) -> list[tuple[Notice, str]]:
    """What the actor looks after, newest first, each with the place that it is about."""
    sites = await business.store.sites.sites()
    whole = {site.id: site.path for site in sites if may(actor, Action.SEE_SITE, Subject(site.path))}
    if actor.system:
        rows = await business.store.notices.exhausted(MOST)
        return [(row, whole.get(str(row.params.get("site_id")), "")) for row in rows]
    parts = [place for place in scopes(actor, Action.SEE_SITE) if place not in whole.values()]
    held = [site.id for site in sites if site.id in whole or any(covers(site.path, place) for place in parts)]
    if not parts and not whole:
        raise not_found()
    rooms = await _rooms(business, [place for place in parts if any(covers(site.path, place) for site in sites)])
    found = [(row, _place(row, whole, rooms)) for row in await business.store.notices.exhausted(MOST, held)]
    return [(row, place) for row, place in found if place is not None]


async def _rooms(business: Business, places: Sequence[str]) -> Mapping[str, str]:
    """Rooms in parts of sites, by id with their paths."""
    return {
        account.id: account.path for place in places for account in await business.store.sites.accounts_below(place)
    }


def _place(row: Notice, whole: Mapping[str, str], rooms: Mapping[str, str]) -> str | None:
    return rooms.get(row.account_id or "") or whole.get(str(row.params.get("site_id")))


def _letter(row: Notice) -> DeadLetter:
    return DeadLetter(
        id=letter_id(row.id),
        kind=row.kind,
        person_id=row.person_id,
        label=str(row.params.get("label", "")),
        time_zone=str(row.params.get("time_zone") or "UTC"),
        at=row.at,
        ended_at=row.done_at or row.at,
        attempts=row.attempts,
        why=row.why,
    )
