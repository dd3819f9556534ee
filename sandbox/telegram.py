"""A stand-in for Telegram's Bot API on loopback: strict about what the bot sends, able to fail in Telegram's ways.

People live in the same process: `sandbox.user(7).say("/start")`. Updates go out by long polling or by webhook,
whichever the bot has asked for. `flood`, `fail`, `block` and `stop`/`start` bring the bad days.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any, Self, cast

import aiohttp
from aiohttp import web

from sandbox.telegram_checks import (
    CAPTION_CHARS,
    PARAMETERS,
    SECRET,
    TEXT_CHARS,
    BadCallError,
    bad_request,
    check_commands,
    check_keyboard,
    check_parameters,
    check_text,
    is_photograph,
)
from sandbox.telegram_files import SentFiles, read_params
from sandbox.telegram_people import SandboxUser, Screen, Shown

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"  # noqa: S105  the documentation's own example
BOT = {"id": 110201543, "is_bot": True, "first_name": "chatwatt", "username": "chatwatt_bot"}
WEBHOOK_TRIES = 20
WEBHOOK_RETRY_S = 0.05
_SENDS = ("sendMessage", "sendPhoto", "sendDocument", "editMessageText")


@dataclass(slots=True)
class Fault:
    """The next calls of `method` fail with `code`; 0 never answers until the caller has gone."""

    method: str
    code: int
    times: int


@dataclass(frozen=True, slots=True)
class Call:
    """One call that arrived, for the record."""

    method: str
    params: dict[str, Any]
    at: float
    code: int


class TelegramSandbox:
    """The server and the people. Use as an async context manager, or `start` and `stop` it."""

    def __init__(self, *, token: str = TOKEN, port: int = 0) -> None:
        self.token = token
        self.port = port
        self.calls: list[Call] = []
        self.commands: dict[tuple[str, str], list[dict[str, str]]] = {}
        """Command menus by (scope, language)."""
        self.webhook: dict[str, str] | None = None
        self.webhook_statuses: list[int] = []
        self.changed = asyncio.Condition()
        self.files = SentFiles(token)
        self._screens: dict[int, Screen] = {}
        self._users: dict[int, SandboxUser] = {}
        self._updates: list[dict[str, Any]] = []
        self._faults: list[Fault] = []
        self._blocked: set[int] = set()
        self._flood_until = 0.0
        self.most_per_s: int | None = None
        """With a figure, sends beyond so many in any second are answered with 429."""
        self._sends: deque[float] = deque()
        self._polling = 0
        self._ticks = 0
        self._update_id = 900
        self._runner: web.AppRunner | None = None
        self._pusher: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def api_base(self) -> str:
        """What the bot takes for https://api.telegram.org."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listens; on the same port as before when it was stopped."""
        app = web.Application(client_max_size=12 * 1024 * 1024)
        app.router.add_post("/bot{token}/{method}", self._serve)
        app.router.add_get("/file/bot{token}/documents/{name}", self.files.serve)
        # A caller that has gone ends its call, as a long poll of a bot that stops.
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = cast("tuple[str, int]", self._runner.addresses[0])[1]

    async def stop(self) -> None:
        """Goes away; what people and the bot have said stays."""
        if self._pusher is not None:
            self._pusher.cancel()
            await asyncio.gather(self._pusher, return_exceptions=True)
            self._pusher = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def user(self, user_id: int, *, language: str = "zh-hans") -> SandboxUser:
        """A person; the same one for the same id."""
        return self._users.setdefault(user_id, SandboxUser(self, user_id, language))

    def screen(self, chat_id: int) -> Screen:
        """A chat as its members see it; opened on first use, as when somebody first writes to the bot."""
        kind: dict[str, Any] = {"type": "private", "first_name": "Guest"}
        if chat_id < 0:
            kind = {"type": "supergroup", "title": "House"}
        return self._screens.setdefault(chat_id, Screen(chat={"id": chat_id, **kind}))

    def ticks(self) -> int:
        """Grows with everything that happens."""
        self._ticks += 1
        return self._ticks

    def fail(self, method: str, code: int, *, times: int = 1) -> None:
        """Makes the next calls of `method` fail; code 0 leaves them without an answer."""
        self._faults.append(Fault(method, code, times))

    def flood(self, seconds: float) -> None:
        """Answers every send with 429 for that long."""
        self._flood_until = asyncio.get_running_loop().time() + seconds

    def block(self, user_id: int) -> None:
        """The person blocks the bot."""
        self._blocked.add(user_id)

    async def deliver(self, kind: str, body: dict[str, Any]) -> int:
        """Queues an update for the bot. Returns its id."""
        self._update_id += 1
        await self.deliver_again({"update_id": self._update_id, kind: body})
        return self._update_id

    async def deliver_again(self, update: dict[str, Any]) -> None:
        """Queues an update as it is, also one that was delivered before."""
        self._updates.append(update)
        await self._note()

    @property
    def pending(self) -> list[dict[str, Any]]:
        """Updates that the bot has not confirmed."""
        return list(self._updates)

    async def wait_calls(self, method: str, count: int, timeout_s: float = 5.0) -> list[Call]:
        """Waits until `method` has been called that often."""

        def made() -> list[Call]:
            return [call for call in self.calls if call.method == method]

        async with asyncio.timeout(timeout_s), self.changed:
            await self.changed.wait_for(lambda: len(made()) >= count)
        return made()

    async def wait_confirmed(self, timeout_s: float = 5.0) -> None:
        """Waits until the bot has confirmed every update."""
        async with asyncio.timeout(timeout_s), self.changed:
            await self.changed.wait_for(lambda: not self._updates)

    async def _note(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        params: dict[str, Any] = {}
        code = 200
        answer: dict[str, Any] = {"ok": True}
        try:
            params = await read_params(request)
            answer["result"] = await self._answer(request.match_info["token"], method, params)
        except BadCallError as error:
            code = error.code
            answer = {"ok": False, "error_code": code, "description": error.description}
            if error.parameters:
                answer["parameters"] = error.parameters
        self.calls.append(Call(method, params, asyncio.get_running_loop().time(), code))
        await self._note()
        return web.json_response(answer, status=code)

    async def _answer(self, token: str, method: str, params: dict[str, Any]) -> Any:
        if token != self.token:
            raise BadCallError(401, "Unauthorized")
        if method not in PARAMETERS:
            raise BadCallError(404, "Not Found")
        await self._maybe_fail(method)
        check_parameters(method, params)
        if method in _SENDS:
            self._check_reachable(params)
        return await getattr(self, f"_{method}")(params)

    async def _maybe_fail(self, method: str) -> None:
        fault = next((f for f in self._faults if f.method == method and f.times > 0), None)
        if fault is None:
            return
        fault.times -= 1
        if fault.code == 0:
            # The caller gives up first; its going away cancels this handler.
            await asyncio.sleep(60)
        raise BadCallError(fault.code or 504, f"made to fail with {fault.code}")

    def _check_reachable(self, params: dict[str, Any]) -> None:
        left_s = self._flood_until - asyncio.get_running_loop().time()
        if left_s > 0:
            seconds = int(-(-left_s // 1))
            raise BadCallError(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
        self._check_rate()
        chat_id = _whole(params, "chat_id")
        if chat_id not in self._screens:
            raise bad_request("chat not found")
        if chat_id in self._blocked:
            raise BadCallError(403, "Forbidden: bot was blocked by the user")

    def _check_rate(self) -> None:
        if self.most_per_s is None:
            return
        now = asyncio.get_running_loop().time()
        while self._sends and self._sends[0] <= now - 1.0:
            self._sends.popleft()
        if len(self._sends) >= self.most_per_s:
            raise BadCallError(429, "Too Many Requests: retry after 1", retry_after=1)
        self._sends.append(now)

    async def _getMe(self, params: dict[str, Any]) -> Any:  # noqa: N802, ARG002  named as in the Bot API
        return BOT

    async def _setWebhook(self, params: dict[str, Any]) -> bool:  # noqa: N802  named as in the Bot API
        if not SECRET.fullmatch(str(params.get("secret_token", "x"))):
            raise bad_request("secret token contains unallowed characters")
        self.webhook = {"url": str(params["url"]), "secret": str(params.get("secret_token", ""))}
        if self._pusher is None:
            self._pusher = asyncio.get_running_loop().create_task(self._push())
        return True

    async def _deleteWebhook(self, params: dict[str, Any]) -> bool:  # noqa: N802, ARG002  named as in the Bot API
        self.webhook = None
        return True

    async def _getWebhookInfo(self, params: dict[str, Any]) -> Any:  # noqa: N802, ARG002  named as in the Bot API
        info = {"has_custom_certificate": False, "pending_update_count": len(self._updates)}
        return {"url": (self.webhook or {}).get("url", ""), **info}

    async def _getUpdates(self, params: dict[str, Any]) -> list[dict[str, Any]]:  # noqa: N802  named as in the Bot API
        if self.webhook is not None or self._polling:
            raise BadCallError(409, "Conflict: terminated by other getUpdates request or by a webhook")
        offset = int(params.get("offset", 0))
        self._updates = [update for update in self._updates if update["update_id"] >= offset]
        await self._note()
        self._polling += 1
        try:
            async with asyncio.timeout(min(50.0, float(params.get("timeout", 0)))), self.changed:
                await self.changed.wait_for(lambda: bool(self._updates))
        except TimeoutError:
            return []
        finally:
            self._polling -= 1
        return self._updates[: int(params.get("limit", 100))]

    async def _push(self) -> None:
        """Posts updates one after the other; one that is refused for too long is dropped."""
        async with aiohttp.ClientSession() as session:
            while True:
                async with self.changed:
                    await self.changed.wait_for(lambda: bool(self._updates))
                await self._push_one(session, self._updates[0])
                self._updates.pop(0)
                await self._note()

    async def _push_one(self, session: aiohttp.ClientSession, update: dict[str, Any]) -> None:
        for _ in range(WEBHOOK_TRIES):
            status = await self.post_webhook(session, update, secret=(self.webhook or {}).get("secret"))
            if 200 <= status < 300:
                return
            await asyncio.sleep(WEBHOOK_RETRY_S)

    async def post_webhook(self, session: aiohttp.ClientSession, update: dict[str, Any], *, secret: str | None) -> int:
        """One delivery attempt with that secret. Returns the status, 0 when nobody listens."""
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret} if secret else {}
        try:
            async with session.post((self.webhook or {}).get("url", ""), json=update, headers=headers) as response:
                self.webhook_statuses.append(response.status)
                return response.status
        except aiohttp.ClientError:
            return 0

    async def _sendMessage(self, params: dict[str, Any]) -> Any:  # noqa: N802  named as in the Bot API
        return await self._show(params, check_text(params, "text", TEXT_CHARS), photo=None)

    async def _sendPhoto(self, params: dict[str, Any]) -> Any:  # noqa: N802  named as in the Bot API
        photo = params.get("photo")
        if not isinstance(photo, bytes) or not is_photograph(photo):
            raise bad_request("IMAGE_PROCESS_FAILED")
        text = check_text(params, "caption", CAPTION_CHARS) if "caption" in params else ""
        return await self._show(params, text, photo=photo)

    async def _sendDocument(self, params: dict[str, Any]) -> Any:  # noqa: N802  named as in the Bot API
        document = params.get("document")
        if not isinstance(document, bytes) or not document:
            raise bad_request("file must be non-empty")
        text = check_text(params, "caption", CAPTION_CHARS) if "caption" in params else ""
        return await self._show(params, text, photo=document)

    async def _getFile(self, params: dict[str, Any]) -> Any:  # noqa: N802  named as in the Bot API
        return self.files.path_of(params.get("file_id"))

    async def _show(self, params: dict[str, Any], text: str, *, photo: bytes | None) -> dict[str, Any]:
        screen = self._screens[_whole(params, "chat_id")]
        html = str(params.get("text", params.get("caption", "")))
        tick = self.ticks()
        message = Shown(tick, text, html, check_keyboard(params), photo, tick)
        screen.shown[message.id] = message
        screen.texts.append(text)
        await self._note()
        return _message_json(screen, message)

    async def _editMessageText(self, params: dict[str, Any]) -> Any:  # noqa: N802  named as in the Bot API
        screen = self._screens[_whole(params, "chat_id")]
        message = screen.shown.get(_whole(params, "message_id"))
        text, keyboard = check_text(params, "text", TEXT_CHARS), check_keyboard(params)
        if message is None:
            raise bad_request("message to edit not found")
        if message.photo is not None:
            raise bad_request("there is no text in the message to edit")
        if (message.html, message.keyboard) == (params["text"], keyboard):
            raise bad_request("message is not modified: specified new message content is the same")
        message.text, message.html, message.keyboard = text, params["text"], keyboard
        message.touched, message.edits = self.ticks(), message.edits + 1
        screen.texts.append(text)
        await self._note()
        return _message_json(screen, message)

    async def _deleteMessage(self, params: dict[str, Any]) -> bool:  # noqa: N802  named as in the Bot API
        screen = self.screen(_whole(params, "chat_id"))
        if screen.shown.pop(_whole(params, "message_id"), None) is None:
            raise bad_request("message to delete not found")
        return True

    async def _answerCallbackQuery(self, params: dict[str, Any]) -> bool:  # noqa: N802  named as in the Bot API
        press_id = str(params["callback_query_id"])
        person = next((user for user in self._users.values() if press_id in user.waiting_presses), None)
        if person is None:
            raise bad_request("query is too old and response timeout expired or query ID is invalid")
        if len(str(params.get("text", ""))) > 200:
            raise BadCallError(400, "Bad Request: MESSAGE_TOO_LONG")
        person.waiting_presses.remove(press_id)
        person.answers.append(str(params.get("text", "")))
        return True

    async def _setMyCommands(self, params: dict[str, Any]) -> bool:  # noqa: N802  named as in the Bot API
        check_commands(params["commands"])
        self.commands[self._scope(params), str(params.get("language_code", ""))] = params["commands"]
        return True

    async def _deleteMyCommands(self, params: dict[str, Any]) -> bool:  # noqa: N802  named as in the Bot API
        self.commands.pop((self._scope(params), str(params.get("language_code", ""))), None)
        return True

    def _scope(self, params: dict[str, Any]) -> str:
        """The scope of a menu: its kind, or "chat:" and the number of a chat that there must be."""
        scope = params.get("scope", {})
        if scope.get("type") != "chat":
            return str(scope.get("type", "default"))
        if _whole(scope, "chat_id") not in self._screens:
            raise bad_request("chat not found")
        return f"chat:{scope['chat_id']}"


def _whole(params: dict[str, Any], name: str) -> int:
    try:
        return int(params[name])
    except (KeyError, ValueError):
        raise bad_request(f"{name} is not a number") from None


def _message_json(screen: Screen, message: Shown) -> dict[str, Any]:
    body: dict[str, Any] = {"message_id": message.id, "date": 1_700_000_000, "chat": screen.chat, "from": BOT}
    if message.photo is not None:
        body["photo"] = [{"file_id": "p", "file_unique_id": "p", "width": 1, "height": 1}]
        return {**body, "caption": message.text}
    return {**body, "text": message.text}
