"""What notices must say: the facts of each kind by its class, what to do, in good form, in both languages alike."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from bot.conversations.intents import read
from bot.conversations.vocabulary import Audience
from bot.texts import placeholders
from prepaid.domain.notices import NoticeKind
from tests.house import ROOT
from tests.notice_page import named, written

_K = NoticeKind
PLACE = frozenset({"label"})
BALANCE = frozenset({"balance_micro"})
AMOUNT = frozenset({"amount_micro"})
METER = frozenset({"meter_id"})
GATEWAY = frozenset({"gateway_id"})
NUMBER = frozenset({"approval_id", "effect"})
SPAN = frozenset({"from_at", "to_at", "reason"})
NOTHING: frozenset[str] = frozenset()
MUST: Mapping[NoticeKind, frozenset[str]] = {
    _K.LOW_BALANCE: BALANCE | {"level_micro"},
    _K.LOW_DAYS: BALANCE | {"ends_at"},
    _K.BALANCE_GONE: BALANCE,
    _K.CUT_DONE: BALANCE,
    _K.RESTORED: BALANCE,
    _K.SWITCH_STUCK: METER,
    _K.PRESS_BUTTON: BALANCE,
    _K.CONFIRM_SAFE: NOTHING,
    _K.RELAY_MOVED: METER,
    _K.RELAY_BYPASSED: METER,
    _K.RECUTS_HELD: GATEWAY,
    _K.METER_DOWN: METER,
    _K.METER_ALARM: METER | {"why"},
    _K.TOO_MUCH_LOAD: METER | {"why"},
    _K.PAYMENT_DISPUTED: AMOUNT | {"order_id", "why"},
    _K.READING_HELD: METER | {"doubt"},
    _K.GATEWAY_DOWN: GATEWAY,
    _K.GATEWAY_BACK: GATEWAY,
    _K.CASH_RECEIVED: AMOUNT | BALANCE | {"number"},
    _K.REFUND_DONE: AMOUNT | {"order_id"},
    _K.REFUND_FAILED: AMOUNT | {"order_id", "why"},
    _K.APPROVAL_ASKED: NUMBER | {"why"},
    _K.APPROVAL_DONE: NUMBER,
    _K.APPROVAL_FAILED: NUMBER | {"why"},
    _K.APPROVAL_DECLINED: NUMBER | {"why"},
    _K.APPROVAL_AGREED: NUMBER | {"left_s", "due_at"},
    _K.APPROVAL_UNDONE: NUMBER | {"why"},
    _K.ENTRY_DISPUTED: AMOUNT | {"ticket_id", "why"},
    _K.DISPUTE_ANSWERED: AMOUNT | {"ticket_id", "why"},
    _K.POWER_ANSWERED: frozenset({"order_id", "why"}),
    _K.CLOSING_WAITS: frozenset({"why"}),
    _K.CLOSING_STATEMENT: BALANCE | {"until"},
    _K.CLOSING_REMINDER: BALANCE | {"until"},
    _K.ACCOUNT_CLOSED: NOTHING,
    _K.RECONCILED: frozenset(
        {"payments_micro", "refunds_micro", "fees_micro", "difference_micro", "items", "provider"}
    ),
    _K.RECONCILED_OPEN: frozenset(
        {"payments_micro", "refunds_micro", "fees_micro", "difference_micro", "own", "loose"}
    ),
    _K.CLAIM_OPENED: frozenset({"txn_id", "ticket_id"}),
    _K.CASH_VOIDED: AMOUNT | BALANCE | {"number", "why"},
    _K.HELP_ASKED: frozenset({"why", "room"}),
    _K.STAFF_ANSWERED: frozenset({"words"}),
    _K.PROTECTION_ASKED: frozenset({"why"}),
    _K.MOVE_OUT_ASKED: NOTHING,
    _K.MEMBER_REMOVED: NOTHING,
    _K.EMERGENCY_TAKEN: AMOUNT | BALANCE | {"floor_micro"},
    _K.TARIFF_CHANGES: frozenset({"old_exact_micro", "new_exact_micro", "since"}),
    _K.CERTIFICATE_ENDS: frozenset({"name"}),
    _K.CLOCKS_APART: frozenset({"machine", "apart_s"}),
    _K.BROADCAST: frozenset({"words"}),
    _K.OUTAGE_PLANNED: SPAN,
    _K.OUTAGE_SOON: SPAN,
    _K.OUTAGE_CALLED_OFF: frozenset({"from_at", "to_at"}),
    _K.REPORT: frozenset({"why", "span"}),
    _K.CONTACT_CODE: frozenset({"code", "ttl_s"}),
}
"""What each text of the kind has to name besides its place and its time."""
INSTANTS = frozenset({"at", "since", "until", "ends_at", "from_at", "due_at", "day", "span", "ttl_s"})
TIMELESS = frozenset({_K.BROADCAST})
"""The staff's own words."""
NO_DEED = frozenset(
    {
        *(_K.RESTORED, _K.GATEWAY_BACK, _K.CASH_RECEIVED, _K.CASH_VOIDED, _K.REFUND_DONE, _K.RECONCILED),
        *(_K.APPROVAL_DONE, _K.APPROVAL_FAILED, _K.APPROVAL_DECLINED, _K.APPROVAL_UNDONE),
        *(_K.DISPUTE_ANSWERED, _K.POWER_ANSWERED, _K.OUTAGE_CALLED_OFF, _K.BROADCAST),
        *(_K.CLOSING_WAITS, _K.ACCOUNT_CLOSED),
    }
)
"""News that ask for nothing, or whose reason says what to do."""
ASKS = {"zh": re.compile("请|回复|发送"), "en": re.compile(r"[Pp]lease|[Ss]end “|First make sure|Send it")}
QUOTED = re.compile("“([^”]+)”")
BRACED = re.compile(r"\{[^}]*\}")
TO_TENANTS = frozenset(
    {
        *(_K.LOW_BALANCE, _K.LOW_DAYS, _K.BALANCE_GONE, _K.CUT_DONE, _K.CONFIRM_SAFE, _K.CLOSING_STATEMENT),
        _K.CLOSING_REMINDER,
        *(_K.EMERGENCY_TAKEN, _K.TARIFF_CHANGES, _K.TOO_MUCH_LOAD),
    }
)
REVIEW = ROOT / "docs" / "reference" / "notices-review.md"


def kind_of(key: str) -> NoticeKind:
    """The kind that a text belongs to."""
    return NoticeKind(key.split(".")[1])


def test_every_kind_has_its_facts_written_down() -> None:
    """A new kind of notice says here what it must tell. The payment thread is a list of steps, not a sentence."""
    assert MUST.keys() == set(NoticeKind) - {_K.PAYMENT_THREAD}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("key", named())
def test_a_notice_names_the_facts_of_its_kind(key: str, language: str) -> None:
    """N4: place, time, money, meter or number: whoever reads it need not ask which, when and how much."""
    kind, said = kind_of(key), placeholders(language, key)
    assert said >= PLACE | MUST[kind]
    assert kind in TIMELESS or said & INSTANTS


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("key", [key for key in named() if kind_of(key) not in NO_DEED])
def test_a_notice_says_what_to_do(key: str, language: str) -> None:
    """Where the reader can do something, it is said."""
    assert ASKS[language].search(written(language)[key]) or kind_of(key) is _K.OUTAGE_PLANNED


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("key", named())
def test_a_word_that_a_notice_offers_is_understood(key: str, language: str) -> None:
    """What is quoted can be sent as it stands, and is meant for whoever gets the notice."""
    for word in QUOTED.findall(written(language)[key].replace("{approval_id}", "ap_0a1b2c3d")):
        ask = read(word)
        assert ask is not None, word
        wrong = Audience.STAFF if kind_of(key) in TO_TENANTS else None
        assert ask.intent.audience is not wrong


@pytest.mark.parametrize("key", named())
def test_a_notice_is_well_formed(key: str) -> None:
    """Full-width points and the polite address in Chinese, curly quotes in English, no doubled points or spaces."""
    chinese, english = (BRACED.sub("x", written(language)[key]) for language in ("zh", "en"))
    assert not re.search(r"[,;:!?()\"']|你|\. |  |。。|，，", chinese)
    assert not re.search(r"[，。；：！？（）\"]|  |\.\.|,,", english)
    assert english[0].isupper() or english[0] == "x"


def test_every_text_was_read() -> None:
    """docs/reference/notices-review.md has a line for each text: what is new is read before it is told."""
    rows = re.findall(r"^\| `([a-z_.]+)` \|", REVIEW.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [key.removeprefix("notice.") for key in named()]
