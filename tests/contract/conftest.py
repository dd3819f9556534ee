"""A tenant at the API's door: the same for every file that asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from prepaid.domain.access import Actor
from prepaid.storage.driver import Database
from tests.fakes.api_house import ApiHouse, api_house
from tests.fakes.clock import ManualClock


@pytest.fixture
async def house(database: Database, clock: ManualClock) -> AsyncIterator[ApiHouse]:
    """The API over a building with one flat."""
    async with api_house(database, clock) as house:
        yield house


@pytest.fixture
async def tenant(house: ApiHouse) -> Actor:
    """Whoever lives in 101."""
    return await house.building.flat(1, balance_micro=7_000_000)


@pytest.fixture
async def token(house: ApiHouse, tenant: Actor) -> str:
    """Their access token."""
    return (await house.tokens(tenant)).access
