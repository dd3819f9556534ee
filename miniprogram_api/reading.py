"""Reads what comes in, within bounds of size and time, and checks it against the model that the route declares."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import aiohttp
from aiohttp import web
from pydantic import BaseModel, ValidationError

from miniprogram_api.contract import BODY_BYTES_MAX
from miniprogram_api.problems import Bad, Fault

READ_S_MAX: Final = 10.0
ERRORS_MOST: Final = 10
TYPES: Final = ("application/json",)
_FAULTS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "missing": ("missing", {}),
    "extra_forbidden": ("extra", {}),
    "json_invalid": ("json", {}),
    "string_type": ("text", {}),
    "int_type": ("whole", {}),
    "int_parsing": ("whole", {}),
    "int_from_float": ("whole", {}),
    "bool_type": ("yes_no", {}),
    "bool_parsing": ("yes_no", {}),
    "list_type": ("list", {}),
    "model_type": ("object", {}),
    "model_attributes_type": ("object", {}),
    "dict_type": ("object", {}),
    "literal_error": ("one_of", {"expected": "expected"}),
    "enum": ("one_of", {"expected": "expected"}),
    "string_too_short": ("shortest", {"least": "min_length"}),
    "string_too_long": ("longest", {"most": "max_length"}),
    "too_short": ("shortest", {"least": "min_length"}),
    "too_long": ("longest", {"most": "max_length"}),
    "greater_than_equal": ("least", {"least": "ge"}),
    "less_than_equal": ("most", {"most": "le"}),
    "greater_than": ("above", {"than": "gt"}),
    "less_than": ("below", {"than": "lt"}),
    "string_pattern_mismatch": ("pattern", {"pattern": "pattern"}),
    **dict.fromkeys(
        (
            *("date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"),
            *("datetime_type", "datetime_parsing", "datetime_from_date_parsing", "timezone_aware"),
            *("time_type", "time_parsing"),
        ),
        ("instant", {}),
    ),
}
"""What a validator complains of: our text, and which of its bounds that text names."""


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
        raise Bad("refused.request_unreadable", [Fault(where=name[:40], kind="twice") for name in twice])
    try:
        return model.model_validate(dict(request.query))
    except ValidationError as error:
        raise Bad("refused.request_unreadable", complaints(error)) from None


def complaints(error: ValidationError) -> list[Fault]:
    """What is wrong, field by field, and never what was given."""
    found = error.errors(include_url=False, include_input=False)[:ERRORS_MOST]
    return [_fault(".".join(map(str, each["loc"]))[:80], each["type"], each.get("ctx", {})) for each in found]


def _fault(where: str, kind: str, bounds: Mapping[str, object]) -> Fault:
    """The validator's complaint as ours. Of what it names, the bounds of the contract are told and nothing else."""
    ours, names = _FAULTS.get(kind, ("other", {}))
    told = {name: bounds[theirs] for name, theirs in names.items()}
    if "expected" in told:
        # The validator writes a list in English.
        told["expected"] = str(told["expected"]).replace(" or ", ", ")
    return Fault(where=where, kind=ours, bounds=told)
