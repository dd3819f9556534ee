"""`chatwatt jobs`: what the scheduler does, when each job ran last and how, and when it runs next."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.texts import has, language_for, placeholders, text
from chatwatt.house import beside_the_doors, scheduled
from chatwatt.settings import load, load_alipay, load_wechat_pay
from chatwatt.wiring import open_runtime, real_providers
from prepaid.domain.errors import Refused
from prepaid.ports.schedule import JobNote
from scheduler.triggers import Job, run_by_hand

NEED_CHANNELS = frozenset({"outbox", "outbox_bulk"})
ROW = "{:<18} {:<21} {:<21} {:<24} {:>6}"


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command."""
    parser = commands.add_parser("jobs", help="list the scheduler's jobs, or run one now")
    parser.add_argument("what", nargs="?", choices=["list", "run"], default="list", help="list, the default, or run")
    parser.add_argument("name", nargs="?", default="", metavar="NAME", help="the job to run")
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """0; the last line is JSON. A job may run beside the scheduler: its effects are single by their keys."""
    async with open_runtime(load(), beside=True) as runtime:
        providers = real_providers(runtime.settings, load_wechat_pay(), runtime.clock, alipay=load_alipay())
        try:
            business = runtime.business(providers)
            shown = [*scheduled(runtime, business), *beside_the_doors(business, {})]
            if arguments.what == "run":
                job = to_run(shown, arguments.name)
                did = await run_by_hand(business, job, owner=runtime.owner)
                print(json.dumps({"job": job.name, "did": did}))
                return 0
            notes = await business.store.job_runs.notes()
            now = runtime.clock.now()
        finally:
            for provider in providers.values():
                await provider.aclose()
    print(ROW.format("job", "last", "next", "result", "did"))
    for job in shown:
        print(_line(job, notes.get(job.name), now))
    print(json.dumps({"jobs": len(shown), "failed": sum(note.result not in {"", "ok"} for note in notes.values())}))
    return 0


def to_run(jobs: Sequence[Job], name: str) -> Job:
    """The job of that name. Raises `Refused` for none, and for those that carry messages.

    This program has no channels open, so that a message which it took would end undelivered.
    """
    found = {job.name: job for job in jobs}
    if name in NEED_CHANNELS:
        raise Refused("refused.job_needs_channels", name=name)
    if name not in found:
        raise Refused("refused.no_such_job", name=name, names=", ".join(sorted(found.keys() - NEED_CHANNELS)))
    return found[name]


def next_run(job: Job, note: JobNote | None, now: datetime) -> datetime | None:
    """The next slot of a plan; for a job that runs all the time its next turn, None when it never ran."""
    if job.plan is not None:
        return next(iter(job.plan.after(now)), None)
    return None if note is None or note.at is None else max(now, note.at + timedelta(seconds=job.period_s))


def _line(job: Job, note: JobNote | None, now: datetime) -> str:
    last = note.at if note is not None else None
    result, did = (note.result, note.did) if note is not None else ("never", 0)
    row = ROW.format(job.name, _when(last), _when(next_run(job, note, now)), result, did)
    words = _words(result)
    return f"{row}  {words}" if words else row


def _words(result: str) -> str:
    """Why it failed, where there is a sentence for it that needs no figures."""
    language = _language()
    return text(language, result) if has(result) and not placeholders(language, result) else ""


def _language() -> str:
    return language_for(os.environ.get("LC_ALL") or os.environ.get("LANG") or "en")


def _when(at: datetime | None) -> str:
    return "-" if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"
