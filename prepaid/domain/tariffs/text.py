"""A tariff as one exact text, for two persons to agree to and for records: the same tariff gives the same text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from prepaid.domain.tariffs.bands import Band, DayRule, Holidays, Schedule, Season, Span
from prepaid.domain.tariffs.plan import BandPrice, Every, Fee, Step, Tariff


def tariff_text(tariff: Tariff) -> str:
    """Every field, in order of its name."""
    return json.dumps(asdict(tariff), default=_plain, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def tariff_from_text(text: str) -> Tariff:
    """The tariff again."""
    fields: dict[str, Any] = json.loads(text)
    schedule = fields["schedule"]
    return Tariff(
        **{
            **fields,
            "start": datetime.fromisoformat(fields["start"]),
            "step_every": Every(fields["step_every"]),
            "steps": tuple(Step(above_wh=each["above_wh"], prices=_prices(each)) for each in fields["steps"]),
            "fees": tuple(Fee(**{**each, "every": Every(each["every"])}) for each in fields["fees"]),
            "schedule": None if schedule is None else _schedule(schedule),
        }
    )


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _prices(step: Mapping[str, Any]) -> tuple[BandPrice, ...]:
    return tuple(BandPrice(band=Band(each["band"]), price_micro=each["price_micro"]) for each in step["prices"])


def _schedule(fields: Mapping[str, Any]) -> Schedule:
    return Schedule(rules=tuple(_rule(each) for each in fields["rules"]), rest=Band(fields["rest"]))


def _rule(fields: Mapping[str, Any]) -> DayRule:
    return DayRule(
        spans=tuple(Span(**{**each, "band": Band(each["band"])}) for each in fields["spans"]),
        seasons=tuple(Season(**each) for each in fields["seasons"]),
        weekdays=tuple(fields["weekdays"]),
        holidays=Holidays(fields["holidays"]),
    )
