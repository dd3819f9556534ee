"""Telegram's side of the line in a process of its own: it answers every call at once, and brings updates when told to.

It prints the address of its API. Each JSON line that it reads is a job: `url`, `secret`, `chats`, `first` (the number
of the first update), `count`, `at_once` and `text`. It answers each with one line: how many updates were taken, and how
many messages came back for them. A job of `webhooks` alone is answered when so many have been named.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

ANSWER_S_MAX = 60.0
BOT = {"id": 110201543, "is_bot": True, "first_name": "chatwatt", "username": "chatwatt_bot"}


@dataclass(slots=True)
class Service:
    """Counts the messages that came."""

    sent: int = 0
    wanted: int = 0
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    webhooks: int = 0
    named: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def call(self, request: web.Request) -> web.Response:
        """One call of the Bot API."""
        form = await request.post()
        method = request.match_info["method"]
        if method == "getMe":
            return web.json_response({"ok": True, "result": BOT})
        if method == "setWebhook":
            async with self.named:
                self.webhooks += 1
                self.named.notify_all()
        if method != "sendMessage":
            return web.json_response({"ok": True, "result": True})
        self.sent += 1
        if self.sent >= self.wanted:
            self.enough.set()
        return web.json_response({"ok": True, "result": _message(int(str(form["chat_id"])), self.sent, "…")})

    async def work(self, session: aiohttp.ClientSession, job: dict[str, Any]) -> dict[str, int]:
        """Brings the updates of a job and waits for the answers to all of them."""
        if "webhooks" in job:
            return await self._named(job["webhooks"])
        self.sent, self.wanted = 0, job["count"]
        self.enough.clear()
        gate, taken = asyncio.Semaphore(job["at_once"]), 0
        headers = {"X-Telegram-Bot-Api-Secret-Token": job["secret"]}

        async def one(number: int) -> None:
            nonlocal taken
            chat = 1 + number % job["chats"]
            update = {"update_id": job["first"] + number, "message": _message(chat, number, job["text"])}
            async with gate, session.post(job["url"], json=update, headers=headers) as answer:
                taken += answer.status == 200

        await asyncio.gather(*map(one, range(job["count"])))
        async with asyncio.timeout(ANSWER_S_MAX):
            await self.enough.wait()
        return {"taken": taken, "sent": self.sent}

    async def _named(self, webhooks: int) -> dict[str, int]:
        """Waits until so many webhooks are known."""
        async with asyncio.timeout(ANSWER_S_MAX), self.named:
            await self.named.wait_for(lambda: self.webhooks >= webhooks)
        return {"webhooks": self.webhooks}


def _message(chat: int, number: int, text: str) -> dict[str, Any]:
    person = {"id": chat, "is_bot": False, "first_name": "Guest", "language_code": "zh-hans"}
    home = {"id": chat, "type": "private", "first_name": "Guest"}
    return {"message_id": number + 1, "date": 1_764_144_000, "chat": home, "from": person, "text": text}


async def _serve() -> None:
    service, app = Service(), web.Application()
    app.add_routes([web.post("/bot{token}/{method}", service.call)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    async with aiohttp.ClientSession() as session:
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(await service.work(session, json.loads(line))), flush=True)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(_serve())
