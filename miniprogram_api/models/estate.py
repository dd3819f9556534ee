"""Rooms and meters as staff open, join, replace and judge them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from miniprogram_api.models.common import Account, Given, Shown, whole
from miniprogram_api.models.desk import Why
from prepaid.domain.accounts import Account as Room
from prepaid.domain.metering import Meter, Reading
from prepaid.domain.registers import HeldReading, RegisterChange
from prepaid.usecases.field_state import Silent

Register = Annotated[
    int,
    Field(ge=0, le=10**15, description="Wh (litres) as the register shows them", examples=[0]),
    BeforeValidator(whole),
]
Width = Annotated[
    int,
    Field(ge=1, le=10**15, description="At how many Wh (litres) the register begins anew", examples=[10**9]),
    BeforeValidator(whole),
]
Name = Annotated[str, Field(min_length=1, max_length=64, examples=["a-101"])]


class FindWish(Given):
    """How a person calls a room: its number, its label, its place."""

    text: str = Field(min_length=1, max_length=40, examples=["101"])


class RoomOut(Shown):
    """One account."""

    account_id: Account
    label: str
    site_id: str
    path: str
    status: str
    utility: str


class CodeOut(Shown):
    """A one-time code, shown once: only its hash is kept."""

    code: str
    valid_s: int


class OpenWish(Given):
    """Where the account is, what people call it, and the meters that it pays for. The same key opens one account."""

    path: str = Field(min_length=1, max_length=300, examples=["acme/maple/b1/101"])
    label: str = Field(min_length=1, max_length=40, examples=["101"])
    key: str = Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z_-]+$", examples=["lease-2026-17"])
    meters: list[Name] = Field(default=[], max_length=8)


class AssignWish(Given):
    """Who pays for what the meter counts."""

    account_id: Name


class AssignedOut(Shown):
    """The meter, now with the account (or the wallet of its tenancy that pays for its utility)."""

    meter_id: str
    account_id: str | None


class ReplaceWish(Given):
    """What hangs there now, and the old one's final register; without one (it is burnt) its last reading counts."""

    serial: str | None = Field(default=None, max_length=32, pattern=r"^[0-9A-Za-z-]+$", examples=["20614477"])
    first_wh: Register
    final_wh: Register | None = None
    profile: str = Field(default="", max_length=64, description="Empty: the same model")
    wraps_wh: Width | None = None
    why: Why


class RegisterChangeOut(Shown):
    """How the meter's register goes on: `total = register * 10^exponent + offset_wh`."""

    meter_id: str
    epoch: int
    decision: str
    at: datetime
    offset_wh: int
    exponent: int
    serial: str | None


class SilentLine(Shown):
    """A gateway with the meters behind it, or one meter."""

    gateway_id: str
    meter_id: str | None
    place: str
    since: datetime
    meters: int


class SilentOut(Shown):
    """What does not answer: gateways first, the longest silent first."""

    silent: list[SilentLine]


class SeenReading(Shown):
    """What a meter said at one instant."""

    at: datetime
    energy_wh: int
    power_w: int | None
    relay_on: bool | None
    serial: str | None


class HeldOut(Shown):
    """Doubtful readings in a row, with the good one before them: nothing of them is billed until somebody decides."""

    meter_id: str
    site_id: str
    path: str
    doubt: str = Field(examples=["doubt.backwards"])
    words: str = Field(description="The doubt in words")
    before: SeenReading | None
    first: SeenReading
    latest: SeenReading
    count: int


class HeldListOut(Shown):
    """Open cases within reach."""

    held: list[HeldOut]


class HeldOneOut(Shown):
    """One case, with what is known of the meter."""

    held: HeldOut
    bound_serial: str | None
    wraps_wh: int | None


class DecideWish(Given):
    """What happened to the register, and why one thinks so. `wraps_wh`: its width, where the meter does not tell."""

    decision: Literal["roll_over", "reset", "replacement", "rescale", "accept", "reject"]
    wraps_wh: Width | None = None
    why: Why


def room_out(account: Room) -> RoomOut:
    """One account."""
    return RoomOut(
        account_id=account.id,
        label=account.label,
        site_id=account.site_id,
        path=account.path,
        status=account.status,
        utility=account.utility,
    )


def assigned_out(meter: Meter) -> AssignedOut:
    """One meter."""
    return AssignedOut(meter_id=meter.id, account_id=meter.account_id)


def change_out(change: RegisterChange) -> RegisterChangeOut:
    """One change."""
    return RegisterChangeOut.model_validate(change, from_attributes=True)


def silent_out(line: Silent) -> SilentLine:
    """One device."""
    return SilentLine(
        gateway_id=line.gateway_id,
        meter_id=line.meter_id or None,
        place=line.place,
        since=line.since,
        meters=line.meters,
    )


def held_out(case: HeldReading, words: str) -> HeldOut:
    """One case; `words` say the doubt."""
    return HeldOut(
        meter_id=case.meter_id,
        site_id=case.site_id,
        path=case.path,
        doubt=case.doubt,
        words=words,
        before=_reading(case.before) if case.before else None,
        first=_reading(case.first),
        latest=_reading(case.latest),
        count=case.count,
    )


def _reading(reading: Reading) -> SeenReading:
    return SeenReading.model_validate(reading, from_attributes=True)
