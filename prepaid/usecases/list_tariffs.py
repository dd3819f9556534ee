"""A site's price lists with all their versions, for whoever sees the whole site."""

from __future__ import annotations

from prepaid.domain.access import Action, Actor
from prepaid.domain.fees import pricing_of
from prepaid.domain.tariffs import TariffPlan, Utility, plan_of
from prepaid.ports import Business
from prepaid.usecases.set_weather_hold import reach_site


async def list_tariffs(business: Business, actor: Actor, site_id: str) -> dict[Utility, TariffPlan]:
    """The plan of each utility that the site has prices for. Raises `Refused` out of reach (A1, A2)."""
    site = await reach_site(business, actor, site_id, Action.SEE_SITE)
    priced = {utility: pricing_of(site, None, utility) for utility in Utility}
    return {utility: plan_of(pricing) for utility, pricing in priced.items() if pricing is not None}
