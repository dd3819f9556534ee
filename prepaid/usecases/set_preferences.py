"""A person chooses how to be told, and from which balance on for an account that is theirs (FEATURES N1)."""

from __future__ import annotations

from prepaid.domain.access import Action, Actor
from prepaid.domain.errors import not_found
from prepaid.domain.preferences import Alerts, Preferences, checked, checked_alerts
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account, record


async def set_preferences(business: Business, actor: Actor, preferences: Preferences) -> Preferences:
    """Stores the actor's own order of channels and quiet hours. Raises `Refused` for a channel without an address."""
    person = await business.store.people.get(actor.id)
    if person is None:
        raise not_found()
    wanted = checked(preferences, frozenset(address.channel for address in person.addresses))
    await business.store.people.set_preferences(actor.id, wanted)
    return wanted


async def show_preferences(business: Business, actor: Actor) -> Preferences:
    """The actor's own choices."""
    person = await business.store.people.get(actor.id)
    return person.preferences if person is not None else Preferences()


async def set_alerts(business: Business, actor: Actor, account_id: str, alerts: Alerts) -> Alerts:
    """Stores an account's own warning levels; empty ones give back the site's."""
    account = await reach_account(business, actor, account_id, Action.SET_ALERTS)
    wanted = checked_alerts(alerts)
    await business.store.sites.set_alerts(account.id, wanted)
    before, after = repr(account.alerts), repr(wanted)
    await record(business, actor, Action.SET_ALERTS, account.id, before=before, after=after)
    return wanted
