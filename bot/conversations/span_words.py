"""When: "明天 9:00-12:30", "11月28日晚上10点到后天早上6点", "tomorrow 9am to noon", "2026-11-28 22:00 - 6:00".

A clock alone means what is next to come, and a year that is left out the one in which the day is nearest: on the 23rd
of November the 20th is over, and January is to come. An end without a day that is not later than the beginning belongs
to the day after.
"""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from prepaid.domain.errors import Refused

_DAYS = {
    **dict.fromkeys(("今天", "今日", "今晚", "today", "tonight"), 0),
    **dict.fromkeys(("明天", "明日", "明晚", "tomorrow"), 1),
    **dict.fromkeys(("后天", "the day after tomorrow"), 2),
}
_MONTHS = {
    name: place
    for place, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_DAY = re.compile(
    r"(?P<word>the day after tomorrow|tomorrow|today|tonight|今天|今日|今晚|明天|明日|明晚|后天)"
    r"|(?P<year>\d{4})[-/.年](?P<month>\d{1,2})[-/.月](?P<day>\d{1,2})[日号]?"
    r"|(?P<month2>\d{1,2})(?:月|[-/](?=\d{1,2}(?:\s|$|[日号])))(?P<day2>\d{1,2})[日号]?"
    r"|(?P<day3>\d{1,2}) (?P<name>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*(?: (?P<year3>\d{4}))?"
)
_CLOCK = re.compile(
    r"(?P<half>早上|上午|凌晨|中午|下午|傍晚|晚上|夜里)?\s*"
    r"(?:(?P<noon>noon|midnight|正午)|(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{2})|[点时](?P<minute2>半|\d{1,2}分?)?)?\s*(?P<ampm>am|pm)?)"
)
_TO = re.compile(r"\s*(?:-|–|—|~|到|至|to|until|till)\s*")
_LATE = frozenset({"下午", "傍晚", "晚上", "夜里"})
_NOON = 12


@dataclass(frozen=True, slots=True)
class _Point:
    """A local day, if one was named, and a clock."""

    day: str
    word: str
    clock: time
    next_day: bool
    half: str
    late: bool


def read_span(heard: str, now: datetime, time_zone: str) -> tuple[datetime, datetime]:
    """Both ends as aware instants.

    Raises `Refused`: "refused.span_unreadable", and "refused.clock_gap" for a local time that clocks put forward skip.
    """
    zone = ZoneInfo(time_zone)
    first, last = _points(heard)
    today = now.astimezone(zone).date()
    begin_day = _day(first, today, heard)
    if not first.day and datetime.combine(begin_day, first.clock, zone) < now:
        begin_day += timedelta(days=1)
    end_day = _day(last, today, heard) if last.day else begin_day
    since = _instant(begin_day + timedelta(days=first.next_day), first.clock, zone)
    until = _instant(end_day + timedelta(days=last.next_day), _same_half(first, last), zone)
    if not last.day and until <= since:
        until = _instant(end_day + timedelta(days=1), last.clock, zone)
    return since.astimezone(now.tzinfo), until.astimezone(now.tzinfo)


def check_span_words(heard: str) -> str:
    """The words as they were said, if they say a span at all; else `Refused`."""
    _points(heard)
    return heard.strip()


def _points(heard: str) -> tuple[_Point, _Point]:
    plain = unicodedata.normalize("NFKC", heard).strip().casefold().rstrip(".。")
    first, rest = _point(plain, heard)
    to = _TO.match(rest)
    if to is None:
        raise _unreadable(heard)
    last, left = _point(rest[to.end() :], heard)
    if left.strip():
        raise _unreadable(heard)
    return first, last


def _point(plain: str, heard: str) -> tuple[_Point, str]:
    text = re.sub(r"^(?:从|from|on)\s*", "", plain.strip())
    day = _DAY.match(text)
    rest = re.sub(r"^(?:[\s,]|at\b|from\b|从)*", "", text[day.end() :]) if day else text
    found = _CLOCK.match(rest)
    if found is None:
        raise _unreadable(heard)
    word = day["word"] or "" if day else ""
    clock, next_day = _clock(found, word, heard)
    half = found["half"] or found["ampm"] or ""
    late = half in _LATE or half == "pm"
    point = _Point(day=day[0] if day else "", word=word, clock=clock, next_day=next_day, half=half, late=late)
    return point, rest[found.end() :]


def _same_half(first: _Point, last: _Point) -> time:
    """In "2pm to 5" five is in the afternoon too; in "10pm to 6" six is not."""
    if not first.late or last.half or last.day or last.next_day or last.clock.hour >= _NOON:
        return last.clock
    later = last.clock.replace(hour=last.clock.hour + _NOON)
    return later if later > first.clock else last.clock


def _clock(found: re.Match[str], word: str, heard: str) -> tuple[time, bool]:
    """The time of day, and whether it is midnight at the day's end."""
    if found["noon"]:
        return (time(), True) if found["noon"] == "midnight" else (time(_NOON), False)
    hour = int(found["hour"])
    written = found["minute"] or (found["minute2"] or "0").rstrip("分")
    minute = 30 if written == "半" else int(written)
    late = found["half"] in _LATE or word in {"今晚", "明晚", "tonight"} or found["ampm"] == "pm"
    if late and hour < _NOON:
        hour += _NOON
    elif (found["ampm"] == "am" or found["half"] == "凌晨") and hour == _NOON:
        hour = 0
    if hour == 24 and minute == 0:  # noqa: PLR2004 - midnight, as people write the end of a day
        return time(), True
    try:
        return time(hour, minute), False
    except ValueError:
        raise _unreadable(heard) from None


def _day(point: _Point, today: date, heard: str) -> date:
    if not point.day:
        return today
    if point.word:
        return today + timedelta(days=_DAYS[point.word])
    found = _DAY.match(point.day)
    if found is None:
        raise _unreadable(heard)
    try:
        if found["year"]:
            return date(int(found["year"]), int(found["month"]), int(found["day"]))
        month = int(found["month2"]) if found["month2"] else _MONTHS[found["name"]]
        number = int(found["day2"] or found["day3"])
        if found["year3"]:
            return date(int(found["year3"]), month, number)
    except ValueError:
        raise _unreadable(heard) from None
    return _nearest(today, month, number, heard)


def _nearest(today: date, month: int, number: int, heard: str) -> date:
    """A day whose year is left out, in the year in which it is nearest. A leap day is where there is one."""
    found = []
    for year in (today.year - 1, today.year, today.year + 1):
        with suppress(ValueError):
            found.append(date(year, month, number))
    if not found:
        raise _unreadable(heard)
    return min(found, key=lambda day: abs(day - today))


def _instant(day: date, clock: time, zone: ZoneInfo) -> datetime:
    local = datetime.combine(day, clock, zone)
    there = local.astimezone(ZoneInfo("UTC")).astimezone(zone)
    if there.replace(tzinfo=None) != local.replace(tzinfo=None):
        raise Refused("refused.clock_gap", text=f"{clock:%H:%M}")
    return local


def _unreadable(heard: str) -> Refused:
    return Refused("refused.span_unreadable", text=heard.strip()[:40])
