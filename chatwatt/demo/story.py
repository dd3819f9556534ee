"""A scripted tenant lives through the main job: low, warned, dark, paid, light. Every step is checked.

The simulated meter's true contact and the ledger are the judges, never what the product says of itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chatwatt.demo.pace import Pace
from chatwatt.demo.seed import ADMIN, FLATS, Flat
from chatwatt.demo.tenant import ScriptedPerson
from chatwatt.demo.world import World, open_world
from chatwatt.settings import DEFAULT_DATA, Settings
from prepaid.domain.access import CLOCK
from prepaid.domain.errors import Trouble
from prepaid.domain.ledger import Audit
from prepaid.domain.notices import NoticeKind, NoticeState, Stage
from prepaid.usecases.audit_ledger import audit_ledger

FLAT, NEIGHBOUR, PROTECTED = FLATS
PATIENCE_S = 40.0
TOP_UP_FEN = 5_000

Part = Mapping[str, Any]


class StoryBroken(Exception):
    """A step did not hold."""


@dataclass
class Telling:
    """What has happened so far."""

    as_json: bool
    started: float = field(default_factory=time.monotonic)
    steps: list[dict[str, Any]] = field(default_factory=list)
    relay_at: dict[bool, float] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)

    def held(self, step: str) -> None:
        """One more step that held."""
        at_s = round(time.monotonic() - self.started, 2)
        self.steps.append({"step": step, "at_s": at_s})
        if not self.as_json:
            print(f"{at_s:7.2f} s  {step}", flush=True)

    def check(self, step: str, *, holds: bool) -> None:
        """Raises `StoryBroken` unless it holds."""
        if not holds:
            raise StoryBroken(step)
        self.held(step)


async def tell(settings: Settings, pace: Pace, *, as_json: bool, kill_store: bool) -> int:
    """Runs the story; 0 only if every step held. Without a data directory of its own it uses one that goes away."""
    telling = Telling(as_json=as_json)
    async with _home(settings) as at_home:
        try:
            async with open_world(at_home, pace, lambda step: telling.held(f"starting {step}")) as world:
                await _live(world, telling, kill_store=kill_store)
        except* (StoryBroken, TimeoutError) as broken:
            telling.figures["broken"] = _why(broken, telling)
    return _end(telling)


async def _live(world: World, telling: Telling, *, kill_store: bool) -> None:
    meter = world.meter(FLAT)
    meter.on_change.append(lambda device: telling.relay_at.update({device.relay_closed: time.monotonic()}))
    async with ScriptedPerson(world.url, FLAT.user.id) as tenant, ScriptedPerson(world.url, ADMIN.id) as admin:
        await _starts_lit(world, telling, tenant)
        await _runs_dry(world, telling, tenant, kill_store=kill_store)
        await _pays(world, telling, tenant, kill_store=kill_store)
        await _neighbours(world, telling, tenant)
        await _by_hand(world, telling, admin)
        await _books(world, telling)


async def _starts_lit(world: World, telling: Telling, tenant: ScriptedPerson) -> None:
    await tenant.say("余额")
    await tenant.sees(lambda part: part["kind"] == "table", within_s=10)
    telling.check("the tenant asks for the balance, and the light is on", holds=world.meter(FLAT).relay_closed)


async def _runs_dry(world: World, telling: Telling, tenant: ScriptedPerson, *, kill_store: bool) -> None:
    await _told(world, FLAT, NoticeKind.LOW_BALANCE)
    telling.held("credit runs low, and the tenant is told")
    warned_at = await _told(world, FLAT, NoticeKind.BALANCE_GONE)
    telling.check("credit is gone; the tenant is warned before anything is cut", holds=world.meter(FLAT).relay_closed)
    if kill_store:
        _kill(world, telling)
    await world.meter(FLAT).wait_relay(closed=False, timeout_s=PATIENCE_S)
    telling.figures["warned_before_cut"] = telling.relay_at[False] > warned_at
    telling.check("the relay opens, after the warning", holds=telling.figures["warned_before_cut"])
    await tenant.sees(lambda part: part["kind"] == "text" and part["tone"] == "trouble", within_s=PATIENCE_S)
    telling.held("the tenant is told that the power is off")


async def _pays(world: World, telling: Telling, tenant: ScriptedPerson, *, kill_store: bool) -> None:
    before = (await world.business.store.ledger.head(FLAT.account_id)).balance_micro
    tenant.forget()
    await tenant.say(f"充值 {TOP_UP_FEN // 100}")
    asked = await tenant.sees(lambda part: part["kind"] == "buttons", within_s=10)
    await tenant.press(asked["buttons"][0])
    code = await tenant.sees(lambda part: part["kind"] == "pay_qr", within_s=10)
    telling.held("the tenant confirms 50.00 and is shown a payment code")
    paid_at = time.monotonic()
    await tenant.pay(code["uri"])
    if kill_store:
        _kill(world, telling)
    await world.meter(FLAT).wait_relay(closed=True, timeout_s=PATIENCE_S)
    telling.figures["paid_to_light_s"] = round(telling.relay_at[True] - paid_at, 3)
    telling.held(f"paid, and light {telling.figures['paid_to_light_s']:.2f} s later")
    await tenant.sees(lambda part: part["kind"] == "thread" and part["stage"] == Stage.POWER_ON, within_s=PATIENCE_S)
    telling.held("the payment's own message has become: power is on")
    orders = await world.business.store.orders.of_account(FLAT.account_id, limit=5)
    topups = [e for e in await world.business.store.ledger.latest(FLAT.account_id, 100) if e.kind == "top_up"]
    once = len(topups) == 1 and topups[0].delta_micro == TOP_UP_FEN * 10_000 and orders[0].state == "credited"
    telling.check("the ledger has exactly one top-up of 50.00", holds=once and before <= 0)


async def _neighbours(world: World, telling: Telling, tenant: ScriptedPerson) -> None:
    telling.check("the neighbour's light never went off", holds=world.meter(NEIGHBOUR).operations == 0)
    telling.check("the protected flat's light never went off", holds=world.meter(PROTECTED).operations == 0)
    tenant.forget()
    await tenant.say(f"/cut {NEIGHBOUR.room}")
    await tenant.sees(_is_offer_of_help, within_s=10)
    telling.check("a tenant cannot cut a neighbour", holds=world.meter(NEIGHBOUR).relay_closed)


async def _by_hand(world: World, telling: Telling, admin: ScriptedPerson) -> None:
    await admin.say(f"/cut {NEIGHBOUR.room}")
    reasons = await admin.sees(lambda part: part["kind"] == "buttons", within_s=10)
    await admin.press(reasons["buttons"][0])
    confirm = await admin.sees(_is_yes, within_s=10)
    telling.check("an admin is asked to confirm a cut", holds=world.meter(NEIGHBOUR).relay_closed)
    await admin.press(confirm["buttons"][0])
    await world.meter(NEIGHBOUR).wait_relay(closed=False, timeout_s=PATIENCE_S)
    telling.held("the admin's cut opens the relay")
    admin.forget()
    await admin.say(f"/restore {NEIGHBOUR.room}")
    confirm = await admin.sees(_is_yes, within_s=10)
    await admin.press(confirm["buttons"][0])
    await world.meter(NEIGHBOUR).wait_relay(closed=True, timeout_s=PATIENCE_S)
    telling.held("the admin's restore closes it")


def _is_offer_of_help(part: Part) -> bool:
    """The answer to words that mean nothing to this person. News of the power that comes in between is no answer."""
    return part["kind"] == "buttons" and any(button["action"] == "help" for button in part["buttons"])


def _is_yes(part: Part) -> bool:
    return part["kind"] == "buttons" and str(part["buttons"][0]["action"]).startswith("yes:")


async def _books(world: World, telling: Telling) -> None:
    audit: Audit = await audit_ledger(world.business, CLOCK)
    telling.figures["ledger_sum_micro"] = audit.total_micro
    telling.check(f"the books are clean: {audit.entries} entries, sum {audit.total_micro}", holds=audit.clean)


async def _told(world: World, flat: Flat, kind: NoticeKind) -> float:
    """Waits until a notice of that kind was delivered; returns when this was seen, on the monotonic clock."""
    async with asyncio.timeout(PATIENCE_S), world.business.wakeups.waiter("outbox", "story") as waiter:
        while True:
            if await _delivered(world, flat, kind):
                return time.monotonic()
            await waiter.wait(0.2)


async def _delivered(world: World, flat: Flat, kind: NoticeKind) -> bool:
    try:
        rows = await world.business.store.notices.of_account(flat.account_id, limit=50)
    except Trouble:
        return False
    return any(row.kind is kind and row.state is NoticeState.DELIVERED for row in rows)


def _kill(world: World, telling: Telling) -> None:
    if world.runtime.embedded is not None:
        os.kill(world.runtime.embedded.pids()["mongodb"], signal.SIGKILL)
        telling.held("kill -9 of the database")


@asynccontextmanager
async def _home(settings: Settings) -> AsyncIterator[Settings]:
    if settings.data != DEFAULT_DATA:
        yield settings
        return
    with tempfile.TemporaryDirectory(prefix="chatwatt-story-") as directory:
        yield settings.model_copy(update={"data": Path(directory)})


def _why(broken: BaseExceptionGroup[BaseException], telling: Telling) -> str:
    first: BaseException = broken
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    last = telling.steps[-1]["step"] if telling.steps else "the start"
    return f"{first}" if str(first) else f"nothing came after: {last}"


def _end(telling: Telling) -> int:
    broken = "broken" in telling.figures
    whole = {"held": not broken, "steps": telling.steps, "seconds": round(time.monotonic() - telling.started, 1)}
    if telling.as_json:
        print(json.dumps({**whole, **telling.figures}, ensure_ascii=False))
    else:
        print(f"BROKEN: {telling.figures['broken']}" if broken else "everything held")
    return 1 if broken else 0
