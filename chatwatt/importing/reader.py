"""Reads the lists that people send in a chat. Implements `ListReader`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from chatwatt.importing.rows import place_lists
from chatwatt.importing.tables import read_tables
from meters.profiles import load_profile, profile_names
from prepaid.domain.imports import PlaceLists
from prepaid.domain.tariffs import Utility

UNPACKED_BYTES_MAX = 40 << 20


class SentLists:
    """Files from people whom nobody vouches for."""

    async def read(self, name: str, content: bytes, *, rows_max: int) -> PlaceLists:
        """The rows of a CSV file or of the sheets of a workbook."""
        tables = await read_tables(name, content, rows_max=rows_max, unpacked_max=UNPACKED_BYTES_MAX)
        return await asyncio.to_thread(place_lists, tables)

    async def models(self) -> Mapping[str, Utility]:
        """Every meter profile that can be loaded."""
        return await asyncio.to_thread(lambda: {name: load_profile(name).utility for name in profile_names()})
