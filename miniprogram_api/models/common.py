"""What all models share: closed inputs, whole numbers, pages."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticKnownError

from prepaid.domain.errors import Refused


def whole(value: Any) -> Any:
    """JSON has one kind of number: 5000.0 is the whole number that it says; true and "5000" are not."""
    if isinstance(value, bool | str):
        # Named as the validator names it, so that it is told like any other number that is none.
        raise PydanticKnownError("int_type")
    return int(value) if isinstance(value, float) and value.is_integer() else value


EPOCH: Final = datetime.fromtimestamp(0, UTC)
MS: Final = timedelta(milliseconds=1)
_INSTANT: Final = re.compile(r"\d{1,14} \d{1,3}", re.ASCII)
Whole = Annotated[int, BeforeValidator(whole)]
Account = Annotated[str, Field(description="Number of the account", examples=["acc-1"])]
Micro = Annotated[int, Field(description="Micro-yuan: 1 yuan = 1,000,000", json_schema_extra={"format": "int64"})]
Fen = Annotated[int, Field(description="Fen: 1 yuan = 100", json_schema_extra={"format": "int64"})]
Cursor = Annotated[str | None, Field(default=None, description="`next` of the page before", max_length=300)]
Next = Annotated[str | None, Field(description="Cursor of the next page; null at the end")]


class Given(BaseModel):
    """A body or a query: what is not declared is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Shown(BaseModel):
    """An answer."""

    model_config = ConfigDict(frozen=True)


class Done(Shown):
    """It was done."""

    done: bool = True


def to_cursor(place: str) -> str:
    """A place in a list as an opaque word."""
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def from_cursor(cursor: str | None) -> str:
    """The place that a cursor stands for; "" for none. Raises `Refused("refused.cursor")`."""
    if not cursor:
        return ""
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise Refused("refused.cursor") from None


def instant_cursor(instants: Sequence[datetime], until: datetime | None, skip: int) -> str:
    """Where a page of these instants, newest first, ended: its last, and how many of that one were shown by then."""
    last = instants[-1]
    shown = sum(each == last for each in instants) + (skip if last == until else 0)
    return to_cursor(f"{(last - EPOCH) // MS} {shown}")


def from_instant_cursor(cursor: str | None) -> tuple[datetime | None, int]:
    """(instant, how many of it were shown), or nothing for no cursor. Raises `Refused("refused.cursor")`."""
    place = from_cursor(cursor)
    if not place:
        return None, 0
    if not _INSTANT.fullmatch(place):
        raise Refused("refused.cursor")
    at_ms, _, shown = place.partition(" ")
    return EPOCH + int(at_ms) * MS, int(shown)


def whole_cursor(cursor: str | None, most: int) -> int | None:
    """The number that a cursor stands for, None for none. Raises `Refused("refused.cursor")`."""
    place = from_cursor(cursor)
    if not place:
        return None
    if not (place.isascii() and place.isdigit() and len(place) < 19) or not 0 < int(place) <= most:  # noqa: PLR2004
        raise Refused("refused.cursor")
    return int(place)
