"""A stand-in for Aliyun's short messages: checks signatures, keeps what was sent, and says late what became of it.

`python -m sandbox.sms_box` serves it on a free port and prints each message. Faults are told to it one by one.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import sys
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import quote

from aiohttp import web

WAITING, LOST, ARRIVED = 1, 2, 3
MOST_MESSAGES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sms:
    """One message."""

    number: str
    phone: str
    template: str
    variables: Mapping[str, str]


@dataclass
class SmsBox:
    """The box. `faults` are used up one a call: 429, 500, "hang", or a code that Aliyun answers with."""

    key_id: str = "sandbox"
    key_secret: str = "sandbox-secret"  # noqa: S105 - a sandbox's
    faults: deque[int | str] = field(default_factory=deque)
    messages: list[Sms] = field(default_factory=list)
    state: int = WAITING
    """What receipts say of every message."""
    asked: int = 0
    nonces: set[str] = field(default_factory=set)

    def routes(self) -> list[web.RouteDef]:
        """The one address of the API."""
        return [web.post("/", self._handle)]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        given = {name: str(value) for name, value in (await request.post()).items()}
        fault = self.faults.popleft() if self.faults else None
        if fault == "hang":
            await asyncio.sleep(30)
        if isinstance(fault, int):
            return web.Response(status=fault, text="trouble")
        problem = self._problem(given)
        if fault is not None or problem:
            return web.json_response({"Code": fault or problem, "Message": "refused"})
        if given["Action"] == "SendSms":
            return web.json_response({"Code": "OK", "Message": "OK", "BizId": self._keep(given)})
        self.asked += 1
        detail = {"SendStatus": self.state, "PhoneNum": given["PhoneNumber"]}
        return web.json_response({"Code": "OK", "SmsSendDetailDTOs": {"SmsSendDetailDTO": [detail]}})

    def _problem(self, given: Mapping[str, str]) -> str:
        fields = {name: value for name, value in given.items() if name != "Signature"}
        text = "&".join(f"{quote(name, safe='~')}={quote(fields[name], safe='~')}" for name in sorted(fields))
        signed = f"POST&%2F&{quote(text, safe='~')}".encode()
        wanted = base64.b64encode(hmac.new(f"{self.key_secret}&".encode(), signed, hashlib.sha1).digest()).decode()
        if not hmac.compare_digest(wanted, given.get("Signature", "")):
            return "SignatureDoesNotMatch"
        if given.get("AccessKeyId") != self.key_id:
            return "InvalidAccessKeyId.NotFound"
        if given["SignatureNonce"] in self.nonces:
            return "SignatureNonceUsed"
        self.nonces.add(given["SignatureNonce"])
        return ""

    def _keep(self, given: Mapping[str, str]) -> str:
        number = f"{len(self.messages) + 1:06d}^0"
        variables = json.loads(given["TemplateParam"])
        sms = Sms(number=number, phone=given["PhoneNumbers"], template=given["TemplateCode"], variables=variables)
        self.messages.append(sms)
        del self.messages[:-MOST_MESSAGES]
        return number


@asynccontextmanager
async def serve(box: SmsBox, port: int = 0) -> AsyncIterator[str]:
    """Serves on loopback; yields the address."""
    app = web.Application()
    app.add_routes(box.routes())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def _main() -> None:
    async with serve(SmsBox()) as url:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
