"""A list that is sent as a file on the stage: a good one, one with bad lines, and one that is no list."""

from __future__ import annotations

from typing import Any

from bot.conversations.topics.place_list import CheckList, TakeList
from prepaid.domain.errors import Refused
from prepaid.domain.imports import BadRow, Imported
from prepaid.usecases.take_list import ListSeen, SentList
from tests.fakes.rights import OPERATES, free

SENT = SentList(reference="f1", name="rooms.csv")


def _seen(name: str, *, done: bool = False) -> ListSeen:
    if name == "cat.xlsx":
        raise Refused("refused.import_spreadsheet", file=name)
    missing = [
        BadRow(file="accounts", line=line, key="refused.import_no_site", params={"value": "elm"}) for line in (3, 7)
    ]
    twice = [BadRow(file="meters", line=n, key="refused.import_twice", params={"value": "m-1"}) for n in range(2, 11)]
    bad = tuple(missing + twice) if name == "odd.csv" else ()
    return ListSeen(digest="d" * 64, imported=Imported(accounts=24, meters=23, unchanged=2, bad=bad, done=done))


def _check(_stage: Any, _user: str, effect: CheckList) -> ListSeen:
    return _seen(effect.sent.name)


def _take(_stage: Any, _user: str, effect: TakeList) -> ListSeen:
    return _seen(effect.sent.name, done=True)


ANSWERS = {CheckList: _check, TakeList: _take}
SCRIPTS = {
    "import": (
        ("admin", "批量导入"),
        ("admin", "[document] rooms.csv"),
        ("admin", "确认"),
        ("admin", "[document] odd.csv"),
        ("admin", "是"),
        ("admin", "[document] cat.xlsx"),
        ("anna", "[document] rooms.csv"),
        ("anna", "[photo]"),
        ("ben", "human"),
        ("ben", "[photo]"),
        ("ben", "[voice]"),
        ("ben", "the lamp in the hall is broken"),
        ("anna", "[place]"),
        ("anna", "[contact]"),
        ("anna", "[other]"),
    )
}
RIGHTS = (
    free("import", lambda _: CheckList(sent=SENT), OPERATES),
    free("import", lambda _: TakeList(sent=SENT, digest="", skip_bad=False), OPERATES),
)
