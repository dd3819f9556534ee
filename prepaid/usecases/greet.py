"""The person behind a chat address."""

from __future__ import annotations

from prepaid.domain.people import Person
from prepaid.ports import Business


async def greet(business: Business, channel: str, user: str, *, language: str) -> Person:
    """The person at that address, made on first contact with the channel's language."""
    return await business.store.people.at(channel, user, language=language if language in ("zh", "en") else "zh")
