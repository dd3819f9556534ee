"""Starts the whole product around a simulated house, and stops all of it again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import aiohttp
from pydantic import SecretStr

from bot.channels.browser import BrowserChannel
from bot.delivery import NoticeSender
from bot.mail_outs import MailOutPapers
from chatwatt.demo import phones
from chatwatt.demo.acts import Acts
from chatwatt.demo.pace import Pace
from chatwatt.demo.seed import ADMIN, CHANNEL, EMPTY_UNITS, FLATS, PROFILE, Flat, seed
from chatwatt.embedded.ports import free_port
from chatwatt.house import House, open_house, run_scheduler, run_web, run_worker
from chatwatt.settings import Settings
from chatwatt.wiring import Runtime, open_runtime
from meters.profiles import load_profile
from payments.providers import build
from prepaid.domain.errors import TryAgain
from prepaid.ports import Business
from sandbox.meters import SandboxGateway
from sandbox.meters_device import SandboxMeter
from sandbox.wechat_mini import SECRET, SandboxWeChatMini
from sandbox.wechat_pay import SandboxWeChatPay

START_S_MAX: Final = 30.0
PAY_S_MAX: Final = 10.0
PAYER: Final = "/payer?code_url={uri}"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A running demonstration."""

    runtime: Runtime
    house: House
    gateway: SandboxGateway
    payments: SandboxWeChatPay
    url: str
    pay: Callable[[str], Any]

    @property
    def business(self) -> Business:
        """What the use cases are given."""
        return self.house.business

    def meter(self, flat: Flat) -> SandboxMeter:
        """The simulated meter of a flat: the truth about its light."""
        return self.gateway.meter(flat.unit)


@dataclass(frozen=True, slots=True)
class Outside:
    """The stand-ins for what is not ours: WeChat Pay, and WeChat's server behind the mini-program."""

    payments: SandboxWeChatPay
    wechat: SandboxWeChatMini


@asynccontextmanager
async def open_world(settings: Settings, pace: Pace, say: Say) -> AsyncIterator[World]:
    """Starts everything; `say` is told each step. On the way out everything ends, children included."""
    say("stores")
    async with open_runtime(settings) as runtime:
        say("meters")
        gateway = SandboxGateway(profile=load_profile(PROFILE), units=_units(), speed=pace.speed)
        await gateway.start()
        try:
            say("provider")
            async with (
                SandboxWeChatPay(keys_dir=settings.data / "sandbox") as payments,
                SandboxWeChatMini(appid=payments.appid) as wechat,
                _run(runtime, gateway, Outside(payments, wechat), pace, say) as world,
            ):
                yield world
        finally:
            await gateway.stop()


@asynccontextmanager
async def _run(
    runtime: Runtime, gateway: SandboxGateway, outside: Outside, pace: Pace, say: Say
) -> AsyncIterator[World]:
    port = runtime.settings.port or free_port()
    url = f"http://127.0.0.1:{port}"
    payments = outside.payments
    # Links begin with where the demonstration is; the mini-program is the one that pays.
    there = {
        "public_url": url,
        "mini_appid": outside.wechat.appid,
        "mini_secret": SecretStr(SECRET),
        "mini_api": outside.wechat.base_url,
    }
    runtime = replace(runtime, settings=runtime.settings.model_copy(update=there))
    config = payments.merchant_config(f"{url}/notify/wechat_pay")
    providers = {"wechat_pay": build("wechat_pay", config.model_dump(), runtime.clock)}
    async with open_house(runtime, providers) as house, aiohttp.ClientSession() as session, Acts(gateway) as acts:
        await seed(house.business, pace, port=gateway.port)
        await _power_up(house.business, gateway)

        async def pay(uri: str) -> bool:
            return await _pay(session, payments, uri)

        users = [*(flat.user for flat in FLATS), ADMIN]
        status = _status(house, acts)
        page = BrowserChannel(house.conversation, users, status=status, pay=pay, acts=acts.offered())
        house.conversation.take_files(page.name, page.fetch)
        senders = {**house.senders, CHANNEL: NoticeSender(page, papers=MailOutPapers(house.business))}
        routes = [*page.routes(), *phones.routes(outside.wechat)]
        payer_url = payments.base_url + PAYER
        opened = replace(house, routes=routes, senders=senders, payer_url=payer_url, phones=phones.PHONES)
        say("parts")
        async with _parts(opened, page, port):
            yield World(runtime=runtime, house=opened, gateway=gateway, payments=payments, url=f"{url}/chat", pay=pay)


@asynccontextmanager
async def _parts(house: House, page: BrowserChannel, port: int) -> AsyncIterator[None]:
    """Web, worker and scheduler, as `chatwatt all` runs them."""
    stop = asyncio.Event()
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        group.create_task(run_web(house, stop, port=port, started=started))
        group.create_task(run_worker(house, stop))
        group.create_task(run_scheduler(house, stop))
        async with asyncio.timeout(START_S_MAX):
            await started
        try:
            yield
        finally:
            await page.close()
            stop.set()


def _units() -> tuple[int, ...]:
    return (*(flat.unit for flat in FLATS), *EMPTY_UNITS)


async def _power_up(business: Business, gateway: SandboxGateway) -> None:
    """Puts the simulated meters where the house stood when it was last seen."""
    for flat in FLATS:
        device = gateway.meter(flat.unit)
        known = await business.store.meters.get(flat.meter_id)
        supply = await business.store.supplies.get(flat.meter_id)
        device.energy_wh = known.last.energy_wh if known and known.last else flat.energy_wh
        device.load_w = flat.load_w
        if supply is not None and supply.reported is not None:
            device.flip(closed=supply.reported.on)
    for unit in EMPTY_UNITS:
        gateway.meter(unit).load_w = 0


def _status(house: House, acts: Acts) -> Callable[[str], Any]:
    """What the lamp of a tenant's window shows: what the relay last said, never what is wished."""
    flats = {flat.user.id: flat for flat in FLATS}

    async def status(user: str) -> Mapping[str, Any]:
        flat = flats.get(user)
        done = {"acts": acts.state(user)}
        if flat is None:
            return done
        store = house.business.store
        try:
            supply = await store.supplies.get(flat.meter_id)
            head = await store.ledger.head(flat.account_id)
        except TryAgain:
            return done
        on = supply.reported.on if supply is not None and supply.reported is not None else None
        return {"on": on, "balance_micro": head.balance_micro, **done}

    return status


async def _pay(session: aiohttp.ClientSession, payments: SandboxWeChatPay, uri: str) -> bool:
    """What the payer's phone does, over HTTP."""
    timeout = aiohttp.ClientTimeout(total=PAY_S_MAX)
    try:
        async with session.post(f"{payments.base_url}/sandbox/pay", json={"code_url": uri}, timeout=timeout) as answer:
            return answer.status < 300  # noqa: PLR2004 - any success
    except (aiohttp.ClientError, TimeoutError):
        return False
