"""Turns what the MongoDB drivers raise into the three kinds of trouble, so that callers can tell what to do next."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    CursorNotFound,
    DuplicateKeyError,
    ExecutionTimeout,
    OperationFailure,
    ServerSelectionTimeoutError,
    WriteConcernError,
)

from prepaid.domain.errors import TryAgain, Unknown

_DUPLICATE: Final = 11_000
_WRITE_CONFLICT: Final = 112


class DuplicateKey(Exception):
    """A unique index refused the write: nothing was written. `key_pattern` names the index's fields."""

    def __init__(self, key_pattern: Mapping[str, Any], key_value: Mapping[str, Any]) -> None:
        super().__init__(f"duplicate key on {', '.join(key_pattern) or 'an unnamed index'}")
        self.key_pattern = dict(key_pattern)
        self.key_value = dict(key_value)

    def on(self, *fields: str) -> bool:
        """Whether the index over exactly these fields refused."""
        return tuple(self.key_pattern) == fields


@dataclass(slots=True)
class BulkCounts:
    """What a bulk of writes did. `duplicates` are the positions of the operations that a unique index refused."""

    inserted_count: int = 0
    matched_count: int = 0
    modified_count: int = 0
    upserted_count: int = 0
    deleted_count: int = 0
    duplicates: tuple[int, ...] = field(default=())

    def take(self, answer: Mapping[str, Any]) -> None:
        """Reads the counts of a bulk's answer."""
        self.inserted_count = int(answer["nInserted"])
        self.matched_count = int(answer["nMatched"])
        self.modified_count = int(answer["nModified"])
        self.upserted_count = int(answer["nUpserted"])
        self.deleted_count = int(answer["nRemoved"])


@contextmanager
def heeding() -> Iterator[None]:
    """Lets no cancellation of the task be lost in here: a loop under a time limit would then go on for ever.

    PyMongo's asyncio client waits by `asyncio.wait_for`, which up to Python 3.11 gives the answer, and drops the
    cancellation, when both come in the same turn of the loop.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task is not None else 0
    try:
        yield
    except Exception as error:
        if task is not None and task.cancelling() > before:
            raise asyncio.CancelledError from error
        raise
    if task is not None and task.cancelling() > before:
        raise asyncio.CancelledError


@contextmanager
def reading() -> Iterator[None]:
    """A read changes nothing, so losing the store in the middle of one means: try again."""
    try:
        with heeding():
            yield
    except (ConnectionFailure, CursorNotFound, ExecutionTimeout) as error:
        raise TryAgain("try_again.store") from error


@contextmanager
def writing() -> Iterator[None]:
    """A write whose answer is lost may have landed. It surely has not when no server was found to send it to.

    After a lost first attempt the drivers raise that attempt's error, not the later failure to find a server, so
    `ServerSelectionTimeoutError` really means that nothing was sent.
    """
    try:
        with heeding():
            yield
    except ServerSelectionTimeoutError as error:
        raise TryAgain("try_again.store") from error
    except (ConnectionFailure, ExecutionTimeout, WriteConcernError) as error:
        raise Unknown("unknown.store") from error
    except DuplicateKeyError as error:
        raise _duplicate(error.details or {}) from error
    except OperationFailure as error:
        if error.code == _WRITE_CONFLICT:
            raise TryAgain("try_again.store") from error
        raise


@contextmanager
def bulk_counts(*, ordered: bool) -> Iterator[BulkCounts]:
    """Sorts a bulk's errors: duplicates are counted (or raised when ordered), a doubtful majority is unknown."""
    counts = BulkCounts()
    try:
        yield counts
    except ServerSelectionTimeoutError as error:
        # A bulk goes out in several messages, and an earlier one may have landed.
        raise Unknown("unknown.store") from error
    except BulkWriteError as error:
        details = error.details
        failures = details.get("writeErrors", [])
        if any(failure["code"] != _DUPLICATE for failure in failures):
            raise
        if details.get("writeConcernErrors"):
            raise Unknown("unknown.store") from error
        if ordered:
            raise _duplicate(failures[0]) from error
        counts.take(details)
        counts.duplicates = tuple(sorted(int(failure["index"]) for failure in failures))


def _duplicate(details: Mapping[str, Any]) -> DuplicateKey:
    return DuplicateKey(details.get("keyPattern", {}), details.get("keyValue", {}))
