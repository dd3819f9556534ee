"""Logins of programs: proofs, tokens that end, refresh tokens that work once, and the door's bounds."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import pytest

from miniprogram_api.contract import BODY_BYTES_MAX
from miniprogram_api.proofs.telegram import telegram_user
from miniprogram_api.proofs.wechat import WeChatCodes
from prepaid.domain.access import Actor
from prepaid.domain.errors import Refused, TryAgain
from prepaid.domain.logins import ACCESS_TTL, LOGIN_CODE_TTL, LOGIN_TRIES, Login, read_access, seal_access, seal_refresh
from prepaid.storage.driver import Database
from prepaid.usecases.log_in import issue_login_code
from sandbox.wechat_mini import APPID, SECRET, SandboxWeChatMini
from tests.fakes.api_house import BOT_TOKEN, KEY, Answer, ApiHouse, api_house
from tests.fakes.clock import EPOCH, ManualClock


@pytest.fixture
async def house(database: Database, clock: ManualClock) -> AsyncIterator[ApiHouse]:
    """The API over an empty building."""
    async with api_house(database, clock, origins=frozenset({"https://shop.example"}), read_s_max=0.2) as house:
        yield house


@pytest.fixture
async def tenant(house: ApiHouse) -> Actor:
    """Whoever lives in 101."""
    return await house.building.flat(1, balance_micro=7_000_000)


def init_data(token: str = BOT_TOKEN, **fields: str) -> str:
    """What Telegram gives a Web App, signed as its documents say."""
    given = {"auth_date": str(int(EPOCH.timestamp())), "query_id": "q", "user": '{"id": 4211, "first_name": "李"}'}
    given |= fields
    secret = hmac.new(b"WebAppData", token.encode(), hashlib.sha256).digest()
    text = "\n".join(f"{name}={given[name]}" for name in sorted(given))
    return urlencode({**given, "hash": hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()})


async def me(house: ApiHouse, token: str) -> Answer:
    """Who that token is."""
    return await house.call("GET", "/me", token=token)


async def test_three_ways_lead_to_a_person(house: ApiHouse, tenant: Actor) -> None:
    """A1, A5: WeChat's code, Telegram's signed data and a code from chat log in; a proof works once or in its time."""
    house.codes.known["js-1"] = "openid-1"
    wechat = await house.call("POST", "/login/wechat", body={"code": "js-1"})
    again = await house.call("POST", "/login/wechat", body={"code": "js-1"})
    telegram = await house.call("POST", "/login/telegram", body={"init_data": init_data()})
    code = await issue_login_code(house.parts.business, tenant)
    by_code, used = [await house.call("POST", "/login/code", body={"code": code}) for _ in range(2)]
    assert [one.status for one in (wechat, telegram, by_code)] == [200, 200, 200]
    assert (again.status, again.body["key"]) == (401, "refused.login_proof")
    assert (used.status, used.body["key"]) == (422, "refused.code_wrong")
    mine = await me(house, by_code.body["access_token"])
    assert (mine.body["person_id"], [each["label"] for each in mine.body["accounts"]]) == (tenant.id, ["101"])
    strangers = [await me(house, one.body["access_token"]) for one in (wechat, telegram)]
    assert [one.body["accounts"] for one in strangers] == [[], []]
    people = house.building.business.store.people
    assert strangers[1].body["person_id"] == (await people.at("telegram", "4211", language="zh")).id


@pytest.mark.parametrize(
    "data",
    [
        init_data("43:other-bot"),
        init_data().replace("4211", "4212"),
        init_data(auth_date=str(int(EPOCH.timestamp()) - 601)),
        init_data(auth_date=str(int(EPOCH.timestamp()) + 120)),
        init_data(user='{"id": true}'),
        init_data(user="[" * 5000),
        init_data() + "&user=%7B%22id%22%3A1%7D",
        "hash=&auth_date=1",
        "hash=é",
        "no pairs",
    ],
)
def test_telegram_data_of_anybody_else_is_refused(data: str) -> None:
    """A4: another bot's signature, changed, stale, early, doubled or broken data prove nothing."""
    assert telegram_user(init_data(), BOT_TOKEN, EPOCH) == "4211"
    with pytest.raises(Refused):
        telegram_user(data, BOT_TOKEN, EPOCH)


async def test_a_refresh_token_used_twice_ends_the_login(house: ApiHouse, tenant: Actor) -> None:
    """A4: tokens rotate; whoever comes with a used one, at once or later, ends every token of that login, no other."""
    first, other = await house.tokens(tenant), await house.tokens(tenant)

    async def refresh(token: str) -> Answer:
        return await house.call("POST", "/login/refresh", body={"refresh_token": token})

    fresh = await refresh(first.refresh)
    assert (await me(house, fresh.body["access_token"])).status == 200
    both = await asyncio.gather(refresh(fresh.body["refresh_token"]), refresh(fresh.body["refresh_token"]))
    assert sorted(one.status for one in both) == [200, 401]
    winner = next(one for one in both if one.status == 200)
    assert (await refresh(winner.body["refresh_token"])).status == 401
    assert (await me(house, winner.body["access_token"])).status == 401
    assert (await me(house, other.access)).status == 200
    trail = await house.parts.business.store.audit.latest(first_login(fresh), 10)
    assert [line.refused for line in trail] == ["refused.token_reused"]


def first_login(answer: Answer) -> str:
    """The login that a token names."""
    return read_access(KEY, answer.body["access_token"], EPOCH).login_id


async def test_tokens_of_others_and_tokens_that_ended_open_nothing(house: ApiHouse, tenant: Actor) -> None:
    """A1, A4: another key, another kind, a changed letter, an ended time and a lost login are all the same no."""
    held = await house.tokens(tenant)
    login = Login(id="0" * 20, person_id=tenant.id, way="code", made_at=EPOCH, expires_at=EPOCH + ACCESS_TTL)
    body, seal = held.access.rsplit(".", 1)
    wrong = {
        "other key": seal_access(b"x" * 32, login, EPOCH + ACCESS_TTL),
        "no such login": seal_access(KEY, login, EPOCH + ACCESS_TTL),
        "a refresh token": seal_refresh(KEY, first_login_id(held.access), 0),
        "changed": f"{body[:-6]}{body[-6:].swapcase()}.{seal}",
        "cut": held.access[:-2],
        "long": "a" * 399,
        "none": "",
    }
    answers = {name: await me(house, token) for name, token in wrong.items()}
    assert {name: one.status for name, one in answers.items()} == dict.fromkeys(wrong, 401)
    assert all(one.headers["WWW-Authenticate"].startswith("Bearer") for one in answers.values())
    house.building.clock.advance(seconds=ACCESS_TTL.total_seconds())
    assert (await me(house, held.access)).body["key"] == "refused.token_expired"
    assert (await house.call("POST", "/login/refresh", body={"refresh_token": held.refresh})).status == 200


def first_login_id(token: str) -> str:
    """The login that a token names."""
    return read_access(KEY, token, EPOCH).login_id


async def test_logging_out_takes_hold_at_once(house: ApiHouse, tenant: Actor) -> None:
    """A5: one login or all of them; the next request with an access token that had minutes left is refused."""
    one, two, three = [await house.tokens(tenant) for _ in range(3)]
    assert (await house.call("POST", "/logout", token=one.access)).status == 204
    assert [(await me(house, each.access)).status for each in (one, two, three)] == [401, 200, 200]
    assert (await house.call("POST", "/logout/everywhere", token=two.access)).status == 204
    assert [(await me(house, each.access)).status for each in (two, three)] == [401, 401]
    assert (await house.call("POST", "/login/refresh", body={"refresh_token": three.refresh})).status == 401


async def test_codes_end_and_guessing_ends(house: ApiHouse, tenant: Actor) -> None:
    """A5: a code is good for five minutes; one place has so many tries in ten, and then no good one."""
    late = await issue_login_code(house.parts.business, tenant)
    house.building.clock.advance(seconds=LOGIN_CODE_TTL.total_seconds())
    tries = [
        await house.call("POST", "/login/code", body={"code": each})
        for each in (late, *["7K2MQ4XA"] * (LOGIN_TRIES - 1))
    ]
    good = await issue_login_code(house.parts.business, tenant)
    assert [one.status for one in tries] == [422] * LOGIN_TRIES
    assert (await house.call("POST", "/login/code", body={"code": good})).status == 429


async def test_a_revoked_binding_counts_with_the_next_request(house: ApiHouse, tenant: Actor) -> None:
    """A5, F37: rights are those of the moment, not of the token."""
    token = (await house.tokens(tenant)).access
    assert (await house.call("GET", "/accounts/acc-1/balance", token=token)).status == 200
    assert (await house.call("DELETE", "/bindings/acc-1", token=token)).status == 204
    assert (await house.call("GET", "/accounts/acc-1/balance", token=token)).status == 404


FAULTS = (
    ("/login/code", '{"code": 5}', "code", "应为文本", "must be text"),
    ("/login/code", "{}", "code", "缺少此字段", "is missing"),
    ("/login/code", "[1]", "", "应为对象", "must be an object"),
    ("/login/code", '{"code', "", "不是有效的 JSON", "is not valid JSON"),
    ("/login/code", '{"code": ""}', "code", "长度至少为 8", "must be at least 8 long"),
    ("/accounts/a/pay-links", '{"amount_fen": 2.5}', "amount_fen", "应为整数", "must be a whole number"),
    ("/accounts/a/pay-links", '{"amount_fen": "20"}', "amount_fen", "应为整数", "must be a whole number"),
    ("/accounts/a/pay-links", '{"amount_fen": 5}', "amount_fen", "不得小于 100", "must be at least 100"),
    ("/accounts/a/pay-links", '{"ttl_s": 9999999}', "ttl_s", "不得大于 2592000", "must be at most 2592000"),
    ("/pay/x/orders", '{"provider": "p", "way": 1}', "way", "只能是 'qr', 'wap' 之一", "must be one of 'qr', 'wap'"),
)


async def test_what_is_wrong_with_a_field_is_said_in_both_languages(house: ApiHouse, tenant: Actor) -> None:
    """T1, A7: title, sentence and each field's fault are in the caller's language, and never repeat what was sent."""
    token = (await house.tokens(tenant)).access
    for path, raw, field, *said in FAULTS:
        for language, title, message in zip(("zh", "en"), ("请求无法读取", "Bad request"), said, strict=True):
            headers = {"Content-Type": "application/json", "Accept-Language": language}
            answer = await house.call("POST", path, raw=raw.encode(), token=token, headers=headers)
            assert (answer.status, answer.body["title"]) == (400, title)
            assert answer.body["errors"] == [{"field": field, "message": message}]
            assert answer.headers["Content-Language"] == language


async def test_what_comes_in_is_bounded(house: ApiHouse) -> None:
    """Y3: bodies too large, too slow, packed, of another type or with unknown fields are turned away in words."""

    async def dripping() -> AsyncIterator[bytes]:
        yield b'{"code":'
        await asyncio.Event().wait()

    where = "/login/code"
    large = await house.call(
        "POST", where, raw=b" " * (BODY_BYTES_MAX + 1), headers={"Content-Type": "application/json"}
    )
    plain = await house.call("POST", where, raw=b"{}", headers={"Content-Type": "text/plain"})
    packed = await house.call("POST", where, raw=gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"})
    odd = await house.call("POST", where, body={"code": "7K2MQ4XA", "admin": True})
    async with house.session.post(
        f"{house.url}/api/v1{where}", data=dripping(), headers={"Content-Type": "application/json"}
    ) as slow:
        assert (slow.status, (await slow.json(content_type=None))["key"]) == (408, "refused.request_slow")
    assert [one.status for one in (large, plain, packed, odd)] == [413, 415, 415, 400]
    assert odd.body["errors"] == [{"field": "admin", "message": "is not a field of this request"}]
    house.limiter.wait_ms["open"] = 2_500
    many = await house.call("POST", where, body={"code": "7K2MQ4XA"})
    assert (many.status, many.headers["Retry-After"]) == (429, "3")


async def test_problems_speak_the_callers_language_and_carry_a_reference(house: ApiHouse) -> None:
    """A7, T1: problem details name the request and the kind, in Chinese or English, and repeat nothing."""
    for language, said, first in (
        ("zh-CN,zh;q=0.9", "zh", "请"),
        ("de, en;q=0.5, zh;q=0.1", "en", "P"),
        ("", "zh", "请"),
    ):
        answer = await house.call(
            "GET", "/me?secret=1", headers={"Accept-Language": language, "X-Request-Id": "request-4211"}
        )
        problem = answer.body
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert (answer.headers["Content-Language"], problem["detail"][0]) == (said, first)
        assert (problem["status"], problem["instance"]) == (401, "urn:chatwatt:request:request-4211")
        assert answer.headers["X-Request-Id"] == "request-4211"
        assert "secret" not in json.dumps(problem)


async def test_pages_elsewhere_are_let_in_by_name_only(house: ApiHouse) -> None:
    """A4: an origin that the operator named may call, any other hears nothing; other methods and paths are problems."""
    for origin, allowed in (("https://shop.example", True), ("https://evil.example", False)):
        asked = await house.call("OPTIONS", "/me", headers={"Origin": origin, "Access-Control-Request-Method": "GET"})
        answer = await house.call("GET", "/me", headers={"Origin": origin})
        assert asked.status == 204
        for one in (asked, answer):
            assert ("Access-Control-Allow-Origin" in one.headers) is allowed
            assert "Access-Control-Allow-Credentials" not in one.headers
    other = await house.call("DELETE", "/me")
    assert (other.status, other.headers["Allow"]) == (405, "GET, OPTIONS")
    nowhere = await house.call("GET", "/nowhere")
    assert (nowhere.status, nowhere.body["key"]) == (404, "refused.request_path")
    for name, value in (("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer")):
        assert other.headers[name] == value
    guide = await house.call("GET", "/docs")
    script = await house.call("GET", "/docs/swagger-ui-bundle.js")
    assert (guide.status, script.status, (await house.call("GET", "/docs/../x")).status) == (200, 200, 404)
    assert b"http" not in guide.body.replace(b"http://www.w3.org", b"")


async def test_codes_of_wx_login_are_exchanged_once_and_trouble_is_told_apart() -> None:
    """M9's way with timeouts, A7: a used or made-up code is refused, a busy, silent or odd WeChat is asked again."""
    async with (
        SandboxWeChatMini() as wechat,
        WeChatCodes(APPID, SECRET, wechat.base_url, timeout_s=2.0) as codes,
        WeChatCodes(APPID, "wrong", wechat.base_url) as wrong,
    ):
        code = wechat.code_for("openid-1")
        assert await codes.openid(code) == "openid-1"
        for each, door in ((code, codes), ("made-up", codes), (wechat.code_for("x"), wrong)):
            with pytest.raises(Refused):
                await door.openid(each)
        for fault in (-1, 45011, "garbage", "hang"):
            wechat.fail(fault)
            with pytest.raises(TryAgain) as caught:
                await codes.openid(wechat.code_for("openid-2"))
            assert SECRET not in repr(caught.value.__dict__)
            assert caught.value.__cause__ is None
