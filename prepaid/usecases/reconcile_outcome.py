"""What comes of a comparison with a provider's bill: tickets for what differs, and word to the staff of each site."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date

from prepaid.domain.access import Action, Actor, Subject, may
from prepaid.domain.accounts import Site
from prepaid.domain.errors import not_found
from prepaid.domain.money import micro_from_fen
from prepaid.domain.notices import NoticeKind
from prepaid.domain.orders import Merchant
from prepaid.domain.reconcile import Gap, Item, Run, Share
from prepaid.domain.tickets import MoneyKind, MoneyState, MoneyTicket, money_ticket_id
from prepaid.ports import Business
from prepaid.usecases.money_tickets import payment_ticket_id
from prepaid.usecases.tell import Crossing, Params, tell_persons

ABOUT_THE_PAYMENT = frozenset({Gap.NO_ORDER, Gap.DISPUTED})
"""The payment itself is in doubt, so its own ticket serves: there may be one since its notification came."""


async def keep_tickets(business: Business, merchant: Merchant, day: date, items: Sequence[Item]) -> list[MoneyTicket]:
    """One ticket for each item that differs; those whose difference has gone end. Returns the open ones."""
    store = business.store.money_tickets
    wanted = [_ticket(business, merchant, day, item, await _path(business, item)) for item in items if item.gap]
    held = [await store.add(ticket) for ticket in wanted]
    still = {ticket.id for ticket in held}
    for old in await store.of_day(merchant.provider, merchant.merchant_id, day.isoformat()):
        if old.id not in still:
            await store.gone(old.id, business.clock.now())
    return [ticket for ticket in held if ticket.state is MoneyState.OPEN]


async def keep_no_bill(business: Business, merchant: Merchant, day: date) -> None:
    """A day that could not be compared is a difference too; the ticket ends by itself when the day is compared."""
    key = (merchant.provider, merchant.merchant_id, day.isoformat(), "bill")
    ticket = MoneyTicket(
        id=money_ticket_id(MoneyKind.BILL, *key),
        kind=MoneyKind.BILL,
        provider=merchant.provider,
        why="gap.no_bill",
        opened_at=business.clock.now(),
        merchant_id=merchant.merchant_id,
        day=day.isoformat(),
    )
    await business.store.money_tickets.add(ticket)


async def tell_outcome(business: Business, run: Run, tickets: Sequence[MoneyTicket]) -> None:
    """To each site's finance staff, its own figures only (A2), even when nothing differs. The same outcome once."""
    loose = sum(not ticket.path for ticket in tickets)
    for site in await business.store.sites.sites():
        share = next((each for each in run.shares if each.site_id == site.id), None)
        if share is not None:
            own = sum(ticket.site_id == site.id for ticket in tickets)
            await _tell(business, site, run, share, own=own, loose=loose)


async def show_run(business: Business, actor: Actor, run_id: str) -> tuple[Run, tuple[Share, ...]]:
    """A run, with the shares of the sites that the actor audits. Nobody sees another's figures (A2)."""
    run = await business.store.runs.get(run_id)
    sites = {site.id: site for site in await business.store.sites.sites()}
    visible = {site_id for site_id, site in sites.items() if may(actor, Action.AUDIT, Subject(site.path))}
    if run is None or not visible:
        raise not_found()
    return run, tuple(share for share in run.shares if share.site_id in visible)


def _ticket(business: Business, merchant: Merchant, day: date, item: Item, path: str) -> MoneyTicket:
    kind, ticket_id = (
        MoneyKind.BILL,
        money_ticket_id(MoneyKind.BILL, merchant.provider, merchant.merchant_id, day.isoformat(), item.key),
    )
    if item.gap in ABOUT_THE_PAYMENT:
        kind, ticket_id = MoneyKind.PAYMENT, payment_ticket_id(merchant.provider, merchant.merchant_id, item.txn_id)
    return MoneyTicket(
        id=ticket_id,
        kind=kind,
        provider=merchant.provider,
        why=str(item.gap),
        opened_at=business.clock.now(),
        path=path,
        site_id=item.site_id,
        account_id=item.account_id,
        merchant_id=merchant.merchant_id,
        day=day.isoformat(),
        order_id=item.order_id,
        txn_id=item.txn_id,
        refund_id=item.refund_id,
        ours_fen=item.ours_fen,
        theirs_fen=item.theirs_fen,
    )


async def _path(business: Business, item: Item) -> str:
    account = await business.store.sites.account(item.account_id) if item.account_id else None
    return account.path if account else ""


async def _tell(business: Business, site: Site, run: Run, share: Share, *, own: int, loose: int) -> None:
    staff = await business.store.people.staff_over(site.path)
    persons = [each.id for each in staff if may(each.actor(), Action.AUDIT, Subject(site.path))]
    sums = share.totals
    params: Params = {
        "provider": run.provider,
        "day": run.day,
        "items": sums.items,
        "payments_micro": micro_from_fen(sums.payments_fen),
        "refunds_micro": micro_from_fen(sums.refunds_fen),
        "fees_micro": micro_from_fen(sums.fees_fen),
        "difference_micro": micro_from_fen(sums.difference_fen),
        "own": own,
        "loose": loose,
    }
    outcome = hashlib.sha256(repr(sorted(params.items())).encode()).hexdigest()[:12]
    kind = NoticeKind.RECONCILED if own + loose == 0 else NoticeKind.RECONCILED_OPEN
    await tell_persons(business, site, persons, Crossing(kind, f"{run.id}:{outcome}"), params)
