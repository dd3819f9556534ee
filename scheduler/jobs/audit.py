"""Replays the ledger every night, once whatever the number of schedulers, and says loudly what does not hold (M2)."""

from __future__ import annotations

import structlog
from prometheus_client import Gauge

from prepaid.domain.access import CLOCK
from prepaid.ports import Business
from prepaid.usecases.audit_ledger import audit_ledger
from scheduler.triggers import Job

log = structlog.get_logger()

PERIOD_S = 3600
LEASE_S = 20 * 3600
FOUND = Gauge("chatwatt_audit_findings", "Mismatches and chain breaks of the last ledger audit.")


def job(business: Business, owner: str) -> Job:
    """The job. Its lease is longer than the night, so that one scheduler does it."""

    async def run() -> int:
        lease = await business.store.leases.take(f"job:audit:{business.clock.now():%Y-%m-%d}", owner, LEASE_S)
        if lease is None or lease.token != 1 or (lease.until - business.clock.now()).total_seconds() < LEASE_S - 60:
            return 0
        audit = await audit_ledger(business, CLOCK)
        FOUND.set(audit.mismatches + audit.chain_breaks)
        write = log.info if audit.clean else log.error
        write("ledger_audited", **audit.as_json())
        return 0

    return Job(name="audit", run=run, period_s=PERIOD_S)
