"""Hears every command that the store is sent, and calls every method of a store with made-up arguments."""

from __future__ import annotations

import dataclasses
import inspect
import json
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from bson import json_util
from pymongo import monitoring

from prepaid.domain.ledger import Kind, Line, Posting, customer

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
POSTING = Posting(
    account_id="a",
    idem="i",
    kind=Kind.ADJUSTMENT,
    lines=(Line(customer("a"), 1), Line("adjustments:test", -1)),
    effective_at=NOW,
    actor="test",
    reason="reason.test",
)
_PLAIN: dict[Any, Any] = {
    str: "a/b:c",
    int: 7,
    float: 7.0,
    bool: True,
    bytes: b"x",
    datetime: NOW,
    type(None): None,
    object: 1,
    Any: 1,
    Posting: POSTING,
}


class Listener(monitoring.CommandListener):
    """Keeps (collection, operation, filter, sort, limit) of all that reads, once for each shape."""

    def __init__(self) -> None:
        self.heard: dict[str, dict[str, Any]] = {}
        self.makes: set[str] = set()
        """Collections that are created, given rules or given indexes."""

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """One command on its way."""
        name, command = event.command_name, event.command
        if name in {"create", "collMod", "createIndexes"}:
            self.makes.add(str(command[name]))
        elif name == "find":
            self._keep(name, command["find"], command.get("filter", {}), command)
        elif name in {"update", "delete"}:
            for each in command["updates" if name == "update" else "deletes"]:
                self._keep(name, command[name], each["q"], {})
        elif name == "aggregate":
            first = command["pipeline"][0] if command["pipeline"] else {}
            self._keep(name, command["aggregate"], first.get("$match", {}), {})

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing to learn from it."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Its filter was heard all the same."""

    def _keep(self, operation: str, collection: str, query: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        heard = {
            "operation": operation,
            "collection": collection,
            "filter": dict(query),
            "sort": dict(options.get("sort", {})),
            "limit": options.get("limit", 0),
        }
        shape = json.dumps([collection, _shape(heard["filter"]), heard["sort"], bool(heard["limit"])])
        self.heard.setdefault(shape, heard)


def _shape(value: Any) -> Any:
    """A filter without its values: the same query of another account is the same."""
    if isinstance(value, Mapping):
        return {key: _shape(each) for key, each in sorted(value.items())}
    if isinstance(value, list):
        return sorted({json_util.dumps(_shape(each)) for each in value})
    return "*"


def sample(kind: Any) -> Any:
    """A made-up value of a type: the first member of an enum, a dataclass with its required fields, one of each."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    if typing.get_origin(kind) is not None:
        return _generic(typing.get_origin(kind), typing.get_args(kind))
    if inspect.isclass(kind) and issubclass(kind, Enum):
        return next(iter(kind))
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind)
    raise AssertionError(f"no sample of {kind}")


def _generic(origin: Any, arguments: tuple[Any, ...]) -> Any:
    if origin in {typing.Union, types.UnionType}:
        return sample(next((each for each in arguments if each is not type(None)), type(None)))
    if origin is typing.Literal:
        return arguments[0]
    if origin is tuple:
        return tuple(sample(each) for each in arguments if each is not ...)
    if origin in {Sequence, list, Iterable}:
        return [sample(arguments[0])]
    return frozenset({sample(arguments[0])}) if origin in {frozenset, set, AbstractSet} else {}


def _dataclass(kind: Any) -> Any:
    hints = typing.get_type_hints(kind)
    required = [
        each
        for each in dataclasses.fields(kind)
        if each.init and each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
    ]
    return kind(**{each.name: sample(hints[each.name]) for each in required})


def arguments_of(method: Any, given: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Made-up arguments of a bound method; `given` ones by name come first."""
    hints = typing.get_type_hints(method)
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for name, parameter in inspect.signature(method).parameters.items():
        if parameter.kind in {parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL}:
            continue
        value = given[name] if name in given else sample(hints[name])
        if parameter.kind is parameter.KEYWORD_ONLY:
            named[name] = value
        else:
            positional.append(value)
    return positional, named
