"""An inbox in memory, and the corner of a business that the notification door needs."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

from prepaid.domain.errors import Trouble
from prepaid.ports import Business, InboxRow


class MemoryInbox:
    """Keeps a row once per id. `trouble` makes the store fail."""

    def __init__(self) -> None:
        self.rows: dict[str, InboxRow] = {}
        self.trouble: Trouble | None = None
        self.woken: list[str] = []

    async def keep(self, row: InboxRow) -> bool:
        if self.trouble is not None:
            raise self.trouble
        return self.rows.setdefault(row.id, row) is row

    async def waiting(self, limit: int) -> Sequence[InboxRow]:
        return [row for row in self.rows.values() if not row.done][:limit]

    async def waiting_for_account(self, account_id: str) -> bool:
        return bool(self.rows) and bool(account_id)

    async def worked(self, row_id: str) -> None:
        del self.rows[row_id]

    async def failed(self, row_id: str) -> None:
        assert row_id in self.rows

    async def wake(self, topic: str) -> None:
        self.woken.append(topic)


def business_with(inbox: MemoryInbox) -> Business:
    """A business that can take notifications and do nothing else."""
    return cast("Business", SimpleNamespace(store=SimpleNamespace(inbox=inbox), wakeups=inbox))
