"""What somebody has to look into: money that does not fit, lines that tenants dispute, payments that are missing."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from miniprogram_api.models.common import Account, Fen, Given, Shown
from miniprogram_api.models.tenant import TicketOut
from prepaid.domain.tickets import MoneyTicket, Ticket


class MoneyTicketOut(Shown):
    """Money that somebody has to look into. What does not apply is empty or null."""

    ticket_id: str
    kind: str = Field(description="bill, payment or claim")
    provider: str
    why: str
    words: str = Field(description="What is wrong, in words")
    opened_at: datetime
    site_id: str | None
    account_id: str | None
    day: str
    order_id: str
    txn_id: str
    refund_id: str
    ours_fen: Fen | None
    theirs_fen: Fen | None
    state: str
    settled_at: datetime | None
    settled_words: str


class MoneyTicketsOut(Shown):
    """Open tickets within reach, oldest first."""

    tickets: list[MoneyTicketOut]


class SettleWish(Given):
    """What was found. It moves no money: a refund or a correction is an act of its own."""

    words: str = Field(min_length=1, max_length=200, examples=["the bank confirms it: refunded"])


class DisputesOut(Shown):
    """Open disputes within reach, oldest first."""

    disputes: list[TicketOut]


class AnswerWish(Given):
    """Whether the tenant is right, and the words that they are told."""

    upheld: bool
    words: str = Field(min_length=1, max_length=500, examples=["the register was read twice"])


class ClaimWish(Given):
    """The provider's number of a payment that has not arrived."""

    number: str = Field(min_length=8, max_length=64, pattern=r"^[0-9A-Za-z_-]+$", examples=["4200002345202611260001"])


class ClaimOut(Shown):
    """What became of it; whatever is not plainly the account's own payment is passed on to the staff."""

    account_id: Account
    outcome: str = Field(examples=["claim.credited", "claim.credited_before", "claim.passed_on"])
    words: str


def money_ticket_out(ticket: MoneyTicket, words: str) -> MoneyTicketOut:
    """One ticket; `words` say what is wrong."""
    return MoneyTicketOut(
        ticket_id=ticket.id,
        kind=ticket.kind,
        provider=ticket.provider,
        why=ticket.why,
        words=words,
        opened_at=ticket.opened_at,
        site_id=ticket.site_id,
        account_id=ticket.account_id,
        day=ticket.day,
        order_id=ticket.order_id,
        txn_id=ticket.txn_id,
        refund_id=ticket.refund_id,
        ours_fen=ticket.ours_fen,
        theirs_fen=ticket.theirs_fen,
        state=ticket.state,
        settled_at=ticket.settled_at,
        settled_words=ticket.words,
    )


def dispute_out(ticket: Ticket) -> TicketOut:
    """One dispute."""
    return TicketOut(
        ticket_id=ticket.id,
        account_id=ticket.account_id,
        amount_micro=ticket.amount_micro,
        state=ticket.state,
        opened_at=ticket.opened_at,
        why=ticket.why,
        answer=ticket.answer,
    )
