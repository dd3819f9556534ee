"""By whom to pay, where several providers are set up: the choice is the confirmation, and it names room and amount."""

from __future__ import annotations

from collections.abc import Mapping

from bot.conversations import openings
from bot.conversations.amounts import looks_like_amount
from bot.conversations.effects import StartTopUp
from bot.conversations.inbound import Turn
from bot.conversations.intents import normal
from bot.conversations.parts import Button, Look
from bot.conversations.reply import Reply, choose, press
from bot.conversations.session import Flow, Session
from bot.conversations.vocabulary import Ask
from bot.texts import LANGUAGES, has, text

STEP = "recharge.provider"
LEAST_CHARS = 2
"""As much of a name as has to be typed."""


def provider_words(language: str, provider: str) -> str:
    """A provider as people call it."""
    key = f"pay.provider.{provider}"
    return text(language, key) if has(key) else provider


def choose_provider(turn: Turn, session: Session, data: Mapping[str, str | int]) -> Reply:
    """Asks by whom; the question waits for a press or a name."""
    asked = session.ask(STEP, turn.at, **data)
    return _question(turn, asked, asked.turns, data)


def _question(turn: Turn, session: Session, number: int, data: Mapping[str, str | int]) -> Reply:
    language = turn.actor.language
    prompt = text(language, "recharge.by_whom", label=data["label"], amount_fen=data["amount_fen"])
    buttons = [
        Button(label=provider_words(language, name), action=f"pick:{number}:{place}", look=Look.PRIMARY)
        for place, name in enumerate(turn.providers)
    ]
    cancel = press(language, "button.cancel", f"no:{number}")
    return Reply(session=session, parts=(choose(prompt, language, *buttons, cancel),))


def picked(turn: Turn, session: Session, flow: Flow, place: int) -> Reply | None:
    """A provider was pressed."""
    return _start(session, flow, turn.providers[place]) if place < len(turn.providers) else None


def heard(turn: Turn, session: Session, flow: Flow, words: str, ask: Ask | None) -> Reply | None:
    """A provider was named; whatever is not understood is asked again, and nothing is lost."""
    said = normal(words)
    named = next((name for name in turn.providers if _is_named(name, said)), None)
    if named is not None:
        return _start(session, flow, named)
    if looks_like_amount(words):
        return openings.with_amount(turn, session, str(flow.data["account_id"]), words)
    return None if ask is not None else _question(turn, session, flow.number, flow.data)


def _is_named(provider: str, said: str) -> bool:
    """Its own name, or the beginning of what people call it in either language."""
    called = [normal(provider_words(language, provider)) for language in LANGUAGES]
    return said == provider or (len(said) >= LEAST_CHARS and any(name.startswith(said) for name in called))


def _start(session: Session, flow: Flow, provider: str) -> Reply:
    data = flow.data
    start = StartTopUp(
        account_id=str(data["account_id"]),
        label=str(data["label"]),
        amount_fen=int(data["amount_fen"]),
        provider=provider,
    )
    return Reply(session=session.settled(), effects=(start,))
