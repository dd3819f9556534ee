"""Takes over accounts and meters from a list. Every row is checked before the first is written; twice is harmless."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from prepaid.domain.access import Action, Actor, Subject, may
from prepaid.domain.accounts import Account, AccountStatus, Site
from prepaid.domain.imports import AccountRow, BadRow, Imported, MeterRow
from prepaid.domain.metering import Meter
from prepaid.domain.supply import Supply, Wanted
from prepaid.domain.tariffs import Utility
from prepaid.ports import Business
from prepaid.usecases.assign_meter import assign_meter
from prepaid.usecases.authorize import record
from prepaid.usecases.wallets import first_utility, wallet_for, wallet_id

ACCOUNTS, METERS = "accounts", "meters"


@dataclass(slots=True)
class _Plan:
    """What would be written, and what stands against it."""

    sites: dict[str, Site]
    profiles: Mapping[str, Utility]
    accounts: dict[str, Account] = field(default_factory=dict)
    """Every account that rows name, as it would be."""
    new_accounts: list[Account] = field(default_factory=list)
    new_meters: list[Meter] = field(default_factory=list)
    places: dict[tuple[str, int], str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    wallets: dict[str, Account] = field(default_factory=dict)
    """Accounts of tenancies that get a water meter, where water has a wallet of its own."""
    unchanged: int = 0
    bad: list[BadRow] = field(default_factory=list)


async def import_places(
    business: Business,
    actor: Actor,
    accounts: Sequence[AccountRow],
    meters: Sequence[MeterRow],
    *,
    profiles: Mapping[str, Utility],
    unreadable: Sequence[BadRow] = (),
    dry_run: bool = False,
    skip_bad: bool = False,
) -> Imported:
    """Checks every row, and unless `dry_run` writes them all; with any bad row nothing, or with `skip_bad` the others.

    `profiles` says what each known model counts, so that a water meter falls to the wallet that pays for water.
    `unreadable` are rows that the caller could not make sense of. Sites and gateways must be there already.
    """
    plan = _Plan({site.id: site for site in await business.store.sites.sites()}, profiles)
    plan.bad += unreadable
    for account in accounts:
        await _account(business, actor, plan, account)
    for meter in meters:
        await _meter(business, actor, plan, meter)
    done = not dry_run and (skip_bad or not plan.bad)
    if done:
        await _write(business, actor, plan)
    return Imported(
        accounts=len(plan.new_accounts),
        meters=len(plan.new_meters),
        unchanged=plan.unchanged,
        bad=tuple(sorted(plan.bad, key=lambda each: (each.file, each.line))),
        done=done,
    )


async def _account(business: Business, actor: Actor, plan: _Plan, row: AccountRow) -> None:
    site = plan.sites.get(row.site)
    if site is None or not may(actor, Action.OPEN_ACCOUNT, Subject(site.path)):
        _refuse(plan, ACCOUNTS, row.line, "refused.import_no_site", value=row.site)
        return
    path = f"{site.path}/{row.place}"
    stored = await business.store.sites.account(row.account)
    account = replace(
        stored or Account(id=row.account, site_id=site.id, path=path, label=row.label, utility=first_utility(site)),
        label=row.label,
        protected=row.protected,
        overdraft_micro=row.overdraft_micro,
    )
    if (account.site_id, account.path) != (site.id, path):
        _refuse(plan, ACCOUNTS, row.line, "refused.import_account_elsewhere", value=row.account)
    elif account.status is not AccountStatus.OPEN:
        _refuse(plan, ACCOUNTS, row.line, "refused.import_account_closed", value=row.account)
    elif _twice(plan, f"account {row.account}"):
        _refuse(plan, ACCOUNTS, row.line, "refused.import_twice", value=row.account)
    else:
        plan.accounts[account.id] = account
        _count(plan, plan.new_accounts, account, same=account == stored)


async def _meter(business: Business, actor: Actor, plan: _Plan, row: MeterRow) -> None:
    account = plan.accounts.get(row.account) or await business.store.sites.account(row.account)
    if account is None or not may(actor, Action.OPEN_ACCOUNT, Subject(account.path)):
        _refuse(plan, METERS, row.line, "refused.import_no_account", value=row.account)
        return
    gateway = await business.store.sites.gateway(row.gateway)
    if gateway is None or gateway.site_id != account.site_id:
        _refuse(plan, METERS, row.line, "refused.import_no_gateway", value=row.gateway)
        return
    if row.profile not in plan.profiles:
        _refuse(plan, METERS, row.line, "refused.import_no_profile", value=row.profile)
        return
    stored = await business.store.meters.get(row.meter)
    against = await _against(business, plan, row, stored)
    if against:
        _refuse(plan, METERS, row.line, against, value=row.meter, gateway=row.gateway, unit=row.unit)
        return
    meter = _described(row, account, stored, plan.profiles[row.profile])
    if meter.account_id != account.id:
        plan.wallets[account.id] = account
    _count(plan, plan.new_meters, meter, same=meter == stored)


async def _against(business: Business, plan: _Plan, row: MeterRow, stored: Meter | None) -> str | None:
    """Why this meter cannot be taken, as a text key. What has lived is changed by its own use case, never by a list."""
    if _twice(plan, f"meter {row.meter}"):
        return "refused.import_twice"
    payers = (None, row.account, wallet_id(row.account, plan.profiles[row.profile]))
    if stored is not None and stored.account_id not in payers:
        return "refused.import_meter_taken"
    if stored is not None and row.serial and stored.serial and row.serial != stored.serial:
        return "refused.import_other_serial"
    for meter in await business.store.meters.on_gateway(row.gateway):
        plan.places.setdefault((meter.gateway_id, meter.unit), meter.id)
    holder = plan.places.setdefault((row.gateway, row.unit), row.meter)
    return "refused.import_place_taken" if holder != row.meter else None


def _described(row: MeterRow, account: Account, stored: Meter | None, utility: Utility) -> Meter:
    described = stored or Meter(
        id=row.meter,
        site_id=account.site_id,
        path=account.path,
        gateway_id=row.gateway,
        unit=row.unit,
        profile=row.profile,
        serial=row.serial,
    )
    return replace(
        described,
        account_id=account.id if account.utility in ("", utility) else wallet_id(account.id, utility),
        utility=utility,
        gateway_id=row.gateway,
        unit=row.unit,
        profile=row.profile,
        serial=row.serial or described.serial,
        rated_current_a=row.rated_current_a,
        register_wraps_wh=row.register_wraps_wh or described.register_wraps_wh,
    )


async def _write(business: Business, actor: Actor, plan: _Plan) -> None:
    """Accounts first, so that a crash in between leaves no meter without one; the same list again does the rest."""
    for account in plan.new_accounts:
        await business.store.sites.save_account(account)
        await record(business, actor, "import_account", account.path, after=account.id)
    for account in plan.wallets.values():
        await wallet_for(business, account, Utility.WATER)
    for meter in plan.new_meters:
        await _write_meter(business, actor, meter)


async def _write_meter(business: Business, actor: Actor, meter: Meter) -> None:
    stored = await business.store.meters.get(meter.id)
    freed = stored is not None and stored.account_id is None
    # A meter that was somebody's goes to its next account by the use case that begins its billing anew.
    await business.store.meters.add(replace(meter, account_id=None) if freed else meter)
    await business.store.supplies.add(
        Supply(
            meter_id=meter.id,
            account_id=None if freed else meter.account_id,
            site_id=meter.site_id,
            gateway_id=meter.gateway_id,
            path=meter.path,
            wanted=Wanted(at=business.clock.now()),
        )
    )
    if freed and meter.account_id is not None:
        await assign_meter(business, actor, meter.id, meter.account_id)
    await record(business, actor, "import_meter", meter.path, after=meter.id)


def _twice(plan: _Plan, key: str) -> bool:
    again = key in plan.seen
    plan.seen.add(key)
    return again


def _count(plan: _Plan, rows: list[Account] | list[Meter], value: Account | Meter, *, same: bool) -> None:
    if same:
        plan.unchanged += 1
    else:
        rows.append(value)  # type: ignore[arg-type]


def _refuse(plan: _Plan, file: str, line: int, key: str, **params: str | int) -> None:
    plan.bad.append(BadRow(file=file, line=line, key=key, params=params))
