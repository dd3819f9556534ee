"""Keeps the house as it was agreed. Limits only ever get tighter, and no rule has a list of exceptions to grow."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests import house
from tests.house import PRODUCT, ROOT, Source

FILE_LINES_MAX = 400
TEST_FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 50

CJK = re.compile("[\u3000-\u303f\u3400-\u4dbf\u4e00-\u9fff\uff00-\uffef]")
# Chinese may stand in texts for people, in the words that people are heard to type, and in the sandbox's own pages.
MAY_SPEAK = ("bot/texts/", "sandbox/")
MAY_HEAR = (
    "bot/conversations/intents",
    "bot/conversations/topics/",
    "bot/conversations/amounts.py",
    "bot/conversations/openings.py",
    "bot/conversations/price_words.py",
    "bot/conversations/report_words.py",
    "bot/conversations/rooms.py",
    "bot/conversations/span_words.py",
    "bot/conversations/vocabulary.py",
    "chatwatt/demo/story.py",
)

# In comments only: a step of a chat may well be called `Step.TODO`.
UNFINISHED = re.compile(r"(#|//|/\*|<!--).*\b(TODO|FIXME|XXX|HACK)\b")
MACHINE_PATHS = ("/work/", "/root/", "/home/")
REGISTRY_HOSTS = ("pypi.org", "pythonhosted.org", "npmjs.org", "deb.debian.org", "proxy.golang.org", "--index-url")
BANNED_STORE_CALLS = ("find_one_and_", "find_and_modify", "start_transaction", "with_transaction")


def _list(complaints: list[str]) -> str:
    return "\n" + "\n".join(complaints)


def _docstring_complaint(source: Source) -> str | None:
    docstring = ast.get_docstring(source.tree)
    if not docstring:
        return f"{source.name}: no module docstring"
    first = docstring.split("\n\n")[0].rstrip()
    if not (first[0].isupper() or not first[0].isalpha()) or first[-1] not in ".!?":
        return f"{source.name}: its docstring is no sentence: {first[:60]!r}"
    return None


def test_every_module_says_why_it_exists() -> None:
    """A module opens with a sentence."""
    complaints = [text for source in house.sources(*house.CODE) if (text := _docstring_complaint(source))]
    assert not complaints, _list(complaints)


def test_files_stay_small() -> None:
    """No file grows past what one can read in one go."""
    limits = [(source, FILE_LINES_MAX) for source in house.sources(*PRODUCT, "bench")]
    limits += [(source, TEST_FILE_LINES_MAX) for source in house.sources("tests")]
    complaints = [
        f"{source.name}: {source.line_count} lines (at most {most})"
        for source, most in limits
        if source.line_count > most
    ]
    assert not complaints, _list(complaints)


def test_functions_stay_small() -> None:
    """No function grows past a screen."""
    complaints = []
    for source in house.sources(*house.CODE):
        for function in source.functions():
            lines = (function.end_lineno or function.lineno) - function.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                complaints.append(
                    f"{source.name}:{function.lineno} {function.name}: {lines} lines (at most {FUNCTION_LINES_MAX})"
                )
    assert not complaints, _list(complaints)


def _lines_with(pattern: re.Pattern[str], paths: tuple[Path, ...]) -> list[str]:
    """Where the words stand; this file, which has to spell them, is left out."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in paths
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]


def test_nothing_is_left_for_later() -> None:
    """Work that is not done is not marked in the code; it is absent, and the documents say so."""
    code = tuple(path for path in house.text_files() if path.suffix not in {".md", ".toml"})
    complaints = _lines_with(UNFINISHED, code)
    assert not complaints, _list(complaints)


@pytest.mark.parametrize("words", [MACHINE_PATHS, REGISTRY_HOSTS], ids=["machine paths", "registry hosts"])
def test_nothing_names_a_machine_or_a_registry(words: tuple[str, ...]) -> None:
    """The repository builds anywhere: it knows no folder of a certain machine and no package host."""
    pattern = re.compile("|".join(re.escape(word) for word in words))
    complaints = _lines_with(pattern, house.text_files())
    assert not complaints, _list(complaints)


def test_tests_wait_for_events_and_not_for_the_clock() -> None:
    """A test never sleeps to let something happen. Fakes may be slow on purpose; yielding to the loop is allowed."""
    complaints = []
    for source in house.sources("tests"):
        if source.name.startswith("tests/fakes/"):
            continue
        for call in house.calls(source):
            yields = len(call.args) == 1 and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0
            if house.called(call) in {"time.sleep", "asyncio.sleep", "sleep"} and not yields:
                complaints.append(f"{source.name}:{call.lineno} sleeps")
    assert not complaints, _list(complaints)


def test_every_test_says_its_promise() -> None:
    """A test's docstring is the promise that it holds."""
    complaints = [
        f"{source.name}:{function.lineno} {function.name}: no docstring"
        for source, function in house.tests()
        if not ast.get_docstring(function)
    ]
    assert not complaints, _list(complaints)


def test_the_product_never_asks_the_store_for_what_is_slow_or_false_there() -> None:
    """No findAndModify and no multi-document transaction: one document is one commit (ADR 0001)."""
    complaints = [
        f"{source.name}:{call.lineno} calls {name}"
        for source in house.sources(*PRODUCT)
        for call in house.calls(source)
        if any(banned in (name := house.called(call)) for banned in BANNED_STORE_CALLS)
    ]
    assert not complaints, _list(complaints)


def _imported(source: Source) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def test_the_embedded_store_is_never_imported() -> None:
    """The GPL server stays a separate program over TCP: nobody imports it, tests included (ADR 0004)."""
    complaints = [source.name for source in house.sources(*house.CODE) if "secantus" in _imported(source)]
    assert not complaints, _list(complaints)


def test_money_never_becomes_a_float() -> None:
    """M1: amounts are integers, so the business never calls float()."""
    complaints = [
        f"{source.name}:{call.lineno} calls float()"
        for source in house.sources("prepaid")
        for call in house.calls(source)
        if house.called(call) == "float"
    ]
    assert not complaints, _list(complaints)


def test_sentences_for_people_live_in_the_catalogues() -> None:
    """No Chinese sentence stands in Python: texts lie zh and en side by side in bot/texts."""
    complaints = [
        f"{source.name}:{line} {text[:40]!r}"
        for source in house.sources(*PRODUCT)
        if not source.name.startswith(MAY_SPEAK + MAY_HEAR)
        for line, text in house.strings(source)
        if CJK.search(text)
    ]
    assert not complaints, _list(complaints)
