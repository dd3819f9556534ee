"""The staff announces works on the mains; everybody of the place is told at once, and again shortly before (N2, N3).

The document is kept first. Whatever people are told follows from it, once each, and the clock finishes what a crash
left. An outage cuts nobody off and changes no wish: when the mains are back, relays are where they were.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from prepaid.domain.access import Action, Actor, Subject, covers, may
from prepaid.domain.accounts import Site
from prepaid.domain.errors import Refused, Trouble, not_found
from prepaid.domain.notices import NoticeKind
from prepaid.domain.outages import Outage, OutageWish, Telling, check_span, utilities_name
from prepaid.domain.tariffs import Utility
from prepaid.ports import Business
from prepaid.usecases.authorize import intent, reach_place
from prepaid.usecases.broadcast import Audience, audience_of, reach_part
from prepaid.usecases.outage_aftermath import tell_still_silent
from prepaid.usecases.tell import Crossing, tell_persons

MOST_WORDS = 200
AN_HOUR = 6
WINDOW_S = 3600
MOST_LISTED = 50
LOOKED_BACK = timedelta(days=2)
BATCH = 200
KINDS = {
    Telling.PLANNED: NoticeKind.OUTAGE_PLANNED,
    Telling.SOON: NoticeKind.OUTAGE_SOON,
    Telling.CALLED_OFF: NoticeKind.OUTAGE_CALLED_OFF,
}
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class OutagePlan:
    """What would be announced, to whom, and what is planned there already for hours that it touches."""

    wish: OutageWish
    audience: Audience
    others: tuple[Outage, ...]


async def preview_outage(business: Business, actor: Actor, wish: OutageWish) -> OutagePlan:
    """Who would be told what.

    Raises `Refused`: "refused.not_found" out of reach, and for a span or a reason that cannot be. A place where nobody
    can be told is no reason not to plan: its meters will be silent all the same.
    """
    site, path = await reach_part(business, actor, wish.site_id, wish.part)
    check_span(wish.since, wish.until, business.clock.now())
    words = wish.reason.strip()
    if not wish.utilities:
        raise Refused("refused.outage_of_what")
    if not 0 < len(words) <= MOST_WORDS:
        raise Refused("refused.outage_reason", most=MOST_WORDS)
    utilities = tuple(utility for utility in Utility if utility in wish.utilities)
    planned = await business.store.outages.at_site(site.id, wish.since, MOST_LISTED)
    others = tuple(each for each in planned if _touches(each, path, wish))
    audience = await audience_of(business, site, path)
    return OutagePlan(wish=replace(wish, utilities=utilities, reason=words), audience=audience, others=others)


def _touches(other: Outage, path: str, wish: OutageWish) -> bool:
    if other.called_off_at is not None or other.since >= wish.until or not set(wish.utilities) & set(other.utilities):
        return False
    return covers(other.path, path) or covers(path, other.path)


async def plan_outage(business: Business, actor: Actor, wish: OutageWish, *, key: str) -> Outage:
    """Announces it. The same `key` again is the same outage, and tells nobody twice (N1).

    Raises as `preview_outage`, "refused.idempotency_conflict" for a key that was another outage's (M15), and
    "refused.broadcast_often" after six in an hour at one site.
    """
    plan = await preview_outage(business, actor, wish)
    now, path = business.clock.now(), plan.audience.path
    outage_id = f"{actor.id}:{key}"
    known = await business.store.outages.get(outage_id)
    if known is None and await business.store.people.count_try(f"outage:{wish.site_id}", now, WINDOW_S) > AN_HOUR:
        raise Refused("refused.broadcast_often", most=AN_HOUR)
    wanted = Outage(
        id=outage_id,
        actor=actor.id,
        site_id=plan.audience.site.id,
        path=path,
        utilities=plan.wish.utilities,
        # The store keeps milliseconds: a repeated wish has to be equal to what is read back.
        since=wish.since.replace(microsecond=0),
        until=wish.until.replace(microsecond=0),
        reason=plan.wish.reason,
        at=now,
    )
    span = f"{wish.since.isoformat()}/{wish.until.isoformat()}"
    async with intent(business, actor, "plan_outage", path, reason=plan.wish.reason, after=span):
        outage = await business.store.outages.begin(wanted)
        if replace(outage, at=now, called_off_at=None, told=()) != wanted:
            raise Refused("refused.idempotency_conflict")
        for telling in outage.due(now):
            await _tell(business, outage, telling)
    return outage


async def call_off_outage(business: Business, actor: Actor, outage_id: str) -> Outage:
    """It will not be, or it is over before its time: everybody of the place is told so, once.

    Raises `Refused`: "refused.not_found" alike for one out of reach and one that is not there, and for one that ended.
    """
    outage = await business.store.outages.get(outage_id)
    if outage is None or not may(actor, Action.BROADCAST, Subject(outage.path)):
        # The same way out for both, and on record.
        await reach_place(business, actor, "" if outage is None else outage.path, Action.BROADCAST, named=outage_id)
        raise not_found()
    now = business.clock.now()
    if outage.until <= now and outage.called_off_at is None:
        raise Refused("refused.outage_over")
    async with intent(business, actor, "call_off_outage", outage.path, reason=outage.reason):
        await business.store.outages.call_off(outage.id, now)
        known = await business.store.outages.get(outage.id) or outage
        for telling in known.due(now):
            await _tell(business, known, telling)
    return known


def words_of(site: Site, path: str, planned: Outage | OutageWish) -> dict[str, str]:
    """What the words of a notice are made of."""
    return {
        "utility": utilities_name(planned.utilities),
        "label": site.place_name(path),
        "from_at": planned.since.isoformat(),
        "to_at": planned.until.isoformat(),
        "reason": planned.reason,
    }


async def tell_outages(business: Business) -> int:
    """What is due of every outage: news that a crash left untold, reminders, what stayed silent. Returns how many."""
    now, told = business.clock.now(), 0
    for outage in await business.store.outages.ending_after(now - LOOKED_BACK, BATCH):
        for telling in outage.due(now):
            try:
                await _tell(business, outage, telling)
            except Trouble as trouble:
                log.warning("outage_waits", site=outage.site_id, telling=telling, key=trouble.key)
                break
            told += 1
    return told


async def _tell(business: Business, outage: Outage, telling: Telling) -> None:
    """A row for each person, once; then the outage knows."""
    site = await business.store.sites.site(outage.site_id)
    if site is None:
        return
    if telling is Telling.AFTERMATH:
        await tell_still_silent(business, site, outage)
    else:
        audience = await audience_of(business, site, outage.path)
        staff = await business.store.people.staff_over(site.path)
        crossing = Crossing(KINDS[telling], outage.id)
        params = words_of(site, outage.path, outage)
        people = dict.fromkeys([*audience.people, *(person.id for person in staff)])
        await tell_persons(business, site, people, crossing, params)
    await business.store.outages.told(outage.id, telling)
