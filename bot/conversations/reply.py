"""What the core answers, and small builders that put words into parts."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.conversations.effects import Effect
from bot.conversations.parts import Button, Buttons, Look, Part, Text, Tone
from bot.conversations.session import Session
from bot.texts import text


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Parts to show, the session to keep, and the use cases to call after it was kept."""

    session: Session
    parts: tuple[Part, ...] = ()
    effects: tuple[Effect, ...] = field(default_factory=tuple)


def say(language: str, key: str, tone: Tone = Tone.PLAIN, **params: object) -> Text:
    """One text from the catalogues."""
    return Text(body=text(language, key, **params), tone=tone)


def choose(prompt: str, language: str, *buttons: Button) -> Buttons:
    """A question with ready answers, and the hint for channels that number them."""
    return Buttons(prompt=prompt, buttons=buttons, hint=text(language, "menu.hint"))


def press(language: str, key: str, action: str, look: Look = Look.PLAIN, **params: object) -> Button:
    """A button with words from the catalogues."""
    return Button(label=text(language, key, **params), action=action, look=look)


def confirm(prompt: str, language: str, number: int, *, yes: str, look: Look = Look.PRIMARY) -> Buttons:
    """Yes or no, tied to the question's number. `yes` is the key of the agreeing label."""
    return choose(
        prompt,
        language,
        press(language, yes, f"yes:{number}", look),
        press(language, "button.cancel", f"no:{number}"),
    )
