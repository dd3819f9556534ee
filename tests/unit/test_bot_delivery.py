"""Notices in words, and the payment thread that edits itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from bot.conversations.parts import Part, PayQR, StepState, menu_of, thread_of
from bot.delivery import NoticeSender, notice_parts
from bot.rendering.plain import render
from prepaid.domain.notices import Notice, NoticeKind, Stage
from prepaid.domain.people import Address, Person

AT = datetime(2026, 11, 23, 6, 3, 22, tzinfo=UTC)
PARAMS: dict[str, str | int | bool | None] = {
    "words": "No power on Saturday.",
    "label": "Flat 7",
    "time_zone": "Asia/Shanghai",
    "at": AT.isoformat(),
    "balance_micro": 48_760_000,
    "level_micro": 20_000_000,
    "amount_micro": 50_000_000,
    "cut_at": (AT + timedelta(days=1)).isoformat(),
    "on": True,
    "order_id": "cw1",
    "why": "dispute.amount",
    "meter_id": "m7",
    "doubt": "doubt.too_fast",
    "gateway_id": "g1",
    "pay_uri": "weixin://wxpay/x",
    "was_off": True,
    "number": "R-1",
    "effect": "effect.refund",
    "approval_id": "ap1",
    "ticket_id": "t1",
    "payable_micro": 1_230_000,
    "txn_id": "4200000001",
    "provider": "wechat_pay",
    "day": "2026-11-22",
    "span": "2026-11",
    "items": 12,
    "payments_micro": 600_000_000,
    "refunds_micro": 20_000_000,
    "fees_micro": 3_480_000,
    "difference_micro": 0,
    "own": 1,
    "loose": 0,
    "least": "4",
    "most": "7",
    "name": "apiclient_cert.pem",
    "floor_micro": -10_000_000,
    "utility": "electricity",
    "from_at": (AT + timedelta(days=1)).isoformat(),
    "to_at": (AT + timedelta(days=2)).isoformat(),
    "reason": "work on the switchboard",
    "since": (AT + timedelta(days=2)).isoformat(),
    "until": (AT + timedelta(days=3)).isoformat(),
    "old_exact_micro": 528_300,
    "old_most_exact_micro": 528_300,
    "new_exact_micro": 600_000,
    "new_most_exact_micro": 600_000,
    "ends_at": (AT + timedelta(days=14)).isoformat(),
    "left_s": 60,
    "code": "7KQ2M9XA",
    "ttl_s": 900,
    "due_at": (AT + timedelta(minutes=1)).isoformat(),
}
PLAIN_KINDS = [kind for kind in NoticeKind if kind is not NoticeKind.PAYMENT_THREAD]


def notice(
    kind: NoticeKind, stage: Stage | None = None, seconds: int = 0, **changes: str | int | bool | None
) -> Notice:
    """A row of the outbox."""
    at = AT + timedelta(seconds=seconds)
    return Notice(
        id=f"{kind}:{stage}",
        kind=kind,
        person_id="p1",
        account_id="a7",
        at=at,
        params={**PARAMS, "at": at.isoformat(), **changes},
        thread="cw1" if stage else None,
        stage=stage,
    )


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("kind", PLAIN_KINDS)
def test_every_notice_names_its_place_and_figures(kind: NoticeKind, language: str) -> None:
    """N1: each kind has complete words in both languages, with the room and no placeholder left."""
    words = render(notice_parts(notice(kind), language))
    assert "Flat 7" in words
    assert "{" not in words
    if kind in (NoticeKind.LOW_BALANCE, NoticeKind.LOW_DAYS, NoticeKind.RESTORED, NoticeKind.CUT_DONE):
        assert "¥48.76" in words


def test_a_new_price_is_told_with_its_day_beside_the_old_one() -> None:
    """N1: one price, or the lowest and the highest, of electricity or of water: old and new, and from when on."""
    row = notice(NoticeKind.TARIFF_CHANGES)
    words = render(notice_parts(row, "en"))
    assert all(part in words for part in ("25 Nov, 14:03", "¥0.5283 to ¥0.60 a kWh"))
    ranged = notice(NoticeKind.TARIFF_CHANGES, new_most_exact_micro=900_000, utility="water")
    assert "¥0.60–¥0.90 a m³" in render(notice_parts(ranged, "en"))
    assert "每度 ¥0.5283–¥0.5283 调为 ¥0.60–¥0.90" in render(
        notice_parts(notice(NoticeKind.TARIFF_CHANGES, new_most_exact_micro=900_000), "zh")
    )
    assert "每吨 ¥0.5283 调为 ¥0.60" in render(notice_parts(notice(NoticeKind.TARIFF_CHANGES, utility="water"), "zh"))


def test_a_warning_leads_to_the_right_room() -> None:
    """N2: the button under a warning tops up the very account that it is about."""
    assert menu_of(notice_parts(notice(NoticeKind.LOW_BALANCE), "en"))[0].action == "use:a7:recharge"
    assert menu_of(notice_parts(notice(NoticeKind.LOW_BALANCE), "en", buttons=False)) == ()


def test_a_cut_without_an_hour_is_still_announced() -> None:
    """N2: the balance-gone warning does without the earliest hour where none is known."""
    assert "¥48.76" in render(notice_parts(notice(NoticeKind.BALANCE_GONE, cut_at=None), "en"))


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("was_off", [True, False])
@pytest.mark.parametrize("stage", list(Stage))
def test_every_stage_of_the_thread_has_words(stage: Stage, was_off: bool, language: str) -> None:
    """FEATURES N3: every stage says how far things are; the code is there only while it can be paid."""
    parts = notice_parts(notice(NoticeKind.PAYMENT_THREAD, stage, was_off=was_off), language)
    thread = thread_of(parts)
    assert thread is not None
    assert thread.lines
    assert "{" not in render(parts)
    assert any(isinstance(part, PayQR) for part in parts) is (stage is Stage.WAITING)


class Shown:
    """A channel that keeps what it was given."""

    def __init__(self) -> None:
        self.messages: dict[str, tuple[Part, ...]] = {}

    async def show(self, user: str, parts: Sequence[Part], *, reference: str | None, bulk: bool = False) -> str:
        """Adds or replaces."""
        key = reference or f"{user}-{len(self.messages)}"
        self.messages[key] = tuple(parts)
        return key


async def test_the_thread_is_one_message_with_the_hour_of_each_step() -> None:
    """FEATURES N3: from paid to power on it is one message, each line with its time at the site."""
    shown = Shown()
    sender = NoticeSender(shown)
    reference: str | None = None
    stages = (Stage.WAITING, Stage.PAID, Stage.CREDITED, Stage.SWITCHING, Stage.POWER_ON)
    for seconds, stage in enumerate(stages):
        row = notice(NoticeKind.PAYMENT_THREAD, stage, seconds)
        address = Address(channel="test", user="u")
        reference = await sender.send(address, row, Person(id="p1", language="en"), reference=reference)
    assert list(shown.messages) == [reference]
    thread = thread_of(shown.messages[str(reference)])
    assert thread is not None
    assert all(line.state is StepState.DONE for line in thread.lines)
    assert [line.clock for line in thread.lines] == ["14:03:23", "14:03:24", "14:03:25", "14:03:26", "14:03:26"]
    assert thread.lines[-1].text == "Power is on"
    assert "¥48.76" in thread.note


async def test_a_thread_without_its_past_still_tells_how_far_it_is() -> None:
    """Y1: after a restart the lines keep their marks; only hours that nobody remembers are left out."""
    parts = notice_parts(notice(NoticeKind.PAYMENT_THREAD, Stage.STUCK), "en")
    thread = thread_of(parts)
    assert thread is not None
    assert [line.state for line in thread.lines] == [StepState.DONE] * 3 + [StepState.STUCK]
    assert [bool(line.clock) for line in thread.lines] == [False, False, False, True]
