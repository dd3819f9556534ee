"""Ways to be reached, and messages that reached nobody."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from miniprogram_api.models.common import Given, Shown
from prepaid.usecases.add_contact import Contacts, Named
from prepaid.usecases.dead_letters import DeadLetter

Channel = Literal["sms", "webhook", "apprise"]


class ContactOut(Shown):
    """One way. Its address is never shown."""

    contact_id: str
    channel: str = Field(examples=["sms"])
    own: bool = Field(description="Given by the person, who may take it away; the others are chats")


class ContactsOut(Shown):
    """How the person can be reached."""

    contacts: list[ContactOut]
    offered: list[str] = Field(description="Channels that addresses can be added of")
    awaited: str | None = Field(description="Channel of the new address whose code is awaited")


class ContactWish(Given):
    """A new address. A code is sent to it."""

    channel: Channel
    address: str = Field(
        min_length=1,
        max_length=500,
        description="A mobile number, an https URL, or the URL of a push service",
        examples=["https://home.example/hook"],
    )


class NamedOut(Shown):
    """A code is on its way. `secret` signs a webhook's messages and is shown this once."""

    channel: str
    secret: str | None
    until: datetime


class ContactCodeWish(Given):
    """The code that came to the new address."""

    code: str = Field(min_length=1, max_length=20, examples=["7K2MQ4XA"])


class ContactAddedOut(Shown):
    """From now on messages may come this way."""

    channel: str


class LetterOut(Shown):
    """A message that no channel took. What it said is left out."""

    letter_id: str
    kind: str = Field(examples=["low_balance"])
    label: str
    at: datetime
    ended_at: datetime
    attempts: int
    why: str = Field(description="Text key of the last trouble", examples=["refused.no_channel"])
    reason: str = Field(description="The same in words, in the language of the request")


class LettersWish(Given):
    """How many of the newest."""

    limit: int = Field(default=50, ge=1, le=200)


class LettersOut(Shown):
    """Messages within reach that reached nobody, newest first."""

    letters: list[LetterOut]


class DropWish(Given):
    """Why it is put aside; kept on record."""

    reason: str = Field(min_length=1, max_length=200, examples=["moved away"])


def contacts_out(found: Contacts) -> ContactsOut:
    """The ways as the contract shows them."""
    return ContactsOut(
        contacts=[ContactOut(contact_id=each.id, channel=each.channel, own=each.own) for each in found.contacts],
        offered=list(found.offered),
        awaited=found.awaited or None,
    )


def named_out(named: Named) -> NamedOut:
    """That a code is on its way."""
    return NamedOut(channel=named.channel, secret=named.secret or None, until=named.until)


def letter_out(letter: DeadLetter, reason: str) -> LetterOut:
    """One message; nobody is named."""
    return LetterOut(
        letter_id=letter.id,
        kind=letter.kind,
        label=letter.label,
        at=letter.at,
        ended_at=letter.ended_at,
        attempts=letter.attempts,
        why=letter.why,
        reason=reason,
    )
