"""What a utility costs: versions of prices by band and step, a free amount, fixed fees; flat is the simplest case.

Prices are whole micro-yuan per 1000 units (kWh or m3), amounts of energy whole units (Wh or litres), so the exact cost
of anything is a whole number of nano-yuan: `wh * price_micro`. Nothing is rounded before a charge is.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum

from prepaid.domain.errors import Refused
from prepaid.domain.tariffs.bands import Band, Schedule, Season
from prepaid.domain.tariffs.flat import FlatTariff

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
"""The start of a version that has held for as long as anyone asks."""
MOST_PRICE_MICRO = 1_000_000_000
"""A sanity limit of 1000 yuan for a kWh or m3."""


class Utility(StrEnum):
    """What is metered. Water is counted in litres wherever a name says `wh`, and priced by the m3."""

    ELECTRICITY = "electricity"
    WATER = "water"


class Every(StrEnum):
    """After what steps start anew and fees fall due."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True, kw_only=True)
class BandPrice:
    """The price of one band."""

    band: Band
    price_micro: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Prices of what is used above `above_wh` in the step period, until the next step begins."""

    prices: tuple[BandPrice, ...]
    above_wh: int = 0

    def price(self, band: Band) -> int:
        """Micro-yuan per 1000 units; a single price holds in every band."""
        for each in self.prices:
            if each.band is band or len(self.prices) == 1:
                return each.price_micro
        raise Refused("refused.tariff_band_price", band=str(band))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """A fixed fee by day or month, for each account that has a meter of the plan's utility (`prepaid.domain.fees`)."""

    id: str
    every: Every
    amount_micro: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """One version of a plan: what holds from `start` until the next version starts."""

    id: str
    steps: tuple[Step, ...]
    start: datetime = ALWAYS
    step_every: Every = Every.MONTH
    year_starts: str = "01-01"
    """The local day ("MM-DD") on which yearly steps start anew."""
    schedule: Schedule | None = None
    free_wh: int = 0
    """The first units of each month that cost nothing. They count towards the steps."""
    sewage_micro: int = 0
    """Per 1000 litres, on top of the price of water. What is free is free of it."""
    fees: tuple[Fee, ...] = ()

    def __post_init__(self) -> None:
        """A version can price everything, and never pays for use; raises `Refused` naming what is wrong."""
        above = [step.above_wh for step in self.steps]
        if not above or above[0] != 0 or any(a >= b for a, b in itertools.pairwise(above)):
            raise Refused("refused.tariff_steps")
        prices = [each.price_micro for step in self.steps for each in step.prices] + [self.sewage_micro]
        if any(type(price) is not int or not 0 <= price <= MOST_PRICE_MICRO for price in prices):
            raise Refused("refused.tariff_price")
        if self.free_wh < 0 or any(fee.amount_micro <= 0 or fee.every is Every.YEAR for fee in self.fees):
            raise Refused("refused.tariff_price")
        if self.step_every is Every.DAY or self.start.tzinfo is None or not self.id:
            raise Refused("refused.tariff_version")
        Season(since=self.year_starts, until=self.year_starts)
        for band in self.bands:
            for step in self.steps:
                step.price(band)

    @property
    def bands(self) -> tuple[Band, ...]:
        """The bands that can hold, dearest first."""
        held = self.schedule.bands if self.schedule else frozenset({Band.FLAT})
        return tuple(band for band in Band if band in held)

    def year_of(self, day: date) -> str:
        """The name of the step year that a local day lies in: its first day."""
        begins = f"{day.year:04}-{self.year_starts}"
        return begins if day.isoformat() >= begins else f"{day.year - 1:04}-{self.year_starts}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffPlan:
    """All versions of one price list, oldest first. The oldest also holds for whatever came before it."""

    versions: tuple[Tariff, ...]
    utility: Utility = Utility.ELECTRICITY

    def __post_init__(self) -> None:
        """Starts and names are in order and single."""
        starts = [version.start for version in self.versions]
        if not starts or any(a >= b for a, b in itertools.pairwise(starts)):
            raise Refused("refused.tariff_order")
        if len({version.id for version in self.versions}) != len(starts):
            raise Refused("refused.tariff_id_taken")
        if self.utility is not Utility.WATER and any(version.sewage_micro for version in self.versions):
            raise Refused("refused.tariff_sewage")

    def at(self, instant: datetime) -> Tariff:
        """The version in force."""
        found = self.versions[0]
        for version in self.versions[1:]:
            if version.start <= instant:
                found = version
        return found

    def by_id(self, version_id: str) -> Tariff | None:
        """A version by its name."""
        return next((version for version in self.versions if version.id == version_id), None)

    def having(self, version: Tariff) -> TariffPlan:
        """The plan with one more version; versions that would have started later are given up."""
        kept = tuple(each for each in self.versions if each.start < version.start)
        return replace(self, versions=(*kept, version))


Pricing = FlatTariff | TariffPlan
"""What sites and accounts hold: documents from before there were plans hold a flat price."""


def plan_of(pricing: Pricing) -> TariffPlan:
    """Any pricing as a plan."""
    if isinstance(pricing, TariffPlan):
        return pricing
    return TariffPlan(versions=(flat(pricing.id, pricing.price_micro_per_kwh),))


def flat(version_id: str, price_micro: int, *, start: datetime = ALWAYS) -> Tariff:
    """One price for everything."""
    return Tariff(id=version_id, start=start, steps=(Step(prices=one_price(price_micro)),))


def time_of_use(version_id: str, schedule: Schedule, prices: Mapping[Band, int], *, start: datetime = ALWAYS) -> Tariff:
    """A price for each band."""
    return Tariff(id=version_id, start=start, schedule=schedule, steps=(Step(prices=band_prices(prices)),))


def stepped(
    version_id: str, prices_above: Mapping[int, int], *, every: Every = Every.MONTH, start: datetime = ALWAYS
) -> Tariff:
    """Step blocks: the price of what is used above each number of units."""
    steps = tuple(Step(above_wh=above, prices=one_price(price)) for above, price in sorted(prices_above.items()))
    return Tariff(id=version_id, start=start, step_every=every, steps=steps)


def one_price(price_micro: int) -> tuple[BandPrice, ...]:
    """The same price in every band."""
    return (BandPrice(band=Band.FLAT, price_micro=price_micro),)


def band_prices(prices: Mapping[Band, int]) -> tuple[BandPrice, ...]:
    """A price for each band, dearest band first."""
    return tuple(BandPrice(band=band, price_micro=prices[band]) for band in Band if band in prices)


def dearer(step: Step, above_wh: int, add_micro: int) -> Step:
    """A step with the same bands, each dearer by `add_micro`."""
    prices = tuple(replace(each, price_micro=each.price_micro + add_micro) for each in step.prices)
    return Step(above_wh=above_wh, prices=prices)
