"""Reports of a site and month: figures that tie to the ledger, and the same as files."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from miniprogram_api.models.common import Account, Fen, Given, Micro, Shown
from prepaid.domain.finance import Finance
from prepaid.domain.reconcile import Run, Share, Totals
from prepaid.usecases.usage_report import Losses, UsageReport

Month = Annotated[str, Field(pattern=r"^\d{4}-\d{2}$", examples=["2026-11"])]


class MonthWish(Given):
    """A local month, by default the running one."""

    month: Month | None = None


class LossesWish(Given):
    """A local month."""

    month: Month


class ExportWish(Given):
    """A local month, by default the running one, and the file's kind."""

    month: Month | None = None
    format: Literal["csv", "xlsx"] = "xlsx"


class AccountFinanceOut(Shown):
    """One account's month: opening balance plus columns is closing balance, to the micro-yuan."""

    account_id: Account
    label: str
    opening_micro: Micro
    closing_micro: Micro
    columns_micro: dict[str, int] = Field(description="What moved the balance, by what moved it")
    energy_by_band_wh: dict[str, int]


class FinanceOut(Shown):
    """A site's month."""

    site_id: str
    name: str
    currency: str
    month: str
    since: datetime
    until: datetime
    opening_micro: Micro
    closing_micro: Micro
    columns_micro: dict[str, int] = Field(description="Of all accounts")
    energy_by_band_wh: dict[str, int]
    debts_micro: dict[str, int] = Field(description="By how long they have been owed: week, month, longer")
    accounts: list[AccountFinanceOut]


class UsageRankOut(Shown):
    """One account's billed use; null where nothing was billed then."""

    rank: int
    account_id: Account
    label: str
    energy_wh: int
    amount_micro: Micro
    before_wh: int | None = Field(description="The month before")
    year_ago_wh: int | None


class UsageReportOut(Shown):
    """Who used how much, most first."""

    site_id: str
    month: str
    energy_wh: int
    amount_micro: Micro
    ranks: list[UsageRankOut]


class LossesOut(Shown):
    """What went in at a main meter and what the meters behind it counted."""

    main_meter_id: str
    month: str
    main_wh: int
    meters_wh: dict[str, int]
    silent: list[str] = Field(description="Meters without a reading: what they used looks like a loss")
    loss_wh: int
    loss_permille: int


class TotalsOut(Shown):
    """Sums of a comparison. A difference of 0 is what should be."""

    items: int
    payments_fen: Fen
    refunds_fen: Fen
    fees_fen: Fen
    clearing_fen: Fen = Field(description="What the ledger moved for them")
    difference_fen: Fen
    gaps: int


class ShareOut(Shown):
    """One site's part."""

    site_id: str
    totals: TotalsOut


class ReconciliationOut(Shown):
    """The latest comparison with one provider's bill, as far as one audits."""

    provider: str
    day: str
    ran_at: datetime
    shares: list[ShareOut]


class ReconciliationsOut(Shown):
    """One for each provider whose bill was compared in the last days."""

    reconciliations: list[ReconciliationOut]


def finance_out(report: Finance) -> FinanceOut:
    """The finance of a month."""
    return FinanceOut(
        site_id=report.site_id,
        name=report.name,
        currency=report.currency,
        month=report.month,
        since=report.since,
        until=report.until,
        opening_micro=report.opening_micro,
        closing_micro=report.closing_micro,
        columns_micro={column: report.total(column) for column in report.columns},
        energy_by_band_wh={band: report.band_wh(band) for band in report.bands},
        debts_micro={str(age): debt for age, (_, debt) in report.ageing().items()},
        accounts=[
            AccountFinanceOut(
                account_id=each.account_id,
                label=each.label,
                opening_micro=each.opening_micro,
                closing_micro=each.closing_micro,
                columns_micro=dict(each.columns),
                energy_by_band_wh=dict(each.energy_wh),
            )
            for each in report.accounts
        ],
    )


def usage_out(report: UsageReport) -> UsageReportOut:
    """The use of a month."""
    return UsageReportOut(
        site_id=report.site_id,
        month=report.month,
        energy_wh=report.energy_wh,
        amount_micro=report.amount_micro,
        ranks=[UsageRankOut.model_validate(each, from_attributes=True) for each in report.ranks],
    )


def losses_out(report: Losses) -> LossesOut:
    """The losses of a bus."""
    return LossesOut(
        main_meter_id=report.main_meter_id,
        month=report.month,
        main_wh=report.main_wh,
        meters_wh=dict(report.meters_wh),
        silent=list(report.silent),
        loss_wh=report.loss_wh,
        loss_permille=report.loss_permille,
    )


def reconciliation_out(run: Run, shares: tuple[Share, ...]) -> ReconciliationOut:
    """One comparison."""
    parts = [ShareOut(site_id=share.site_id, totals=_totals(share.totals)) for share in shares]
    return ReconciliationOut(provider=run.provider, day=run.day, ran_at=run.ran_at, shares=parts)


def _totals(totals: Totals) -> TotalsOut:
    return TotalsOut.model_validate(totals, from_attributes=True)
