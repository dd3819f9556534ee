"""Puts what the Bot API answers into our three kinds of trouble.

The library writes the token into some of its messages, so no message of an error leaves this module, only its kind.
"""

from __future__ import annotations

from telegram.error import BadRequest, ChatMigrated, Forbidden, TelegramError

from prepaid.domain.errors import Refused, Trouble, TryAgain

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
        return Refused("refused.chat_unreachable", kind=kind)
    if isinstance(error, BadRequest):
        gone = any(words in error.message.lower() for words in _UNREACHABLE)
        return Refused("refused.chat_unreachable" if gone else "refused.chat_message", kind=kind)
    return TryAgain("try_again.channel", kind=kind)


def is_unchanged(error: TelegramError) -> bool:
    """Whether an edit was refused because the message already says that."""
    return isinstance(error, BadRequest) and _UNCHANGED in error.message.lower()


def is_uneditable(error: TelegramError) -> bool:
    """Whether the message cannot be edited any more: too old, deleted, or of another sort."""
    return isinstance(error, BadRequest) and any(words in error.message.lower() for words in _UNEDITABLE)
