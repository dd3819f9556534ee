"""Messages that reached nobody, for the staff of the place: looked at, sent again, or put aside with a reason (N1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.conversations import desk
from bot.conversations.effects import Effect
from bot.conversations.form import REASON, Data, Form
from bot.conversations.inbound import Turn
from bot.conversations.parts import Item, KeyValueTable, Look, Row, Tone
from bot.conversations.reply import Reply, choose, press, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.topics.contacts import channel_name
from bot.conversations.vocabulary import Audience, Intent
from bot.texts import has, text
from prepaid.usecases.dead_letters import DeadLetter, LetterView, dead_letters, drop_letter, one_letter, send_again

MOST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ListLetters(Effect):
    """Those within reach."""

    page: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowLetter(Effect):
    """One of them."""

    letter_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAgain(Effect):
    """From the first channel on."""

    letter_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DropLetter(Effect):
    """Puts it aside."""

    letter_id: str
    why: str


def _begin(turn: Turn, session: Session, argument: str) -> Reply:
    what, _, which = argument.strip().partition(":")
    if what == "again" and which:
        return Reply(session=session, effects=(SendAgain(letter_id=which),))
    if what == "drop" and which:
        return DROP.ask(turn, session, {"letter_id": which})
    if what == "show" and which:
        return Reply(session=session, effects=(ShowLetter(letter_id=which),))
    return Reply(session=session, effects=(ListLetters(page=desk.page_of(argument)),))


def _drop(turn: Turn, session: Session, data: Data) -> Reply:
    del turn
    return Reply(session=session, effects=(DropLetter(letter_id=str(data["letter_id"]), why=str(data["why"])),))


DROP = Form(name="letters", questions=(REASON,), done=_drop)


def _what(language: str, letter: DeadLetter) -> str:
    return text(language, f"letter.{letter.kind}")


def _why(language: str, letter: DeadLetter) -> str:
    return text(language, letter.why) if has(letter.why) else letter.why


def _when(language: str, letter: DeadLetter, at: datetime) -> str:
    return text(language, "figure.when", at=at, time_zone=letter.time_zone)


def _listed(effect: ListLetters, value: Sequence[DeadLetter], turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    if not value:
        return Reply(session=session, parts=(say(language, "letters.none", Tone.GOOD),))
    items = [
        Item(
            label=f"{letter.label} {_what(language, letter)}",
            value=_when(language, letter, letter.ended_at),
            detail=_why(language, letter),
            action=desk.action("letters", "show", letter.id),
        )
        for letter in value
    ]
    return Reply(session=session, parts=(desk.paged(language, "letters.title", items, effect.page, "letters"),))


def _shown(effect: ShowLetter, value: LetterView, turn: Turn, session: Session) -> Reply:
    language, letter = turn.actor.language, value.letter
    channels = text(language, "figure.separator").join(channel_name(language, each) for each in value.channels)
    figures = {
        "letters.what": _what(language, letter),
        "letters.written": _when(language, letter, letter.at),
        "letters.ended": _when(language, letter, letter.ended_at),
        "letters.attempts": str(letter.attempts),
        "letters.reason": _why(language, letter),
        "letters.channels": channels or text(language, "letters.no_channels"),
        "alerts.messages_left": "" if value.messages_left is None else str(value.messages_left),
    }
    rows = tuple(Row(label=text(language, key), value=figure) for key, figure in figures.items() if figure)
    # The person agrees to each such message in the mini-program: nobody here can do it for them.
    note = text(language, "letters.used_up") if value.messages_left == 0 else ""
    title = text(language, "letters.one", label=letter.label)
    table = KeyValueTable(title=title, rows=rows, note=note, tone=Tone.WARNING)
    again = press(language, "letters.again", desk.action("letters", "again", effect.letter_id), Look.PRIMARY)
    drop = press(language, "letters.drop", desk.action("letters", "drop", effect.letter_id))
    return Reply(session=session, parts=(table, choose(text(language, "letters.next"), language, again, drop)))


def _sent(effect: SendAgain, value: DeadLetter, turn: Turn, session: Session) -> Reply:
    del effect
    return Reply(session=session, parts=(say(turn.actor.language, "letters.sent", Tone.GOOD, label=value.label),))


def _dropped(effect: DropLetter, value: DeadLetter, turn: Turn, session: Session) -> Reply:
    words = say(turn.actor.language, "letters.dropped", Tone.GOOD, label=value.label, why=effect.why)
    return Reply(session=session, parts=(words,))


TOPIC = Topic(
    intents=(
        Intent(
            name="letters",
            hints=(
                r"没?(?:未)?送达|发不出去|发送失败",
                r"undelivered|(?:failed|bounced) (?:messages|notices)",
            ),
            audience=Audience.STAFF,
            commands=("letters", "undelivered", "未送达", "死信"),
            phrases=(
                r"(?:查看|看)?(?:未送达|没送到|发送失败)的?(?:消息|通知)?",
                r"(?:show )?(?:undelivered|dead|failed) (?:messages|letters|notices)",
            ),
        ),
    ),
    openings={"letters": _begin},
    steps={DROP.step: DROP.heard},
    performers={
        ListLetters: lambda _, on: dead_letters(on.business, on.actor, limit=MOST),
        ShowLetter: lambda e, on: one_letter(on.business, on.actor, e.letter_id),
        SendAgain: lambda e, on: send_again(on.business, on.actor, e.letter_id),
        DropLetter: lambda e, on: drop_letter(on.business, on.actor, e.letter_id, why=e.why),
    },
    presenters={ListLetters: _listed, ShowLetter: _shown, SendAgain: _sent, DropLetter: _dropped},
)
