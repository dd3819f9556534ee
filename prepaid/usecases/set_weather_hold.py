"""The staff suspends cut-offs on a site while heat, cold or a flood would make them dangerous (S2)."""

from __future__ import annotations

from datetime import datetime, timedelta

from prepaid.domain.access import Action, Actor, Subject, may
from prepaid.domain.accounts import Site
from prepaid.domain.errors import Refused, not_found
from prepaid.ports import Business
from prepaid.usecases.authorize import intent, record

DAYS_MAX = 30
"""A hold that nobody renews ends, so that a forgotten one does not lend for ever."""


async def set_weather_hold(
    business: Business, actor: Actor, site_id: str, *, until: datetime | None, reason: str
) -> Site:
    """Forbids cut-offs by rule on the whole site until then, or ends the hold (None).

    Cuts that are wanted and not executed yet are held back too, because the calendar is asked again before each.
    """
    site = await reach_site(business, actor, site_id, Action.HOLD_SUPPLY)
    now = business.clock.now()
    if until is not None and until <= now:
        raise Refused("refused.hold_past")
    if until is not None and until > now + timedelta(days=DAYS_MAX):
        raise Refused("refused.hold_too_long", days=DAYS_MAX)
    before, after = _text(site.calendar.weather_hold_until), _text(until)
    async with intent(business, actor, "set_weather_hold", site.path, reason=reason, before=before, after=after):
        await business.store.sites.set_weather_hold(site.id, until)
    changed = await business.store.sites.site(site.id)
    return changed if changed is not None else site


async def reach_site(business: Business, actor: Actor, site_id: str, action: Action) -> Site:
    """The whole site, if the actor may do `action` to it; else `Refused("refused.not_found")` (A1, A2)."""
    site = await business.store.sites.site(site_id)
    if site is not None and may(actor, action, Subject(site.path)):
        return site
    await record(business, actor, action, site_id, refused="refused.not_found")
    raise not_found()


def _text(until: datetime | None) -> str:
    return until.isoformat() if until is not None else "none"
