"""What staff ask of a bus, and what the devices answered."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from miniprogram_api.models.common import Given, Shown, whole
from prepaid.domain.field_requests import LAST_UNIT, Seen, Setting

Unit = Annotated[int, Field(ge=1, le=LAST_UNIT, description="An address on the bus"), BeforeValidator(whole)]


class SeenOut(Shown):
    """One device as it answered. `failed` names the checks that it did not pass."""

    meter_id: str | None
    unit: int
    profile: str = Field(description="Empty: something answers, and it is none of these models")
    serial: str | None
    relay_on: bool | None
    figures: dict[str, int] = Field(
        description="By the names of the model's measures, whole", examples=[{"energy_wh": 1}]
    )
    failed: list[str]


class SeenListOut(Shown):
    """What the meters of an account say at this moment. Nothing is billed by it."""

    meters: list[SeenOut]


class ScanWish(Given):
    """Which addresses of a bus are asked, 32 at the most."""

    first: Unit = 1
    last: Unit = 32


class ScannedOut(Shown):
    """What answers. On a full bus the time may end first: go on after `through`."""

    devices: list[SeenOut]
    through: int


class SettingOut(Shown):
    """One setting as the device says it; null where it gives no number."""

    name: str = Field(examples=["limit_w"])
    value: int | None
    unit: str
    low: int
    high: int
    writable: bool


class SettingsOut(Shown):
    """Every setting that the meter's model names."""

    settings: list[SettingOut]


class SetWish(Given):
    """What the setting is to be, in its unit."""

    value: Annotated[int, Field(ge=-(2**31), le=2**31, examples=[500]), BeforeValidator(whole)]


def seen_out(seen: Seen, meter_id: str | None = None) -> SeenOut:
    """One device."""
    return SeenOut(
        meter_id=meter_id,
        unit=seen.unit,
        profile=seen.profile,
        serial=seen.serial,
        relay_on=seen.relay_on,
        figures=dict(seen.figures),
        failed=list(seen.failed),
    )


def setting_out(setting: Setting) -> SettingOut:
    """One setting."""
    return SettingOut.model_validate(setting, from_attributes=True)
