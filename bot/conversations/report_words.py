"""What a sentence about a report says: its kind, its span, its form and its place, in any order, in both languages."""

from __future__ import annotations

import re
from collections.abc import Mapping

from prepaid.domain.mail_outs import ReportForm, ReportKind

_KINDS: Mapping[ReportKind, str] = {
    ReportKind.FINANCE: r"finance|money|财务|资金|收支|收入",
    ReportKind.RANK: r"(?:usage )?rank(?:ing)?s?|(?:用量|用电)?(?:排名|排行)榜?",
    ReportKind.SHARE_USE: r"(?:common )?shares?(?=.* by use)|按用量(?:公摊|分摊)|(?:公摊|分摊)按用量",
    ReportKind.SHARE_AREA: r"(?:common )?shares?(?=.* by area)|按面积(?:公摊|分摊)|(?:公摊|分摊)按面积",
    ReportKind.SHARE: r"(?:common )?shares?(?: of common(?: parts)?)?|common parts|(?:按户)?(?:公摊|分摊)",
    ReportKind.LOSSES: r"loss(?:es)?|线损|损耗",
    ReportKind.ODD: r"unusual(?: use)?|abnormal(?: use)?|odd|异常(?:用电)?",
    ReportKind.EMPTY: r"empty(?: rooms?)?|vacant(?: rooms?)?|空房(?:用电)?",
    ReportKind.SITES: (
        r"(?:compare )?(?:all |the )*sites(?: compared)?|(?:sites? )?comparison|(?:小区|项目)?(?:对比|比较)"
    ),
    ReportKind.USE: r"use|usage|consumption|用电(?:分析)?|用量|能耗",
}
_WHENS: Mapping[str, str] = {
    "last_month": r"last[ _]month(?:'s)?|上个?月",
    "last_week": r"last[ _]week(?:'s)?|上个?[周星]期?",
    "last_year": r"last[ _]year(?:'s)?|去年|上一?年",
    "yesterday": r"yesterday(?:'s)?|昨[天日]",
    "today": r"today(?:'s)?|daily|day|今[天日]|日报|当日",
    "week": r"(?:this )?week(?:'s)?|weekly|[本这]个?[周星]期?|周报",
    "month": r"(?:this )?month(?:'s)?|monthly|[本这]个?月|月报",
    "year": r"(?:this )?year(?:'s)?|yearly|[今本]年|年报",
}
_NAMED = re.compile(r"\bm\d{1,2}(?:-1)?\b|20\d\d-w\d\d|20\d\d-\d\d-\d\d|20\d\d-\d\d|20\d\d(?!\d)")
_CHINESE = re.compile(r"(20\d\d)年(?:(\d{1,2})月(?:(\d{1,2})[日号]|份)?)?")
_ENGLISH = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DIGITS = "零一二三四五六七八九十"
_MONTH = re.compile(
    r"(?<!\d)(?P<number>1[0-2]|[1-9]|十[一二]?|[一二三四五六七八九])月份?"
    r"|\b(?P<name>jan|feb|mar|apr|(?<=of )may|(?<=for )may|(?<=in )may|may(?= 20\d\d)|jun|jul|aug|sep|oct|nov|dec)"
    r"(?:uary|ruary|ch|il|e|y|ust|t?(?:ember)?|ober|ember)?(?:'s)?\b(?: (?P<year>20\d\d))?"
)
_BESIDE = re.compile(
    r"compared? (?:it )?(?:with|to) (?:the )?(?:same )?(?:last )?(?:month|week|year)s?"
    r"(?: (?:(?:a|last) year|before))?(?: ago)?"
    r"|[和跟比与较](?:上个?|去)(?:月|周|年)(?:同[月期])?(?:相?比较?|对比)?|[同环]比"
)
"""What every report of use says anyway: the span before, and the one a year ago."""
_FORMS: Mapping[ReportForm, str] = {ReportForm.XLSX: r"xlsx|excel|spreadsheet|表格", ReportForm.CSV: r"csv"}
_FILLER = re.compile(
    r"\bby (?:use|area)\b|'s\b|\b(?:of|for|the|at|in|on|as|to|by|an?|and|can|could|you|i|we|want|need|would|like)\b"
    r"|\b(?:please|see|show|send|give|get|make|export|me|us|my|our|what|is|are|was|were|how|file|reports?|figures)\b"
    r"|的|报[表告]|给我|我[要想](?:看看?)?|查看|看看|看一下|导出|[发出]?一份|请|吧$|是多少|要(?=\s|$)|[,;:!?]"
)


def understood(heard: str) -> tuple[ReportKind, str, str]:
    """(kind, span, what is left: the place)."""
    said = _BESIDE.sub(" ", _CHINESE.sub(_in_digits, heard.casefold()))
    when, said = _taken(_WHENS, said)
    said = _MONTH.sub(_in_name, said)
    named = _NAMED.search(said)
    if named is not None:
        last = "-1" if when == "last_year" else ""
        when = f"{named[0]}{last}" if named[0].startswith("m") else named[0].upper()
        said = said.replace(named[0], " ", 1)
    kind, said = _taken({str(kind): words for kind, words in _KINDS.items()}, said)
    place = " ".join(_FILLER.sub(" ", said).split())
    return ReportKind(kind or ReportKind.USE), when, place


def gist(said: str) -> str:
    """Kind and span; of a place in a sentence that was only guessed nothing is sure."""
    kind, when, _ = understood(said)
    return f"{kind} {when}"


def form_in(said: str) -> tuple[str, str]:
    """Which of "xlsx" and "csv", where a file is asked for, and what else is said."""
    return _taken({str(form): words for form, words in _FORMS.items()}, said.casefold())


def _taken(table: Mapping[str, str], said: str) -> tuple[str, str]:
    """The first entry whose words are said, and what is left without them."""
    for name, words in table.items():
        pattern = rf"(?<![a-z])(?:{words})(?![a-z])"
        if re.search(pattern, said):
            return name, re.sub(pattern, " ", said, count=1)
    return "", said


def _in_digits(found: re.Match[str]) -> str:
    return "-".join(f"{int(part):02}" for part in found.groups() if part)


def _in_name(found: re.Match[str]) -> str:
    """A month as spans call it, with its year or without."""
    name, said, year = found["name"], found["number"] or "", found["year"]
    if name:
        number = _ENGLISH.index(name) + 1
    else:
        number = int(said) if said.isdecimal() else sum(_DIGITS.index(digit) for digit in said)
    return f" {year}-{number:02} " if year else f" m{number} "


_MONTHS_SAID = rf"(?:{'|'.join(_ENGLISH)})[a-z]*(?: 20\d\d)?(?:'s)?|\d{{1,2}}月份?"
WHENS_SAID = "|".join((*_WHENS.values(), _MONTHS_SAID))
KINDS_SAID = "|".join(_KINDS.values())
SAID = f"{KINDS_SAID}|{WHENS_SAID}"
PLEASE = r"(?:please )?(?:show |send |give |get |export )?(?:me )?"
ALONE = (
    r"losses|(?:usage )?ranking|(?:unusual|abnormal) use|(?:empty|vacant) rooms|compare (?:all |the )*sites"
    r"|site comparison|common parts|common shares?"
)
"""Kinds that nobody means otherwise, without the word report."""
