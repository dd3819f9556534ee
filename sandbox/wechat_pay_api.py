"""What merchants see of the WeChat Pay sandbox: every route checks the merchant's seal, acts, and seals its answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from aiohttp import web

from prepaid.ports import Clock
from sandbox.keys import WeChatPayKeys
from sandbox.wechat_pay_bills import BillDesk
from sandbox.wechat_pay_courier import Courier
from sandbox.wechat_pay_faults import Faults
from sandbox.wechat_pay_orders import ApiError, OrderBook, SandboxOrder, order_from_request
from sandbox.wechat_pay_refunds import RefundBook, SandboxRefund, shown
from sandbox.wechat_pay_seal import Seals, spoil, transaction

DELAY_S_MAX = 60.0
ORDER = "/v3/pay/transactions"
REFUND = "/v3/refund/domestic/refunds"
WAYS = {"native": "NATIVE", "jsapi": "JSAPI", "h5": "MWEB", "app": "APP"}

Act = Callable[[web.Request, dict[str, Any]], Awaitable[dict[str, Any] | None]]


class Api:
    """The merchant-facing half of the sandbox."""

    def __init__(
        self,
        *,
        keys: WeChatPayKeys,
        seals: Seals,
        orders: OrderBook,
        refunds: RefundBook,
        faults: Faults,
        courier: Courier,
        clock: Clock,
    ) -> None:
        self._keys = keys
        self._seals = seals
        self._orders = orders
        self._refunds = refunds
        self._faults = faults
        self._courier = courier
        self._clock = clock
        self._bills = BillDesk(orders, refunds, faults)
        self.base_url = ""

    def routes(self) -> list[web.RouteDef]:
        """Every route of the real one that a merchant of ours may call."""
        return [
            *(web.post(f"{ORDER}/{way}", self._sealed(self._order(kind))) for way, kind in WAYS.items()),
            web.get(f"{ORDER}/out-trade-no/{{no}}", self._sealed(self._query)),
            web.get(f"{ORDER}/id/{{id}}", self._sealed(self._query_id)),
            web.post(f"{ORDER}/out-trade-no/{{no}}/close", self._sealed(self._close)),
            web.post(REFUND, self._sealed(self._refund)),
            web.get(f"{REFUND}/{{no}}", self._sealed(self._query_refund)),
            web.get("/v3/certificates", self._sealed(self._certificates)),
            web.get("/v3/bill/{kind:tradebill|fundflowbill}", self._sealed(self._bill)),
            web.get("/v3/billdownload/file", self._file),
        ]

    def pay(self, order: SandboxOrder, *, force: bool = False) -> None:
        """The payer's money arrives and the merchant is told."""
        self._orders.pay(order, self._clock.now(), force=force)
        self._courier.tell(order)

    def end_refund(self, refund: SandboxRefund, status: str) -> None:
        """A refund's last word, and the merchant is told."""
        self._refunds.end(refund, status, self._clock.now())
        self._courier.tell(refund)

    def carry_on(self) -> None:
        """What a restart interrupted: refunds that have not ended, and news that nobody has taken."""
        for order in self._orders.to_notify():
            self._courier.tell(order)
        for refund in self._refunds.all():
            if refund.status == "PROCESSING":
                self._courier.start(self._end_by_itself(refund))
            elif not refund.notified:
                self._courier.tell(refund)

    async def _end_by_itself(self, refund: SandboxRefund) -> None:
        status = self._faults.refund_ends
        await self._courier.rest(self._faults.refund_delay_s)
        if status is not None and refund.status == "PROCESSING":
            self.end_refund(refund, status)

    # Seals.

    def _sealed(self, act: Act) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """A route that checks the merchant's seal, acts, and seals its answer."""

        async def handle(request: web.Request) -> web.StreamResponse:
            raw = await self._checked(request)
            faults = self._faults.answer()
            if faults.answer_status is not None:
                raise ApiError(faults.answer_status, faults.answer_code, "as the faults say")
            result = await act(request, as_object(raw) if raw else {})
            return await self._answer(request, faults, result)

        return handle

    async def _checked(self, request: web.Request) -> bytes:
        raw = await request.read()
        now_s = self._clock.now().timestamp()
        self._seals.check_request(request.method, request.raw_path, request.headers, raw, now_s)
        return raw

    async def _answer(self, request: web.Request, faults: Faults, result: dict[str, Any] | None) -> web.StreamResponse:
        await self._courier.rest(min(faults.answer_delay_s, DELAY_S_MAX))
        if faults.answer_status_after is not None:
            raise ApiError(faults.answer_status_after, faults.answer_code, "as the faults say")
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

    # What the routes do.

    def _order(self, trade_type: str) -> Act:
        async def act(_request: web.Request, document: dict[str, Any]) -> dict[str, Any]:
            now, keys = self._clock.now(), self._keys
            wanted = order_from_request(document, trade_type, mchid=keys.mchid, appid=keys.appid, now=now)
            code = self._orders.place(wanted, now)
            if self._faults.pay_on_create:
                self.pay(self._orders.get(wanted.out_trade_no))
                if not self._faults.no_notify:
                    await self._courier.wait_answers(len(self._courier.answers) + 1)
            if trade_type == "NATIVE":
                return {"code_url": code}
            if trade_type == "MWEB":
                return {"h5_url": f"{self.base_url}/payer?prepay_id={quote(code, safe='')}"}
            return {"prepay_id": code}

        return act

    async def _query(self, request: web.Request, _document: dict[str, Any]) -> dict[str, Any]:
        self._check_mchid(request.query.get("mchid"))
        return self._shown(self._orders.get(request.match_info["no"]))

    async def _query_id(self, request: web.Request, _document: dict[str, Any]) -> dict[str, Any]:
        self._check_mchid(request.query.get("mchid"))
        return self._shown(self._orders.by_transaction(request.match_info["id"]))

    def _shown(self, order: SandboxOrder) -> dict[str, Any]:
        if self._faults.hide_payments:
            return {**transaction(order), "trade_state": "NOTPAY"}
        return transaction(order)

    async def _close(self, request: web.Request, document: dict[str, Any]) -> None:
        self._check_mchid(document.get("mchid"))
        self._orders.close(request.match_info["no"])

    async def _refund(self, _request: web.Request, document: dict[str, Any]) -> dict[str, Any]:
        refund, new = self._refunds.place(document, self._clock.now())
        result = shown(refund)
        if new:
            self._courier.start(self._end_by_itself(refund))
        return result

    async def _query_refund(self, request: web.Request, _document: dict[str, Any]) -> dict[str, Any]:
        return shown(self._refunds.get(request.match_info["no"]))

    async def _certificates(self, _request: web.Request, _document: dict[str, Any]) -> dict[str, Any]:
        if self._faults.no_certificates:
            raise ApiError(404, "RESOURCE_NOT_EXISTS", "no platform certificate: use the public key")
        return self._seals.certificates()

    async def _bill(self, request: web.Request, _document: dict[str, Any]) -> dict[str, Any]:
        return self._bills.apply(request.match_info["kind"], dict(request.query), self.base_url, self._clock.now())

    async def _file(self, request: web.Request) -> web.Response:
        """A bill's file: asked for under a seal, answered without one."""
        await self._checked(request)
        content = self._bills.file(request.query.get("token", ""), self._clock.now())
        return web.Response(body=content, content_type="application/octet-stream")

    def _check_mchid(self, mchid: object) -> None:
        if mchid != self._keys.mchid:
            raise ApiError(400, "PARAM_ERROR", "mchid")


def as_object(raw: bytes) -> dict[str, Any]:
    """The JSON object of a request."""
    try:
        document = json.loads(raw)
    except ValueError:
        raise ApiError(400, "PARAM_ERROR", "JSON") from None
    if not isinstance(document, dict):
        raise ApiError(400, "PARAM_ERROR", "JSON")
    return document


@web.middleware
async def errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Error answers in the API's form."""
    try:
        return await handler(request)
    except ApiError as error:
        return web.json_response({"code": error.code, "message": error.message}, status=error.status)
