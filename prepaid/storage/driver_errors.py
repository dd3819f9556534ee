"""Turns what the MongoDB drivers raise into the three kinds of trouble, so that callers can tell what to do next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
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


class _Call:
    """One call of a driver: what it raises becomes trouble of ours, and no cancellation of the task is lost in it.

    PyMongo's asyncio client waits by `asyncio.wait_for`, which up to Python 3.11 gives the answer, and drops the
    cancellation, when both come in the same turn of the loop; a loop under a time limit would then go on for ever.
    A class, because a page of documents goes through it one by one, and two generators take longer than the document.
    """

    __slots__ = ("_before", "_task", "_trouble")

    def __init__(self, trouble: Callable[[BaseException], Exception | None]) -> None:
        self._trouble = trouble

    def __enter__(self) -> None:
        task = self._task = asyncio.current_task()
        self._before = task.cancelling() if task is not None else 0

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        dropped = self._task is not None and self._task.cancelling() > self._before
        if dropped and (error is None or isinstance(error, Exception)):
            raise asyncio.CancelledError from error
        if error is not None and (trouble := self._trouble(error)) is not None:
            raise trouble from error


def reading() -> AbstractContextManager[None]:
    """A read changes nothing, so losing the store in the middle of one means: try again."""
    return _Call(_of_a_read)


def writing() -> AbstractContextManager[None]:
    """A write whose answer is lost may have landed. It surely has not when no server was found to send it to.

    After a lost first attempt the drivers raise that attempt's error, not the later failure to find a server, so
    `ServerSelectionTimeoutError` really means that nothing was sent.
    """
    return _Call(_of_a_write)


def _of_a_read(error: BaseException) -> Exception | None:
    lost = isinstance(error, ConnectionFailure | CursorNotFound | ExecutionTimeout)
    return TryAgain("try_again.store") if lost else None


def _of_a_write(error: BaseException) -> Exception | None:
    if isinstance(error, ServerSelectionTimeoutError):
        return TryAgain("try_again.store")
    if isinstance(error, ConnectionFailure | ExecutionTimeout | WriteConcernError):
        return Unknown("unknown.store")
    if isinstance(error, DuplicateKeyError):
        return _duplicate(error.details or {})
    if isinstance(error, OperationFailure) and error.code == _WRITE_CONFLICT:
        return TryAgain("try_again.store")
    return None


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
