"""Which price list holds for a meter: the account's own, or else its site's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from prepaid.domain.accounts import Account, Site
from prepaid.domain.metering import Meter, Watermark
from prepaid.domain.tariffs import Carry, Pricer, Pricing, Utility, pricer

NANO_PER_MICRO = 1000


def pricing_of(site: Site, account: Account | None, utility: Utility) -> Pricing | None:
    """The pricing of a utility, or None where the site has none: such a meter is read, but cannot be billed yet."""
    if utility is Utility.WATER:
        return (account.water_tariff if account else None) or site.water_tariff
    return (account.tariff if account else None) or site.tariff


def pricer_of(site: Site, account: Account | None, utility: Utility) -> Pricer | None:
    """As `pricing_of`, ready to price."""
    pricing = pricing_of(site, account, utility)
    return None if pricing is None else pricer(pricing, site.calendar)


def carry_of(mark: Watermark | None) -> Carry:
    """What pricing goes on from. A watermark from before exact costs were kept starts without a remainder."""
    if mark is None:
        return Carry()
    exact = mark.charged_micro * NANO_PER_MICRO if mark.exact_nano is None else mark.exact_nano
    return Carry(exact, mark.charged_micro, mark.period, mark.period_wh, mark.year, mark.year_wh)


def price_now(site: Site, account: Account, meters: Sequence[Meter], at: datetime) -> int:
    """Micro-yuan for the next kWh that the account uses: today's version, this hour's band, the step reached."""
    electric = [meter for meter in meters if meter.utility is Utility.ELECTRICITY]
    mark = electric[0].watermark if electric else None
    return pricer(account.tariff or site.tariff, site.calendar).price_now(at, carry_of(mark))
