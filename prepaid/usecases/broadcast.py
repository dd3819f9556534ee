"""The staff tells everybody who lives in a building or a site the same words (A2, N3).

Rows of the outbox are written, one for each person however many rooms are theirs, in the lane that gives way to
everything else. Quiet hours and each person's own order of channels hold as for every other notice. Words and
recipients are kept first, so whoever dies between two rows is followed by somebody who writes the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from prepaid.domain.access import Action, Actor, covers
from prepaid.domain.accounts import AccountStatus, Site
from prepaid.domain.announcements import Announcement
from prepaid.domain.errors import Refused, Trouble, not_found
from prepaid.domain.notices import NoticeKind
from prepaid.ports import Business
from prepaid.usecases.authorize import intent, reach_place, record
from prepaid.usecases.tell import Crossing, tell_persons

MOST_WORDS = 300
AN_HOUR = 6
WINDOW_S = 3600
AT_ONCE = 20
"""Questions about the people of so many rooms go to the store together."""
PATIENCE = timedelta(minutes=1)
"""Whoever began is left alone so long. Nobody is told twice if that was too short."""
BATCH = 20
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Who would be told. `silent` rooms have nobody who could be."""

    path: str
    site: Site
    people: tuple[str, ...]
    rooms: int
    silent: int


async def count_audience(business: Business, actor: Actor, site_id: str, part: str) -> Audience:
    """Who could be told; `part` is a place inside the site ("b1"), "" for all of it.

    Raises `Refused`: "refused.not_found" outside the actor's reach, "refused.broadcast_nobody" where nobody is.
    """
    site, path = await reach_part(business, actor, site_id, part)
    found = await audience_of(business, site, path)
    if not found.people:
        raise Refused("refused.broadcast_nobody")
    return found


async def preview_broadcast(business: Business, actor: Actor, site_id: str, part: str, words: str) -> Audience:
    """Who would be told these words. Raises as `count_audience`, and "refused.broadcast_words" for none or too many."""
    await reach_part(business, actor, site_id, part)
    if not 0 < len(words.strip()) <= MOST_WORDS:
        raise Refused("refused.broadcast_words", most=MOST_WORDS)
    return await count_audience(business, actor, site_id, part)


async def broadcast(
    business: Business, actor: Actor, site_id: str, part: str, words: str, *, wish: str
) -> tuple[Audience, int]:
    """Tells them; returns who, and how many of the rows are new. The same `wish` again tells nobody twice (N1).

    Raises as `preview_broadcast`, and "refused.broadcast_often" after six in an hour at one site.
    """
    found = await preview_broadcast(business, actor, site_id, part, words)
    now = business.clock.now()
    if await business.store.people.count_try(f"broadcast:{found.site.id}", now, WINDOW_S) > AN_HOUR:
        raise Refused("refused.broadcast_often", most=AN_HOUR)
    wanted = Announcement(
        id=f"{actor.id}:{wish}",
        actor=actor.id,
        site_id=found.site.id,
        path=found.path,
        words=words.strip(),
        people=found.people,
        at=now,
    )
    async with intent(business, actor, "broadcast", found.path, reason=words.strip(), after=str(len(found.people))):
        new = await _tell(business, found.site, await business.store.announcements.begin(wanted))
    return found, new


async def finish_broadcasts(business: Business) -> int:
    """Writes the rows that a crash left unwritten; returns how many announcements it finished."""
    finished = 0
    for announcement in await business.store.announcements.unfinished(business.clock.now() - PATIENCE, BATCH):
        site = await business.store.sites.site(announcement.site_id)
        if site is None:
            continue
        try:
            new = await _tell(business, site, announcement)
        except Trouble as trouble:
            log.warning("broadcast_waits", site=site.id, key=trouble.key)
            continue
        sender = Actor(id=announcement.actor)
        await record(
            business, sender, "broadcast_finished", announcement.path, reason=announcement.words, after=str(new)
        )
        finished += 1
    return finished


async def _tell(business: Business, site: Site, announcement: Announcement) -> int:
    """A row for each, once; returns how many are new."""
    crossing = Crossing(NoticeKind.BROADCAST, announcement.id)
    params = {"words": announcement.words, "place": announcement.path}
    new = await tell_persons(business, site, announcement.people, crossing, params)
    await business.store.announcements.told(announcement.id, business.clock.now())
    return new


async def reach_part(business: Business, actor: Actor, site_id: str, part: str) -> tuple[Site, str]:
    """The site and the path of a part of it, for who may tell everybody there; else `Refused`, on record (A2)."""
    site = await business.store.sites.site(site_id)
    inside = part.strip().strip("/")
    named = f"{site_id}/{inside}".rstrip("/")
    path = "/".join(piece for piece in (site.path if site else site_id, inside) if piece)
    await reach_place(business, actor, path, Action.BROADCAST, named=named)
    if site is None or not covers(site.path, path):
        raise not_found()
    return site, path


async def audience_of(business: Business, site: Site, path: str) -> Audience:
    """Everybody bound to an account of the place, each once."""
    accounts = [
        account
        for account in await business.store.sites.accounts_below(path)
        if account.site_id == site.id and account.status is not AccountStatus.CLOSED
    ]
    people: dict[str, None] = {}
    silent = 0
    for start in range(0, len(accounts), AT_ONCE):
        for bound in await _people(business, [account.id for account in accounts[start : start + AT_ONCE]]):
            silent += not bound
            people.update(dict.fromkeys(bound))
    return Audience(path=path, site=site, people=tuple(people), rooms=len(accounts), silent=silent)


async def _people(business: Business, account_ids: Sequence[str]) -> Sequence[list[str]]:
    found = await asyncio.gather(*(business.store.people.of_account(each) for each in account_ids))
    return [[person.id for person in people] for people in found]
