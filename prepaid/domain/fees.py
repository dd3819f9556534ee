"""Which fixed fees have fallen due: those of the price lists that an account pays by, and those of its site's rules.

A day's fees are those of the version in force when the local day begins, a month's those of the version in force when
the month begins. There are no parts of a month: whoever moves in on the tenth, and whatever starts on the tenth, pays
from the next month on. So a period's fees never change once it has begun, and nothing is posted for it twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from prepaid.domain.accounts import Account, Site
from prepaid.domain.credit import due_days
from prepaid.domain.tariffs import Every, Pricing, Utility, plan_of

LOOK_BACK_DAYS = 7
"""What an outage of a week left is caught up with; older days are not billed in arrears by surprise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueFee:
    """One fee of one day or month."""

    id: str
    amount_micro: int
    version: str = ""
    """The version of the price list that it stands in; "" for a fee of the site's rules."""


def pricing_of(site: Site, account: Account | None, utility: Utility) -> Pricing | None:
    """The pricing of a utility, or None where the site has none: such a meter is read, but cannot be billed yet."""
    if utility is Utility.WATER:
        return (account.water_tariff if account else None) or site.water_tariff
    return (account.tariff if account else None) or site.tariff


def has_listed_fees(site: Site, account: Account) -> bool:
    """Whether any version of any price list of the account has a fee."""
    plans = [pricing_of(site, account, utility) for utility in Utility]
    return any(version.fees for plan in plans if plan is not None for version in plan_of(plan).versions)


def due_fees(site: Site, account: Account, utilities: Iterable[Utility], now: datetime) -> dict[str, list[DueFee]]:
    """What is due by now, by day ("2026-11-23") or month ("2026-11"), oldest first.

    `utilities` are those of which the account has a meter: nobody pays the standing charge of water without water. A
    fee of the site's rules with the id of one in the price list is that one.
    """
    payer = _Payer(site, account, tuple(sorted(set(utilities))))
    found = {period: payer.fees(period, first, now) for period, first in _periods(site, account, now)}
    return {period: fees for period, fees in found.items() if fees}


def fees_of_day(site: Site, account: Account, utilities: Iterable[Utility], day: date) -> int:
    """Micro-yuan that fall due when a local day begins, by what is known now: its own, and its month's on the first."""
    begins = site.calendar.midnight(day)
    periods = [day.isoformat(), *([f"{day:%Y-%m}"] if day.day == 1 else [])]
    payer = _Payer(site, account, tuple(sorted(set(utilities))))
    return sum(fee.amount_micro for period in periods for fee in payer.fees(period, day, begins))


@dataclass(frozen=True, slots=True)
class _Payer:
    """Who pays: an account of a site that has a meter of these utilities."""

    site: Site
    account: Account
    utilities: tuple[Utility, ...]

    def fees(self, period: str, first: date, now: datetime) -> list[DueFee]:
        """Of a day, or of a month; `first` is the local day with which it begins."""
        site, account = self.site, self.account
        listed = [fee for utility in self.utilities for fee in _listed(site, account, utility, period, first)]
        known = {fee.id for fee in listed}
        return [*listed, *(fee for fee in _ruled(site, account, period, now) if fee.id not in known)]


def _periods(site: Site, account: Account, now: datetime) -> Iterator[tuple[str, date]]:
    """The days that began lately and the months that they lie in, within the tenancy."""
    today = site.calendar.local(now).date()
    since = site.calendar.local(account.lease_from).date() if account.lease_from is not None else None
    until = site.calendar.local(account.lease_to).date() if account.lease_to is not None else None
    days = [date.fromordinal(today.toordinal() - back) for back in range(LOOK_BACK_DAYS, -1, -1)]
    months = {day.replace(day=1) for day in days}
    periods = [*((f"{day:%Y-%m}", day) for day in months), *((day.isoformat(), day) for day in days)]
    for period, first in sorted(periods):
        if (since is None or first >= since) and (until is None or first <= until):
            yield period, first


def _listed(site: Site, account: Account, utility: Utility, period: str, first: date) -> Iterator[DueFee]:
    pricing = pricing_of(site, account, utility)
    if pricing is None or (site.listed_fees_from is not None and first < site.listed_fees_from):
        return
    begins = datetime.combine(first, time(), ZoneInfo(site.calendar.time_zone)).astimezone(UTC)
    version = plan_of(pricing).at(begins)
    if version.start > begins:
        return  # The oldest version prices what came before it, but nobody was told of its fees then.
    every = Every.MONTH if len(period) == len("2026-11") else Every.DAY
    for fee in version.fees:
        if fee.every is every:
            yield DueFee(id=fee.id, amount_micro=fee.amount_micro, version=version.id)


def _ruled(site: Site, account: Account, period: str, now: datetime) -> Iterator[DueFee]:
    """The fees of the site's rules; where utilities have wallets of their own, that of electricity pays them."""
    if account.utility == Utility.WATER:
        return
    today = site.calendar.local(now).date()
    opened = site.calendar.local(account.lease_from).date() if account.lease_from is not None else None
    for fee in site.credit.fees:
        if period in due_days(fee, today=today, opened=opened, most=LOOK_BACK_DAYS):
            yield DueFee(id=fee.id, amount_micro=fee.amount_micro)
