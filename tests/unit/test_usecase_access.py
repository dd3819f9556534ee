"""Who may do what: the table is the test."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from prepaid.domain.access import Actor, Role
from prepaid.domain.accounts import Account
from prepaid.domain.errors import Refused
from prepaid.domain.supply import Hold, HoldKind, Outcome, Reported
from prepaid.ports import Business
from prepaid.storage.driver import Database
from prepaid.usecases.bind_chat import bind_chat, unbind_chat
from prepaid.usecases.find_account import find_account
from prepaid.usecases.hold_supply import hold_supply
from prepaid.usecases.issue_bind_code import issue_bind_code
from prepaid.usecases.overview import overview
from prepaid.usecases.show_balance import my_accounts, show_balance
from prepaid.usecases.show_history import show_history
from prepaid.usecases.show_order import show_order
from prepaid.usecases.show_usage import show_usage
from prepaid.usecases.start_topup import start_topup
from prepaid.usecases.switch_supply import switch_supply
from tests.fakes.building import Building, build
from tests.fakes.clock import ManualClock

Ask = Callable[[Business, Actor, str], Awaitable[object]]
ASKS: dict[str, Ask] = {
    "balance": show_balance,
    "usage": show_usage,
    "history": show_history,
    "topup": lambda b, a, i: start_topup(b, a, i, 1_000, provider="testpay"),
    "code": issue_bind_code,
    "find": find_account,
    "cut": lambda b, a, i: switch_supply(b, a, i, on=False, reason="test"),
    "hold": lambda b, a, i: hold_supply(b, a, i, kind=HoldKind.ON, why="test"),
}
READS = {"balance", "usage", "history", "find"}
ALLOWED = {
    "tenant": READS | {"topup"},
    Role.VIEWER: READS,
    Role.FINANCE: READS,
    Role.OPERATOR: READS | {"code", "cut", "hold"},
    Role.MANAGER: READS | {"code", "cut", "hold"},
    Role.OWNER: READS | {"code", "cut", "hold"},
}


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """Two flats, the second one foreign to everybody who is tested."""
    building = await build(database, clock)
    await building.flat(2)
    return building


@pytest.mark.parametrize("who", ALLOWED)
async def test_own_account_as_the_table_says(building: Building, who: str) -> None:
    """A1, A8: what each role may do to an account in its reach, decided in the use case."""
    tenant = await building.flat(1)
    actor = tenant if who == "tenant" else await building.operator(role=Role(who))
    for name, ask in ASKS.items():
        if name in ALLOWED[who]:
            await ask(building.business, actor, "acc-1")
            continue
        with pytest.raises(Refused, match=r"refused\.not_found"):
            await ask(building.business, actor, "acc-1")


@pytest.mark.parametrize("who", ALLOWED)
async def test_a_foreign_and_a_missing_account_answer_alike(building: Building, who: str) -> None:
    """A1, A2: the same refusal, with the same words, and both on record, whatever is asked."""
    tenant = await building.flat(1)
    elsewhere = "acme/maple/b1/101"
    actor = tenant if who == "tenant" else await building.operator(role=Role(who), scope=elsewhere)
    latest = building.business.store.audit.latest
    for number, (name, ask) in enumerate(ASKS.items(), start=1):
        answers = []
        for account_id in ("acc-2", "acc-404"):
            with pytest.raises(Refused) as caught:
                await ask(building.business, actor, account_id)
            answers.append((caught.value.key, caught.value.params))
        assert answers[0] == answers[1], name
        for path in ("acc-2", "acc-404"):
            trail = await latest(path, len(ASKS) + 1)
            assert len(trail) == number, name
            assert {record.refused for record in trail} == {"refused.not_found"}, name


async def test_an_overview_ends_at_the_jurisdiction(building: Building) -> None:
    """A2: an operator of one building sees that building's accounts only; a tenant sees no overview."""
    tenant = await building.flat(1)
    operator = await building.operator(scope="acme/maple/b1/101")
    seen = await overview(building.business, operator)
    assert [row.account_id for site in seen.sites for row in site.rows] == ["acc-1"]
    with pytest.raises(Refused):
        await overview(building.business, tenant)


async def test_an_overview_shows_the_worst_of_each_room(building: Building) -> None:
    """A2, M16, S4: money of this moment, and of a room's supplies the worst; a hold that is over is none."""
    store, now = building.business.store, building.clock.now()
    for unit, balance_micro in ((1, 5_000_000), (2, -1_500_000), (3, 0)):
        await building.flat(unit, balance_micro=balance_micro)
    operator = await building.operator(scope="acme/maple")
    await store.supplies.attempt("met-1", 0, Outcome.WAITING)
    await store.supplies.saw("met-2", Reported(on=False, at=now))
    await store.supplies.hold("met-2", Hold(kind=HoldKind.ON, by="x", why="y"), at=now)
    over = Hold(kind=HoldKind.ON, by="x", why="y", until=now + timedelta(minutes=1))
    await store.supplies.hold("met-3", over, at=now)
    await store.meters.silent(["met-3"], now)
    building.clock.advance(minutes=2)
    await building.give("acc-1", 2_000_000, "more")
    (site,) = (await overview(building.business, operator)).sites
    rows = {row.account_id: row for row in site.rows}
    assert [row.account_id for row in site.rows] == ["acc-1", "acc-2", "acc-3"]
    assert [rows[f"acc-{unit}"].balance_micro for unit in (1, 2, 3)] == [7_000_000, -1_500_000, 0]
    assert (rows["acc-1"].outcome, rows["acc-1"].on, rows["acc-1"].silent) == (Outcome.WAITING, None, False)
    assert (rows["acc-2"].on, rows["acc-2"].hold) == (False, HoldKind.ON)
    assert (rows["acc-3"].hold, rows["acc-3"].silent) == (None, True)
    assert (site.on, site.off, site.silent, site.arrears_micro) == (0, 1, 1, 1_500_000)


async def test_a_scope_ends_at_whole_path_segments(building: Building) -> None:
    """A2: "acme/map" does not reach into "acme/maple"."""
    await building.flat(1)
    operator = await building.operator(scope="acme/map")
    with pytest.raises(Refused):
        await show_balance(building.business, operator, "acc-1")


async def test_somebody_elses_order_is_not_found(building: Building) -> None:
    """A1: an order is shown to who opened it and to who may see its account."""
    tenant = await building.flat(1)
    stranger = await building.flat(3)
    order = await start_topup(building.business, tenant, "acc-1", 1_000, provider="testpay")
    assert (await show_order(building.business, tenant, order.id)).id == order.id
    with pytest.raises(Refused, match="not_found"):
        await show_order(building.business, stranger, order.id)


async def test_a_bind_code_works_once_and_only_in_time(building: Building) -> None:
    """A5: one person, ten minutes; wrong, used and expired codes answer alike."""
    await building.flat(1)
    operator = await building.operator()
    newcomer = (await building.business.store.people.at("chat", "new", language="en")).actor()
    rival = (await building.business.store.people.at("chat", "rival", language="en")).actor()
    code = await issue_bind_code(building.business, operator, "acc-1")
    account = await bind_chat(building.business, newcomer, code.lower(), chat="chat:new")
    assert isinstance(account, Account)
    assert account.id == "acc-1"
    with pytest.raises(Refused, match="code_wrong"):
        await bind_chat(building.business, rival, code, chat="chat:rival")
    late = await issue_bind_code(building.business, operator, "acc-1")
    building.clock.advance(minutes=10)
    with pytest.raises(Refused, match="code_wrong"):
        await bind_chat(building.business, rival, late, chat="chat:rival")
    bound = await building.business.store.people.get(newcomer.id)
    assert bound is not None
    assert bound.accounts == ("acc-1",)
    assert [line.account_id for line in await my_accounts(building.business, bound.actor())] == ["acc-1"]
    await unbind_chat(building.business, bound.actor(), "acc-1")
    gone = await building.business.store.people.get(newcomer.id)
    assert gone is not None
    assert gone.accounts == ()


async def test_guessing_codes_is_stopped(building: Building) -> None:
    """A5: five tries from one chat, then even the right code is refused until the window is over."""
    await building.flat(1)
    operator = await building.operator()
    guesser = (await building.business.store.people.at("chat", "guesser", language="en")).actor()
    for _ in range(5):
        with pytest.raises(Refused, match="code_wrong"):
            await bind_chat(building.business, guesser, "AAAAAAAA", chat="chat:guesser")
    code = await issue_bind_code(building.business, operator, "acc-1")
    with pytest.raises(Refused, match="too_many_tries"):
        await bind_chat(building.business, guesser, code, chat="chat:guesser")


@pytest.mark.parametrize("amount_fen", [0, -1, 99, 500_001])
async def test_an_amount_out_of_range_is_refused(building: Building, amount_fen: int) -> None:
    """T1: with the range in the answer, and no order left behind."""
    tenant = await building.flat(1)
    with pytest.raises(Refused, match="amount_range"):
        await start_topup(building.business, tenant, "acc-1", amount_fen, provider="testpay")
    assert not await building.business.store.orders.of_account("acc-1", 5)
