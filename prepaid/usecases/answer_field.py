"""The owner of a bus takes requests and answers them; only the owner that took one last may answer it."""

from __future__ import annotations

from prepaid.domain.field_requests import Answer, FieldKind, FieldRequest
from prepaid.ports import Business, topic_field


async def take_field(
    business: Business, gateway_id: str, kinds: tuple[FieldKind, ...], owner: str
) -> FieldRequest | None:
    """The oldest request of these kinds that waits, now this owner's; None when there is none.

    A read that an owner before this one took and did not answer waits too; a write never does (S5).
    """
    found = [each for kind in kinds for each in await business.store.field_requests.waiting(gateway_id, kind, owner)]
    for request in sorted(found, key=lambda each: each.asked_at):
        if await business.store.field_requests.take(request, owner, business.clock.now()):
            return request
    return None


async def answer_field(business: Business, request: FieldRequest, owner: str, answer: Answer) -> None:
    """What was seen, or what went wrong; wakes whoever asked. Answers of others change nothing."""
    if await business.store.field_requests.finish(request, owner, answer):
        await business.wakeups.wake(topic_field(request.number))
