"""A person has reports of a place, or an account's bill, sent to the chat every day or month; and ends that (N1, A2).

Whether the person may see them is asked when they are ordered and again, by the same rule, when each one is made: the
order itself gives no right to anything.
"""

from __future__ import annotations

from collections.abc import Sequence

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Site
from prepaid.domain.errors import InvariantBroken, Refused, not_found
from prepaid.domain.mail_outs import (
    BILL,
    KINDS,
    MONTHLY,
    MOST_EACH,
    Every,
    MailOut,
    ReportForm,
    due_span,
    mail_out_id,
)
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account, site_of
from prepaid.usecases.finance_report import audited
from prepaid.usecases.spans import reach_site


async def order_mail_out(
    business: Business, actor: Actor, kind: str, subject: str, *, every: Every, form: ReportForm
) -> MailOut:
    """Orders it; the first one comes with the next span that ends. The same again only changes the form.

    Raises `Refused`: "refused.not_found" for what is out of reach, "refused.bill_by_month" for a daily bill,
    "refused.mail_outs_many" above twenty.
    """
    if kind not in KINDS:
        raise InvariantBroken(f"no report is called {kind}")
    if await business.store.people.get(actor.id) is None:
        raise not_found()
    if kind == BILL and every is not Every.MONTH:
        raise Refused("refused.bill_by_month")
    site, label = await _subject(business, actor, kind, subject)
    wanted = mail_out_id(actor.id, kind, subject, every)
    known = {each.id for each in await business.store.mail_outs.of_person(actor.id, MOST_EACH)}
    if wanted not in known and len(known) >= MOST_EACH:
        raise Refused("refused.mail_outs_many", most=MOST_EACH)
    mail_out = MailOut(
        id=wanted,
        person_id=actor.id,
        kind=kind,
        subject=subject,
        label=label,
        every=every,
        form=form,
        site_id=site.id,
        ordered_at=business.clock.now(),
        last=due_span(site.calendar, business.clock.now(), every),
    )
    await business.store.mail_outs.keep(mail_out)
    return mail_out


async def my_mail_outs(business: Business, actor: Actor) -> Sequence[MailOut]:
    """What the actor ordered, oldest first."""
    return await business.store.mail_outs.of_person(actor.id, MOST_EACH)


async def stop_mail_out(business: Business, actor: Actor, wanted: str) -> MailOut:
    """Ends one of the actor's own, at once: one that waits in the outbox is not sent any more."""
    found = await business.store.mail_outs.get(wanted)
    if found is None or not await business.store.mail_outs.drop(wanted, actor.id):
        raise not_found()
    return found


async def mail_out_to_send(business: Business, wanted: str, person_id: str) -> MailOut:
    """The order behind a row of the outbox. `Refused("refused.mail_out_stopped")` when it was ended meanwhile."""
    found = await business.store.mail_outs.get(wanted)
    if found is None or found.person_id != person_id:
        raise Refused("refused.mail_out_stopped")
    return found


async def _subject(business: Business, actor: Actor, kind: str, subject: str) -> tuple[Site, str]:
    """(site, name), if the actor may see what the report shows (A1, A2)."""
    if kind == BILL:
        account = await reach_account(business, actor, subject, Action.SEE_ACCOUNT)
        return await site_of(business, account), account.label
    site = (
        (await audited(business, actor, subject))[0] if kind in MONTHLY else await reach_site(business, actor, subject)
    )
    return site, site.name
