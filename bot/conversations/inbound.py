"""What a channel hears, in one shape, and the turn that the core is given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from prepaid.domain.access import Actor

MAX_HEARD_CHARS = 500
"""More than this of one message is never read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """One message or one press of a button, as a channel hands it to `Conversation.hear`.

    `language` is only the channel's guess, used on first contact. `numbered` says that buttons became numbers on this
    channel, so that a bare "2" means the second one. `pushes` says that the channel shows the payment thread through
    the outbox as soon as it exists, so that the reply itself need not carry it a second time.
    """

    channel: str
    user: str
    text: str | None = None
    action: str | None = None
    language: str = "zh"
    private: bool = True
    group: str = ""
    """The group chat that it was said in, where it was not said in private."""
    numbered: bool = False
    pushes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """An inbound with who said it and when: everything that the pure core looks at."""

    inbound: Inbound
    actor: Actor
    at: datetime
    providers: tuple[str, ...] = ()
    """The ways to pay that are set up."""
    public_url: str = ""
    """Where the world reaches our pages."""
    admin_group: bool = False
    """It was said in a group of the staff; the actor is cut to what that group is bound to."""
