"""The word that stoves and heaters are off, for which a supply waits that is paid and may come back (S1)."""

from __future__ import annotations

from dataclasses import dataclass

from bot.conversations.effects import Effect
from bot.conversations.inbound import Turn
from bot.conversations.openings import for_account
from bot.conversations.parts import Tone
from bot.conversations.reply import Reply, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent
from prepaid.usecases.confirm_safe import confirm_safe


@dataclass(frozen=True, slots=True, kw_only=True)
class SaySafe(Effect):
    """Says it for every supply of the account that waits. The message itself asked, so it is not asked again."""

    account_id: str


def _said(effect: SaySafe, value: object, turn: Turn, session: Session) -> Reply:
    del effect, value
    return Reply(session=session, parts=(say(turn.actor.language, "safe.said", Tone.GOOD),))


TOPIC = Topic(
    intents=(
        Intent(
            name="safe",
            audience=Audience.TENANT,
            commands=("safe", "确认安全", "已确认安全"),
            phrases=(
                r"我?(?:已经?)?(?:确认)?(?:电器|灶具|家里)?(?:都|全)?(?:已经?)?关(?:好|掉)?了(?:[，,]?(?:可以)?(?:送电|来电|合闸)[吧了]?)?",
                r"(?:it is|it's|all is|everything is) (?:safe|off)(?: now)?",
            ),
        ),
    ),
    openings={"safe": for_account("safe", lambda account, _: SaySafe(account_id=account))},
    after_choice=frozenset({"safe"}),
    performers={SaySafe: lambda e, on: confirm_safe(on.business, on.actor, e.account_id)},
    presenters={SaySafe: _said},
)
