"""The parts of the program and how they run: web, worker and scheduler, in one process or in many."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from bot.channels.telegram import WEBHOOK_PATH, Mode, TelegramChannel
from bot.channels.telegram_pace import TelegramPace
from bot.conversations.runner import Conversation
from bot.delivery import NoticeSender
from bot.mail_outs import MailOutPapers
from chatwatt import health
from chatwatt.api import open_api
from chatwatt.endings import endings
from chatwatt.message_channels import open_channels
from chatwatt.mini_program import open_mini
from chatwatt.settings import Settings, WeChatSettings
from chatwatt.ways import open_ways
from chatwatt.web import serve
from chatwatt.wiring import Runtime
from meters.worker import Worker
from miniprogram_api import app as api
from miniprogram_api import payment_page
from miniprogram_api.overview.page import open_overview
from payments import notifications
from payments.providers import Provider
from payments.upkeep import upkeep
from prepaid.domain.errors import Refused
from prepaid.domain.mail_outs import Every
from prepaid.ports import Business, Sender
from prepaid.storage.holiday_tables import holiday_table
from prepaid.storage.windows import RedisWindows
from prepaid.usecases.staff_chats import StaffChats
from scheduler.jobs import (
    audit,
    broadcasts,
    certificates,
    clock,
    emergencies,
    fees,
    forecasts,
    holidays,
    inbox,
    office,
    orders,
    outages,
    outbox,
    reconcile,
    registers,
    retention,
    snapshots,
    statements,
    supplies,
    switches,
)
from scheduler.triggers import Job, run_jobs

if TYPE_CHECKING:
    from bot.channels.wechat import WeChatChannel

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Everything that the parts share in one process."""

    runtime: Runtime
    business: Business
    providers: Mapping[str, Provider]
    conversation: Conversation
    telegram: TelegramChannel | None = None
    wechat: WeChatChannel | None = None
    routes: Iterable[web.AbstractRouteDef] = ()
    """Routes of a door that only some programs open, such as the demonstration's chat page."""
    senders: Mapping[str, Sender] = field(default_factory=dict)
    payer_url: str = ""
    """Where a demonstration pays a code without a phone."""
    phones: Mapping[str, str] = field(default_factory=dict)
    """Whom a demonstration logs in without a phone."""


@asynccontextmanager
async def open_house(
    runtime: Runtime, providers: Mapping[str, Provider], *, wechat: WeChatSettings | None = None
) -> AsyncIterator[House]:
    """The parts over a runtime; closes the providers on the way out."""
    async with AsyncExitStack() as stack:
        for provider in providers.values():
            stack.push_async_callback(provider.aclose)
        await stack.enter_async_context(upkeep(providers.values()))
        contacts = await stack.enter_async_context(open_channels(runtime))
        business = replace(runtime.business(providers), contacts=contacts)
        conversation = Conversation(
            business, runtime.sessions, provider=next(iter(providers), ""), public_url=runtime.settings.public_url
        )
        telegram = _telegram(runtime, business, conversation)
        if telegram is not None:
            conversation.take_files("telegram", telegram.fetch)
        papers = MailOutPapers(business)
        senders: dict[str, Sender] = {} if telegram is None else {"telegram": NoticeSender(telegram, papers=papers)}
        account = _wechat(runtime, conversation, wechat)
        if account is not None:
            conversation.take_files("wechat", account.fetch, pictures_alone=True)
            senders["wechat"] = account.sender(papers)
        senders |= contacts
        senders |= await stack.enter_async_context(open_mini(runtime))
        yield House(
            runtime=runtime,
            business=business,
            providers=providers,
            conversation=conversation,
            telegram=telegram,
            wechat=account,
            senders=senders,
        )


async def run_web(house: House, stop: asyncio.Event, *, port: int, started: asyncio.Future[int] | None = None) -> None:
    """HTTP doors, the inbox behind them, and the outbox before the channels."""
    business, runtime = house.business, house.runtime
    pings: dict[str, health.Ping] = {"mongodb": runtime.database.ping, "redis": runtime.ping_redis}
    routes = [*health.routes(pings), *notifications.routes(business, house.providers), *house.routes]
    channels = [channel for channel in (house.telegram, house.wechat) if channel is not None]
    for channel in channels:
        routes += channel.routes()
    jobs = beside_the_doors(business, house.senders)
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(
            open_api(runtime, business, stop, payer_url=house.payer_url, phones=house.phones)
        )
        if parts is not None:
            page = await stack.enter_async_context(open_overview(parts))
            routes += [*api.routes(parts), *payment_page.routes(parts), *page.routes()]
        bound = await stack.enter_async_context(serve(routes, host=runtime.settings.host, port=port))
        group = await stack.enter_async_context(asyncio.TaskGroup())
        log.info("web_open", host=runtime.settings.host, port=bound)
        if started is not None:
            started.set_result(bound)
        group.create_task(run_jobs(business, jobs, stop, owner=runtime.owner))
        for channel in channels:
            group.create_task(channel.run(stop))


async def run_worker(house: House, stop: asyncio.Event) -> None:
    """The owner of buses, who asks its own clock before it cuts anybody off."""
    clocks = [_clock(house.runtime, house.business)]
    async with open_ways(house.runtime.settings, house.runtime.clock) as ways, asyncio.TaskGroup() as group:
        group.create_task(run_jobs(house.business, clocks, stop, owner=house.runtime.owner))
        await Worker(house.business, owner=f"{house.runtime.owner}:worker", ways=ways).run(stop)


async def run_scheduler(house: House, stop: asyncio.Event) -> None:
    """What happens because time passed."""
    runtime = house.runtime
    await run_jobs(house.business, scheduled(runtime, house.business), stop, owner=_scheduler(runtime))


def scheduled(runtime: Runtime, business: Business) -> list[Job]:
    """The scheduler's jobs."""
    owner, time_zone = _scheduler(runtime), runtime.settings.time_zone
    return [
        orders.job(business),
        supplies.job(business),
        switches.job(business),
        fees.job(business, owner),
        emergencies.job(business),
        holidays.job(business, owner, time_zone, holiday_table),
        office.job(business),
        registers.job(business),
        broadcasts.job(business),
        outages.job(business),
        retention.job(business, owner),
        audit.job(business, owner, time_zone),
        reconcile.job(business, owner),
        snapshots.job(business, owner),
        forecasts.job(business, owner),
        *(statements.job(business, owner, every) for every in Every),
        certificates.job(business, owner, time_zone, lambda: endings(runtime.settings, business)),
        _clock(runtime, business),
    ]


def beside_the_doors(business: Business, senders: Mapping[str, Sender]) -> list[Job]:
    """The jobs that run with the web, where notifications come in and where the channels are."""
    return [inbox.job(business), outbox.job(business, senders), outbox.bulk_job(business, senders)]


def _clock(runtime: Runtime, business: Business) -> Job:
    return clock.job(business, runtime.database.time, runtime.owner)


def _scheduler(runtime: Runtime) -> str:
    return f"{runtime.owner}:scheduler"


@asynccontextmanager
async def until_signal() -> AsyncIterator[asyncio.Event]:
    """An event that SIGINT and SIGTERM set, so that work under way is finished before the end (F2)."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _telegram(runtime: Runtime, business: Business, conversation: Conversation) -> TelegramChannel | None:
    settings = runtime.settings
    if settings.telegram_token is None:
        return None
    mode = Mode(settings.telegram_mode)
    secret = settings.telegram_webhook_secret
    if mode is Mode.WEBHOOK and not (secret and settings.public_url):
        raise Refused("refused.public_url_missing")
    token = settings.telegram_token.get_secret_value()
    # The first half of a token is the bot's public id.
    windows = RedisWindows(runtime.redis, f"telegram:{token.split(':', maxsplit=1)[0]}")
    return TelegramChannel(
        conversation,
        runtime.sessions,
        token=token,
        pace=TelegramPace(windows),
        staff=StaffChats(business, "telegram"),
        api_base=settings.telegram_api,
        mode=mode,
        webhook_url=_webhook_url(settings) if mode is Mode.WEBHOOK else "",
        webhook_secret=secret.get_secret_value() if secret else "",
    )


def _wechat(runtime: Runtime, conversation: Conversation, settings: WeChatSettings | None) -> WeChatChannel | None:
    if settings is None or not settings.given:
        return None
    from chatwatt.wechat_account import account  # noqa: PLC0415 - its libraries are large, and most have no account

    url = runtime.settings.public_url
    shared = RedisWindows(runtime.redis, f"wechat:{settings.app_id}")
    return account(
        settings, conversation, runtime.sessions, runtime.claims, runtime.clock, public_url=url, shared=shared
    )


def _webhook_url(settings: Settings) -> str:
    return settings.public_url.rstrip("/") + WEBHOOK_PATH
