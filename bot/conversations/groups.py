"""What is said in a group: in an admin group the staff may work, anywhere else nobody's figures are shown (A1, A2)."""

from __future__ import annotations

from bot.conversations.inbound import Turn
from bot.conversations.intents import read, read_action
from bot.conversations.reply import Reply, say
from bot.conversations.session import Session
from bot.conversations.topics.admin_group import begin_bind, begin_unbind
from bot.conversations.vocabulary import Audience, Intent

_FOR_ALL = frozenset({"help", "cancel", "language"})
_SECRET = frozenset({"code", "invite", "group"})
"""What they answer is a key, which must not stand where others read along."""


def at_the_door(turn: Turn, session: Session) -> Reply | None:
    """What is answered instead of what was asked for; None where the conversation may go on."""
    ask = read_action(turn.inbound.action) if turn.inbound.action else read(turn.inbound.text or "")
    if turn.actor.is_staff and ask is not None and ask.intent.name == "bind":
        return begin_bind(turn, session, ask.argument)
    if not turn.admin_group or not turn.actor.is_staff:
        return Reply(session=session, parts=(say(turn.actor.language, "group.private_only"),))
    if ask is not None and ask.intent.name == "unbind":
        return begin_unbind(turn, session)
    if ask is not None and not fits(ask.intent):
        return Reply(session=session, parts=(say(turn.actor.language, "group.in_private"),))
    return None


def fits(intent: Intent) -> bool:
    """Whether it may be asked in a group of the staff."""
    staff = intent.audience is Audience.STAFF and intent.name not in _SECRET
    return staff or intent.name in _FOR_ALL
