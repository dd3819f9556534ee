"""The delivery ladder: whose channel comes first, what follows a failure, quiet hours, and dead letters."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from prepaid.domain.access import Role
from prepaid.domain.accounts import Account
from prepaid.domain.delivery import Receipt
from prepaid.domain.errors import HeldBack, Refused, TryAgain, Unknown
from prepaid.domain.notices import MAX_ATTEMPTS, Lane, Notice, NoticeKind, NoticeState
from prepaid.domain.people import Address, Person
from prepaid.domain.preferences import Alerts, Preferences, Quiet
from prepaid.storage.driver import Database
from prepaid.usecases import deliver_notices as delivery
from prepaid.usecases.dead_letters import dead_letters, drop_letter, one_letter, send_again
from prepaid.usecases.deliver_notices import deliver_notices
from prepaid.usecases.set_preferences import set_alerts, set_preferences, show_preferences
from prepaid.usecases.tell import Crossing, tell_account
from tests.fakes.building import Building, RecordingSender, build
from tests.fakes.clock import ManualClock

CUT = Crossing(NoticeKind.CUT_DONE, "c1")
LOW = Crossing(NoticeKind.LOW_BALANCE, "20:1")


@dataclass
class ReceiptingBox(RecordingSender):
    """A channel that says later what became of a message."""

    receipt_within_s: int = 60
    answer: Receipt = Receipt.UNKNOWN
    asked: list[str] = field(default_factory=list)

    async def receipt(self, address: Address, reference: str, sent_at: object) -> Receipt:
        assert address.user
        assert sent_at
        self.asked.append(reference)
        return self.answer


class Hanging(RecordingSender):
    """Never answers."""

    async def send(self, address: Address, notice: Notice, person: Person, *, reference: str | None) -> str:
        await asyncio.Event().wait()
        return ""


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """A flat whose tenant has three addresses."""
    place = await build(database, clock)
    actor = await place.flat(1, balance_micro=50_000_000)
    for channel in ("sms", "push"):
        assert await place.business.store.people.add_address(actor.id, Address(channel=channel, user="x1"))
    return place


async def tenant(building: Building) -> Person:
    """The person who lives there."""
    (person,) = await building.business.store.people.of_account("acc-1")
    return person


async def tell(building: Building, crossing: Crossing = CUT) -> None:
    """One notice to the tenant."""
    account = await building.business.store.sites.account("acc-1")
    assert isinstance(account, Account)
    params = {"balance_micro": 1_000_000, "level_micro": 20_000_000}
    assert await tell_account(building.business, account, building.site, crossing, params) == 1


async def row(building: Building) -> Notice:
    """The newest notice about the flat."""
    return (await building.business.store.notices.of_account("acc-1", 1))[0]


async def test_a_notice_goes_down_the_ladder_in_the_persons_order(building: Building) -> None:
    """N1, N2: the chosen channel first; one that refuses is not asked again, the next one tells, and once only."""
    person = await tenant(building)
    senders = {"chat": RecordingSender(), "sms": RecordingSender(), "push": RecordingSender()}
    await set_preferences(building.business, person.actor(), Preferences(channels=("push", "sms")))
    assert (await show_preferences(building.business, person.actor())).channels == ("push", "sms")
    senders["push"].trouble = Refused("refused.no_channel")
    await tell(building)
    assert await deliver_notices(building.business, senders) == 1
    assert [len(each.sent) for each in senders.values()] == [0, 1, 0]
    assert (await row(building)).state is NoticeState.DELIVERED
    assert await deliver_notices(building.business, senders) == 0


async def test_a_ladder_ends_after_bounded_tries_and_shows_its_reason(building: Building) -> None:
    """N1, N2: all channels failing is retried, then exhausted; staff see it and can send it again, others cannot."""
    senders = {"chat": RecordingSender(trouble=TryAgain("try_again.store")), "sms": RecordingSender()}
    senders["sms"].trouble = Refused("refused.no_channel")
    await tell(building)
    rounds = 0
    while (await row(building)).state is NoticeState.QUEUED:
        await deliver_notices(building.business, senders)
        building.clock.advance(seconds=1_000)
        rounds += 1
        assert rounds < 20
    assert (await row(building)).attempts == rounds == 6
    operator, stranger = await building.operator(), await building.operator(scope="other")
    (letter,) = await dead_letters(building.business, operator)
    assert (letter.label, letter.why, letter.attempts) == ("101", "try_again.store", 6)
    assert await dead_letters(building.business, stranger) == ()
    part = await building.operator(scope=f"{building.site.path}/b1")
    assert [each.id for each in await dead_letters(building.business, part)] == [letter.id]
    quotas = building.business.store.quotas
    view = await one_letter(building.business, operator, letter.id)
    assert (view.letter, view.channels, view.messages_left) == (letter, ("chat", "sms", "push"), None)
    await quotas.add(letter.person_id, "low", 9)
    assert (await one_letter(building.business, operator, letter.id)).messages_left == 1
    assert await quotas.take(letter.person_id, "low")
    assert (await one_letter(building.business, operator, letter.id)).messages_left == 0
    with pytest.raises(Refused, match="not_found"):
        await one_letter(building.business, stranger, letter.id)
    with pytest.raises(Refused, match=r"refused\.not_found"):
        await send_again(building.business, stranger, letter.id)
    await send_again(building.business, operator, letter.id)
    senders["chat"].trouble = None
    assert await deliver_notices(building.business, senders) == 1
    with pytest.raises(Refused, match=r"refused\.not_found"):
        await send_again(building.business, operator, letter.id)


async def test_a_letter_is_put_aside_with_a_reason_and_stays_exhausted(building: Building) -> None:
    """N2, A3: only whoever may mend letters drops one, the reason is on record, and what waits for its end has it."""
    await tell(building)
    await deliver_notices(building.business, {})
    viewer, operator = await building.operator(role=Role.VIEWER), await building.operator()
    (letter,) = await dead_letters(building.business, viewer)
    for act in (drop_letter(building.business, viewer, letter.id, why="x"), send_again(building.business, viewer, "0")):
        with pytest.raises(Refused, match=r"refused\.not_found"):
            await act
    await drop_letter(building.business, operator, letter.id, why="moved away")
    assert await dead_letters(building.business, operator) == ()
    assert (await row(building)).state is NoticeState.EXHAUSTED
    trail = await building.business.store.audit.latest(building.site.path, 10)
    assert [(each.action, each.reason) for each in trail if each.action == "drop_letter"] == [
        ("drop_letter", "moved away")
    ]


@pytest.mark.parametrize("answer", list(Receipt))
async def test_no_receipt_in_time_is_the_next_rung(building: Building, answer: Receipt) -> None:
    """N2: a message that a channel took counts once it arrived; lost, or silent for too long, the next one tells."""
    box, chat = ReceiptingBox(answer=answer), RecordingSender()
    await set_preferences(building.business, (await tenant(building)).actor(), Preferences(channels=("sms",)))
    await tell(building)
    senders = {"chat": chat, "sms": box}
    assert await deliver_notices(building.business, senders) == 0
    assert (await row(building)).state is NoticeState.QUEUED
    for _ in range(8):
        building.clock.advance(seconds=11)
        await deliver_notices(building.business, senders)
    assert (await row(building)).state is NoticeState.DELIVERED
    assert len(box.sent) == 1
    assert len(box.asked) == (6 if answer is Receipt.UNKNOWN else 1)
    assert len(chat.sent) == (0 if answer is Receipt.ARRIVED else 1)


async def test_quiet_hours_hold_for_all_but_safety_and_restore(building: Building) -> None:
    """N3: a low balance waits for the morning on the site's clock and counts no attempt; a cut is told at night."""
    person, chat = await tenant(building), RecordingSender()
    quiet = Preferences(quiet=Quiet(since_min=11 * 60, until_min=7 * 60))  # It is noon in Shanghai.
    await set_preferences(building.business, person.actor(), quiet)
    await tell(building, LOW)
    assert await deliver_notices(building.business, {"chat": chat}, lanes=[Lane.BULK]) == 0
    waiting = await row(building)
    assert waiting.next_at == building.clock.now() + timedelta(hours=19)
    assert waiting.attempts == 0
    building.clock.advance(seconds=1)
    await tell(building)
    assert await deliver_notices(building.business, {"chat": chat}) == 1
    building.clock.advance(hours=19)
    assert await deliver_notices(building.business, {"chat": chat}, lanes=[Lane.BULK]) == 1
    assert [notice.kind for _, notice, _ in chat.sent] == [NoticeKind.CUT_DONE, NoticeKind.LOW_BALANCE]


async def test_two_processes_send_a_notice_once(building: Building) -> None:
    """N1: of many rounds at once, in processes that know nothing of one another, one takes each row."""
    chat = RecordingSender()
    for number in range(20):
        await tell(building, Crossing(NoticeKind.CUT_DONE, f"c{number}"))
    counts = await asyncio.gather(*(deliver_notices(building.business, {"chat": chat}) for _ in range(5)))
    assert sum(counts) == len(chat.sent) == 20
    assert len({notice.id for _, notice, _ in chat.sent}) == 20


async def test_a_hanging_channel_ends_and_the_next_one_tells(
    building: Building, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N2: a wait has an end. An answer that never comes is unknown, and another channel is asked."""
    monkeypatch.setattr(delivery, "SEND_S", 0.05)
    sms = RecordingSender()
    await tell(building)
    assert await deliver_notices(building.business, {"chat": Hanging(), "sms": sms}) == 1
    assert len(sms.sent) == 1
    sms.trouble = Unknown("unknown.channel")
    building.clock.advance(seconds=1)
    await tell(building, Crossing(NoticeKind.CUT_DONE, "c2"))
    assert await deliver_notices(building.business, {"chat": Hanging(), "sms": sms}) == 0
    assert (await row(building)).attempts == 1


async def test_choices_are_checked(building: Building) -> None:
    """A channel without an address, hours that no day has, and levels out of range are refused in words."""
    actor = (await tenant(building)).actor()
    for wrong in (
        Preferences(channels=("fax",)),
        Preferences(channels=("sms", "sms")),
        Preferences(quiet=Quiet(since_min=60, until_min=60)),
        Preferences(quiet=Quiet(since_min=60, until_min=1440)),
    ):
        with pytest.raises(Refused):
            await set_preferences(building.business, actor, wrong)
    for alerts in (
        Alerts(low_balance_micro=(0,)),
        Alerts(days_left=(61,)),
        Alerts(days_left=tuple(range(1, 8))),
    ):
        with pytest.raises(Refused, match=r"refused\.alert_levels"):
            await set_alerts(building.business, actor, "acc-1", alerts)
    stranger = await building.flat(2)
    with pytest.raises(Refused, match=r"refused\.not_found"):
        await set_alerts(building.business, stranger, "acc-1", Alerts(days_left=(3,)))


async def test_an_accounts_own_levels_take_the_place_of_the_sites(building: Building) -> None:
    """N1: whoever wants to know at 45 yuan is told there once, and not at the site's 20."""
    actor = (await tenant(building)).actor()
    await set_alerts(building.business, actor, "acc-1", Alerts(low_balance_micro=(45_000_000, 10_000_000)))
    for energy_wh in (0, 4_000, 9_000, 14_000):
        await building.read(1, energy_wh, advance_s=7_200)
    rows = await building.business.store.notices.of_account("acc-1", 10)
    assert [each.params["level_micro"] for each in rows if each.kind is NoticeKind.LOW_BALANCE] == [45_000_000]
    account = await building.business.store.sites.account("acc-1")
    assert account is not None
    await building.business.store.sites.save_account(account)
    assert (await building.business.store.sites.account("acc-1")) == account


async def test_what_our_own_pace_holds_back_is_nobodys_failure(building: Building) -> None:
    """N1, N2: no place below the provider's limit yet: the row comes again on the same channel, however often."""
    senders = {"chat": RecordingSender(trouble=HeldBack("try_again.channel")), "sms": RecordingSender()}
    await tell(building)
    for _ in range(MAX_ATTEMPTS + 2):
        assert await deliver_notices(building.business, senders) == 0
        building.clock.advance(seconds=delivery.HELD_S)
    assert (await row(building)).attempts == 0
    senders["chat"].trouble = None
    assert await deliver_notices(building.business, senders) == 1
    assert [len(each.sent) for each in senders.values()] == [1, 0]
