"""Trouble as problem details (RFC 9457), in the caller's language. A reply carries a reference, never what was sent."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web
from pydantic import BaseModel, Field

from miniprogram_api.parts import Words
from prepaid.domain.errors import Refused, Trouble, TryAgain, Unknown

MEDIA_TYPE: Final = "application/problem+json"
STATUSES: Final = (400, 401, 404, 405, 408, 409, 410, 413, 415, 422, 429, 500, 503, 504)
RETRY_S: Final = 2
MESSAGE_MOST: Final = 200

_BY_KEY: Final[Mapping[str, int]] = {
    "refused.not_found": 404,
    "refused.pay_link_unknown": 404,
    "refused.pay_link_expired": 410,
    "refused.pay_link_used": 410,
    "refused.token_missing": 401,
    "refused.token_bad": 401,
    "refused.token_expired": 401,
    "refused.token_reused": 401,
    "refused.login_proof": 401,
    "refused.request_unreadable": 400,
    "refused.request_method": 405,
    "refused.request_path": 404,
    "refused.request_slow": 408,
    "refused.request_large": 413,
    "refused.request_type": 415,
    "refused.our_mistake": 500,
    "refused.request_rate": 429,
    "refused.too_many_tries": 429,
    "refused.contact_tries": 429,
    "refused.too_many_orders": 429,
    "refused.too_many_links": 429,
    "refused.idempotency_conflict": 409,
    "refused.order_edge": 409,
    "refused.approval_used": 409,
    "refused.emergency_taken": 409,
    "refused.dispute_answered": 409,
    "refused.closing_changed": 409,
    "refused.too_many_wishes": 429,
    "refused.api_off": 503,
    "refused.pay_links_off": 503,
}
"""Every other refusal is a 422: understood, and not possible."""


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with one field: a text key below `problem.field`, and the bounds that it names."""

    where: str
    kind: str
    bounds: Mapping[str, object] = field(default_factory=dict)


class Problem(BaseModel):
    """Problem details, RFC 9457. `title` and `detail` are for the person, `key` for the program."""

    type: str = Field(description="URN of the kind of problem")
    title: str = Field(description="The status in words, in the language of the request")
    status: int
    detail: str = Field(description="One sentence for the person, in the language of the request")
    instance: str = Field(description="URN that carries the request id")
    key: str = Field(description="Stable name of what happened, such as refused.not_found")
    errors: list[FieldProblem] | None = None


def status_of(trouble: Trouble) -> int:
    """The status that a trouble is answered with."""
    if isinstance(trouble, TryAgain):
        return 503
    if isinstance(trouble, Unknown):
        return 504
    return _BY_KEY.get(trouble.key, 422)


def problem_of(
    words: Words,
    language: str,
    trouble: Trouble,
    instance: str,
    *,
    status: int | None = None,
    errors: Sequence[Fault] = (),
) -> Problem:
    """A trouble in words, with what it is about."""
    code = status or status_of(trouble)
    return Problem(
        type=f"urn:chatwatt:problem:{trouble.key}",
        title=words.text(language, f"problem.title.{code}"),
        status=code,
        detail=words.trouble(language, trouble),
        instance=instance,
        key=trouble.key,
        errors=[_field_problem(words, language, each) for each in errors] or None,
    )


def _field_problem(words: Words, language: str, fault: Fault) -> FieldProblem:
    message = words.text(language, f"problem.field.{fault.kind}", **fault.bounds)
    return FieldProblem(field=fault.where, message=message[:MESSAGE_MOST])


def respond(
    words: Words,
    language: str,
    trouble: Trouble,
    request_id: str,
    *,
    status: int | None = None,
    errors: Sequence[Fault] = (),
) -> web.Response:
    """The response; `Retry-After` where asking again makes sense."""
    code = status or status_of(trouble)
    problem = problem_of(words, language, trouble, f"urn:chatwatt:request:{request_id}", status=code, errors=errors)
    answer = web.Response(
        status=code,
        body=json.dumps(problem.model_dump(exclude_none=True), ensure_ascii=False).encode(),
        content_type=MEDIA_TYPE,
        headers={"Content-Language": language, "Cache-Control": "no-store"},
    )
    answer.headers.update(when_again(trouble, code))
    if code == web.HTTPUnauthorized.status_code:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="chatwatt"'
    return answer


def when_again(trouble: Trouble, status: int) -> Mapping[str, str]:
    """`Retry-After` in whole seconds, rounded up, for the statuses after which asking again makes sense."""
    if status not in (429, 503):
        return {}
    wait_ms = trouble.params.get("retry_after_ms")
    return {"Retry-After": str(-(-wait_ms // 1000) if isinstance(wait_ms, int) else RETRY_S)}


class Bad(Refused):
    """A request that cannot be read, with what is wrong field by field."""

    def __init__(self, key: str, errors: Sequence[Fault] = ()) -> None:
        super().__init__(key)
        self.errors = tuple(errors)
