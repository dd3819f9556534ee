"""A write that comes again under its key gets the answer that it got; with other contents it is refused (M15).

The row under the key is there before the work begins. Whoever died in between leaves it, and after a while the next
who asks goes on: what the use cases do is single by their own keys, so nothing happens twice.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from miniprogram_api.problems import Bad
from prepaid.domain.errors import Refused, TryAgain
from prepaid.ports import Business, KeptReply

HEADER: Final = "Idempotency-Key"
WORK: Final = timedelta(seconds=60)
KEPT: Final = timedelta(days=7)
"""How long answers that are not about money are kept."""
KEY: Final = re.compile(r"^[\x21-\x7e]{8,64}$")


@dataclass(slots=True)
class Reply:
    """An answer: one that was found, or one that is to be filled in."""

    status: int = 0
    body: str = ""

    @property
    def found(self) -> bool:
        """Whether it was answered before."""
        return self.status > 0


@asynccontextmanager
async def kept(business: Business, owner: str, key: str, request: str, *, for_ever: bool) -> AsyncIterator[Reply]:
    """The reply under a caller's key. Filled in inside, it is kept; left empty, or on trouble, it is given back."""
    if not KEY.match(key):
        raise Bad("refused.idempotency_key")
    now, replies = business.clock.now(), business.store.replies
    wish = KeptReply(
        id=hashlib.sha256(f"{owner}\n{key}".encode()).hexdigest(),
        request_hash=hashlib.sha256(request.encode()).hexdigest(),
        holder=secrets.token_hex(8),
        until=now + WORK,
        expires_at=None if for_ever else now + KEPT,
    )
    held = await replies.begin(wish, now)
    if held.request_hash != wish.request_hash:
        raise Refused("refused.idempotency_conflict")
    if held.status:
        yield Reply(held.status, held.body)
        return
    if held.holder != wish.holder:
        raise TryAgain("try_again.same_request")
    reply = Reply()
    try:
        yield reply
    finally:
        if reply.found:
            await replies.finish(wish.id, wish.holder, reply.status, reply.body)
        else:
            await replies.release(wish.id, wish.holder, business.clock.now())
