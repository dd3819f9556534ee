"""Reads a workbook in a process of its own, with little memory and little time.

A file that a stranger made can ask for more than any machine has, and whoever unpacks it goes down with it. The
workbook comes in on standard input; its sheets go out as JSON, or the key of what is wrong with it.
"""

from __future__ import annotations

import asyncio
import io
import json
import resource
import sys
import zipfile
from contextlib import suppress

from python_calamine import CalamineError, CalamineWorkbook

from prepaid.domain.errors import Refused, TryAgain

Line = tuple[int, tuple[str, ...]]
SHEETS_MAX = 4
COLUMNS_MAX = 64
MEMORY_BYTES = 768 << 20
"""For the interpreter and the workbook together."""
CPU_S = 20
READ_S = 40.0
"""For waiting on a busy machine as well."""
ANSWER_BYTES_MAX = 32 << 20


def sheets(raw: bytes, *, rows_max: int, unpacked_max: int, sheets_max: int = 1) -> list[list[Line]]:
    """The first sheets as text cells. Raises `Refused` without a file's name; what is too long keeps a row too many."""
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(_measured(raw, unpacked_max)))
        names = book.sheet_names[:sheets_max]
        found = [book.get_sheet_by_name(name).to_python(skip_empty_area=False, nrows=rows_max + 1) for name in names]
    except (zipfile.BadZipFile, CalamineError, ValueError, NotImplementedError, EOFError, RuntimeError) as error:
        raise Refused("refused.import_spreadsheet") from error
    return [
        [(number, tuple(_text(cell) for cell in cells[:COLUMNS_MAX])) for number, cells in enumerate(rows, start=1)]
        for rows in found
    ]


async def sheets_apart(raw: bytes, *, rows_max: int, unpacked_max: int) -> list[list[Line]]:
    """The same, read by a process that may die of it. Raises `Refused`, or `TryAgain` when it took too long."""
    pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    asked = [sys.executable, "-m", __name__, str(rows_max), str(unpacked_max)]
    process = await asyncio.create_subprocess_exec(
        *asked, stdin=pipe, stdout=pipe, stderr=nowhere, start_new_session=True
    )
    try:
        async with asyncio.timeout(READ_S):
            answer = await _asked(process, raw)
            await process.wait()
    except TimeoutError:
        raise TryAgain("try_again.general") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if isinstance(answer, str):
        raise Refused(answer)
    return [[(int(number), tuple(cells)) for number, cells in rows] for rows in answer]


async def _asked(process: asyncio.subprocess.Process, raw: bytes) -> str | list[list[tuple[int, list[str]]]]:
    """What the process says; one that says nothing whole has died of the workbook."""
    if process.stdin is None or process.stdout is None:
        raise TryAgain("try_again.general")
    with suppress(ConnectionError):
        process.stdin.write(raw)
        await process.stdin.drain()
        process.stdin.close()
    said = bytearray()
    while chunk := await process.stdout.read(1 << 16):
        said += chunk
        if len(said) > ANSWER_BYTES_MAX:
            process.kill()
            return "refused.import_too_large"
    try:
        answer: str | list[list[tuple[int, list[str]]]] = json.loads(said)
    except ValueError:
        return "refused.import_spreadsheet"
    return answer


def _measured(raw: bytes, unpacked_max: int) -> bytes:
    """The same workbook, unpacked as far as it says of itself and no further: no lie about sizes is believed."""
    plain = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as packed, zipfile.ZipFile(plain, "w") as unpacked:
        parts = [part for part in packed.infolist() if not part.is_dir()]
        if sum(part.file_size for part in parts) > unpacked_max:
            raise Refused("refused.import_too_large")
        for part in parts:
            unpacked.writestr(part.filename, packed.read(part))
    return plain.getvalue()


def _text(cell: object) -> str:
    """A room number that a spreadsheet took for a figure is the room number again."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def _main(rows_max: int, unpacked_max: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    answer: object
    try:
        answer = sheets(sys.stdin.buffer.read(), rows_max=rows_max, unpacked_max=unpacked_max, sheets_max=SHEETS_MAX)
    except Refused as refused:
        answer = refused.key
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    _main(int(sys.argv[1]), int(sys.argv[2]))
