"""How a route of the staff is declared: its path begins with /admin, and most else about it goes without saying."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel

from miniprogram_api.contract import BODY_BYTES_MAX, Handler, Route

AT: Final = frozenset({"at"})


def staff_read(
    path: str,
    name: str,
    summary: str,
    handle: Handler,
    answers: type[BaseModel],
    *,
    query: type[BaseModel] | None = None,
    volatile: frozenset[str] = AT,
    waits_s: float = 0.0,
    tag: str = "staff",
) -> Route:
    """One that changes nothing; its answer carries an entity tag."""
    return Route(
        method="GET",
        path=f"/admin/{path}",
        name=name,
        summary=summary,
        tag=tag,
        handle=handle,
        query=query,
        answers=answers,
        volatile=volatile,
        waits_s=waits_s,
    )


def staff_write(
    path: str,
    name: str,
    summary: str,
    handle: Handler,
    answers: type[BaseModel] | None = None,
    *,
    query: type[BaseModel] | None = None,
    body: type[BaseModel] | None = None,
    takes: str = "",
    later: type[BaseModel] | None = None,
    method: Literal["POST", "PUT", "DELETE"] = "POST",
    money: bool = False,
    keeps_reply: bool = True,
    waits_s: float = 0.0,
    bytes_max: int = BODY_BYTES_MAX,
    tag: str = "staff",
) -> Route:
    """One that changes something. `keeps_reply` False where the answer holds a code, which nobody stores."""
    return Route(
        method=method,
        path=f"/admin/{path}",
        name=name,
        summary=summary,
        tag=tag,
        handle=handle,
        query=query,
        body=body,
        takes=takes,
        later=later,
        answers=answers,
        money=money,
        keeps_reply=keeps_reply,
        waits_s=waits_s,
        bytes_max=bytes_max,
    )
