"""Brings about what was decided of a register. The change's row is the commit; every step after it can be repeated."""

from __future__ import annotations

import structlog

from prepaid.domain.access import Actor
from prepaid.domain.errors import Refused, Trouble, TryAgain
from prepaid.domain.metering import Meter
from prepaid.domain.registers import Decision, RegisterChange
from prepaid.ports import Business
from prepaid.usecases.authorize import record
from prepaid.usecases.decide_supply import decide_supply

log = structlog.get_logger()

BATCH = 100


def check_reason(reason: str) -> None:
    """Whoever changes how a register goes on says why (A3)."""
    if not reason.strip():
        raise Refused("refused.reason_missing")


async def commit_change(business: Business, change: RegisterChange) -> RegisterChange:
    """Commits and finishes the change. Raises `TryAgain` when another decision began this epoch first."""
    stands = await business.store.registers.change(change)
    await finish_change(business, stands)
    if _content(stands) != _content(change):
        raise TryAgain("try_again.changed_meanwhile")
    return stands


async def finish_change(business: Business, change: RegisterChange) -> None:
    """From any point at which a crash may have left it."""
    store = business.store
    if await store.meters.change_register(change):
        log.info("register_changed", meter=change.meter_id, decision=change.decision, epoch=change.epoch)
    await store.registers.decided(change)
    meter = await store.meters.get(change.meter_id)
    if meter is not None:
        await _on_record(business, meter, change)
    await store.registers.applied(change)
    if meter is not None and meter.account_id is not None and change.decision is not Decision.REJECT:
        await decide_supply(business, meter.account_id)


async def finish_changes(business: Business) -> int:
    """What a crash left half done. One meter's trouble does not hold up the others; returns how many are finished."""
    done = 0
    for change in await business.store.registers.unapplied(BATCH):
        try:
            await finish_change(business, change)
        except Trouble as trouble:
            log.warning("register_change_waits", meter=change.meter_id, key=trouble.key)
        else:
            done += 1
    return done


async def _on_record(business: Business, meter: Meter, change: RegisterChange) -> None:
    """The trail names whoever decided, also when a sweeper finishes it."""
    await record(
        business,
        Actor(id=change.actor),
        f"register_{change.decision}",
        meter.path,
        reason=change.reason,
        before=f"{change.old_serial or change.meter_id} {change.before_offset_wh:+} Wh",
        after=f"{change.serial or change.meter_id} {change.offset_wh:+} Wh",
    )


def _content(change: RegisterChange) -> tuple[object, ...]:
    return (change.decision, change.actor, change.reason, change.offset_wh, change.exponent, change.serial)
