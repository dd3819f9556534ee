"""When a page has no time for somebody it says when it will have, in a header that browsers and proxies understand."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from chatwatt.embedded import StoreUris
from miniprogram_api.overview.page import COOKIE
from prepaid.storage.driver import Database, connect
from prepaid.usecases.page_sessions import make_page_link, open_page
from prepaid.usecases.pay_links import make_pay_link
from tests.fakes.api_house import ApiHouse, api_house
from tests.fakes.clock import ManualClock
from tests.fakes.faulty_proxy import FaultyProxy

PAGES = ("/pay/made-up", "/overview", "/overview/open/made-up", "/overview/events", "/overview/export.csv")


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_that_is_asked_too_often_says_when_to_come_again(house: ApiHouse, path: str) -> None:
    """Y3: 429 with the limit's own wait, in whole seconds and never less; other refusals name none."""
    async with house.session.get(house.url + path) as answer:
        assert answer.status in (401, 404)
        assert "Retry-After" not in answer.headers
    house.limiter.wait_ms[":"] = 2_500
    async with house.session.get(house.url + path) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "3")


async def test_a_page_whose_store_is_away_says_when_to_come_again(
    database: Database, store_uris: StoreUris, clock: ManualClock
) -> None:
    """F18, Y3: trouble that passes is 503 with a wait, and the person gets a sentence instead of an error."""
    port = urlsplit(store_uris.mongodb_uri).port
    assert port is not None
    async with FaultyProxy(port) as proxy:
        # A direct connection, or the driver would go round the proxy.
        uri = f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true"
        far = connect(uri, database.name, server_selection_timeout_ms=500, socket_timeout_ms=500)
        async with api_house(far, clock) as house:
            tenant, admin = await house.building.flat(1), await house.building.operator()
            link = await make_pay_link(house.parts.business, tenant, "acc-1", amount_fen=5_000)
            key = await make_page_link(house.parts.business, admin)
            assert key is not None
            session = await open_page(house.parts.business, key.token)
            asked: tuple[tuple[str, dict[str, str]], ...] = (
                (f"/pay/{link.token}", {}),
                ("/overview", {"Cookie": f"{COOKIE}={session.cookie}"}),
            )
            proxy.refuse()
            for path, headers in asked:
                async with house.session.get(house.url + path, headers=headers) as answer:
                    assert answer.status == 503, path
                    assert int(answer.headers["Retry-After"]) > 0
                    assert "<html" in await answer.text()
        await far.close()
