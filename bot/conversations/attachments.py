"""What people send that is no words: lists from the staff, and everything else, which is never passed over in silence.

What cannot be used is said so in a sentence; the question that is open stays open, and words under a picture count.
"""

from __future__ import annotations

from bot.conversations.effects import Effect
from bot.conversations.inbound import Thing, Turn
from bot.conversations.parts import Part, Tone
from bot.conversations.reply import Reply, choose, press, say
from bot.conversations.session import Session
from bot.conversations.topics.place_list import CheckList
from bot.texts import text
from prepaid.usecases.take_list import SentList


def heard(turn: Turn, session: Session) -> Reply | None:
    """What is answered to the thing itself; None where there is none, or where there are words to be answered."""
    thing = turn.inbound.attached
    if thing is None:
        return None
    if thing.thing is Thing.DOCUMENT and turn.actor.is_staff:
        sent = SentList(
            reference=thing.reference,
            name=thing.name or text(turn.actor.language, "list.unnamed"),
            size_bytes=thing.size_bytes,
        )
        effects: tuple[Effect, ...] = (CheckList(sent=sent),)
        return Reply(session=session.settled(), effects=effects)
    if turn.inbound.text and thing.thing in (Thing.DOCUMENT, Thing.PHOTO, Thing.OTHER):
        return None
    language = turn.actor.language
    told = text(language, f"attached.{thing.thing}")
    if session.flow is not None and not session.flow.expired(turn.at):
        return Reply(session=session, parts=(say(language, f"attached.{thing.thing}", Tone.WARNING),))
    return Reply(session=session, parts=(choose(told, language, press(language, "button.help", "help")),))


def beside_words(turn: Turn) -> tuple[Part, ...]:
    """Before the answer to the words: that only the words were taken."""
    thing = turn.inbound.attached
    return () if thing is None else (say(turn.actor.language, "attached.words_only", Tone.WARNING),)
