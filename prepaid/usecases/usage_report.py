"""Who used how much in a month, ranked, beside the month before and the same month a year ago; and what a bus lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from prepaid.domain.access import Action, Actor
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.finance import AccountFinance, Finance
from prepaid.domain.ledger import Kind
from prepaid.domain.metering import Meter
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_place
from prepaid.usecases.finance_report import finance_report
from prepaid.usecases.show_statement import month_ends

PERMILLE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRank:
    """One account's billed use. `before_wh` and `year_ago_wh` are None where nothing was billed then."""

    rank: int
    account_id: str
    label: str
    energy_wh: int
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
    first = date.fromisoformat(f"{now.month}-01")
    before = await finance_report(business, actor, site_id, f"{first - timedelta(days=1):%Y-%m}")
    year_ago = await finance_report(business, actor, site_id, f"{first.year - 1}-{first.month:02}")
    earlier, older = _by_account(before), _by_account(year_ago)
    rows = sorted(now.accounts, key=lambda each: (-_energy(each), each.label))
    return UsageReport(
        site_id=now.site_id,
        month=now.month,
        ranks=tuple(
            UsageRank(
                rank=place,
                account_id=each.account_id,
                label=each.label,
                energy_wh=_energy(each),
                amount_micro=-each.columns[Kind.CONSUMPTION],
                before_wh=earlier.get(each.account_id),
                year_ago_wh=older.get(each.account_id),
            )
            for place, each in enumerate(rows, start=1)
        ),
        energy_wh=sum(_energy(each) for each in rows),
        amount_micro=-now.total(Kind.CONSUMPTION),
    )


async def show_losses(business: Business, actor: Actor, main_meter_id: str, month: str) -> Losses:
    """The main meter against all others on its gateway, by their registers from the month's beginning to its end."""
    main = await business.store.meters.get(main_meter_id)
    site = await business.store.sites.site(main.site_id) if main is not None else None
    if main is None or site is None:
        raise not_found()
    await reach_place(business, actor, site.path, Action.SEE_SITE, named=main_meter_id)
    since, until = month_ends(site, month)
    until = min(until, business.clock.now())
    if until <= since:
        raise Refused("refused.statement_month", text=month[:20])
    behind = [each for each in await business.store.meters.on_gateway(main.gateway_id) if each.id != main.id]
    used = {each.id: await _used(business, each, since, until) for each in behind}
    return Losses(
        main_meter_id=main.id,
        month=month,
        main_wh=await _used(business, main, since, until) or 0,
        meters_wh={meter_id: wh for meter_id, wh in used.items() if wh is not None},
        silent=tuple(sorted(meter_id for meter_id, wh in used.items() if wh is None)),
    )


async def _used(business: Business, meter: Meter, since: datetime, until: datetime) -> int | None:
    hours = await business.store.readings.usage_by_hour(meter.id, since, until - timedelta(milliseconds=1))
    return sum(each.energy_wh for each in hours) if hours else None


def _energy(row: AccountFinance) -> int:
    return sum(row.energy_wh.values())


def _by_account(report: Finance) -> dict[str, int]:
    return {each.account_id: _energy(each) for each in report.accounts if each.energy_wh}
