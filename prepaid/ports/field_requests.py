"""Requests to the owners of buses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from prepaid.domain.field_requests import Answer, FieldKind, FieldRequest


class FieldRequests(Protocol):
    """A few places for each gateway; every write carries its condition."""

    async def put(self, request: FieldRequest, now: datetime) -> bool:
        """Takes the place `request.id` if it is free or its time is over; False when it is taken."""
        ...

    async def get(self, request: FieldRequest) -> FieldRequest | None:
        """The request as it stands; None when it is gone."""
        ...

    async def waiting(self, gateway_id: str, kind: FieldKind, owner: str) -> Sequence[FieldRequest]:
        """What this owner has not taken yet, oldest first; reads that an owner before it took are among it."""
        ...

    async def take(self, request: FieldRequest, owner: str, now: datetime) -> bool:
        """For this owner, once, in time. An owner that is no more may have taken it before, unless it writes."""
        ...

    async def finish(self, request: FieldRequest, owner: str, answer: Answer) -> bool:
        """The answer, only from the owner that took it last."""
        ...

    async def retract(self, request: FieldRequest) -> bool:
        """Whether nobody has taken it; nobody will, whatever their clock says."""
        ...

    async def withdraw(self, request: FieldRequest, now: datetime) -> None:
        """Its place is free."""
        ...
