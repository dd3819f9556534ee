"""Pictures and files on tickets: what a tenant sends goes to their open ticket, and the staff look at it there (T2).

Which of several tickets is meant is asked before anything is fetched. A question that is open stays open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.conversations import desk
from bot.conversations.effects import Effect
from bot.conversations.inbound import Attached as Sent
from bot.conversations.inbound import Turn
from bot.conversations.intents import normal
from bot.conversations.parts import Item, List, Part, Tone, make_file
from bot.conversations.perform import Situation
from bot.conversations.reply import Reply, choose, press, say
from bot.conversations.session import Flow, Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Ask, Audience, Intent
from bot.texts import text
from prepaid.domain.errors import Refused
from prepaid.domain.tickets import MOST_FILES, Ticket, TicketFile
from prepaid.usecases.ticket_files import (
    FILE_BYTES_MAX,
    AnyTicket,
    Attached,
    SentFile,
    SeveralTickets,
    ShownFile,
    attach_file,
    show_ticket_file,
)

WHICH = "attach.which"
MOST_CHOICES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachFile(Effect):
    """Puts what was sent on the person's open ticket, or on the one that was named."""

    sent: SentFile
    ticket_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowTicketFile(Effect):
    """One picture or file of a ticket."""

    ticket_id: str
    number: int


def take(turn: Turn, session: Session, thing: Sent) -> Reply:
    """A picture or a file that came, with the words under it."""
    sent = SentFile(reference=thing.reference, size_bytes=thing.size_bytes, words=(turn.inbound.text or "").strip())
    return Reply(session=session, effects=(AttachFile(sent=sent),))


def invitation(turn: Turn) -> tuple[Part, ...]:
    """After a ticket was opened: that pictures may follow, where they can."""
    return (say(turn.actor.language, "attach.invite"),) if turn.carries_pictures else ()


def listed(language: str, ticket: AnyTicket) -> tuple[Part, ...]:
    """What came with a ticket, each to be looked at by a press."""
    if not ticket.files:
        return ()
    items = tuple(_item(language, ticket.id, number, file) for number, file in enumerate(ticket.files, start=1))
    title = text(language, "attach.title", count=len(items))
    return (List(title=title, items=items, hint=text(language, "menu.hint")),)


def counted(language: str, ticket: AnyTicket, detail: str) -> str:
    """The detail of a ticket in a list, with how many files it has."""
    count = text(language, "attach.title", count=len(ticket.files)) if ticket.files else ""
    return text(language, "figure.separator").join(each for each in (detail, count) if each)


def _item(language: str, ticket_id: str, number: int, file: TicketFile) -> Item:
    kind = text(language, f"attach.{_kind(file)}", number=number)
    size = text(language, "attach.size", kilobytes=max(1, file.size_bytes >> 10))
    detail = text(language, "attach.sent", at=file.sent_at, words=file.words).strip()
    return Item(label=kind, value=size, detail=detail, action=desk.action("photo", ticket_id, str(number)))


def _kind(file: TicketFile) -> str:
    return "photo" if file.media_type.startswith("image/") else "file"


def _about(language: str, ticket: AnyTicket) -> str:
    """What a ticket is about, in the words of whoever asked for it."""
    if isinstance(ticket, Ticket):
        return text(language, "attach.dispute", amount_micro=ticket.amount_micro, at=ticket.opened_at)
    number = ticket.txn_id or ticket.order_id
    return text(language, f"attach.of_{ticket.kind}", number=number, at=ticket.opened_at)


async def _attach(on: Situation, effect: AttachFile) -> Attached | SeveralTickets | Refused:
    """Whoever has no open ticket is told how to open one."""
    try:
        return await attach_file(on.business, on.actor, effect.sent, on.fetch, ticket_id=effect.ticket_id)
    except Refused as refused:
        if refused.key != "refused.no_open_ticket":
            raise
        return refused


def _attached(effect: AttachFile, value: Attached | SeveralTickets | Refused, turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    if isinstance(value, Refused):
        return _none_open(turn, session)
    if isinstance(value, SeveralTickets):
        return _which(effect, value, turn, session)
    count, about = len(value.ticket.files), _about(language, value.ticket)
    kept = say(language, "attach.kept", Tone.GOOD, about=about, count=count, most=MOST_FILES)
    return Reply(session=session, parts=(kept,))


def _none_open(turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    if session.asks(turn.at):
        return Reply(session=session, parts=(say(language, "attach.none", Tone.WARNING),))
    ways = [press(language, f"intent.{name}", name) for name in ("why", "claim", "human")]
    return Reply(session=session, parts=(choose(text(language, "attach.none"), language, *ways),))


def _which(effect: AttachFile, value: SeveralTickets, turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    if session.asks(turn.at):
        return Reply(session=session, parts=(say(language, "attach.finish_first", Tone.WARNING),))
    tickets = value.tickets[:MOST_CHOICES]
    sent = effect.sent
    asked = session.ask(
        WHICH,
        turn.at,
        reference=sent.reference,
        size_bytes=sent.size_bytes,
        words=sent.words,
        **{f"ticket{place}": ticket.id for place, ticket in enumerate(tickets)},
    )
    buttons = [
        press(language, "attach.about", f"pick:{asked.turns}:{place}", about=_about(language, ticket))
        for place, ticket in enumerate(tickets)
    ]
    leave = press(language, "button.cancel", f"no:{asked.turns}")
    return Reply(session=asked, parts=(choose(text(language, "attach.which"), language, *buttons, leave),))


def _picked(turn: Turn, session: Session, flow: Flow, place: int) -> Reply | None:
    del turn
    ticket_id = flow.data.get(f"ticket{place}")
    if ticket_id is None:
        return None
    effect = AttachFile(sent=_sent(flow.data), ticket_id=str(ticket_id))
    return Reply(session=session.settled(), effects=(effect,))


def _sent(data: Mapping[str, str | int]) -> SentFile:
    return SentFile(reference=str(data["reference"]), size_bytes=int(data["size_bytes"]), words=str(data["words"]))


def _which_heard(turn: Turn, session: Session, flow: Flow, words: str, ask: Ask | None) -> Reply | None:
    """A ticket is pressed, or its words are typed; words that ask for something else leave the question."""
    del flow
    if ask is not None or any(normal(button.label) == normal(words) for button in session.menu):
        return None
    return Reply(session=session, parts=(say(turn.actor.language, "attach.press"),))


def _begin(turn: Turn, session: Session, argument: str) -> Reply:
    ticket_id, _, number = argument.partition(":")
    if not ticket_id.startswith(("tk_", "mt_")) or not number.isdecimal() or len(number) > 1:
        ways = [press(turn.actor.language, f"intent.{name}", name) for name in ("disputes", "tickets")]
        return Reply(
            session=session,
            parts=(choose(text(turn.actor.language, "attach.from_a_ticket"), turn.actor.language, *ways),),
        )
    return Reply(session=session, effects=(ShowTicketFile(ticket_id=ticket_id, number=int(number)),))


def _shown(effect: ShowTicketFile, value: ShownFile, turn: Turn, session: Session) -> Reply:
    """The picture or the file itself, and the way back to its ticket."""
    language = turn.actor.language
    caption = text(language, "attach.sent", at=value.file.sent_at, words=value.file.words).strip()
    part = make_file(value.name, value.file.media_type, value.content, caption, most_bytes=FILE_BYTES_MAX)
    intent = "disputes" if effect.ticket_id.startswith("tk_") else "tickets"
    back = press(language, "button.to_ticket", desk.action(intent, effect.ticket_id))
    return Reply(session=session, parts=(part, choose(text(language, "attach.next"), language, back)))


TOPIC = Topic(
    intents=(Intent(name="photo", audience=Audience.STAFF, commands=("photo", "附件"), in_help=False),),
    openings={"photo": _begin},
    steps={WHICH: _which_heard},
    picked={WHICH: _picked},
    performers={
        AttachFile: lambda e, on: _attach(on, e),
        ShowTicketFile: lambda e, on: show_ticket_file(on.business, on.actor, e.ticket_id, e.number),
    },
    presenters={AttachFile: _attached, ShowTicketFile: _shown},
)
