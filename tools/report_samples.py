"""Makes the samples of docs/how-to/reports.md: `.venv/bin/python -m tools.report_samples [DIRECTORY]`.

The reports are made by the program from a month of twelve flats in a store of their own, in Chinese and English.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from bench._estate import SITE_ID, add_site, flats, scratch_runtime
from bench.report import MONTH, fill
from bot.conversations.parts import Chart
from bot.conversations.report_kinds import make, parts_of
from bot.rendering.charts import png
from prepaid.domain.access import CLOCK
from prepaid.domain.errors import InvariantBroken
from prepaid.domain.mail_outs import ReportKind
from prepaid.usecases.spans import span_of

ROOT = Path(__file__).resolve().parents[1]
METERS = 12
KINDS = (ReportKind.RANK, ReportKind.USE)


async def main(images: Path) -> None:
    """The first picture of each kind in each language."""
    async with scratch_runtime() as runtime:
        business = runtime.business({})
        await add_site(business)
        site = await business.store.sites.site(SITE_ID)
        if site is None:
            raise InvariantBroken("the sample has no site")
        await fill(runtime, site, span_of(site, MONTH), flats(1, METERS))
        for kind in KINDS:
            made = await make(business, CLOCK, SITE_ID, kind, MONTH)
            for language in ("zh", "en"):
                charts = [part for part in parts_of(language, made) if isinstance(part, Chart)]
                path = images / f"report-{kind}-{language}.png"
                await asyncio.to_thread(path.write_bytes, png(charts[0]))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"))
