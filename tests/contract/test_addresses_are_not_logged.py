"""No part of an address that a person was given shows in logs or metrics, whatever becomes of the request (A7).

The routes are the ones that the server has, so a new one is tried without being named here.
"""

from __future__ import annotations

import re
import secrets

import pytest
from aiohttp import web
from prometheus_client import generate_latest

from chatwatt import logs
from chatwatt.embedded import StoreUris
from prepaid.storage.driver import Database, connect
from tests.fakes.api_house import ApiHouse, api_house
from tests.fakes.clock import ManualClock

_VARIABLE = re.compile(r"\{[^}]+\}")
LEAST = 60


def _addresses(house: ApiHouse, canary: str) -> list[tuple[str, str]]:
    """Method and path of everything that is served, with the canary in each variable place and in the query."""
    app = house.runner.app
    assert app is not None
    found: dict[tuple[str, str], None] = {}
    for route in app.router.routes():
        resource = route.resource
        if isinstance(resource, web.DynamicResource | web.PlainResource):
            path = _VARIABLE.sub(canary, resource.canonical)
            method = "GET" if route.method == "*" else route.method
            found[method, f"{path}?token={canary}&code={canary}&cursor={canary}"] = None
    return list(found)


async def _ask_all(house: ApiHouse, canary: str, token: str) -> list[int]:
    statuses = []
    for method, path in _addresses(house, canary):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body = None if method == "GET" else b'{"key": "' + canary.encode() + b'"}'
        async with house.session.request(
            method, house.url + path, headers={"Content-Type": "application/json", **headers}, data=body
        ) as answer:
            await answer.read()
            statuses.append(answer.status)
            if method == "GET" and answer.content_type == "text/html":
                assert answer.headers["Referrer-Policy"] == "no-referrer", path
    return statuses


@pytest.mark.parametrize("broken", [False, True], ids=["in order", "without the store"])
async def test_no_secret_of_an_address_is_logged(
    database: Database, store_uris: StoreUris, clock: ManualClock, capfd: pytest.CaptureFixture[str], broken: bool
) -> None:
    """A7: every route with a made-up secret in path, query and body, as a stranger and as somebody known."""
    canary = f"CANARY{secrets.token_hex(6)}"
    connection = connect(store_uris.mongodb_uri, database.name)
    async with api_house(connection, clock) as house:
        logs.configure(level="DEBUG")
        tenant = await house.building.flat(1, balance_micro=5_000_000)
        token = (await house.tokens(tenant)).access
        if broken:
            await connection.close()
        statuses = [status for each in ("", token) for status in await _ask_all(house, canary, each)]
    await connection.close()
    assert len(statuses) >= 2 * LEAST
    if broken:
        assert [status for status in statuses if status >= 500], "the store was still there"
    said = capfd.readouterr()
    assert canary not in said.err
    assert canary not in said.out
    assert token not in said.err
    assert canary not in generate_latest().decode()
