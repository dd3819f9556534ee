"""Backups: one compressed file of JSON lines for each collection, and a manifest with sums, written last.

A folder without a manifest is no backup. Reading one checks every sum before the first document is written anywhere.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from chatwatt import __version__
from prepaid.domain.errors import Refused
from prepaid.storage.driver import Database
from prepaid.storage.dump import CLAIMS, ORDERS, Dump, load

FORMAT = 1
MANIFEST = "manifest.json"
CHUNK = 1 << 20
LINE_BYTES_MAX = 32 << 20
"""More than the largest document in any spelling; a file that is no backup must not fill the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file of a backup."""

    collection: str
    file: str
    documents: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup consists of, and what its ledger came to."""

    format: int
    version: str
    taken_at: str
    audit: dict[str, int]
    parts: tuple[Part, ...]

    @property
    def documents(self) -> int:
        """All of them."""
        return sum(part.documents for part in self.parts)


async def back_up(database: Database, directory: Path, now: datetime) -> Manifest:
    """Writes a backup to a folder that is not there yet. Raises `Refused("refused.directory_exists")` if it is.

    It is written beside its place and moved there when it is whole, readable for its owner only: it holds everything.
    """
    half = _half(directory)
    try:
        manifest = await _write(Dump(database), half, now)
        half.rename(directory)
    except BaseException:
        shutil.rmtree(half)
        raise
    return manifest


def _half(directory: Path) -> Path:
    if directory.exists():
        raise Refused("refused.directory_exists", directory=str(directory))
    half = directory.with_name(f".{directory.name}.{os.getpid()}")
    half.mkdir(parents=True, mode=0o700)
    return half


async def _write(dump: Dump, folder: Path, now: datetime) -> Manifest:
    parts: list[Part] = []
    for name in await dump.collections():
        if name == CLAIMS:
            parts.append(await _part(folder, ORDERS, f"{ORDERS}.named", dump.named_orders()))
        parts.append(await _part(folder, name, name, dump.lines(name)))
    manifest = Manifest(
        format=FORMAT,
        version=__version__,
        taken_at=now.isoformat(),
        audit=dump.audit.as_json(),
        parts=tuple(parts),
    )
    with _private(folder / MANIFEST) as file:
        file.write(json.dumps(asdict(manifest), indent=1).encode())
    return manifest


async def _part(folder: Path, collection: str, name: str, lines: AsyncIterator[str]) -> Part:
    path = folder / f"{name}.jsonl.gz"
    documents = 0
    with _private(path) as file, gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed:
        async for line in lines:
            packed.write(line.encode() + b"\n")
            documents += 1
    return Part(collection=collection, file=path.name, documents=documents, sha256=_sum(path))


def _private(path: Path) -> IO[bytes]:
    """A new file for its owner's eyes, flushed to the disk by whoever closes the folder's manifest last."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def read_manifest(directory: Path) -> Manifest:
    """The manifest, after every file was found whole. Raises `Refused` for what is no backup or is damaged."""
    try:
        raw = json.loads((directory / MANIFEST).read_bytes())
        parts = tuple(Part(**part) for part in raw.pop("parts"))
        manifest = Manifest(parts=parts, **raw)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Refused("refused.no_backup", directory=str(directory)) from error
    if manifest.format != FORMAT:
        raise Refused("refused.backup_format", format=manifest.format)
    for part in parts:
        path = directory / part.file
        if Path(part.file).name != part.file or not path.is_file() or _sum(path) != part.sha256:
            raise Refused("refused.backup_damaged", file=part.file)
    return manifest


async def restore_into(database: Database, directory: Path, manifest: Manifest) -> int:
    """Writes every document; returns how many. The database must have been found empty."""
    total = 0
    for part in manifest.parts:
        count = await load(database, part.collection, _lines(directory / part.file))
        if count != part.documents:
            raise Refused("refused.backup_damaged", file=part.file)
        total += count
    return total


def _lines(path: Path) -> Iterator[str]:
    with gzip.open(path, "rb") as packed:
        while line := packed.readline(LINE_BYTES_MAX):
            yield line.decode()


def _sum(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
