"""A stand-in for WeChat Pay API v3 on this machine: Native orders, queries, closing, notifications, and a payer's page.

It checks requests and signs answers as the real one does, so the product runs against it unchanged. Faults can be set
in process (`faults`) or by `POST /sandbox/faults`. Keys and orders live in `keys_dir` and survive a restart.
"""

from __future__ import annotations

import asyncio
import html
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any, Self
from urllib.parse import quote

from aiohttp import web

from payments.providers.wechat_pay_config import WeChatPayConfig
from prepaid.ports import Clock
from sandbox.keys import wechat_pay_keys
from sandbox.wechat_pay_courier import ANSWER_S_MAX, Courier, MerchantAnswer
from sandbox.wechat_pay_faults import Faults
from sandbox.wechat_pay_orders import ApiError, OrderBook, SandboxOrder, order_from_request
from sandbox.wechat_pay_seal import Seals, spoil, transaction

BODY_BYTES_MAX = 64 * 1024
SHUTDOWN_S_MAX = 2.0
DELAY_S_MAX = 60.0
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"

Act = Callable[[web.Request, dict[str, Any]], Awaitable[dict[str, Any] | None]]


class _WallClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class SandboxWeChatPay:
    """The server. `async with SandboxWeChatPay(keys_dir=...) as sandbox` or `start` and `aclose`."""

    def __init__(
        self,
        *,
        keys_dir: Path,
        port: int = 0,
        retry_scale: float = 1 / 60,
        clock: Clock | None = None,
        answer_s_max: float = ANSWER_S_MAX,
    ) -> None:
        self._clock = clock or _WallClock()
        self._port = port
        self._keys = wechat_pay_keys(keys_dir)
        self._seals = Seals(self._keys)
        self._book = OrderBook(keys_dir / "wechat_pay_orders.json")
        self.faults = Faults()
        self._courier = Courier(
            seals=self._seals,
            book=self._book,
            faults=self.faults,
            clock=self._clock,
            retry_scale=retry_scale,
            answer_s_max=answer_s_max,
        )
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.base_url = ""

    async def start(self) -> None:
        """Listens on 127.0.0.1, and goes on telling merchants what they have not acknowledged."""
        app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[_errors])
        app.add_routes(
            [
                web.post("/v3/pay/transactions/native", self._api(self._native)),
                web.get("/v3/pay/transactions/out-trade-no/{no}", self._api(self._query)),
                web.get("/v3/pay/transactions/id/{id}", self._api(self._query_id)),
                web.post("/v3/pay/transactions/out-trade-no/{no}/close", self._api(self._close)),
                web.get("/payer", self._payer_page),
                web.post("/sandbox/pay", self._pay_request),
                web.get("/sandbox/faults", self._show_faults),
                web.post("/sandbox/faults", self._set_faults),
                web.get("/sandbox/answers", self._show_answers),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S_MAX)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]
        self.base_url = f"http://127.0.0.1:{self._port}"
        for order in self._book.to_notify():
            self._courier.tell(order)

    async def aclose(self) -> None:
        """Ends everything, within a few seconds."""
        self._closing.set()
        await self._courier.aclose()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def merchant_config(self, notify_url: str, *, timeout_s: float = 8.0) -> WeChatPayConfig:
        """What the product must be told to be this sandbox's merchant."""
        return WeChatPayConfig(
            mchid=self._keys.mchid,
            appid=self._keys.appid,
            merchant_serial=self._keys.merchant_serial,
            merchant_private_key_pem=self._keys.merchant_key_pem,
            api_v3_key=self._keys.api_v3_key,
            public_key_id=self._keys.public_key_id,
            public_key_pem=self._keys.public_key_pem,
            platform_certificates={self._keys.certificate_serial: self._keys.certificate_pem},
            notify_url=notify_url,
            base_url=self.base_url,
            timeout_s=timeout_s,
        )

    @property
    def answers(self) -> deque[MerchantAnswer]:
        """What the merchant said to our notifications, newest last."""
        return self._courier.answers

    async def wait_answers(self, count: int, *, timeout_s: float = 10.0) -> list[MerchantAnswer]:
        """The answers once there are `count`. Raises `TimeoutError`."""
        return await self._courier.wait_answers(count, timeout_s=timeout_s)

    def payer_url(self, code_url: str) -> str:
        """Where a person can pay a code in a browser."""
        return f"{self.base_url}/payer?code_url={quote(code_url, safe='')}"

    def pay(self, code_url: str, *, force: bool = False) -> SandboxOrder:
        """The payer pays; the merchant is told in the background. Raises `ApiError`.

        `force` also pays an order that is closed or expired.
        """
        order = self._book.by_code(code_url)
        self._book.pay(order, self._clock.now(), force=force)
        self._courier.tell(order)
        return order

    def tell_again(self, out_trade_no: str) -> None:
        """Sends a paid order's notification again."""
        order = self._book.get(out_trade_no)
        if order.transaction_id:
            self._courier.tell(order)

    # The API.

    def _api(self, act: Act) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """A route that checks the merchant's seal, acts, and seals its answer."""

        async def handle(request: web.Request) -> web.StreamResponse:
            raw = await request.read()
            now_s = self._clock.now().timestamp()
            self._seals.check_request(request.method, request.raw_path, request.headers, raw, now_s)
            faults = self.faults.answer()
            if faults.answer_status is not None:
                raise ApiError(faults.answer_status, "SYSTEM_ERROR", "as the faults say")
            result = await act(request, _object(raw) if raw else {})
            return await self._answer(request, faults, result)

        return handle

    async def _answer(self, request: web.Request, faults: Faults, result: dict[str, Any] | None) -> web.StreamResponse:
        await self._delay(faults.answer_delay_s)
        if faults.answer_status_after is not None:
            raise ApiError(faults.answer_status_after, "SYSTEM_ERROR", "as the faults say")
        if faults.lose_answer and request.transport is not None:
            request.transport.abort()
        body = b"" if result is None else json.dumps(result, ensure_ascii=False).encode()
        headers = self._seals.headers(
            body,
            self._clock.now().timestamp(),
            serial=request.headers.get("Wechatpay-Serial"),
            shift_s=faults.answer_shift_s,
        )
        spoil(
            headers,
            probe=faults.answer_probe,
            unknown=faults.answer_unknown_serial,
            bad=faults.answer_bad_signature,
        )
        if result is None:
            return web.Response(status=204, headers=headers)
        return web.Response(body=body, headers=headers, content_type="application/json")

    async def _delay(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(min(seconds, DELAY_S_MAX)):
                await self._closing.wait()
        except TimeoutError:
            return

    async def _native(self, _request: web.Request, document: dict[str, Any]) -> dict[str, Any]:
        now = self._clock.now()
        wanted = order_from_request(document, mchid=self._keys.mchid, appid=self._keys.appid, now=now)
        code_url = self._book.place(wanted, now)
        if self.faults.pay_on_create:
            self.pay(code_url)
            if not self.faults.no_notify:
                await self.wait_answers(len(self.answers) + 1)
        return {"code_url": code_url}

    async def _query(self, request: web.Request, _document: dict[str, Any]) -> dict[str, Any]:
        self._check_mchid(request.query.get("mchid"))
        return transaction(self._book.get(request.match_info["no"]))

    async def _query_id(self, request: web.Request, _document: dict[str, Any]) -> dict[str, Any]:
        self._check_mchid(request.query.get("mchid"))
        return transaction(self._book.by_transaction(request.match_info["id"]))

    async def _close(self, request: web.Request, document: dict[str, Any]) -> None:
        self._check_mchid(document.get("mchid"))
        self._book.close(request.match_info["no"])

    def _check_mchid(self, mchid: object) -> None:
        if mchid != self._keys.mchid:
            raise ApiError(400, "PARAM_ERROR", "mchid")

    # The payer and the controls.

    async def _payer_page(self, request: web.Request) -> web.Response:
        order = self._book.by_code(request.query.get("code_url", ""))
        payable = order.state == "NOTPAY" and not self._book.expired(order, self._clock.now())
        page = resources.files("sandbox").joinpath("wechat_pay_payer.html").read_text(encoding="utf-8")
        values = {
            "code_url": request.query["code_url"],
            "amount": f"{order.total // 100}.{order.total % 100:02d} {order.currency}",
            "merchant": order.mchid,
            "description": order.description,
            "out_trade_no": order.out_trade_no,
            "disabled": "" if payable else "disabled",
            "status": "" if payable else order.state,
        }
        text = Template(page).safe_substitute({name: html.escape(value) for name, value in values.items()})
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": PAGE_POLICY})

    async def _pay_request(self, request: web.Request) -> web.Response:
        wish = await _json_wish(request)
        order = self.pay(str(wish.get("code_url", "")), force=wish.get("force") is True)
        return web.json_response({"paid": True, "transaction_id": order.transaction_id})

    async def _show_faults(self, _request: web.Request) -> web.Response:
        return web.json_response(asdict(self.faults))

    async def _set_faults(self, request: web.Request) -> web.Response:
        try:
            self.faults.replace(await _json_wish(request))
        except ValueError:
            raise ApiError(400, "PARAM_ERROR", "no such fault, or a wrong value") from None
        return web.json_response(asdict(self.faults))

    async def _show_answers(self, _request: web.Request) -> web.Response:
        return web.json_response([asdict(answer) for answer in self.answers])


async def _json_wish(request: web.Request) -> dict[str, Any]:
    """A control's JSON. Its content type keeps foreign pages from sending one in passing."""
    if request.content_type != "application/json":
        raise ApiError(415, "PARAM_ERROR", "application/json is needed")
    return _object(await request.read())


def _object(raw: bytes) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except ValueError:
        raise ApiError(400, "PARAM_ERROR", "JSON") from None
    if not isinstance(document, dict):
        raise ApiError(400, "PARAM_ERROR", "JSON")
    return document


@web.middleware
async def _errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Error answers in the API's form."""
    try:
        return await handler(request)
    except ApiError as error:
        return web.json_response({"code": error.code, "message": error.message}, status=error.status)
