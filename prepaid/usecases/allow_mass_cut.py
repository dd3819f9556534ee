"""Two persons agree that the rules may cut off more of a site than its share in a day (S8, A6)."""

from __future__ import annotations

from datetime import datetime, timedelta

from prepaid.domain.access import Action, Actor
from prepaid.domain.approvals import Approval, Effect, Request, read_content
from prepaid.domain.errors import Refused
from prepaid.ports import Business
from prepaid.usecases.ask_approval import ask_approval
from prepaid.usecases.authorize import intent
from prepaid.usecases.set_weather_hold import reach_site

HOURS_MAX = 24


async def allow_mass_cut(business: Business, actor: Actor, site_id: str, *, until: datetime, why: str) -> Approval:
    """Asks for a second person. Until then, and after `until`, the share of the site holds; nobody is cut by hand."""
    site = await reach_site(business, actor, site_id, Action.BULK_CUT)
    now = business.clock.now()
    if not why.strip():
        raise Refused("refused.reason_needed")
    if not now < until <= now + timedelta(hours=HOURS_MAX):
        raise Refused("refused.mass_cut_time", hours=HOURS_MAX)
    content = {"site": site.id, "until": until.isoformat()}
    request = Request(effect=Effect.MASS_CUT, path=site.path, site_id=site.id, content=content, reason=why)
    return await ask_approval(business, actor, request)


async def allow_as_agreed(business: Business, approval: Approval) -> None:
    """The effect: one field of the site. Every other rule of the supply policy still holds for each cut."""
    until = datetime.fromisoformat(str(read_content(approval)["until"]))
    asker = Actor(id=approval.asked_by)
    async with intent(
        business, asker, "allow_mass_cut", approval.path, reason=approval.reason, after=until.isoformat()
    ):
        await business.store.sites.set_mass_cut(approval.site_id, until)
