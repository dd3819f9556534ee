"""The contract: valid OpenAPI 3.1, made from the same routes that are served, in words for everything."""

from __future__ import annotations

import re
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import ValidationError

from bot.texts import has, placeholders
from chatwatt.api import CatalogueWords
from miniprogram_api import app, problems, reading
from miniprogram_api.contract import ROOT
from miniprogram_api.links import BODY, LINKS
from miniprogram_api.openapi import contract
from miniprogram_api.parts import Parts
from miniprogram_api.routes import ROUTES
from prepaid.domain.notices import Stage
from tests.fakes.api_house import FakeLimiter


def _served() -> set[tuple[str, str]]:
    parts = Parts(business=None, words=CatalogueWords(), limiter=FakeLimiter())  # type: ignore[arg-type]
    aside = {f"{ROOT}/openapi.json", f"{ROOT}/docs", f"{ROOT}/docs/{{name}}"}
    return {(each.method, each.path) for each in app.routes(parts) if each.method != "*" and each.path not in aside}


def test_the_contract_is_valid_and_is_what_is_served() -> None:
    """Each route is in the contract and the reverse, and the document is OpenAPI 3.1 to an independent validator."""
    document = contract(ROUTES)
    OpenAPIV31SpecValidator(document).validate()
    written = {(method.upper(), path) for path, each in document["paths"].items() for method in each}
    assert written == _served()
    names = [route.name for route in ROUTES]
    assert len(names) == len(set(names))


def _refs(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {value["$ref"]} if "$ref" in value else set().union(*map(_refs, value.values()), set())
    return set().union(*map(_refs, value), set()) if isinstance(value, list) else set()


def _words(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(_words, value.values()))
    return set().union(*map(_words, value), set()) if isinstance(value, list) else set()


def test_nothing_in_the_contract_is_left_over_or_open() -> None:
    """Every schema is used, every input is closed, and only logins and links go without a token."""
    document = contract(ROUTES)
    schemas = document["components"]["schemas"]
    used = {ref.rsplit("/", 1)[1] for ref in _refs(document["paths"]) | _refs(schemas)}
    assert used == set(schemas)
    assert not {"ge", "le", "gt", "lt"} & _words(schemas)  # Bounds that pydantic did not put into JSON Schema's words.
    bodies = {route.body.__name__ for route in ROUTES if route.body}
    assert all(schemas[name]["additionalProperties"] is False for name in bodies)
    is_open = {route.path for route in ROUTES if route.is_open}
    assert all(path.startswith(("/login/", "/pay/")) for path in is_open)


def _example(schema: dict[str, Any], whole: dict[str, Any]) -> Any:
    """What the contract shows for a value: an example, a default, the first choice, or its parts' examples."""
    if "$ref" in schema:
        return _example(whole["$defs"][schema["$ref"].rsplit("/", 1)[1]], whole)
    for name in ("examples", "enum"):
        if name in schema:
            return schema[name][0]
    if "default" in schema or "const" in schema:
        return schema.get("default", schema.get("const"))
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], whole)
    if schema["type"] == "object":
        return {name: _example(each, whole) for name, each in schema["properties"].items()}
    return [_example(schema["items"], whole)] if schema["type"] == "array" else {"boolean": True}[schema["type"]]


def test_whoever_tries_a_request_is_shown_what_it_may_say() -> None:
    """Every field of a body or query has an example or a default in the contract, and together they are good."""
    wrong = []
    for model in {model for route in ROUTES for model in (route.body, route.query) if model}:
        schema = model.model_json_schema()
        try:
            model.model_validate(_example(schema, schema))
        except (ValidationError, KeyError) as error:
            wrong.append(f"{model.__name__}: {error}")
    assert wrong == []


def _field(schemas: Any, name: str, steps: list[str]) -> bool:
    """Whether a pointer into an answer names something that the model has."""
    schema = schemas[name]
    for step in steps:
        if step.isdigit():
            schema = schema["items"]
        elif step in schema.get("properties", {}):
            schema = schema["properties"][step]
        else:
            return False
        if "$ref" in schema:
            schema = schemas[schema["$ref"].rsplit("/", 1)[1]]
    return True


def test_links_name_operations_parameters_and_fields_that_exist() -> None:
    """A link leads from a field of the answer to a parameter or a body's field of another operation."""
    schemas, routes = contract(ROUTES)["components"]["schemas"], {route.name: route for route in ROUTES}
    wrong = []
    for source, links in LINKS.items():
        answers = routes[source].answers
        assert answers is not None
        for target, takes in links.items():
            route = routes[target]
            known = set(re.findall(r"\{(\w+)\}", route.path)) | set(route.query.model_fields if route.query else ())
            known |= {BODY + name for name in (route.body.model_fields if route.body else ())}
            for parameter, value in takes.items():
                pointer = value.partition("$response.body#/")[2]
                there = _field(schemas, answers.__name__, pointer.split("/")) if pointer else "account_id" in value
                if parameter not in known or not there:
                    wrong.append(f"{source} -> {target}: {parameter} = {value}")
    assert wrong == []


def test_every_problem_and_stage_has_words() -> None:
    """T1: whatever the door refuses and however far a payment is, a person reads about it in both languages."""
    keys = {*problems._BY_KEY, *(f"pay.stage.{stage}" for stage in Stage), "pay.stage.none"}
    assert not {key for key in keys if not has(key)}
    assert set(problems._BY_KEY.values()) <= set(problems.STATUSES)
    assert not {status for status in problems.STATUSES if not has(f"problem.title.{status}")}
    kinds = {"twice", "other", *(kind for kind, _ in reading._FAULTS.values())}
    assert not {kind for kind in kinds if not has(f"problem.field.{kind}")}
    for kind, names in reading._FAULTS.values():
        assert placeholders("zh", f"problem.field.{kind}") == set(names), kind
