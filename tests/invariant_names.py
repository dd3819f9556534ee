"""Finds which tests hold which invariant, by the ids in the tests' docstrings, and writes them into docs/invariants.md.

`make invariants` runs it. A test says which promises it defends before the first colon: `M4, Y1: a payment ...`.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Mapping

from tests import house
from tests.house import ROOT

PAGE = ROOT / "docs" / "invariants.md"
NOT_HELD_YET = "not held yet"
NAMED_AT_MOST = 4
"""More tests than these are counted, not named, so that the table can be read."""

LAST_OF = {"M": 17, "S": 13, "A": 8, "N": 4, "Y": 7}
IDS = tuple(f"{letter}{number}" for letter, last in LAST_OF.items() for number in range(1, last + 1))

ROW = re.compile(r"^\| (?P<id>[MSANY]\d+) \| (?P<promise>.+?) \| (?P<tests>.*) \|$")
NAMED_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_ID = re.compile(r"\b[MSANY]\d{1,2}\b")
_FEATURE = re.compile(r"\bFEATURES [A-Z]\d+")
# The nearer a test is to what can go wrong in the field, the sooner it is named.
_BEST_FIRST = ("crash", "simulation", "properties", "contract", "conformance", "fuzz", "browser", "unit")


def rows() -> Mapping[str, re.Match[str]]:
    """The rows of the page's tables by invariant."""
    matches = (ROW.match(line) for line in PAGE.read_text(encoding="utf-8").splitlines())
    return {match["id"]: match for match in matches if match}


def holders() -> Mapping[str, list[str]]:
    """The tests of each invariant, `tests/path.py::name`, best first."""
    found: dict[str, list[str]] = defaultdict(list)
    for source, function in house.tests():
        named, colon, _ = _FEATURE.sub("", ast.get_docstring(function) or "").partition(":")
        for name in set(_ID.findall(named)) & set(IDS) if colon else ():
            found[name].append(f"{source.name}::{function.name}")
    return {name: sorted(tests, key=_rank) for name, tests in found.items()}


def _rank(test: str) -> tuple[int, str]:
    folder = test.split("/")[1]
    return (_BEST_FIRST.index(folder) if folder in _BEST_FIRST else len(_BEST_FIRST), test)


def cell(tests: list[str]) -> str:
    """The third column: the tests' names, or honestly none."""
    if not tests:
        return NOT_HELD_YET
    named = "<br>".join(f"`{test}`" for test in tests[:NAMED_AT_MOST])
    more = len(tests) - NAMED_AT_MOST
    return f"{named}<br>and {more} more" if more > 0 else named


def rewrite(page: str, found: Mapping[str, list[str]]) -> str:
    """The page with the tests' column filled anew; all else stays."""
    lines = []
    for line in page.splitlines():
        match = ROW.match(line)
        lines.append(f"| {match['id']} | {match['promise']} | {cell(found.get(match['id'], []))} |" if match else line)
    return "\n".join(lines) + "\n"


def main() -> None:
    """Rewrites the page and says how many promises have a test."""
    found = holders()
    PAGE.write_text(rewrite(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}: {len(found)} of {len(IDS)} invariants are named by tests\n")


if __name__ == "__main__":
    main()
