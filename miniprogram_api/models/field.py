"""What staff ask of a bus, and what the devices answered."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, TypeAdapter

from miniprogram_api.models.common import Given, Shown, whole
from miniprogram_api.problems import Problem
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


class FollowFieldWish(Given):
    """Waits for the answer, at most `wait_s`."""

    wait_s: int = Field(default=0, ge=0, le=25)


class FieldProgressOut(Shown):
    """A question of a bus that took longer. Only who asked sees it, with the roles that they had then."""

    request_id: str
    url: str = Field(description="Where to look for the answer", json_schema_extra={"format": "uri-reference"})
    state: Literal["waiting", "done", "failed"]
    result: SeenListOut | ScannedOut | SettingsOut | SettingOut | None = Field(
        default=None, description="What the question would have been answered with, when it is `done`"
    )
    problem: Problem | None = Field(default=None, description="The same when it has `failed`")


_RESULT: TypeAdapter[SeenListOut | ScannedOut | SettingsOut | SettingOut] = TypeAdapter(
    SeenListOut | ScannedOut | SettingsOut | SettingOut
)


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


def result_of(body: str) -> SeenListOut | ScannedOut | SettingsOut | SettingOut:
    """What a question was answered with, from where it was kept."""
    return _RESULT.validate_json(body)
