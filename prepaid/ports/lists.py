"""Files with lists of accounts and meters, as somebody sends them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from prepaid.domain.imports import PlaceLists
from prepaid.domain.tariffs import Utility


class ListReader(Protocol):
    """Makes rows of a file that nobody vouches for."""

    async def read(self, name: str, content: bytes, *, rows_max: int) -> PlaceLists:
        """The rows. Raises `Refused` for what is no list; `name` is only for saying so."""
        ...

    async def models(self) -> Mapping[str, Utility]:
        """What each known meter model counts."""
        ...
