"""A supply that waits for the word that it is safe: room 102 gives it, room 101 is on."""

from __future__ import annotations

from typing import Any

from bot.conversations.topics.safe import SaySafe
from prepaid.domain.errors import Refused
from tests.fakes.rights import OPERATES, TENANT, right


def _say(stage: Any, user: str, effect: SaySafe) -> object:
    del user
    if stage.rooms[effect.account_id].on:
        raise Refused("refused.nothing_to_confirm")
    return stage.supplies(effect.account_id)


ANSWERS = {SaySafe: _say}
SCRIPTS = {
    "safe": (
        ("ben", "safe"),
        ("anna", "确认安全"),
    ),
}
RIGHTS = (right("safe", lambda on: SaySafe(account_id=on.account_id), TENANT | OPERATES),)
