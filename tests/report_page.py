"""Writes docs/reference/sample-reports.md: every kind of report of a small house's month, in both languages.

`make samples` runs it. The month is lived through the use cases, hour by hour; pictures lie in docs/images.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta

from bench._estate import scratch_runtime
from bot.conversations.parts import Chart
from bot.conversations.report_kinds import Made, make, make_file_of, parts_of
from bot.rendering.charts import png
from bot.rendering.plain import render
from prepaid.domain.access import CLOCK, Role
from prepaid.domain.mail_outs import ReportKind
from prepaid.domain.metering import Meter, Reading, Sweep
from prepaid.storage.driver import Database
from prepaid.usecases.adjust import Cause, adjust
from prepaid.usecases.cash_topup import cash_topup
from prepaid.usecases.post_fees import post_fees
from prepaid.usecases.refund import refund
from prepaid.usecases.settle_readings import settle_readings
from tests.fakes.building import GATEWAY, SITE
from tests.house import ROOT
from tests.properties.test_report_histories import Town, found_town

MONTH = "2026-04"
BEGIN, DAYS = datetime(2026, 3, 31, 15, tzinfo=UTC), 30
IMAGES = ROOT / "docs" / "images"
PAGE = ROOT / "docs" / "reference" / "sample-reports.md"
EVENING = range(18, 23)
DAYTIME = range(7, 18)
CSV_LINES = 6
HEAD = """# What reports look like

April of a house with two flats, a tap, an empty room and a main meter, lived through the program hour by hour: three
price bands in two steps, a fee by the day, top-ups, cash, a refund and a correction. `make samples` writes this page:
texts as a terminal shows them, pictures as a chat shows them, and the first lines of the CSV file.

How to ask for each is in [Reports](../how-to/reports.md).
"""


def used(meter: str, hour: int, number: int) -> int:
    """Wh of an hour: a base load, the evening, somebody who heats one night, and an empty room where a pump runs."""
    base = {"met-1": 120, "met-2": 60, "met-3": 15 if number > 12 * 24 else 0, "tap": 4}[meter]
    more = {"met-1": 420, "met-2": 260, "met-3": 0, "tap": 25}[meter]
    busy = 3 if hour in EVENING else 1 if hour in DAYTIME else 0
    heated = 2_600 if meter == "met-1" and 17 * 24 <= number < 17 * 24 + 5 else 0
    return base + more * busy // 2 + heated + (number * 7 % 31 if busy else 0)


async def live(town: Town) -> None:
    """The month."""
    business, clock = town.building.business, town.building.clock
    empty = Meter(id="met-3", site_id=SITE, path="acme/maple/b1/103", gateway_id=GATEWAY, unit=23, profile="test")
    await business.store.meters.add(empty)
    registers = dict.fromkeys(("met-1", "met-2", "met-3", "tap", "main"), 1_000)
    for number in range(DAYS * 24 + 2):
        clock.set(BEGIN + timedelta(hours=number))
        if number:
            spent = {
                name: used(name, (clock.now().hour + 7) % 24, number) for name in ("met-1", "met-2", "met-3", "tap")
            }
            for name, wh in spent.items():
                registers[name] += wh
            registers["main"] += (sum(spent.values()) - spent["tap"]) * 1_042 // 1_000
        readings = tuple(Reading(meter_id=name, at=clock.now(), energy_wh=wh) for name, wh in registers.items())
        await settle_readings(business, Sweep(gateway_id=GATEWAY, readings=readings))
        if number % 24 == 12:
            await pay(town, number // 24)


async def pay(town: Town, day: int) -> None:
    """What moves on an account besides use."""
    business, desk = town.building.business, town.desk
    await post_fees(business)
    if day % 9 == 1:
        await town.building.paid(town.tenants[1], 1, 10_000)
    if day == 4:
        await cash_topup(business, desk, "acc-2", 8_000, receipt="N-104")
    if day == 14:
        order = await town.building.paid(town.tenants[2], 2, 6_000)
        await refund(business, desk, order.id, 1_500, key="r1", why="paid twice")
    if day == 20:
        await adjust(business, desk, "acc-2", -3_200_000, key="a1", cause=Cause.BILLING_ERROR, why="a wrong reading")


async def samples(database: Database) -> list[tuple[ReportKind, Made]]:
    """Every kind, made once."""
    town = await found_town(database)
    await live(town)
    business = town.building.business
    owner = await town.building.operator(role=Role.OWNER)
    found = []
    for kind in ReportKind:
        actor = owner if kind is ReportKind.SITES else CLOCK
        found.append((kind, await make(business, actor, SITE, kind, MONTH)))
    return found


async def main() -> None:
    """Pictures, then the page."""
    async with scratch_runtime() as runtime:
        made = await samples(runtime.database)
    page = [HEAD]
    for kind, report in made:
        page.append(f"## `{kind}`\n")
        page += [await section(kind, language, report) for language in ("zh", "en")]
    PAGE.write_text("\n".join(page), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}: {len(made)} kinds in two languages\n")


async def section(kind: ReportKind, language: str, made: Made) -> str:
    """One kind in one language."""
    parts = parts_of(language, made)
    lines = []
    for place, chart in enumerate(part for part in parts if isinstance(part, Chart)):
        name = f"sample-{kind}-{place}-{language}.png"
        await asyncio.to_thread((IMAGES / name).write_bytes, png(chart))
        lines.append(f"![{chart.title}](../images/{name})\n")
    told = render([part for part in parts if not isinstance(part, Chart)]).splitlines()
    csv = make_file_of(language, made, "csv").content().decode("utf-8-sig").splitlines()[:CSV_LINES]
    words = ("```", *told, "```", "") if told else ()
    return "\n".join((*lines, *words, "```", *csv, "```", ""))


if __name__ == "__main__":
    asyncio.run(main())
