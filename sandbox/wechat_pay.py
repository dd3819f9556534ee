"""A stand-in for WeChat Pay API v3 on this machine: orders, refunds, bills, keys, notifications, a payer.

It checks requests and signs answers as the real one does, so the product runs against it unchanged. Faults can be set
in process (`faults`) or by `POST /sandbox/faults`. Keys and orders live in `keys_dir` and survive a restart.
`python -m sandbox.wechat_pay_process` runs it by itself.
"""

from __future__ import annotations

import html
import time
from collections import deque
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any, Self
from urllib.parse import quote

from aiohttp import web

from payments.providers.wechat_pay_config import KeyMode, WeChatPayConfig
from prepaid.ports import Clock
from sandbox.keys import wechat_pay_keys
from sandbox.wechat_pay_api import Api, as_object, errors
from sandbox.wechat_pay_courier import ANSWER_S_MAX, Courier, MerchantAnswer
from sandbox.wechat_pay_faults import Faults
from sandbox.wechat_pay_orders import ApiError, OrderBook, SandboxOrder
from sandbox.wechat_pay_refunds import RefundBook, SandboxRefund
from sandbox.wechat_pay_seal import Seals

BODY_BYTES_MAX = 64 * 1024
SHUTDOWN_S_MAX = 2.0
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"


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
        self._refunds = RefundBook(keys_dir / "wechat_pay_refunds.json", self._book)
        self.faults = Faults()
        self._courier = Courier(
            seals=self._seals,
            save=self._save,
            faults=self.faults,
            clock=self._clock,
            retry_scale=retry_scale,
            answer_s_max=answer_s_max,
        )
        self._api = Api(
            keys=self._keys,
            seals=self._seals,
            orders=self._book,
            refunds=self._refunds,
            faults=self.faults,
            courier=self._courier,
            clock=self._clock,
        )
        self._runner: web.AppRunner | None = None
        self.base_url = ""

    def _save(self) -> None:
        self._book.save()
        if self._refunds.all():
            self._refunds.save()

    async def start(self) -> None:
        """Listens on 127.0.0.1, and goes on telling merchants what they have not acknowledged."""
        app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[errors])
        app.add_routes(
            [
                *self._api.routes(),
                web.get("/payer", self._payer_page),
                web.post("/sandbox/pay", self._pay_request),
                web.post("/sandbox/tell", self._tell_request),
                web.post("/sandbox/refund", self._refund_request),
                web.get("/sandbox/faults", self._show_faults),
                web.post("/sandbox/faults", self._set_faults),
                web.get("/sandbox/answers", self._show_answers),
                web.post("/sandbox/certificates", self._new_certificate),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S_MAX)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]
        self.base_url = self._api.base_url = f"http://127.0.0.1:{self._port}"
        self._api.carry_on()

    async def aclose(self) -> None:
        """Ends everything, within a few seconds."""
        await self._courier.aclose()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def merchant_config(
        self,
        notify_url: str,
        *,
        timeout_s: float = 8.0,
        key_mode: KeyMode | None = None,
    ) -> WeChatPayConfig:
        """What the product must be told to be this sandbox's merchant.

        By default it believes public key and certificate from the start; with a mode it is told no more than a real
        merchant in that mode, and has to download the certificates.
        """
        by_key = key_mode is not KeyMode.CERTIFICATES
        given = {self._keys.certificate_serial: self._keys.certificate_pem} if key_mode is None else {}
        return WeChatPayConfig(
            mchid=self._keys.mchid,
            appid=self._keys.appid,
            merchant_serial=self._keys.merchant_serial,
            merchant_private_key_pem=self._keys.merchant_key_pem,
            api_v3_key=self._keys.api_v3_key,
            key_mode=key_mode or KeyMode.PUBLIC_KEY,
            public_key_id=self._keys.public_key_id if by_key else None,
            public_key_pem=self._keys.public_key_pem if by_key else None,
            platform_certificates=given,
            notify_url=notify_url,
            base_url=self.base_url,
            timeout_s=timeout_s,
        )

    @property
    def appid(self) -> str:
        """The app that the sandbox's merchant is bound to."""
        return self._keys.appid

    @property
    def answers(self) -> deque[MerchantAnswer]:
        """What the merchant said to our notifications, newest last."""
        return self._courier.answers

    async def wait_answers(self, count: int, *, timeout_s: float = 60.0) -> list[MerchantAnswer]:
        """The answers once there are `count`. Raises `TimeoutError`."""
        return await self._courier.wait_answers(count, timeout_s=timeout_s)

    def payer_url(self, code_url: str) -> str:
        """Where a person can pay a code in a browser."""
        return f"{self.base_url}/payer?code_url={quote(code_url, safe='')}"

    def pay(self, code_url: str, *, force: bool = False) -> SandboxOrder:
        """The payer pays; the merchant is told in the background. Raises `ApiError`.

        Takes a code, a page's address, a prepay id, or the parameters of `wx.requestPayment`, whose seal is checked.
        `force` also pays an order that is closed or expired.
        """
        order = self._order_of(code_url)
        self._api.pay(order, force=force)
        return order

    def _order_of(self, code_url: str) -> SandboxOrder:
        if code_url.startswith("{"):
            self._seals.check_payment(code_url)
            code_url = str(as_object(code_url.encode())["package"])
        return self._book.by_code(code_url)

    def tell_again(self, out_trade_no: str) -> None:
        """Sends a paid order's notification again."""
        order = self._book.get(out_trade_no)
        if order.transaction_id:
            self._courier.tell(order)

    def refund(self, out_refund_no: str) -> SandboxRefund:
        """A refund as it stands. Raises `ApiError`."""
        return self._refunds.get(out_refund_no)

    def end_refund(self, out_refund_no: str, status: str) -> SandboxRefund:
        """Ends a refund by hand: SUCCESS, CLOSED or ABNORMAL; the merchant is told. Raises `ApiError`."""
        refund = self._refunds.get(out_refund_no)
        self._api.end_refund(refund, status)
        return refund

    def add_certificate(self, *, sign_with: bool = False) -> str:
        """One more platform certificate, as before the old one ends; perhaps signs with it at once."""
        serial = self._seals.add_certificate()
        if sign_with:
            self._seals.sign_with(serial)
        return serial

    # The payer and the controls.

    async def _payer_page(self, request: web.Request) -> web.Response:
        code = request.query.get("code_url") or f"prepay_id={request.query.get('prepay_id', '')}"
        order = self._book.by_code(code)
        payable = order.state == "NOTPAY" and not self._book.expired(order, self._clock.now())
        page = resources.files("sandbox").joinpath("wechat_pay_payer.html").read_text(encoding="utf-8")
        values = {
            "code_url": code,
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

    async def _tell_request(self, request: web.Request) -> web.Response:
        self.tell_again(str((await _json_wish(request)).get("out_trade_no", "")))
        return web.json_response({"told": True})

    async def _refund_request(self, request: web.Request) -> web.Response:
        wish = await _json_wish(request)
        refund = self.end_refund(str(wish.get("out_refund_no", "")), str(wish.get("status", "")))
        return web.json_response({"status": refund.status})

    async def _new_certificate(self, request: web.Request) -> web.Response:
        wish = await _json_wish(request)
        return web.json_response({"serial": self.add_certificate(sign_with=wish.get("sign_with") is True)})

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
    return as_object(await request.read())
