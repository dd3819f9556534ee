"""Sites, meters, readings and supplies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from prepaid.domain.accounts import Account, AccountStatus, Site
from prepaid.domain.holidays import HolidayTable
from prepaid.domain.load import MeterHours
from prepaid.domain.metering import Doubt, Gateway, Meter, Reading, Usage, Watermark
from prepaid.domain.preferences import Alerts
from prepaid.domain.registers import HeldReading, RegisterChange
from prepaid.domain.supply import Hold, Outcome, Reported, Supply, Wanted
from prepaid.domain.tariffs import Pricing, TariffPlan


class Sites(Protocol):
    """Sites, accounts, gateways and meters as they were set up."""

    async def site(self, site_id: str) -> Site | None: ...
    async def save_site(self, site: Site) -> None: ...
    async def add_site(self, site: Site) -> bool:
        """Creates it; False when the id or the path is taken."""
        ...

    async def set_rules(self, site: Site) -> bool:
        """Name, calendar, policy, credit and limits of a site that is there; holidays, holds and prices stay."""
        ...

    async def set_weather_hold(self, site_id: str, until: datetime | None) -> None:
        """Changes nothing else of the site, whoever edits it at the same time."""
        ...

    async def set_mass_cut(self, site_id: str, until: datetime | None) -> None:
        """Until when a second person has agreed to cut off much of the site; nothing else of it changes."""
        ...

    async def set_tariff(self, site_id: str, old: Pricing | None, new: TariffPlan) -> bool:
        """Replaces the plan of its utility, only if its newest version still is that of `old`."""
        ...

    async def set_holidays(self, site_id: str, table: HolidayTable) -> None:
        """Replaces the published holidays and worked days; what people set beside them stays."""
        ...

    async def sites(self) -> Sequence[Site]: ...
    async def account(self, account_id: str) -> Account | None: ...
    async def accounts(self, account_ids: Sequence[str]) -> Sequence[Account]:
        """Those of the accounts that exist."""
        ...

    async def accounts_below(self, scope: str) -> Sequence[Account]:
        """Accounts whose path lies in the subtree `scope`, ordered by path."""
        ...

    async def save_account(self, account: Account) -> None:
        """Creates or re-describes an account; never touches emergency credit and warning levels of an existing one."""
        ...

    async def take_emergency(self, account_id: str, amount_micro: int, at: datetime, *, after_seq: int) -> bool:
        """Puts emergency credit in force if none is; False when some is already. `after_seq`: the newest entry."""
        ...

    async def clear_emergency(self, account_id: str, taken_at: datetime) -> bool:
        """Ends the emergency credit taken at that instant, and no later one."""
        ...

    async def in_emergency(self, limit: int) -> Sequence[Account]:
        """Accounts with emergency credit in force."""
        ...

    async def set_alerts(self, account_id: str, alerts: Alerts) -> None:
        """The account's own warning levels; nothing else of it changes."""
        ...

    async def add_account(self, account: Account) -> bool:
        """Creates it; False when the id is taken."""
        ...

    async def move_account(self, account_id: str, old: AccountStatus, new: AccountStatus, **changes: object) -> bool:
        """Changes the status and sets fields with it, only if it still is `old`."""
        ...

    async def gateway(self, gateway_id: str) -> Gateway | None: ...
    async def gateways(self) -> Sequence[Gateway]: ...
    async def save_gateway(self, gateway: Gateway) -> None: ...


class Meters(Protocol):
    """Meters with their watermark and last reading."""

    async def get(self, meter_id: str) -> Meter | None: ...
    async def on_gateway(self, gateway_id: str) -> Sequence[Meter]: ...
    async def of_account(self, account_id: str) -> Sequence[Meter]: ...
    async def below(self, scope: str) -> Sequence[Meter]:
        """The meters in a subtree, by path."""
        ...

    async def add(self, meter: Meter) -> None:
        """Creates or re-describes a meter; never touches watermark or readings of an existing one."""
        ...

    async def move_watermark(self, meter_id: str, old: Watermark | None, new: Watermark) -> bool:
        """Moves it only if it still is `old`; False when somebody else moved it."""
        ...

    async def move_watermarks(self, moves: Sequence[tuple[str, Watermark | None, Watermark]]) -> None:
        """Moves many (meter, old, new), each only if it still is as it was."""
        ...

    async def assign(
        self,
        meter_id: str,
        old: str | None,
        new: str | None,
        watermark: Watermark | None,
        *,
        vacant_wh: int | None = None,
    ) -> bool:
        """Gives the meter to another account (or none) with a fresh watermark, only if it still is with `old`.

        `vacant_wh`: the total at which nobody's use begins, where it goes to none.
        """
        ...

    async def commission(self, meter: Meter, serial: str | None, *, has_relay: bool) -> bool:
        """Binds the device and what it can do, if the meter still is as it was looked at."""
        ...

    async def saw(self, readings: Sequence[tuple[Reading, int]]) -> None:
        """Stores plausible readings as their meters' last, each with the length of its run of fresh ones.

        A reading older than the last one changes nothing.
        """
        ...

    async def held(self, meter_id: str, epoch: int, doubt: Doubt, reading: Reading) -> None:
        """Counts one more implausible reading and resets the run of fresh ones, unless an admin decided meanwhile."""
        ...

    async def change_register(self, change: RegisterChange) -> bool:
        """Goes on as the change says, if the meter still is in the epoch before; False when it had been applied."""
        ...

    async def silent(self, meter_ids: Sequence[str], at: datetime | None) -> None:
        """Marks meters silent since `at` (kept if already silent), or answering again for None."""
        ...


class Readings(Protocol):
    """Readings at scale: day buckets with slot-keyed writes."""

    async def keep(self, readings: Sequence[Reading], site_time_zone: str) -> None:
        """Stores each reading in its quarter-hour slot; the first of a slot wins. Repeats are harmless."""
        ...

    async def usage_by_hour(self, meter_id: str, since: datetime, until: datetime) -> Sequence[Usage]:
        """Energy per hour that has readings, oldest first."""
        ...

    async def before(self, meter_ids: Sequence[str], at: datetime) -> Mapping[str, tuple[datetime, int]]:
        """(when, register) of each meter's last reading in the two days before an instant; those that have one."""
        ...

    async def hours(self, meter_id: str, since: datetime, until: datetime) -> MeterHours:
        """A span of whole local days by the hour, with the registers at both ends. Months add up to the register."""
        ...

    async def registers_at(self, meter_id: str, midnights: Sequence[datetime]) -> Sequence[int | None]:
        """What the meter showed at some local midnights; None before it was first read, and for one that is ahead."""
        ...

    async def close_days(self, before: datetime, limit: int) -> int:
        """Rolls up days that began before an instant and changed since they were; returns how many."""
        ...

    async def usage_by_day(self, meter_id: str, since: datetime, until: datetime) -> Sequence[Usage]:
        """Energy of each rolled-up day, oldest first."""
        ...


class Registers(Protocol):
    """Held readings as cases for an admin, and what was decided: one change for each epoch of a meter."""

    async def hold(self, case: HeldReading) -> None:
        """Opens a case, or begins the one that is open anew with this reading."""
        ...

    async def held_again(self, meter_id: str, reading: Reading) -> None:
        """Counts one more reading of the open case."""
        ...

    async def passed(self, meter_id: str, at: datetime) -> None:
        """The meter goes on from its last good reading: an open case ends without a decision."""
        ...

    async def case(self, meter_id: str) -> HeldReading | None:
        """The case to decide: the open one, or else the one rejected last."""
        ...

    async def open_below(self, scope: str, limit: int) -> Sequence[HeldReading]:
        """Open cases in a subtree."""
        ...

    async def decided(self, change: RegisterChange) -> None:
        """Closes the case of a change."""
        ...

    async def change(self, change: RegisterChange) -> RegisterChange:
        """Commits a change once for its epoch; returns the one that stands."""
        ...

    async def changes(self, meter_id: str) -> Sequence[RegisterChange]:
        """Everything that happened to a meter's register, oldest first."""
        ...

    async def unapplied(self, limit: int) -> Sequence[RegisterChange]:
        """Changes that a crash may have left half done."""
        ...

    async def applied(self, change: RegisterChange) -> None: ...


class Supplies(Protocol):
    """Wanted against reported."""

    async def get(self, meter_id: str) -> Supply | None: ...
    async def add(self, supply: Supply) -> None:
        """Creates the row of a meter if there is none."""
        ...

    async def on_gateway(self, gateway_id: str) -> Sequence[Supply]: ...
    async def of_account(self, account_id: str) -> Sequence[Supply]: ...
    async def on_site(self, site_id: str) -> Sequence[Supply]: ...
    async def want(self, meter_id: str, old_generation: int, wanted: Wanted) -> bool:
        """Sets a wanted state with generation `old_generation + 1`; False when the generation has moved on."""
        ...

    async def record(
        self, meter_id: str, generation: int, reported: Reported, outcome: Outcome, *, operated: bool, day: str
    ) -> bool:
        """Stores what the relay said under `generation`; older generations change nothing (S6). Counts operations."""
        ...

    async def attempt(self, meter_id: str, generation: int, outcome: Outcome) -> None:
        """Counts one try that did not end confirmed."""
        ...

    async def saw(self, meter_id: str, reported: Reported) -> None:
        """Stores the relay state seen in a poll."""
        ...

    async def hold(self, meter_id: str, hold: Hold | None, *, at: datetime, over_tag: bool = False) -> bool:
        """Sets or clears the hold. False where a maintenance tag hangs: only `over_tag` or another tag replaces it."""
        ...

    async def assign(self, meter_id: str, account_id: str | None) -> None:
        """Whose supply it is."""
        ...

    async def without_account(self, limit: int) -> Sequence[Supply]:
        """Supplies that nobody pays for."""
        ...

    async def wanted_off(self, limit: int) -> Sequence[Supply]:
        """Supplies that are off by rule, not by hand; longest first."""
        ...

    async def restoring(self, since: datetime, before: datetime, limit: int) -> Sequence[Supply]:
        """Those wanted on because of a payment, between the two instants, which are not on yet; longest first."""
        ...

    async def unanswered(
        self, site_id: str, since: datetime, until: datetime, tries: int, limit: int
    ) -> Sequence[Supply]:
        """Switched by word in [since, until), neither confirmed nor waiting, and tried fewer than so many times."""
        ...

    async def count_on_site(self, site_id: str) -> int:
        """How many supplies the site has."""
        ...

    async def restores_open(self, site_id: str) -> int:
        """How many supplies of the site are wanted on and were last seen off."""
        ...

    async def confirm_safe(self, meter_id: str, generation: int) -> bool:
        """Notes that appliances are off, if this still is the generation and it wants the supply on."""
        ...

    async def cuts_since(self, site_id: str, since: datetime) -> int:
        """How many supplies of the site are wanted off since `since`."""
        ...
