"""Emergency credit on the stage: room 102 takes it, room 101 does not need it."""

from __future__ import annotations

from typing import Any

from bot.conversations.topics.emergency import ConfirmEmergency, TakeEmergency
from prepaid.domain.errors import Refused
from tests.fakes.rights import SEES, TENANT, right


def _take(stage: Any, user: str, effect: TakeEmergency) -> object:
    del user
    room = stage.rooms[effect.account_id]
    if room.balance_micro > 0:
        raise Refused("refused.emergency_not_needed", threshold_micro=2_000_000)
    room.on = True
    return stage.supplies(effect.account_id)


ANSWERS = {
    ConfirmEmergency: lambda stage, _, e: stage.balance(e.account_id),
    TakeEmergency: _take,
}
SCRIPTS = {
    "emergency": (
        ("ben", "emergency credit"),
        ("ben", "yes"),
        ("anna", "应急用电"),
        ("anna", "是"),
    ),
}
RIGHTS = (
    right("emergency", lambda on: ConfirmEmergency(account_id=on.account_id), SEES),
    right("emergency", lambda on: TakeEmergency(account_id=on.account_id), TENANT),
)
