"""What people and providers prove themselves by shows in no log, metric or error, though it is right and is used (A7).

Each proof is used once for good, then once more or changed, so that refusals and troubles are looked at as well.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from prometheus_client import generate_latest

from bot.channels.telegram_intake import SECRET_HEADER
from chatwatt import logs
from chatwatt.embedded import StoreUris
from miniprogram_api.contract import ROOT
from miniprogram_api.overview.page import COOKIE
from payments import notifications
from payments.providers import build as provider
from prepaid.domain.access import Actor
from prepaid.storage.driver import Database, connect
from prepaid.usecases.log_in import issue_login_code
from prepaid.usecases.page_sessions import make_page_link, open_page
from sandbox.wechat import AES_KEY, APP_SECRET, TOKEN
from sandbox.wechat_pay import SandboxWeChatPay
from tests.contract.test_api_logins import init_data
from tests.contract.test_telegram_story import PlainSessions, Script
from tests.contract.test_telegram_webhook import SECRET, served, update_from
from tests.contract.test_wechat_webhook import Echo, post, text_xml
from tests.fakes.api_house import BOT_TOKEN, ApiHouse, api_house
from tests.fakes.clock import ManualClock
from tests.fakes.payment_rig import fresh_keys_dir
from tests.fakes.wechat_rig import PlainClaims, account
from tests.fakes.wechat_rig import served as served_at

PHONE = "13912345678"
NAME = "Wang Xiaoming"
OPENID = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
WX_CODE = "0a1B2c3D4e5F6g7H8i9J0k"


@dataclass
class Said:
    """What was secret, and what was answered with an error."""

    secrets: dict[str, str] = field(default_factory=dict)
    errors: list[tuple[int, str, str]] = field(default_factory=list)
    well: int = 0

    def hear(self, status: int, what: str, body: str) -> None:
        """One answer."""
        if status < 400:
            self.well += 1
        else:
            self.errors.append((status, what, body))

    def complaints(self, out: str) -> list[str]:
        """Secrets that stand where they must not."""
        metrics = generate_latest().decode()
        found = [f"{name} is logged" for name, secret in self.secrets.items() if secret in out]
        found += [f"{name} is in the metrics" for name, secret in self.secrets.items() if secret in metrics]
        for status, what, body in self.errors:
            found += [f"{name} is in {status} of {what}" for name, secret in self.secrets.items() if secret in body]
        assert all(len(secret) >= 6 for secret in self.secrets.values()), self.secrets
        return found


@dataclass
class Caller:
    """Asks the API and its pages, and keeps what came back."""

    house: ApiHouse
    said: Said
    payments: SandboxWeChatPay
    token: str = ""

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> str:
        """One request with whatever proves who asks."""
        given = {
            "Accept-Language": "en",
            **({"Authorization": f"Bearer {self.token}"} if self.token else {}),
            **headers,
        }
        url = self.house.url + path
        async with self.house.session.request(method, url, json=body, headers=given, allow_redirects=False) as answer:
            text = "" if answer.content_type == "text/event-stream" else await answer.text()
            self.said.hear(answer.status, f"{method} {path.split('?', maxsplit=1)[0][:20]}", text)
            return text


@asynccontextmanager
async def paying_house(
    connection: Database, clock: ManualClock, folder: Path
) -> AsyncIterator[tuple[ApiHouse, SandboxWeChatPay, str]]:
    """The API with WeChat Pay's stand-in behind it; and where notifications come in."""
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(SandboxWeChatPay(keys_dir=fresh_keys_dir(folder), clock=clock))
        house = await stack.enter_async_context(api_house(connection, clock, business={"providers": {}}))
        providers = house.parts.business.providers
        doors = notifications.routes(house.parts.business, providers)  # type: ignore[arg-type]
        base = await stack.enter_async_context(served_at(doors))
        config = sandbox.merchant_config(f"{base}/notify/wechat_pay")
        made = provider("wechat_pay", config.model_dump(), clock)
        stack.push_async_callback(made.aclose)
        providers["wechat_pay"] = made  # type: ignore[index]
        yield house, sandbox, f"{base}/notify/wechat_pay"


async def log_in(caller: Caller, tenant: Actor) -> None:
    """By a code from chat, by WeChat's and by Telegram's, each used twice; tokens renewed twice by the same one."""
    house, secrets = caller.house, caller.said.secrets
    secrets["login code"] = await issue_login_code(house.parts.business, tenant)
    house.codes.known[WX_CODE] = OPENID
    secrets |= {"code of wx.login": WX_CODE, "openid": OPENID, "bot token": BOT_TOKEN}
    telegram = init_data(user=json.dumps({"id": 4211, "first_name": NAME}))
    secrets |= {"hash of initData": parse_qs(telegram)["hash"][0], "name": NAME}
    for _ in range(2):
        first = await caller.ask("POST", f"{ROOT}/login/code", {"code": secrets["login code"]})
        caller.token = caller.token or json.loads(first)["access_token"]
        secrets.setdefault("refresh token", json.loads(first).get("refresh_token", ""))
        await caller.ask("POST", f"{ROOT}/login/wechat", {"code": WX_CODE})
        await caller.ask("POST", f"{ROOT}/login/telegram", {"init_data": telegram})
    secrets["access token"] = caller.token


async def use(caller: Caller) -> str:
    """Reads, writes and fails as a tenant; makes a link and pays by it. Returns the address to pay at."""
    secrets = caller.said.secrets
    secrets["idempotency key"] = "key-7f3a9c2e51d84b60"
    for path in ("/me", "/accounts/acc-1/balance", "/accounts/acc-9/balance", "/accounts/acc-1/entries?cursor=bad"):
        await caller.ask("GET", ROOT + path)
    secrets["phone"] = PHONE
    await caller.ask("POST", f"{ROOT}/me/contacts", {"channel": "sms", "address": PHONE})
    await caller.ask("POST", f"{ROOT}/me/contacts", {"channel": "sms", "address": PHONE, "name": NAME})
    key = {"Idempotency-Key": secrets["idempotency key"]}
    made = json.loads(await caller.ask("POST", f"{ROOT}/accounts/acc-1/pay-links", {"amount_fen": 2_000}, **key))
    await caller.ask("POST", f"{ROOT}/accounts/acc-1/pay-links", {"amount_fen": 3_000}, **key)
    secrets["pay link"] = made["token"]
    stranger = Caller(caller.house, caller.said, caller.payments)
    await stranger.ask("GET", f"/pay/{made['token']}")
    await stranger.ask("GET", f"{ROOT}/pay/{made['token']}")
    wish = {"provider": "wechat_pay", "way": "qr"}
    paid = json.loads(await stranger.ask("POST", f"{ROOT}/pay/{made['token']}/orders", wish))
    await stranger.ask("POST", f"{ROOT}/pay/{made['token']}/orders", {**wish, "amount_fen": 5})
    await stranger.ask("GET", f"{ROOT}/pay/{made['token']}/progress")
    return str(paid["payment"]["code_uri"])


async def notify(caller: Caller, code_uri: str, notify_url: str, connection: Database) -> None:
    """The provider tells of the payment; the same again, and with a byte changed."""
    sandbox = caller.payments
    url = f"{sandbox.base_url}/sandbox/pay"
    async with caller.house.session.post(url, json={"code_url": code_uri}) as answer:
        assert answer.status == 200
    assert (await sandbox.wait_answers(1))[0].status < 300
    row = await connection.collection("inbox").find_one({})
    assert row is not None
    raw, headers = bytes(row["raw"]), {str(name): str(value) for name, value in row["headers"].items()}
    signature = next(value for name, value in headers.items() if name.lower() == "wechatpay-signature")
    caller.said.secrets["signature of a notification"] = signature
    caller.said.secrets["sealed part of a notification"] = json.loads(raw)["resource"]["ciphertext"]
    for body in (raw, raw.replace(b"TRANSACTION", b"transaction"), b"{}"):
        async with caller.house.session.post(notify_url, data=body, headers=_sendable(headers)) as answer:
            caller.said.hear(answer.status, "a notification", await answer.text())


def _sendable(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in ("content-length", "host")}


async def look(caller: Caller, admin: Actor) -> None:
    """The overview by its link: opened, used up, looked at, exported, left."""
    business, secrets = caller.house.parts.business, caller.said.secrets
    link, other = await make_page_link(business, admin), await make_page_link(business, admin)
    assert link is not None
    assert other is not None
    secrets |= {"overview link": link.token, "overview cookie": (await open_page(business, other.token)).cookie}
    cookie = {"Cookie": f"{COOKIE}={secrets['overview cookie']}"}
    for method, path, headers in (
        ("GET", f"/overview/open/{link.token}", {}),
        ("POST", f"/overview/open/{link.token}", {}),
        ("POST", f"/overview/open/{link.token}", {}),
        ("GET", "/overview?at=acme/nowhere", cookie),
        ("GET", "/overview", cookie),
        ("GET", "/overview/events", cookie),
        ("GET", "/overview/export.csv", cookie),
        ("POST", "/overview/leave", cookie),
        ("GET", "/overview", cookie),
    ):
        await caller.ask(method, path, **headers)


@pytest.mark.timeout(180)
async def test_proofs_for_api_and_pages_are_nowhere(
    database: Database, store_uris: StoreUris, clock: ManualClock, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A7: logins, tokens, links, cookies, phones, names and notifications, used well, badly, and without the store."""
    connection = connect(store_uris.mongodb_uri, database.name)
    said = Said()
    async with paying_house(connection, clock, tmp_path) as (house, payments, notify_url):
        logs.configure(level="DEBUG")
        tenant, admin = await house.building.flat(1, balance_micro=5_000_000), await house.building.operator()
        caller = Caller(house, said, payments)
        await log_in(caller, tenant)
        await notify(caller, await use(caller), notify_url, connection)
        await look(caller, admin)
        refresh = {"refresh_token": said.secrets["refresh token"]}
        await caller.ask("POST", f"{ROOT}/login/refresh", refresh)
        await caller.ask("POST", f"{ROOT}/login/refresh", refresh)
        clock.advance(days=2)
        await caller.ask("GET", f"{ROOT}/me")
        await connection.close()
        token = said.secrets["pay link"]
        for path in (f"/pay/{token}", f"{ROOT}/pay/{token}", f"{ROOT}/me"):
            await caller.ask("GET", path)
        await caller.ask("POST", f"{ROOT}/login/code", {"code": said.secrets["login code"]})
    out = "".join(capfd.readouterr())
    assert said.well >= 15
    assert len([status for status, _, _ in said.errors if 400 <= status < 500]) >= 8
    assert [status for status, _, _ in said.errors if status >= 500]
    assert said.complaints(out) == []
    assert len(said.secrets) >= 14


@pytest.mark.timeout(120)
async def test_proofs_for_the_chats_webhooks_are_nowhere(clock: ManualClock, capfd: pytest.CaptureFixture[str]) -> None:
    """A7: Telegram's secret and token, WeChat's signatures and keys, and whatever a person wrote or is called."""
    said = Said({"telegram secret": SECRET, "phone": PHONE, "name": NAME})
    said.secrets |= {"wechat token": TOKEN, "wechat key": AES_KEY, "wechat secret": APP_SECRET}
    words = f"{NAME} {PHONE}"
    async with served(Script()) as door:
        logs.configure(level="DEBUG")
        said.secrets["bot token"] = door.sandbox.token
        update = update_from(door, 1, words)
        for body, secret in (
            (update, SECRET),
            (update, SECRET),
            (update, SECRET + "x"),
            ({"update_id": words}, SECRET),
        ):
            async with door.http.post(door.url, json=body, headers={SECRET_HEADER: secret}) as answer:
                said.hear(answer.status, "telegram", await answer.text())
        await door.sandbox.user(7).wait_message(lambda message: words in message.text)
    async with account(Echo(), PlainSessions(), PlainClaims(), clock) as wechat:
        query, sealed = wechat.sandbox.signed(text_xml(words))
        said.secrets["signature"] = query["msg_signature"]
        for given, sent in (
            (query, sealed),
            (query, sealed),
            (query, sealed[:-9]),
            ({**query, "signature": "x"}, sealed),
        ):
            said.hear(*_named(await post(wechat.sandbox.server_url, given, sent)))
    out = "".join(capfd.readouterr())
    assert said.well >= 3
    assert len(said.errors) >= 3
    assert said.complaints(out) == []


def _named(answer: tuple[int, str]) -> tuple[int, str, str]:
    return answer[0], "wechat", answer[1]
