"""A person chooses their language."""

from __future__ import annotations

from prepaid.domain.access import Actor
from prepaid.domain.errors import Refused
from prepaid.ports import Business

LANGUAGES = ("zh", "en")


async def set_language(business: Business, actor: Actor, language: str) -> None:
    """Stores the choice. Raises `Refused("refused.language")` for one that we have no texts in."""
    if language not in LANGUAGES:
        raise Refused("refused.language")
    await business.store.people.set_language(actor.id, language)
