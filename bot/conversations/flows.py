"""Open questions: what an answer means, step by step. All can be cancelled and confirm before anything moves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from bot.conversations import openings, pay_by
from bot.conversations.amounts import looks_like_amount
from bot.conversations.effects import BindChat, FindAccount, HoldSupply, StartTopUp, SwitchSupply, UnbindChat
from bot.conversations.guesses import about_something_else
from bot.conversations.inbound import Turn
from bot.conversations.intents import is_no, is_yes, leaves, normal
from bot.conversations.parts import Look, Part, Tone
from bot.conversations.reply import Reply, choose, confirm, press, say
from bot.conversations.session import Flow, Session
from bot.conversations.topic import Confirmed, Picked, Step, topics
from bot.conversations.vocabulary import Ask, Wants
from bot.texts import text
from prepaid.domain.supply import HoldKind

REASON_CHARS = 100
_NAMES_A_ROOM = re.compile(r"[a-z-]*\d[\da-z-]*", re.ASCII)
_REASONS: dict[str, tuple[str, ...]] = {
    "cut": ("reason.arrears", "reason.works", "reason.safety"),
    "protect": ("reason.medical", "reason.family", "reason.event"),
}
"""Ready reasons for each of the basic flows that ask why."""


def ask_reason(turn: Turn, session: Session, then: str, account_id: str, label: str, **data: str | int) -> Reply:
    """Asks why, unless it was said along with the room. It is kept in the audit trail (A3).

    `data` goes on to the confirmation.
    """
    known: dict[str, str | int] = {"then": then, "account_id": account_id, "label": label, **data}
    if turn.besides:
        return _to_confirm(turn, session, known, turn.besides)
    language = turn.actor.language
    asked = session.ask("reason", turn.at, **known)
    number = asked.turns
    buttons = [press(language, key, f"pick:{number}:{place}") for place, key in enumerate(_reasons()[then])]
    prompt = text(language, f"{then}.why", label=label)
    return Reply(
        session=asked,
        parts=(choose(prompt, language, *buttons, press(language, "button.cancel", f"no:{number}")),),
    )


def ask_confirm(turn: Turn, session: Session, then: str, prompt: str, look: Look, **data: str | int) -> Reply:
    """Asks for a yes that names exactly what will happen."""
    asked = session.ask(f"confirm.{then}", turn.at, **data)
    question = confirm(prompt, turn.actor.language, asked.turns, yes=f"button.{then}", look=look)
    return Reply(session=asked, parts=(question,))


def answered(turn: Turn, session: Session, name: str, argument: str) -> Reply:
    """A press of yes, no or a ready answer. One that belongs to an older question changes nothing."""
    number, _, place = argument.partition(":")
    flow = session.flow
    if flow is None or not number.isdecimal() or int(number) != flow.number:
        return _stale(turn, session)
    if flow.expired(turn.at):
        return Reply(session=session.settled(), parts=(say(turn.actor.language, "flow.timed_out", Tone.WARNING),))
    if name == "no":
        return _cancelled(turn, session)
    if name == "yes" and flow.step in _confirmed():
        return Reply(session=session.settled(), effects=(_confirmed()[flow.step](flow.data),))
    if name == "pick" and flow.step == "reason" and place.isdecimal():
        reasons = _reasons()[str(flow.data["then"])]
        return _reason_given(turn, session, flow, text(turn.actor.language, reasons[int(place) % len(reasons)]))
    if name == "pick" and flow.step in _picked() and place.isdecimal():
        return _picked()[flow.step](turn, session, flow, int(place[:2])) or _stale(turn, session)
    return _stale(turn, session)


def heard(turn: Turn, session: Session, words: str, ask: Ask | None) -> Reply | None:
    """Typed words while a question is open; None when they are not an answer but something new."""
    flow = session.flow
    if flow is None:
        return None
    if ask is not None and ask.intent.name == "cancel":
        return _cancelled(turn, session)
    if normal(words).startswith("/"):
        return None
    if flow.step.startswith("confirm."):
        return _confirm_heard(turn, session, flow, words, ask)
    if leaves(words) and _may_be_left(session, flow, words):
        return _cancelled(turn, session)
    return _steps()[flow.step](turn, session, flow, words, ask)


def _may_be_left(session: Session, flow: Flow, words: str) -> bool:
    """A bare no leaves a question that wants something, unless one of its ready answers is called so."""
    wants = flow.step in _STEPS or flow.step.startswith(("form.", "ask."))
    return wants and normal(words) not in {normal(button.label) for button in session.menu}


def _confirm_heard(turn: Turn, session: Session, flow: Flow, words: str, ask: Ask | None) -> Reply | None:
    if is_yes(words):
        return Reply(session=session.settled(), effects=(_confirmed()[flow.step](flow.data),))
    if is_no(words):
        return _cancelled(turn, session)
    if flow.step == "confirm.recharge" and looks_like_amount(words):
        return openings.with_amount(turn, session, str(flow.data["account_id"]), words)
    if ask is not None:
        return None
    language = turn.actor.language
    yes = f"button.{flow.step.removeprefix('confirm.')}"
    return Reply(
        session=session,
        parts=(confirm(text(language, "flow.yes_or_no"), language, flow.number, yes=yes),),
    )


def _amount_heard(turn: Turn, session: Session, flow: Flow, words: str, ask: Ask | None) -> Reply | None:
    if not looks_like_amount(words) and (ask is not None or about_something_else(words)):
        return None
    return openings.with_amount(turn, session, str(flow.data["account_id"]), words)


def _code_heard(turn: Turn, session: Session, flow: Flow, words: str, ask: Ask | None) -> Reply | None:
    del turn, flow
    if ask is not None:
        return None
    return Reply(session=session.settled(), effects=(BindChat(code=words.strip()[:REASON_CHARS]),))


def _room_heard(turn: Turn, session: Session, flow: Flow, words: str, ask: Ask | None) -> Reply | None:
    del turn
    if ask is not None:
        return None
    found = FindAccount(text=words.strip()[:REASON_CHARS], then=str(flow.data["then"]))
    return Reply(session=session.settled(), effects=(found,))


def _reason_heard(turn: Turn, session: Session, flow: Flow, words: str, ask: Ask | None) -> Reply | None:
    """A reason may look like an intent ("停电检修"): only a slash, a cancel or a command for a room leaves."""
    if ask is not None and ask.intent.wants is Wants.ROOM and _NAMES_A_ROOM.fullmatch(ask.argument):
        return None
    reason = words.strip()[:REASON_CHARS]
    if not reason:
        return Reply(session=session, parts=(say(turn.actor.language, "reason.needed", Tone.WARNING),))
    return _reason_given(turn, session, flow, reason)


def _reason_given(turn: Turn, session: Session, flow: Flow, reason: str) -> Reply:
    return _to_confirm(turn, session, flow.data, reason)


def _to_confirm(turn: Turn, session: Session, known: Mapping[str, str | int], reason: str) -> Reply:
    then, label = str(known["then"]), str(known["label"])
    reason = reason[:REASON_CHARS]
    prompt = text(turn.actor.language, f"{then}.confirm", label=label, reason=reason)
    look = Look.DANGER if then == "cut" else Look.PRIMARY
    data = {name: value for name, value in known.items() if name != "then"}
    return ask_confirm(turn, session, then, prompt, look, **{**data, "reason": reason})


def _cancelled(turn: Turn, session: Session) -> Reply:
    return Reply(session=session.settled(), parts=(say(turn.actor.language, "flow.cancelled"),))


def _stale(turn: Turn, session: Session) -> Reply:
    parts: tuple[Part, ...] = (say(turn.actor.language, "flow.stale_button", Tone.WARNING),)
    return Reply(session=session, parts=parts)


_CONFIRMED: dict[str, Confirmed] = {
    "confirm.recharge": lambda d: StartTopUp(
        account_id=str(d["account_id"]), label=str(d["label"]), amount_fen=int(d["amount_fen"])
    ),
    "confirm.unbind": lambda d: UnbindChat(account_id=str(d["account_id"])),
    "confirm.cut": lambda d: SwitchSupply(
        account_id=str(d["account_id"]), label=str(d["label"]), on=False, reason=str(d["reason"])
    ),
    "confirm.restore": lambda d: SwitchSupply(
        account_id=str(d["account_id"]), label=str(d["label"]), on=True, reason=str(d["reason"])
    ),
    "confirm.protect": lambda d: HoldSupply(
        account_id=str(d["account_id"]), label=str(d["label"]), kind=HoldKind.ON, why=str(d["reason"])
    ),
    "confirm.release": lambda d: HoldSupply(
        account_id=str(d["account_id"]), label=str(d["label"]), kind=None, why=str(d["reason"])
    ),
}
_STEPS: dict[str, Step] = {
    "recharge.amount": _amount_heard,
    pay_by.STEP: pay_by.heard,
    "bind.code": _code_heard,
    "room": _room_heard,
    "reason": _reason_heard,
}


@cache
def _confirmed() -> Mapping[str, Confirmed]:
    return _CONFIRMED | {name: then for topic in topics() for name, then in topic.confirmed.items()}


@cache
def _picked() -> Mapping[str, Picked]:
    return {pay_by.STEP: pay_by.picked} | {name: then for topic in topics() for name, then in topic.picked.items()}


@cache
def _steps() -> Mapping[str, Step]:
    return _STEPS | {name: step for topic in topics() for name, step in topic.steps.items()}


@cache
def _reasons() -> Mapping[str, tuple[str, ...]]:
    return _REASONS | {name: keys for topic in topics() for name, keys in topic.reasons.items()}
