"""Reads the repository as text and as syntax trees, for the tests that check the house itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ("chatwatt", "prepaid", "bot", "miniprogram_api", "payments", "meters", "scheduler", "sandbox")
CODE = (*PRODUCT, "bench", "tests")
_SKIPPED_FOLDERS = frozenset({"__pycache__", "var", "mutants", "build", "dist", "node_modules", "images"})
_TEXT_SUFFIXES = frozenset(
    {"", ".py", ".md", ".toml", ".yaml", ".yml", ".json", ".sh", ".html", ".css", ".js", ".txt", ".example", ".cfg"}
)

type_of_function = (ast.FunctionDef, ast.AsyncFunctionDef)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file: where it lies, its text and its tree."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """The path from the root, with forward slashes."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def line_count(self) -> int:
        """How many lines the file has."""
        return self.text.count("\n")

    def functions(self) -> Iterator[Function]:
        """Every function and method, nested ones too."""
        return (node for node in ast.walk(self.tree) if isinstance(node, type_of_function))


@cache
def sources(*packages: str) -> tuple[Source, ...]:
    """Every Python file below the packages, ordered by path."""
    found = sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))
    return tuple(_source(path) for path in found if "__pycache__" not in path.parts)


@cache
def _source(path: Path) -> Source:
    # Kept by file: a tree for each question asked about it would fill the memory that the collector goes through.
    text = path.read_text(encoding="utf-8")
    return Source(path, text, ast.parse(text, str(path)))


@cache
def text_files() -> tuple[Path, ...]:
    """Every text file that belongs to the repository, ordered by path."""
    return tuple(sorted(path for path in _walk(ROOT) if path.suffix in _TEXT_SUFFIXES))


def documents() -> tuple[Path, ...]:
    """Every Markdown page."""
    return tuple(path for path in text_files() if path.suffix == ".md")


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        hidden = path.name.startswith(".") and path.name not in {".ci", ".editorconfig", ".dockerignore"}
        if hidden or path.name in _SKIPPED_FOLDERS:
            continue
        if path.is_dir() and not (path / "pyvenv.cfg").exists():
            yield from _walk(path)
        elif path.is_file():
            yield path


def tests() -> Iterator[tuple[Source, Function]]:
    """Every test function with its file."""
    for source in sources("tests"):
        if source.path.name.startswith("test_") or source.path.name.endswith("_test.py"):
            yield from ((source, function) for function in source.functions() if function.name.startswith("test"))


def strings(source: Source) -> Iterator[tuple[int, str]]:
    """Every string of a file that a program could show to somebody: all but docstrings."""
    said_about_code = {id(statement.value) for statement in ast.walk(source.tree) if isinstance(statement, ast.Expr)}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said_about_code:
            yield node.lineno, node.value


def called(node: ast.Call) -> str:
    """The dotted name that a call names, such as `asyncio.sleep`; empty if it is no plain name."""
    parts: list[str] = []
    target: ast.expr = node.func
    while isinstance(target, ast.Attribute):
        parts.append(target.attr)
        target = target.value
    if isinstance(target, ast.Name):
        parts.append(target.id)
    return ".".join(reversed(parts))


def calls(source: Source) -> Iterator[ast.Call]:
    """Every call in a file."""
    return (node for node in ast.walk(source.tree) if isinstance(node, ast.Call))
