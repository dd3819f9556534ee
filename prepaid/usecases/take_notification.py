"""Keeps a verified notification before it is answered (M7). The work comes after the answer."""

from __future__ import annotations

from prepaid.ports import TOPIC_INBOX, Business, InboxRow


async def take_notification(business: Business, row: InboxRow) -> bool:
    """Journals the row and wakes the worker of the inbox; False for one that was kept before.

    Raises `TryAgain` or `Unknown` when the store is in doubt: then the provider must not be told that we have it.
    """
    new = await business.store.inbox.keep(row)
    await business.wakeups.wake(TOPIC_INBOX)
    return new
