"""Ways to be reached besides this chat: a phone number, a webhook, a push service; added by a code, taken away (N2).

What is typed as an address goes to its use case and is kept nowhere in the conversation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.conversations import desk, flows
from bot.conversations.effects import Effect
from bot.conversations.inbound import Turn
from bot.conversations.openings import how_to_bind
from bot.conversations.parts import Button, Item, List, Look, Part, Text, Tone
from bot.conversations.perform import Situation
from bot.conversations.reply import Reply, press, say
from bot.conversations.session import Flow, Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Ask, Audience, Intent
from bot.texts import has, text, trouble_text
from prepaid.domain.errors import Refused
from prepaid.domain.people import CONTACT_CHANNELS, CONTACT_TTL_S
from prepaid.usecases.add_contact import (
    Contacts,
    Named,
    confirm_contact,
    name_contact,
    remove_contact,
    show_contacts,
)

MOST_CHARS = 500
_AN_ADDRESS = re.compile(r"://|\d[\d -]{6,}")
"""Typed while an address is asked for, this is one, whatever else it may mean."""
_MENDABLE = frozenset({"refused.phone", "refused.address_malformed", "refused.address_private", "refused.contact_code"})
"""After these the question stays open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowContacts(Effect):
    """The person's ways."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NameContact(Effect):
    """Has a code sent to a new address."""

    channel: str
    given: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmContact(Effect):
    """Brings the code back."""

    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveContact(Effect):
    """Takes an address away."""

    contact_id: str


def channel_name(language: str, channel: str) -> str:
    """A channel as people call it."""
    key = f"channel.{channel}"
    return text(language, key) if has(key) else channel


def _begin(turn: Turn, session: Session, argument: str) -> Reply:
    if not turn.actor.accounts and not turn.actor.is_staff:
        return Reply(session=session, parts=how_to_bind(turn))
    what, _, which = argument.strip().partition(":")
    if what in CONTACT_CHANNELS:
        return _ask_address(turn, session, what)
    if what == "code":
        return _ask_code(turn, session)
    if what == "drop" and which:
        channel = channel_name(turn.actor.language, which.partition(":")[0])
        prompt = text(turn.actor.language, "contacts.confirm", channel=channel)
        return flows.ask_confirm(turn, session, "contacts", prompt, Look.DANGER, contact_id=which)
    return Reply(session=session, effects=(ShowContacts(),))


def _ask_address(turn: Turn, session: Session, channel: str, problem: Refused | None = None) -> Reply:
    asked = session.ask("contacts.address", turn.at, channel=channel)
    return Reply(session=asked, parts=(*_wrong(turn, problem), say(turn.actor.language, f"contacts.ask_{channel}")))


def _ask_code(turn: Turn, session: Session, problem: Refused | None = None) -> Reply:
    prompt = say(turn.actor.language, "contacts.ask_code", ttl_s=CONTACT_TTL_S)
    return Reply(session=session.ask("contacts.code", turn.at), parts=(*_wrong(turn, problem), prompt))


def _wrong(turn: Turn, problem: Refused | None) -> tuple[Part, ...]:
    if problem is None:
        return ()
    return (Text(body=trouble_text(turn.actor.language, problem), tone=Tone.TROUBLE),)


def _address_heard(turn: Turn, session: Session, flow: Flow, words: str, ask: Ask | None) -> Reply | None:
    del turn
    if ask is not None and not _AN_ADDRESS.search(words):
        return None
    effect = NameContact(channel=str(flow.data["channel"]), given=words.strip()[:MOST_CHARS])
    return Reply(session=session.settled(), effects=(effect,))


def _code_heard(turn: Turn, session: Session, flow: Flow, words: str, ask: Ask | None) -> Reply | None:
    del turn, flow
    if ask is not None:
        return None
    return Reply(session=session.settled(), effects=(ConfirmContact(code=words.strip()[:20]),))


def _shown(effect: ShowContacts, value: Contacts, turn: Turn, session: Session) -> Reply:
    """What there is and what can be added. No address is shown, not even a part of one."""
    del effect
    language = turn.actor.language
    items = [
        Item(
            label=channel_name(language, each.channel),
            value=text(language, "contacts.remove" if each.own else "contacts.chat"),
            action=desk.action("contacts", "drop", each.id) if each.own else "",
        )
        for each in value.contacts
    ]
    more: list[Button] = [
        press(language, f"contacts.add_{channel}", f"contacts:{channel}") for channel in value.offered
    ]
    if value.awaited:
        channel = channel_name(language, value.awaited)
        more.insert(0, press(language, "contacts.enter_code", "contacts:code", Look.PRIMARY, channel=channel))
    listing = List(
        title=text(language, "contacts.title"),
        items=tuple(items),
        note=text(language, "contacts.note" if value.offered else "contacts.none_offered"),
        more=tuple(more),
        hint=text(language, "menu.hint") if more or any(item.action for item in items) else "",
    )
    return Reply(session=session, parts=(listing,))


def _named(effect: NameContact, value: Named | Refused, turn: Turn, session: Session) -> Reply:
    if isinstance(value, Refused):
        return _ask_address(turn, session, effect.channel, value)
    language = turn.actor.language
    sent = say(language, "contacts.sent", Tone.GOOD, channel=channel_name(language, value.channel))
    secret = (say(language, "contacts.secret", secret=value.secret),) if value.secret else ()
    asked = _ask_code(turn, session)
    return Reply(session=asked.session, parts=(sent, *secret, *asked.parts))


def _confirmed(effect: ConfirmContact, value: str | Refused, turn: Turn, session: Session) -> Reply:
    del effect
    if isinstance(value, Refused):
        return _ask_code(turn, session, value)
    language = turn.actor.language
    done = say(language, "contacts.added", Tone.GOOD, channel=channel_name(language, value))
    return Reply(session=session, parts=(done,))


def _removed(effect: RemoveContact, value: str, turn: Turn, session: Session) -> Reply:
    del effect
    language = turn.actor.language
    done = say(language, "contacts.removed", Tone.GOOD, channel=channel_name(language, value))
    return Reply(session=session, parts=(done,))


async def _name(on: Situation, effect: NameContact) -> Named | Refused:
    """What can be typed anew is told with its question, which stays open."""
    try:
        return await name_contact(on.business, on.actor, effect.channel, effect.given)
    except Refused as refused:
        if refused.key not in _MENDABLE:
            raise
        return refused


async def _confirm(on: Situation, effect: ConfirmContact) -> str | Refused:
    try:
        return await confirm_contact(on.business, on.actor, effect.code)
    except Refused as refused:
        if refused.key not in _MENDABLE:
            raise
        return refused


TOPIC = Topic(
    intents=(
        Intent(
            name="contacts",
            hints=(
                r"联系方式|手机号|电话号码|换.{0,2}(?:手机|电话|号码)",
                r"(?:phone|mobile) number|sms|e-?mail address",
            ),
            audience=Audience.ANYONE,
            commands=("contacts", "contact", "联系方式", "通知方式"),
            phrases=(
                r"(?:我的|查看|管理|添加|设置|修改)?(?:联系方式|通知方式|通知渠道|接收方式)",
                r"(?:my |show |add |change )?(?:a )?(?:contacts?|ways to reach me|notification channels?)",
            ),
        ),
    ),
    openings={"contacts": _begin},
    confirmed={"confirm.contacts": lambda d: RemoveContact(contact_id=str(d["contact_id"]))},
    steps={"contacts.address": _address_heard, "contacts.code": _code_heard},
    performers={
        ShowContacts: lambda _, on: show_contacts(on.business, on.actor),
        NameContact: lambda e, on: _name(on, e),
        ConfirmContact: lambda e, on: _confirm(on, e),
        RemoveContact: lambda e, on: remove_contact(on.business, on.actor, e.contact_id),
    },
    presenters={ShowContacts: _shown, NameContact: _named, ConfirmContact: _confirmed, RemoveContact: _removed},
)
