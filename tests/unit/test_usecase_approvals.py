"""Two persons for what one must not do alone, on the real store."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from prepaid.domain.access import Actor, Role
from prepaid.domain.accounts import AccountStatus
from prepaid.domain.approvals import Approval, ApprovalState
from prepaid.domain.errors import Refused
from prepaid.domain.ledger import Entry
from prepaid.domain.notices import NoticeKind
from prepaid.domain.supply import HoldKind
from prepaid.storage.driver import Database
from prepaid.usecases.adjust import Cause, adjust
from prepaid.usecases.bulk_cut import bulk_cut
from prepaid.usecases.carry_out import resume_approvals
from prepaid.usecases.decide_approval import approve, decline, show_approval, undo, waiting_approvals
from prepaid.usecases.deliver_notices import deliver_notices
from prepaid.usecases.force_cut import force_cut
from prepaid.usecases.hold_supply import hold_supply
from prepaid.usecases.switch_supply import switch_supply
from tests.fakes.building import Building, RecordingSender, build
from tests.fakes.clock import ManualClock

LARGE = 500_000_000
"""500 yuan: above what one person may adjust."""


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """Two flats."""
    building = await build(database, clock)
    await building.flat(1, balance_micro=10_000_000)
    await building.flat(2, balance_micro=10_000_000)
    return building


async def large(building: Building, asker: Actor, *, key: str = "k") -> Approval:
    """An adjustment that waits for a second person."""
    asked = await adjust(building.business, asker, "acc-1", LARGE, key=key, cause=Cause.GOODWILL, why="flooded")
    assert isinstance(asked, Approval)
    return asked


async def test_a_large_adjustment_takes_two_persons(building: Building) -> None:
    """A6, M5: nothing moves until a second person agrees to the exact content, and then once."""
    asker = await building.operator(role=Role.FINANCE)
    boss = await building.operator(role=Role.OWNER)
    asked = await large(building, asker)
    assert await building.balance_micro(1) == 10_000_000
    done = await approve(building.business, boss, asked.id, asked.digest)
    assert (done.state, done.decided_by) == (ApprovalState.DONE, boss.id)
    assert await building.balance_micro(1) == 10_000_000 + LARGE
    entry = (await building.business.store.ledger.latest("acc-1", 1))[0]
    assert (entry.actor, entry.ref["approved_by"], entry.ref["approval"]) == (asker.id, boss.id, asked.id)
    with pytest.raises(Refused, match="approval_used"):
        await approve(building.business, boss, asked.id, asked.digest)
    assert await building.balance_micro(1) == 10_000_000 + LARGE


async def test_a_small_one_takes_one_person_and_its_key_is_single(building: Building) -> None:
    """M15: the same key and content is the same entry; another amount under it is refused."""
    asker = await building.operator(role=Role.FINANCE)
    say = {"key": "k", "cause": Cause.GOODWILL, "why": "late repair"}
    first = await adjust(building.business, asker, "acc-1", 5_000_000, **say)  # type: ignore[arg-type]
    again = await adjust(building.business, asker, "acc-1", 5_000_000, **say)  # type: ignore[arg-type]
    assert isinstance(first, Entry)
    assert first == again
    with pytest.raises(Refused, match="idempotency_conflict"):
        await adjust(building.business, asker, "acc-1", 6_000_000, **say)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="reason_needed"):
        await adjust(building.business, asker, "acc-1", 1, key="z", cause=Cause.OTHER, why=" ")


async def test_whoever_asked_cannot_agree(building: Building) -> None:
    """A6, F37: the approver is another person, whatever roles the asker holds."""
    owner = await building.operator(role=Role.OWNER)
    asked = await large(building, owner)
    with pytest.raises(Refused, match="approval_own"):
        await approve(building.business, owner, asked.id, asked.digest)
    store = building.business.store.approvals
    assert not await store.use(asked.id, asked.digest, owner.id, building.clock.now())


async def test_an_approval_names_the_exact_content(building: Building) -> None:
    """A6: another digest, or a stored content that was changed, is not what was agreed to."""
    asker, boss = await building.operator(role=Role.FINANCE), await building.operator(role=Role.OWNER)
    asked = await large(building, asker)
    with pytest.raises(Refused, match="approval_changed"):
        await approve(building.business, boss, asked.id, "0" * 64)
    forged = asked.content.replace(str(LARGE), str(LARGE * 2))
    await building.business.store.approvals.move(asked.id, ApprovalState.ASKED, ApprovalState.ASKED, content=forged)
    with pytest.raises(Refused, match="approval_changed"):
        await approve(building.business, boss, asked.id, asked.digest)
    assert await building.balance_micro(1) == 10_000_000


async def test_an_approval_expires(building: Building) -> None:
    """A6: from its last instant on it cannot be used, and asking again is a new request."""
    asker, boss = await building.operator(role=Role.FINANCE), await building.operator(role=Role.OWNER)
    asked = await large(building, asker)
    assert (await large(building, asker)).id == asked.id
    building.clock.advance(seconds=building.site.limits.approval_ttl_s)
    with pytest.raises(Refused, match="approval_expired"):
        await approve(building.business, boss, asked.id, asked.digest)
    assert not await waiting_approvals(building.business, boss)
    assert (await large(building, asker)).id != asked.id


@pytest.mark.parametrize(("loses", "key"), [(0, "approval_asker_gone"), (1, "not_found")])
async def test_a_role_taken_away_in_between_counts(building: Building, loses: int, key: str) -> None:
    """A6, F37: both persons are judged by the roles they hold when it is used, not by what a session remembers."""
    both = [await building.operator(role=Role.FINANCE), await building.operator(role=Role.OWNER)]
    asked = await large(building, both[0])
    grant = both[loses].grants[0]
    assert await building.business.store.people.revoke(both[loses].id, grant)
    with pytest.raises(Refused, match=key):
        await approve(building.business, both[1], asked.id, asked.digest)
    assert await building.balance_micro(1) == 10_000_000


async def test_many_second_persons_at_once_are_one(building: Building) -> None:
    """A6: the use is a conditional write: of many at once one wins, and the effect is one."""
    asker = await building.operator(role=Role.FINANCE)
    bosses = [await building.operator(role=role) for role in (Role.OWNER, Role.MANAGER)]
    asked = await large(building, asker)
    tries = [approve(building.business, bosses[i % 2], asked.id, asked.digest) for i in range(10)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(each, Approval) for each in outcomes) == 1
    assert await building.balance_micro(1) == 10_000_000 + LARGE


async def test_a_crash_between_the_second_word_and_the_effect_is_resumed(building: Building) -> None:
    """Y1, A6: the sweeper carries it out once, however often it runs."""
    asker, boss = await building.operator(role=Role.FINANCE), await building.operator(role=Role.OWNER)
    asked = await large(building, asker)
    assert await building.business.store.approvals.use(asked.id, asked.digest, boss.id, building.clock.now())
    await asyncio.gather(*(resume_approvals(building.business) for _ in range(3)))
    assert await building.balance_micro(1) == 10_000_000 + LARGE
    assert await resume_approvals(building.business) == 0
    assert (await show_approval(building.business, boss, asked.id)).state is ApprovalState.DONE


async def test_one_wish_agreed_to_twice_takes_effect_once(building: Building) -> None:
    """M15, A6: two persons asked for the same wish by its key; two approvals, one entry."""
    asker, other = await building.operator(role=Role.FINANCE), await building.operator(role=Role.MANAGER)
    boss = await building.operator(role=Role.OWNER)
    first, second = await large(building, asker), await large(building, other)
    for asked in (first, second):
        await approve(building.business, boss, asked.id, asked.digest)
    assert await building.balance_micro(1) == 10_000_000 + LARGE


async def test_declined_is_over_and_the_asker_hears_why(building: Building) -> None:
    """A6: whoever could agree may say no; afterwards nobody can agree."""
    asker, boss = await building.operator(role=Role.FINANCE), await building.operator(role=Role.OWNER)
    asked = await large(building, asker)
    await decline(building.business, boss, asked.id, why="show me the invoice")
    with pytest.raises(Refused, match="approval_used"):
        await approve(building.business, boss, asked.id, asked.digest)
    sender = RecordingSender()
    await deliver_notices(building.business, {"chat": sender})
    told = {(notice.person_id, notice.kind) for _, notice, _ in sender.sent}
    assert (boss.id, NoticeKind.APPROVAL_ASKED) in told
    assert (asker.id, NoticeKind.APPROVAL_DECLINED) in told


async def test_requests_are_seen_only_within_reach(building: Building) -> None:
    """A2: elsewhere a request answers as if it were not there, in the list and by its id."""
    asker = await building.operator(role=Role.FINANCE)
    asked = await large(building, asker)
    near = await building.operator(role=Role.MANAGER, scope="acme/maple/b1")
    far = await building.operator(role=Role.MANAGER, scope="acme/maple/b1/102")
    operator = await building.operator(role=Role.OPERATOR)
    assert [each.id for each in await waiting_approvals(building.business, near)] == [asked.id]
    for stranger in (far, operator):
        assert not await waiting_approvals(building.business, stranger)
        answers = []
        for approval_id in (asked.id, "ap_missing"):
            for ask in (
                show_approval(building.business, stranger, approval_id),
                approve(building.business, stranger, approval_id, asked.digest),
                decline(building.business, stranger, approval_id, why="no"),
            ):
                with pytest.raises(Refused) as caught:
                    await ask
                answers.append((caught.value.key, caught.value.params))
        assert set(map(str, answers)) == {str(("refused.not_found", {}))}


async def test_a_protected_customer_is_cut_by_two_persons_only(building: Building) -> None:
    """A6, S2: one person is refused; two persons cut by name, and the record says who both were."""
    await building.flat(3, balance_micro=1, protected=True)
    operator, manager = await building.operator(), await building.operator(role=Role.MANAGER)
    with pytest.raises(Refused, match="protected_supply"):
        await switch_supply(building.business, operator, "acc-3", on=False, reason="fire")
    asked = await force_cut(building.business, operator, "acc-3", reason="fire in the shaft")
    assert (await building.supply(3)).wanted.on
    done = await approve(building.business, manager, asked.id, asked.digest)
    wanted = (await building.supply(3)).wanted
    assert (wanted.on, wanted.by_hand, wanted.actor) == (False, True, operator.id)
    assert (done.asked_by, done.decided_by) == (operator.id, manager.id)


async def test_a_held_supply_is_cut_by_two_persons_and_a_newer_word_stands(building: Building) -> None:
    """A6, S6: the hold gives way to two persons; resuming later does not undo a restore that came after."""
    operator, manager = await building.operator(), await building.operator(role=Role.MANAGER)
    await hold_supply(building.business, operator, "acc-1", kind=HoldKind.ON, why="oxygen")
    asked = await force_cut(building.business, operator, "acc-1", reason="fire")
    await approve(building.business, manager, asked.id, asked.digest)
    assert not (await building.supply(1)).wanted.on
    building.clock.advance(seconds=1)
    await switch_supply(building.business, operator, "acc-1", on=True, reason="out")
    approvals = building.business.store.approvals
    assert await approvals.move(asked.id, ApprovalState.DONE, ApprovalState.APPROVED)
    assert await resume_approvals(building.business) == 1
    assert (await building.supply(1)).wanted.on


async def test_a_bulk_cut_spares_the_protected(building: Building) -> None:
    """S8, A6: a mass cut needs two persons, and even they do not cut protected or held supplies by it."""
    await building.flat(3, protected=True)
    operator, manager = await building.operator(), await building.operator(role=Role.MANAGER)
    await hold_supply(building.business, operator, "acc-2", kind=HoldKind.ON, why="baby")
    accounts = ["acc-1", "acc-2", "acc-3"]
    asked = await bulk_cut(building.business, operator, accounts, reason="substation works")
    assert asked.path == "acme/maple/b1"
    assert [(await building.supply(unit)).wanted.on for unit in (1, 2, 3)] == [True, True, True]
    await approve(building.business, manager, asked.id, asked.digest)
    assert [(await building.supply(unit)).wanted.on for unit in (1, 2, 3)] == [False, True, True]
    narrow = await building.operator(scope="acme/maple/b1/101")
    with pytest.raises(Refused, match="not_found"):
        await bulk_cut(building.business, narrow, accounts, reason="x")


async def test_an_effect_that_a_rule_refuses_fails_with_the_reason(building: Building) -> None:
    """A6: agreed is not enough: the rules of the moment still hold, and the row keeps why it failed."""
    asker, boss = await building.operator(role=Role.FINANCE), await building.operator(role=Role.OWNER)
    asked = await large(building, asker)
    await building.business.store.sites.move_account("acc-1", AccountStatus.OPEN, AccountStatus.CLOSED)
    done = await approve(building.business, boss, asked.id, asked.digest)
    assert (done.state, done.outcome) == (ApprovalState.FAILED, "refused.account_closed")
    assert await building.balance_micro(1) == 10_000_000


async def with_window(building: Building) -> tuple[Actor, Actor, Approval]:
    """A cut of a room that two persons agreed to a moment ago, at a site that gives a minute to think again."""
    site = replace(building.site, limits=replace(building.site.limits, undo_s=60))
    await building.business.store.sites.save_site(site)
    operator, manager = await building.operator(), await building.operator(role=Role.MANAGER)
    asked = await force_cut(building.business, operator, "acc-1", reason="fire in the shaft")
    agreed = await approve(building.business, manager, asked.id, asked.digest)
    assert (agreed.state, agreed.due_at) == (ApprovalState.AGREED, building.clock.now() + timedelta(seconds=60))
    return operator, manager, agreed


async def test_what_two_agreed_to_begins_when_its_window_is_over_and_once(building: Building) -> None:
    """A6, Y1: not before; then once, in however many processes, also where a crash came as it began."""
    operator, manager, agreed = await with_window(building)
    assert [each.id for each in await waiting_approvals(building.business, manager)] == [agreed.id]
    assert (await force_cut(building.business, operator, "acc-1", reason="fire in the shaft")).id == agreed.id
    building.clock.advance(seconds=59)
    assert await resume_approvals(building.business) == 0
    assert (await building.supply(1)).wanted.on
    building.clock.advance(seconds=1)
    approvals = building.business.store.approvals
    assert await approvals.move(agreed.id, ApprovalState.AGREED, ApprovalState.APPROVED)  # and killed here
    await asyncio.gather(*(resume_approvals(building.business) for _ in range(3)))
    wanted = (await building.supply(1)).wanted
    assert (wanted.on, wanted.cause, wanted.generation) == (False, agreed.id, 1)
    with pytest.raises(Refused, match="approval_begun"):
        await undo(building.business, operator, agreed.id)


@pytest.mark.parametrize("who", [0, 1])
async def test_either_of_both_takes_it_back_in_time(building: Building, who: int) -> None:
    """A6: either of the two, once; the other one is told; nothing is done then, however late one looks."""
    operator, manager, agreed = await with_window(building)
    both = (operator, manager)
    undone = await undo(building.business, both[who], agreed.id, why="wrong room")
    assert (undone.state, undone.undone_by, undone.outcome) == (ApprovalState.UNDONE, both[who].id, "wrong room")
    assert (undone.asked_by, undone.decided_by) == (both[0].id, both[1].id)
    building.clock.advance(seconds=3600)
    assert await resume_approvals(building.business) == 0
    assert (await building.supply(1)).wanted.on
    with pytest.raises(Refused, match="approval_used"):
        await approve(building.business, both[1], agreed.id, agreed.digest)
    sender = RecordingSender()
    await deliver_notices(building.business, {"chat": sender})
    told = {notice.person_id for _, notice, _ in sender.sent if notice.kind is NoticeKind.APPROVAL_UNDONE}
    assert told == {both[1 - who].id}


async def test_the_way_back_and_the_beginning_never_both_win(building: Building) -> None:
    """A6, F37: at the edge of the window either it is taken back or it is done, never both; a stranger has no say."""
    operator, manager, agreed = await with_window(building)
    far = await building.operator(role=Role.MANAGER, scope="acme/maple/b1/102")
    with pytest.raises(Refused, match="not_found"):
        await undo(building.business, far, agreed.id)
    building.clock.advance(seconds=60)
    backs = [undo(building.business, each, agreed.id) for each in (operator, manager)]
    sweeps = [resume_approvals(building.business) for _ in range(2)]
    outcomes = await asyncio.gather(*backs, *sweeps, return_exceptions=True)
    taken_back = sum(isinstance(each, Approval) for each in outcomes)
    await resume_approvals(building.business)
    state = (await show_approval(building.business, manager, agreed.id)).state
    assert (taken_back, state) in {(1, ApprovalState.UNDONE), (0, ApprovalState.DONE)}
    assert (await building.supply(1)).wanted.on is (taken_back == 1)


async def test_what_gives_credit_never_waits(building: Building) -> None:
    """S1, S7: power may be waiting for it. What takes credit has its window, and a restore in it stands (S6)."""
    await with_window(building)
    asker, boss = await building.operator(role=Role.FINANCE), await building.operator(role=Role.OWNER)
    gives = await large(building, asker)
    assert (await approve(building.business, boss, gives.id, gives.digest)).state is ApprovalState.DONE
    takes = await adjust(building.business, asker, "acc-2", -LARGE, key="t", cause=Cause.OTHER, why="paid twice")
    assert isinstance(takes, Approval)
    assert (await approve(building.business, boss, takes.id, takes.digest)).state is ApprovalState.AGREED
    building.clock.advance(seconds=1)
    await switch_supply(building.business, await building.operator(), "acc-1", on=True, reason="out")
    building.clock.advance(seconds=60)
    assert await resume_approvals(building.business) == 2
    assert (await building.supply(1)).wanted.on
    assert await building.balance_micro(2) == 10_000_000 - LARGE
