"""`chatwatt chat`: the chat in a terminal, over the same endpoint as the chat page."""

from __future__ import annotations

import argparse
from pathlib import Path

from bot.channels.terminal import chat
from chatwatt.commands.demo import DEFAULT_PORT
from chatwatt.demo.seed import FLATS


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command."""
    parser = commands.add_parser("chat", help="talk to a running demo in the terminal")
    parser.add_argument("--as", dest="user", default=FLATS[0].user.id, metavar="USER", help="tenant-a, tenant-b, admin")
    parser.add_argument("--url", default=f"http://127.0.0.1:{DEFAULT_PORT}/chat", help="address of the chat page")
    parser.add_argument("--script", type=Path, metavar="FILE", help="run a transcript and compare")
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """The terminal's exit code."""
    return await chat(arguments.url, arguments.user, script=arguments.script)
