"""The price list that holds for an account now: bands and their hours today, steps, what is free, fixed fees."""

from __future__ import annotations

from dataclasses import dataclass

from prepaid.domain.access import Action, Actor
from prepaid.domain.fees import pricing_of
from prepaid.domain.tariffs import Band, Tariff, Utility, plan_of
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account, site_of


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSheet:
    """What one utility costs. `today` are the local day's changes of band, (minute, band) from minute 0 on."""

    utility: Utility
    version: Tariff
    today: tuple[tuple[int, Band], ...]
    coming: Tariff | None
    """The version that takes over next, if one is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PricesView:
    """All price lists of an account, and the fees of its site's rules as (id, "day" or "month", micro-yuan)."""

    account_id: str
    label: str
    site_time_zone: str
    sheets: tuple[PriceSheet, ...]
    fees: tuple[tuple[str, str, int], ...]


async def show_prices(business: Business, actor: Actor, account_id: str) -> PricesView:
    """The prices in force for the utilities that the account pays for. Raises `Refused` outside the actor's reach."""
    account = await reach_account(business, actor, account_id, Action.SEE_ACCOUNT)
    site = await site_of(business, account)
    now = business.clock.now()
    day = site.calendar.local(now).date()
    if account.utility:
        held = {Utility(account.utility)}
    else:
        held = {meter.utility for meter in await business.store.meters.of_account(account.id)} or {Utility.ELECTRICITY}
    sheets: list[PriceSheet] = []
    for utility in sorted(held):
        pricing = pricing_of(site, account, utility)
        if pricing is None:
            continue
        plan = plan_of(pricing)
        version = plan.at(now)
        sheets.append(
            PriceSheet(
                utility=utility,
                version=version,
                today=version.schedule.of_day(day, site.calendar) if version.schedule else (),
                coming=next((each for each in plan.versions if each.start > now), None),
            )
        )
    listed = {fee.id for sheet in sheets for fee in sheet.version.fees}
    # Where utilities have wallets of their own, that of electricity pays the fees of the site's rules.
    ruled = () if account.utility == Utility.WATER else site.credit.fees
    return PricesView(
        account_id=account.id,
        label=account.label,
        site_time_zone=site.calendar.time_zone,
        sheets=tuple(sheets),
        fees=tuple(
            (fee.id, str(fee.every), fee.amount_micro) for fee in ruled if fee.id not in listed and fee.since <= day
        ),
    )
