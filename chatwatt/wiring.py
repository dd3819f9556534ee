"""Puts the parts together: stores behind ports, providers, and the bundle that every use case is given."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from chatwatt.clock import SystemClock
from chatwatt.embedded import EmbeddedStores, running_in
from chatwatt.importing.reader import SentLists
from chatwatt.link_key import api_key, link_key
from chatwatt.settings import AlipaySettings, Settings, WeChatPaySettings
from meters.profiles import look_also_in
from payments.providers import Provider, build
from payments.providers.alipay_config import AlipayConfig
from payments.providers.wechat_pay_config import WeChatPayConfig
from prepaid.domain.clock_trust import ClockTrust
from prepaid.domain.errors import Refused
from prepaid.ports import Business, Clock, Store
from prepaid.storage.claims import RedisClaims
from prepaid.storage.driver import Database, connect
from prepaid.storage.limiter import RedisLimiter
from prepaid.storage.mongo import open_store
from prepaid.storage.redis_connection import RedisClient, connect_redis
from prepaid.storage.sessions import RedisSessions
from prepaid.storage.wakeups import RedisWakeups


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """Open connections and what is built on them."""

    settings: Settings
    clock: Clock
    database: Database
    redis: RedisClient
    store: Store
    wakeups: RedisWakeups
    sessions: RedisSessions
    limiter: RedisLimiter
    claims: RedisClaims
    embedded: EmbeddedStores | None
    owner: str
    trust: ClockTrust = field(default_factory=ClockTrust)
    link_key: bytes = b""
    api_key: bytes = b""

    async def ping_redis(self) -> None:
        """Asks for a sign of life."""
        await self.redis.ping()

    def business(self, providers: Mapping[str, Provider]) -> Business:
        """What the use cases are given."""
        return Business(
            store=self.store,
            clock=self.clock,
            wakeups=self.wakeups,
            providers=providers,
            trust=self.trust,
            fees_ppm=self.settings.provider_fees_ppm,
            link_key=self.link_key,
            api_key=self.api_key,
            lists=SentLists(),
        )


@asynccontextmanager
async def open_runtime(
    settings: Settings, *, clock: Clock | None = None, beside: bool = False
) -> AsyncIterator[Runtime]:
    """Connects to the stores, starting embedded ones where no URI is given, and migrates. Closes all on the way out.

    `beside`: embedded stores that another process runs are used, and are left running.
    """
    clock = clock or SystemClock()
    look_also_in(settings.profiles)
    embedded, mongodb_uri, redis_url = await _stores(settings, beside=beside)
    try:
        database = connect(mongodb_uri, settings.database, driver=settings.driver)
        redis = connect_redis(redis_url)
        try:
            store = await open_store(database, clock)
            async with RedisWakeups(redis) as wakeups:
                yield Runtime(
                    settings=settings,
                    clock=clock,
                    database=database,
                    redis=redis,
                    store=store,
                    wakeups=wakeups,
                    sessions=RedisSessions(redis),
                    limiter=RedisLimiter(redis),
                    claims=RedisClaims(redis),
                    embedded=embedded,
                    link_key=link_key(settings, embedded=settings.mongodb_uri is None),
                    api_key=api_key(settings, embedded=embedded is not None),
                    owner=settings.owner or f"{socket.gethostname()}:{os.getpid()}",
                )
        finally:
            await redis.aclose()
            await database.close()
    finally:
        if embedded is not None:
            await embedded.stop()


async def _stores(settings: Settings, *, beside: bool) -> tuple[EmbeddedStores | None, str, str]:
    if settings.mongodb_uri is not None and settings.redis_url is not None:
        return None, settings.mongodb_uri.get_secret_value(), settings.redis_url.get_secret_value()
    if settings.mongodb_uri is not None or settings.redis_url is not None:
        raise Refused("refused.half_stores")
    there = running_in(settings.data) if beside else None
    if there is not None:
        return None, there.mongodb_uri, there.redis_uri
    embedded = EmbeddedStores(settings.data)
    uris = await embedded.start()
    return embedded, uris.mongodb_uri, uris.redis_uri


def real_providers(
    settings: Settings, wechat_pay: WeChatPaySettings, clock: Clock, *, alipay: AlipaySettings | None = None
) -> dict[str, Provider]:
    """The providers that the operator has set up. Raises `Refused` for half a setup."""
    providers: dict[str, Provider] = {}
    if wechat_pay.given:
        if not settings.public_url.startswith("https://"):
            raise Refused("refused.public_url_missing")
        notify_url = f"{settings.public_url.rstrip('/')}/notify/wechat_pay"
        fields = wechat_pay.fields(notify_url)
        providers["wechat_pay"] = build("wechat_pay", fields, clock)
        if WeChatPayConfig.model_validate(fields).is_sandbox:
            raise Refused("refused.sandbox_gateway")
    if alipay is not None and alipay.given:
        providers["alipay"] = _alipay(settings, alipay, clock)
    return providers


def _alipay(settings: Settings, alipay: AlipaySettings, clock: Clock) -> Provider:
    if not settings.public_url.startswith("https://"):
        raise Refused("refused.public_url_missing")
    fields = alipay.fields(f"{settings.public_url.rstrip('/')}/notify/alipay")
    provider = build("alipay", fields, clock)
    if AlipayConfig.model_validate(fields).is_sandbox:
        raise Refused("refused.sandbox_alipay")
    return provider
