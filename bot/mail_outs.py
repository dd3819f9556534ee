"""Makes the reports and bills that people ordered, when they are sent and with the rights of that moment (A2).

A large site's month takes longer than the outbox waits for a channel. Its making goes on meanwhile, the row comes again
a few seconds later without counting as failed, and finds it made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from bot.conversations.parts import Part
from bot.conversations.report_kinds import make, make_file_of, parts_of
from bot.conversations.topics.statement import bill_file, bill_parts, read_bill
from bot.texts import language_for
from prepaid.domain.access import Actor
from prepaid.domain.errors import HeldBack, Refused
from prepaid.domain.mail_outs import BILL, MailOut, ReportForm, ReportKind
from prepaid.domain.notices import Notice
from prepaid.domain.people import Person
from prepaid.ports import Business
from prepaid.usecases.authorize import as_of_now
from prepaid.usecases.mail_outs import mail_out_to_send

NOT_YOURS = "refused.not_found"
WAIT_S = 5.0
"""Well below what the outbox gives a channel, so that sending has its time."""
MAKE_S = 600.0
MOST_AT_ONCE = 2
"""Reports are made beside replies, which come first."""
MOST_KEPT = 200
KEEP_S = 900.0
"""So long one that was begun is kept for its row, which comes again within minutes."""


class MailOutPapers:
    """Implements `bot.delivery.Papers`."""

    def __init__(self, business: Business) -> None:
        self._business = business
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self._making: dict[str, tuple[float, asyncio.Task[Sequence[Part]]]] = {}

    async def parts(self, notice: Notice, person: Person) -> Sequence[Part]:
        """What was ordered. Raises `Refused` for whoever may not see it any more, `HeldBack` until it is made."""
        making = self._begun(notice, person.id)
        done, _ = await asyncio.wait([making], timeout=WAIT_S)
        if not done:
            raise HeldBack("try_again.channel")
        self._making.pop(notice.id, None)
        return making.result()

    def _begun(self, notice: Notice, person_id: str) -> asyncio.Task[Sequence[Part]]:
        if notice.id in self._making:
            return self._making[notice.id][1]
        now_s = self._business.clock.monotonic()
        for key, (began_s, task) in list(self._making.items()):
            if task.done() and now_s - began_s > KEEP_S:
                # Another process sent it meanwhile. Its trouble, if any, was that process's to tell.
                task.exception()
                del self._making[key]
        if len(self._making) >= MOST_KEPT:
            raise HeldBack("try_again.channel")
        making = asyncio.create_task(self._in_turn(notice, person_id), name="mail_out")
        self._making[notice.id] = (now_s, making)
        return making

    async def _in_turn(self, notice: Notice, person_id: str) -> Sequence[Part]:
        async with self._room, asyncio.timeout(MAKE_S):
            return await self._make(notice, person_id)

    async def _make(self, notice: Notice, person_id: str) -> Sequence[Part]:
        mail_out = await mail_out_to_send(self._business, str(notice.params["mail_out"]), person_id)
        actor = await as_of_now(self._business, person_id)
        actor = replace(actor, language=language_for(actor.language))
        try:
            return await self._made(actor, mail_out, str(notice.params["span"]))
        except Refused as refused:
            if refused.key == NOT_YOURS:  # The order ends with the right, instead of failing every morning.
                await self._business.store.mail_outs.drop(mail_out.id, person_id)
            raise

    async def _made(self, actor: Actor, mail_out: MailOut, span: str) -> Sequence[Part]:
        business, subject, form = self._business, mail_out.subject, mail_out.form
        if mail_out.kind == BILL:
            if form is ReportForm.PICTURE:
                return bill_parts(actor.language, await read_bill(business, actor, subject, span))
            return (await bill_file(business, actor, subject, span, form.value),)
        made = await make(business, actor, subject, ReportKind(mail_out.kind), span)
        if form is ReportForm.PICTURE:
            return parts_of(actor.language, made)
        return (await asyncio.to_thread(make_file_of, actor.language, made, form.value),)
