"""JSON from outside, read strictly: the ambiguous and the hostile are a `FormatProblem`, never a crash or a guess."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import NoReturn

from payments.problems import FormatProblem

Document = dict[str, object]


def parse_object(raw: bytes) -> Document:
    """The JSON object in `raw`. Raises `FormatProblem` for bad UTF-8, NaN, repeated keys, bombs, or no object."""
    try:
        parsed = json.loads(
            raw.decode("utf-8"),
            parse_constant=_refuse_constant,
            parse_float=Decimal,  # So that no amount can pass for an integer, and none is rounded.
            object_pairs_hook=_unique,
        )
    except (ValueError, ArithmeticError, RecursionError):
        # RecursionError is how the parser ends on thousands of nested brackets.
        raise FormatProblem("bad_json") from None
    if not isinstance(parsed, dict):
        raise FormatProblem("bad_json")
    return parsed


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _unique(pairs: list[tuple[str, object]]) -> Document:
    """Two readers may take different ones of two equal keys, so there must not be two."""
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError
    return document


def text(document: Document, key: str, *, length_max: int) -> str:
    """A printable, non-empty string field."""
    value = document.get(key)
    # Lone surrogates are not printable either, so whatever passes can be stored as UTF-8.
    if not isinstance(value, str) or not 0 < len(value) <= length_max or not value.isprintable():
        raise FormatProblem("bad_field")
    return value


def whole(document: Document, key: str, *, least: int, most: int) -> int:
    """An integer field: neither a float nor a boolean."""
    value = document.get(key)
    if type(value) is not int or not least <= value <= most:
        raise FormatProblem("bad_field")
    return value


def inner(document: Document, key: str) -> Document:
    """An object field."""
    value = document.get(key)
    if not isinstance(value, dict):
        raise FormatProblem("bad_field")
    return value
