"""What we ask of WeChat: messages of three kinds, the menu, and codes with a scene. A refused token is renewed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.channels.wechat_http import API, Payload, Upload, WeChatHttp
from bot.channels.wechat_tokens import Tokens
from bot.channels.wechat_trouble import TOKEN_CODES, code_of, trouble_of
from bot.channels.wechat_turns import Claims
from prepaid.domain.errors import InvariantBroken, Refused, TryAgain
from prepaid.ports import Sessions

FETCH = "/cgi-bin/media/get"
FETCH_S = 15.0
NO_MEDIA = 40007
UPLOAD = "/cgi-bin/media/upload"
SEND = "/cgi-bin/message/custom/send"
TEMPLATE = "/cgi-bin/message/template/send"
SUBSCRIPTION = "/cgi-bin/message/subscribe/bizsend"
MINI = "/cgi-bin/message/subscribe/send"
LANGUAGES: Mapping[str, str] = {"zh": "zh_CN", "en": "en_US"}
MENU = "/cgi-bin/menu/get"
CREATE_MENU = "/cgi-bin/menu/create"
TICKET = "/cgi-bin/qrcode/create"
NO_MENU = 46003
TEXT_BYTES = 2048
PICTURE_BYTES = 10 * 1024 * 1024
MESSAGE_ID_CHARS = 32
SCENE_CHARS = 64
TICKET_S_MAX = 30 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A code that brings whoever scans it to the account with a scene. `url` is what the code says."""

    ticket: str
    url: str
    lasts_s: int


class WeChatApi:
    """One official account. Raises `Refused`, `TryAgain` or `Unknown`; none of them holds a token."""

    def __init__(
        self,
        sessions: Sessions,
        claims: Claims,
        *,
        app_id: str,
        secret: str,
        now: Callable[[], datetime],
        base_url: str = API,
        timeout_s: float = 5.0,
        proxy: str | None = None,
    ) -> None:
        self._http = WeChatHttp(base_url=base_url, timeout_s=timeout_s, proxy=proxy)
        self._tokens = Tokens(self._http, sessions, claims, app_id=app_id, secret=secret, now=now)

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.close()

    async def warm(self) -> None:
        """Gets a token, so that the first message does not wait for one."""
        await self._tokens.current()

    async def send_text(self, openid: str, text: str) -> None:
        """A customer-service message, within the window that the person's words have opened."""
        if len(text.encode()) > TEXT_BYTES:
            raise InvariantBroken("a WeChat text is at most 2048 bytes")
        await self._call(SEND, {"touser": openid, "msgtype": "text", "text": {"content": text}})

    async def upload_picture(self, content: bytes, *, name: str = "chart.png", media_type: str = "image/png") -> str:
        """The number of a picture that WeChat keeps for three days."""
        if len(content) > PICTURE_BYTES:
            raise InvariantBroken("a WeChat picture is at most 10 MB")
        upload = Upload(name=name, content_type=media_type, content=content)
        answer = await self._call(UPLOAD, upload, repeatable=True, query={"type": "image"})
        number = answer.get("media_id")
        if not isinstance(number, str) or not number:
            raise TryAgain("try_again.channel")
        return number

    async def fetch_picture(self, number: str) -> bytes:
        """A picture that a person sent within the last three days. Raises `Refused` for what is gone."""
        token = await self._tokens.current()
        got = await self._http.fetch(FETCH, query={"access_token": token, "media_id": number}, within_s=FETCH_S)
        if not isinstance(got, bytes) and code_of(got) in TOKEN_CODES:
            token = await self._tokens.instead_of(token)
            got = await self._http.fetch(FETCH, query={"access_token": token, "media_id": number}, within_s=FETCH_S)
        if isinstance(got, bytes):
            return got
        code = code_of(got)
        if code in {0, NO_MEDIA}:
            raise Refused("refused.file_gone")
        trouble_of(code, FETCH)
        raise TryAgain("try_again.file", code=code)

    async def send_picture(self, openid: str, number: str) -> None:
        """A customer-service message with an uploaded picture, within the same window."""
        await self._call(SEND, {"touser": openid, "msgtype": "image", "image": {"media_id": number}})

    async def send_template(self, openid: str, template: str, data: Mapping[str, str], *, message_id: str) -> str:
        """A template message; its number. The same `message_id` reaches the person once within ten minutes."""
        if not 0 < len(message_id) <= MESSAGE_ID_CHARS:
            raise InvariantBroken("a WeChat message id has 1-32 characters")
        payload = {
            "touser": openid,
            "template_id": template,
            "client_msg_id": message_id,
            "data": {name: {"value": value} for name, value in data.items()},
        }
        return str((await self._call(TEMPLATE, payload, repeatable=True)).get("msgid", ""))

    async def send_subscription(self, openid: str, template: str, data: Mapping[str, str]) -> None:
        """A subscription message; uses up one yes of the person."""
        values = {name: {"value": value} for name, value in data.items()}
        await self._call(SUBSCRIPTION, {"touser": openid, "template_id": template, "data": values})

    async def send_mini(self, openid: str, template: str, data: Mapping[str, str], *, page: str, language: str) -> None:
        """A subscribe message of a mini-program; uses up one yes of the person. `page` is what it opens, if any."""
        values = {name: {"value": value} for name, value in data.items()}
        payload = {"touser": openid, "template_id": template, "data": values, "lang": LANGUAGES.get(language, "zh_CN")}
        await self._call(MINI, payload if not page else {**payload, "page": page})

    async def menu(self) -> list[dict[str, Any]]:
        """The buttons of the menu that stands now; empty when there is none."""
        answer = await self._call(MENU, None, repeatable=True, fine=frozenset({NO_MENU}))
        buttons = (answer.get("menu") or {}).get("button")
        return buttons if isinstance(buttons, list) else []

    async def set_menu(self, buttons: list[dict[str, Any]]) -> None:
        """Replaces the menu."""
        await self._call(CREATE_MENU, {"button": buttons}, repeatable=True)

    async def ticket(self, scene: str, *, lasts_s: int) -> Ticket:
        """A code with a scene, for a while."""
        if not 0 < len(scene) <= SCENE_CHARS or not 0 < lasts_s <= TICKET_S_MAX:
            raise InvariantBroken("a scene has 1-64 characters and lasts 30 days at most")
        payload = {
            "expire_seconds": lasts_s,
            "action_name": "QR_STR_SCENE",
            "action_info": {"scene": {"scene_str": scene}},
        }
        answer = await self._call(TICKET, payload, repeatable=True)
        ticket, url = answer.get("ticket"), answer.get("url")
        if not isinstance(ticket, str) or not isinstance(url, str):
            raise TryAgain("try_again.channel")
        return Ticket(ticket=ticket, url=url, lasts_s=lasts_s)

    async def _call(
        self,
        path: str,
        payload: Payload,
        *,
        query: Mapping[str, str] | None = None,
        repeatable: bool = False,
        fine: frozenset[int] = frozenset(),
    ) -> dict[str, Any]:
        token = await self._tokens.current()
        asked = {**(query or {}), "access_token": token}
        answer = await self._http.call(path, payload, query=asked, repeatable=repeatable)
        if code_of(answer) in TOKEN_CODES:
            # A refused token has done nothing, so the call may be made again with another, once.
            token = await self._tokens.instead_of(token)
            answer = await self._http.call(path, payload, query={**asked, "access_token": token}, repeatable=repeatable)
        code = code_of(answer)
        if code and code not in fine:
            raise trouble_of(code, path)
        return answer
