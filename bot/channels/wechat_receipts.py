"""What became of template messages: WeChat tells by an event, seconds after it took one.

Only a plain no sends a notice on to the next channel. WeChat's silence counts as a yes after a while: it had taken the
message, and its event may be lost with a restart of Redis (Y2).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from prepaid.domain.delivery import Receipt
from prepaid.domain.errors import Trouble
from prepaid.ports import Sessions

WITHIN_S = 600
ENOUGH_S = 540
KEPT_S = 3600
_PREFIX = "template:"
_log = structlog.get_logger()


def reference_of(message: str) -> str:
    """What the outbox keeps of a template message, so that it can ask about it."""
    return f"{_PREFIX}{message}"


class Receipts:
    """The receipts of one official account."""

    def __init__(self, sessions: Sessions, scope: str, now: Callable[[], datetime]) -> None:
        self._sessions = sessions
        self._scope = scope
        self._now = now

    async def told(self, message: str, *, arrived: bool) -> None:
        """WeChat says what became of a message."""
        try:
            await self._sessions.save(self._key(message), {"arrived": arrived}, ttl_s=KEPT_S)
        except Trouble as trouble:
            _log.warning("wechat_receipt_not_kept", trouble=trouble.key)

    async def of(self, reference: str, sent_at: datetime) -> Receipt:
        """What is known of a message; one that was no template message needs no receipt."""
        if not reference.startswith(_PREFIX):
            return Receipt.ARRIVED
        try:
            arrived = (await self._sessions.load(self._key(reference.removeprefix(_PREFIX)))).get("arrived")
        except Trouble:
            arrived = None
        if isinstance(arrived, bool):
            return Receipt.ARRIVED if arrived else Receipt.LOST
        waited_s = (self._now() - sent_at).total_seconds()
        return Receipt.ARRIVED if waited_s >= ENOUGH_S else Receipt.UNKNOWN

    def _key(self, message: str) -> str:
        return f"wechat:{self._scope}:receipt:{message}"
