"""A person adds a way to be reached that is no chat: a phone number, a webhook, a push service. Sealed, never shown."""

from __future__ import annotations

from collections.abc import Mapping

from prepaid.domain.access import Actor
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.people import Address
from prepaid.ports import Accepted, AddressKeeper, Business, Sender
from prepaid.usecases.authorize import record

MOST_ADDRESSES = 10


async def add_contact(
    business: Business, senders: Mapping[str, Sender], actor: Actor, channel: str, given: str
) -> Accepted:
    """Checks and stores it; returns what the owner needs to know once, such as the secret of a webhook."""
    person = await business.store.people.get(actor.id)
    keeper: object = senders.get(channel)
    if person is None:
        raise not_found()
    if not isinstance(keeper, AddressKeeper):
        raise Refused("refused.message_channel", channel=channel)
    if len(person.addresses) >= MOST_ADDRESSES:
        raise Refused("refused.too_many_addresses", most=MOST_ADDRESSES)
    accepted = await keeper.accept(given)
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
