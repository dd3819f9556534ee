"""Who used how much in a month, ranked, beside the month before and the same month a year ago; and what a bus lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Account, Site
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.finance import WATER, AccountFinance
from prepaid.domain.ledger import Kind
from prepaid.ports import Business
from prepaid.usecases.at_once import at_once
from prepaid.usecases.authorize import reach_place
from prepaid.usecases.finance_report import Book, audited, finance_report, utilities
from prepaid.usecases.show_statement import month_ends

PERMILLE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRank:
    """One account's billed use. `before_wh` and `year_ago_wh` are None where nothing was billed then."""

    rank: int
    account_id: str
    label: str
    energy_wh: int
    water_l: int
    amount_micro: int
    before_wh: int | None
    year_ago_wh: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageReport:
    """A site's month, most first."""

    site_id: str
    month: str
    ranks: tuple[UsageRank, ...]
    energy_wh: int
    water_l: int
    amount_micro: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """What went in at a main meter and what the meters behind it counted. A negative loss is a wiring or time error."""

    main_meter_id: str
    month: str
    main_wh: int
    meters_wh: Mapping[str, int]
    silent: tuple[str, ...]
    """Meters without a reading in the month: what they used looks like a loss."""

    @property
    def loss_wh(self) -> int:
        """What is missing."""
        return self.main_wh - sum(self.meters_wh.values())

    @property
    def loss_permille(self) -> int:
        """Of what went in."""
        return 0 if self.main_wh == 0 else self.loss_wh * PERMILLE // self.main_wh


async def usage_report(business: Business, actor: Actor, site_id: str, month: str | None = None) -> UsageReport:
    """Billed energy of the accounts that the actor audits, with both comparisons."""
    now = await finance_report(business, actor, site_id, month)
    site, accounts = await audited(business, actor, site_id)
    first = date.fromisoformat(f"{now.month}-01")
    earlier = await billed(business, site, accounts, f"{first - timedelta(days=1):%Y-%m}")
    older = await billed(business, site, accounts, f"{first.year - 1}-{first.month:02}")
    rows = sorted(now.accounts, key=lambda each: (-each.electricity_wh, each.label))
    return UsageReport(
        site_id=now.site_id,
        month=now.month,
        ranks=tuple(
            UsageRank(
                rank=place,
                account_id=each.account_id,
                label=each.label,
                energy_wh=each.electricity_wh,
                water_l=each.energy_wh[WATER],
                amount_micro=-each.columns[Kind.CONSUMPTION],
                before_wh=earlier.get(each.account_id),
                year_ago_wh=older.get(each.account_id),
            )
            for place, each in enumerate(rows, start=1)
        ),
        energy_wh=sum(each.electricity_wh for each in rows),
        water_l=sum(each.energy_wh[WATER] for each in rows),
        amount_micro=-now.total(Kind.CONSUMPTION),
    )


async def billed(business: Business, site: Site, accounts: Sequence[Account], month: str) -> Mapping[str, int]:
    """Wh billed in a month to each account to which anything was."""
    since, until = month_ends(site, month)
    book = Book(business, since, until, await utilities(business, site.path))
    found: dict[str, int] = {}

    async def ask(account: Account) -> AccountFinance:
        row = AccountFinance(account_id=account.id, label=account.label)
        await book.energy(row, await book.span(account))
        return row

    async for row in at_once(accounts, ask):
        if row.energy_wh:
            found[row.account_id] = row.electricity_wh
    return found


async def show_losses(business: Business, actor: Actor, main_meter_id: str, month: str) -> Losses:
    """The main meter against all others on its gateway, by their registers from the month's beginning to its end."""
    main = await business.store.meters.get(main_meter_id)
    site = await business.store.sites.site(main.site_id) if main is not None else None
    if main is None or site is None:
        raise not_found()
    await reach_place(business, actor, site.path, Action.SEE_SITE, named=main_meter_id)
    since, until = month_ends(site, month)
    if since >= business.clock.now():
        raise Refused("refused.statement_month", text=month[:20])
    on_bus = await business.store.meters.on_gateway(main.gateway_id)
    behind = [each for each in on_bus if each.id != main.id and each.utility is main.utility]
    used = {
        each.meter_id: each.total_wh
        async for each in at_once(behind, lambda meter: business.store.readings.hours(meter.id, since, until))
    }
    whole = await business.store.readings.hours(main.id, since, until)
    return Losses(
        main_meter_id=main.id,
        month=month,
        main_wh=whole.total_wh or 0,
        meters_wh={meter_id: wh for meter_id, wh in used.items() if wh is not None},
        silent=tuple(sorted(meter_id for meter_id, wh in used.items() if wh is None)),
    )
