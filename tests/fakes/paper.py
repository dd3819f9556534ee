"""What the office keeps about a flat, one of each kind, for the rows of the permission matrix that name it."""

from __future__ import annotations

from prepaid.domain.access import Role
from prepaid.usecases.force_cut import force_cut
from tests.fakes.building import Building

NO_PAPER = {"approval_id": "ap_404"}
"""Numbers of what is not there."""


async def paper(building: Building, account_id: str) -> dict[str, str]:
    """An approval that waits, asked for by somebody who is not tried."""
    clerk = await building.operator(role=Role.OWNER)
    approval = await force_cut(building.business, clerk, account_id, reason="test")
    return {"approval_id": approval.id}
