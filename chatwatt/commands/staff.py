"""`chatwatt staff ROLE PLACE`: prints a one-time code that makes whoever types it in a chat staff of that place.

Without a role it lists the staff of every site: person, role, place and where they chat.
"""

from __future__ import annotations

import argparse

from chatwatt.settings import load
from chatwatt.wiring import open_runtime
from prepaid.domain.access import Actor, Role
from prepaid.ports import Business
from prepaid.usecases.invite_staff import invite_staff

OPERATOR = Actor(id="staff", system=True)
"""Whoever may run this command on the server's own shell may do anything there."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command."""
    parser = commands.add_parser("staff", help="print a one-time code that makes its reader staff, or list the staff")
    parser.add_argument("role", nargs="?", choices=[str(role) for role in Role], help="what they may do")
    parser.add_argument("place", nargs="?", default="", metavar="PLACE", help='a subtree, as "college/north-hall"')
    parser.add_argument("--why", default="", metavar="WORDS", help="the reason, for the record")
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """0 with the code as the only line, which holds for an hour and one person; or a line for each role held."""
    async with open_runtime(load(), beside=True) as runtime:
        business = runtime.business({})
        if arguments.role is None:
            for row in await rows(business):
                print("\t".join(row))
            return 0
        role = Role(arguments.role)
        print(await invite_staff(business, OPERATOR, role, arguments.place, why=arguments.why))
    return 0


async def rows(business: Business) -> list[tuple[str, ...]]:
    """Person, role, place and channels of everybody with a role on a site or above it. No names: none are kept."""
    staff = {}
    for site in await business.store.sites.sites():
        staff.update({person.id: person for person in await business.store.people.staff_over(site.path)})
    return [
        (person.id, grant.role, grant.scope, ",".join(sorted({each.channel for each in person.addresses})))
        for person in staff.values()
        for grant in person.grants
    ]
