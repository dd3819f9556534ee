"""A person adds a way to be reached that is no chat: a phone number, a webhook, a push service. Sealed, never shown.

Through a door it counts once it has answered: a code goes to the new address and comes back through the door, so that
nobody has messages sent to somebody else, and a slip of a digit is noticed before a warning depends on it.
"""

from __future__ import annotations

import hmac
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from prepaid.domain.access import Actor
from prepaid.domain.errors import Refused, Unknown, not_found
from prepaid.domain.notices import Notice, NoticeKind
from prepaid.domain.people import (
    CODE_TRIES,
    CONTACT_CHANNELS,
    CONTACT_TTL_S,
    Address,
    NewContact,
    Person,
    code_hash,
    new_code,
)
from prepaid.ports import Accepted, AddressKeeper, Business
from prepaid.usecases.authorize import record

MOST_ADDRESSES = 10
MOST_NAMED = 5
"""New addresses that a person may name within `NAMED_S`: each costs a message."""
NAMED_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One way to reach a person. `own`: an address that they gave and may take away; the others are chats."""

    id: str
    channel: str
    own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Contacts:
    """All of a person's ways, the channels that more can be added of, and the one whose code is awaited."""

    contacts: tuple[Contact, ...]
    offered: tuple[str, ...]
    awaited: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """An address was checked and a code is on its way there. A webhook's `secret` is told here and nowhere else."""

    channel: str
    secret: str
    until: datetime


async def show_contacts(business: Business, actor: Actor) -> Contacts:
    """The actor's own. Raises "refused.not_found" for whoever is bound to nothing."""
    person = await _known(business, actor)
    waiting = await business.store.people.new_contact(actor.id)
    awaited = waiting is not None and business.clock.now() < waiting.expires_at
    return Contacts(
        contacts=tuple(
            Contact(id=each.key, channel=each.channel, own=each.channel in CONTACT_CHANNELS)
            for each in person.addresses
        ),
        offered=tuple(channel for channel in CONTACT_CHANNELS if channel in business.contacts),
        awaited=waiting.address.channel if waiting is not None and awaited else "",
    )


async def name_contact(business: Business, actor: Actor, channel: str, given: str) -> Named:
    """Checks an address and sends a code to it; the one that was named before is forgotten.

    Raises `Refused` for what the channel does not take, and "refused.contact_tries" after five in an hour.
    """
    person = await _known(business, actor)
    keeper = _keeper(business, person, channel)
    now = business.clock.now()
    if await business.store.people.count_try(f"contact:{actor.id}", now, NAMED_S) > MOST_NAMED:
        await record(business, actor, "name_contact", channel, refused="refused.contact_tries")
        raise Refused("refused.contact_tries")
    accepted, code = await keeper.accept(given), new_code()
    address = Address(channel=channel, user=accepted.user)
    until = now + timedelta(seconds=CONTACT_TTL_S)
    waiting = NewContact(person_id=actor.id, address=address, code_hash=code_hash(code), expires_at=until)
    await business.store.people.name_contact(waiting)
    with suppress(Unknown):  # It may have arrived: whoever has the code may use it, others name the address again.
        await keeper.send(address, _code_notice(person, code, now), person, reference=None)
    await record(business, actor, "name_contact", channel)
    return Named(channel=channel, secret=accepted.secret, until=until)


async def confirm_contact(business: Business, actor: Actor, code: str) -> str:
    """Adds the named address if the code is the one that went there; returns its channel.

    Raises "refused.contact_code" for a wrong or late one, "refused.contact_tries" after five in fifteen minutes.
    """
    person, people, now = await _known(business, actor), business.store.people, business.clock.now()
    if await people.count_try(f"contact_code:{actor.id}", now, CONTACT_TTL_S) > CODE_TRIES:
        await record(business, actor, "add_contact", actor.id, refused="refused.contact_tries")
        raise Refused("refused.contact_tries")
    waiting = await people.new_contact(actor.id)
    alive = waiting is not None and now < waiting.expires_at
    if waiting is None or not alive or not hmac.compare_digest(waiting.code_hash, code_hash(code)):
        await record(business, actor, "add_contact", actor.id, refused="refused.contact_code")
        raise Refused("refused.contact_code")
    _keeper(business, person, waiting.address.channel)
    await people.add_address(actor.id, waiting.address)
    await people.forget_contact(actor.id, waiting.code_hash)
    await record(business, actor, "add_contact", waiting.address.channel)
    return waiting.address.channel


async def remove_contact(business: Business, actor: Actor, contact_id: str) -> str:
    """Takes one of the actor's own addresses away; returns its channel. A chat ends where it began, not here."""
    person = await _known(business, actor)
    found = next((each for each in person.addresses if each.key == contact_id), None)
    if found is None or found.channel not in CONTACT_CHANNELS:
        await record(business, actor, "drop_contact", actor.id, refused="refused.not_found")
        raise not_found()
    if len(person.addresses) == 1:
        raise Refused("refused.last_address")
    await business.store.people.drop_address(actor.id, found)
    await record(business, actor, "drop_contact", found.channel)
    return found.channel


async def add_contact(business: Business, actor: Actor, channel: str, given: str) -> Accepted:
    """The operator's way: stored without a code. Returns what the owner needs to know once."""
    person = await business.store.people.get(actor.id)
    if person is None:
        raise not_found()
    accepted = await _keeper(business, person, channel).accept(given)
    await business.store.people.add_address(actor.id, Address(channel=channel, user=accepted.user))
    await record(business, actor, "add_contact", channel)
    return accepted


async def drop_contact(business: Business, actor: Actor, channel: str) -> int:
    """Takes away the actor's sealed addresses of a channel; chats end where they began. Returns how many went."""
    person = await business.store.people.get(actor.id)
    mine = [each for each in person.addresses if each.channel == channel] if person is not None else []
    if person is not None and len(mine) == len(person.addresses):
        raise Refused("refused.last_address")
    for address in mine:
        await business.store.people.drop_address(actor.id, address)
    await record(business, actor, "drop_contact", channel)
    return len(mine)


async def _known(business: Business, actor: Actor) -> Person:
    """The person, with the bindings of this moment: strangers have no messages sent at our cost."""
    person = await business.store.people.get(actor.id)
    if person is None or not (person.accounts or person.grants):
        raise not_found()
    return person


def _keeper(business: Business, person: Person, channel: str) -> AddressKeeper:
    keeper = business.contacts.get(channel)
    if keeper is None or channel not in CONTACT_CHANNELS:
        raise Refused("refused.message_channel", channel=channel)
    if len(person.addresses) >= MOST_ADDRESSES:
        raise Refused("refused.too_many_addresses", most=MOST_ADDRESSES)
    return keeper


def _code_notice(person: Person, code: str, now: datetime) -> Notice:
    return Notice(
        id=f"{NoticeKind.CONTACT_CODE}:{person.id}:{code_hash(code)[:16]}",
        kind=NoticeKind.CONTACT_CODE,
        person_id=person.id,
        account_id=None,
        at=now,
        params={"label": "chatwatt", "code": code, "ttl_s": CONTACT_TTL_S, "at": now.isoformat()},
    )
