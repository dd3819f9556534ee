"""What people send that is no words: lists from the staff, pictures for tickets, and the rest, never without an answer.

What cannot be used is said so in a sentence; the question that is open stays open, and words under a picture count.
"""

from __future__ import annotations

from bot.conversations.effects import Effect
from bot.conversations.inbound import Attached, Thing, Turn
from bot.conversations.intents import read
from bot.conversations.parts import Part, Tone
from bot.conversations.reply import Reply, choose, press, say
from bot.conversations.session import Session
from bot.conversations.topics import ticket_files
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
    if turn.carries_pictures and turn.actor.accounts and _for_a_ticket(turn, session, thing):
        return ticket_files.take(turn, session, thing)
    if turn.inbound.text and thing.thing in (Thing.DOCUMENT, Thing.PHOTO, Thing.OTHER):
        return None
    language = turn.actor.language
    told = text(language, f"attached.{thing.thing}")
    if session.asks(turn.at):
        return Reply(session=session, parts=(say(language, f"attached.{thing.thing}", Tone.WARNING),))
    return Reply(session=session, parts=(choose(told, language, press(language, "button.help", "help")),))


def _for_a_ticket(turn: Turn, session: Session, thing: Attached) -> bool:
    """A picture or a file, alone or with words that are about it: no answer to an open question and no command."""
    if thing.thing not in (Thing.DOCUMENT, Thing.PHOTO) or not turn.inbound.private:
        return False
    words = turn.inbound.text
    return not words or (not session.asks(turn.at) and read(words) is None)


def beside_words(turn: Turn) -> tuple[Part, ...]:
    """Before the answer to the words: that only the words were taken."""
    thing = turn.inbound.attached
    return () if thing is None else (say(turn.actor.language, "attached.words_only", Tone.WARNING),)
