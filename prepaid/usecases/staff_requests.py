"""What tenants have asked of the staff and nobody has seen to yet: listed within reach, and ended once.

Whoever may write to a room sees what was asked there. A request ends with an answer to its room, with the act that it
asks for, or by the word of somebody on the staff; the row's own condition makes it one end, whoever is first.
"""

from __future__ import annotations

from datetime import datetime

import structlog

from prepaid.domain.access import Action, Actor
from prepaid.domain.errors import InvariantBroken, Refused, Trouble
from prepaid.domain.notices import NoticeKind
from prepaid.domain.staff_requests import RequestState, StaffRequest, Wish
from prepaid.ports import Business
from prepaid.usecases.authorize import intent, reach_account, reach_row, scopes, site_of
from prepaid.usecases.tell import Crossing, Params, tell_staff

log = structlog.get_logger()

MOST = 200
OWN_SHOWN = 5
BATCH = 100

_KINDS = {
    Wish.HELP: NoticeKind.HELP_ASKED,
    Wish.PROTECTION: NoticeKind.PROTECTION_ASKED,
    Wish.MOVE_OUT: NoticeKind.MOVE_OUT_ASKED,
}


async def open_requests(business: Business, actor: Actor) -> tuple[StaffRequest, ...]:
    """Open ones where the actor may answer, oldest first; one more than `MOST` where there are more (A2)."""
    rows = business.store.staff_requests
    found = [each for scope in scopes(actor, Action.BROADCAST) for each in await rows.below(scope, MOST + 1)]
    return tuple(sorted(found, key=lambda each: (each.asked_at, each.id))[: MOST + 1])


async def show_request(business: Business, actor: Actor, request_id: str) -> StaffRequest:
    """One request, for whoever may answer it. A foreign one and a missing one give the same `Refused` (A2)."""
    request = await business.store.staff_requests.get(request_id)
    return await reach_row(business, actor, request, request_id, Action.BROADCAST)


async def finish_request(business: Business, actor: Actor, request_id: str) -> StaffRequest:
    """The staff says that it is done, such as after a word on the stairs.

    Raises `Refused("refused.request_ended")` for one that has ended.
    """
    request = await show_request(business, actor, request_id)
    now = business.clock.now()
    async with intent(business, actor, "finish_request", request.path, after=request.id):
        if not await business.store.staff_requests.end(request.id, RequestState.DONE, by=actor.id, at=now):
            raise Refused("refused.request_ended")
    return await show_request(business, actor, request_id)


async def own_requests(business: Business, actor: Actor, account_id: str) -> tuple[StaffRequest, ...]:
    """What the actor asked for this account, newest first; nobody else's, which was said to the staff alone."""
    account = await reach_account(business, actor, account_id, Action.ASK_STAFF)
    now = business.clock.now()
    return tuple(await business.store.staff_requests.of_person(account.id, actor.id, now, OWN_SHOWN))


async def end_requests(
    business: Business,
    actor: Actor,
    account_id: str,
    state: RequestState,
    *,
    wish: Wish | None = None,
    asked_until: datetime | None = None,
) -> int:
    """Ends what is open for the account: one wish or all, and nothing that was asked later than `asked_until`.

    For use cases that have let the actor in already. Returns how many ended by this.
    """
    rows, now = business.store.staff_requests, business.clock.now()
    ended = 0
    for each in await rows.open_of_account(account_id, MOST):
        if (wish is None or each.wish is wish) and (asked_until is None or each.asked_at <= asked_until):
            ended += await rows.end(each.id, state, by=actor.id, at=now)
    return ended


async def tell_of_request(business: Business, request: StaffRequest) -> None:
    """Tells the staff over the site. Repeating it tells nobody twice (N1)."""
    account = await business.store.sites.account(request.account_id)
    if account is None:
        raise InvariantBroken(f"account of request {request.id} vanished")
    site = await site_of(business, account)
    crossing = Crossing(_KINDS[request.wish], request.id)
    params: Params = {"why": request.words, "room": account.label, "at": request.asked_at.isoformat()}
    await tell_staff(business, site, crossing, params, account=account)
    await business.store.staff_requests.mark_told(request.id)


async def tell_of_requests(business: Business) -> int:
    """Tells of what a crash left untold. One's trouble does not hold up the others; returns how many were told."""
    return sum([await told_or_later(business, each) for each in await business.store.staff_requests.untold(BATCH)])


async def told_or_later(business: Business, request: StaffRequest) -> bool:
    """Tells now if that goes; the row stands, so what troubles it is for the sweeper."""
    try:
        await tell_of_request(business, request)
    except Trouble as trouble:
        log.warning("request_told_later", request=request.id, kind=type(trouble).__name__, key=trouble.key)
        return False
    return True
