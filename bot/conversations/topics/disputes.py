"""Disputes: lines that tenants say are wrong, and the answer to each, with words for whoever asked (T2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.conversations import desk
from bot.conversations.effects import Effect
from bot.conversations.form import REASON, Data, Form, Question
from bot.conversations.inbound import Turn
from bot.conversations.parts import Item, KeyValueTable, Part, Row, Tone
from bot.conversations.reply import Reply, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.topics.ticket_files import counted, listed
from bot.conversations.vocabulary import Audience, Intent
from bot.texts import text
from prepaid.domain.errors import Refused
from prepaid.domain.tickets import Ticket, TicketState
from prepaid.usecases.dispute_entry import answer_dispute, open_disputes, show_dispute


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDisputes(Effect):
    """Open ones."""

    page: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowDispute(Effect):
    """One of them, with what came along."""

    ticket_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerDispute(Effect):
    """Ends one."""

    ticket_id: str
    upheld: bool
    words: str


def _begin(turn: Turn, session: Session, argument: str) -> Reply:
    del turn
    if argument.startswith("tk_"):
        return Reply(session=session, effects=(ShowDispute(ticket_id=argument),))
    return Reply(session=session, effects=(ListDisputes(page=desk.page_of(argument)),))


def _verdict(heard: str) -> str:
    plain = heard.strip().casefold()
    if plain not in (TicketState.UPHELD, TicketState.REJECTED):
        raise Refused("refused.verdict_unknown")
    return plain


def _answer(turn: Turn, session: Session, data: Data) -> Reply:
    del turn
    upheld = data["verdict"] == TicketState.UPHELD
    answer = AnswerDispute(ticket_id=str(data["ticket_id"]), upheld=upheld, words=str(data["why"]))
    return Reply(session=session, effects=(answer,))


FORM = Form(
    name="disputes",
    questions=(
        Question(
            name="verdict",
            read=_verdict,
            picks=(
                ("dispute.is_upheld", str(TicketState.UPHELD)),
                ("dispute.is_rejected", str(TicketState.REJECTED)),
            ),
        ),
        REASON,
    ),
    done=_answer,
)


def _listed(effect: ListDisputes, value: Sequence[Ticket], turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    if not value:
        return Reply(session=session, parts=(say(language, "disputes.none", Tone.GOOD),))
    items = [
        Item(
            label=ticket.path.rsplit("/", 1)[-1],
            value=text(language, "figure.delta", delta_micro=ticket.amount_micro),
            detail=counted(language, ticket, text(language, "disputes.said", at=ticket.opened_at, words=ticket.why)),
            action=desk.action("disputes", ticket.id),
        )
        for ticket in value
    ]
    return Reply(session=session, parts=(desk.paged(language, "disputes.title", items, effect.page, "disputes"),))


def _shown(effect: ShowDispute, value: Ticket, turn: Turn, session: Session) -> Reply:
    """What is said to be wrong and what was sent along; while it is open, the question what is right."""
    language = turn.actor.language
    figures = {
        "row.amount": text(language, "figure.delta", delta_micro=value.amount_micro),
        "row.why": value.why,
        "row.opened": text(language, "figure.when", at=value.opened_at),
        "row.answer": value.answer,
    }
    rows = tuple(Row(label=text(language, key), value=figure) for key, figure in figures.items() if figure)
    title = text(language, "disputes.one", room=value.path.rsplit("/", 1)[-1])
    note = text(language, "ticket.number", ticket_id=value.id)
    parts: tuple[Part, ...] = (KeyValueTable(title=title, rows=rows, note=note), *listed(language, value))
    if value.state is not TicketState.OPEN:
        return Reply(session=session, parts=parts)
    asked = FORM.ask(turn, session, {"ticket_id": effect.ticket_id})
    return Reply(session=asked.session, parts=(*parts, *asked.parts))


def _answered(effect: AnswerDispute, value: Ticket, turn: Turn, session: Session) -> Reply:
    del value
    key = "disputes.upheld" if effect.upheld else "disputes.rejected"
    return Reply(session=session, parts=(say(turn.actor.language, key, Tone.GOOD),))


TOPIC = Topic(
    intents=(
        Intent(
            name="disputes",
            audience=Audience.STAFF,
            commands=("disputes", "申诉", "申诉列表"),
            phrases=(r"(?:查看|看|处理)?(?:租户)?(?:申诉|异议)(?:列表)?", r"(?:show |open )?disputes"),
        ),
    ),
    openings={"disputes": _begin},
    steps={FORM.step: FORM.heard},
    picked={FORM.step: FORM.picked},
    performers={
        ListDisputes: lambda _, on: open_disputes(on.business, on.actor),
        ShowDispute: lambda e, on: show_dispute(on.business, on.actor, e.ticket_id),
        AnswerDispute: lambda e, on: answer_dispute(on.business, on.actor, e.ticket_id, upheld=e.upheld, words=e.words),
    },
    presenters={ListDisputes: _listed, ShowDispute: _shown, AnswerDispute: _answered},
)
