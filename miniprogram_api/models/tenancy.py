"""Who shares an account, what its people ask of the staff, its bills, and how its tenancy ends."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from miniprogram_api.models.common import Account, Given, Micro, Shown
from prepaid.domain.closing import Closing
from prepaid.usecases.ask_staff import MAX_WORDS
from prepaid.usecases.list_bills import MONTHS_MOST


class MemberOut(Shown):
    """Somebody bound to the account. No name is known: which channel they use is all there is."""

    person_id: str
    channel: str
    is_me: bool


class MembersOut(Shown):
    """Everybody bound to the account, the caller first."""

    members: list[MemberOut]


class InvitationOut(Shown):
    """A one-time code for one more person; `POST /bindings` takes it."""

    code: str
    valid_s: int


class StaffWish(Given):
    """What the staff is asked for, in the person's words."""

    wish: Literal["help", "protection", "move_out"]
    words: str = Field(min_length=1, max_length=MAX_WORDS, examples=["There is no light in the kitchen."])


class AskedOut(Shown):
    """The staff was told."""

    asked_at: datetime


class BillsWish(Given):
    """How many months, the running one included."""

    months: int = Field(default=6, ge=1, le=MONTHS_MOST)


class BillOut(Shown):
    """One month; its lines are in the statement, and each line explains itself."""

    month: str = Field(examples=["2026-11"])
    since: datetime
    until: datetime
    opening_micro: Micro
    closing_micro: Micro = Field(description="In the running month: now")
    entries: int
    ended: bool


class BillsOut(Shown):
    """Monthly bills, the newest first."""

    bills: list[BillOut]


class FinalReadingOut(Shown):
    """Where a meter stood when the tenancy ended."""

    meter_id: str
    at: datetime
    energy_wh: int


class MoveOutOut(Shown):
    """A move-out. `digest` names the readings and the statement; it is what one agrees to."""

    account_id: Account
    step: str = Field(description="settling, balancing, paying or closed")
    waits_for: str = Field(description="In words; empty while it goes on by itself")
    asked_at: datetime
    readings: list[FinalReadingOut]
    balance_micro: Micro = Field(description="What was left, before anything was paid back")
    payable_micro: Micro = Field(description="To be paid in cash: what no payer could be given back")
    closed_at: datetime | None
    digest: str
    agreed: bool = Field(description="The tenant agreed to exactly this")


class AgreeWish(Given):
    """The digest of the readings and the statement that were read."""

    digest: str = Field(pattern=r"^[0-9a-f]{64}$", examples=["5f" * 32])


class MoveOutWish(Given):
    """Why the tenancy ends."""

    reason: str = Field(min_length=1, max_length=200, examples=["the lease ends"])


def move_out(closing: Closing, waits_for: str) -> MoveOutOut:
    """A move-out as the contract shows it."""
    return MoveOutOut(
        account_id=closing.id,
        step=closing.step,
        waits_for=waits_for,
        asked_at=closing.asked_at,
        readings=[FinalReadingOut.model_validate(each, from_attributes=True) for each in closing.readings],
        balance_micro=closing.balance_micro,
        payable_micro=closing.payable_micro,
        closed_at=closing.closed_at,
        digest=closing.digest,
        agreed=closing.agreed,
    )
