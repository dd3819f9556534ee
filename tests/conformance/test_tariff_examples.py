"""Every price list in the examples, a year of hourly readings, against a slow reference that shares no code.

The reference reads the YAML itself, walks through the wall clock by quarters of an hour, and adds fractions
of yuan. It knows nothing of versions cut into stretches, carried counters or whole numbers.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from chatwatt.tariff_files import load_plan, read_plan
from prepaid.domain.accounts import Account, Site
from prepaid.domain.calendar import SiteCalendar
from prepaid.domain.errors import Refused
from prepaid.domain.fees import due_fees
from prepaid.domain.tariffs import Carry, Pricer, TariffPlan, point

EXAMPLES = sorted((Path(__file__).parents[2] / "docs" / "examples" / "tariffs").glob("*.yaml"))
HOLIDAYS = (date(2026, 1, 1), date(2026, 10, 1), date(2026, 10, 2), date(2026, 10, 3), date(2026, 12, 25))
WORKED = (date(2026, 10, 10),)
ZONES = ("Asia/Shanghai", "Europe/Berlin")
FIRST = datetime(2026, 1, 1, tzinfo=UTC) - timedelta(hours=9)
HOURS = 365 * 24 + 40
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Loader(yaml.SafeLoader):
    """Reads every scalar as the text that it is."""


Loader.yaml_implicit_resolvers = {}


def uses() -> list[int]:
    """Watt-hours of each hour: uneven, sometimes nothing, and enough for the highest step."""
    return [(hour * hour * 31 + hour * 7) % 1_900 if hour % 11 else 0 for hour in range(HOURS)]


class Reference:
    """The slow and obvious way."""

    def __init__(self, text: str, zone: str) -> None:
        document = yaml.load(text, Loader=Loader)  # noqa: S506 - our own file, every scalar a text
        self.versions: list[dict[str, Any]] = document["versions"]
        self.zone = ZoneInfo(zone)
        self.month_wh: Counter[str] = Counter()
        self.year_wh: Counter[str] = Counter()
        self.yuan = Fraction(0)

    def use(self, since: datetime, wh: int) -> None:
        """Adds one hour, cut wherever the price may change, each part with its share rounded down at the cut."""
        done = 0
        for start, end in itertools.pairwise(self.cuts(since)):
            until = wh * int((end - since).total_seconds()) // 3600
            self.part(start, until - done)
            done = until

    def cuts(self, since: datetime) -> list[datetime]:
        """Instants within an hour at which band, version or day changes: looked for at every quarter."""
        minutes = [since + timedelta(minutes=minute) for minute in range(0, 61, 15)]
        starts = [datetime.fromisoformat(v["start"]).astimezone(UTC) for v in self.versions if "start" in v]
        within = [start for start in starts if since < start < minutes[-1]]
        probes = sorted({*minutes, *within})
        changed = [b for a, b in itertools.pairwise(probes[:-1]) if self.what(a) != self.what(b)]
        return [since, *changed, minutes[-1]]

    def what(self, at: datetime) -> tuple[str, str, str]:
        """Version, band and local day."""
        local = at.astimezone(self.zone)
        version = self.version(at)
        return version["id"], self.band(version, local), local.date().isoformat()

    def part(self, at: datetime, wh: int) -> None:
        """Watt-hour by watt-hour would be slower still: the smallest pieces between two limits."""
        version, local = self.version(at), at.astimezone(self.zone)
        month, year = f"{local:%Y-%m}", self.year(version, local)
        while wh > 0:
            piece = min([wh, *self.rooms(version, month, year)])
            if self.month_wh[month] >= Fraction(version.get("free", "0")) * 1000:
                self.yuan += Fraction(piece, 1000) * self.price(version, self.band(version, local), month, year)
            self.month_wh[month] += piece
            self.year_wh[year] += piece
            wh -= piece

    def rooms(self, version: Mapping[str, Any], month: str, year: str) -> Iterator[int]:
        """How far it is to each limit that lies ahead."""
        yield from self.ahead(Fraction(version.get("free", "0")), self.month_wh[month])
        for block in version.get("steps", {}).get("blocks", []):
            yield from self.ahead(Fraction(block["above"]), self.counter(version, month, year))

    @staticmethod
    def ahead(limit_kwh: Fraction, used_wh: int) -> Iterator[int]:
        """The way to a limit, if it is not passed."""
        if limit_kwh * 1000 > used_wh:
            yield int(limit_kwh * 1000) - used_wh

    def counter(self, version: Mapping[str, Any], month: str, year: str) -> int:
        """What the steps count."""
        return self.year_wh[year] if version["steps"]["every"] == "year" else self.month_wh[month]

    def price(self, version: Mapping[str, Any], band: str, month: str, year: str) -> Fraction:
        """Yuan for a kWh or m3."""
        found = Fraction(version["price"] if "price" in version else version["prices"][band])
        base = found
        for block in version.get("steps", {}).get("blocks", []):
            if self.counter(version, month, year) >= Fraction(block["above"]) * 1000:
                own = block["price"] if "price" in block else block.get("prices", {}).get(band)
                found = base + Fraction(block["add"]) if "add" in block else Fraction(own)
        return found + Fraction(version.get("sewage", "0"))

    def version(self, at: datetime) -> dict[str, Any]:
        """The last one that has started."""
        started = [v for v in self.versions if "start" not in v or datetime.fromisoformat(v["start"]) <= at]
        return started[-1]

    @staticmethod
    def year(version: Mapping[str, Any], local: datetime) -> str:
        """The step year."""
        begins = str(version.get("year_starts", "01-01"))
        return f"{local.year if f'{local:%m-%d}' >= begins else local.year - 1}-{begins}"

    def band(self, version: Mapping[str, Any], local: datetime) -> str:
        """By the wall clock."""
        schedule = version.get("schedule")
        if schedule is None:
            return "flat"
        for rule in schedule["days"]:
            if covers(rule, local.date()):
                return next(
                    (
                        str(band)
                        for band, spans in rule["hours"].items()
                        if any(inside(f"{local:%H:%M}", *span.split("-")) for span in spans)
                    ),
                    schedule.get("rest", "flat"),
                )
        return str(schedule.get("rest", "flat"))


def inside(clock: str, since: str, until: str) -> bool:
    """Clock times compare as text."""
    return since <= clock < until if since < until else clock >= since or clock < until


def covers(rule: Mapping[str, Any], day: date) -> bool:
    """Whether a rule is for a day."""
    seasons = rule.get("seasons", [])
    here = f"{day:%m-%d}"
    in_season = not seasons or any(
        s["since"] <= here <= s["until"] if s["since"] <= s["until"] else here >= s["since"] or here <= s["until"]
        for s in seasons
    )
    weekday = "wed" if day in WORKED else WEEK[day.weekday()]
    wanted = rule.get("holidays", "any")
    right_kind = wanted == "any" or (day in HOLIDAYS) == (wanted == "only")
    return in_season and weekday in rule.get("weekdays", WEEK) and right_kind


def charged(plan: TariffPlan, zone: str) -> tuple[int, Carry]:
    """The sum of the charges of all hours, as settled one by one."""
    calendar = SiteCalendar(time_zone=zone, country="", holidays=HOLIDAYS, working_days=WORKED)
    pricer, carry, total, register = Pricer(plan, calendar), Carry(), 0, 4_711
    for hour, wh in enumerate(uses()):
        since = FIRST + timedelta(hours=hour)
        priced = pricer.price(point(since, register), point(since + timedelta(hours=1), register + wh), carry)
        total, carry, register = total + priced.charge_micro, priced.carry, register + wh
    return total, carry


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_year_of_an_example_costs_what_the_slow_reference_says(path: Path, zone: str) -> None:
    """M12, M13: a whole year of hourly readings, with both changes of the clock, is right to the micro-yuan."""
    reference = Reference(path.read_text(encoding="utf-8"), zone)
    for hour, wh in enumerate(uses()):
        reference.use(FIRST + timedelta(hours=hour), wh)
    total, carry = charged(load_plan(path), zone)
    assert Fraction(carry.exact_nano, 10**9) == reference.yuan
    assert total == carry.charged_micro == round(reference.yuan * 10**6)


def test_the_examples_show_every_kind_of_tariff() -> None:
    """P5: flat, three and five bands, steps by month and year, both together, a free amount, water, fixed fees."""
    plans = {path.stem: load_plan(path).versions[-1] for path in EXAMPLES}
    assert len(plans) >= 9
    assert {len(version.bands) for version in plans.values()} >= {1, 3, 5}
    assert {version.step_every for version in plans.values() if len(version.steps) > 1} == {"month", "year"}
    assert any(version.free_wh for version in plans.values())
    assert any(version.sewage_micro for version in plans.values())
    assert {fee.every for version in plans.values() for fee in version.fees} == {"day", "month"}
    assert any(version.schedule and len(version.steps) > 1 for version in plans.values())


BAD = {
    "versions:\n  - id: a\n    prise: 1": ("refused.tariff_field", 3, "versions[1].prise"),
    "versions:\n  - id: a\n    price: 0.12345678": ("refused.tariff_field", 3, "versions[1].price"),
    "versions:\n  - id: a\n    price: -1": ("refused.tariff_field", 3, "versions[1].price"),
    "versions:\n  - id: a\n    price: 1e3": ("refused.tariff_field", 3, "versions[1].price"),
    "versions:\n  - price: 1": ("refused.tariff_field_missing", 2, "id"),
    "versions:\n  - id: a": ("refused.tariff_field_missing", 2, "price"),
    "versions:\n  - id: a\n    price: 1\n    price: 2": ("refused.tariff_field", 4, "versions[1].price"),
    "versions:\n  - id: a\n    price: 1\n    start: 2026-01-01T00:00": (
        "refused.tariff_field",
        4,
        "versions[1].start",
    ),
    "versions:\n  - id: a\n    prices: {peak: 1, flat: 1}\n    schedule:\n      days:\n"
    "        - hours:\n            peak: ['8-11']": (
        "refused.tariff_hours",
        7,
        "versions[1].schedule.days[1].hours.peak",
    ),
    "versions:\n  - id: a\n    price: 1\n    schedule:\n      days:\n"
    "        - hours:\n            peak: ['08:00-11:00']\n            valley: ['10:00-12:00']": (
        "refused.tariff_hours_overlap",
        6,
        "versions[1].schedule.days[1]",
    ),
    "versions:\n  - id: a\n    prices: {flat: 1, valley: 1}\n    schedule:\n      days:\n"
    "        - hours:\n            peak: ['08:00-11:00']": ("refused.tariff_band_price", 2, "versions[1]"),
    "versions:\n  - id: a\n    price: 1\n    steps:\n      every: month\n      blocks: [{above: 0, add: 1}]": (
        "refused.tariff_steps",
        2,
        "versions[1]",
    ),
    "versions:\n  - id: a\n    price: 1\n    sewage: 1": ("refused.tariff_sewage", 2, "versions"),
    "versions: []": ("refused.tariff_order", 1, "versions"),
    "versions:\n  - {id: a, price: 1}\n  - {id: b, price: 1}": ("refused.tariff_order", 2, "versions"),
    "versions: [": ("refused.tariff_file", 1, ""),
    "": ("refused.tariff_file", 1, ""),
}


@pytest.mark.parametrize("text", BAD)
def test_what_is_wrong_is_told_with_its_line(text: str) -> None:
    """P5: a slip in a price list is refused with line and field, and never guessed at."""
    key, line, field = BAD[text]
    with pytest.raises(Refused) as refused:
        read_plan(text)
    assert (refused.value.key, refused.value.params["line"], refused.value.params["field"]) == (key, line, field)


def test_a_year_of_an_examples_fees_adds_up() -> None:
    """M12: what the landlord wrote is what a year costs: each month and day once, by the version of its beginning."""
    plan = load_plan(next(path for path in EXAMPLES if path.stem == "fixed-fees"))
    site = Site(id="s", name="S", path="o/s", calendar=SiteCalendar(time_zone="Asia/Shanghai"), tariff=plan)
    account = Account(id="a", site_id="s", path="o/s/1", label="1", lease_from=datetime(2025, 12, 31, 16, tzinfo=UTC))
    due_micro: dict[str, int] = {}
    for day in range(365):
        now = datetime(2026, 1, 1, 3, tzinfo=UTC) + timedelta(days=day)
        due = due_fees(site, account, {plan.utility}, now)
        due_micro |= {period: sum(fee.amount_micro for fee in fees) for period, fees in due.items()}
    assert sum(due_micro.values()) == 6 * 6_000_000 + 6 * 7_500_000 + 365 * 100_000
    assert (due_micro["2026-06"], due_micro["2026-07"], due_micro["2026-06-30"]) == (6_000_000, 7_500_000, 100_000)
