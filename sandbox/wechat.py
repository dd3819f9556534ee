"""A stand-in for WeChat's servers on loopback: it signs, encrypts and retries as they do, and checks every call.

Followers live in the same process: `sandbox.follower("o-7").say("...")`. The wechatpy library is the other side of
security mode. Windows, templates, tickets and tokens have WeChat's rules; `fail` brings the bad days.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self, cast
from xml.parsers import expat

import aiohttp
from aiohttp import web
from wechatpy.crypto import WeChatCrypto

from sandbox.wechat_checks import BadCallError, check_custom, check_data, check_keys, check_menu, read_reply
from sandbox.wechat_media import PICTURE_BYTES, Pictures
from sandbox.wechat_people import Follower, Shown

APP_ID = "wx5823bf96d3bd56c7"
APP_SECRET = "made-up-secret-of-the-account"  # noqa: S105 - made up
TOKEN = "madeupTokenOfMessages"  # noqa: S105 - made up
AES_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
TRIES = 3
PATIENCE_S = 5.0
TOKEN_S = 7200
OLD_TOKEN_S = 300
SAME_MESSAGE_S = 600


@dataclass(slots=True)
class Delivery:
    """One try to bring a message to the account: how it was answered, 0 for not in time."""

    status: int
    body: str


@dataclass(slots=True)
class Fault:
    """The next calls of `path` are answered with `code`; 0 never answers."""

    path: str
    code: int
    times: int


@dataclass(slots=True)
class Tokens:
    """The tokens that are good, and until when."""

    good: dict[str, float] = field(default_factory=dict)
    stable: str = ""
    issued: int = 0
    forced: int = 0


class WeChatSandbox:
    """The servers and the people. Use as an async context manager. `server_url` is where the account is reached."""

    def __init__(self, now: Callable[[], datetime], *, safe: bool = True, port: int = 0) -> None:
        self.server_url = ""
        self.account = "gh_680bdefc8c5d"
        self.patience_s = [PATIENCE_S] * TRIES
        self.changed = asyncio.Condition()
        self.deliveries: list[Delivery] = []
        self.complaints: list[str] = []
        """Replies of the account that a person would see as trouble."""
        self.calls: list[tuple[str, int]] = []
        self.menu: list[dict[str, Any]] = []
        self.templates: dict[str, set[str]] = {}
        """The fields of each template that the account has."""
        self.port = port
        self.tokens = Tokens()
        self.pictures = Pictures()
        self._now = now
        self._safe = safe
        self._crypto = WeChatCrypto(TOKEN, AES_KEY, APP_ID)
        self._people: dict[str, Follower] = {}
        self._scenes: dict[str, tuple[str, float]] = {}
        self._sent: dict[tuple[str, str], float] = {}
        self._sent_as: dict[tuple[str, str], int] = {}
        self._telling: set[asyncio.Task[None]] = set()
        self._faults: list[Fault] = []
        self._numbers = 7_000_000_000
        self._runner: web.AppRunner | None = None
        self._client: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=PICTURE_BYTES + 64 * 1024)
        app.router.add_route("*", "/cgi-bin/{path:.+}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = cast("tuple[str, int]", self._runner.addresses[0])[1]
        self._client = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*self._telling, return_exceptions=True)
        if self._client is not None:
            await self._client.close()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def api_base(self) -> str:
        """What the account takes for https://api.weixin.qq.com."""
        return f"http://127.0.0.1:{self.port}"

    def follower(self, openid: str) -> Follower:
        """A person; the same one for the same openid."""
        return self._people.setdefault(openid, Follower(self, openid))

    def fail(self, path: str, code: int, *, times: int = 1) -> None:
        """Makes the next calls of `path` fail; code 0 leaves them without an answer."""
        self._faults.append(Fault(path, code, times))

    def mend(self, path: str) -> None:
        """No call of `path` is made to fail any more."""
        self._faults = [each for each in self._faults if each.path != path]

    def revoke_tokens(self) -> None:
        """Somebody else has renewed the token: all that are out are refused."""
        self.tokens.good.clear()
        self.tokens.stable = ""

    async def told(self) -> None:
        """Returns when the account knows what became of every template message."""
        await asyncio.gather(*self._telling)

    def now_s(self) -> int:
        """WeChat's clock."""
        return int(self._now().timestamp())

    def number(self) -> int:
        """The next message number."""
        self._numbers += 1
        return self._numbers

    def picture_of(self, content: bytes) -> str:
        """The number of a picture that a person sends."""
        return self.pictures.sent(content, self.now_s())

    def scene_of(self, ticket: str) -> str:
        """What a scanned code says; nothing once it is over."""
        scene, until = self._scenes.get(ticket, ("", 0.0))
        return scene if self.now_s() < until else ""

    def behind(self, url: str) -> str:
        """The ticket of a code, from what a camera reads of it; "" for no code of ours."""
        return next((ticket for ticket in self._scenes if url == _code_url(ticket)), "")

    def signed(self, xml: str, *, at_s: int | None = None) -> tuple[dict[str, str], str]:
        """Query and body of a message, sealed as WeChat does it."""
        stamp, nonce = str(self.now_s() if at_s is None else at_s), secrets.token_hex(5)
        query = {"timestamp": stamp, "nonce": nonce, "signature": signature(TOKEN, stamp, nonce)}
        if not self._safe:
            return query, xml
        sealed = str(self._crypto.encrypt_message(xml, nonce, stamp))
        fields = _leaves(sealed)
        query |= {"encrypt_type": "aes", "msg_signature": fields["MsgSignature"]}
        to = f"<ToUserName><![CDATA[{self.account}]]></ToUserName>"
        return query, f"<xml>{to}<Encrypt><![CDATA[{fields['Encrypt']}]]></Encrypt></xml>"

    async def verify_url(self) -> bool:
        """What the console does when the server URL is entered."""
        query, _ = self.signed("<xml/>")
        async with self._http.get(self.server_url, params={**query, "echostr": "4971"}) as answer:
            return answer.status == 200 and await answer.text() == "4971"

    async def deliver(self, openid: str, xml: str) -> None:
        """Brings one message, up to three times, and shows the one reply."""
        for patience_s in self.patience_s:
            query, body = self.signed(xml)
            delivery = await self._try(query, body, patience_s)
            async with self.changed:
                self.deliveries.append(delivery)
                self.changed.notify_all()
            if delivery.status:
                self._take_reply(openid, delivery)
                break
        else:
            self.complaints.append("no answer in three tries")
        async with self.changed:
            self.changed.notify_all()

    async def _try(self, query: Mapping[str, str], body: str, patience_s: float) -> Delivery:
        try:
            async with (
                asyncio.timeout(patience_s),
                self._http.post(self.server_url, params=query, data=body.encode()) as answer,
            ):
                return Delivery(answer.status, await answer.text())
        except (TimeoutError, aiohttp.ClientError):
            return Delivery(0, "")

    def _take_reply(self, openid: str, delivery: Delivery) -> None:
        if delivery.status != 200:
            self.complaints.append(f"status {delivery.status}")
            return
        if delivery.body in {"", "success"}:
            return
        try:
            xml = delivery.body
            if self._safe:
                fields = _leaves(xml)
                xml = self._crypto.decrypt_message(
                    {"Encrypt": fields["Encrypt"]}, fields["MsgSignature"], fields["TimeStamp"], fields["Nonce"]
                )
            reply = read_reply(xml)
        except (BadCallError, KeyError, expat.ExpatError) as error:
            self.complaints.append(f"unreadable reply: {error}")
            return
        if reply["ToUserName"] != openid or reply["FromUserName"] != self.account:
            self.complaints.append("reply to somebody else")
            return
        self._people[openid].shown.append(Shown("reply", reply["Content"]))

    @property
    def _http(self) -> aiohttp.ClientSession:
        assert self._client is not None  # noqa: S101 - used inside the context only
        return self._client

    async def _serve(self, request: web.Request) -> web.Response:
        path = request.match_info["path"]
        payload = {} if path == "media/upload" else json.loads(await request.read() or b"{}")
        picture = b""
        try:
            await self._check(path, request)
            if (request.method, path) == ("GET", "media/get"):
                picture = self.pictures.look(request.query.get("media_id"), self.now_s())
            said = {} if picture else await self._answer(path, request, payload)
            answer = {"errcode": 0, "errmsg": "ok", **said}
        except BadCallError as error:
            answer = {"errcode": error.code, "errmsg": error.words}
        code = int(str(answer["errcode"]))
        if path in {"stable_token", "menu/get", "qrcode/create", "media/upload"} and code == 0:
            del answer["errcode"], answer["errmsg"]
        async with self.changed:
            self.calls.append((path, code))
            self.changed.notify_all()
        if picture:
            return web.Response(body=picture, content_type="image/jpeg")
        # WeChat sends JSON under a text type.
        return web.Response(text=json.dumps(answer), content_type="text/plain")

    async def _check(self, path: str, request: web.Request) -> None:
        """Whether the call is to fail, and whether its token is good. Raises `BadCallError`."""
        fault = next((each for each in self._faults if each.path == path and each.times > 0), None)
        if fault is not None:
            fault.times -= 1
            if fault.code == 0:
                await asyncio.Event().wait()
            raise BadCallError(fault.code, "made to fail")
        if path != "stable_token" and self.now_s() >= self.tokens.good.get(request.query.get("access_token", ""), 0.0):
            raise BadCallError(40001, "invalid credential, access_token is invalid or not latest")

    async def _answer(self, path: str, request: web.Request, payload: dict[str, Any]) -> dict[str, Any]:
        if path == "stable_token":
            return self._stable_token(payload)
        if (request.method, path) == ("POST", "media/upload"):
            return await self.pictures.take(request, self.now_s())
        handler = _HANDLERS.get((request.method, path))
        if handler is None:
            raise BadCallError(48001, f"api unauthorized: {path}")
        return handler(self, payload)

    def _stable_token(self, payload: dict[str, Any]) -> dict[str, Any]:
        check_keys(payload, {"grant_type", "appid", "secret"}, frozenset({"force_refresh"}))
        if payload["appid"] != APP_ID:
            raise BadCallError(40013, "invalid appid")
        if payload["secret"] != APP_SECRET:
            raise BadCallError(40125, "invalid appsecret")
        tokens, now_s = self.tokens, self.now_s()
        force = bool(payload.get("force_refresh"))
        tokens.forced += force
        if force or now_s >= tokens.good.get(tokens.stable, 0.0) - OLD_TOKEN_S:
            if tokens.stable in tokens.good:
                tokens.good[tokens.stable] = min(tokens.good[tokens.stable], now_s + OLD_TOKEN_S)
            tokens.issued += 1
            tokens.stable = f"{tokens.issued}_{secrets.token_urlsafe(96)}"
            tokens.good[tokens.stable] = now_s + TOKEN_S
        return {"access_token": tokens.stable, "expires_in": int(tokens.good[tokens.stable] - now_s)}

    def _person(self, payload: Mapping[str, Any]) -> Follower:
        person = self._people.get(str(payload.get("touser")))
        if person is None:
            raise BadCallError(40003, "invalid openid")
        if not person.follows:
            raise BadCallError(43004, "require subscribe")
        return person

    def _custom(self, payload: dict[str, Any]) -> dict[str, Any]:
        text, picture = check_custom(payload), b""
        if payload["msgtype"] == "image":
            picture = self.pictures.look(text, self.now_s())
        person = self._person(payload)
        if self.now_s() >= max(person.words.until, person.acts.until):
            raise BadCallError(45015, "response out of time limit or subscription is canceled")
        if not person.acts.take(self.now_s()) and not person.words.take(self.now_s()):
            raise BadCallError(45047, "out of response count limit")
        person.shown.append(Shown("service", "" if picture else text, picture))
        return {}

    def _template(self, payload: dict[str, Any]) -> dict[str, Any]:
        check_keys(payload, {"touser", "template_id", "data"}, frozenset({"client_msg_id", "url"}))
        values = self._template_values(payload, cut=True)
        person = self._person(payload)
        known = (person.openid, str(payload.get("client_msg_id", "")))
        if known[1] and self.now_s() < self._sent.get(known, 0.0):
            return {"msgid": self._sent_as[known]}
        number = self._sent_as[known] = self.number()
        self._sent[known] = self.now_s() + SAME_MESSAGE_S
        if not person.mutes:
            person.shown.append(Shown("template", json.dumps(values, ensure_ascii=False)))
        told = asyncio.create_task(person.told(number))
        self._telling.add(told)
        told.add_done_callback(self._telling.discard)
        return {"msgid": number}

    def _bizsend(self, payload: dict[str, Any]) -> dict[str, Any]:
        check_keys(payload, {"touser", "template_id", "data"}, frozenset({"page"}))
        values = self._template_values(payload, cut=False)
        person, template = self._person(payload), str(payload["template_id"])
        if person.yeses.get(template, 0) < 1:
            raise BadCallError(43101, "user refuse to accept the msg")
        person.yeses[template] -= 1
        person.shown.append(Shown("subscription", json.dumps(values, ensure_ascii=False)))
        return {}

    def _template_values(self, payload: Mapping[str, Any], *, cut: bool) -> dict[str, str]:
        fields = self.templates.get(str(payload["template_id"]))
        if fields is None:
            raise BadCallError(40037, "invalid template_id")
        return check_data(payload["data"], fields, cut=cut)

    def _get_menu(self, _: dict[str, Any]) -> dict[str, Any]:
        if not self.menu:
            raise BadCallError(46003, "menu no exist")
        return {"menu": {"button": [{"sub_button": [], **button} for button in self.menu]}}

    def _create_menu(self, payload: dict[str, Any]) -> dict[str, Any]:
        self.menu = check_menu(payload)
        return {}

    def _ticket(self, payload: dict[str, Any]) -> dict[str, Any]:
        check_keys(payload, {"expire_seconds", "action_name", "action_info"})
        scene = str(payload["action_info"]["scene"]["scene_str"])
        lasts_s = payload["expire_seconds"]
        if payload["action_name"] != "QR_STR_SCENE" or not 0 < len(scene) <= 64 or not 0 < lasts_s <= 2_592_000:
            raise BadCallError(40053, "invalid action info")
        ticket = secrets.token_urlsafe(48)
        self._scenes[ticket] = (scene, self.now_s() + lasts_s)
        return {"ticket": ticket, "expire_seconds": lasts_s, "url": _code_url(ticket)}


_HANDLERS: dict[tuple[str, str], Callable[[WeChatSandbox, dict[str, Any]], dict[str, Any]]] = {
    ("POST", "message/custom/send"): WeChatSandbox._custom,  # noqa: SLF001 - the table of this very class
    ("POST", "message/template/send"): WeChatSandbox._template,  # noqa: SLF001 - the same
    ("POST", "message/subscribe/bizsend"): WeChatSandbox._bizsend,  # noqa: SLF001 - the same
    ("GET", "menu/get"): WeChatSandbox._get_menu,  # noqa: SLF001 - the same
    ("POST", "menu/create"): WeChatSandbox._create_menu,  # noqa: SLF001 - the same
    ("POST", "qrcode/create"): WeChatSandbox._ticket,  # noqa: SLF001 - the same
}


def signature(*pieces: str) -> str:
    """WeChat's signature of an address."""
    return hashlib.sha1("".join(sorted(pieces)).encode()).hexdigest()  # noqa: S324 - WeChat's choice


def _code_url(ticket: str) -> str:
    return f"http://weixin.qq.com/q/{ticket[:20]}"


def _leaves(xml: str) -> dict[str, str]:
    """The fields of what security mode wraps a message in."""
    found: dict[str, str] = {}
    texts: list[str] = []

    def start(_name: str, _attributes: object) -> None:
        texts.clear()

    def end(name: str) -> None:
        found[name] = "".join(texts)

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = texts.append
    parser.Parse(xml.encode(), True)  # noqa: FBT003 - the parser takes no keyword
    return found
