"""`chatwatt chat`: the chat in a terminal, over the same endpoint as the chat page."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from bot.channels.terminal import chat
from chatwatt.commands.demo import DEFAULT_PORT
from chatwatt.demo.seed import FLATS
from prepaid.domain.errors import Refused


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command."""
    parser = commands.add_parser("chat", help="talk to a running demo in the terminal")
    parser.add_argument("--as", dest="user", default=FLATS[0].user.id, metavar="USER", help="tenant-a, tenant-b, admin")
    parser.add_argument("--url", default=f"http://127.0.0.1:{DEFAULT_PORT}/chat", help="address of the chat page")
    parser.add_argument("--script", type=Path, metavar="FILE", help="run a transcript and compare")
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """The terminal's exit code."""
    script: Path | None = arguments.script
    if script is not None and not await asyncio.to_thread(script.is_file):
        raise Refused("refused.no_script", file=str(script))
    # People paste the address of the page; the terminal is given that of the program.
    address = str(arguments.url).rstrip("/").removesuffix("/chat")
    return await chat(address, arguments.user, script=script)
