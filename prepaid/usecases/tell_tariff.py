"""Tells everybody whom a new price list concerns what they paid and what they will pay, and from when on (N1)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from prepaid.domain.accounts import Account, AccountStatus, Site
from prepaid.domain.fees import pricing_of
from prepaid.domain.notices import NoticeKind
from prepaid.domain.tariffs import Tariff, Utility, plan_of
from prepaid.ports import Business
from prepaid.usecases.tell import Crossing, Params, tell_account

AT_ONCE = 20


async def tell_of_tariff(business: Business, site_id: str, utility: Utility, version_id: str) -> int:
    """Returns how many rows are new: after a crash those that were written are not written again.

    Accounts with a price of their own are left out, and so is the first price list, which changes nothing.
    """
    site = await business.store.sites.site(site_id)
    figures = None if site is None else _figures(site, utility, version_id)
    if site is None or figures is None:
        return 0
    crossing = Crossing(NoticeKind.TARIFF_CHANGES, f"{utility}:{version_id}")
    accounts = [each for each in await business.store.sites.accounts_below(site.path) if _is_meant(each, site, utility)]
    new = 0
    for start in range(0, len(accounts), AT_ONCE):
        some = accounts[start : start + AT_ONCE]
        new += sum(await asyncio.gather(*(_tell(business, each, site, crossing, figures) for each in some)))
    return new


async def _tell(business: Business, account: Account, site: Site, crossing: Crossing, figures: Params) -> int:
    utility = str(figures["utility"])
    meters = await business.store.meters.of_account(account.id)
    if not account.utility and all(meter.utility != utility for meter in meters):
        return 0
    return await tell_account(business, account, site, crossing, figures)


def _is_meant(account: Account, site: Site, utility: Utility) -> bool:
    own = pricing_of(site, account, utility) != pricing_of(site, None, utility)
    return (
        account.site_id == site.id
        and account.status is not AccountStatus.CLOSED
        and account.utility in ("", utility)
        and not own
    )


def _figures(site: Site, utility: Utility, version_id: str) -> Mapping[str, str | int] | None:
    """The old and the new price, from the lowest to the highest where they differ by the hour or by use."""
    pricing = pricing_of(site, None, utility)
    versions = () if pricing is None else plan_of(pricing).versions
    place = next((number for number, each in enumerate(versions) if each.id == version_id), 0)
    if place == 0:
        return None
    old, new = _prices(versions[place - 1]), _prices(versions[place])
    return {
        "utility": str(utility),
        "since": versions[place].start.isoformat(),
        "old_exact_micro": min(old),
        "old_most_exact_micro": max(old),
        "new_exact_micro": min(new),
        "new_most_exact_micro": max(new),
    }


def _prices(version: Tariff) -> list[int]:
    return [each.price_micro + version.sewage_micro for step in version.steps for each in step.prices]
