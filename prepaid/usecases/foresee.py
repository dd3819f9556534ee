"""Foresees once a local day how long every account's credit lasts, and tells who asked to be told by days."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta

from prepaid.domain.accounts import Account, AccountStatus, Site
from prepaid.domain.credit import share_of
from prepaid.domain.days_left import (
    LOOK_BACK_D,
    DaysLeft,
    FeeOn,
    Forecast,
    Pattern,
    TopUpHint,
    days_left,
    no_fee,
    passed_days,
    pattern_of,
    top_up_hint,
)
from prepaid.domain.fees import fees_of_day, has_listed_fees
from prepaid.domain.ledger import Head, Kind
from prepaid.domain.notices import NoticeKind
from prepaid.ports import Business
from prepaid.usecases.at_once import at_once
from prepaid.usecases.once_a_day import once_a_day
from prepaid.usecases.tell import Crossing, Params, tell_account

SPENDS = frozenset({Kind.CONSUMPTION, Kind.FEE})
STALE_D = 3
"""A forecast that is older says nothing: whoever made it every day has stopped."""


async def foresee(business: Business, may_go_on: Callable[[], Awaitable[bool]]) -> int:
    """Returns how many accounts were looked at. `may_go_on` is asked before each batch."""

    async def some(site: Site, accounts: list[Account], today: date) -> None:
        async def ask(account: Account) -> tuple[Account, Pattern | None]:
            return account, await _pattern(business, site, account, today)

        async for account, pattern in at_once(accounts, ask):
            if pattern is not None:
                await business.store.forecasts.keep(Forecast(id=account.id, day=today.isoformat(), pattern=pattern))
                await _warn(business, site, account, pattern)

    def is_open(account: Account) -> bool:
        return account.status is AccountStatus.OPEN

    return await once_a_day(business, business.store.forecasts, is_open, some, may_go_on)


async def _pattern(business: Business, site: Site, account: Account, today: date) -> Pattern | None:
    """From the ledger itself: whatever lowered the balance for use, on its local day."""
    since = site.calendar.midnight(today - timedelta(days=LOOK_BACK_D))
    span = await business.store.ledger.between(account.id, since, site.calendar.midnight(today))
    spent: dict[date, int] = {}
    for at, kind, delta_micro in zip(span.ats, span.kinds, span.deltas_micro, strict=True):
        if kind in SPENDS:
            day = site.calendar.local(at).date()
            # Fees are no habit: it is known when they fall due. They only say that the account was there.
            spent[day] = spent.get(day, 0) - (delta_micro if kind == Kind.CONSUMPTION else 0)
    return pattern_of(spent, today, site.calendar)


async def _warn(business: Business, site: Site, account: Account, pattern: Pattern) -> None:
    """Once for each level since the last credit (N1)."""
    if not account.alerts.days_left:
        return
    head, now = await business.store.ledger.head(account.id), business.clock.now()
    credit, fee_on = head.balance_micro - account.floor_micro, await _fee_on(business, site, account)
    left = days_left(pattern, credit, site.calendar, now, fee_on=fee_on)
    level = passed_days(account.alerts.days_left, left) if left is not None else None
    if left is None or level is None or credit <= 0:
        return  # Without credit there is another notice, with the hour of the cut.
    kept = kept_of(site, account, head, now)
    hint = top_up_hint(pattern, credit, site.calendar, now, fee_on=fee_on, kept=kept)
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
    fee_on, kept = await _fee_on(business, site, account), kept_of(site, account, head, now)
    return (
        days_left(row.pattern, credit, site.calendar, now, fee_on=fee_on),
        top_up_hint(row.pattern, credit, site.calendar, now, fee_on=fee_on, kept=kept),
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
