"""Posts the fixed fees that have fallen due: once for each account and local day or month, however often it runs.

Fees stand in the price lists that the account pays by and in the site's credit rules (`prepaid.domain.fees`). A fee
only moves the balance. Whether that ends in a cut is decided by the supply policy as always, so a fee can neither cut
off within protected hours nor without the ordinary warning (S2, S3).
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from prepaid.domain.accounts import Account, AccountStatus, Site
from prepaid.domain.errors import Refused, Trouble
from prepaid.domain.fees import DueFee, due_fees, has_listed_fees
from prepaid.domain.ledger import FEES, Entry, Kind, Line, Posting, customer
from prepaid.domain.notices import NoticeKind, crossed_levels
from prepaid.ports import Business
from prepaid.usecases.decide_supply import decide_supply
from prepaid.usecases.tell import Crossing, Params, tell_account

log = structlog.get_logger()


async def post_fees(business: Business) -> int:
    """Returns how many fees were posted. One account's trouble does not hold up the others."""
    posted = 0
    for site in await business.store.sites.sites():
        for account in await business.store.sites.accounts_below(site.path):
            charged = site.credit.fees or has_listed_fees(site, account)
            if charged and account.site_id == site.id and account.status is AccountStatus.OPEN:
                posted += await _account(business, site, account)
    return posted


async def _account(business: Business, site: Site, account: Account) -> int:
    try:
        utilities = {meter.utility for meter in await business.store.meters.of_account(account.id)}
        due = due_fees(site, account, utilities, business.clock.now())
        posted = [
            await _post(business, _posting(business, site, account, period, fees)) for period, fees in due.items()
        ]
        for entry, _ in posted:
            await _warn_low(business, account, site, entry)
        if posted and posted[-1][0].balance_micro <= account.floor_micro:
            await decide_supply(business, account.id)
    except Trouble as trouble:
        log.warning("fees_wait", account=account.id, kind=type(trouble).__name__, key=trouble.key)
        return 0
    return sum(new for _, new in posted)


async def _post(business: Business, posting: Posting) -> tuple[Entry, bool]:
    """The entry and whether it is new. One that was posted before stays, even if the fee was changed since.

    What follows from an entry is done again for an old one, because a crash may have come between the two (Y1).
    """
    ledger = business.store.ledger
    stored = await ledger.by_idem(posting.account_id, posting.idem)
    if stored is not None:
        return stored, False
    try:
        return await ledger.post(posting), True
    except Refused:
        stored = await ledger.by_idem(posting.account_id, posting.idem)
        if stored is None:
            raise
        return stored, False


def _posting(business: Business, site: Site, account: Account, period: str, fees: Sequence[DueFee]) -> Posting:
    """One for each day and for each month, with a line for each fee."""
    lines = [Line(FEES + fee.id, fee.amount_micro) for fee in fees]
    versions = sorted({fee.version for fee in fees if fee.version})
    return Posting(
        account_id=account.id,
        idem=f"fee:{account.id}:{period}",
        kind=Kind.FEE,
        lines=(Line(customer(account.id), -sum(line.amount_micro for line in lines)), *lines),
        effective_at=business.clock.now(),
        actor="clock",
        reason="reason.fee",
        currency=site.currency,
        ref={"period": period, **({"tariff": ",".join(versions)} if versions else {})},
    )


async def _warn_low(business: Business, account: Account, site: Site, entry: Entry) -> None:
    """A fee may take the balance through a warning level just as use does (N1)."""
    before = entry.balance_micro - entry.delta_micro
    levels = crossed_levels(account.low_levels(site), before, entry.balance_micro)
    if levels:
        params: Params = {"level_micro": min(levels), "balance_micro": entry.balance_micro}
        await tell_account(
            business, account, site, Crossing(NoticeKind.LOW_BALANCE, f"{min(levels)}:{entry.seq}"), params
        )
