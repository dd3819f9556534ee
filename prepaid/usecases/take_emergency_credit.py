"""A tenant takes emergency credit: the floor is lowered once, until a top-up has repaid it. No money is posted (M5)."""

from __future__ import annotations

import structlog

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Account, AccountStatus, Site
from prepaid.domain.errors import Refused
from prepaid.ports import Business
from prepaid.usecases.authorize import intent, reach_account, site_of
from prepaid.usecases.decide_supply import decide_supply
from prepaid.usecases.settle_emergency import settle_emergency
from prepaid.usecases.supply_views import supply_views
from prepaid.usecases.tell_emergency import tell_emergency
from prepaid.usecases.views import SupplyView

log = structlog.get_logger()


async def take_emergency_credit(business: Business, actor: Actor, account_id: str) -> tuple[SupplyView, ...]:
    """Puts the site's emergency credit in force and decides the supply at once.

    Raises `Refused` where the site offers none, above its threshold, while some is in force already, and where the
    balance is so low that it would not bring the supply back. Taking it twice at once takes it once: the store's
    update carries the condition.
    """
    account = await reach_account(business, actor, account_id, Action.TOP_UP)
    site = await site_of(business, account)
    head = await business.store.ledger.head(account.id)
    await settle_emergency(business, account, head)
    check_offer(account, site, head.balance_micro)
    rules = site.credit
    async with intent(business, actor, "take_emergency_credit", account.path, after=str(rules.emergency_micro)):
        taken = await business.store.sites.take_emergency(
            account.id, rules.emergency_micro, business.clock.now(), after_seq=head.seq
        )
        if not taken:
            raise Refused("refused.emergency_taken")
    log.info("emergency_taken", account=account.id, amount_micro=rules.emergency_micro)
    await decide_supply(business, account.id)
    in_force = await business.store.sites.account(account.id)
    if in_force is not None:
        await tell_emergency(business, in_force)
    return await supply_views(business, account)


def check_offer(account: Account, site: Site, balance_micro: int) -> None:
    """Raises `Refused` unless emergency credit is on offer and would help. What is in force the store checks."""
    rules = site.credit
    if rules.emergency_micro == 0 or account.status is not AccountStatus.OPEN:
        raise Refused("refused.emergency_not_offered")
    if balance_micro > rules.emergency_threshold_micro:
        raise Refused("refused.emergency_not_needed", threshold_micro=rules.emergency_threshold_micro)
    if balance_micro <= -(account.overdraft_micro + rules.emergency_micro):
        raise Refused("refused.emergency_too_deep")
