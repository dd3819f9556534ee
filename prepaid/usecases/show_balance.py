"""Balance and supply of an account at one instant, from committed entries (M16)."""

from __future__ import annotations

from collections.abc import Sequence

from prepaid.domain.access import Action, Actor, Subject, may
from prepaid.domain.accounts import Account, Site
from prepaid.domain.metering import Meter
from prepaid.domain.supply import Verb, Verdict, decide
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account, site_of
from prepaid.usecases.foresee import foreseen
from prepaid.usecases.gather_facts import gather_facts
from prepaid.usecases.prices import price_now
from prepaid.usecases.running_outage import running_outage
from prepaid.usecases.supply_views import supply_views
from prepaid.usecases.views import AccountLine, BalanceView
from prepaid.usecases.wallets import wallets_of


async def show_balance(business: Business, actor: Actor, account_id: str) -> BalanceView:
    """The balance, what it buys, and the rule that spares the supply if credit is gone."""
    account = await reach_account(business, actor, account_id, Action.SEE_ACCOUNT)
    site = await site_of(business, account)
    head = await business.store.ledger.head(account.id)
    meters = await business.store.meters.of_account(account.id)
    gone = head.balance_micro <= account.floor_micro
    price_micro = price_now(site, account, meters, head, business.clock.now())
    sparing = await _sparing(business, account, site, meters) if gone else None
    left, hint = await foreseen(business, account, site, head)
    supplies = await supply_views(business, account, meters)
    away = any(view.silent or (view.wanted_on and not view.on) for view in supplies)
    return BalanceView(
        account_id=account.id,
        label=account.label,
        balance_micro=head.balance_micro,
        at=business.clock.now(),
        supplies=supplies,
        price_micro_per_kwh=price_micro,
        low=any(head.balance_micro <= level for level in account.low_levels(site)),
        spared_rule=sparing.rule if sparing else None,
        spared_until=sparing.again_at if sparing else None,
        hours_left=_hours_left(head.balance_micro - account.floor_micro, meters, price_micro),
        days_left=left,
        hint=hint,
        site_time_zone=site.calendar.time_zone,
        wallets=await _other_wallets(business, actor, account),
        outage=await running_outage(business, site.id, account.path) if away else None,
    )


async def my_accounts(business: Business, actor: Actor) -> tuple[AccountLine, ...]:
    """The accounts that the actor is bound to, with balances."""
    found = [await business.store.sites.account(account_id) for account_id in sorted(actor.accounts)]
    return await _lines(business, actor, [account for account in found if account is not None])


async def _other_wallets(business: Business, actor: Actor, account: Account) -> tuple[AccountLine, ...]:
    return await _lines(
        business, actor, [each for each in await wallets_of(business, account) if each.id != account.id]
    )


async def _lines(business: Business, actor: Actor, accounts: Sequence[Account]) -> tuple[AccountLine, ...]:
    """Those that the actor may see, with their balances."""
    lines = []
    for account in accounts:
        if may(actor, Action.SEE_ACCOUNT, Subject(account.path, account.id)):
            head = await business.store.ledger.head(account.id)
            lines.append(AccountLine(account_id=account.id, label=account.label, balance_micro=head.balance_micro))
    return tuple(lines)


async def _sparing(business: Business, account: Account, site: Site, found: Sequence[Meter]) -> Verdict | None:
    """Why a supply without credit is still on, if it is."""
    meters = {meter.id: meter for meter in found}
    for supply in await business.store.supplies.of_account(account.id):
        if supply.meter_id not in meters:
            continue  # Assigned since the meters were read.
        facts = await gather_facts(business, account, site, meters[supply.meter_id], supply)
        verdict = decide(facts, site.policy, site.calendar, business.clock.now())
        if verdict.verb is Verb.KEEP and supply.wanted.on:
            return verdict
    return None


def _hours_left(credit_micro: int, meters: Sequence[Meter], price_micro: int) -> int | None:
    """Whole hours that the credit lasts at the power drawn and the price now; None while nothing is drawn or known."""
    watts = sum(m.last.power_w * m.load_scale for m in meters if m.last and m.last.power_w)
    micro_per_hour = watts * price_micro // 1000
    return max(0, credit_micro // micro_per_hour) if micro_per_hour > 0 else None
