"""Money through the API: single top-ups, followed to the light; links, credit and disputes; pages, tags and totals."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

from prepaid.domain.access import Actor, Role
from prepaid.domain.approvals import Effect
from prepaid.domain.credit import CreditRules
from prepaid.domain.orders import OrderState, PayWay
from prepaid.domain.refunds import RefundStep
from prepaid.domain.supply import Reported, Wanted
from prepaid.ports import KeptReply
from prepaid.storage.wakeups import LocalWakeups
from prepaid.usecases.credit_payment import credit_payment
from prepaid.usecases.record_switch import record_switch
from prepaid.usecases.show_usage_by import MOST_DAYS
from tests.fakes.api_house import Answer, ApiHouse

CALL = {"appId": "wx1", "timeStamp": "1", "nonceStr": "n", "package": "prepay_id=p", "signType": "RSA", "paySign": "s"}
WISH = {"amount_fen": 5_000, "provider": "testpay", "way": "qr"}


async def begin(house: ApiHouse, token: str, key: str = "", **wish: object) -> Answer:
    """Asks for a top-up."""
    headers = {"Idempotency-Key": key} if key else {}
    return await house.call("POST", "/accounts/acc-1/orders", token=token, body={**WISH, **wish}, headers=headers)


async def test_a_key_makes_a_write_single_for_ever(house: ApiHouse, token: str) -> None:
    """M15: the same key and contents give the same answer, at once and after years; other contents are refused."""
    answers = await asyncio.gather(*(begin(house, token, "key-00001") for _ in range(4)))
    done = [one for one in answers if one.status == 200]
    assert done
    assert {one.status for one in answers} <= {200, 503}
    house.building.clock.advance(days=900)
    token = (await house.tokens(await house.building.flat(1))).access
    assert (await begin(house, token, "key-00001")).body == done[0].body
    other = await begin(house, token, "key-00001", amount_fen=6_000)
    assert (other.status, other.body["key"]) == (409, "refused.idempotency_conflict")
    assert (await begin(house, token, "short")).status == 422
    assert len(await house.parts.business.store.orders.of_account("acc-1", 10)) == 1


async def test_a_refusal_frees_its_key_and_a_dead_holder_loses_it(house: ApiHouse, token: str) -> None:
    """M15, Y1: what was refused may be tried again under its key; what a crash left is taken over after a minute."""
    assert (await begin(house, token, "key-00002", provider="nobody")).status == 422
    body = {**WISH, "provider": "nobody"}
    house.parts.business.providers["nobody"] = replace(house.building.provider, name="nobody")  # type: ignore[index]
    assert (await begin(house, token, "key-00002", **body)).status == 200
    replies = house.parts.business.store.replies
    until = house.building.clock.now() + timedelta(seconds=60)
    row = KeptReply(id="r1", request_hash="h", holder="first", until=until)
    assert (await replies.begin(row, house.building.clock.now())).holder == row.holder
    rival = replace(row, holder="rival", until=row.until + timedelta(seconds=60))
    assert (await replies.begin(rival, house.building.clock.now())).holder == row.holder
    assert (await replies.begin(rival, row.until)).holder == "rival"
    await replies.finish("r1", row.holder, 200, "late")
    assert (await replies.begin(row, row.until)).status == 0
    await replies.finish("r1", "rival", 200, "{}")
    assert (await replies.begin(row, row.until)).body == "{}"


async def test_the_three_ways_to_pay(house: ApiHouse, tenant: Actor, token: str) -> None:
    """P1, A1: a code with its picture, a page, or the call of WeChat; who pays inside WeChat is who logged in."""
    provider = house.building.provider
    provider.on_create = lambda order: {
        PayWay.QR: "weixin://wxpay/1",
        PayWay.WAP: f"https://pay.example/{order.payer_ip}",
        PayWay.IN_APP: json.dumps(CALL),
    }[order.way]
    code = (await begin(house, token)).body
    page = (await begin(house, token, way="wap")).body
    assert code["payment"]["code_uri"] == "weixin://wxpay/1"
    assert code["payment"]["code_image"].startswith("data:image/svg+xml")
    assert page["payment"]["open_url"] == "https://pay.example/127.0.0.1"
    assert (await begin(house, token, way="in_app")).body["key"] == "refused.payer_missing"
    named = replace(provider, name="wechat_pay")
    house.parts.business.providers["wechat_pay"] = named  # type: ignore[index]
    house.codes.known["js"] = "openid-7"
    mini = (await house.call("POST", "/login/wechat", body={"code": "js"})).body["access_token"]
    await house.parts.business.store.people.bind((await _me(house, mini))["person_id"], "acc-1")
    inside = await begin(house, mini, provider="wechat_pay", way="in_app")
    assert inside.body["payment"]["request_payment"] == {name: CALL[name] for name in CALL if name != "appId"}
    order = await house.building.order(inside.body["order_id"])
    assert order.payer == "openid-7"
    assert (await begin(house, token, amount_fen=50.5)).status == 400
    assert (await begin(house, token, amount_fen=True)).status == 400
    assert (await begin(house, token, amount_fen=5_000.0)).body["order_id"] == code["order_id"]


async def _me(house: ApiHouse, token: str) -> dict[str, str]:
    found: dict[str, str] = (await house.call("GET", "/me", token=token)).body
    return found


async def test_a_payment_is_followed_to_the_light(house: ApiHouse, token: str) -> None:
    """S1, N3, Y3: whoever waits hears each stage as it comes, and is let go when the program ends."""
    now, supplies = house.building.clock.now(), house.parts.business.store.supplies
    await supplies.want("met-1", 0, Wanted(on=False, generation=1, reason="rule.no_credit", at=now))
    await supplies.saw("met-1", Reported(on=False, at=now))
    order_id = (await begin(house, token)).body["order_id"]
    order = await house.building.order(order_id)

    async def news(seen: str) -> str:
        answer = await house.call("GET", f"/orders/{order_id}?seen={seen}&wait_s=25", token=token)
        assert answer.status == 200
        return str(answer.body["stage"])

    waiting = asyncio.create_task(news("waiting"))
    await house.call("GET", f"/orders/{order_id}", token=token)
    assert not waiting.done()
    await credit_payment(house.parts.business, house.building.payment(order))
    assert await waiting in {"paid", "credited", "switching"}
    assert await news("paid") == "switching"
    waiting = asyncio.create_task(news("switching"))
    await house.call("GET", "/me", token=token)
    await record_switch(house.parts.business, "met-1", 2, Reported(on=True, at=now))
    assert await waiting == "power_on"
    last = (await house.call("GET", f"/orders/{order_id}?seen=power_on&wait_s=25", token=token)).body
    assert (last["ended"], last["payment"], last["words"]) == (True, None, "The power is on")
    other = (await begin(house, token, amount_fen=9_000)).body["order_id"]
    held = asyncio.create_task(house.call("GET", f"/orders/{other}?seen=waiting&wait_s=25", token=token))
    await house.call("GET", "/me", token=token)
    house.parts.stopping.set()
    assert (await held).body["stage"] == "waiting"


async def test_many_who_wait_hold_nobody_up_and_leave_nothing_behind(house: ApiHouse, token: str) -> None:
    """Y3, F2: forty held questions, half of them given up: others are answered, and nothing is left of any."""
    order_id = (await begin(house, token)).body["order_id"]
    path = f"/orders/{order_id}?seen=waiting&wait_s=25"
    house.limiter.started = asyncio.Semaphore(0)
    held = [asyncio.create_task(house.call("GET", path, token=token)) for _ in range(40)]
    for _ in range(80):
        await house.limiter.started.acquire()
    for one in held[:20]:
        one.cancel()
    assert (await house.call("GET", "/me", token=token)).status == 200
    house.parts.stopping.set()
    answers = await asyncio.gather(*held, return_exceptions=True)
    assert [one.status for one in answers if isinstance(one, Answer)] == [200] * 20
    await house.settled()
    wakeups = house.parts.business.wakeups
    assert isinstance(wakeups, LocalWakeups)
    assert not wakeups._waiters


async def test_an_order_is_cancelled_or_found_paid(house: ApiHouse, token: str) -> None:
    """M8: taking a wish back closes it; one that was paid meanwhile is credited, and says so."""
    first, second = [(await begin(house, token, amount_fen=each)).body["order_id"] for each in (5_000, 6_000)]
    gone = await house.call("DELETE", f"/orders/{first}", token=token)
    assert (gone.body["state"], gone.body["ended"]) == ("expired", True)
    order = await house.building.order(second)
    house.building.provider.on_close = lambda _order: False
    house.building.provider.on_query = lambda _order: house.building.payment(order)
    paid = await house.call("DELETE", f"/orders/{second}", token=token)
    assert (paid.status, paid.body["stage"]) == (200, "credited_still_on")
    assert (await house.building.order(second)).state is OrderState.CREDITED


async def test_links_are_made_looked_at_paid_and_taken_back(house: ApiHouse, token: str) -> None:
    """P7, A1: whoever holds a link pays once and sees no more than paying takes; a tampered one is not there."""
    made = (await house.call("POST", "/accounts/acc-1/pay-links", token=token, body={"amount_fen": 5_000})).body
    assert made["url"] == f"https://pay.example/pay/{made['token']}"
    path = f"/pay/{made['token']}"
    seen = (await house.call("GET", path)).body
    assert {*seen} == {"site", "label", "amount_fen", "min_fen", "max_fen", "expires_at", "providers"}
    assert (await house.call("GET", f"{path}/progress")).body["stage"] == "none"
    wish = {"provider": "testpay", "way": "qr"}
    paying = (await house.call("POST", f"{path}/orders", body=wish)).body
    assert (paying["progress"]["stage"], "account_id" in json.dumps(paying)) == ("waiting", False)
    (order,) = await house.parts.business.store.orders.of_account("acc-1", 5)
    await credit_payment(house.parts.business, house.building.payment(order))
    used = await house.call("POST", f"{path}/orders", body=wish)
    assert (used.status, (await house.call("GET", f"{path}/progress")).body["stage"]) == (410, "credited_still_on")
    tampered = [made["token"][:-1] + "~", made["token"][:-1] + "aA"[made["token"][-1] == "a"], "x"]
    assert [(await house.call("GET", f"/pay/{each}")).status for each in tampered] == [404] * 3
    second = (await house.call("POST", "/accounts/acc-1/pay-links", token=token, body={})).body
    live = (await house.call("GET", "/accounts/acc-1/pay-links", token=token)).body["links"]
    assert second["link_id"] in [each["link_id"] for each in live]
    assert second["token"] not in json.dumps(live)
    orders = (await house.call("GET", "/accounts/acc-1/orders", token=token)).body["orders"]
    assert [each["order_id"] for each in orders] == [order.id]
    assert (await house.call("DELETE", f"/pay-links/{second['link_id']}", token=token)).status == 204
    assert (await house.call("GET", f"/pay/{second['token']}")).status == 404


async def test_reads_have_pages_tags_and_totals(house: ApiHouse, token: str) -> None:
    """M2, M13, T2: pages add up to the whole, an unchanged answer is not sent twice, and every line explains itself."""
    for register in range(1_000, 6_000, 1_000):
        await house.building.read(1, register, advance_s=3_600)
    token = (await house.tokens(await house.building.flat(1))).access
    balance = await house.call("GET", "/accounts/acc-1/balance", token=token)
    tag = {"If-None-Match": balance.headers["ETag"]}
    house.building.clock.advance(seconds=1)
    assert (await house.call("GET", "/accounts/acc-1/balance", token=token, headers=tag)).status == 304
    entries, cursor = [], ""
    while True:
        page = (await house.call("GET", f"/accounts/acc-1/entries?limit=2{cursor}", token=token)).body
        entries += page["entries"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert [each["seq"] for each in entries] == list(range(len(entries), 0, -1))
    assert sum(each["amount_micro"] for each in entries) == balance.body["balance_micro"] == entries[0]["balance_micro"]
    why = (await house.call("GET", f"/accounts/acc-1/entries/{entries[0]['seq']}", token=token)).body
    exact = sum(line["exact_nano"] for line in why["lines"]) + why["brought_nano"]
    assert exact == why["amount_micro"] * 1000 + why["carried_nano"]
    first = (await house.call("GET", "/accounts/acc-1/statement?limit=3", token=token)).body
    rest = (await house.call("GET", f"/accounts/acc-1/statement?cursor={first['next']}", token=token)).body
    lines = first["lines"] + rest["lines"]
    assert [line["seq"] for line in lines] == list(range(1, first["entries"] + 1))
    assert first["opening_micro"] + sum(line["amount_micro"] for line in lines) == first["closing_micro"]
    usage = {
        step: (await house.call("GET", f"/accounts/acc-1/usage?step={step}&count=2", token=token)).body
        for step in ("day", "month")
    }
    used = sum(line["energy_wh"] for line in lines)
    assert [each["total_wh"] for each in usage.values()] == [used, used]
    assert usage["month"]["total_micro"] == -sum(e["amount_micro"] for e in entries if e["kind"] == "consumption")
    for bad in (
        "entries?cursor=%21",
        "entries?limit=0",
        f"usage?step=day&count={MOST_DAYS + 1}",
        "statement?month=2026-13",
    ):
        assert (await house.call("GET", f"/accounts/acc-1/{bad}", token=token)).status in (400, 422)
    assert (await house.call("GET", "/accounts/acc-1/entries/9999999999999999999", token=token)).status == 404


async def test_emergency_credit_and_disputes(house: ApiHouse, token: str) -> None:
    """T2, T4: emergency credit is taken once, at a low balance; a line is disputed once, whoever asks again."""
    store = house.parts.business.store
    site = replace(
        house.building.site, credit=CreditRules(emergency_micro=5_000_000, emergency_threshold_micro=2_000_000)
    )
    await store.sites.save_site(site)
    where = "/accounts/acc-1/emergency-credit"
    assert (await house.call("POST", where, token=token)).body["key"] == "refused.emergency_not_needed"
    await house.building.give("acc-1", -6_000_000, "spent")
    taken, again = [await house.call("POST", where, token=token) for _ in range(2)]
    assert (taken.status, again.status, again.body["key"]) == (200, 409, "refused.emergency_taken")
    wish = {"seq": 2, "why": "not mine"}
    tickets = [(await house.call("POST", "/accounts/acc-1/disputes", token=token, body=wish)).body for _ in range(2)]
    assert tickets[0] == tickets[1]
    assert tickets[0]["amount_micro"] == -6_000_000
    missing = await house.call("POST", "/accounts/acc-1/disputes", token=token, body={"seq": 99, "why": "x"})
    assert missing.status == 404


async def test_the_desk_takes_money_once_and_gives_it_back_once(house: ApiHouse) -> None:
    """M4, M10, A6: a receipt and a refund key work once, other contents are refused, large sums wait for a second."""
    building = house.building
    tenant = await building.flat(1)
    token = (await house.tokens(await building.operator(role=Role.FINANCE))).access
    before = await building.balance_micro(1)

    async def ask(path: str, **body: object) -> Answer:
        return await house.call("POST", f"/admin/{path}", token=token, body=body)

    cash = {"amount_fen": 5_000, "receipt": "A-17", "method": "bank"}
    for _ in range(2):
        answer = await ask("accounts/acc-1/cash", **cash)
        assert (answer.status, answer.body["approval"]) == (200, None)
        assert answer.body["receipt"] | {"taken_at": ""} == {**cash, "account_id": "acc-1", "taken_at": ""}
    assert (await ask("accounts/acc-1/cash", **{**cash, "amount_fen": 5_001})).status in (409, 422)
    assert await building.balance_micro(1) == before + 50_000_000
    large = await ask("accounts/acc-1/cash", amount_fen=200_000, receipt="A-18")
    assert (large.body["receipt"], large.body["approval"]["effect"]) == (None, Effect.CASH_TOP_UP)
    order = await building.paid(tenant, 1, 60_000)
    back = {"amount_fen": 1_000, "key": "k-1", "why": "wrong room"}
    steps = [(await ask(f"orders/{order.id}/refund", **back)).body["refund"] for _ in range(2)]
    assert steps[0] == steps[1]
    assert (steps[0]["order_id"], steps[0]["amount_fen"], steps[0]["step"]) == (order.id, 1_000, RefundStep.DONE)
    assert (await ask(f"orders/{order.id}/refund", **{**back, "amount_fen": 999})).status in (409, 422)
    assert await building.balance_micro(1) == before + 640_000_000
    large = await ask(f"orders/{order.id}/refund", amount_fen=50_000, key="k-2", why="moved away")
    assert (large.body["refund"], large.body["approval"]["effect"]) == (None, Effect.REFUND)
    assert await building.balance_micro(1) == before + 640_000_000
