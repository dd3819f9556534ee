"""What a site lends and recovers: emergency credit, arrears in shares of a top-up, deposits and fixed fees.

Emergency credit is a lower floor and no money (M5): it is used by running below zero and repaid by the top-up that
lifts the balance. Arrears and deposits lie beside the balance, in `Aside`, which every entry carries forward so that
what is owed and what was recovered is exact whoever posts at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from prepaid.domain.errors import InvariantBroken

PERMILLE = 1000


class Wallet(StrEnum):
    """Whether one balance pays for all utilities of a room, or each has its own account."""

    SHARED = "shared"
    SEPARATE = "separate"


class Every(StrEnum):
    """How often a fixed fee falls due, in the site's local time."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedFee:
    """A fee that does not depend on use. It is billed on or after its local day, once."""

    id: str
    every: Every
    amount_micro: int
    since: date
    """First local day (or month of that day) for which it is due."""

    def __post_init__(self) -> None:
        """A fee takes money; it never gives any."""
        if self.amount_micro <= 0 or not self.id:
            raise InvariantBroken(f"fee {self.id} must cost something")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """The share of a top-up that repays arrears, and the local month in which the cap counts."""

    permille: int
    period: str
    """ "2026-11"."""
    cap_top_up_micro: int | None = None
    cap_month_micro: int | None = None

    def __post_init__(self) -> None:
        """A share below the whole, so that whoever pays enough to rise above zero always stays above it."""
        caps = (self.cap_top_up_micro, self.cap_month_micro)
        if not 0 <= self.permille < PERMILLE or any(cap is not None and cap < 0 for cap in caps):
            raise InvariantBroken("a recovery takes between nothing and less than everything")


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """What lies beside a balance after an entry: debt to be recovered, deposit held, and this month's recovery."""

    arrears_micro: int = 0
    deposit_micro: int = 0
    period: str = ""
    recovered_micro: int = 0
    """Recovered from top-ups within `period`."""

    def recovered_in(self, period: str) -> int:
        """What counts against the cap of a month. A payment that comes in late counts in the newest month."""
        return self.recovered_micro if period <= self.period else 0

    def recover(self, amount_micro: int, period: str) -> Aside:
        """After a share was taken."""
        if amount_micro == 0:
            return self
        return Aside(
            arrears_micro=self.arrears_micro - amount_micro,
            deposit_micro=self.deposit_micro,
            period=max(period, self.period),
            recovered_micro=self.recovered_in(period) + amount_micro,
        )

    def move(self, *, arrears_micro: int = 0, deposit_micro: int = 0) -> Aside:
        """After debt or deposit was moved by a posting of its own."""
        return Aside(
            arrears_micro=self.arrears_micro + arrears_micro,
            deposit_micro=self.deposit_micro + deposit_micro,
            period=self.period,
            recovered_micro=self.recovered_micro,
        )


NOTHING_ASIDE = Aside()


def share_of(amount_micro: int, *, balance_micro: int, aside: Aside, recovery: Recovery | None) -> int:
    """What a top-up gives to arrears: a share of what is left of it once a negative balance is lifted.

    Emergency credit and overdraft are therefore repaid first, and a supply that the top-up pays for comes back.
    """
    if recovery is None or aside.arrears_micro <= 0:
        return 0
    left_micro = max(0, min(amount_micro, balance_micro + amount_micro))
    limits = [aside.arrears_micro, left_micro * recovery.permille // PERMILLE]
    if recovery.cap_top_up_micro is not None:
        limits.append(recovery.cap_top_up_micro)
    if recovery.cap_month_micro is not None:
        limits.append(recovery.cap_month_micro - aside.recovered_in(recovery.period))
    return max(0, min(limits))


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditRules:
    """A site's credit rules. Nothing is lent, recovered or charged unless a site says so."""

    emergency_micro: int = 0
    """How far below the ordinary floor emergency credit reaches; 0 offers none."""
    emergency_threshold_micro: int = 0
    """Offered at or below this balance."""
    recovery_permille: int = 200
    recovery_cap_top_up_micro: int | None = None
    recovery_cap_month_micro: int | None = None
    fees: tuple[FixedFee, ...] = ()
    wallet: Wallet = Wallet.SHARED

    def __post_init__(self) -> None:
        """Numbers that a site cannot have."""
        if self.emergency_micro < 0:
            raise InvariantBroken("emergency credit cannot be negative")
        self.recovery("")

    def recovery(self, period: str) -> Recovery:
        """The rule for a top-up in a local month."""
        return Recovery(
            permille=self.recovery_permille,
            period=period,
            cap_top_up_micro=self.recovery_cap_top_up_micro,
            cap_month_micro=self.recovery_cap_month_micro,
        )


def due_days(fee: FixedFee, *, today: date, opened: date | None, most: int) -> tuple[str, ...]:
    """The keys ("2026-11-23" or "2026-11") of the days or months for which the fee is due by `today`, newest last.

    Looks back over `most` days, for what an outage left, and never before the fee or the account began. A month is due
    if its first day is: whoever moves in on the tenth pays from the next month on.
    """
    first = fee.since if opened is None else max(fee.since, opened)
    days = [date.fromordinal(today.toordinal() - back) for back in range(most, -1, -1)]
    if fee.every is Every.DAY:
        return tuple(day.isoformat() for day in days if day >= first)
    starts = {day.replace(day=1) for day in days}
    begun = fee.since.replace(day=1)
    return tuple(f"{day:%Y-%m}" for day in sorted(starts) if day >= begun and (opened is None or day >= opened))
