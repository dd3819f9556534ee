"""`chatwatt contact`: gives a person an address that is no chat, read from standard input, or takes it away."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import replace

from chatwatt.message_channels import open_channels
from chatwatt.settings import load
from chatwatt.wiring import open_runtime
from prepaid.domain.access import Actor
from prepaid.domain.people import CONTACT_CHANNELS
from prepaid.usecases.add_contact import add_contact, drop_contact


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command."""
    parser = commands.add_parser("contact", help="give a person a phone number, webhook or push service")
    parser.add_argument("person", metavar="PERSON", help="the person's id")
    parser.add_argument("channel", choices=CONTACT_CHANNELS)
    parser.add_argument("--drop", action="store_true", help="take away what the person has on this channel")
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """0; the last line is JSON. A webhook's secret is shown once, there."""
    actor = Actor(id=arguments.person, system=True)
    async with open_runtime(load(), beside=True) as runtime, open_channels(runtime) as contacts:
        business = replace(runtime.business({}), contacts=contacts)
        if arguments.drop:
            print(json.dumps({"dropped": await drop_contact(business, actor, arguments.channel)}))
            return 0
        given = (await asyncio.to_thread(sys.stdin.readline)).strip()
        accepted = await add_contact(business, actor, arguments.channel, given)
    print(json.dumps({"added": arguments.channel, **({"secret": accepted.secret} if accepted.secret else {})}))
    return 0
