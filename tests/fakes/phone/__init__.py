"""The reference mini-program in Node: its real pages and its real client, on a stand-in for WeChat's phone."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from xml.parsers import expat

from tests.house import ROOT

PROGRAM = ROOT / "miniprogram_api" / "reference"
NODE = shutil.which("node") or ""
PACKAGES = Path(__file__).parent / "packages"
"""What WeChat's simulator of components needs, for `tool_folder.node_folder`."""
ANSWER_S_MAX = 60.0
LINE_BYTES_MAX = 4 * 1024 * 1024

Node = str | dict[str, Any]


def pages() -> list[str]:
    """The pages of the program, as its manifest names them."""
    found: list[str] = json.loads((PROGRAM / "app.json").read_text(encoding="utf-8"))["pages"]
    return found


def tree(path: Path) -> Node:
    """A page's WXML. Raises `expat.ExpatError` for what is not well-formed."""
    root: dict[str, Any] = {"name": "", "attributes": {}, "children": []}
    open_nodes = [root]
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def start(name: str, attributes: dict[str, str]) -> None:
        node = {"name": name, "attributes": attributes, "children": []}
        open_nodes[-1]["children"].append(node)
        open_nodes.append(node)

    def words(text: str) -> None:
        if text.strip():
            open_nodes[-1]["children"].append(text.strip())

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _name: open_nodes.pop()
    parser.CharacterDataHandler = words
    parser.Parse(path.read_bytes(), True)  # noqa: FBT003 - expat takes it by its place
    found: Node = root["children"][0]
    return found


class Phone:
    """One running program; commands may overlap."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._number = 0

    async def listen(self) -> None:
        """Hands each answer to whoever waits for it."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            answer = json.loads(line)
            self._waiting.pop(answer["id"]).set_result(answer)
        for future in self._waiting.values():
            future.set_exception(AssertionError("the program has ended"))

    async def do(self, command: str, **wish: object) -> Any:
        """Carries a command out. Raises `AssertionError` with the program's own words."""
        assert self._process.stdin is not None
        self._number += 1
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[self._number] = future
        self._process.stdin.write((json.dumps({"id": self._number, "command": command, **wish}) + "\n").encode())
        async with asyncio.timeout(ANSWER_S_MAX):
            answer = await future
        assert "trouble" not in answer, answer["trouble"]
        return answer["found"]

    async def open(self, page: str, **options: str) -> str:
        """Opens a page of the program; what it shows."""
        await self.do("open", name=f"pages/{page}/{page}", options=options)
        return await self.text()

    async def act(self, handler: str, *, value: str = "", **dataset: object) -> str:
        """Taps or types; what the page shows then."""
        await self.do("act", handler=handler, detail={"value": value}, dataset=dataset)
        return await self.text()

    async def text(self) -> str:
        """What the page shows."""
        return str((await self.do("look"))["text"])

    async def data(self) -> dict[str, Any]:
        """The page's data."""
        found: dict[str, Any] = (await self.do("look"))["data"]
        return found

    async def seen(self) -> dict[str, Any]:
        """What the program asked of the phone so far."""
        found: dict[str, Any] = (await self.do("look"))["seen"]
        return found


@asynccontextmanager
async def phone(world: Mapping[str, object], *, simulator: Path | None = None) -> AsyncIterator[Phone]:
    """Starts the program on a phone in this world; ends it. With the simulator's folder that draws and is tapped."""
    wxml = {name: tree(PROGRAM / f"{name}.wxml") for name in pages()}
    process = await asyncio.create_subprocess_exec(
        NODE,
        str(Path(__file__).parent / "main.js"),
        str(PROGRAM),
        json.dumps({**world, "wxml": wxml, "simulator": str(simulator or "")}),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES_MAX,
    )
    held = Phone(process)
    listening = asyncio.create_task(held.listen())
    try:
        yield held
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        await listening
