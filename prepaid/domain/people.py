"""People and their chat addresses: one person across channels, bound to accounts by one-time codes (A5)."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime

from prepaid.domain.access import Actor, Grant
from prepaid.domain.preferences import Preferences

CODE_TTL_S = 10 * 60
LABEL_CODE_TTL_S = 30 * 24 * 3600
"""A code that is printed holds this long at most. It has the same 40 random bits and works once like any other."""
INVITATION_TTL_S = 60 * 60
CODE_TRIES = 5
CONTACT_CHANNELS = ("sms", "webhook", "apprise")
"""Channels whose addresses people give themselves; they are sealed and never shown again."""
CONTACT_TTL_S = 15 * 60
"""How long one has to write the code that came to a new address."""
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""No 0, 1, I, O: codes are read aloud and typed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a person can be reached: channel name and the channel's own user id."""

    channel: str
    user: str

    @property
    def key(self) -> str:
        """Tells one address of a person from another, without saying where it leads."""
        return f"{self.channel}:{hashlib.sha256(self.user.encode()).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user of the chat. Nothing about them but their language, accounts, grants and addresses."""

    id: str
    language: str = "zh"
    accounts: tuple[str, ...] = ()
    grants: tuple[Grant, ...] = ()
    addresses: tuple[Address, ...] = ()
    preferences: Preferences = field(default_factory=Preferences)

    @property
    def is_group(self) -> bool:
        """Whether this is a group chat, which is kept as somebody who may only look. Channels number them below 0."""
        return any(address.user.startswith("-") for address in self.addresses)

    def actor(self) -> Actor:
        """The person as the one authorisation rule sees them."""
        return Actor(id=self.id, accounts=frozenset(self.accounts), grants=self.grants, language=self.language)


@dataclass(frozen=True, slots=True, kw_only=True)
class BindCode:
    """A one-time code that binds a chat to an account, or makes its user staff. Only its hash is stored."""

    hash: str
    account_id: str = ""
    grant: Grant | None = None
    """The role that an invitation gives, instead of an account."""
    for_group: bool = False
    """Binds a group chat of the staff and nobody: it is typed where others read along, so it makes nobody staff."""
    expires_at: datetime
    issued_by: str
    used_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewContact:
    """An address that a person has named and that has yet to answer with its code. One for each person."""

    person_id: str
    address: Address
    code_hash: str
    expires_at: datetime


def new_code() -> str:
    """Eight characters, 40 random bits, no letter that looks like a digit."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(8))


def code_hash(code: str) -> str:
    """What is stored of a code."""
    return hashlib.sha256(code.strip().upper().encode()).hexdigest()
