"""Lists of accounts and meters that the staff send as a file: looked at, shown, and taken over by a yes (A1, A8).

The yes names the digest of what was looked at; the file is fetched anew and nothing of it is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.conversations import flows
from bot.conversations.effects import Effect
from bot.conversations.inbound import Turn
from bot.conversations.parts import Item, KeyValueTable, List, Look, Part, Row, Tone, make_file
from bot.conversations.reply import Reply, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent
from bot.rendering.sheets import MEDIA_TYPES, csv_bytes
from bot.texts import text
from prepaid.domain.imports import BadRow, Imported
from prepaid.usecases.take_list import LIST_BYTES_MAX, LIST_ROWS_MAX, ListSeen, SentList, check_list, take_list

BAD_SHOWN = 8
_SAMPLES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "accounts": (("account", "a-101"), ("site", "maple"), ("place", "b1/101"), ("label", "101")),
    "meters": (
        ("meter", "m-101"),
        ("account", "a-101"),
        ("gateway", "gw-1"),
        ("unit", "1"),
        ("profile", "hiking_dds238_2_zn_sr"),
        ("serial", ""),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckList(Effect):
    """Looks at a list."""

    sent: SentList


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeList(Effect):
    """Takes over the list that was looked at."""

    sent: SentList
    digest: str
    skip_bad: bool


def _begin(turn: Turn, session: Session, argument: str) -> Reply:
    """How a list is sent, with an empty one of each kind; where none can be sent, where one can."""
    del argument
    language = turn.actor.language
    if not turn.carries_files:
        return Reply(session=session, parts=(say(language, "list.elsewhere"),))
    parts: list[Part] = [say(language, "list.how", rows=LIST_ROWS_MAX, size_mb=LIST_BYTES_MAX >> 20)]
    for kind, sample in _SAMPLES.items():
        rows = ([text(language, f"import.{column}") for column, _ in sample], [value for _, value in sample])
        caption = text(language, f"list.{kind}_sample")
        parts.append(make_file(f"{kind}.csv", MEDIA_TYPES["csv"], csv_bytes(rows), caption))
    return Reply(session=session, parts=tuple(parts))


def _checked(effect: CheckList, value: ListSeen, turn: Turn, session: Session) -> Reply:
    """What would change, what is wrong with which line, and the question that goes with it."""
    language, seen = turn.actor.language, value.imported
    parts = [_figures(language, "list.seen", effect.sent, seen), *_bad(language, seen.bad)]
    if not seen.accounts and not seen.meters:
        key = "list.nothing_good" if seen.bad else "list.nothing_new"
        parts.append(say(language, key, Tone.WARNING if seen.bad else Tone.GOOD))
        return Reply(session=session, parts=tuple(parts))
    key = "list.confirm_good" if seen.bad else "list.confirm"
    prompt = text(language, key, accounts=seen.accounts, meters=seen.meters, bad=len(seen.bad))
    data: Mapping[str, str | int] = {
        "reference": effect.sent.reference,
        "name": effect.sent.name,
        "digest": value.digest,
        "skip_bad": int(bool(seen.bad)),
    }
    asked = flows.ask_confirm(turn, session, "take_list", prompt, Look.PRIMARY, **data)
    return Reply(session=asked.session, parts=(*parts, *asked.parts))


def _taken(effect: TakeList, value: ListSeen, turn: Turn, session: Session) -> Reply:
    """What was written, or what had become wrong meanwhile."""
    language, seen = turn.actor.language, value.imported
    if not seen.done:
        return Reply(session=session, parts=(say(language, "list.not_taken", Tone.TROUBLE), *_bad(language, seen.bad)))
    return Reply(session=session, parts=(_figures(language, "list.taken", effect.sent, seen, Tone.GOOD),))


def _figures(language: str, title: str, sent: SentList, seen: Imported, tone: Tone = Tone.PLAIN) -> KeyValueTable:
    counts = {"accounts": seen.accounts, "meters": seen.meters, "unchanged": seen.unchanged, "bad": len(seen.bad)}
    rows = tuple(Row(label=text(language, f"list.{name}"), value=str(count)) for name, count in counts.items())
    return KeyValueTable(title=text(language, title, name=sent.name), rows=rows, tone=tone)


def _bad(language: str, bad: tuple[BadRow, ...]) -> list[Part]:
    """The first bad lines; where there are more, a file with them all."""
    if not bad:
        return []
    items = tuple(Item(label=_line(language, each), detail=_reason(language, each)) for each in bad[:BAD_SHOWN])
    more = len(bad) - len(items)
    note = text(language, "list.more_bad", count=more) if more else ""
    listing = List(title=text(language, "list.bad_lines"), items=items, note=note)
    if not more:
        return [listing]
    head = [text(language, "list.line"), text(language, "list.reason")]
    rows = [head, *([_line(language, each), _reason(language, each)] for each in bad)]
    return [listing, make_file("errors.csv", MEDIA_TYPES["csv"], csv_bytes(rows), text(language, "list.bad_lines"))]


def _line(language: str, bad: BadRow) -> str:
    return text(language, f"list.{bad.file}_line", line=bad.line)


def _reason(language: str, bad: BadRow) -> str:
    return text(language, bad.key, **bad.params)


TOPIC = Topic(
    intents=(
        Intent(
            name="import",
            hints=(
                r"导入|上传",
                r"\bimport\b|upload|spreadsheet",
            ),
            audience=Audience.STAFF,
            commands=("import", "导入", "批量导入"),
            phrases=(
                r"(?:批量)?导入(?:房间|账户|电表|表格|名单|列表|清单)?|上传(?:表格|名单|清单)",
                r"(?:import|upload)(?: an?| the)?(?: list| file| rooms| accounts| meters| spreadsheet)?",
            ),
        ),
    ),
    openings={"import": _begin},
    confirmed={
        "confirm.take_list": lambda d: TakeList(
            sent=SentList(reference=str(d["reference"]), name=str(d["name"])),
            digest=str(d["digest"]),
            skip_bad=bool(d["skip_bad"]),
        ),
    },
    performers={
        CheckList: lambda e, on: check_list(on.business, on.actor, e.sent, on.fetch),
        TakeList: lambda e, on: take_list(
            on.business, on.actor, e.sent, on.fetch, digest=e.digest, skip_bad=e.skip_bad
        ),
    },
    presenters={CheckList: _checked, TakeList: _taken},
)
