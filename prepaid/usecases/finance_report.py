"""The finances of a site and a month, from the ledger: balances, what moved them, energy by band, debts by age."""

from __future__ import annotations

from collections import Counter

from prepaid.domain.access import Action, Actor, Subject, may
from prepaid.domain.accounts import Account, Site
from prepaid.domain.errors import not_found
from prepaid.domain.finance import AccountFinance, Finance, columns_of
from prepaid.domain.ledger import Kind, customer
from prepaid.ports import Business
from prepaid.usecases.authorize import record
from prepaid.usecases.show_statement import StatementView, show_statement


async def finance_report(business: Business, actor: Actor, site_id: str, month: str | None = None) -> Finance:
    """A local month ("2026-11", by default the running one) of the accounts that the actor audits (A2).

    Raises `Refused("refused.not_found")` alike for a site out of reach and one that does not exist.
    """
    site = await business.store.sites.site(site_id)
    accounts = await _accounts(business, actor, site) if site is not None else []
    if site is None or not (accounts or may(actor, Action.AUDIT, Subject(site.path))):
        await record(business, actor, Action.AUDIT, site_id, refused="refused.not_found")
        raise not_found()
    wanted = month or site.calendar.month(business.clock.now())
    since, until = business.clock.now(), business.clock.now()
    rows: list[AccountFinance] = []
    for account in accounts:
        statement = await show_statement(business, actor, account.id, month=wanted)
        since, until = statement.since, statement.until
        rows.append(await _account(business, account, statement))
    return Finance(
        site_id=site.id,
        name=site.name,
        currency=site.currency,
        month=wanted,
        since=since,
        until=until,
        accounts=tuple(rows),
    )


async def _accounts(business: Business, actor: Actor, site: Site) -> list[Account]:
    found = await business.store.sites.accounts_below(site.path)
    return [each for each in found if each.site_id == site.id and may(actor, Action.AUDIT, Subject(each.path))]


async def _account(business: Business, account: Account, statement: StatementView) -> AccountFinance:
    """Reads the statement to its end, and of what is no consumption also which accounts it moved."""
    row = AccountFinance(
        account_id=account.id,
        label=account.label,
        opening_micro=statement.opening_micro,
        closing_micro=statement.closing_micro,
        entries=statement.entries,
    )
    balance_micro, others = statement.opening_micro, []
    async for page in statement.pages:
        for line in page:
            if line.balance_micro < 0 <= balance_micro:
                row.owes_since = line.at
            balance_micro = line.balance_micro
            if line.kind == Kind.CONSUMPTION:
                row.columns[Kind.CONSUMPTION] += line.amount_micro
            else:
                others.append(line.seq)
    if balance_micro >= 0:
        row.owes_since = None
    for kind, lines in await business.store.ledger.moves(account.id, others):
        row.columns.update(columns_of(kind, lines, customer(account.id)))
    row.columns = Counter({name: amount for name, amount in row.columns.items() if amount})
    row.energy_wh, row.exact_nano = statement.totals.energy_wh, statement.totals.exact_nano
    row.check()
    return row
