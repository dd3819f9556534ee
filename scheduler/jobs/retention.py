"""Rolls up yesterday's readings, so that the slots may expire and charts of years stay quick (FEATURES T1)."""

from __future__ import annotations

from datetime import timedelta

from prepaid.ports import Business
from scheduler.triggers import Job

PERIOD_S = 15 * 60
BATCH = 200
SETTLED = timedelta(hours=27)
"""A day has ended everywhere, and its stragglers have come, this long after it began at the site."""


def job(business: Business) -> Job:
    """The job. Any number of schedulers may run it: a rolled-up day is the same from any of them."""

    async def run() -> int:
        return await business.store.readings.close_days(business.clock.now() - SETTLED, BATCH)

    return Job(name="retention", run=run, period_s=PERIOD_S)
