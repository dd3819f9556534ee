"""Notices in words, and the payment thread that edits itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.conversations.parts import Part, PayQR, StepState, menu_of, thread_of
from bot.delivery import NoticeSender, notice_parts, sentence
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
    "apart_s": 300,
    "machine": "host-1",
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
    assert all(part in words for part in ("25 Nov, 14:03", "¥0.5283 to ¥0.60 per kWh"))
    ranged = notice(NoticeKind.TARIFF_CHANGES, new_most_exact_micro=900_000, utility="water")
    assert "¥0.60–¥0.90 per m³" in render(notice_parts(ranged, "en"))
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


@pytest.mark.parametrize(
    ("least", "most", "words"),
    [
        ("0", "0", "within a day"),
        ("0", "1", "within a day"),
        ("1", "1", "about a day"),
        ("1", "2", "1 to 2 days"),
        ("3", "3", "about 3 days"),
        ("4", "7", "4 to 7 days"),
    ],
)
def test_days_are_counted_as_people_count_them(least: str, most: str, words: str) -> None:
    """No "1 to 1 days" and no "3 to 3"."""
    assert words in sentence(notice(NoticeKind.LOW_DAYS, least=least, most=most), "en")


@pytest.mark.parametrize(
    ("kind", "cut_at", "words"),
    [
        (NoticeKind.BALANCE_GONE, PARAMS["cut_at"], ("停水", "the water may be cut off")),
        (NoticeKind.BALANCE_GONE, None, ("停水", "keep the water on")),
        (NoticeKind.CUT_DONE, None, ("停水", "the water was cut off")),
        (NoticeKind.RESTORED, None, ("供水", "the water came back")),
    ],
)
def test_water_is_water(kind: NoticeKind, cut_at: str | None, words: tuple[str, str]) -> None:
    """N2: a closed valve is not told as a power cut."""
    row = notice(kind, utility="water", cut_at=cut_at)
    for language, said in zip(("zh", "en"), words, strict=True):
        assert said in sentence(row, language)
        assert "断电" not in sentence(row, language)
        assert "power" not in sentence(row, language)


@pytest.mark.parametrize(
    ("left", "at_desk", "words"),
    [
        (0, 0, "Nothing is left"),
        (5_000_000, 0, "¥5.00 goes back to whoever paid"),
        (5_000_000, 5_000_000, "¥5.00 can be collected"),
        (5_000_000, 2_000_000, "Of the remaining ¥5.00, ¥2.00 can be collected"),
    ],
)
def test_what_is_left_of_a_closed_account(left: int, at_desk: int, words: str) -> None:
    """M10: where each part of the money goes, and no part of ¥0.00."""
    assert words in sentence(notice(NoticeKind.ACCOUNT_CLOSED, balance_micro=left, payable_micro=at_desk), "en")


@pytest.mark.parametrize(
    ("kind", "zh", "en"),
    [(NoticeKind.APPROVAL_ASKED, "：退款（", ": Refund ("), (NoticeKind.RECONCILED, "微信支付对账", "WeChat Pay, ")],
)
def test_effects_and_providers_have_names(kind: NoticeKind, zh: str, en: str) -> None:
    """A person reads what is asked for and who was paid, not the program's word for it."""
    assert zh in sentence(notice(kind), "zh")
    assert en in sentence(notice(kind), "en")


@pytest.mark.parametrize("kind", [NoticeKind.SWITCH_STUCK, NoticeKind.RECUTS_HELD])
def test_rows_of_an_older_program_are_still_told(kind: NoticeKind) -> None:
    """F7: what was queued before its words named more is told all the same."""
    row = notice(kind)
    older = {name: value for name, value in row.params.items() if name not in ("meter_id", "gateway_id")}
    assert "Flat 7" in sentence(replace(row, params=older), "en")
