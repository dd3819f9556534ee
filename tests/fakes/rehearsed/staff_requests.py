"""Requests of tenants on the stage: one that asks for help, one for protection, one that moves out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.conversations.topics.staff_requests import FinishRequest, ListOwnRequests, ListRequests, ShowRequest
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.staff_requests import RequestState, StaffRequest, Wish
from tests.fakes.rights import EVERYBODY, OPERATES, TENANT, free, right

HELP, FRAIL, LEAVING = (f"rq_{number}0112233445566778899" for number in range(3))


def _requests(stage: Any) -> dict[str, StaffRequest]:
    """Oldest first."""
    moving = StaffRequest(
        id=LEAVING,
        wish=Wish.MOVE_OUT,
        account_id="a102",
        site_id="maple",
        path="acme/maple/102",
        label="枫丹苑 102",
        words=Wish.MOVE_OUT,
        asked_by="p2",
        asked_at=stage.now - timedelta(days=2, hours=3),
    )
    frail = replace(
        moving,
        id=FRAIL,
        wish=Wish.PROTECTION,
        account_id="a101",
        label="枫丹苑 101",
        words="家里有老人使用呼吸机，晚上必须有电；白天可以商量，请尽快来核实，电话随时都可以打，谢谢，我们住在三楼左手边第一间，门铃坏了请敲门",
        asked_by="p1",
        asked_at=stage.now - timedelta(hours=5),
    )
    socket = replace(frail, id=HELP, wish=Wish.HELP, words="厨房插座发烫", asked_at=stage.now - timedelta(minutes=20))
    return {each.id: each for each in (moving, frail, socket)}


def _one(stage: Any, request_id: str) -> StaffRequest:
    found = _requests(stage).get(request_id)
    if found is None:
        raise not_found()
    return found


def _finish(stage: Any, user: str, effect: FinishRequest) -> StaffRequest:
    del user
    if effect.request_id == HELP:
        raise Refused("refused.request_ended")
    return replace(_one(stage, effect.request_id), state=RequestState.DONE, ended_by="p3", ended_at=stage.now)


def _own(stage: Any, user: str, effect: ListOwnRequests) -> tuple[StaffRequest, ...]:
    del effect
    if user != "anna":
        return ()
    open_, answered = _one(stage, HELP), replace(_one(stage, FRAIL), state=RequestState.ANSWERED)
    return (open_, answered, replace(_one(stage, LEAVING), state=RequestState.DONE))


ANSWERS = {
    ListRequests: lambda stage, _, __: tuple(_requests(stage).values()),
    ShowRequest: lambda stage, _, e: _one(stage, e.request_id),
    FinishRequest: _finish,
    ListOwnRequests: _own,
}
SCRIPTS = {
    "requests": (
        ("admin", "住户请求"),
        ("admin", f"/requests {FRAIL}"),
        ("admin", f"/requests {LEAVING}"),
        ("admin", "/requests rq_0"),
        ("admin", "open requests"),
        ("anna", "/requests"),
    ),
    "finish": (("admin", f"/finish {FRAIL}"), ("admin", f"/finish {HELP}"), ("admin", "办结")),
    "asked": (("anna", "我的请求"), ("ben", "has anybody answered?"), ("admin", "/asked")),
}
RIGHTS = (
    free("requests", lambda _: ListRequests(), EVERYBODY),
    replace(right("requests", lambda on: ShowRequest(request_id=on.request_id), OPERATES), office=True),
    replace(right("finish", lambda on: FinishRequest(request_id=on.request_id), OPERATES), office=True),
    right("asked", lambda on: ListOwnRequests(account_id=on.account_id), TENANT),
)
