"""Structured logs on standard error: events with ids in fields; no name, phone or token (A7)."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

_QUIET = ("httpx", "httpcore", "asyncio", "aiohttp.access", "pymongo", "telegram")
_SECRET = re.compile(r"\b\d{6,12}:[A-Za-z0-9_-]{30,}\b|(?<=[?&_]token=)[^&\s]+|-----BEGIN [A-Z ]*KEY-----[\s\S]*")
"""A Telegram token, a token in a query, a private key: none should come this far, and none goes further."""


class _StandardError(logging.StreamHandler[TextIO]):
    """Whatever standard error is at the moment: one that was replaced and closed must not take the program with it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one line."""
        self.stream = sys.stderr
        super().emit(record)


def configure(*, level: str = "INFO", as_json: bool = False) -> None:
    """Sets up structlog and the standard library's logging alike.

    An unknown level counts as INFO: it is a wrong setting, and the settings say so when they are read.
    """
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    handlers = [_StandardError()]
    logging.basicConfig(level=number, handlers=handlers, format="%(levelname)s %(name)s %(message)s", force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    render: Any = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.dict_tracebacks if as_json else structlog.processors.format_exc_info,
            redact,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_names: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last net: secrets are never passed to a logger, and if one is, it stops here."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = _SECRET.sub("[redacted]", value)
    return event
