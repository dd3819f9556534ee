"""`chatwatt mailouts`: what a person has sent to the chat by itself every day or month; ordering and ending it."""

from __future__ import annotations

import argparse
import json
import os

from bot.texts import language_for, text
from chatwatt.settings import load
from chatwatt.wiring import open_runtime
from prepaid.domain.errors import not_found
from prepaid.domain.mail_outs import BILL, Every, MailOut, ReportForm, ReportKind
from prepaid.usecases.authorize import as_of_now
from prepaid.usecases.mail_outs import my_mail_outs, order_mail_out, stop_mail_out


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command."""
    parser = commands.add_parser("mailouts", help="list, order or end reports and bills that come by themselves")
    parser.add_argument("person", metavar="PERSON", help="the person's id")
    parser.add_argument("--add", choices=[BILL, *ReportKind], help="order this, of --of")
    parser.add_argument("--of", default="", metavar="ID", help="the site; for a bill the account")
    parser.add_argument("--every", choices=[*Every], default=Every.MONTH, help="how often; default month")
    parser.add_argument("--form", choices=[*ReportForm], default=ReportForm.PICTURE, help="as what; default picture")
    parser.add_argument("--stop", default="", metavar="ID", help="end this one")
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """0; each one is a line, and the last line is JSON. What the person may not see is refused here as in chat."""
    language = language_for(os.environ.get("LC_ALL") or os.environ.get("LANG") or "en")
    async with open_runtime(load(), beside=True) as runtime:
        business = runtime.business({})
        if await business.store.people.get(arguments.person) is None:
            raise not_found()
        actor = await as_of_now(business, arguments.person)
        if arguments.add:
            every, form = Every(arguments.every), ReportForm(arguments.form)
            await order_mail_out(business, actor, arguments.add, arguments.of, every=every, form=form)
        if arguments.stop:
            await stop_mail_out(business, actor, arguments.stop)
        found = await my_mail_outs(business, actor)
    for each in found:
        print(_line(language, each))
    print(json.dumps({"mailouts": len(found)}))
    return 0


def _line(language: str, each: MailOut) -> str:
    kind = text(language, f"report.kind.{each.kind}")
    return f"{each.id}\t{each.label}\t{kind}\t{each.every}\t{each.form}\t{each.last}"
