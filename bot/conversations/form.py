"""A form: one thing is asked after the other, each answer is read at once, and a wrong one loses nothing given before.

A free answer may be any words, but where a name is asked for a whole command is that command. Another one that cannot
be read is an answer gone wrong, unless it asks for something else: then the form is left.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.conversations import amounts
from bot.conversations.inbound import Turn
from bot.conversations.intents import is_command
from bot.conversations.parts import Part, Text, Tone
from bot.conversations.reply import Reply, choose, press
from bot.conversations.session import Flow, Session
from bot.conversations.vocabulary import Ask
from bot.texts import text, trouble_text
from prepaid.domain.errors import Refused

MOST_CHARS = 200
_DIGITS = 15
_IN_WORDS = re.compile(r"[\u3400-\u9fff]{2}|[A-Za-z]{3}")
Value = str | int
Data = Mapping[str, Value]


def words(heard: str) -> str:
    """Any words, but some."""
    plain = heard.strip()[:MOST_CHARS]
    if not plain:
        raise Refused("refused.reason_needed")
    return plain


def whole(heard: str) -> int:
    """A whole number, zero or more."""
    plain = heard.strip()
    if not plain.isdecimal() or len(plain) > _DIGITS:
        raise Refused("refused.whole_number", text=plain[:20])
    return int(plain)


def fen(heard: str) -> int:
    """An amount above zero, in fen."""
    amount = amounts.read_fen(heard)
    if amount <= 0:
        raise Refused("refused.amount_unreadable", text=heard.strip()[:20])
    return amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One thing to ask. Its prompt is the text "<form>.<name>", its ready answers are text keys with their values."""

    name: str
    read: Callable[[str], Value] = words
    free: bool = False
    names: bool = False
    """A free answer that names something: words that are a whole command are that command, not a name."""
    picks: tuple[tuple[str, Value], ...] = ()
    spot: Callable[[str], tuple[Value, str] | None] | None = None
    """Finds its answer within what was said when the form began; gives it and the words that are left."""
    when: Callable[[Data], bool] = bool
    """Whether it is asked at all, from what was answered before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Questions in order, and what is done with the answers, which stand in the data under the questions' names."""

    name: str
    questions: tuple[Question, ...]
    done: Callable[[Turn, Session, Data], Reply]

    @property
    def step(self) -> str:
        """The name of its open question in a session."""
        return f"form.{self.name}"

    def ask(self, turn: Turn, session: Session, data: Data, problem: Refused | None = None) -> Reply:
        """Asks for what is missing, after saying what was wrong; or goes on to what the form is for."""
        question = self._next(data)
        if question is None:
            return self.done(turn, session.settled(), data)
        language = turn.actor.language
        asked = session.ask(self.step, turn.at, **data)
        wrong: tuple[Part, ...] = ()
        if problem is not None:
            wrong = (Text(body=trouble_text(language, problem), tone=Tone.TROUBLE),)
        buttons = [press(language, key, f"pick:{asked.turns}:{place}") for place, (key, _) in enumerate(question.picks)]
        prompt = text(language, f"{self.name}.{question.name}", **data)
        if not buttons:
            # A lone "cancel" would be number 1 where buttons are numbers, and 1 may be the answer.
            return Reply(session=asked, parts=(*wrong, Text(body=prompt)))
        leave = press(language, "button.cancel", f"no:{asked.turns}")
        return Reply(session=asked, parts=(*wrong, choose(prompt, language, *buttons, leave)))

    def begin(self, turn: Turn, session: Session, data: Data) -> Reply:
        """Asks for what was not said along with the room."""
        besides = turn.besides
        for question in self.questions:
            spotted = question.spot(besides) if question.spot and besides else None
            if spotted is not None:
                value, besides = spotted
                data = {**data, question.name: value}
        return self.ask(turn, session, data)

    def heard(self, turn: Turn, session: Session, flow: Flow, typed: str, ask: Ask | None) -> Reply | None:
        """What typed words mean while the form is open."""
        question = self._next(flow.data)
        if question is None:
            return None
        place = _named(turn, question, typed)
        if place is not None:
            return self.picked(turn, session, flow, place)
        if question.names and is_command(typed):
            return None
        try:
            value = question.read(typed)
        except Refused as problem:
            return None if ask is not None else self.ask(turn, session, flow.data, problem)
        if ask is not None and not question.free:
            return None
        return self.ask(turn, session, {**flow.data, question.name: value})

    def picked(self, turn: Turn, session: Session, flow: Flow, place: int) -> Reply | None:
        """A ready answer was pressed; None where the question has no such answer."""
        question = self._next(flow.data)
        if question is None or place >= len(question.picks):
            return None
        key, value = question.picks[place]
        chosen = text(turn.actor.language, key) if value == "" else value
        return self.ask(turn, session, {**flow.data, question.name: chosen})

    def _next(self, data: Data) -> Question | None:
        return next((each for each in self.questions if each.name not in data and each.when(data)), None)


def _named(turn: Turn, question: Question, typed: str) -> int | None:
    """The place of the ready answer whose words were typed."""
    plain = typed.strip().casefold()
    labels = [text(turn.actor.language, key).casefold() for key, _ in question.picks]
    return labels.index(plain) if plain in labels else None


def _all_of_it(besides: str) -> tuple[Value, str] | None:
    return (words(besides), "") if _IN_WORDS.search(besides) else None


REASON = Question(name="why", free=True, spot=_all_of_it)
"""Why; it goes into the audit trail (A3)."""


def wish(turn: Turn) -> str:
    """A key for what is about to be confirmed: one person wants one thing at one instant (M15)."""
    return f"{turn.actor.id[:24]}-{turn.at:%Y%m%d%H%M%S%f}"
