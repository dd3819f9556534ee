"""Holds our wall clock against the store's. Where they differ nobody knows which is right: cuts wait (Y4).

The owners are told, because whatever belongs to times of day waits as well.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog
from prometheus_client import Gauge

from prepaid.domain.errors import TryAgain
from prepaid.domain.notices import NoticeKind
from prepaid.ports import Business
from prepaid.usecases.tell import Crossing
from prepaid.usecases.tell_owners import tell_owners
from scheduler.triggers import Job

log = structlog.get_logger()

PERIOD_S = 60
APART_MOST_S = 30
APART = Gauge("chatwatt_clock_apart_seconds", "How far the store's wall clock is ahead of ours.")


def job(business: Business, ask: Callable[[], Awaitable[datetime]], machine: str) -> Job:
    """The job. `ask` tells the store's time; half of the way there and back is ours to allow for.

    `machine` is how the operator knows whose clock this is.
    """

    async def run() -> int:
        began, began_s = business.clock.now(), business.clock.monotonic()
        theirs = await ask()
        way_s = business.clock.monotonic() - began_s
        apart_s = (theirs - began).total_seconds() - way_s / 2
        APART.set(apart_s)
        if abs(apart_s) <= APART_MOST_S + way_s:
            return 0
        if business.trust is not None:
            business.trust.doubt(business.clock.monotonic())
        log.error("clocks_apart", seconds=round(apart_s))
        # Once a day of the store's, for as long as it lasts.
        crossing = Crossing(NoticeKind.CLOCKS_APART, f"{theirs:%Y-%m-%d}")
        await tell_owners(business, [(crossing, {"apart_s": round(abs(apart_s)), "machine": machine})])
        raise TryAgain("try_again.clocks_apart")

    return Job(name="clock", run=run, period_s=PERIOD_S)
