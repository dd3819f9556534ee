"""Money tickets: the list, one with its figures, its end in words; the daily comparison; a lost payment (P3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.conversations import desk
from bot.conversations.effects import Effect
from bot.conversations.form import REASON, Data, Form, Question
from bot.conversations.inbound import Turn
from bot.conversations.openings import for_room
from bot.conversations.parts import Item, KeyValueTable, Look, Part, Row, Tone
from bot.conversations.reply import Reply, choose, press, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.topics.lost_payment import ClaimPayment
from bot.conversations.topics.ticket_files import counted, listed
from bot.conversations.vocabulary import Audience, Intent, Wants
from bot.texts import has, text
from prepaid.domain.accounts import Account
from prepaid.domain.errors import Refused
from prepaid.domain.reconcile import Run, Share
from prepaid.domain.tickets import MoneyState, MoneyTicket
from prepaid.usecases.money_tickets import open_money_tickets, settle_ticket, show_money_ticket
from prepaid.usecases.recent_runs import recent_runs

_NUMBER_CHARS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTickets(Effect):
    """Open money tickets."""

    page: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowTicket(Effect):
    """One of them."""

    ticket_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleTicket(Effect):
    """Ends it with words."""

    ticket_id: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRuns(Effect):
    """The latest comparisons with the providers' bills."""


def _begin(turn: Turn, session: Session, argument: str) -> Reply:
    del turn
    if argument.startswith("mt_"):
        return Reply(session=session, effects=(ShowTicket(ticket_id=argument),))
    return Reply(session=session, effects=(ListTickets(page=desk.page_of(argument)),))


def _begin_settle(turn: Turn, session: Session, argument: str) -> Reply:
    if not argument:
        return Reply(session=session, effects=(ListTickets(),))
    return SETTLE.ask(turn, session, {"ticket_id": argument})


def _settle(turn: Turn, session: Session, data: Data) -> Reply:
    del turn
    return Reply(session=session, effects=(SettleTicket(ticket_id=str(data["ticket_id"]), words=str(data["why"])),))


def _number(heard: str) -> str:
    """A payment number, with the spaces that copying puts into it left out."""
    number = "".join(heard.split())
    if not number.isascii() or not 0 < len(number) <= _NUMBER_CHARS:
        raise Refused("refused.txn_number")
    return number


def _spot_number(besides: str) -> tuple[str, str] | None:
    plain = "".join(besides.split())
    return (plain, "") if plain.isascii() and plain.isalnum() and plain[-1:].isdigit() else None


def _trace(turn: Turn, session: Session, data: Data) -> Reply:
    del turn
    claim = ClaimPayment(account_id=str(data["account_id"]), number=str(data["number"]))
    return Reply(session=session, effects=(claim,))


SETTLE = Form(name="settle", questions=(REASON,), done=_settle)
TRACE = Form(name="trace", questions=(Question(name="number", read=_number, spot=_spot_number),), done=_trace)


def _trace_of(turn: Turn, session: Session, account: Account) -> Reply:
    return TRACE.begin(turn, session, {"account_id": account.id, "label": account.label})


def _why(language: str, why: str) -> str:
    return text(language, why) if has(why) else why


def _listed(effect: ListTickets, value: Sequence[MoneyTicket], turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    if not value:
        return Reply(session=session, parts=(say(language, "tickets.none", Tone.GOOD),))
    items = [
        Item(
            label=text(language, f"ticket.{each.kind}"),
            value=_amount(language, each.theirs_fen if each.theirs_fen is not None else each.ours_fen),
            detail=counted(language, each, _why(language, each.why)),
            action=desk.action("tickets", each.id),
        )
        for each in value
    ]
    return Reply(session=session, parts=(desk.paged(language, "tickets.title", items, effect.page, "tickets"),))


def _amount(language: str, amount_fen: int | None) -> str:
    return "" if amount_fen is None else text(language, "figure.fen", amount_fen=amount_fen)


def _table(language: str, ticket: MoneyTicket) -> KeyValueTable:
    figures = {
        "row.provider": ticket.provider,
        "row.day": ticket.day,
        "content.account": ticket.account_id or "",
        "content.order": ticket.order_id,
        "row.txn": ticket.txn_id,
        "row.refund": ticket.refund_id,
        "row.ours": _amount(language, ticket.ours_fen),
        "row.theirs": _amount(language, ticket.theirs_fen),
        "row.opened": text(language, "figure.when", at=ticket.opened_at),
        "row.state": text(language, f"ticket.is_{ticket.state}"),
        "row.answer": ticket.words,
    }
    rows = tuple(Row(label=text(language, key), value=figure) for key, figure in figures.items() if figure)
    title = f"{text(language, f'ticket.{ticket.kind}')} {_why(language, ticket.why)}"
    return KeyValueTable(title=title, rows=rows, note=text(language, "ticket.number", ticket_id=ticket.id))


def _shown(effect: ShowTicket, value: MoneyTicket, turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    parts: list[Part] = [_table(language, value), *listed(language, value)]
    if value.state is MoneyState.OPEN:
        settle = press(language, "button.settle", desk.action("settle", effect.ticket_id), Look.PRIMARY)
        parts.append(choose(text(language, "ticket.next"), language, settle))
    return Reply(session=session, parts=tuple(parts))


def _settled(effect: SettleTicket, value: MoneyTicket, turn: Turn, session: Session) -> Reply:
    del effect
    words = say(turn.actor.language, "ticket.settled", Tone.GOOD, ticket_id=value.id)
    return Reply(session=session, parts=(words,))


def _runs(effect: ShowRuns, value: Sequence[tuple[Run, tuple[Share, ...]]], turn: Turn, session: Session) -> Reply:
    """A table for each provider and day; only the actor's own sites stand in it (A2)."""
    del effect
    language = turn.actor.language
    if not value:
        return Reply(session=session, parts=(say(language, "reconcile.none"),))
    tables = tuple(_run(language, run, shares) for run, shares in value)
    return Reply(session=session, parts=tables)


def _run(language: str, run: Run, shares: Sequence[Share]) -> KeyValueTable:
    totals = [share.totals for share in shares]
    sums = {
        "reconcile.payments": sum(each.payments_fen for each in totals),
        "reconcile.refunds": sum(each.refunds_fen for each in totals),
        "reconcile.fees": sum(each.fees_fen for each in totals),
        "reconcile.difference": sum(each.difference_fen for each in totals),
    }
    gaps = sum(each.gaps for each in totals)
    rows = [
        Row(label=text(language, key), value=text(language, "figure.fen", amount_fen=amount))
        for key, amount in sums.items()
    ]
    rows.append(Row(label=text(language, "reconcile.gaps"), value=str(gaps)))
    title = text(language, "reconcile.title", provider=run.provider, day=run.day)
    return KeyValueTable(title=title, rows=tuple(rows), tone=Tone.WARNING if gaps else Tone.GOOD)


TOPIC = Topic(
    intents=(
        Intent(
            name="tickets",
            hints=(
                r"工单|异常单|差错单",
                r"\btickets?\b|lost payments?|\bclaims\b",
            ),
            audience=Audience.STAFF,
            commands=("tickets", "工单", "资金工单"),
            phrases=(
                r"(?:查看|看)?(?:付款|支付|资金|对账)?(?:工单|异常单|差错)(?:列表)?",
                r"(?:show |open )?(?:payment |money |gateway )?tickets(?: of (?:the )?gateways?)?",
            ),
        ),
        Intent(name="settle", audience=Audience.STAFF, commands=("settle", "结单"), in_help=False),
        Intent(
            name="reconcile",
            audience=Audience.STAFF,
            commands=("reconcile", "对账"),
            phrases=(r"(?:查看|看)?(?:昨天|昨日|每日)?对账(?:结果|单)?", r"(?:daily )?reconciliation(?: results?)?"),
        ),
        Intent(
            name="trace",
            audience=Audience.STAFF,
            commands=("trace", "查付款"),
            phrases=(
                r"(?:查付款|查支付|找回付款)\s*(?P<arg>[^\s].{0,40})",
                r"trace (?:a |the )?payment (?:for |of )?(?P<arg>.{1,40})",
            ),
            wants=Wants.ROOM,
        ),
    ),
    openings={
        "tickets": _begin,
        "settle": _begin_settle,
        "reconcile": lambda _, session, __: Reply(session=session, effects=(ShowRuns(),)),
        "trace": for_room("trace"),
    },
    steps={SETTLE.step: SETTLE.heard, TRACE.step: TRACE.heard},
    after_found={"trace": _trace_of},
    performers={
        ListTickets: lambda _, on: open_money_tickets(on.business, on.actor),
        ShowTicket: lambda e, on: show_money_ticket(on.business, on.actor, e.ticket_id),
        SettleTicket: lambda e, on: settle_ticket(on.business, on.actor, e.ticket_id, words=e.words),
        ShowRuns: lambda _, on: recent_runs(on.business, on.actor),
    },
    presenters={ListTickets: _listed, ShowTicket: _shown, SettleTicket: _settled, ShowRuns: _runs},
)
