"""A person adds, proves and removes a way to be reached, over the API and a real webhook; its address never shows."""

from __future__ import annotations

import json
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web

from bot.channels.webhook import WebhookSender
from bot.outgoing import Sealer, open_session
from chatwatt.web import serve
from prepaid.domain.access import Actor
from prepaid.domain.errors import Refused
from prepaid.domain.people import CODE_TRIES, CONTACT_TTL_S
from prepaid.storage.driver import Database
from prepaid.usecases.add_contact import confirm_contact
from tests.fakes.api_house import ApiHouse, api_house
from tests.fakes.clock import ManualClock


async def _name(house: ApiHouse, token: str, url: str) -> str:
    """Names the webhook; the secret that is shown once."""
    wish = {"channel": "webhook", "address": url}
    named = await house.call("POST", "/me/contacts", token=token, body=wish, headers={"Idempotency-Key": "k" * 12})
    assert named.status == 200
    return str(named.body["secret"])


async def test_an_address_counts_once_it_has_answered(database: Database, clock: ManualClock) -> None:
    """N2, A5, A7: the code goes to the address and comes back; wrong, late and foreign ones add nothing."""
    heard: list[str] = []

    async def hook(request: web.Request) -> web.Response:
        heard.append((await request.json())["figures"]["code"])
        return web.Response(status=204)

    async with (
        open_session(private=True) as session,
        serve([web.post("/secret-path", hook)], host="127.0.0.1", port=0) as port,
        api_house(database, clock) as house,
    ):
        url = f"http://127.0.0.1:{port}/secret-path"
        house.parts.business.contacts["webhook"] = WebhookSender(session, Sealer(b"k" * 32), private=True)  # type: ignore[index]
        tenant, other = await house.building.flat(1), await house.building.flat(2)
        token = (await house.tokens(tenant)).access
        secret = await _name(house, token, url)
        assert await _name(house, token, url) == secret
        assert len(heard) == 2  # The key kept no answer: a secret is not stored.
        shown = await house.call("GET", "/me/contacts", token=token)
        assert (shown.body["awaited"], [each["own"] for each in shown.body["contacts"]]) == ("webhook", [False])
        for actor, code in ((tenant, heard[0]), (tenant, "AAAA2222"), (other, heard[1])):
            with pytest.raises(Refused, match=r"refused\.contact_code"):
                await confirm_contact(house.parts.business, actor, code)
        added = await house.call("POST", "/me/contacts/confirm", token=token, body={"code": heard[1].lower()})
        assert added.body == {"channel": "webhook"}
        await _stays_sealed(database, url, secret)
        shown = await house.call("GET", "/me/contacts", token=token)
        (mine,) = [each for each in shown.body["contacts"] if each["own"]]
        assert url not in json.dumps(shown.body)
        theirs = (await house.tokens(other)).access
        assert (await house.call("DELETE", f"/me/contacts/{mine['contact_id']}", token=theirs)).status == 404
        assert (await house.call("DELETE", f"/me/contacts/{mine['contact_id']}", token=token)).status == 204
        person = await house.parts.business.store.people.get(tenant.id)
        assert person is not None
        assert [each.channel for each in person.addresses] == ["chat"]
        await _ends(house, session, token, url, heard)


async def _stays_sealed(database: Database, url: str, secret: str) -> None:
    """Neither the address nor its secret can be read in the store, in whatever collection."""
    for name in await database.collection_names():
        rows = await database.collection(name).find_list({}, limit=500)
        assert url not in str(rows), name
        assert secret not in str(rows), name


async def _ends(house: ApiHouse, session: aiohttp.ClientSession, token: str, url: str, heard: list[str]) -> None:
    """A code that is too old, a refusing address, too many tries, and addresses inside our own walls."""
    business, clock = house.parts.business, house.building.clock
    await _name(house, token, url)
    clock.at += timedelta(seconds=CONTACT_TTL_S)
    token = (await house.tokens(await _tenant(house))).access
    late = await house.call("POST", "/me/contacts/confirm", token=token, body={"code": heard[-1]})
    assert (late.status, late.body["key"]) == (422, "refused.contact_code")
    for _ in range(CODE_TRIES):
        late = await house.call("POST", "/me/contacts/confirm", token=token, body={"code": "BBBB3333"})
    assert (late.status, late.body["key"]) == (429, "refused.contact_tries")
    business.contacts["webhook"] = WebhookSender(session, Sealer(b"k" * 32), private=False)  # type: ignore[index]
    wish = {"channel": "webhook", "address": "https://127.0.0.1/"}
    walled = await house.call("POST", "/me/contacts", token=token, body=wish)
    assert (walled.status, walled.body["key"]) == (422, "refused.address_private")
    wish["channel"] = "sms"
    none = await house.call("POST", "/me/contacts", token=token, body=wish)
    assert (none.status, none.body["key"]) == (422, "refused.message_channel")


async def _tenant(house: ApiHouse) -> Actor:
    (person,) = await house.parts.business.store.people.of_account("acc-1")
    return person.actor()
