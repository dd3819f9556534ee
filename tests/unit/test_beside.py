"""A span beside the one before it: percent where they say something, and words where they do not."""

from __future__ import annotations

import pytest

from bot.conversations.report_parts import compared, earlier
from bot.conversations.topics.usage import compared_use
from prepaid.domain.beside import LEAST, MOST_TIMES, change_percent
from prepaid.domain.tariffs import Utility


@pytest.mark.parametrize(
    ("now", "before", "percent"),
    [
        (0, 0, None),
        (5_000, 0, None),
        (5_000, -20, None),
        (0, LEAST - 1, None),
        (LEAST, LEAST - 1, None),
        (0, LEAST, -100),
        (LEAST, LEAST, 0),
        (LEAST * MOST_TIMES, LEAST, 900),
        (LEAST * MOST_TIMES + 1, LEAST, None),
        (2_421_550, 1_000, None),
        (1_004, 1_000, 0),
        (1_005, 1_000, 1),
        (995, 1_000, -1),
        (996, 1_000, 0),
        (10_000_000_000, 9_999_999_999, 0),
    ],
)
def test_the_limits_of_a_comparison(now: int, before: int, percent: int | None) -> None:
    """Nearest percent, both ways alike; nothing beside an earlier span that was nearly empty."""
    assert change_percent(now, before) == percent


@pytest.mark.parametrize(("language", "words"), [("zh", "无法比较"), ("en", "too little")])
@pytest.mark.parametrize("utility", Utility)
def test_too_little_is_said(language: str, words: str, utility: Utility) -> None:
    """A tenant's picture and the staff's report say so instead of +242055 %."""
    for said in (
        compared_use(language, utility, 24_205_500, 10, 1_000_000),
        compared(language, 24_205_500, 10),
        earlier(language, 24_205_500, 10),
    ):
        assert words in said
        assert "%" not in said
    assert words not in compared(language, 24_205_500, 0)
    assert words not in compared(language, 24_205_500, None)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_can_be_compared_is(language: str) -> None:
    """Percent with their sign."""
    assert "+25%" in compared_use(language, Utility.ELECTRICITY, 1_250, 1_000, 1)
    assert "-20%" in compared_use(language, Utility.WATER, 800, 1_000, 1)
    assert "+25%" in compared(language, 1_250, 1_000)
    assert "-20%" in earlier(language, 800, 1_000)
