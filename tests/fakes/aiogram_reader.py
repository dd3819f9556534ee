"""Reads calls of the Bot API by aiogram's models. A program of its own: `python aiogram_reader.py FOLDER < calls.json`.

The library lies in FOLDER, apart from ours. Its models are made when they are needed: all of them at once take seven
seconds. Calls are a list of `[method, parameters]`; what is wrong with them comes back as a list of sentences.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Literal, Optional, Union


def models() -> tuple[Any, dict[str, Any]]:
    """The methods of aiogram, and the names that their models are made with."""
    from pydantic import BaseModel  # noqa: PLC0415 - this program, not its importer, pays for it

    name, rebuild = "model_rebuild", vars(BaseModel)["model_rebuild"]
    setattr(BaseModel, name, classmethod(lambda _cls, **_: None))
    methods, types = import_module("aiogram.methods"), import_module("aiogram.types")
    default = import_module("aiogram.client.default").Default
    setattr(BaseModel, name, rebuild)
    known = {name: getattr(types, name) for name in types.__all__}
    return methods, {
        **known,
        "List": list,
        "Optional": Optional,
        "Union": Union,
        "Literal": Literal,
        "Default": default,
    }


def wrong_with(calls: list[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    """A sentence for each call that the models do not take or know only in part, with the call's number in front."""
    methods, names = models()
    made = set()
    for number, (method, parameters) in enumerate(calls):
        model = getattr(methods, method[0].upper() + method[1:])
        if method not in made:
            model.model_rebuild(force=True, _types_namespace=names)
            made.add(method)
        try:
            read = model.model_validate(parameters)
        except ValueError as error:
            yield f"{number} {method}: {error}"
            continue
        yield from (f"{number} {method}: unknown {name}" for name in unknown(read))


def unknown(read: Any) -> Iterator[str]:
    """Names that no model knows, at any depth."""
    if isinstance(read, list | tuple):
        for each in read:
            yield from unknown(each)
    elif hasattr(read, "model_fields_set"):
        yield from read.model_extra or ()
        for name in read.model_fields_set:
            yield from unknown(getattr(read, name))


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    sys.stdout.write(json.dumps(list(wrong_with(json.load(sys.stdin)))))
