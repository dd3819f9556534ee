"""The desk's paper: the next receipt number, the list of a day, and a receipt made void by reversing its entry (P1)."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Site
from prepaid.domain.approvals import Approval
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.ledger import Entry
from prepaid.domain.money import micro_from_fen
from prepaid.domain.notices import NoticeKind
from prepaid.domain.receipts import DeskDay, Receipt, Taken, number_of_day
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account, reach_place, site_of
from prepaid.usecases.cash_topup import cash_key
from prepaid.usecases.reverse_entry import reverse_entry
from prepaid.usecases.tell import Crossing, Params, tell_account

DAY_MOST = 5_000
NUMBERS_TRIED = 50


async def next_receipt(business: Business, actor: Actor, site_id: str) -> str:
    """A number that is free now, "20261125-0007". It is spent by `cash_topup`, which credits a number once."""
    return await _free(business, await _site(business, actor, site_id))


async def receipt_for(business: Business, actor: Actor, account_id: str) -> str:
    """As `next_receipt`, for whoever may take money for this account, however small their part of the site is."""
    account = await reach_account(business, actor, account_id, Action.CASH_TOP_UP)
    return await _free(business, await site_of(business, account))


async def _free(business: Business, site: Site) -> str:
    today = site.calendar.local(business.clock.now()).date()
    taken = await _receipts(business, site, today)
    for place in range(len(taken) + 1, len(taken) + 1 + NUMBERS_TRIED):
        number = number_of_day(today, place)
        if await business.store.receipts.get(f"{site.id}:{number}") is None:
            return number
    raise Refused("refused.receipt_number")


async def desk_day(business: Business, actor: Actor, site_id: str, day: date) -> DeskDay:
    """All receipts of a day of the site, those made void too, to count the drawer and the bank against (A2)."""
    site = await _site(business, actor, site_id)
    taken = [
        Taken(receipt=receipt, voided=await _reversal(business, receipt) is not None)
        for receipt in await _receipts(business, site, day)
    ]
    return DeskDay(
        site_id=site.id, site_name=site.name, day=day.isoformat(), currency=site.currency, taken=tuple(taken)
    )


async def desk_day_back(business: Business, actor: Actor, site_id: str, days_back: int) -> DeskDay:
    """As `desk_day`, for today on the site's calendar or so many days before."""
    site = await _site(business, actor, site_id)
    today = site.calendar.local(business.clock.now()).date()
    return await desk_day(business, actor, site.id, today - timedelta(days=days_back))


async def void_receipt(
    business: Business, actor: Actor, account_id: str, receipt: str, *, why: str
) -> Entry | Approval:
    """Reverses what the receipt entered; above the site's limit returns the approval that it waits for (M14).

    The number stays spent: a right receipt is a new one. The same receipt again gives the same reversal.
    """
    account = await reach_account(business, actor, account_id, Action.ADJUST)
    held = await business.store.receipts.get(f"{account.site_id}:{receipt.strip()}")
    if held is None or held.account_id != account.id:
        raise not_found()
    if not held.entered:
        raise Refused("refused.receipt_not_entered")
    done = await _reversal(business, held)
    if done is not None:
        return done
    entry = await reverse_entry(business, actor, account.id, cash_key(held), why=why)
    if isinstance(entry, Entry):
        site = await site_of(business, account)
        params: Params = {
            "number": held.number,
            "amount_micro": micro_from_fen(held.amount_fen),
            "balance_micro": entry.balance_micro,
            "why": why,
        }
        await tell_account(business, account, site, Crossing(NoticeKind.CASH_VOIDED, held.number), params)
    return entry


async def _site(business: Business, actor: Actor, site_id: str) -> Site:
    site = await business.store.sites.site(site_id)
    if site is None:
        await reach_place(business, actor, "", Action.CASH_TOP_UP, named=site_id)
        raise not_found()
    await reach_place(business, actor, site.path, Action.CASH_TOP_UP, named=site_id)
    return site


async def _receipts(business: Business, site: Site, day: date) -> tuple[Receipt, ...]:
    """By the site's own clock: a day with a change of the clock is as long as it is."""
    zone = ZoneInfo(site.calendar.time_zone)
    since = datetime.combine(day, time(), zone)
    until = datetime.combine(day + timedelta(days=1), time(), zone)
    return tuple(await business.store.receipts.taken_between(site.id, since, until, DAY_MOST))


async def _reversal(business: Business, receipt: Receipt) -> Entry | None:
    return await business.store.ledger.by_idem(receipt.account_id, f"rev:{cash_key(receipt)}")
