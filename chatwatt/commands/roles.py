"""`chatwatt all`, `serve`, `worker` and `scheduler`: the same parts in one process or in many."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable

from chatwatt.house import House, open_house, run_scheduler, run_web, run_worker, until_signal
from chatwatt.settings import load, load_alipay, load_wechat, load_wechat_pay
from chatwatt.wiring import open_runtime, real_providers

Part = Callable[[House, asyncio.Event], Awaitable[None]]


async def _web(house: House, stop: asyncio.Event) -> None:
    await run_web(house, stop, port=house.runtime.settings.port)


ROLES: dict[str, tuple[str, tuple[Part, ...]]] = {
    "all": ("everything in one process", (_web, run_worker, run_scheduler)),
    "serve": ("web: webhooks, chat channels, inbox and outbox", (_web,)),
    "worker": ("worker: reads meters and switches relays", (run_worker,)),
    "scheduler": ("scheduler: what happens because time passed", (run_scheduler,)),
}


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the commands."""
    for name, (about, parts) in ROLES.items():
        commands.add_parser(name, help=about).set_defaults(run=run, parts=parts)


async def run(arguments: argparse.Namespace) -> int:
    """Runs until SIGINT or SIGTERM, then drains. Refuses a production start on a sandbox gateway."""
    settings = load()
    async with until_signal() as stop, open_runtime(settings) as runtime:
        providers = real_providers(settings, load_wechat_pay(), runtime.clock, alipay=load_alipay())
        async with open_house(runtime, providers, wechat=load_wechat()) as house, asyncio.TaskGroup() as group:
            for part in arguments.parts:
                group.create_task(part(house, stop))
    return 0
