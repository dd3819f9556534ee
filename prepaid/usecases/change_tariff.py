"""A new version of a site's price list: what it would have cost, a second person's word, and its start (A6, M12).

A version never starts in the past, so nothing that was billed changes. One that names no start of its own begins at the
moment at which it takes effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Account, Site
from prepaid.domain.approvals import Approval, Effect, Request, read_content
from prepaid.domain.errors import InvariantBroken, Refused, TryAgain
from prepaid.domain.fees import pricing_of
from prepaid.domain.metering import Usage
from prepaid.domain.tariffs import (
    ALWAYS,
    Carry,
    Pricing,
    Tariff,
    TariffPlan,
    Utility,
    plan_of,
    point,
    pricer,
    tariff_from_text,
    tariff_text,
)
from prepaid.ports import Business
from prepaid.usecases.ask_approval import ask_approval
from prepaid.usecases.authorize import intent
from prepaid.usecases.set_weather_hold import reach_site
from prepaid.usecases.show_statement import month_ends
from prepaid.usecases.show_usage import added_up
from prepaid.usecases.tell_tariff import tell_of_tariff

log = structlog.get_logger()

MOST_PREVIEWED = 50
HOUR = timedelta(hours=1)
ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewLine:
    """One account's last month at the old and the new price."""

    account_id: str
    label: str
    energy_wh: int
    before_micro: int
    after_micro: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffPreview:
    """What last month would have cost. `accounts` counts those that are meant, of which `lines` shows the first."""

    month: str
    lines: tuple[PreviewLine, ...]
    accounts: int


async def preview_tariff(
    business: Business, actor: Actor, site_id: str, version: Tariff, *, utility: Utility = Utility.ELECTRICITY
) -> TariffPreview:
    """Prices the hours of last month under what was in force and under `version`, as if it had held throughout.

    Accounts with a price of their own are left out. Yearly steps count from the beginning of the month.
    """
    site = await reach_site(business, actor, site_id, Action.CHANGE_TARIFF)
    new = TariffPlan(versions=(replace(version, start=ALWAYS),), utility=utility)
    this_month, _ = month_ends(site, site.calendar.month(business.clock.now()))
    month = site.calendar.month(this_month - HOUR)
    accounts = [
        account
        for account in await business.store.sites.accounts_below(site.path)
        if account.site_id == site.id and pricing_of(site, account, utility) == pricing_of(site, None, utility)
    ]
    lines = [await _previewed(business, site, account, month, new) for account in accounts[:MOST_PREVIEWED]]
    return TariffPreview(month=month, lines=tuple(lines), accounts=len(accounts))


async def change_tariff(
    business: Business,
    actor: Actor,
    site_id: str,
    version: Tariff,
    *,
    why: str,
    utility: Utility = Utility.ELECTRICITY,
) -> Approval:
    """Asks a second person to agree to exactly this version, in time for its start. Raises `Refused` for the past."""
    site = await reach_site(business, actor, site_id, Action.CHANGE_TARIFF)
    if not why.strip():
        raise Refused("refused.reason_needed")
    now = business.clock.now()
    _with(site, utility, _started(version, now), now)
    # A yes can be taken back for a while, and a version never starts in the past: so the yes has to come in time.
    agreed_by = None if version.start == ALWAYS else version.start - timedelta(seconds=site.limits.undo_s)
    if agreed_by is not None and agreed_by < now:
        raise Refused("refused.tariff_too_soon", undo_s=site.limits.undo_s)
    content = {"site": site.id, "utility": str(utility), "version": tariff_text(version)}
    request = Request(effect=Effect.CHANGE_TARIFF, path=site.path, site_id=site.id, content=content, reason=why)
    return await ask_approval(business, actor, request, before=agreed_by)


async def change_as_agreed(business: Business, approval: Approval) -> None:
    """The effect, single by the version's name: running it again after a crash finds the version in the plan."""
    content = read_content(approval)
    version, utility = tariff_from_text(str(content["version"])), Utility(str(content["utility"]))
    asker = Actor(id=approval.asked_by)
    async with intent(
        business, asker, Action.CHANGE_TARIFF, approval.path, reason=approval.reason, after=tariff_text(version)
    ):
        for _ in range(ATTEMPTS):
            if await _changed(business, approval.site_id, version, utility):
                log.info("tariff_changed", site=approval.site_id, utility=utility, version=version.id)
                await tell_of_tariff(business, approval.site_id, utility, version.id)
                return
        raise TryAgain("try_again.changed_meanwhile")


async def _changed(business: Business, site_id: str, version: Tariff, utility: Utility) -> bool:
    """Puts the version into the plan, unless somebody else changed it since it was read."""
    site = await business.store.sites.site(site_id)
    if site is None:
        raise InvariantBroken(f"tariff for a site that is not there: {site_id}")
    now, old = business.clock.now(), pricing_of(site, None, utility)
    known = plan_of(old).by_id(version.id) if old is not None else None
    if known is not None and version in (known, replace(known, start=ALWAYS)):
        return True
    return await business.store.sites.set_tariff(site.id, old, _with(site, utility, _started(version, now), now))


def _started(version: Tariff, now: datetime) -> Tariff:
    return replace(version, start=now) if version.start == ALWAYS else version


def _with(site: Site, utility: Utility, version: Tariff, now: datetime) -> TariffPlan:
    """The site's plan with one more version."""
    if version.start < now:
        raise Refused("refused.tariff_past")
    old = pricing_of(site, None, utility)
    if old is None:
        return TariffPlan(versions=(version,), utility=utility)
    return plan_of(old).having(version)


async def _previewed(business: Business, site: Site, account: Account, month: str, new: TariffPlan) -> PreviewLine:
    since, until = month_ends(site, month)
    old = pricing_of(site, account, new.utility)
    meters = [each for each in await business.store.meters.of_account(account.id) if each.utility is new.utility]
    hours = added_up([await business.store.readings.usage_by_hour(meter.id, since, until) for meter in meters])
    return PreviewLine(
        account_id=account.id,
        label=account.label,
        energy_wh=sum(hour.energy_wh for hour in hours),
        before_micro=0 if old is None else _cost(old, site, hours),
        after_micro=_cost(new, site, hours),
    )


def _cost(pricing: Pricing, site: Site, hours: Sequence[Usage]) -> int:
    carry, prices = Carry(), pricer(pricing, site.calendar)
    for hour in hours:
        carry = prices.price(point(hour.start, 0), point(hour.start + HOUR, hour.energy_wh), carry).carry
    return carry.charged_micro
