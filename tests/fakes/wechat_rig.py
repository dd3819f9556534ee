"""The WeChat channel served over real HTTP, with the strict stand-in for WeChat on the other side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from bot.channels.wechat import WEBHOOK_PATH, Conversation, WeChatChannel
from bot.channels.wechat_api import WeChatApi
from bot.channels.wechat_seal import Seal
from bot.channels.wechat_templates import Templates
from bot.channels.wechat_turns import Claims
from prepaid.ports import Clock, Sessions
from sandbox.wechat import AES_KEY, APP_ID, APP_SECRET, TOKEN, WeChatSandbox


class PlainClaims:
    """Claims in a dictionary, as all processes of one account share them."""

    def __init__(self) -> None:
        self.held: dict[str, int] = {}

    async def claim(self, key: str, *, ttl_s: int) -> bool:
        if key in self.held:
            return False
        self.held[key] = ttl_s
        return True

    async def extend(self, key: str, *, ttl_s: int) -> None:
        if key in self.held:
            self.held[key] = ttl_s

    async def release(self, key: str) -> None:
        self.held.pop(key, None)


@dataclass(frozen=True, slots=True)
class Account:
    """One served official account."""

    sandbox: WeChatSandbox
    channel: WeChatChannel
    api: WeChatApi


@asynccontextmanager
async def account(
    conversation: Conversation,
    sessions: Sessions,
    claims: Claims,
    clock: Clock,
    *,
    templates: Templates | None = None,
    safe: bool = True,
    public_url: str = "",
) -> AsyncIterator[Account]:
    """Opens and closes both sides."""
    seal = Seal(app_id=APP_ID, token=TOKEN, aes_key=AES_KEY if safe else None, now=clock.now)
    async with WeChatSandbox(clock.now, safe=safe) as sandbox:
        sandbox.patience_s = [60.0] * 3
        api = WeChatApi(
            sessions, claims, app_id=APP_ID, secret=APP_SECRET, now=clock.now, base_url=sandbox.api_base, timeout_s=30.0
        )
        channel = WeChatChannel(
            conversation,
            sessions,
            claims,
            app_id=APP_ID,
            seal=seal,
            api=api,
            now=clock.now,
            templates=templates,
            public_url=public_url,
        )
        async with served(channel.routes()) as base:
            sandbox.server_url = base + WEBHOOK_PATH
            stop = asyncio.Event()
            running = asyncio.create_task(channel.run(stop))
            try:
                yield Account(sandbox, channel, api)
            finally:
                stop.set()
                await running


@asynccontextmanager
async def served(routes: Sequence[web.RouteDef]) -> AsyncIterator[str]:
    """An app with these routes on a free port; its address."""
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
