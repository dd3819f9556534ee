"""Money tickets, disputes and lost payments: the same use cases and rights as in chat (M6, M17, P2)."""

from __future__ import annotations

from miniprogram_api.contract import Ask, Route
from miniprogram_api.models.tenant import TicketOut
from miniprogram_api.models.tickets import (
    AnswerWish,
    ClaimOut,
    ClaimWish,
    DisputesOut,
    MoneyTicketOut,
    MoneyTicketsOut,
    SettleWish,
    dispute_out,
    money_ticket_out,
)
from miniprogram_api.routes.declared import staff_read, staff_write
from prepaid.domain.tickets import MoneyTicket
from prepaid.usecases.claim_payment import claim_payment
from prepaid.usecases.dispute_entry import answer_dispute, open_disputes
from prepaid.usecases.money_tickets import open_money_tickets, settle_ticket, show_money_ticket


async def _tickets(ask: Ask) -> MoneyTicketsOut:
    found = await open_money_tickets(ask.business, ask.actor)
    return MoneyTicketsOut(tickets=[_ticket_out(ask, each) for each in found])


async def _ticket(ask: Ask) -> MoneyTicketOut:
    return _ticket_out(ask, await show_money_ticket(ask.business, ask.actor, ask.path["ticket_id"]))


async def _settle(ask: Ask) -> MoneyTicketOut:
    words = ask.body(SettleWish).words
    return _ticket_out(ask, await settle_ticket(ask.business, ask.actor, ask.path["ticket_id"], words=words))


def _ticket_out(ask: Ask, ticket: MoneyTicket) -> MoneyTicketOut:
    words = ask.parts.words
    return money_ticket_out(ticket, words.text(ask.language, ticket.why) if words.has(ticket.why) else ticket.why)


async def _disputes(ask: Ask) -> DisputesOut:
    return DisputesOut(disputes=[dispute_out(each) for each in await open_disputes(ask.business, ask.actor)])


async def _answer(ask: Ask) -> TicketOut:
    wish = ask.body(AnswerWish)
    found = await answer_dispute(ask.business, ask.actor, ask.path["dispute_id"], upheld=wish.upheld, words=wish.words)
    return dispute_out(found)


async def _claim(ask: Ask) -> ClaimOut:
    account_id = ask.path["account_id"]
    outcome = await claim_payment(ask.business, ask.actor, account_id, ask.body(ClaimWish).number)
    return ClaimOut(account_id=account_id, outcome=outcome, words=ask.parts.words.text(ask.language, outcome))


ROUTES = (
    Route(
        method="POST",
        path="/accounts/{account_id}/claims",
        name="claimPayment",
        summary="Find a payment that has not arrived, by the provider's number",
        tag="orders",
        handle=_claim,
        body=ClaimWish,
        answers=ClaimOut,
        money=True,
    ),
    staff_read("tickets", "listTickets", "Money that somebody has to look into", _tickets, MoneyTicketsOut),
    staff_read("tickets/{ticket_id}", "getTicket", "One of these tickets", _ticket, MoneyTicketOut),
    staff_write(
        "tickets/{ticket_id}/settlement",
        "settleTicket",
        "End a ticket with words about what was found",
        _settle,
        MoneyTicketOut,
        body=SettleWish,
    ),
    staff_read("disputes", "listDisputes", "Lines that tenants say are wrong", _disputes, DisputesOut),
    staff_write(
        "disputes/{dispute_id}/answer",
        "answerDispute",
        "Uphold or reject a dispute, in words for whoever opened it",
        _answer,
        TicketOut,
        body=AnswerWish,
    ),
)
