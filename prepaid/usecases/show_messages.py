"""What a person was told, newest first, wherever it was delivered: the messages of a program that has no chat."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from prepaid.domain.access import Actor
from prepaid.domain.notices import Notice
from prepaid.ports import Business

PAGE_MOST = 50


async def show_messages(
    business: Business, actor: Actor, *, limit: int = 20, before: tuple[datetime, str] | None = None
) -> Sequence[Notice]:
    """The actor's own notices, nobody else's (A1). `before` is the time and id of the last one on the page before."""
    return await business.store.notices.of_person(actor.id, min(limit, PAGE_MOST), before)
