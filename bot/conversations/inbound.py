"""What a channel hears, in one shape, and the turn that the core is given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from prepaid.domain.access import Actor

MAX_HEARD_CHARS = 500
"""More than this of one message is never read."""


MAX_NAME_CHARS = 60


class Thing(StrEnum):
    """What people send besides words."""

    DOCUMENT = "document"
    PHOTO = "photo"
    VOICE = "voice"
    PLACE = "place"
    CONTACT = "contact"
    OTHER = "other"
    """A sticker, a dice, a film: what it says nobody can tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """Something that came with a message, or instead of one. `reference` is the channel's own name for it.

    The file's name and size are what somebody says of it: good for showing, never for deciding.
    """

    thing: Thing
    reference: str = ""
    name: str = ""
    size_bytes: int = 0


def shown_name(name: object) -> str:
    """A file's name as far as it can be shown in one line."""
    plain = "".join(char for char in name if char.isprintable()) if isinstance(name, str) else ""
    return plain.strip()[:MAX_NAME_CHARS]


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
    attached: Attached | None = None
    """What came along; `text` are then the words under it, if there are any."""


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
    besides: str = ""
    """What the message said besides the room that it named, once that is found: an amount, a reason."""
    carries_files: bool = False
    """Over this channel people can send us files."""
    carries_pictures: bool = False
    """Over this channel people can send us pictures."""
