"""Logins of programs, and what was answered to a request that may come again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from prepaid.domain.logins import Login, LoginCode


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReply:
    """A write that was asked for under a key, and its answer once there is one. `holder` works on it until `until`."""

    id: str
    request_hash: str
    holder: str
    until: datetime
    status: int = 0
    """0: not answered yet."""
    body: str = ""
    expires_at: datetime | None = None
    """None: kept for ever, as everything about money (M15)."""


class Logins(Protocol):
    """One row for each login; codes that log in once."""

    async def open(self, login: Login) -> None: ...
    async def get(self, login_id: str) -> Login | None: ...
    async def rotate(self, login_id: str, rotation: int, expires_at: datetime) -> bool:
        """Counts one refresh, only if the login is alive and was refreshed exactly `rotation` times."""
        ...

    async def revoke(self, login_id: str) -> None: ...
    async def revoke_all(self, person_id: str) -> None:
        """Ends every login of a person."""
        ...

    async def add_code(self, code: LoginCode) -> None: ...
    async def use_code(self, code_hash: str, now: datetime) -> str | None:
        """Takes a live code once; the id of the person who asked for it, or None."""
        ...


class Replies(Protocol):
    """Answers by idempotency key (M15)."""

    async def begin(self, wish: KeptReply, now: datetime) -> KeptReply:
        """The row under the key: `wish` itself if it is new or nobody works on it any more, else what stands there."""
        ...

    async def get(self, reply_id: str) -> KeptReply | None:
        """The row as it stands; None when there is none."""
        ...

    async def finish(self, reply_id: str, holder: str, status: int, body: str) -> None:
        """The answer, by whoever holds the row."""
        ...

    async def release(self, reply_id: str, holder: str, now: datetime) -> None:
        """There is no answer yet: the next who asks may work on it."""
        ...
