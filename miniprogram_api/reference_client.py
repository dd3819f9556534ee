"""Writes the reference mini-program's client from the contract: one function for each operation that a tenant needs.

`python -m miniprogram_api.reference_client` writes it; a test holds the file that is there against it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from miniprogram_api.contract import ROOT, Route
from miniprogram_api.openapi import VERSION, contract
from miniprogram_api.routes import ROUTES

FILE: Final = Path(__file__).parent / "reference" / "api" / "client.js"
STAFF: Final = frozenset({"staff", "reports"})
_NAMES: Final = re.compile(r"\{(\w+)\}")
_HEAD: Final = """// Made from the contract, version {version}. Do not edit: python -m miniprogram_api.reference_client
// `names` holds what stands in path and query, `body` what is sent, `how` may hold a `key` (Idempotency-Key).
"use strict";
const {{ send }} = require("../lib/request");

const ROOT = {root};

"""


def client_text(routes: Sequence[Route]) -> str:
    """The whole file."""
    document = contract(routes)
    operations = [
        _function(path.removeprefix(ROOT), method.upper(), operation)
        for path, each in document["paths"].items()
        for method, operation in each.items()
        if not STAFF & set(operation["tags"])
    ]
    names = re.findall(r"^function (\w+)", "\n".join(operations), re.MULTILINE)
    exports = "module.exports = {\n" + "".join(f"  {name},\n" for name in names) + "};\n"
    return _HEAD.format(version=VERSION, root=json.dumps(ROOT)) + "\n".join((*operations, exports))


def _function(path: str, method: str, operation: dict[str, Any]) -> str:
    parameters = operation["parameters"]
    query = [each["name"] for each in parameters if each["in"] == "query"]
    in_path = _NAMES.findall(path)
    has_body = "requestBody" in operation
    named = ["names"] if in_path else ["names = {}"] if query else []
    taken = [*named, *(["body"] if has_body else []), "how"]
    filled = _NAMES.sub(lambda match: "${encodeURIComponent(names." + match[1] + ")}", path)
    wish = [
        f'method: "{method}"',
        f"path: ROOT + `{filled}`" if in_path else f'path: ROOT + "{path}"',
        *([f"query: {{ {', '.join(f'{name}: names.{name}' for name in query)} }}"] if query else []),
        *(["body"] if has_body else []),
        *(["open: true"] if operation.get("security") == [] else []),
        "how",
    ]
    lines = "".join(f"    {each},\n" for each in wish)
    return (
        f"/** {operation['summary']}.{_said(in_path, query)} */\n"
        f"function {operation['operationId']}({', '.join(taken)}) {{\n"
        f"  return send({{\n{lines}  }});\n}}\n"
    )


def _said(in_path: Sequence[str], query: Sequence[str]) -> str:
    """What `names` holds, in words."""
    said = [*in_path, *(f"{name}?" for name in query)]
    return f" names: {', '.join(said)}" if said else ""


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(client_text(ROUTES), encoding="utf-8")
