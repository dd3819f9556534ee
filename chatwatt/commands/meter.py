"""`chatwatt meter`: scans a bus, reads, watches, switches, commissions and sets meters, by the worker that runs."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial

from bot.texts import language_for, text
from chatwatt.settings import load
from chatwatt.wiring import open_runtime
from meters.profiles import load_profile
from prepaid.domain.access import Action, Actor
from prepaid.domain.errors import Refused
from prepaid.domain.field_requests import SCAN_UNITS_MAX, Seen
from prepaid.domain.metering import Meter
from prepaid.domain.supply import Outcome, Supply
from prepaid.ports import Business
from prepaid.usecases.ask_field import commission_meter, read_meter, read_settings, scan_gateway, set_meter
from prepaid.usecases.authorize import as_of_now
from prepaid.usecases.reach_meter import reach_meter
from prepaid.usecases.switch_supply import switch_supply
from prepaid.usecases.views import SupplyView
from prepaid.usecases.watch_meters import watch_meters

OPERATOR = Actor(id="operator", system=True)
"""Whoever may run this command on the server's own shell may do anything there."""
WATCH_EVERY_S = 2.0
LOOK_EVERY_S = 0.5
MOVED_WITHIN_S = 30.0
CLEAR = "\x1b[H\x1b[J"
_UNITS = re.compile(r"(\d{1,3})(?:-(\d{1,3}))?")
Say = Callable[[str], object]
Work = Callable[[Business, Actor, argparse.Namespace, Say], Awaitable[int]]


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command."""
    parser = commands.add_parser("meter", help="find, read, watch, switch and commission meters by a running worker")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    scan = _action(actions, "scan", scan_, "which meters answer on a gateway's bus")
    scan.add_argument("gateway", metavar="GATEWAY", help="its id")
    scan.add_argument("--units", default=f"1-{SCAN_UNITS_MAX}", help=f"addresses, as 1-{SCAN_UNITS_MAX}")
    scan.add_argument("--profile", action="append", default=[], help="a model to try; again for more")
    read = _action(actions, "read", read_, "all figures of a meter as they are now")
    read.add_argument("meter", metavar="METER", help="its id")
    watch = _action(actions, "watch", watch_, "a live table; Ctrl-C ends it")
    watch.add_argument("name", metavar="NAME", help="id of a gateway or a meter")
    watch.add_argument("--once", action="store_true", help="show it once and end")
    switch = _action(actions, "switch", switch_, "cut or restore by hand, by the rules that hold in the chat")
    switch.add_argument("meter", metavar="METER", help="its id; every meter of its account follows")
    switch.add_argument("state", choices=("on", "off"))
    switch.add_argument("--reason", required=True, help="why; it is put on record")
    commission = _action(actions, "commission", commission_, "check the device and bind its serial number")
    commission.add_argument("meter", metavar="METER", help="its id")
    settings = _action(actions, "settings", settings_, "the settings of a meter as they are now")
    settings.add_argument("meter", metavar="METER", help="its id")
    change = _action(actions, "set", set_, "write one setting once, and read it back")
    change.add_argument("meter", metavar="METER", help="its id")
    change.add_argument("setting", metavar="SETTING", help="its name, as `meter settings` shows it")
    change.add_argument("value", metavar="VALUE", type=int, help="a whole number in the setting's unit")


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, work: Work, about: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=about)
    parser.add_argument("--as", dest="person", default="", metavar="PERSON", help="id of the person who asks")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=partial(_run, work))
    return parser


async def _run(work: Work, arguments: argparse.Namespace) -> int:
    async with open_runtime(load(), beside=True) as runtime:
        business = runtime.business({})
        actor = await as_of_now(business, arguments.person) if arguments.person else OPERATOR
        return await work(business, actor, arguments, print)


async def scan_(business: Business, actor: Actor, arguments: argparse.Namespace, say: Say) -> int:
    """0 when all addresses were asked, 1 when the time was over before; what was found by then is shown."""
    match = _UNITS.fullmatch(arguments.units)
    if match is None:
        raise Refused("refused.scan_units", most=SCAN_UNITS_MAX)
    for name in arguments.profile:
        load_profile(name)  # A template or a slip is told here, before anybody waits.
    first, last = int(match[1]), int(match[2] or match[1])
    profiles = tuple(arguments.profile)
    found = await scan_gateway(business, actor, arguments.gateway, first=first, last=last, profiles=profiles)
    whole = found.through >= last
    if arguments.json:
        say(json.dumps({"through": found.through, "seen": [_plain(seen) for seen in found.seen]}))
        return 0 if whole else 1
    say("unit\tprofile\tserial")
    for seen in found.seen:
        say("\t".join((str(seen.unit), seen.profile or "?", seen.serial or "-")))
    if not found.seen:
        say(text(_language(), "meter_command.none_answered", first=first, last=found.through))
    if not whole:
        say(text(_language(), "meter_command.scan_ended", through=found.through, last=last))
    return 0 if whole else 1


async def read_(business: Business, actor: Actor, arguments: argparse.Namespace, say: Say) -> int:
    """0 when all checks passed, 1 when the figures are not to be trusted."""
    seen = await read_meter(business, actor, arguments.meter)
    _show(seen, arguments, say)
    return 1 if seen.failed else 0


async def commission_(business: Business, actor: Actor, arguments: argparse.Namespace, say: Say) -> int:
    """0 when it is commissioned; what speaks against it is told as trouble."""
    meter = await reach_meter(business, actor, arguments.meter, Action.ASSIGN_METER)
    load_profile(meter.profile)
    seen = await commission_meter(business, actor, meter.id)
    _show(seen, arguments, say)
    if not arguments.json:
        said = "meter_command.commissioned" if seen.serial else "meter_command.without_serial"
        say(text(_language(), said, serial=seen.serial or "-"))
    return 0


async def settings_(business: Business, actor: Actor, arguments: argparse.Namespace, say: Say) -> int:
    """0, also where the model names none."""
    found = await read_settings(business, actor, arguments.meter)
    if arguments.json:
        say(json.dumps([asdict(setting) for setting in found]))
        return 0
    for setting in found:
        range_ = f"{setting.low}..{setting.high}" if setting.writable else "read only"
        say("\t".join((setting.name, "-" if setting.value is None else str(setting.value), setting.unit, range_)))
    if not found:
        say(text(_language(), "meter_command.no_settings"))
    return 0


async def set_(business: Business, actor: Actor, arguments: argparse.Namespace, say: Say) -> int:
    """0 when the meter says the new value; else why not is told as trouble."""
    done = await set_meter(business, actor, arguments.meter, arguments.setting, arguments.value)
    if arguments.json:
        say(json.dumps(asdict(done)))
    else:
        say(text(_language(), "meter_command.set", name=done.name, value=done.value, unit=done.unit))
    return 0


async def switch_(business: Business, actor: Actor, arguments: argparse.Namespace, say: Say) -> int:
    """0 when every relay says that it moved, 1 when one has not said so in time: the worker goes on trying."""
    meter = await reach_meter(business, actor, arguments.meter, Action.SWITCH_SUPPLY)
    if meter.account_id is None:
        raise Refused("refused.meter_free")
    on = arguments.state == "on"
    if not arguments.reason.strip():
        raise Refused("refused.reason_missing")
    ordered = await switch_supply(business, actor, meter.account_id, on=on, reason=arguments.reason)
    against = next((view.reason for view in ordered if view.wanted_on is not on), "")
    moved = not against and await _until_moved(business, ordered, on=on)
    if arguments.json:
        meters = [view.meter_id for view in ordered]
        say(json.dumps({"on": on, "meters": meters, "confirmed": moved, "against": against}))
    elif against:
        say(text(_language(), "meter_command.rule_decides", rule=against))
    else:
        said = f"meter_command.switched_{arguments.state}" if moved else "meter_command.not_confirmed"
        say(text(_language(), said))
    return 0 if moved else 1


async def _until_moved(business: Business, ordered: Sequence[SupplyView], *, on: bool) -> bool:
    try:
        async with asyncio.timeout(MOVED_WITHIN_S):
            for view in ordered:
                # Another process moves it and tells nobody here.
                while not _moved(await business.store.supplies.get(view.meter_id), on=on):  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_EVERY_S)
    except TimeoutError:
        return False
    return True


def _moved(supply: Supply | None, *, on: bool) -> bool:
    if supply is None or supply.reported is None or supply.outcome is not Outcome.CONFIRMED:
        return False
    return supply.wanted.on == on and supply.reported.on == on


async def watch_(business: Business, actor: Actor, arguments: argparse.Namespace, say: Say) -> int:
    """Until Ctrl-C, or once."""
    while True:
        rows = await watch_meters(business, actor, arguments.name)
        if arguments.json:
            say(json.dumps([dict(zip(_HEAD, _row(*row), strict=True)) for row in rows]))
        else:
            lines = ["\t".join(_HEAD), *("\t".join(_row(*row)) for row in rows)]
            fresh = CLEAR if sys.stdout.isatty() and not arguments.once else ""
            say(fresh + "\n".join(lines))
        if arguments.once:
            return 0
        await asyncio.sleep(WATCH_EVERY_S)


_HEAD = ("meter", "unit", "profile", "read_at", "total", "power_w", "wanted", "relay", "state")


def _row(meter: Meter, supply: Supply | None) -> tuple[str, ...]:
    last = meter.last
    reported = supply.reported if supply is not None else None
    state = "silent" if meter.silent_since else str(meter.doubt or "ok")
    return (
        meter.id,
        str(meter.unit),
        meter.profile,
        f"{last.at:%Y-%m-%dT%H:%M:%SZ}" if last else "-",
        str(last.energy_wh) if last else "-",
        "-" if last is None or last.power_w is None else str(last.power_w),
        "-" if supply is None else _on(supply.wanted.on),
        "-" if reported is None else _on(reported.on),
        state if last or meter.silent_since else "unseen",
    )


def _on(on: bool | None) -> str:
    return {True: "on", False: "off", None: "-"}[on]


def _show(seen: Seen, arguments: argparse.Namespace, say: Say) -> None:
    if arguments.json:
        say(json.dumps(_plain(seen)))
        return
    for line in _lines(seen):
        say("\t".join(line))


def _lines(seen: Seen) -> Iterator[tuple[str, str]]:
    yield "unit", str(seen.unit)
    yield "profile", seen.profile
    yield "serial", seen.serial or "-"
    yield "relay", _on(seen.relay_on)
    for name, value in seen.figures.items():
        yield name, str(value)
    if seen.failed:
        yield "failed", ", ".join(seen.failed)


def _plain(seen: Seen) -> dict[str, object]:
    return {
        "unit": seen.unit,
        "profile": seen.profile,
        "serial": seen.serial,
        "relay_on": seen.relay_on,
        "switches": seen.switches,
        "figures": dict(seen.figures),
        "failed": list(seen.failed),
    }


def _language() -> str:
    return language_for(os.environ.get("LC_ALL") or os.environ.get("LANG") or "en")
