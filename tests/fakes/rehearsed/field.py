"""Questions to the field on the stage: a meter in each room with fixed figures; that of 102 fails."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.conversations.topics.commission import Commission
from bot.conversations.topics.read_now import ReadNow
from bot.conversations.topics.scan import Scan
from bot.conversations.topics.settings import SetMeter, ShowSettings
from prepaid.domain.errors import Refused, TryAgain, not_found
from prepaid.domain.field_requests import Seen, Setting, check_setting
from prepaid.usecases.ask_field import Scanned
from tests.fakes.rights import OPERATES, STAFF, Right

FIGURES = {"energy_wh": 1_234_560, "power_w": 480, "voltage_mv": 231_400, "current_ma": 2_080}
SERIAL = "20241101"


def _seen(stage: Any, account_id: str) -> Seen:
    room = stage.rooms[account_id]
    if account_id == "a102":
        return Seen(unit=2, profile="acrel_ddsy1352", figures={"energy_wh": 9_000}, failed=("serial", "voltage"))
    return Seen(unit=1, profile="acrel_ddsy1352", serial=SERIAL, relay_on=room.on, switches=True, figures=FIGURES)


def _commission(stage: Any, user: str, effect: Commission) -> object:
    del user
    seen = _seen(stage, effect.account_id)
    if seen.failed:
        raise Refused("refused.commission_checks", failed=", ".join(seen.failed))
    return [(f"m-{effect.account_id}", seen)]


def _scan(stage: Any, user: str, effect: Scan) -> Scanned:
    del user
    if effect.gateway == "gw-9":
        raise TryAgain("try_again.field_unanswered")
    if effect.gateway.casefold() != "gw-1":
        raise not_found()
    if effect.first > 1:
        return Scanned(seen=(), through=effect.last)
    known = _seen(stage, "a101")
    return Scanned(seen=(known, Seen(unit=7, profile="", failed=("model",))), through=9)


KNOWN = (
    Setting(name="max_power", value=8_000, unit="W", low=500, high=10_000, writable=True),
    Setting(name="run_state", value=None),
)


def _settings(stage: Any, user: str, effect: ShowSettings) -> object:
    """That of 101 has one that can be written, that of 102 none at all."""
    del stage, user
    return [(f"m-{effect.account_id}", KNOWN if effect.account_id == "a101" else ())]


def _set(stage: Any, user: str, effect: SetMeter) -> Setting:
    del stage, user
    return replace(check_setting(KNOWN, effect.name, effect.value), value=effect.value)


ANSWERS = {
    ShowSettings: _settings,
    SetMeter: _set,
    ReadNow: lambda stage, _, e: [(f"m-{e.account_id}", _seen(stage, e.account_id))],
    Commission: _commission,
    Scan: _scan,
}
SCRIPTS = {
    "read": (("admin", "读表 101"), ("admin", "read now 102"), ("ben", "read 102")),
    "scan": (
        ("admin", "扫描"),
        ("admin", "GW-1"),
        ("admin", "扫描 gw-1 10-32"),
        ("admin", "scan gw-2 1-8"),
        ("admin", "scan gw-9"),
    ),
    "settings": (
        ("admin", "电表参数 101"),
        ("admin", "高一点"),
        ("admin", "m-a102 max_power 3000"),
        ("admin", "max_power 3000"),
        ("admin", "是"),
        ("admin", "settings of 101"),
        ("admin", "max_power=99999"),
        ("admin", "是"),
        ("admin", "settings 102"),
    ),
    "commission": (("admin", "调试 101"), ("admin", "确认"), ("admin", "commission 102"), ("admin", "是")),
}
RIGHTS = (
    Right(intents=("read",), act=lambda on: ReadNow(account_id=on.account_id), may=STAFF, waits=True),
    Right(intents=("commission",), act=lambda on: Commission(account_id=on.account_id), may=OPERATES, waits=True),
    Right(intents=("settings",), act=lambda on: ShowSettings(account_id=on.account_id), may=STAFF, waits=True),
    Right(
        intents=("settings",),
        act=lambda on: SetMeter(meter_id=on.meter_id, name="max_power", value=1),
        may=OPERATES,
        waits=True,
    ),
    Right(
        intents=("scan",),
        act=lambda on: Scan(gateway=on.gateway_id, first=1, last=2),
        may=OPERATES,
        at_site=True,
        waits=True,
    ),
)
