"""Puts what the Bot API answers into our three kinds of trouble.

The library writes the token into some of its messages, so only the kind of an error leaves this module, and
of a refused message Telegram's own words about it.
"""

from __future__ import annotations

import structlog
from telegram.error import BadRequest, ChatMigrated, Forbidden, TelegramError

from prepaid.domain.errors import Refused, Trouble, TryAgain

_log = structlog.get_logger()
_UNREACHABLE = ("chat not found", "user not found", "user is deactivated", "peer_id_invalid", "have no rights to send")
_UNCHANGED = "message is not modified"
_UNEDITABLE = (
    "message to edit not found",
    "message can't be edited",
    "message_id_invalid",
    "there is no text in the message to edit",
    "message to delete not found",
    "message can't be deleted",
)


def trouble_of(error: TelegramError) -> Trouble:
    """`Refused` where this chat will never take the message, `TryAgain` for everything that may pass.

    A refused token or a second poller is the operator's to mend, so messages wait for it like for a network.
    """
    kind = type(error).__name__
    if isinstance(error, Forbidden | ChatMigrated):
        return Refused("refused.no_channel", kind=kind)
    if not isinstance(error, BadRequest):
        return TryAgain("try_again.channel", kind=kind)
    if not any(words in error.message.lower() for words in _UNREACHABLE):
        # The chat is there, so what we sent is wrong: a bug of ours that no repetition mends.
        _log.error("telegram_message_refused", why=error.message)
    return Refused("refused.no_channel", kind=kind)


def file_trouble_of(error: BadRequest) -> Refused:
    """Why a file cannot be had: Telegram gives no large ones, and forgets old ones."""
    return Refused("refused.file_too_big" if "too big" in error.message.lower() else "refused.file_gone")


def is_unchanged(error: TelegramError) -> bool:
    """Whether an edit was refused because the message already says that."""
    return isinstance(error, BadRequest) and _UNCHANGED in error.message.lower()


def is_uneditable(error: TelegramError) -> bool:
    """Whether the message cannot be edited any more: too old, deleted, or of another sort."""
    return isinstance(error, BadRequest) and any(words in error.message.lower() for words in _UNEDITABLE)
