"""When, as people say it: days, clocks and what they leave out, in two languages; and what is no time at all."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversations.span_words import check_span_words, read_span
from prepaid.domain.errors import Refused

NOW = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
"""Monday, 19:00 in Shanghai."""


@pytest.mark.parametrize(
    ("said", "since", "until"),
    [
        ("明天 9:00-12:30", "11-24 09:00", "11-24 12:30"),
        ("11月28日晚上10点到早上6点", "11-28 22:00", "11-29 06:00"),
        ("11月28日22点到11月30日6点半", "11-28 22:00", "11-30 06:30"),
        ("从后天下午2点半到5点", "11-25 14:30", "11-25 17:00"),
        ("今晚10点至明天凌晨2点", "11-23 22:00", "11-24 02:00"),
        ("明天9点至24点", "11-24 09:00", "11-25 00:00"),
        ("１１月２８日９：００至１１：００", "11-28 09:00", "11-28 11:00"),
        ("9点到11点半", "11-24 09:00", "11-24 11:30"),
        ("20:00-22:00", "11-23 20:00", "11-23 22:00"),
        ("tomorrow 9am to noon", "11-24 09:00", "11-24 12:00"),
        ("tomorrow from 9 to 11", "11-24 09:00", "11-24 11:00"),
        ("28 Nov 9:30am - 2pm", "11-28 09:30", "11-28 14:00"),
        ("28 November 2pm until 5", "11-28 14:00", "11-28 17:00"),
        ("2026-11-28 22:00 - 6:00", "11-28 22:00", "11-29 06:00"),
        ("11/28 9:00-11:00", "11-28 09:00", "11-28 11:00"),
        ("1月3日 8:00-9:00", "01-03 08:00", "01-03 09:00"),
        ("tonight 10 to midnight", "11-23 22:00", "11-24 00:00"),
    ],
)
def test_what_people_say_is_read(said: str, since: str, until: str) -> None:
    """T4: the day that is next to come, the half of the day that is meant, an end in the night after."""
    zone = ZoneInfo("Asia/Shanghai")
    found = read_span(said, NOW, "Asia/Shanghai")
    assert tuple(f"{at.astimezone(zone):%m-%d %H:%M}" for at in found) == (since, until)
    assert all(at.utcoffset() is not None for at in found)
    assert found[0] >= NOW


@pytest.mark.parametrize(
    ("said", "since"),
    [
        ("11月20日9点到12点", "2026-11-20 09:00"),
        ("20 Nov 9am to noon", "2026-11-20 09:00"),
        ("11/22 9:00-11:00", "2026-11-22 09:00"),
        ("11月23日9点到20点", "2026-11-23 09:00"),
        ("6月1日9点到12点", "2026-06-01 09:00"),
        ("5月1日9点到12点", "2027-05-01 09:00"),
        ("1月3日9点到12点", "2027-01-03 09:00"),
        ("2026年1月3日9点到12点", "2026-01-03 09:00"),
        ("12月31日22点到1月1日6点", "2026-12-31 22:00"),
    ],
)
def test_a_day_without_a_year_is_the_nearest_one(said: str, since: str) -> None:
    """T4: a day that was last week is over, not next year's; months that are nearer behind than before are over too."""
    begins, ends = read_span(said, NOW, "Asia/Shanghai")
    assert f"{begins.astimezone(ZoneInfo('Asia/Shanghai')):%Y-%m-%d %H:%M}" == since
    assert begins < ends


def test_in_january_december_is_over() -> None:
    """The nearest is behind."""
    begins, _ = read_span("12月31日9点到12点", datetime(2027, 1, 2, 4, tzinfo=UTC), "Asia/Shanghai")
    assert f"{begins:%Y-%m-%d}" == "2026-12-31"


def test_a_leap_day_is_where_there_is_one() -> None:
    """In the winter before one it is the next."""
    begins, _ = read_span("29 Feb 9am to noon", datetime(2027, 12, 1, tzinfo=UTC), "Asia/Shanghai")
    assert f"{begins:%Y-%m-%d}" == "2028-02-29"


@pytest.mark.parametrize(
    "said",
    ["", "abc", "明天", "明天 9:00", "9", "明天25:00-26:00", "2月30日9点到10点", "9:00-11:00 and more", "9:75-10:00"],
)
def test_what_is_no_span_is_asked_for_again(said: str) -> None:
    """Y3: nothing is guessed."""
    with pytest.raises(Refused, match="span_unreadable"):
        read_span(said, NOW, "Asia/Shanghai")


def test_a_clock_that_is_skipped_is_refused_and_one_that_comes_twice_is_the_first() -> None:
    """Clocks are put forward on 28 March 2027 and back on 31 October in Berlin."""
    with pytest.raises(Refused, match="clock_gap"):
        read_span("2027-03-28 2:30-5:00", NOW, "Europe/Berlin")
    since, until = read_span("2027-10-31 2:30-3:30", NOW, "Europe/Berlin")
    assert (until - since).total_seconds() == 2 * 3600


@given(st.text(alphabet="0123456789:-点半到至上下午明天后今晚月日 amp至noto.2", max_size=24))
def test_any_words_are_read_or_refused(said: str) -> None:
    """Y7: never another error, and what passes the check is read."""
    try:
        words = check_span_words(said)
    except Refused:
        return
    with suppress(Refused):
        since, until = read_span(words, NOW, "Asia/Shanghai")
        assert since.tzinfo is not None
        assert until.tzinfo is not None
