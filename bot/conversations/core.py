"""The conversation itself: `handle` takes a turn and a session and gives a reply. Pure: no await, no clock, no I/O.

An open question hears the message first; then the intents; then what a longer sentence gives away; then "did you
mean". Money and supply move only after a confirmation whose button carries the question's own number.
"""

from __future__ import annotations

from dataclasses import replace

from bot.conversations import attachments, flows, groups, openings
from bot.conversations.guesses import ASKED_FIRST, guessed
from bot.conversations.inbound import Turn
from bot.conversations.intents import by_name, intent_of_command, leaves, nearest, normal, read, read_action
from bot.conversations.parts import Tone
from bot.conversations.reply import Reply, choose, press, say
from bot.conversations.session import Session
from bot.conversations.vocabulary import Ask, Audience, Wants
from bot.texts import text

MAX_DIGITS = 2
"""A menu never has more than 99 entries."""


LEFT_ALOUD = ("form.", "ask.", "reason", "claim.", "contacts.", "scan.", "attach.")
"""Questions that lead to something being done: whoever turns to something else is told that it was not."""


def handle(turn: Turn, session: Session) -> Reply:
    """What to show and do about one message or press."""
    if not turn.inbound.private:
        instead = groups.at_the_door(turn, session)
        if instead is not None:
            return instead
    action = turn.inbound.action or _menu_choice(turn, session)
    reply = attachments.heard(turn, session)
    if reply is None:
        reply = _pressed(turn, session, action) if action else _typed(turn, session)
        reply = replace(reply, parts=(*attachments.beside_words(turn), *reply.parts))
    return replace(reply, session=replace(reply.session, greeted=True))


def _menu_choice(turn: Turn, session: Session) -> str | None:
    """The action behind a bare number, on channels whose buttons are numbers."""
    number = (turn.inbound.text or "").strip()
    if not turn.inbound.numbered or not number.isdecimal() or len(number) > MAX_DIGITS:
        return None
    place = int(number)
    return session.menu[place - 1].action if 1 <= place <= len(session.menu) else None


def _label_said(session: Session, heard: str) -> str | None:
    """The button of the last reply whose words were typed instead of pressing it, if just one has them."""
    said = normal(heard)
    found = {button.action for button in session.menu if said and normal(button.label) == said}
    return found.pop() if len(found) == 1 else None


def _pressed(turn: Turn, session: Session, action: str) -> Reply:
    name, _, argument = action.partition(":")
    if name in ("yes", "no", "pick"):
        return flows.answered(turn, session, name, argument)
    ask = read_action(action)
    if ask is None:
        return _not_understood(turn, session, action)
    return _asked(turn, session.settled(), ask)


def _typed(turn: Turn, session: Session) -> Reply:
    heard = turn.inbound.text or ""
    ask = _as_meant(turn, read(heard), heard)
    flow = session.flow
    if flow is not None and flow.expired(turn.at):
        session = session.settled()
        if ask is None or ask.intent.name == "cancel":
            return Reply(session=session, parts=(say(turn.actor.language, "flow.timed_out", Tone.WARNING),))
    elif flow is not None:
        reply = flows.heard(turn, session, heard, ask)
        if reply is not None:
            return reply
        if ask is not None and flow.step.startswith(LEFT_ALOUD):
            left = say(turn.actor.language, "flow.left")
            reply = _asked(turn, session.settled(), ask)
            return replace(reply, parts=(left, *reply.parts))
    action = _label_said(session, heard) if ask is None else None
    if action is not None:
        return _pressed(turn, session, action)
    if ask is None and leaves(heard):
        ask = read("cancel")
    if ask is None:
        return openings.maybe_code(turn, session, heard) or _guessed(turn, session, heard)
    return _asked(turn, session.settled(), ask)


def _as_meant(turn: Turn, ask: Ask | None, heard: str) -> Ask | None:
    """A word that a tenant and the staff both use is the staff's for whoever of them rents nothing."""
    if ask is None or ask.intent.audience is not Audience.TENANT or turn.actor.accounts or not turn.actor.is_staff:
        return ask
    theirs = intent_of_command(normal(heard))
    return Ask(intent=theirs) if theirs is not None and theirs.audience is Audience.STAFF else ask


def _asked(turn: Turn, session: Session, ask: Ask) -> Reply:
    if ask.intent.audience is Audience.STAFF and not turn.actor.is_staff:
        # A tenant is not told that such a word exists; the use cases would refuse in any case (A8).
        return _not_understood(turn, session, "")
    if ask.intent.audience is Audience.TENANT and not turn.actor.accounts:
        if turn.actor.is_staff and ask.intent.of_staff:
            meant = by_name()[ask.intent.of_staff]
            argument = ask.argument if meant.wants is not Wants.NOTHING or meant.name == "report" else ""
            return openings.opening(meant.name)(turn, session, argument)
        return Reply(session=session, parts=openings.how_to_bind(turn))
    return openings.opening(ask.intent.name)(turn, session, ask.argument)


def _guessed(turn: Turn, session: Session, heard: str) -> Reply:
    """What a sentence is about, if it gives away one thing; a choice where it gives away a few."""
    language, actor = turn.actor.language, turn.actor
    asks = guessed(heard, tenant=bool(actor.accounts), staff=actor.is_staff)
    if not asks:
        return _not_understood(turn, session, heard)
    if len(asks) == 1 and asks[0].intent.name not in ASKED_FIRST:
        return _asked(turn, session.settled(), asks[0])
    meant = [press(language, f"intent.{each.intent.name}", each.intent.name) for each in asks]
    question = choose(text(language, "which_is_meant"), language, *meant, press(language, "button.help", "help"))
    return Reply(session=session, parts=(question,))


def _not_understood(turn: Turn, session: Session, heard: str) -> Reply:
    language = turn.actor.language
    if not turn.actor.accounts and not turn.actor.is_staff:
        return Reply(session=session, parts=openings.how_to_bind(turn))
    close = nearest(heard, staff=turn.actor.is_staff)
    intent = intent_of_command(close) if close else None
    helping = press(language, "button.help", "help")
    # Whoever is not understood always ends at somebody.
    human = (press(language, "intent.human", "human"),) if turn.actor.accounts else ()
    if close is None or intent is None:
        return Reply(session=session, parts=(choose(text(language, "unknown_words"), language, helping, *human),))
    meant = press(language, f"intent.{intent.name}", intent.name)
    return Reply(
        session=session,
        parts=(choose(text(language, "did_you_mean", command=close), language, meant, helping, *human),),
    )
