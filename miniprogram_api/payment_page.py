"""The page behind a pay-for-me link: what for, how much, by which provider, and how far it has come (P7).

Made for a phone first, in WeChat, in Alipay and in any browser. It asks the API for everything that changes; nothing
on it comes from elsewhere, and whoever looks at it learns no more than paying takes (A1).
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Final

from aiohttp import web

from miniprogram_api.door import OPEN_PER_ADDRESS, accepted, address_of
from miniprogram_api.parts import Parts, Words
from miniprogram_api.problems import when_again
from prepaid.domain.errors import Refused, Trouble
from prepaid.domain.money import MICRO_PER_FEN, yuan_text
from prepaid.domain.orders import MAX_TOPUP_FEN, MIN_TOPUP_FEN, OPEN, OrderState
from prepaid.usecases.follow_order import Progress, follow_pay_link
from prepaid.usecases.pay_links import PayLinkView, look_at_pay_link

STATIC: Final = Path(__file__).parent / "pages" / "static"
FILES: Final = {"pay.js": "text/javascript", "pay.css": "text/css", "pay.svg": "image/svg+xml"}
CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
NAMED: Final = frozenset({"wechat_pay", "alipay"})
WORDS: Final = (
    "pay.button",
    "pay.scan.wechat_pay",
    "pay.scan.alipay",
    "pay.scan.other",
    "pay.in_wechat",
    "pay.open",
    "pay.sandbox",
    "pay.other_way",
    "pay.offline",
    "pay.asking",
)
STEPS: Final = ("waiting", "paid", "credited", "power_on")


def routes(parts: Parts) -> list[web.RouteDef]:
    """`/pay/{token}` and its files."""
    page = _Page(parts)
    return [web.get("/pay/{token}", page.show), web.get("/pay/static/{name}", page.file)]


class _Page:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._template = Template((STATIC / "pay.html").read_text(encoding="utf-8"))

    async def show(self, request: web.Request) -> web.Response:
        """The page as things stand."""
        language = self._language(request)
        try:
            await self._limit(request)
            state, status = await self._state(request.match_info["token"], language), 200
            again: Mapping[str, str] = {}
        except Trouble as trouble:
            state, status = _sad(self._parts.words, language, trouble), _status(trouble)
            again = when_again(trouble, status)
        body = self._template.substitute(_filled(self._parts.words, language, state))
        headers = {**HEADERS, **again}
        return web.Response(status=status, body=body.encode(), content_type="text/html", headers=headers)

    async def file(self, request: web.Request) -> web.Response:
        """A file of the page."""
        name = request.match_info["name"]
        if name not in FILES:
            raise web.HTTPNotFound
        headers = {**HEADERS, "Cache-Control": "no-cache"}
        return web.Response(body=(STATIC / name).read_bytes(), content_type=FILES[name], headers=headers)

    def _language(self, request: web.Request) -> str:
        wished = request.query.get("lang", "")
        return wished if wished in ("zh", "en") else accepted(request.headers.get("Accept-Language", ""), self._parts)

    async def _limit(self, request: web.Request) -> None:
        address = address_of(request, self._parts.trusted_proxies)
        key = f"api:open:{address}"
        wait_ms = await self._parts.limiter.take(key, per_minute=OPEN_PER_ADDRESS, burst=OPEN_PER_ADDRESS)
        if wait_ms:
            raise Refused("refused.request_rate", retry_after_ms=wait_ms)

    async def _state(self, token: str, language: str) -> dict[str, object]:
        """A payment that has begun is shown as it stands, whatever became of the link; else what the link is for."""
        words = self._parts.words
        progress = await follow_pay_link(self._parts.business, token)
        if progress is not None and progress.order.state not in {*OPEN, OrderState.EXPIRED}:
            return _begun(words, language, progress)
        view = await look_at_pay_link(self._parts.business, token)
        return {**_open(words, language, token, view), "payer_url": self._parts.payer_url}


def _open(words: Words, language: str, token: str, view: PayLinkView) -> dict[str, object]:
    providers = [
        {"name": name, "label": words.text(language, f"pay.provider.{name}" if name in NAMED else "pay.provider.other")}
        for name in view.providers
    ]
    return {
        "kind": "open",
        "token": token,
        "site": view.site_name,
        "label": view.label,
        "amount_fen": view.amount_fen,
        "min_fen": MIN_TOPUP_FEN,
        "max_fen": MAX_TOPUP_FEN,
        "providers": providers,
        "until": words.text(language, "pay.until", until=view.expires_at),
        "stage": "none",
    }


def _begun(words: Words, language: str, progress: Progress) -> dict[str, object]:
    return {
        "kind": "begun",
        "amount_fen": progress.order.amount_fen,
        "stage": progress.stage,
        "ended": progress.ended,
        "words": words.text(language, f"pay.stage.{progress.stage}"),
    }


def _sad(words: Words, language: str, trouble: Trouble) -> dict[str, object]:
    return {"kind": "sad", "words": words.trouble(language, trouble), "stage": "none", "amount_fen": None}


def _status(trouble: Trouble) -> int:
    """Kept plain: the page itself says what is wrong, and a 410 lets nobody cache or crawl it."""
    if trouble.key in ("refused.pay_link_expired", "refused.pay_link_used"):
        return 410
    return 429 if trouble.key == "refused.request_rate" else 404 if isinstance(trouble, Refused) else 503


def _filled(words: Words, language: str, state: dict[str, object]) -> dict[str, str]:
    """What the template asks for; everything escaped."""
    amount = state["amount_fen"]
    least, most = MIN_TOPUP_FEN * MICRO_PER_FEN, MAX_TOPUP_FEN * MICRO_PER_FEN
    steps = {step: words.text(language, f"pay.step.{step}") for step in STEPS}
    given = {key.removeprefix("pay."): words.text(language, key) for key in WORDS}
    given["amount_range"] = words.text(language, "pay.amount_range", least_micro=least, most_micro=most)
    plain = {
        "language": "zh-CN" if language == "zh" else "en",
        "other": "en" if language == "zh" else "zh",
        "other_name": words.text("en" if language == "zh" else "zh", "pay.language"),
        "title": words.text(language, "pay.title"),
        "for_whom": f"{state['site']} · {state['label']}" if "site" in state else "",
        "amount": f"¥{yuan_text(amount * MICRO_PER_FEN)}" if isinstance(amount, int) else "",
        "amount_label": words.text(language, "pay.amount"),
        "until": str(state.get("until", "")),
        "safe": words.text(language, "pay.safe"),
        "said": str(state.get("words", "")),
        "kind": str(state["kind"]),
        "steps_label": words.text(language, "pay.steps"),
        "state": json.dumps({**state, "steps": steps, "words": given, "said": state.get("words", "")}),
    }
    return {name: html.escape(text, quote=True) for name, text in plain.items()}
