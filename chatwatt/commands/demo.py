"""`chatwatt demo`: the whole product live with a chat page; with `--story` a scripted tenant checks every step."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
import webbrowser
from dataclasses import replace
from pathlib import Path
from typing import Self

from chatwatt import logs
from chatwatt.demo.pace import LIVE, STORY, Pace
from chatwatt.demo.story import tell
from chatwatt.demo.world import open_world
from chatwatt.house import until_signal
from chatwatt.settings import DEFAULT_DATA, Settings, load
from prepaid.domain.errors import Refused

DEFAULT_PORT = 8620


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command."""
    parser = commands.add_parser("demo", help="everything, live, on this machine, with a chat page")
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, metavar="DIR", help="where data is kept (./var)")
    parser.add_argument("--port", type=int, metavar="N", help=f"port of the chat page ({DEFAULT_PORT})")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.add_argument("--speed", type=int, metavar="X", help="how many times faster the loads run")
    parser.add_argument("--story", action="store_true", help="let a scripted tenant live through it, and check it all")
    parser.add_argument("--json", action="store_true", help="with --story: one JSON line")
    parser.add_argument("--kill-store", action="store_true", help="with --story: kill -9 the database in the middle")
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """Runs until Ctrl-C, or until the story ends."""
    pace = _pace(arguments)
    logs.configure(level="WARNING")
    if arguments.story:
        return await tell(_settings(arguments, 0), pace, as_json=arguments.json, kill_store=arguments.kill_store)
    settings = _settings(arguments, DEFAULT_PORT)
    with Progress() as progress:
        async with until_signal() as stop, open_world(settings, pace, progress.step) as world:
            progress.ready()
            print(f"Open {world.url}   (Ctrl-C ends it)", flush=True)
            if not arguments.no_browser:
                await asyncio.to_thread(webbrowser.open, world.url)
            await stop.wait()
    return 0


def _pace(arguments: argparse.Namespace) -> Pace:
    pace = STORY if arguments.story else LIVE
    if arguments.speed is None:
        return pace
    if not 1 <= arguments.speed <= 10_000:  # noqa: PLR2004 - the bounds stand in the message
        raise Refused("refused.speed_range", least=1, most=10_000)
    return replace(pace, speed=arguments.speed)


def _settings(arguments: argparse.Namespace, port: int) -> Settings:
    """Whatever the environment says of real stores and real chats: a demonstration touches neither."""
    return load(
        data=arguments.data,
        port=port if arguments.port is None else arguments.port,
        database="demo",
        host="127.0.0.1",
        mongodb_uri=None,
        redis_url=None,
        telegram_token=None,
    )


class Progress:
    """One growing line while things start; whatever goes wrong is told on a line of its own."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._open:
            self._write("\n")

    def step(self, name: str) -> None:
        """What is being started now."""
        self._open = True
        self._write(f" {name} ...")

    def ready(self) -> None:
        """Ends the line."""
        self._open = False
        self._write(f" ready in {time.monotonic() - self._started:.1f} s\n")

    def _write(self, words: str) -> None:
        sys.stderr.write(words)
        sys.stderr.flush()
