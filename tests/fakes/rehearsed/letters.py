"""Messages that reached nobody on the stage: a low balance, and a cut."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.conversations.topics.letters import DropLetter, ListLetters, SendAgain, ShowLetter
from prepaid.domain.errors import Refused
from prepaid.domain.notices import NoticeKind
from prepaid.usecases.dead_letters import DeadLetter, LetterView
from tests.fakes.rights import OPERATES, STAFF, free, right


def _letter(stage: Any) -> DeadLetter:
    return DeadLetter(
        id="0123456789abcdef",
        kind=NoticeKind.LOW_BALANCE,
        person_id="p1",
        label="101",
        time_zone="Asia/Shanghai",
        at=stage.now - timedelta(hours=2),
        ended_at=stage.now - timedelta(hours=1),
        attempts=6,
        why="refused.no_channel",
    )


def _again(stage: Any, user: str, effect: SendAgain) -> DeadLetter:
    del user
    if effect.letter_id != "0123456789abcdef":
        raise Refused("refused.notice_under_way")
    return _letter(stage)


ANSWERS = {
    ListLetters: lambda stage, _, __: (
        _letter(stage),
        replace(_letter(stage), id="fedcba9876543210", kind=NoticeKind.CUT_DONE, label="102"),
    ),
    ShowLetter: lambda stage, _, __: LetterView(
        letter=_letter(stage), channels=("wechat_mini", "telegram"), messages_left=0
    ),
    SendAgain: _again,
    DropLetter: lambda stage, _, __: _letter(stage),
}
SCRIPTS = {
    "letters": (
        ("admin", "未送达"),
        ("admin", "/letters show:0123456789abcdef"),
        ("admin", "/letters again:0123456789abcdef"),
        ("admin", "/letters again:fedcba9876543210"),
        ("admin", "/letters drop:0123456789abcdef"),
        ("admin", "号码已停用"),
        ("ben", "/letters"),
    )
}
RIGHTS = (
    free("letters", lambda _: ListLetters(), STAFF),
    replace(right("letters", lambda on: ShowLetter(letter_id=on.letter_id), STAFF), letter=True),
    replace(right("letters", lambda on: SendAgain(letter_id=on.letter_id), OPERATES), letter=True),
    replace(right("letters", lambda on: DropLetter(letter_id=on.letter_id, why="test"), OPERATES), letter=True),
)
