"""What the office keeps: approvals, receipts, refunds, move-outs and tickets. Every change carries its condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from prepaid.domain.approvals import Approval, ApprovalState
from prepaid.domain.closing import Closing, Step
from prepaid.domain.orders import Order
from prepaid.domain.receipts import Receipt
from prepaid.domain.refunds import Refund, RefundState, RefundStep
from prepaid.domain.staff_requests import RequestState, StaffRequest
from prepaid.domain.tickets import Ticket, TicketFile, TicketState


class Approvals(Protocol):
    """Requests for a second person."""

    async def add(self, approval: Approval) -> None: ...
    async def get(self, approval_id: str) -> Approval | None: ...
    async def move(self, approval_id: str, old: ApprovalState, new: ApprovalState, **changes: object) -> bool:
        """Takes the step only from `old`; False when somebody was first."""
        ...

    async def use(self, approval_id: str, digest: str, by: str, now: datetime, due_at: datetime | None = None) -> bool:
        """From asked to approved, only with this digest, only by another person, only before it expires: once.

        With `due_at` it is agreed to, and its effect begins then unless it is taken back before.
        """
        ...

    async def due(self, now: datetime, limit: int) -> Sequence[Approval]:
        """Those agreed to whose window to take them back is over, oldest first."""
        ...

    async def below(self, scope: str, state: ApprovalState, limit: int) -> Sequence[Approval]:
        """Those about a place or anything in it, oldest first."""
        ...

    async def in_state(self, state: ApprovalState, limit: int) -> Sequence[Approval]:
        """Oldest first."""
        ...


class Receipts(Protocol):
    """Numbers of receipts, each spent once within its site."""

    async def claim(self, receipt: Receipt) -> Receipt:
        """Spends the number; returns the receipt that holds it, which may be an older one."""
        ...

    async def get(self, receipt_id: str) -> Receipt | None: ...
    async def entered(self, receipt_id: str) -> None:
        """It has reached the ledger."""
        ...

    async def taken_between(self, site_id: str, since: datetime, until: datetime, limit: int) -> Sequence[Receipt]:
        """Receipts of a site, oldest first."""
        ...

    async def waiting(self, limit: int) -> Sequence[Receipt]:
        """Claimed, but not known to have reached the ledger: what a crash left."""
        ...


class Refunds(Protocol):
    """Refunds of orders."""

    async def add(self, refund: Refund) -> Refund:
        """Keeps it once; returns the row that is there, which may be an older one of the same number."""
        ...

    async def get(self, refund_id: str) -> Refund | None: ...
    async def move(self, refund_id: str, old: RefundStep, new: RefundStep, **changes: object) -> bool: ...
    async def asked(self, refund_id: str, at: datetime) -> None:
        """Counts a question to the provider."""
        ...

    async def open(self, limit: int) -> Sequence[Refund]:
        """Those that have not ended, oldest first."""
        ...

    async def get_many(self, refund_ids: Sequence[str]) -> Mapping[str, Refund]:
        """Those that there are, by number."""
        ...

    async def ended_between(self, provider: str, since: datetime, until: datetime) -> Sequence[Refund]:
        """Refunds that the provider ended well, by when we learned of it."""
        ...


class Closings(Protocol):
    """Move-outs under way and done."""

    async def add(self, closing: Closing) -> Closing:
        """Keeps it once; returns the row that is there."""
        ...

    async def get(self, account_id: str) -> Closing | None: ...
    async def move(self, account_id: str, old: Step, new: Step, **changes: object) -> bool: ...
    async def open(self, limit: int) -> Sequence[Closing]:
        """Those that are not closed, oldest first."""
        ...


class Tickets(Protocol):
    """Disputed entries."""

    async def add(self, ticket: Ticket) -> Ticket:
        """Keeps it once; returns the row that is there."""
        ...

    async def get(self, ticket_id: str) -> Ticket | None: ...
    async def answer(self, ticket_id: str, state: TicketState, *, by: str, at: datetime, words: str) -> bool:
        """Ends an open ticket; False when it was answered."""
        ...

    async def attach(self, ticket_id: str, file: TicketFile) -> bool:
        """Adds a file to an open ticket that has room and does not have it; False otherwise."""
        ...

    async def below(self, scope: str, limit: int) -> Sequence[Ticket]:
        """Open ones about a place or anything in it, oldest first."""
        ...


class StaffRequests(Protocol):
    """What tenants ask of the staff."""

    async def add(self, request: StaffRequest) -> StaffRequest:
        """Keeps it once; returns the row that is there."""
        ...

    async def get(self, request_id: str) -> StaffRequest | None: ...
    async def mark_told(self, request_id: str) -> None:
        """The staff has been told of it."""
        ...

    async def end(self, request_id: str, state: RequestState, *, by: str, at: datetime) -> bool:
        """Ends an open request; False when it has ended."""
        ...

    async def below(self, scope: str, limit: int) -> Sequence[StaffRequest]:
        """Open ones of a place or anything in it, oldest first."""
        ...

    async def open_of_account(self, account_id: str, limit: int) -> Sequence[StaffRequest]:
        """Open ones of an account."""
        ...

    async def of_person(self, account_id: str, person_id: str, now: datetime, limit: int) -> Sequence[StaffRequest]:
        """What one person asked for an account, ended or not, newest first."""
        ...

    async def untold(self, limit: int) -> Sequence[StaffRequest]:
        """Open ones of which the staff has not been told."""
        ...


class TicketFiles(Protocol):
    """The bytes of what people sent along with tickets. The store forgets them by itself at their end."""

    async def keep(self, ticket_id: str, digest: str, content: bytes, until: datetime) -> None:
        """Keeps them once."""
        ...

    async def get(self, ticket_id: str, digest: str, now: datetime) -> bytes | None: ...
    async def drop(self, ticket_id: str, digest: str) -> None: ...


@runtime_checkable
class RefundingProvider(Protocol):
    """A provider that can give money back. Raises as `PaymentProvider` does; the same number never pays twice."""

    @property
    def refund_within(self) -> timedelta:
        """How long after a payment it can be refunded."""
        ...

    async def refund(self, order: Order, refund_id: str, amount_fen: int, reason: str) -> RefundState:
        """Asks for a refund. The same number may be asked again with the same amount."""
        ...

    async def query_refund(self, order: Order, refund_id: str) -> RefundState | None:
        """What has become of it, or None when the provider has never heard of this number."""
        ...


@runtime_checkable
class RefundPace(Protocol):
    """A refunding provider that counts refunds of one payment and wants them apart."""

    @property
    def refunds_most(self) -> int:
        """Refunds of one payment."""
        ...

    @property
    def refund_spacing(self) -> timedelta:
        """Between two refunds of one payment."""
        ...
