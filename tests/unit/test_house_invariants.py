"""The page of invariants and the tests that it names stay true to each other."""

from __future__ import annotations

from tests import house, invariant_names
from tests.invariant_names import IDS, NAMED_TEST, NOT_HELD_YET


def _tests_there_are() -> set[tuple[str, str]]:
    return {(source.name, function.name) for source, function in house.tests()}


def test_every_invariant_has_its_row() -> None:
    """Each id stands in docs/invariants.md once, in order, and no other id does."""
    assert tuple(invariant_names.rows()) == IDS


def test_every_row_names_tests_or_says_that_none_holds_it_yet() -> None:
    """A promise without a test is not passed off as held."""
    silent = [
        name
        for name, row in invariant_names.rows().items()
        if not NAMED_TEST.search(row["tests"]) and NOT_HELD_YET not in row["tests"]
    ]
    assert silent == []


def test_every_test_that_the_page_names_exists() -> None:
    """No row rests on a test that was renamed or removed."""
    page = invariant_names.PAGE.read_text(encoding="utf-8")
    named = set(NAMED_TEST.findall(page))
    assert named - _tests_there_are() == set()


def test_a_row_says_not_held_only_while_no_test_names_it() -> None:
    """When a test takes up a promise the page has to follow: run `make invariants`."""
    held = invariant_names.holders()
    behind = [name for name, row in invariant_names.rows().items() if NOT_HELD_YET in row["tests"] and name in held]
    assert behind == [], "run `make invariants`"


def test_the_column_of_tests_is_rewritten_and_the_words_stay() -> None:
    """`make invariants` changes the third column only."""
    page = "# Title\n\n| M1 | Sums to zero. | old |\n| M2 | Balance. | old |\n"
    tests = [f"tests/unit/test_a.py::test_{number}" for number in range(6)]
    named = "<br>".join(f"`{test}`" for test in tests[:4])
    expected = f"# Title\n\n| M1 | Sums to zero. | {named}<br>and 2 more |\n| M2 | Balance. | {NOT_HELD_YET} |\n"
    assert invariant_names.rewrite(page, {"M1": tests}) == expected
