"""Before anything is paid back, whoever moves out is shown the final readings and what is left, and agrees (T5).

The agreement names the exact content by its digest: other figures are asked for anew. It never holds a credit for ever:
after the site's time (`Limits.agree_s`) the move-out goes on without, and so it does where nobody is bound any more.
Once before its end the same people are reminded.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from prepaid.domain.accounts import Account, Site
from prepaid.domain.closing import Closing, remind_s
from prepaid.domain.notices import NoticeKind
from prepaid.ports import Business
from prepaid.usecases.tell import Crossing, Params, Place, tell_account

log = structlog.get_logger()

NOT_AGREED = "closing.not_agreed"
CLOCK = "clock"


async def ask_agreement(business: Business, closing: Closing, account: Account, site: Site) -> str | None:
    """`NOT_AGREED` while it is waited for; None when it is there, is not needed, or its time is over."""
    if site.limits.agree_s == 0 or closing.agreed or closing.waived_by:
        return None
    if not await business.store.people.of_account(account.id):
        return None
    now, time = business.clock.now(), timedelta(seconds=site.limits.agree_s)
    if closing.shown_digest != closing.digest or closing.shown_at is None:
        await _tell(business, closing, (account, site), NoticeKind.CLOSING_STATEMENT, now + time)
        await business.store.closings.move(
            closing.id, closing.step, closing.step, shown_digest=closing.digest, shown_at=now
        )
        return NOT_AGREED
    until = closing.shown_at + time
    if now >= until:
        await business.store.closings.move(closing.id, closing.step, closing.step, waived_by=CLOCK)
        log.info("closing_goes_on_without_agreement", account=closing.id)
        return None
    lead = timedelta(seconds=remind_s(site.limits.agree_s))
    if closing.reminded_digest != closing.digest and now >= until - lead:
        await _tell(business, closing, (account, site), NoticeKind.CLOSING_REMINDER, until)
        await business.store.closings.move(closing.id, closing.step, closing.step, reminded_digest=closing.digest)
    return NOT_AGREED


async def _tell(business: Business, closing: Closing, place: Place, kind: NoticeKind, until: datetime) -> None:
    """Told before it is written down that it was: a crash between repeats both, and one crossing is told once."""
    params: Params = {"balance_micro": closing.balance_micro, "until": until.isoformat()}
    await tell_account(business, *place, Crossing(kind, closing.digest[:16]), params)
