"""Gives providers a turn now and then, for what must not hang on anybody's request: fresh keys of the other side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Protocol, runtime_checkable

import structlog

from prepaid.domain.errors import Trouble

log = structlog.get_logger()

FIRST_S_MAX = 10.0
AGAIN_S = 60.0
AGAIN_S_MAX = 3600.0


@runtime_checkable
class KeptProvider(Protocol):
    """A provider that has something to look after."""

    @property
    def name(self) -> str: ...

    async def keep_up(self) -> float | None:
        """One turn. Returns the seconds until the next is due, or None when there is nothing to look after."""
        ...


@asynccontextmanager
async def upkeep(providers: Iterable[object]) -> AsyncIterator[None]:
    """A first turn for each before anything else happens, then one whenever it is due, until the end."""
    kept = [provider for provider in providers if isinstance(provider, KeptProvider)]
    rests = await asyncio.gather(*(_first(provider) for provider in kept))
    tasks = [
        asyncio.create_task(_again(provider, rest_s), name=f"upkeep {provider.name}")
        for provider, rest_s in zip(kept, rests, strict=True)
        if rest_s is not None
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _first(provider: KeptProvider) -> float | None:
    """A provider that is slow or down at the start does not keep the house shut."""
    try:
        async with asyncio.timeout(FIRST_S_MAX):
            return await _turn(provider, AGAIN_S)
    except TimeoutError:
        return AGAIN_S


async def _again(provider: KeptProvider, rest_s: float) -> None:
    failed_s = AGAIN_S
    due_s: float | None = rest_s
    while due_s is not None:
        await asyncio.sleep(due_s)
        due_s = await _turn(provider, failed_s)
        failed_s = min(AGAIN_S_MAX, failed_s * 2) if due_s == failed_s else AGAIN_S


async def _turn(provider: KeptProvider, after_failure_s: float) -> float | None:
    try:
        return await provider.keep_up()
    except Trouble as trouble:
        log.warning("provider_upkeep_waits", provider=provider.name, kind=type(trouble).__name__, key=trouble.key)
        return after_failure_s
