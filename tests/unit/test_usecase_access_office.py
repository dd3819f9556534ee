"""Who may do what in the office: every use case there, every role, on what is theirs, foreign and missing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import pytest

from prepaid.domain.access import Actor, Grant, Role
from prepaid.domain.approvals import Approval
from prepaid.domain.errors import Refused
from prepaid.ports import Business
from prepaid.storage.driver import Database
from prepaid.usecases.adjust import Cause, adjust
from prepaid.usecases.assign_meter import assign_meter
from prepaid.usecases.bulk_cut import bulk_cut
from prepaid.usecases.cash_topup import cash_topup
from prepaid.usecases.close_account import close_account, pay_out_cash
from prepaid.usecases.decide_approval import approve, decline, show_approval
from prepaid.usecases.dispute_entry import answer_dispute, dispute_entry, open_disputes
from prepaid.usecases.force_cut import force_cut
from prepaid.usecases.grant_role import grant_role, revoke_role
from prepaid.usecases.open_account import open_account
from prepaid.usecases.refund import refund
from prepaid.usecases.reverse_entry import reverse_entry
from tests.fakes.building import Building, build
from tests.fakes.clock import ManualClock


@dataclass(frozen=True)
class Target:
    """One room and everything about it that can be named."""

    path: str
    site: str
    account: str
    meter: str
    order: str
    ticket: str
    approval: str
    digest: str
    person: str


MISSING = Target(
    path="acme/maple/b1/404",
    site="nowhere",
    account="acc-404",
    meter="met-404",
    order="cw404",
    ticket="tk_404",
    approval="ap_404",
    digest="0",
    person="p_404",
)

Ask = Callable[[Business, Actor, Target], Awaitable[object]]
ASKS: dict[str, Ask] = {
    "cash": lambda b, a, t: cash_topup(b, a, t.account, 100, receipt=t.account),
    "adjust": lambda b, a, t: adjust(b, a, t.account, 1, key="k", cause=Cause.OTHER, why="test"),
    "reverse": lambda b, a, t: reverse_entry(b, a, t.account, f"adj:{t.account}", why="test"),
    "refund": lambda b, a, t: refund(b, a, t.order, 100, key="k", why="test"),
    "payout": lambda b, a, t: pay_out_cash(b, a, t.account),
    "force": lambda b, a, t: force_cut(b, a, t.account, reason="test"),
    "bulk": lambda b, a, t: bulk_cut(b, a, [t.account], reason="test"),
    "open": lambda b, a, t: open_account(b, a, t.site, path=f"{t.path}/bed", label="bed", key="k"),
    "assign": lambda b, a, t: assign_meter(b, a, t.meter, t.account),
    "close": lambda b, a, t: close_account(b, a, t.account, reason="test"),
    "dispute": lambda b, a, t: dispute_entry(b, a, t.account, f"adj:{t.account}", why="test"),
    "answer": lambda b, a, t: answer_dispute(b, a, t.ticket, upheld=False, words="test"),
    "grant": lambda b, a, t: grant_role(b, a, t.person, Role.VIEWER, t.path, why="test"),
    "revoke": lambda b, a, t: revoke_role(b, a, t.person, Role.VIEWER, t.path, why="test"),
    "seen": lambda b, a, t: show_approval(b, a, t.approval),
    "agreed": lambda b, a, t: approve(b, a, t.approval, t.digest),
    "declined": lambda b, a, t: decline(b, a, t.approval, why="test"),
}
MONEY = {"cash", "adjust", "reverse", "refund", "payout", "dispute", "answer", "seen", "agreed", "declined"}
SUPPLY = {"force", "bulk", "open", "assign", "dispute"}
ALL = MONEY | SUPPLY | {"close", "grant", "revoke"}
ALLOWED: dict[str, set[str]] = {
    "tenant": {"dispute"},
    Role.VIEWER: set(),
    Role.FINANCE: MONEY,
    Role.OPERATOR: SUPPLY,
    Role.MANAGER: ALL,
    Role.OWNER: ALL,
}
CHANGED = {"not_reversible", "nothing_payable", "approval_used", "dispute_answered"}


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """One site."""
    return await build(database, clock)


async def target(building: Building, unit: int) -> Target:
    """A room with a tenant, a line, an order, a ticket and a request about it."""
    business, owner = building.business, await building.operator(role=Role.OWNER, scope="acme/maple")
    tenant = await building.flat(unit)
    account = f"acc-{unit}"
    await building.give(account, 50_000_000, account)
    order = await building.paid(tenant, unit, 100)
    ticket = await dispute_entry(business, owner, account, f"topup:testpay:txn-{order.id}", why="why")
    wish = await adjust(business, owner, account, 900_000_000, key="large", cause=Cause.OTHER, why="why")
    assert isinstance(wish, Approval)
    path = f"acme/maple/b1/10{unit}"
    person = await business.store.people.at("chat", f"clerk-{unit}", language="en")
    await business.store.people.save(replace(person, grants=(Grant(Role.VIEWER, path),)))
    return Target(
        path=path,
        site="maple",
        account=account,
        meter=f"met-{unit}",
        order=order.id,
        ticket=ticket.id,
        approval=wish.id,
        digest=wish.digest,
        person=person.id,
    )


async def outcome(building: Building, actor: Actor, ask: str, what: Target) -> tuple[str, str]:
    """The refusal's key and figures, or nothing when it was done."""
    try:
        await ASKS[ask](building.business, actor, what)
    except Refused as refused:
        return refused.key, str(refused.params)
    return "", ""


async def actor_for(building: Building, who: str, scope: str, unit: int) -> Actor:
    """The tenant of the room, or staff of that scope."""
    if who != "tenant":
        return await building.operator(role=Role(who), scope=scope)
    person = await building.business.store.people.at("chat", f"tenant-{unit}", language="en")
    return person.actor()


@pytest.mark.parametrize("who", ALLOWED)
async def test_the_office_does_what_the_table_says(building: Building, who: str) -> None:
    """A1, A8: each use case of the office for each role, on a room in reach: done, or not found, as the table says."""
    mine = await target(building, 1)
    actor = await actor_for(building, who, "acme", 1)
    for ask in ASKS:
        key, _ = await outcome(building, actor, ask, mine)
        assert (key != "refused.not_found") == (ask in ALLOWED[who]), (who, ask, key)
        assert key in {""} | {f"refused.{each}" for each in CHANGED} or ask not in ALLOWED[who], (who, ask, key)


@pytest.mark.parametrize("who", ALLOWED)
async def test_in_the_office_foreign_and_missing_answer_alike(building: Building, who: str) -> None:
    """A1, A2: whatever is asked about somebody else's room, the answer is that of a room that is not there."""
    mine, foreign = await target(building, 1), await target(building, 2)
    actor = await actor_for(building, who, mine.path, 1)
    before = await building.business.store.ledger.head("acc-2")
    for ask in ASKS:
        answers = {await outcome(building, actor, ask, what) for what in (foreign, MISSING)}
        assert answers == {("refused.not_found", "{}")}, (who, ask)
    assert await building.business.store.ledger.head("acc-2") == before
    assert (await building.supply(2)).wanted.on
    seen = await open_disputes(building.business, actor)
    assert foreign.ticket not in {ticket.id for ticket in seen}


async def test_nobody_appoints_above_themselves(building: Building) -> None:
    """A2: a manager makes no owner and dismisses none; a role ends with its subtree; the last owner stays."""
    business = building.business
    manager = await building.operator(role=Role.MANAGER, scope="acme/maple")
    owner = await building.operator(role=Role.OWNER)
    clerk = await business.store.people.at("chat", "clerk", language="en")
    for role, scope in ((Role.OWNER, "acme/maple"), (Role.VIEWER, "acme"), (Role.VIEWER, "acme/map")):
        with pytest.raises(Refused, match="not_found"):
            await grant_role(business, manager, clerk.id, role, scope, why="x")
    with pytest.raises(Refused, match="not_found"):
        await revoke_role(business, manager, owner.id, Role.OWNER, "acme", why="x")
    with pytest.raises(Refused, match="last_owner"):
        await revoke_role(business, owner, owner.id, Role.OWNER, "acme", why="x")
    made = await grant_role(business, manager, clerk.id, Role.OPERATOR, "acme/maple/b1", why="new here")
    again = await grant_role(business, manager, clerk.id, Role.OPERATOR, "acme/maple/b1", why="new here")
    assert made.grants == again.grants == (Grant(Role.OPERATOR, "acme/maple/b1"),)
    gone = await revoke_role(business, manager, clerk.id, Role.OPERATOR, "acme/maple/b1", why="left")
    assert gone.grants == ()
    await grant_role(business, owner, clerk.id, Role.OWNER, "acme", why="heir")
    assert (await revoke_role(business, owner, owner.id, Role.OWNER, "acme", why="retired")).grants == ()


async def test_a_record_is_written_before_its_change(building: Building) -> None:
    """A3, Y1: what a crash interrupts is on record as begun; what was done or refused is on record as ended."""
    owner = await building.operator(role=Role.OWNER)
    clerk = await building.business.store.people.at("chat", "clerk", language="en")

    class Lost(Exception):
        """The process died here."""

    async def die(person_id: str, grant: Grant) -> bool:
        raise Lost

    people = building.business.store.people
    people.grant = die  # type: ignore[method-assign]
    with pytest.raises(Lost):
        await grant_role(building.business, owner, clerk.id, Role.VIEWER, "acme/maple", why="crash")
    del people.grant
    await grant_role(building.business, owner, clerk.id, Role.VIEWER, "acme/maple", why="again")
    trail = await building.business.store.audit.latest("acme/maple", 9)
    assert {(line.reason, line.actor, line.done) for line in trail} == {
        ("crash", owner.id, False),
        ("again", owner.id, True),
    }


async def test_a_dispute_is_one_ticket_and_is_answered_by_somebody_else(building: Building) -> None:
    """A3: one ticket for one line, whoever asks; it keeps who opened and who answered; nobody answers their own."""
    tenant = await building.flat(1)
    await building.give("acc-1", 5, "line")
    finance = await building.operator(role=Role.FINANCE)
    first = await dispute_entry(building.business, tenant, "acc-1", "adj:line", why="I was away")
    again = await dispute_entry(building.business, finance, "acc-1", "adj:line", why="other words")
    assert again == first
    with pytest.raises(Refused, match="not_found"):
        await dispute_entry(building.business, tenant, "acc-1", "adj:404", why="x")
    answered = await answer_dispute(building.business, finance, first.id, upheld=True, words="sorry")
    assert (answered.opened_by, answered.answered_by, answered.answer) == (tenant.id, finance.id, "sorry")
    with pytest.raises(Refused, match="dispute_answered"):
        await answer_dispute(building.business, finance, first.id, upheld=False, words="no")
    await building.give("acc-1", 6, "mine")
    own = await dispute_entry(building.business, finance, "acc-1", "adj:mine", why="hm")
    with pytest.raises(Refused, match="dispute_own"):
        await answer_dispute(building.business, finance, own.id, upheld=True, words="yes")
