"""The reference mini-program: its real pages in Node against the running API, with sandboxes for WeChat."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from chatwatt.demo import phones
from miniprogram_api.guide import PHONES_PATH
from miniprogram_api.proofs.wechat import WeChatCodes
from miniprogram_api.reference_client import FILE, client_text
from miniprogram_api.routes import ROUTES
from payments import notifications
from payments.providers import build as provider
from prepaid.domain.supply import Reported, Wanted
from prepaid.storage.driver import Database
from prepaid.usecases.issue_bind_code import issue_bind_code
from prepaid.usecases.log_in import issue_login_code, log_out_everywhere
from prepaid.usecases.record_switch import record_switch
from prepaid.usecases.work_inbox import work_inbox
from sandbox.wechat_mini import SECRET, SandboxWeChatMini
from sandbox.wechat_pay import SandboxWeChatPay
from tests.fakes.api_house import ApiHouse, api_house
from tests.fakes.clock import ManualClock
from tests.fakes.phone import NODE, PACKAGES, PROGRAM, Node, Phone, pages, phone, tree
from tests.fakes.tool_folder import node_folder
from tests.fakes.wechat_rig import served

NO_NODE = pytest.mark.skipif(not NODE, reason="no Node here; make packages installs it")
BRACES = re.compile(r"\{\{([^}]*)\}\}")
NAME = re.compile(r"(?<![\w.'])[A-Za-z_]\w*")
WORDS = frozenset({"true", "false", "null"})


@dataclass(frozen=True)
class Rig:
    """A phone beside the API, and the sandboxes behind both."""

    house: ApiHouse
    payments: SandboxWeChatPay
    phone: Phone


@asynccontextmanager
async def rig(
    database: Database, clock: ManualClock, keys: Path, *, simulator: Path | None = None
) -> AsyncIterator[Rig]:
    """Opens everything and closes it."""
    async with (
        SandboxWeChatPay(keys_dir=keys, clock=clock) as payments,
        SandboxWeChatMini(appid=payments.appid) as wechat,
        WeChatCodes(wechat.appid, SECRET, wechat.base_url) as codes,
        served(phones.routes(wechat)) as mini,
        api_house(database, clock, wechat=codes, business={"providers": {}}) as house,
    ):
        providers = house.parts.business.providers
        async with served(notifications.routes(house.parts.business, providers)) as notify:  # type: ignore[arg-type]
            config = payments.merchant_config(f"{notify}/notify/wechat_pay")
            providers["wechat_pay"] = provider("wechat_pay", config.model_dump(), clock)  # type: ignore[index]
            world = {
                "base_url": house.url,
                "login_url": f"{mini}{PHONES_PATH}",
                "pay_url": f"{payments.base_url}/sandbox/pay",
                "appid": payments.appid,
                "person": next(iter(phones.PHONES)),
                "language": "en",
                "answer": "accept",
                "cancels": False,
            }
            async with phone(world, simulator=simulator) as held:
                yield Rig(house, payments, held)
            await providers["wechat_pay"].aclose()  # type: ignore[attr-defined]


def nodes(node: Node) -> Iterator[dict[str, str]]:
    """The attributes of every element."""
    if isinstance(node, dict):
        yield node["attributes"]
        for child in node["children"]:
            yield from nodes(child)


def texts(node: Node) -> Iterator[str]:
    """Every text and attribute."""
    if isinstance(node, str):
        yield node
        return
    yield from node["attributes"].values()
    for child in node["children"]:
        yield from texts(child)


def test_the_client_is_what_the_contract_makes() -> None:
    """The committed client is made from today's contract: `python -m miniprogram_api.reference_client` renews it."""
    assert FILE.read_text(encoding="utf-8") == client_text(ROUTES)


@NO_NODE
async def test_every_handler_and_every_name_in_wxml_exists() -> None:
    """Each page's WXML is well-formed, and what it binds and shows is in the page's JavaScript; texts match."""
    async with phone({"base_url": "http://127.0.0.1:9"}) as held:
        known = await held.do("inspect")
        tables = await held.do("texts")
        figures = [
            await held.do("figures", call="readFen", args=[each]) for each in ("50", "50.5", "0.05", "x", "1.234")
        ]
        shown = [await held.do("figures", call="yuan", args=[each]) for each in (-1_239_999, 5, 70_000_000)]
    assert (figures, shown) == ([5000, 5050, 5, None, None], ["-1.23", "0.00", "70.00"])
    assert set(tables["zh"]) == set(tables["en"])
    assert set(known) == set(pages())
    said = set()
    for name in pages():
        page = tree(PROGRAM / f"{name}.wxml")
        methods, data = set(known[name]["methods"]), set(known[name]["data"])
        bound = {value for each in nodes(page) for key, value in each.items() if key.startswith(("bind", "catch"))}
        items = {each.get("wx:for-item", "item") for each in nodes(page) if "wx:for" in each} | {"index"}
        plain = [re.sub(r"'[^']*'", "", found) for text in texts(page) for found in BRACES.findall(text)]
        used = {word for found in plain for word in NAME.findall(found)} - WORDS
        said |= {word for found in plain for word in re.findall(r"\bt\.(\w+)", found)}
        assert bound <= methods, name
        assert used <= data | items, name
        assert (PROGRAM / f"{name}.json").exists()
    assert said <= set(tables["en"])


async def dark(house: ApiHouse) -> None:
    """The power of 101 is off for want of credit."""
    now, supplies = house.building.clock.now(), house.parts.business.store.supplies
    await supplies.want("met-1", 0, Wanted(on=False, generation=1, reason="rule.no_credit", at=now))
    await supplies.saw("met-1", Reported(on=False, at=now))


async def bring_the_light(rig: Rig) -> None:
    """What the inbox and the owner of the bus do once the provider has told of the payment."""
    business = rig.house.parts.business
    (answer,) = await rig.payments.wait_answers(1)
    assert answer.status < 300
    assert await work_inbox(business) == 1
    supply = await business.store.supplies.get("met-1")
    assert supply is not None
    assert supply.wanted.on
    await record_switch(business, "met-1", supply.wanted.generation, Reported(on=True, at=business.clock.now()))


@NO_NODE
@pytest.mark.timeout(400)
@pytest.mark.parametrize("drawn", [False, True], ids=["by hand", "in the simulator"])
async def test_a_tenant_lives_in_the_program(
    database: Database, clock: ManualClock, tmp_path: Path, drawn: bool
) -> None:
    """W1, S1, N1, M15: logs in, binds, is dark, cancels, pays, sees the power come on; bills, alerts and use.

    In WeChat's simulator of components its compiler reads the pages, and what is tapped is what they show.
    """
    simulator = await node_folder("mini-program", PACKAGES) if drawn else None
    async with rig(database, clock, tmp_path, simulator=simulator) as held:
        house, hand = held.house, held.phone
        await house.building.flat(1, balance_micro=-1_000_000, tenant=False)
        await house.building.read(1, 1_000)
        await house.building.read(1, 2_500, advance_s=3_600)
        operator = await house.building.operator()
        assert "one-time code" in await hand.open("rooms")
        await hand.act("onBindCode", value="NOTACODE")
        assert "code" in (await hand.act("bind")).lower()
        await hand.act("onBindCode", value=await issue_bind_code(house.parts.business, operator, "acc-1"))
        assert "101 -1.90 yuan" in await hand.act("bind")
        await hand.act("open", place=0)
        assert (await hand.seen())["opened"] == ["/pages/account/account?id=acc-1"]
        await dark(house)
        account = await hand.open("account", id="acc-1")
        assert "-1.90 yuan" in account
        assert "Power off" in account
        await _uses(hand)
        await _recharges(held)
        assert "Power on" in await hand.open("account", id="acc-1")
        await _looks_back(hand)
        await _is_told(hand)


async def _uses(hand: Phone) -> None:
    """The chart has a bar for each hour that was read."""
    assert "1.50 kWh · 0.90 yuan" in await hand.open("usage", id="acc-1")
    assert (await hand.seen())["drawn"] >= 2
    assert "1.50 kWh" in await hand.act("choose", step="day")


async def _recharges(held: Rig) -> None:
    """A payment that was given up is no trouble; one that is made is followed to the light."""
    hand = held.phone
    await hand.open("recharge", id="acc-1")
    assert "Please enter an amount" in await _typed(hand, "fifty")
    await hand.do("change", changes={"cancels": True})
    assert "Not paid yet" in await _typed(hand, "20")
    await hand.do("change", changes={"cancels": False})
    paying = asyncio.create_task(hand.act("pay"))
    await bring_the_light(held)
    shown = await paying
    assert "20.00 yuan The power is on" in shown
    orders = await held.house.parts.business.store.orders.of_account("acc-1", 5)
    assert [order.amount_fen for order in orders] == [2_000]
    assert await held.house.building.balance_micro(1) == 18_100_000
    assert (await hand.seen())["asked"] == [["tmpl-low-1234", "tmpl-any-1234"]]


async def _typed(hand: Phone, amount: str) -> str:
    await hand.act("onAmount", value=amount)
    return await hand.act("pay")


async def _looks_back(hand: Phone) -> None:
    """Orders say how far they are; a bill opens into lines, and a line into what it is made of."""
    assert "20.00 yuan" in await hand.open("orders", id="acc-1")
    assert "The power is on" in await hand.act("look", place=0)
    bills = await hand.open("bills", id="acc-1")
    assert "2026-03" in bills
    assert "Closing 18.10" in bills
    opened = await hand.act("open", month="2026-03")
    assert "20.00" in opened
    (used,) = [line["seq"] for line in (await hand.data())["lines"] if line["energy"]]
    assert "1.50 kWh × 0.60" in await hand.act("explain", seq=used)


async def _is_told(hand: Phone) -> None:
    """Levels and quiet hours are kept; each yes to WeChat's question is one message more."""
    await hand.open("alerts", id="acc-1")
    await hand.act("onAmounts", value="30 10")
    await hand.act("onDays", value="3")
    await hand.act("onQuietFrom", value="22:00")
    await hand.act("onQuietUntil", value="07:30")
    assert "Saved" in await hand.act("save")
    assert "Messages that may still come 4" in await hand.act("ask")
    again = await hand.open("alerts", id="acc-1")
    assert "30.00 10.00" in again
    assert "22:00" in again
    assert "The power is on" in await hand.open("messages")


@NO_NODE
@pytest.mark.timeout(240)
async def test_a_login_goes_on_ends_and_changes_person(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    """A4, A5, T1: tokens are renewed by one of many requests, an ended login begins anew, a code from chat logs in."""
    async with rig(database, clock, tmp_path) as held:
        house, hand = held.house, held.phone
        tenant = await house.building.flat(1, balance_micro=7_000_000)
        assert "No room yet" in await hand.open("rooms")
        await hand.act("onLoginCode", value=await issue_login_code(house.parts.business, tenant))
        assert "101 7.00 yuan" in await hand.act("enter")
        clock.advance(minutes=11)
        assert "101 7.00 yuan" in await hand.open("rooms")
        await hand.open("alerts", id="acc-1")
        assert (await hand.seen())["requests"].count("POST 200") == 3
        await hand.open("rooms")
        assert "101 7.00 元" in await hand.act("speak")
        await log_out_everywhere(house.parts.business, tenant)
        assert "101" not in await hand.open("rooms")
        assert (await hand.data())["problem"] == ""
        await held.house.runner.cleanup()
        assert "网络不可用" in await hand.open("rooms")
