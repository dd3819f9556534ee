"""The contract, OpenAPI 3.1, made from the routes and their models and from nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from miniprogram_api import problems
from miniprogram_api.contract import ROOT, Route
from miniprogram_api.links import links_of
from miniprogram_api.replies import HEADER, KEY

VERSION: Final = "1.0.0"
_REFS: Final = "#/components/schemas/{model}"
_NAMES: Final = re.compile(r"\{(\w+)\}")
_TAGS: Final[Mapping[str, str]] = {
    "login": "Tokens: short for access, longer for going on; a refresh token is good for one use",
    "me": "The person and the accounts that they are bound to",
    "accounts": "Balance, use, entries and why they are what they are",
    "messages": "What the person was told, and from when on they are told",
    "tenancy": "Sharing an account, turning to the staff, moving out",
    "orders": "Top-ups, followed up to the power being on",
    "pay links": "Somebody else pays, without an account here",
    "staff": "The same use cases and rights as in chat",
    "reports": "A site's month, tied to the ledger; comparisons with providers' bills; the trail",
}
_WHAT: Final[Mapping[int, str]] = {
    400: "The request cannot be read",
    401: "Not logged in, or not any more",
    404: "Not there, or not within reach: the answer is the same",
    408: "The body came too slowly",
    409: "Something else came first",
    410: "The link has ended or was used",
    413: "The body is too large",
    415: "The body is not of the kind that is taken here",
    422: "Understood, and not possible",
    429: "Too many requests",
    500: "Our mistake",
    503: "Try again; nothing has changed",
    504: "Nobody can say yet whether it was done; ask before you repeat it",
}


def contract(routes: Sequence[Route]) -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(ROOT + route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "chatwatt",
            "version": VERSION,
            "summary": "Prepaid electricity and water: accounts, balance, use, payment, supply",
            "description": "Money is whole micro-yuan (1 yuan = 1,000,000) or fen, energy whole Wh, water litres, "
            "time UTC. Errors are problem details (RFC 9457) in the language of `Accept-Language`, zh or en.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": words} for name, words in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": _schemas(routes),
            "securitySchemes": {"access": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"access": []}],
    }


def contract_text(routes: Sequence[Route]) -> bytes:
    """As it is served."""
    return json.dumps(contract(routes), ensure_ascii=False, indent=1).encode()


def _schemas(routes: Sequence[Route]) -> dict[str, Any]:
    models: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = [(problems.Problem, "serialization")]
    models += [(route.body, "validation") for route in routes if route.body]
    models += [(route.answers, "serialization") for route in routes if route.answers]
    models += [(route.later, "serialization") for route in routes if route.later]
    _, found = models_json_schema(list(dict.fromkeys(models)), ref_template=_REFS)
    schemas: dict[str, Any] = found["$defs"]
    return schemas


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": [*_path_parameters(route), *_query_parameters(route), *_headers(route)],
        "responses": _responses(route),
    }
    if route.body:
        schema = {"$ref": _REFS.format(model=route.body.__name__)}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if route.takes:
        # In 3.1 a file that is the body itself has no schema: its kind says it all.
        operation["requestBody"] = {"required": True, "content": {route.takes: {}}}
    if route.is_open:
        operation["security"] = []
    return operation


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    names = _NAMES.findall(route.path)
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1, "maxLength": 128}}
        for name in names
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = route.query.model_json_schema(ref_template=_REFS)
    required = set(schema.get("required", ()))
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _not_null(each)}
        for name, each in schema["properties"].items()
    ]


def _not_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query has no null: what may be absent is absent."""
    others = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    rest = {name: value for name, value in schema.items() if name not in ("anyOf", "default", "title")}
    if schema.get("default") is not None:
        rest["default"] = schema["default"]
    return {**others[0], **rest} if others else rest


def _headers(route: Route) -> list[dict[str, Any]]:
    found = [{"name": "Accept-Language", "in": "header", "schema": {"type": "string", "examples": ["zh-CN", "en"]}}]
    if route.is_read:
        found.append({"name": "If-None-Match", "in": "header", "schema": {"type": "string"}})
    elif route.keeps_reply:
        words = "The same key and contents: the same answer. Other contents: 409"
        schema = {"type": "string", "pattern": KEY.pattern.replace("\\x21-\\x7e", "!-~")}
        found.append({"name": HEADER, "in": "header", "description": words, "schema": schema})
    return found


def _responses(route: Route) -> dict[str, Any]:
    responses: dict[str, Any] = {str(route.status): _answer(route)}
    if route.later:
        responses["202"] = _later(route.later)
    if route.is_read and not route.media_types:
        responses["304"] = {"description": "Nothing new since that entity tag"}
    problem = {"schema": {"$ref": _REFS.format(model="Problem")}}
    for status in _statuses(route):
        responses[str(status)] = {"description": _WHAT[status], "content": {problems.MEDIA_TYPE: problem}}
    return responses


def _answer(route: Route) -> dict[str, Any]:
    if route.media_types:
        return {"description": "A file", "content": {media_type: {} for media_type in route.media_types}}
    if route.answers is None:
        return {"description": "Done"}
    content = {"application/json": {"schema": {"$ref": _REFS.format(model=route.answers.__name__)}}}
    found: dict[str, Any] = {"description": "Well", "content": content}
    links = links_of(route.name)
    if links:
        found["links"] = links
    if route.is_read:
        found["headers"] = {"ETag": {"description": "Entity tag", "schema": {"type": "string"}}}
    return found


def _later(model: type[BaseModel]) -> dict[str, Any]:
    where = {"description": "Where the answer will be", "schema": {"type": "string", "format": "uri-reference"}}
    content = {"application/json": {"schema": {"$ref": _REFS.format(model=model.__name__)}}}
    return {"description": "Under way; look there for the answer", "headers": {"Location": where}, "content": content}


def _statuses(route: Route) -> list[int]:
    """What may go wrong: bodies only where there are any, logins only where one is needed."""
    unlikely = set()
    if route.is_read:
        unlikely |= {408, 409, 413, 415, 504}
    if route.is_open and route.tag != "login":
        unlikely |= {401}
    if "pay" not in route.tag:
        unlikely |= {410}
    return [status for status in _WHAT if status not in unlikely]
