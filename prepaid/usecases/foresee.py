"""Foresees once a local day how long every account's credit lasts, and tells who asked to be told by days."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

from prepaid.domain.accounts import Account, AccountStatus, Site
from prepaid.domain.credit import share_of
from prepaid.domain.days_left import (
    LOOK_BACK_D,
    MOST_DAYS,
    Coming,
    DaysLeft,
    FeeOn,
    Forecast,
    TopUpHint,
    days_left,
    no_fee,
    passed_days,
    pattern_of,
    top_up_hint,
)
from prepaid.domain.dearness import Going, Used, dear_permille, has_turns
from prepaid.domain.fees import fees_of_day, has_listed_fees, pricing_of
from prepaid.domain.ledger import Head, Kind
from prepaid.domain.notices import NoticeKind
from prepaid.domain.tariffs import Utility, plan_of
from prepaid.domain.tariffs.counted import counted_from_text
from prepaid.domain.tariffs.pricing import Carry
from prepaid.ports import Business, LedgerSpan
from prepaid.usecases.at_once import at_once
from prepaid.usecases.once_a_day import once_a_day
from prepaid.usecases.tell import Crossing, Params, tell_account

SPENDS = frozenset({Kind.CONSUMPTION, Kind.FEE})
_WH, _BAND, _PRICE, _SEWAGE = 2, 3, 5, 6
"""Places in a stored line (`prepaid.domain.tariffs.lines`)."""
STALE_D = 3
"""A forecast that is older says nothing: whoever made it every day has stopped."""


async def foresee(business: Business, may_go_on: Callable[[], Awaitable[bool]]) -> int:
    """Returns how many accounts were looked at. `may_go_on` is asked before each batch."""

    async def some(site: Site, accounts: list[Account], today: date) -> None:
        async def ask(account: Account) -> tuple[Account, Forecast | None]:
            return account, await _forecast(business, site, account, today)

        async for account, forecast in at_once(accounts, ask):
            if forecast is not None:
                await business.store.forecasts.keep(forecast)
                await _warn(business, site, account, forecast)

    def is_open(account: Account) -> bool:
        return account.status is AccountStatus.OPEN

    return await once_a_day(business, business.store.forecasts, is_open, some, may_go_on)


async def _forecast(business: Business, site: Site, account: Account, today: date) -> Forecast | None:
    """From the ledger itself: whatever lowered the balance for use, on its local day."""
    since = site.calendar.midnight(today - timedelta(days=LOOK_BACK_D))
    span = await business.store.ledger.between(account.id, since, site.calendar.midnight(today))
    spent: dict[date, int] = {}
    for at, kind, delta_micro in zip(span.ats, span.kinds, span.deltas_micro, strict=True):
        if kind in SPENDS:
            day = site.calendar.local(at).date()
            # Fees are no habit: it is known when they fall due. They only say that the account was there.
            spent[day] = spent.get(day, 0) - (delta_micro if kind == Kind.CONSUMPTION else 0)
    dear: tuple[int, ...] = ()
    going = await _going(business, site, account, span) if spent else []
    if going:
        days = min(LOOK_BACK_D, (today - min(spent)).days)
        dear = dear_permille([replace(each, days=days) for each in going], site.calendar, today, MOST_DAYS)
        spent = {day: sum(each.used.valued_micro(day) for each in going) for day in spent}
    pattern = pattern_of(spent, today, site.calendar)
    return Forecast(id=account.id, day=today.isoformat(), pattern=pattern, dear_permille=dear) if pattern else None


async def _going(business: Business, site: Site, account: Account, span: LedgerSpan) -> list[Going]:
    """What was used of each utility, where prices rise with use or change; nothing where they stay as they are."""
    plans = {utility: plan_of(held) for utility in Utility if (held := pricing_of(site, account, utility)) is not None}
    if not any(map(has_turns, plans.values())) or any(
        kind == Kind.CONSUMPTION and not text for kind, text in zip(span.kinds, span.lines, strict=True)
    ):
        return []  # Entries from before they kept their lines say nothing of prices.
    meters = {meter.id: meter.utility for meter in await business.store.meters.of_account(account.id)}
    used = {utility: Used() for utility in plans}
    for at, meter_id, text in zip(span.ats, span.meters, span.lines, strict=True):
        own = used.get(meters.get(meter_id, Utility.ELECTRICITY))
        if own is None:
            continue
        for line in json.loads(text or "[]"):
            own.add(site.calendar.local(at).date(), line[_WH], line[_BAND], sum(line[_PRICE : _SEWAGE + 1]))
    counted = counted_from_text((await business.store.ledger.head(account.id)).counted)
    return [
        Going(plan=plans[utility], used=each, days=1, carry=counted.get(utility, Carry()))
        for utility, each in used.items()
        if each.units
    ]


async def _warn(business: Business, site: Site, account: Account, forecast: Forecast) -> None:
    """Once for each level since the last credit (N1)."""
    if not account.alerts.days_left:
        return
    head, now = await business.store.ledger.head(account.id), business.clock.now()
    pattern, credit = forecast.pattern, head.balance_micro - account.floor_micro
    coming = Coming(await _fee_on(business, site, account), forecast.dear_on)
    left = days_left(pattern, credit, site.calendar, now, coming=coming)
    level = passed_days(account.alerts.days_left, left) if left is not None else None
    if left is None or level is None or credit <= 0:
        return  # Without credit there is another notice, with the hour of the cut.
    kept = kept_of(site, account, head, now)
    hint = top_up_hint(pattern, credit, site.calendar, now, coming=coming, kept=kept)
    crossing = Crossing(NoticeKind.LOW_DAYS, f"{level}d:{head.credit_seq}")
    await tell_account(business, account, site, crossing, _params(head, left, hint, site))


def _params(head: Head, left: DaysLeft, hint: TopUpHint | None, site: Site) -> Params:
    params: Params = {
        "balance_micro": head.balance_micro,
        "least": str(left.least),
        "most": str(left.most),
        "ends_at": left.ends_at.isoformat() if left.ends_at else None,
    }
    if hint is None:
        return params
    return {
        **params,
        "amount_micro": hint.amount_micro,
        "through_at": site.calendar.midnight(hint.last_day).isoformat(),
    }


async def foreseen(
    business: Business, account: Account, site: Site, head: Head
) -> tuple[DaysLeft | None, TopUpHint | None]:
    """How long the credit of this head lasts, by the account's newest forecast, and what gets it through days off."""
    row, now = await business.store.forecasts.get(account.id), business.clock.now()
    credit = head.balance_micro - account.floor_micro
    if row is None or credit <= 0:
        return None, None
    if (site.calendar.local(now).date() - date.fromisoformat(row.day)).days > STALE_D:
        return None, None
    coming = Coming(await _fee_on(business, site, account), row.dear_on)
    kept = kept_of(site, account, head, now)
    return (
        days_left(row.pattern, credit, site.calendar, now, coming=coming),
        top_up_hint(row.pattern, credit, site.calendar, now, coming=coming, kept=kept),
    )


async def _fee_on(business: Business, site: Site, account: Account) -> FeeOn:
    """The account's fixed fees by the local day on which they fall due."""
    if not (site.credit.fees or has_listed_fees(site, account)):
        return no_fee
    utilities = {meter.utility for meter in await business.store.meters.of_account(account.id)}
    return lambda day: fees_of_day(site, account, utilities, day)


def kept_of(site: Site, account: Account, head: Head, now: datetime) -> Callable[[int], int]:
    """What of a top-up lasts for use: without the share that recovers arrears, and emergency credit ends with it."""
    recovery = site.credit.recovery(site.calendar.month(now))

    def kept(amount_micro: int) -> int:
        share = share_of(amount_micro, balance_micro=head.balance_micro, aside=head.aside, recovery=recovery)
        return amount_micro - share - account.emergency_micro

    return kept
