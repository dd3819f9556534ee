"""A1, A2, A8: who may do what to what, for every effect that a conversation can have. The table is the test.

How a row is added: a topic's file in `tests/fakes/rehearsed` names its effects in `RIGHTS`, one `Right` each, with who
may. `Subject` holds what an effect can name (account, order, link, entry, site, gateway); add a field where a new topic
names something else, and fill it in `_flat`, `_foreign` and `MISSING`. An effect or intent without a row fails.

Each row is played on the real store against its own flat: everybody in reach of it, then everybody against somebody
else's and against one that is not there. "Let in" means anything but "not found": what comes after the door (a balance
too high for emergency credit) is another test's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from bot.conversations.core import handle
from bot.conversations.inbound import Inbound, Turn
from bot.conversations.intents import intents
from bot.conversations.perform import Situation, perform, performed
from bot.conversations.session import Session
from bot.conversations.vocabulary import Audience
from prepaid.domain.access import Actor, Grant, Role
from prepaid.domain.errors import Trouble
from prepaid.domain.metering import Gateway
from prepaid.domain.people import Address, Person
from prepaid.storage.driver import Database
from prepaid.usecases.pay_links import make_pay_link
from prepaid.usecases.start_topup import start_topup
from tests.fakes.building import GATEWAY, SITE, Building, build
from tests.fakes.clock import ManualClock
from tests.fakes.paper import NO_PAPER, letter, paper
from tests.fakes.rehearsed import rights
from tests.fakes.rehearsed_chat import AT
from tests.fakes.rights import BASIC, Right, Subject, Who

ROWS = (*BASIC, *rights())
MISSING = Subject(
    account_id="acc-404",
    label="404",
    order_id="cw404",
    link_id="pl_404",
    person_id="p_404",
    entry_seq=404,
    entry_idem="adj:404",
    site_id="nowhere",
    gateway_id="gw-404",
    meter_id="met-404",
    **NO_PAPER,
)
FOREIGN_UNIT = len(ROWS) + 1
FOREIGN_SITE, FOREIGN_GATEWAY = "oak", "gw-99"
LET_IN_S = 0.2
"""Whoever still waits after this was let in; a refusal of a right that waits comes before anything is asked."""
NO_INTENT = frozenset({"help", "cancel"})
"""They only speak."""


def test_every_effect_and_every_intent_has_its_row() -> None:
    """A8: nothing that a conversation can do is left out of the table."""
    acts = {type(row.act(MISSING)) for row in ROWS}
    assert acts == performed()
    assert {name for row in ROWS for name in row.intents} == {intent.name for intent in intents()} - NO_INTENT


@pytest.mark.slow
async def test_who_may_do_what_to_what(database: Database, clock: ManualClock) -> None:
    """A1, A2: every effect, everybody, on what is in reach, foreign or missing; the latter two answer alike."""
    building = await build(database, clock)
    building.business = replace(building.business, link_key=b"k" * 32)
    foreign = await _foreign(building)
    wrong: list[str] = []
    for unit, row in enumerate(ROWS, start=1):
        own = await _flat(building, unit, office=row.office)
        for who in Who:
            actor = _actor(who, row, own, building)
            if row.stored:
                await building.business.store.people.save(
                    Person(id=actor.id, grants=actor.grants, addresses=(Address(channel="test", user=actor.id),))
                )
            wrong += await _tried(building, row, actor, who, (own, foreign))
    assert wrong == []


@pytest.mark.parametrize("who", [Who.TENANT, Who.UNBOUND])
def test_words_for_the_staff_do_not_exist_for_others(who: Who) -> None:
    """A8: whoever holds no role is answered as if the word meant nothing, and nothing is called."""
    actor = Actor(id="p1", accounts=frozenset({"a101"} if who is Who.TENANT else ()))
    for intent in intents():
        outsider = intent.audience is Audience.STAFF or (intent.audience is Audience.TENANT and who is Who.UNBOUND)
        if outsider:
            for inbound in (_typed(f"/{intent.commands[0]} 101"), _pressed(f"{intent.name}:101")):
                reply = handle(Turn(inbound=inbound, actor=actor, at=AT), Session())
                assert reply.effects == (), intent.name
                assert reply.session.flow is None, intent.name


def _typed(words: str) -> Inbound:
    return Inbound(channel="test", user="x", text=words)


def _pressed(action: str) -> Inbound:
    return Inbound(channel="test", user="x", action=action)


async def _tried(
    building: Building, row: Right, actor: Actor, who: Who, places: tuple[Subject, Subject]
) -> Sequence[str]:
    """What one person finds out, as far as it is not what the row says."""
    own, foreign = places
    if row.letter:
        own = replace(own, letter_id=await letter(building, own.account_id, who))
    name = type(row.act(own)).__name__
    if not row.subject:  # What is about the person alone needs one who is known.
        address = Address(channel="test", user=actor.id)
        known = Person(id=actor.id, accounts=tuple(actor.accounts), grants=actor.grants, addresses=(address,))
        await building.business.store.people.save(known)
    answer = await _answer(building, row, actor, own, may=who in row.may)
    is_in = answer is None or answer[0] != "refused.not_found"
    wrong = [] if is_in is (who in row.may) else [f"{name}: {who} {'gets in' if is_in else 'is kept out'} at home"]
    if not row.subject:
        return wrong
    elsewhere = await _answer(building, row, actor, foreign)
    nowhere = await _answer(building, row, actor, MISSING)
    if elsewhere is None or elsewhere[0] != "refused.not_found":
        wrong.append(f"{name}: {who} gets in elsewhere: {elsewhere}")
    if elsewhere != nowhere:
        wrong.append(f"{name}: {who} can tell foreign from missing: {elsewhere}, {nowhere}")
    return wrong


async def _answer(
    building: Building, row: Right, actor: Actor, subject: Subject, *, may: bool = False
) -> tuple[str, dict[str, object]] | None:
    """The trouble's key and figures; None where it was carried out, or went on to wait."""
    on = Situation(business=building.business, actor=actor, chat=f"test:{actor.id}", provider="testpay")
    try:
        async with asyncio.timeout(LET_IN_S if row.waits and may else None):
            await perform(row.act(subject), on)
    except Trouble as trouble:
        return trouble.key, dict(trouble.params)
    except TimeoutError:
        return None
    return None


def _actor(who: Who, row: Right, own: Subject, building: Building) -> Actor:
    """Somebody in reach of `own` and of nothing else."""
    path = building.site.path if row.at_site else f"{building.site.path}/b1/{own.label}"
    accounts = frozenset({own.account_id} if who is Who.TENANT else ())
    grants = (Grant(who.role, path),) if who.role else ()
    return Actor(id=f"p-{who}-{own.account_id}", accounts=accounts, grants=grants)


async def _flat(building: Building, unit: int, *, office: bool) -> Subject:
    """A flat of its own for a row, with a tenant, an entry, an order and a link."""
    tenant = await building.flat(unit, balance_micro=5_000_000)
    account_id = f"acc-{unit}"
    order = await start_topup(building.business, tenant, account_id, 2_000, provider="testpay")
    made = await make_pay_link(building.business, tenant, account_id)
    entry = (await building.business.store.ledger.latest(account_id, 1))[0]
    return Subject(
        account_id=account_id,
        label=f"10{unit}",
        order_id=order.id,
        link_id=made.link.id,
        person_id=tenant.id,
        entry_seq=entry.seq,
        entry_idem=entry.idem,
        site_id=SITE,
        gateway_id=GATEWAY,
        meter_id=f"met-{unit}",
        **(await paper(building, account_id) if office else {}),
    )


async def _foreign(building: Building) -> Subject:
    """A flat that nobody who is tried has anything to do with, and another site with its gateway."""
    store = building.business.store
    flat = await _flat(building, FOREIGN_UNIT, office=True)
    await store.sites.save_site(replace(building.site, id=FOREIGN_SITE, path="acme/oak"))
    gateway = Gateway(id=FOREIGN_GATEWAY, site_id=FOREIGN_SITE, transport="tcp", host="127.0.0.1", port=1)
    await store.sites.save_gateway(gateway)
    return replace(flat, site_id=FOREIGN_SITE, gateway_id=FOREIGN_GATEWAY)


def test_the_roles_tried_are_all_there_are() -> None:
    """A2: a new role joins the table."""
    assert {who.role for who in Who if who.role} == set(Role)
