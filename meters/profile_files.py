"""Reads a profile from YAML, and names every mistake in it by line and field, for whoever writes one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from meters.profile import COMPLAINTS, Board, Profile
from prepaid.domain.errors import Refused

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The same language, read ten times as fast where the library was built with its C part."""
MOST_BYTES = 64 * 1024
_KINDS: TypeAdapter[Profile | Board] = TypeAdapter(Annotated[Profile | Board, Field(discriminator="kind")])
_NUMBERS = frozenset({"greater_than", "greater_than_equal", "less_than", "less_than_equal"})
_LENGTHS = frozenset({"too_short", "too_long", "string_too_short", "string_too_long"})
_CHOICES = frozenset({"enum", "literal_error", "union_tag_invalid"})
_LIMITS = ("gt", "ge", "lt", "le", "min_length", "max_length")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong in a file. `code` and `params` make its sentence (`profile_mistake.*`)."""

    line: int
    place: str
    code: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found in a file: a sound device, or mistakes, or a template and its empty fields."""

    device: Profile | Board | None = None
    mistakes: tuple[Mistake, ...] = ()
    template: bool = False
    name: str = ""


def look(text: str, *, name: str | None = None) -> Looked:
    """Reads a file whole; `name` is what it must call itself."""
    if len(text) > MOST_BYTES:
        return Looked(mistakes=(Mistake(1, "", "too_large", {"most": MOST_BYTES}),))
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=_LOADER)):
            # References could make a small file endless, and a profile has no use for them.
            return Looked(mistakes=(Mistake(1, "", "yaml"),))
        node = yaml.compose(text, Loader=_LOADER)
        data = yaml.load(text, Loader=_LOADER)  # noqa: S506 - one of the two safe loaders
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        return Looked(mistakes=(Mistake(mark.line + 1 if mark else 1, "", "yaml"),))
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError):
        return Looked(mistakes=(Mistake(1, "", "yaml"),))
    if not isinstance(data, dict) or node is None:
        return Looked(mistakes=(Mistake(1, "", "not_a_profile"),))
    return _look(node, data, name)


def read(text: str, *, name: str) -> Profile | Board:
    """The device in a file. Raises `Refused` with the first thing that is wrong, or because it is a template."""
    looked = look(text, name=name)
    if looked.template:
        raise Refused("refused.profile_template", profile=name, empty=len(looked.mistakes))
    if looked.device is None:
        first = looked.mistakes[0]
        raise Refused("refused.profile_wrong", profile=name, line=first.line, field=first.place or "-")
    return looked.device


def _look(node: yaml.Node, data: dict[str, Any], name: str | None) -> Looked:
    called = str(data.get("name", ""))
    if data.get("template") is True:
        empty = tuple(Mistake(line, path, "empty") for line, path in _empty(node, ""))
        return Looked(mistakes=(*_doubles(node, ""), *empty), template=True, name=called)
    mistakes = list(_doubles(node, ""))
    if name is not None and called != name:
        mistakes.append(Mistake(_line(node, ("name",)), "name", "other_name", {"name": name}))
    try:
        device = _KINDS.validate_python({"kind": "meter", **data})
    except ValidationError as error:
        mistakes += _told(error, node)
        device = None
    ordered = tuple(sorted(mistakes, key=lambda mistake: mistake.line))
    return Looked(device=device if not ordered else None, mistakes=ordered, name=called)


def _told(error: ValidationError, node: yaml.Node) -> Iterator[Mistake]:
    for problem in error.errors(include_url=False):
        # The first part of a place is the kind of device, which stands in no file as a level of its own.
        place = tuple(part for part in problem["loc"][1:] if part != "function-before")
        if problem["type"] == "union_tag_invalid":
            place = ("kind",)
        if problem["type"] == COMPLAINTS:
            for each in problem["ctx"]["complaints"]:
                yield Mistake(_line(node, each.place), _dotted(each.place), each.code, each.params)
            continue
        code, params = ("empty", {}) if problem["input"] is None else _sentence(problem)
        yield Mistake(_line(node, place), _dotted(place), code, params)


def _sentence(problem: Any) -> tuple[str, Mapping[str, Any]]:
    """Pydantic's many kinds of complaint as a few that a person understands."""
    kind, context = str(problem["type"]), dict(problem.get("ctx", {}))
    limit = next((context[name] for name in _LIMITS if name in context), "")
    if kind in _NUMBERS:
        return "out_of_range", {"limit": str(limit)}
    if kind in _LENGTHS:
        return "wrong_length", {"limit": str(limit)}
    if kind in _CHOICES:
        return "no_such_choice", {"choices": str(context.get("expected", context.get("expected_tags", "")))}
    if kind in {"missing", "extra_forbidden", "string_pattern_mismatch"}:
        return kind, {}
    if "." not in kind and kind in CUSTOM:
        return kind, {name: str(value) for name, value in context.items()}
    return "wrong_kind", {}


CUSTOM = frozenset(
    {
        "blind_and_seeing",
        "allow_unknown",
        "check_one_way",
        "check_unread",
        "clock_forbidden",
        "clock_pieces",
        "figure_twice",
        "not_billed",
        "one_value",
        "order_lengths",
        "outside_reads",
        "outside_within",
        "parameter_forbidden",
        "pulse_refused",
        "ratio_one_way",
        "read_too_long",
        "read_uneven",
        "reads_alike",
        "same_order",
        "same_state",
        "slow_ratio",
        "switch_forbidden",
        "two_switches",
        "utility_mixed",
        "which_function",
    }
)
"""What our own rules complain of."""
PLAIN = frozenset(
    {
        "double",
        "empty",
        "extra_forbidden",
        "missing",
        "no_such_choice",
        "not_a_profile",
        "other_name",
        "out_of_range",
        "string_pattern_mismatch",
        "too_large",
        "wrong_kind",
        "wrong_length",
        "yaml",
    }
)
"""What is wrong with a field by itself."""


def _dotted(place: Sequence[str | int]) -> str:
    """`registers[2].scale`, counted from 1 as people do."""
    text = ""
    for part in place:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _line(node: yaml.Node, place: Sequence[str | int]) -> int:
    """The line at which the place stands, or the nearest that there is of it."""
    for part in place:
        inner = _inner(node, part)
        if inner is None:
            break
        node = inner
    return int(node.start_mark.line) + 1


def _inner(node: yaml.Node, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        found: yaml.Node = node.value[part]
        return found
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if str(key.value) == str(part)), None)
    return None


def _within(node: yaml.Node, path: str) -> Iterator[tuple[yaml.Node, str]]:
    """The parts of a node and what to call them."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield value, f"{path}.{key.value}" if path else str(key.value)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value, start=1):
            yield value, f"{path}[{number}]"


def _empty(node: yaml.Node, path: str) -> Iterator[tuple[int, str]]:
    """Every field that is there and has nothing in it."""
    if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null":
        yield int(node.start_mark.line) + 1, path
    for value, inner in _within(node, path):
        yield from _empty(value, inner)


def _doubles(node: yaml.Node, path: str) -> Iterator[Mistake]:
    """A key that stands twice: YAML would silently take the last."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                line = int(key.start_mark.line) + 1
                yield Mistake(line, f"{path}.{key.value}" if path else str(key.value), "double")
            seen.add(str(key.value))
    for value, inner in _within(node, path):
        yield from _doubles(value, inner)
