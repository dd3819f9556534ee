"""`chatwatt check`: are the settings right, and does everything answer? Changes nothing, moves no money."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable

import aiohttp

from bot.texts import trouble_text
from chatwatt.commands import check_payments
from chatwatt.settings import Settings, load, load_alipay, load_wechat_pay
from chatwatt.ways import open_ways
from chatwatt.wiring import Runtime, open_runtime, real_providers
from meters.links.errors import LinkDown
from meters.links.opening import DIALS_IN
from meters.profile_files import read as read_profile
from meters.profiles import board_names, profile_names, profile_text, wrong_names
from prepaid.domain.errors import Refused, Trouble

REACH_S_MAX = 5.0

Step = tuple[str, Callable[[], Awaitable[str]]]


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command."""
    parser = commands.add_parser("check", help="check settings and reachability")
    parser.add_argument("what", nargs="?", choices=("payments", "channels"), help="one part only, looked at closely")
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """0 when every line says ok, else 1."""
    if arguments.what == "payments":
        return await check_payments.run()
    if arguments.what == "channels":
        # Its libraries are large, and nothing else here needs them.
        from chatwatt.commands import check_channels  # noqa: PLC0415

        return await check_channels.run()
    settings = load()
    async with open_runtime(settings, beside=True) as runtime:
        good = [await _say(name, step) for name, step in _steps(settings, runtime)]
    return 0 if all(good) else 1


def _steps(settings: Settings, runtime: Runtime) -> list[Step]:
    steps: list[Step] = [
        ("mongodb", lambda: _mongodb(runtime)),
        ("redis", lambda: _redis(runtime)),
        ("sites", lambda: _sites(runtime)),
        ("payments", lambda: _payments(settings, runtime)),
        ("profiles", _profiles),
    ]
    gateways = [("gateways", lambda: _gateways(runtime))]
    telegram = [("telegram", lambda: _telegram(settings))] if settings.telegram_token else []
    return [*steps, *gateways, *telegram]


async def _say(name: str, step: Callable[[], Awaitable[str]]) -> bool:
    try:
        async with asyncio.timeout(REACH_S_MAX):
            print(f"{name:<10} ok      {await step()}")
    except Trouble as trouble:
        print(f"{name:<10} FAILED  {trouble_text('en', trouble)}")
        return False
    except (OSError, TimeoutError, aiohttp.ClientError) as error:
        print(f"{name:<10} FAILED  {type(error).__name__}")
        return False
    return True


async def _mongodb(runtime: Runtime) -> str:
    await runtime.database.ping()
    return "embedded" if runtime.settings.mongodb_uri is None else "by URI"


async def _redis(runtime: Runtime) -> str:
    await runtime.redis.ping()
    return "embedded" if runtime.settings.mongodb_uri is None else "by URI"


async def _sites(runtime: Runtime) -> str:
    sites = await runtime.store.sites.sites()
    return f"{len(sites)} site(s)"


async def _payments(settings: Settings, runtime: Runtime) -> str:
    providers = real_providers(settings, load_wechat_pay(), runtime.clock, alipay=load_alipay())
    for provider in providers.values():
        await provider.aclose()
    return ", ".join(providers) or "none set up"


async def _profiles() -> str:
    """What there is; a file that is not sound fails with its line."""
    for name in wrong_names():
        read_profile(profile_text(name), name=name)
    return ", ".join((*profile_names(), *board_names()))


async def _gateways(runtime: Runtime) -> str:
    """A connection to each gateway that we call, and nothing is sent. Those that call us are only counted."""
    gateways = await runtime.store.sites.gateways()
    called = [gateway for gateway in gateways if gateway.transport not in DIALS_IN]
    async with open_ways(runtime.settings.model_copy(update={"dial_in_file": None}), runtime.clock) as ways:
        for gateway in called:
            try:
                (await ways.opener(gateway, timeout_s=REACH_S_MAX)()).close()
            except LinkDown:
                raise Refused("refused.gateway_unreachable", gateway=gateway.id) from None
    calling = f", {len(gateways) - len(called)} call us" if len(called) < len(gateways) else ""
    return f"{len(called)} reachable{calling}"


async def _telegram(settings: Settings) -> str:
    """Whether the Bot API knows the token. The URL carries the token, so no error of this call is shown whole."""
    token = settings.telegram_token.get_secret_value() if settings.telegram_token else ""
    url = f"{settings.telegram_api.rstrip('/')}/bot{token}/getMe"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        found = await answer.json(content_type=None)
    if not found.get("ok"):
        raise Refused("refused.telegram_token")
    return f"bot {found['result']['username']}"
