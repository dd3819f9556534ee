"""A stand-in for Alipay's gateway on this machine: orders, queries, refunds, bills, notifications, a payer's page.

It checks requests and signs answers as the real one does, so the product runs against it unchanged. Faults can be set
in process (`faults`) or by `POST /sandbox/faults`. Keys and trades live in `keys_dir` and survive a restart.
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

from payments.providers.alipay_config import AlipayConfig
from prepaid.domain.orders import PayWay
from prepaid.ports import Clock
from sandbox.alipay_courier import Courier, Letter, MerchantAnswer
from sandbox.alipay_faults import Faults
from sandbox.alipay_gateway import Gateway
from sandbox.alipay_keys import AlipayKeys, alipay_keys
from sandbox.alipay_seal import Seals, parameters_of
from sandbox.alipay_trades import BizError, Offer, Trade, TradeBook, fen, yuan

BODY_BYTES_MAX = 64 * 1024
SHUTDOWN_S_MAX = 2.0
DELAY_S_MAX = 60.0
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
PAGE_METHODS = frozenset({"alipay.trade.wap.pay", "alipay.trade.page.pay"})


class _WallClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class SandboxAlipay:
    """The server. `async with SandboxAlipay(keys_dir=...) as sandbox` or `start` and `aclose`."""

    def __init__(
        self,
        *,
        keys_dir: Path,
        port: int = 0,
        retry_scale: float = 1 / 60,
        clock: Clock | None = None,
        certified: bool = False,
    ) -> None:
        self._clock = clock or _WallClock()
        self._port = port
        self._certified = certified
        self.keys: AlipayKeys = alipay_keys(keys_dir)
        self.seals = Seals(self.keys)
        self.faults = Faults()
        self.book = TradeBook(keys_dir / "alipay_trades.json")
        self._courier = Courier(seal=self.seal, faults=self.faults, retry_scale=retry_scale)
        self.gateway = Gateway(self.keys, self.book, self.faults, self._courier.tell)
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.base_url = ""

    async def start(self) -> None:
        """Listens on 127.0.0.1."""
        app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[_errors])
        app.add_routes(
            [
                web.post("/gateway.do", self._gateway_do),
                web.get("/gateway.do", self._gateway_do),
                web.get("/bill", self._bill),
                web.get("/payer", self._payer_page),
                web.post("/sandbox/scan", self._control(self._scan_wish)),
                web.post("/sandbox/pay", self._control(self._pay_wish)),
                web.post("/sandbox/refund", self._control(self._refund_wish)),
                web.post("/sandbox/faults", self._control(self._faults_wish)),
                web.get("/sandbox/faults", self._show_faults),
                web.get("/sandbox/answers", self._show_answers),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S_MAX)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]
        self.base_url = self.gateway.base_url = f"http://127.0.0.1:{self._port}"

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

    def merchant_config(self, notify_url: str, *, timeout_s: float = 8.0) -> AlipayConfig:
        """What the product must be told to be this sandbox's merchant."""
        keys = self.keys
        certificates: dict[str, Any] = {
            "app_certificate": keys.app_certificate_pem,
            "alipay_certificates": keys.certificate_pem,
            "root_certificates": keys.root_bundle_pem,
        }
        return AlipayConfig(
            app_id=keys.app_id,
            seller_id=keys.seller_id,
            app_private_key=keys.app_key_pem,
            alipay_public_key=None if self._certified else keys.alipay_public_pem,
            notify_url=notify_url,
            gateway_url=f"{self.base_url}/gateway.do",
            ways=frozenset(PayWay),
            timeout_s=timeout_s,
            **(certificates if self._certified else {}),
        )

    @property
    def answers(self) -> deque[MerchantAnswer]:
        """What the merchant said to our notifications, newest last."""
        return self._courier.answers

    async def wait_answers(self, count: int, *, timeout_s: float = 60.0) -> list[MerchantAnswer]:
        """The answers once there are `count`. Raises `TimeoutError`."""
        return await self._courier.wait_answers(count, timeout_s=timeout_s)

    def seal(self, letter: Letter, faults: Faults) -> bytes:
        """A notification's form, as the faults want it."""
        wrong = {
            "total_amount": faults.wrong_total,
            "trans_currency": faults.wrong_currency,
            "app_id": faults.wrong_app,
            "seller_id": faults.wrong_seller,
        }
        fields = letter.fields | {name: value for name, value in wrong.items() if value is not None}
        return self.seals.notification(fields, faults, certified=self._certified)

    def payer_url(self, code: str) -> str:
        """Where a person can pay a code in a browser; a page's URL already is one."""
        return code if code.startswith(self.base_url) else f"{self.base_url}/payer?code={quote(code, safe='')}"

    def knows(self, uri: str) -> bool:
        """Whether a payment address leads here."""
        return uri.startswith(("https://qr.alipay.com/", f"{self.base_url}/"))

    def trade(self, out_trade_no: str) -> Trade:
        """The trade with the merchant's number. Raises `BizError`."""
        return self.book.find({"out_trade_no": out_trade_no}, self._clock.now())

    def scan(self, code: str) -> Trade:
        """The payer scans and does not pay yet. Raises `BizError`."""
        return self.gateway.scan(code, self._clock.now())

    def pay(self, uri: str, *, force: bool = False) -> Trade:
        """The payer scans a code, opens a page, or is shown `{"trade_no": ...}`, and pays. Raises `BizError`.

        `force` also pays a trade that is closed or expired.
        """
        now = self._clock.now()
        if uri.startswith("{"):
            trade = self.book.find({"trade_no": json.loads(uri)["trade_no"]}, now)
        elif uri.startswith(f"{self.base_url}/gateway.do?"):
            trade = self.gateway.scan(self._offer_of_page(uri.partition("?")[2]).code, now)
        else:
            trade = self.gateway.force_open(uri, now) if force else self.gateway.scan(uri, now)
        self.gateway.pay(trade, now, force=force)
        return trade

    def tell_again(self, out_trade_no: str) -> None:
        """Sends a payment's notification again, under another id."""
        self.gateway.tell_paid(self.trade(out_trade_no), self._clock.now())

    def refund(self, out_trade_no: str, number: str, amount_fen: int) -> None:
        """Somebody refunds in the merchant's console."""
        self.gateway.refund_by_hand(self.trade(out_trade_no), number, amount_fen, self._clock.now())

    # The gateway.

    async def _gateway_do(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        parameters = parameters_of(request.rel_url.raw_query_string, raw)
        if parameters.get("method") in PAGE_METHODS:
            offer = self._offer_of_page(request.rel_url.raw_query_string, raw)
            raise web.HTTPFound(f"/payer?code={quote(offer.code, safe='')}")
        faults = self.faults.answer()
        if faults.answer_status is not None:
            return web.Response(status=faults.answer_status, text="as the faults say")
        name, document, signed = await self._acted(parameters)
        await self._delay(faults.answer_delay_s)
        if faults.answer_status_after is not None:
            return web.Response(status=faults.answer_status_after, text="as the faults say")
        if faults.lose_answer and request.transport is not None:
            request.transport.abort()
        if faults.answer_system_error:
            document = {"code": "20000", "msg": "Service Currently Unavailable", "sub_code": "isp.unknow-error"}
        if faults.answer_other_order and "out_trade_no" in document:
            document = {**document, "out_trade_no": "another"}
        certified = "app_cert_sn" in parameters
        body = self.seals.answer(name, document, faults, certified=certified, signed=signed)
        return web.Response(body=body, content_type="text/html", charset="utf-8")

    async def _acted(self, parameters: dict[str, str]) -> tuple[str, dict[str, Any], bool]:
        """Under which name to answer, what, and whether it is signed."""
        now = self._clock.now()
        name = f"{parameters.get('method', '').replace('.', '_')}_response"
        try:
            self.seals.check_request(parameters, now)
            document = {"code": "10000", "msg": "Success", **self.gateway.act(parameters, now)}
            if self.faults.pay_on_create and "qr_code" in document:
                self.pay(document["qr_code"])
                if not self.faults.no_notify:
                    await self.wait_answers(len(self.answers) + 1)
        except BizError as error:
            refusal = {"code": error.code, "msg": "Business Failed", "sub_code": error.sub_code, "sub_msg": "?"}
            return (name if error.signed else "error_response"), refusal, error.signed
        return name, document, True

    def _offer_of_page(self, query: str, body: bytes = b"") -> Offer:
        """Verifies the URL of a page as the real one does, when a payer opens it."""
        parameters, now = parameters_of(query, body), self._clock.now()
        self.seals.check_request(parameters, now)
        return self.gateway.page(parameters, now)

    async def _delay(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(min(seconds, DELAY_S_MAX)):
                await self._closing.wait()
        except TimeoutError:
            return

    async def _bill(self, request: web.Request) -> web.Response:
        packed = self.gateway.bill_file(request.query.get("token", ""), self._clock.now())
        if packed is None:
            return web.Response(status=403, text="the address has expired")
        return web.Response(body=packed, content_type="application/octet-stream")

    # The payer and the controls.

    async def _payer_page(self, request: web.Request) -> web.Response:
        offer = self.book.by_code(request.query.get("code", ""))
        page = resources.files("sandbox").joinpath("alipay_payer.html").read_text(encoding="utf-8")
        values = {
            "code_url": offer.code,
            "amount": f"{yuan(offer.total_fen)} CNY",
            "merchant": self.keys.seller_id,
            "description": offer.subject,
            "out_trade_no": offer.out_trade_no,
        }
        text = Template(page).safe_substitute({name: html.escape(value) for name, value in values.items()})
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": PAGE_POLICY})

    def _control(self, act: Callable[[dict[str, Any]], Any]) -> Callable[[web.Request], Awaitable[web.Response]]:
        """A control takes JSON. Its content type keeps foreign pages from sending one in passing."""

        async def handle(request: web.Request) -> web.Response:
            if request.content_type != "application/json":
                raise web.HTTPUnsupportedMediaType
            try:
                wish = json.loads(await request.read())
            except ValueError:
                wish = None
            if not isinstance(wish, dict):
                raise web.HTTPBadRequest
            return web.json_response(act(wish))

        return handle

    def _scan_wish(self, wish: dict[str, Any]) -> dict[str, Any]:
        return {"trade_no": self.scan(str(wish.get("code_url", ""))).trade_no}

    def _pay_wish(self, wish: dict[str, Any]) -> dict[str, Any]:
        trade = self.pay(str(wish.get("code_url", "")), force=wish.get("force") is True)
        return {"paid": True, "transaction_id": trade.trade_no}

    def _refund_wish(self, wish: dict[str, Any]) -> dict[str, Any]:
        self.refund(str(wish.get("out_trade_no")), str(wish.get("out_request_no")), fen(wish.get("amount")))
        return {"refunded": True}

    def _faults_wish(self, wish: dict[str, Any]) -> dict[str, Any]:
        try:
            self.faults.replace(wish)
        except ValueError:
            raise web.HTTPBadRequest(text="no such fault, or a wrong value") from None
        return asdict(self.faults)

    async def _show_faults(self, _request: web.Request) -> web.Response:
        return web.json_response(asdict(self.faults))

    async def _show_answers(self, _request: web.Request) -> web.Response:
        return web.json_response([asdict(answer) for answer in self.answers])


@web.middleware
async def _errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refusals of a control or a page."""
    try:
        return await handler(request)
    except BizError as error:
        return web.json_response({"code": error.sub_code}, status=400)
