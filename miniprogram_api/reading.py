"""Reads what comes in, within bounds of size and time, and checks it against the model that the route declares."""

from __future__ import annotations

import asyncio
from typing import Final

import aiohttp
from aiohttp import web
from pydantic import BaseModel, ValidationError

from miniprogram_api.contract import BODY_BYTES_MAX
from miniprogram_api.problems import Bad, FieldProblem

READ_S_MAX: Final = 10.0
ERRORS_MOST: Final = 10
TYPES: Final = ("application/json",)


async def read_body(request: web.Request, *, read_s_max: float = READ_S_MAX, bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """The body as it travelled. Raises `Bad` for one that is too long, too slow, packed or broken off."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Bad("refused.request_type")
    if (request.content_length or 0) > bytes_max:
        raise Bad("refused.request_large")
    body = bytearray()
    try:
        async with asyncio.timeout(read_s_max):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > bytes_max:
                    raise Bad("refused.request_large")
    except TimeoutError:
        raise Bad("refused.request_slow") from None
    except (aiohttp.ClientError, aiohttp.http_exceptions.HttpProcessingError, web.RequestPayloadError, OSError):
        raise Bad("refused.request_unreadable") from None
    return bytes(body)


def check_type(request: web.Request, media_type: str) -> None:
    """A file says what it is. Raises `Bad`."""
    if request.content_type != media_type:
        raise Bad("refused.request_type")


def body_of(request: web.Request, model: type[BaseModel], raw: bytes) -> BaseModel:
    """The body as its model. Raises `Bad`."""
    if request.content_type not in TYPES:
        raise Bad("refused.request_type")
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise Bad("refused.request_unreadable", complaints(error)) from None


def query_of(request: web.Request, model: type[BaseModel]) -> BaseModel:
    """The query as its model; a name that comes twice is as wrong as one that is not declared."""
    names = list(request.query.keys())
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Bad(
            "refused.request_unreadable", [FieldProblem(field=name[:40], message="given twice") for name in twice]
        )
    try:
        return model.model_validate(dict(request.query))
    except ValidationError as error:
        raise Bad("refused.request_unreadable", complaints(error)) from None


def complaints(error: ValidationError) -> list[FieldProblem]:
    """What is wrong, field by field, and never what was given."""
    found = error.errors(include_url=False, include_context=False, include_input=False)[:ERRORS_MOST]
    return [FieldProblem(field=".".join(map(str, each["loc"]))[:80], message=each["msg"][:200]) for each in found]
