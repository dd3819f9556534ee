"""What Telegram allows: 30 messages a second for a bot, one a second for a chat, twenty a minute in a group.

Source: core.telegram.org/bots/faq, "My bot is hitting limits". A short burst is allowed in a private chat.
"""

from __future__ import annotations

from collections.abc import Callable

from bot.pace import BULK_WAIT_S, MAX_WAIT_S, WindowPace
from prepaid.domain.windows import Window
from prepaid.ports import SharedWindows

ALL_PER_S = 30
SECOND_MS = 1_010
"""A second, and what messages may catch up with one another on their way."""
FOR_REPLIES = 1
"""Bulk uses all places but this one, so that a reply never waits for more than the next place."""
BULK_AT_ONCE, BULK_EVERY_MS = 3, 101
"""Bulk is spread over the second, so that places come free all the time and not all at once."""
CHAT_BURST, CHAT_MS = 3, 3_000
GROUP_PER_MIN, MINUTE_MS = 20, 60_600
GROUP_FOR_REPLIES = 5


_REPLY = (Window("all", ALL_PER_S, SECOND_MS),)
_BULK = (Window("bulk", BULK_AT_ONCE, BULK_EVERY_MS), Window("all", ALL_PER_S, SECOND_MS, FOR_REPLIES))


def telegram_windows(chat: str, *, bulk: bool) -> tuple[Window, tuple[Window, ...]]:
    """Implements `bot.pace.Plan`."""
    # Ids of groups are negative in Telegram.
    if chat.startswith("-"):
        own = Window(f"chat:{chat}", GROUP_PER_MIN, MINUTE_MS, GROUP_FOR_REPLIES if bulk else 0)
    else:
        own = Window(f"chat:{chat}", CHAT_BURST, CHAT_MS, CHAT_BURST - 1 if bulk else 0)
    return own, (_BULK if bulk else _REPLY)


class TelegramPace(WindowPace):
    """The pace of all processes that send with one token; without `shared` that of this process."""

    def __init__(
        self,
        shared: SharedWindows | None = None,
        *,
        max_wait_s: float = MAX_WAIT_S,
        bulk_wait_s: float = BULK_WAIT_S,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        super().__init__(telegram_windows, shared, max_wait_s=max_wait_s, bulk_wait_s=bulk_wait_s, monotonic=monotonic)
