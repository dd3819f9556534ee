"""Texts: both catalogues complete, their placeholders alike, figures right in both languages."""

from __future__ import annotations

import ast
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.conversations.intents import intents
from bot.texts import has, keys, language_for, placeholders, text, trouble_text
from bot.texts.figures import duration, energy, instant, money, moved, price
from meters.parts import AlarmKind
from prepaid.domain.access import Action
from prepaid.domain.errors import InvariantBroken, Refused, TryAgain, Unknown
from prepaid.domain.ledger import Kind
from prepaid.domain.notices import NoticeKind

AT = datetime(2026, 11, 23, 6, 3, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
KEY = re.compile(r'"((?:refused|rule|doubt|dispute|try_again|unknown)\.[a-z_]+)"')
OWN = re.compile(r'(?:text|say|press)\(\s*[\w.]+,\s*"([a-z_]+(?:\.[a-z_]+)*)"')
SOURCES = ("prepaid", "payments", "meters", "bot", "scheduler", "miniprogram_api", "chatwatt")


def keys_in_sources() -> dict[str, str]:
    """Every text key that the source names, with the file that names it."""
    found: dict[str, str] = {}
    for folder in SOURCES:
        for path in (ROOT / folder).rglob("*.py"):
            source = path.read_text()
            for pattern in (KEY, OWN) if folder == "bot" else (KEY,):
                found |= dict.fromkeys(pattern.findall(source), str(path.relative_to(ROOT)))
    return found


def test_every_key_in_the_source_has_a_text() -> None:
    """Whatever trouble, rule or notice the code names, a person can be told about it in both languages."""
    missing = {key: path for key, path in keys_in_sources().items() if not has(key)}
    assert not missing


def test_every_declared_thing_has_its_texts() -> None:
    """Each intent has a name and, if offered, a line of help; each ledger kind and notice has words."""
    wanted = {f"help.{intent.name}" for intent in intents() if intent.in_help}
    wanted |= {f"intent.{intent.name}" for intent in intents() if intent.in_help}
    wanted |= {f"entry.{kind}" for kind in Kind}
    wanted |= {f"alarm.{kind}" for kind in AlarmKind}
    wanted |= {f"letter.{kind}" for kind in NoticeKind}
    wanted |= {f"notice.{kind}" for kind in NoticeKind} - {"notice.payment_thread", "notice.switch_stuck"}
    assert not {key for key in wanted if not has(key)}


def actions_on_record() -> set[str]:
    """What lines of the audit trail may be about: every action, and every name that is put on record instead of one."""
    found = {str(action) for action in Action}
    for path in (ROOT / "prepaid").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") in ("record", "intent"):
                action = call.args[2]
                found |= {str(action.value)} if isinstance(action, ast.Constant) else set()
    return found


def test_every_line_of_the_trail_has_words() -> None:
    """A3: who reads what was done reads it in their language."""
    actions = actions_on_record()
    assert {"read_settings", "bind_group"} < actions
    assert not {action for action in actions if not has(f"act.{action}")}


def test_catalogues_hold_the_same_keys() -> None:
    """Nothing is said in one language only."""
    assert keys("zh") == keys("en")


@pytest.mark.parametrize("catalogue", ["zh_CN", "en"])
def test_each_text_stands_once(catalogue: str) -> None:
    """Of two texts for one thing nobody knows which is said."""
    named = re.findall(r'^msgid "(.+)"$', (ROOT / "bot" / "texts" / f"{catalogue}.po").read_text(), re.MULTILINE)
    assert sorted(named) == sorted(set(named))


def test_placeholders_agree() -> None:
    """A figure that one language shows, the other shows too."""
    differing = {key for key in keys("zh") if placeholders("zh", key) != placeholders("en", key)}
    assert not differing


def test_missing_text_and_missing_parameter_are_loud() -> None:
    """A text that is not there, or lacks a figure, never passes silently."""
    with pytest.raises(InvariantBroken):
        text("zh", "no.such.key")
    with pytest.raises(InvariantBroken):
        text("zh", "figure.balance")


@pytest.mark.parametrize(
    ("amount_micro", "words"),
    [
        (0, "¥0.00"),
        (12_345_678, "¥12.34"),
        (-1, "-¥0.01"),
        (-5_000_000, "-¥5.00"),
        (1_234_567_890_000, "¥1,234,567.89"),
    ],
)
def test_money_is_rounded_down(amount_micro: int, words: str) -> None:
    """What is shown is never better than it is."""
    assert money(amount_micro) == words


@pytest.mark.parametrize(
    ("amount_micro", "size"),
    [(0, "¥0.00"), (528_300, "¥0.53"), (5_000_000, "¥5.00"), (524_999, "¥0.52"), (3_200, "¥0.0032")],
)
def test_what_moved_reads_the_same_both_ways(amount_micro: int, size: str) -> None:
    """What was taken and is given back whole is the same figure, and a little is not nothing."""
    assert moved(amount_micro) == f"+{size}"
    assert moved(-amount_micro) == (f"-{size}" if amount_micro else f"+{size}")
    assert moved(amount_micro, signed=False) == size


def test_figures_in_both_languages() -> None:
    """Prices keep their decimals, energy has two, durations use the unit that a person would."""
    assert price(528_300) == "¥0.5283"
    assert price(1_000_000) == "¥1.00"
    assert energy(12_345) == "12.34 kWh"
    assert duration(36 * 3600, "en") == "36 hours"
    assert duration(72 * 3600, "zh") == "3天"
    assert duration(90, "en") == "1 minute"
    assert duration(5, "en") == "5 seconds"


def test_instants_are_shown_at_the_site() -> None:
    """The clock in a message is the site's, in the shape that the text asks for."""
    at = datetime(2026, 11, 23, 2, 0, 5, tzinfo=UTC)
    assert instant(at, "zh", "Asia/Shanghai") == "11月23日 10:00"
    assert instant(at, "en", "Asia/Shanghai", "weekday") == "Monday 10:00"
    assert text("en", "figure.clock", at=at.isoformat(), time_zone="Europe/Berlin") == "03:00:05"


def test_reasons_that_are_keys_are_put_in_words() -> None:
    """A machine's reason is translated, a person's own words stay as they are."""
    assert "支付渠道" in text(
        "zh", "notice.payment_disputed", label="101", amount_micro=1, why="dispute.provider", order_id="x", at=AT
    )
    assert "boiler {x}" in text("en", "refused.protected_supply", why="boiler {x}")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_trouble_without_a_text_is_still_answered(language: str) -> None:
    """Y7: each kind of trouble has general words for a key that the catalogues lack."""
    said = {trouble_text(language, kind("refused.never_heard_of")) for kind in (Refused, TryAgain, Unknown)}
    assert len(said) == 3


@pytest.mark.parametrize(
    ("code", "language"),
    [("zh-hans", "zh"), ("zh_CN", "zh"), ("en-GB", "en"), ("de", "en"), (None, "zh"), ("", "zh")],
)
def test_nearest_language(code: str | None, language: str) -> None:
    """Any Chinese is Chinese, anything else is English, nothing is the home market's."""
    assert language_for(code) == language
