"""Opens a tenancy: an account at a room, with its meters. Each tenancy is an account of its own (A1).

Where the site keeps separate wallets it has one account for each utility (`prepaid.usecases.wallets`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import structlog

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Account
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.places import check_inside
from prepaid.domain.tariffs import Utility
from prepaid.ports import Business
from prepaid.usecases.assign_meter import assign_meter
from prepaid.usecases.authorize import intent, reach_place, record
from prepaid.usecases.wallets import first_utility, wallet_for

log = structlog.get_logger()

MAX_LABEL = 40


async def open_account(
    business: Business,
    actor: Actor,
    site_id: str,
    *,
    path: str,
    label: str,
    key: str,
    protected: bool = False,
    meters: Sequence[str] = (),
) -> Account:
    """The account at `path`, once for each `key`; asking again returns it and finishes what a crash left undone.

    Raises `Refused` for a place outside the site or the actor's reach, a bad label, a meter that is taken.
    """
    site = await business.store.sites.site(site_id)
    if site is None:
        await record(business, actor, Action.OPEN_ACCOUNT, site_id, refused="refused.not_found")
        raise not_found()
    await reach_place(business, actor, path, Action.OPEN_ACCOUNT, named=site_id)
    check_inside(path, site.path)
    if not 0 < len(label.strip()) <= MAX_LABEL:
        raise Refused("refused.label")
    account = Account(
        id=account_id(site_id, path, key),
        site_id=site_id,
        path=path,
        label=label.strip(),
        protected=protected,
        utility=first_utility(site),
        lease_from=business.clock.now(),
    )
    async with intent(business, actor, Action.OPEN_ACCOUNT, path, after=account.id):
        opened = await _add(business, account)
    if opened.utility and site.water_tariff is not None:
        await wallet_for(business, opened, Utility.WATER)
    for meter_id in meters:
        await assign_meter(business, actor, meter_id, opened.id)
    return opened


def account_id(site_id: str, path: str, key: str) -> str:
    """One id for one wish, so that asking twice opens one account."""
    return f"a{hashlib.sha256(f'{site_id}:{path}:{key}'.encode()).hexdigest()[:16]}"


async def _add(business: Business, account: Account) -> Account:
    if await business.store.sites.add_account(account):
        log.info("account_opened", account=account.id, site=account.site_id)
        return account
    held = await business.store.sites.account(account.id)
    if held is None or (held.label, held.protected) != (account.label, account.protected):
        raise Refused("refused.idempotency_conflict")
    return held
