"""A new site with its price list, or other rules for one that is there. Prices of a site that is there stay (A6)."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Site
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.places import Level, check_path, check_segment, level
from prepaid.ports import Business
from prepaid.usecases.authorize import intent, reach_place

MOST_NAME = 80


class SetUp(StrEnum):
    """What was done, or would be."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


async def set_up_site(business: Business, actor: Actor, site: Site, *, why: str = "", dry_run: bool = False) -> SetUp:
    """Creates the site, or gives the one that is there these rules. The same again changes nothing.

    Place, currency and time zone of a site never change, since books and statements hang on them; its price lists
    change by `change_tariff` and two persons. Raises `Refused` for a place out of reach, alike whether it is there.
    """
    _check(site)
    await reach_place(business, actor, site.path, Action.CHANGE_TARIFF)
    stored = await business.store.sites.site(site.id)
    if stored is None:
        return await _create(business, actor, site, why, dry_run=dry_run)
    if stored.path != site.path:
        await reach_place(business, actor, stored.path, Action.CHANGE_TARIFF, named=site.id)
    if (stored.path, stored.currency) != (site.path, site.currency):
        raise Refused("refused.site_moves", site=site.id)
    if stored.calendar.time_zone != site.calendar.time_zone:
        raise Refused("refused.site_time_zone", site=site.id, time_zone=stored.calendar.time_zone)
    wanted = _with_rules(stored, site)
    if wanted == stored:
        return SetUp.UNCHANGED
    if not dry_run:
        before, after = _changes(stored, wanted)
        async with intent(business, actor, "set_rules", site.path, reason=why, before=before, after=after):
            if not await business.store.sites.set_rules(wanted):
                raise not_found()
    return SetUp.CHANGED


async def _create(business: Business, actor: Actor, site: Site, why: str, *, dry_run: bool) -> SetUp:
    if not dry_run:
        async with intent(business, actor, "set_up_site", site.path, reason=why, after=site.id):
            if not await business.store.sites.add_site(site):
                raise Refused("refused.site_path_taken", path=site.path)
    return SetUp.CREATED


def _check(site: Site) -> None:
    check_path(site.path)
    check_segment(site.id)
    if level(site.path) is not Level.SITE or not 0 < len(site.name.strip()) <= MOST_NAME:
        raise Refused("refused.path", path=site.path)


def _with_rules(stored: Site, new: Site) -> Site:
    """The stored site with the new rules. Published holidays, weather holds and prices are not rules."""
    calendar = replace(
        stored.calendar,
        protected=new.calendar.protected,
        country=new.calendar.country,
        override_holidays=new.calendar.override_holidays,
        override_working_days=new.calendar.override_working_days,
    )
    return replace(
        stored,
        name=new.name,
        calendar=calendar,
        policy=new.policy,
        credit=new.credit,
        limits=new.limits,
        messages=new.messages,
    )


def _changes(stored: Site, wanted: Site) -> tuple[str, str]:
    """What the record says: the parts that differ, as they were and as they are."""
    parts = ("name", "calendar", "policy", "credit", "limits", "messages")
    differ = [part for part in parts if getattr(stored, part) != getattr(wanted, part)]
    before, after = ("; ".join(repr(getattr(site, part)) for part in differ) for site in (stored, wanted))
    return before, after
