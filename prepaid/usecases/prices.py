"""Which price list holds for a meter: the account's own, or else its site's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from prepaid.domain.accounts import Account, Site
from prepaid.domain.fees import pricing_of
from prepaid.domain.ledger import Head
from prepaid.domain.metering import Meter, Watermark
from prepaid.domain.tariffs import Carry, Pricer, Utility, counted_from_text, pricer, together

NANO_PER_MICRO = 1000


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


def counted_before(counted: Carry | None, mark: Watermark | None) -> Carry:
    """The account's counters, with what a meter counted for itself before its account did.

    A chain that lost its counters to an older version of this program goes on from the meter's watermark.
    """
    own = carry_of(mark)
    if counted is None:
        return own
    return counted if mark is None or mark.on_account else together(counted, own)


def price_now(site: Site, account: Account, meters: Sequence[Meter], head: Head, at: datetime) -> int:
    """Micro-yuan for the next kWh that the account uses: today's version, this hour's band, the step reached.

    Of a wallet for water, the next m3; 0 where water has no price yet.
    """
    utility = Utility(account.utility or Utility.ELECTRICITY)
    marks = [meter.watermark for meter in meters if meter.utility is utility]
    found = pricer_of(site, account, utility)
    if found is None:
        return 0
    carry = counted_before(counted_from_text(head.counted).get(utility), marks[0] if marks else None)
    return found.price_now(at, carry)
