"""Schemathesis reads the contract and asks everything in it, well and badly: nothing breaks or is undocumented."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyStrategyDefinition
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from miniprogram_api.links import LINKS
from miniprogram_api.openapi import contract
from miniprogram_api.routes import ROUTES
from prepaid.domain.access import Role
from prepaid.storage.driver import Database
from prepaid.usecases.pay_links import make_pay_link
from prepaid.usecases.start_topup import start_topup
from tests.fakes.api_house import ApiHouse, api_house
from tests.fakes.building import GATEWAY
from tests.fakes.bus_owner import busy
from tests.fakes.clock import ManualClock

EXAMPLES = int(os.environ.get("CHATWATT_API_EXAMPLES", "3"))
"""For each operation and each way of asking; `make api-fuzz` asks for many."""
ENDS_LOGIN = frozenset({"logOut", "logOutEverywhere"})
LINKED = frozenset({*LINKS, *(target for each in LINKS.values() for target in each)})
LEAST_REACHED = 5
"""Operations that a walk of this length reaches by links, at the least; what it reaches differs with the answers."""
READING = frozenset(route.name for route in ROUTES if route.body or route.query)
"""These can be asked badly."""
schemathesis.openapi.media_type(
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    st.one_of(st.binary(max_size=200), st.sampled_from([b"account,site,place\na-9,maple,b9/1\n", b"PK\x03\x04"])),
)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3_600 if EXAMPLES > 10 else 240)]


async def _real(house: ApiHouse) -> tuple[str, Mapping[str, str]]:
    """Somebody who is tenant and staff at once, and names of things that are there."""
    tenant = await house.building.flat(1, balance_micro=7_000_000)
    await house.building.read(1, 1_000)
    business = house.parts.business
    order = await start_topup(business, tenant, "acc-1", 7_000, provider="testpay")
    link = await make_pay_link(business, tenant, "acc-1")
    boss = await house.building.operator(role=Role.OWNER)
    await business.store.people.bind(boss.id, "acc-1")
    names = {"account_id": "acc-1", "order_id": order.id, "link_id": link.link.id, "token": link.token, "seq": "1"}
    names |= {"site_id": "maple", "meter_id": "met-1", "gateway_id": GATEWAY, "setting": "limit_w"}
    return (await house.tokens(boss)).access, names


def _is_busy(answer: Any) -> bool:
    """Whether a bus had no place for a question: nobody owns one here, so that is all that can be said of it."""
    return bool(answer.status_code == 503 and answer.json()["key"] == "try_again.field_busy")


def _ask(operation: Any, url: str, token: str, names: Mapping[str, str], mode: GenerationMode) -> None:
    """Some examples of one operation, each answer held against the contract."""
    # Most routes are the staff's, and are made alike: one example fewer of each.
    alike = "staff" in operation.definition.raw["tags"]

    @seed(1)
    @settings(
        max_examples=max(1, EXAMPLES - 1) if alike else EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), known=st.booleans())
    def examples(case: Any, known: bool) -> None:
        if known and mode is GenerationMode.POSITIVE and case.path_parameters:
            case.path_parameters = {
                **case.path_parameters,
                **{k: v for k, v in names.items() if k in case.path_parameters},
            }
        if case.query and "wait_s" in case.query:
            case.query = {**case.query, "wait_s": 0}
        answer = case.call(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60)
        excluded = [positive_data_acceptance, *([not_a_server_error] if _is_busy(answer) else [])]
        case.validate_response(answer, excluded_checks=excluded)
        # A request that keeps to the contract may be impossible, but it is never unreadable.
        assert mode is GenerationMode.NEGATIVE or answer.status_code != 400, answer.text

    examples()


def _all(url: str, token: str, names: Mapping[str, str]) -> int:
    document = contract(ROUTES)
    # Every request carries a good token: what becomes of others is the matter of the access table.
    del document["security"], document["components"]["securitySchemes"]
    schema = schemathesis.openapi.from_dict(document)
    # A list that is too long is also a body that is too large.
    rejection = schema.config.checks.negative_data_rejection
    rejection.expected_statuses = [*rejection.expected_statuses, "413"]
    asked = 0
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]
        name = operation.definition.raw["operationId"]
        if name in ENDS_LOGIN:
            continue
        _ask(operation, url, token, names, GenerationMode.POSITIVE)
        if name in READING:
            _ask(operation, url, token, names, GenerationMode.NEGATIVE)
        asked += 1
    return asked


def _linked(url: str, token: str, names: Mapping[str, str]) -> set[str]:
    """Follows the contract's links from answer to request; the operations that were reached so and did well."""
    reached: set[str] = set()
    document = contract([route for route in ROUTES if route.name in LINKED])
    del document["security"], document["components"]["securitySchemes"]
    schema = schemathesis.openapi.from_dict(document)
    schema.config.phases.stateful.inference.algorithms = []
    machine: Any = schema.as_state_machine()

    class Workflow(machine):  # type: ignore[misc]
        """Every request with a good token, none that waits; each answer held against the contract."""

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            if case.query and "wait_s" in case.query:
                case.query = {**case.query, "wait_s": 0}
            return {"base_url": url, "headers": {"Authorization": f"Bearer {token}"}, "timeout": 60}

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            case.validate_response(response, excluded_checks=[positive_data_acceptance])

        def step(self, input: Any) -> Any:  # noqa: A002 - schemathesis calls it by this name
            if input.transition is None and input.case.path_parameters:
                input.case.path_parameters = {
                    key: names.get(key, value) for key, value in input.case.path_parameters.items()
                }
            output = super().step(input)
            if input.transition is not None and output.response.status_code < 300:
                reached.add(input.case.operation.definition.raw["operationId"])
            return output

    few = settings(
        max_examples=2,
        stateful_step_count=6,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    for number in range(2 * EXAMPLES):
        # The server remembers what a walk before did, so no walk is like another: each number begins anew.
        with suppress(FlakyStrategyDefinition):
            seed(number)(Workflow).run(settings=few)
    return reached


async def test_everything_in_the_contract_holds(database: Database, clock: ManualClock) -> None:
    """Y7, A1: no answer of 500, none that the contract does not name, every body is what it says, links lead on."""
    async with api_house(database, clock) as house:
        await busy(house.parts.business)
        token, names = await _real(house)
        # First, because later the binding is taken away and a move-out begun.
        reached = await asyncio.to_thread(_linked, house.url, token, names)
        assert len(reached) >= LEAST_REACHED
        asked = await asyncio.to_thread(_all, house.url, token, names)
        assert asked == len(ROUTES) - len(ENDS_LOGIN)
