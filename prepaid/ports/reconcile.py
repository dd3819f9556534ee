"""What is kept of comparing with providers' bills, of money that somebody looks into, and of pay-for-me links."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from prepaid.domain.pay_links import PayLink
from prepaid.domain.reconcile import Run
from prepaid.domain.tickets import MoneyKind, MoneyTicket, TicketFile


class MoneyTickets(Protocol):
    """Money that the staff has to look into."""

    async def add(self, ticket: MoneyTicket) -> MoneyTicket:
        """Keeps it once; returns the row that is there. One that had gone by itself is open again."""
        ...

    async def get(self, ticket_id: str) -> MoneyTicket | None: ...
    async def settle(self, ticket_id: str, *, by: str, at: datetime, words: str) -> bool:
        """Ends an open ticket; False when it has ended."""
        ...

    async def gone(self, ticket_id: str, at: datetime) -> bool:
        """Ends an open ticket whose difference is not there any more."""
        ...

    async def attach(self, ticket_id: str, file: TicketFile) -> bool:
        """Adds a file to an open ticket that has room and does not have it; False otherwise."""
        ...

    async def of_day(self, provider: str, merchant_id: str, day: str) -> Sequence[MoneyTicket]:
        """All that a day's bill gave rise to."""
        ...

    async def below(self, scope: str, limit: int, *, kind: MoneyKind | None = None) -> Sequence[MoneyTicket]:
        """Open ones, of one kind or of all, about a place or anything in it, oldest first; "" is no place."""
        ...


class Runs(Protocol):
    """Comparisons with bills, the last of each day."""

    async def save(self, run: Run) -> None: ...
    async def get(self, run_id: str) -> Run | None: ...


class PayLinks(Protocol):
    """Pay-for-me links."""

    async def add(self, link: PayLink) -> None: ...
    async def get(self, link_id: str) -> PayLink | None: ...
    async def bind(self, link_id: str, old: str | None, order_id: str) -> bool:
        """Binds the link to an order, only if it is still bound to `old` and was not taken back."""
        ...

    async def revoke(self, link_id: str) -> None: ...
    async def of_account(self, account_id: str, since: datetime, limit: int) -> Sequence[PayLink]:
        """Those that end after `since`, the first to end first."""
        ...
