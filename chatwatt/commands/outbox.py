"""`chatwatt outbox`: lists the messages that reached nobody, and sends one of them again or puts it aside."""

from __future__ import annotations

import argparse
import json
import os

from bot.texts import has, language_for, text
from chatwatt.settings import load
from chatwatt.wiring import open_runtime
from prepaid.domain.access import CLOCK
from prepaid.usecases.dead_letters import DeadLetter, dead_letters, drop_letter, send_again

MOST = 500


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command."""
    parser = commands.add_parser("outbox", help="list messages that reached nobody, send one again or put it aside")
    parser.add_argument("--again", default="", metavar="ID", help="put this message back on its first channel")
    parser.add_argument("--drop", default="", metavar="ID", help="put this message aside; --why says for what reason")
    parser.add_argument("--why", default="", metavar="WORDS", help="the reason for --drop, kept on record")
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="at most so many; default 50")
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """0; each message is a line, and the last line is JSON."""
    language = language_for(os.environ.get("LC_ALL") or os.environ.get("LANG") or "en")
    async with open_runtime(load(), beside=True) as runtime:
        business = runtime.business({})
        if arguments.again:
            await send_again(business, CLOCK, arguments.again)
        if arguments.drop:
            await drop_letter(business, CLOCK, arguments.drop, why=arguments.why)
        letters = await dead_letters(business, CLOCK, limit=max(1, min(arguments.limit, MOST)))
    for letter in letters:
        print(_line(language, letter))
    print(json.dumps({"exhausted": len(letters)}))
    return 0


def _line(language: str, letter: DeadLetter) -> str:
    why = text(language, letter.why) if has(letter.why) else letter.why
    return f"{letter.ended_at:%Y-%m-%dT%H:%M:%SZ}\t{letter.label}\t{letter.kind}\t{letter.id}\t{why}"
