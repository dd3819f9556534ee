"""Replays the ledger every night, once whatever the number of schedulers, and says loudly what does not hold (M2)."""

from __future__ import annotations

from datetime import datetime

import structlog
from prometheus_client import Gauge

from prepaid.domain.access import CLOCK
from prepaid.ports import Business
from prepaid.ports.schedule import SlotRun
from prepaid.usecases.audit_ledger import audit_ledger
from scheduler.slots import Missed, Plan, slotted
from scheduler.triggers import Job

log = structlog.get_logger()

NIGHTLY = "10 3 * * *"
FOUND = Gauge("chatwatt_audit_findings", "Mismatches and chain breaks of the last ledger audit.")


def job(business: Business, owner: str, time_zone: str) -> Job:
    """The job. A night that was missed is made up for by the next: every audit replays everything."""

    async def work(_slot: datetime, _run: SlotRun) -> int:
        audit = await audit_ledger(business, CLOCK)
        FOUND.set(audit.mismatches + audit.chain_breaks)
        write = log.info if audit.clean else log.error
        write("ledger_audited", **audit.as_json())
        return 1

    plan = Plan(cron=NIGHTLY, time_zone=time_zone, missed=Missed.LATEST)
    return slotted(business, owner, "audit", plan, work)
