"""A person says that a line of theirs is wrong, and somebody on the staff answers (T2)."""

from __future__ import annotations

from prepaid.domain.access import Action, Actor
from prepaid.domain.errors import InvariantBroken, Refused, not_found
from prepaid.domain.notices import NoticeKind
from prepaid.domain.tickets import Ticket, TicketState, ticket_id
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account, reach_row, scopes, site_of
from prepaid.usecases.tell import Crossing, Params, tell_persons, tell_staff

MAX_WORDS = 500
MOST = 200


async def dispute_entry(business: Business, actor: Actor, account_id: str, idem: str, *, why: str) -> Ticket:
    """The ticket about the account's entry with the key `idem`: one for each entry, whoever asks first."""
    account = await reach_account(business, actor, account_id, Action.DISPUTE)
    if not 0 < len(why.strip()) <= MAX_WORDS:
        raise Refused("refused.reason_needed")
    entry = await business.store.ledger.by_idem(account.id, idem)
    if entry is None:
        raise not_found()
    ticket = Ticket(
        id=ticket_id(account.id, idem),
        account_id=account.id,
        site_id=account.site_id,
        path=account.path,
        entry_idem=idem,
        amount_micro=entry.delta_micro,
        why=why.strip(),
        opened_by=actor.id,
        opened_at=business.clock.now(),
    )
    held = await business.store.tickets.add(ticket)
    site = await site_of(business, account)
    crossing = Crossing(NoticeKind.ENTRY_DISPUTED, held.id)
    params: Params = {"ticket_id": held.id, "amount_micro": held.amount_micro, "why": held.why}
    await tell_staff(business, site, crossing, params, account=account)
    return held


async def dispute_line(business: Business, actor: Actor, account_id: str, seq: int, *, why: str) -> Ticket:
    """As `dispute_entry`, for the entry at a place in the account's chain, as statements name it."""
    account = await reach_account(business, actor, account_id, Action.DISPUTE)
    entry = await business.store.ledger.entry(account.id, seq)
    if entry is None:
        raise not_found()
    return await dispute_entry(business, actor, account.id, entry.idem, why=why)


async def show_dispute(business: Business, actor: Actor, ticket_id: str) -> Ticket:
    """One ticket, for whoever may answer it. A foreign one and a missing one give the same `Refused` (A2)."""
    ticket = await business.store.tickets.get(ticket_id)
    return await reach_row(business, actor, ticket, ticket_id, Action.SETTLE_DISPUTE)


async def answer_dispute(business: Business, actor: Actor, ticket_id: str, *, upheld: bool, words: str) -> Ticket:
    """Ends the ticket with words for whoever opened it. A correction is an entry of its own."""
    ticket = await show_dispute(business, actor, ticket_id)
    if not 0 < len(words.strip()) <= MAX_WORDS:
        raise Refused("refused.reason_needed")
    if ticket.opened_by == actor.id:
        raise Refused("refused.dispute_own")
    state, now = TicketState.UPHELD if upheld else TicketState.REJECTED, business.clock.now()
    if not await business.store.tickets.answer(ticket.id, state, by=actor.id, at=now, words=words.strip()):
        raise Refused("refused.dispute_answered")
    return await _told(business, ticket.id)


async def open_disputes(business: Business, actor: Actor) -> tuple[Ticket, ...]:
    """Open tickets in the actor's reach, oldest first (A2)."""
    found = [
        ticket
        for scope in scopes(actor, Action.SETTLE_DISPUTE)
        for ticket in await business.store.tickets.below(scope, MOST)
    ]
    return tuple(sorted(found, key=lambda each: (each.opened_at, each.id)))


async def _told(business: Business, ticket_id: str) -> Ticket:
    ticket = await business.store.tickets.get(ticket_id)
    account = await business.store.sites.account(ticket.account_id) if ticket else None
    if ticket is None or account is None:
        raise InvariantBroken(f"ticket {ticket_id} vanished")
    site = await site_of(business, account)
    crossing = Crossing(NoticeKind.DISPUTE_ANSWERED, ticket.id)
    params: Params = {
        "ticket_id": ticket.id,
        "amount_micro": ticket.amount_micro,
        "upheld": ticket.state is TicketState.UPHELD,
        "why": ticket.answer,
    }
    await tell_persons(business, site, [ticket.opened_by], crossing, params, account=account)
    return ticket
