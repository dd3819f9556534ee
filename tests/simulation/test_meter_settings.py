"""Settings of a meter over real TCP: one write, read back, only to the bound device; what is in doubt is unknown."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meters import profiles
from prepaid.domain.errors import Refused, Trouble, Unknown
from prepaid.domain.field_requests import FieldKind
from sandbox.meters import SandboxMeter
from tests.fakes.field import Field, running_field

MODEL = "my_meter"
NAME = "over_limit_w"
SERIAL = "10000001"
WRITE = bytes((16, 0x04, 0x00, 0, 1))


@pytest.fixture(autouse=True)
def model(tmp_path: Path) -> Iterator[None]:
    """The blueprint, which names a setting that may be written, as a model of one's own."""
    shutil.copy(Path(profiles.__file__).parent / "_blueprint.yaml", tmp_path / f"{MODEL}.yaml")
    profiles.look_also_in(tmp_path)
    try:
        yield
    finally:
        profiles.look_also_in(None)


def writes(field: Field) -> int:
    """How often the setting was written, by what the bus heard."""
    return sum(pdu.startswith(WRITE) for _, pdu in field.sandbox.counts.asked)


async def setting(field: Field, value: int, **more: Any) -> Trouble | int | None:
    """What came of a write: the trouble, or the value that was read back."""
    wish: dict[str, Any] = {"setting": NAME, "value": value, "serial": SERIAL} | more
    answer = await field.errand(FieldKind.SET, MODEL, units=(1, 1), **wish)
    return answer.trouble or answer.settings[0].value


async def test_a_setting_is_written_once_and_read_back() -> None:
    """S4, S5, S11: what is refused leaves no frame; what is already so is not written again."""
    async with running_field(units=1, profile=MODEL) as field:
        await field.until(lambda: len(field.readings) >= 1)
        for more, value, said in (
            ({"setting": "nothing"}, 500, "refused.no_such_setting"),
            ({}, 20_100, "refused.setting_range"),
            ({}, 150, "refused.setting_step"),
            ({"serial": "999"}, 500, "refused.commission_other_device"),
        ):
            trouble = await setting(field, value, **more)
            assert isinstance(trouble, Refused)
            assert trouble.key == said
        assert writes(field) == 0
        assert await setting(field, 500) == 500
        assert await setting(field, 500) == 500
        assert writes(field) == 1
        found = (await field.errand(FieldKind.SETTINGS, MODEL, units=(1, 1))).settings
        assert [(each.name, each.value, each.unit, each.writable) for each in found] == [(NAME, 500, "W", True)]


@pytest.mark.parametrize("kept", [True, False])
async def test_a_write_without_an_answer_is_unknown_until_it_is_read_back(kept: bool) -> None:
    """S4, S5, F24: the echo is lost and the read-back tells; without one nobody says that it was written."""
    async with running_field(units=1, profile=MODEL) as field:
        await field.until(lambda: len(field.readings) >= 1)
        _swallows_the_write(field.sandbox.meter(1), silent_after=not kept)
        said = await setting(field, 700)
        assert writes(field) == 1
        if kept:
            assert said == 700
        else:
            assert isinstance(said, Unknown)
            assert said.key == "unknown.setting"


def _swallows_the_write(meter: SandboxMeter, *, silent_after: bool) -> None:
    """It keeps what is written and garbles the echo; afterwards perhaps it says nothing at all."""
    usual = meter.answer

    def answer(asked: bytes) -> bytes:
        reply = usual(asked)
        if not asked.startswith(WRITE):
            return reply
        meter.faults.silent = silent_after
        return bytes((reply[0],)) + bytes(4)

    meter.answer = answer  # type: ignore[method-assign,assignment]
