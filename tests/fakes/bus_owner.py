"""An owner of buses without a bus: whatever staff ask of them is answered alike, at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from prepaid.domain.field_requests import PLACES, Answer, FieldKind, FieldRequest, Seen, Setting
from prepaid.ports import Business, topic_gateway
from prepaid.usecases.answer_field import answer_field, take_field
from tests.fakes.building import GATEWAY

ALL = tuple(FieldKind)
OWNER = "owner-1"
LAST_RESORT_S = 30.0
DEVICE = Answer(
    seen=(Seen(unit=1, profile="test", figures={"energy_wh": 5}),),
    settings=(Setting(name="limit_w", value=500, unit="W", low=100, high=900, writable=True),),
    through=2,
)
"""A meter that answers, with one setting."""


@asynccontextmanager
async def owner(
    business: Business, answer: Answer | Callable[[FieldRequest], Answer], *, gateways: Sequence[str] = (GATEWAY,)
) -> AsyncIterator[list[FieldRequest]]:
    """Owns these buses and answers the same to all, or what `answer` makes of a request; gives what it has taken."""
    taken: list[FieldRequest] = []

    async def serve(gateway: str) -> None:
        async with business.wakeups.waiter(topic_gateway(gateway)) as waiter:
            while True:
                request = await take_field(business, gateway, ALL, OWNER)
                if request is None:
                    await waiter.wait(LAST_RESORT_S)
                    continue
                taken.append(request)
                said = answer(request) if callable(answer) else answer
                await answer_field(business, request, OWNER, said)

    tasks = [asyncio.create_task(serve(gateway)) for gateway in gateways]
    try:
        yield taken
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def busy(business: Business) -> None:
    """Takes every place of the bus for an hour: whoever asks is told at once that others ask already."""
    now = business.clock.now()
    for place in range(PLACES):
        request = FieldRequest(
            id=f"{GATEWAY}:{place}",
            number=f"busy-{place}",
            gateway_id=GATEWAY,
            kind=FieldKind.READ,
            asked_by="p_busy",
            asked_at=now,
            expires_at=now + timedelta(hours=1),
        )
        assert await business.store.field_requests.put(request, now)
