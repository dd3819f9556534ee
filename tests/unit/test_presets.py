"""Presets: each place's rules are consistent, and every figure that is given a reason exists."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from prepaid.domain.calendar import SiteCalendar
from prepaid.domain.credit import CreditRules
from prepaid.domain.presets import PRESETS, Place, Preset
from prepaid.domain.supply import SupplyPolicy

ALL = pytest.mark.parametrize("preset", PRESETS.values(), ids=[str(place) for place in PRESETS])


def test_every_place_has_a_preset() -> None:
    """O4: residential area, dormitory, office, shop, supermarket."""
    assert set(PRESETS) == set(Place)
    assert all(preset.place is place for place, preset in PRESETS.items())


@ALL
def test_the_notices_of_a_ladder_come_one_after_the_other(preset: Preset) -> None:
    """N2: longest first, a day at least in all, and the last one close to the cut."""
    leads = preset.policy.leads_s
    assert all(later < earlier for earlier, later in pairwise(leads))
    assert leads[0] >= 24 * 3600
    assert leads[-1] <= 3600


@ALL
def test_nights_are_protected_and_some_hour_of_a_working_week_is_not(preset: Preset) -> None:
    """S2: nobody is cut off at three in the morning; a rule that never cuts would not be prepaid."""
    monday = datetime(2026, 11, 23, tzinfo=ZoneInfo(preset.calendar.time_zone))
    hours = [monday + timedelta(hours=hour) for hour in range(7 * 24)]
    free = [at for at in hours if preset.calendar.protection(at) is None]
    assert free
    assert all(8 <= at.hour < 20 for at in free)


@ALL
def test_emergency_credit_is_offered_before_the_light_goes_off(preset: Preset) -> None:
    """P6, S1: the threshold is never below the floor, and the levels of warning come before it."""
    credit = preset.credit
    assert credit.emergency_threshold_micro >= 0
    assert min(preset.policy.low_balance_micro) >= credit.emergency_threshold_micro


@ALL
def test_reasons_speak_of_rules_that_there_are(preset: Preset) -> None:
    """O4: a reason names a field of the policy, the calendar or the credit rules."""
    names = {field.name for kind in (SupplyPolicy, SiteCalendar, CreditRules) for field in fields(kind)}
    assert preset.reasons.keys() <= names
    assert all(preset.reasons.values())
