"""An estate to measure on: gateways full of meters, a flat with an account behind each, tenants who can be told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from chatwatt.settings import Settings
from chatwatt.wiring import Runtime, open_runtime
from prepaid.domain.accounts import Account, Site
from prepaid.domain.calendar import SiteCalendar
from prepaid.domain.ledger import Kind, Line, Posting, customer
from prepaid.domain.metering import Gateway, Meter
from prepaid.domain.notices import Notice
from prepaid.domain.people import Address, Person
from prepaid.domain.supply import Outcome, Reported, Supply, SupplyPolicy, Wanted
from prepaid.domain.tariffs import FlatTariff
from prepaid.ports import Business

SITE_ID = "bench"
SITE_PATH = "bench/estate"
PROFILE = "hiking_dds238_2_zn_sr"
CHANNEL = "bench"
PRICE_MICRO = 600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Flat:
    """One flat: its place on a bus, and the names of what belongs to it."""

    gateway: int
    unit: int

    @property
    def name(self) -> str:
        """Gateway and unit."""
        return f"{self.gateway:02}{self.unit:02}"

    @property
    def gateway_id(self) -> str:
        """The bus."""
        return f"gw-{self.gateway}"

    @property
    def account_id(self) -> str:
        """The wallet."""
        return f"acc-{self.name}"

    @property
    def meter_id(self) -> str:
        """The meter."""
        return f"met-{self.name}"

    @property
    def path(self) -> str:
        """The place."""
        return f"{SITE_PATH}/{self.gateway_id}/{self.name}"


class QuietSender:
    """A channel that takes everything at once, so that what is measured is ours and no chat service's."""

    def __init__(self) -> None:
        self.sent = 0

    async def send(self, address: Address, notice: Notice, person: Person, *, reference: str | None) -> str:
        """Takes it."""
        del address, notice, person
        self.sent += 1
        return reference or str(self.sent)


@asynccontextmanager
async def scratch_runtime() -> AsyncIterator[Runtime]:
    """Embedded stores in a folder of their own, thrown away at the end."""
    with _scratch() as folder:
        async with open_runtime(Settings(data=folder, port=0, mongodb_uri=None, redis_url=None)) as runtime:
            yield runtime


@contextmanager
def _scratch() -> Iterator[Path]:
    with TemporaryDirectory(prefix="chatwatt-bench-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def flats(gateways: int, meters: int) -> tuple[Flat, ...]:
    """`meters` flats on each of `gateways` buses, bus by bus."""
    return tuple(Flat(gateway=gateway, unit=unit) for gateway in range(gateways) for unit in range(1, meters + 1))


async def add_site(business: Business, **policy: int) -> None:
    """The estate's rules."""
    await business.store.sites.save_site(
        Site(
            id=SITE_ID,
            name="Bench",
            path=SITE_PATH,
            calendar=SiteCalendar(time_zone="Asia/Shanghai"),
            policy=SupplyPolicy(**policy),  # type: ignore[arg-type]  # Numbers of the policy only.
            tariff=FlatTariff(id="flat", price_micro_per_kwh=PRICE_MICRO),
        )
    )


async def add_gateways(business: Business, ports: Sequence[int]) -> None:
    """One gateway for each port on this machine."""
    for number, port in enumerate(ports):
        gateway = Gateway(id=f"gw-{number}", site_id=SITE_ID, transport="tcp", host="127.0.0.1", port=port)
        await business.store.sites.save_gateway(gateway)


async def add_flat(business: Business, flat: Flat, *, balance_micro: int, on: bool, poll_every_s: int) -> Person:
    """A flat with a balance, its relay confirmed in the state that is wanted; returns its tenant."""
    store, now = business.store, business.clock.now()
    await store.sites.save_account(Account(id=flat.account_id, site_id=SITE_ID, path=flat.path, label=flat.name))
    await store.meters.add(
        Meter(
            id=flat.meter_id,
            site_id=SITE_ID,
            path=flat.path,
            gateway_id=flat.gateway_id,
            unit=flat.unit,
            profile=PROFILE,
            account_id=flat.account_id,
            poll_every_s=poll_every_s,
        )
    )
    await store.supplies.add(
        Supply(
            meter_id=flat.meter_id,
            account_id=flat.account_id,
            site_id=SITE_ID,
            gateway_id=flat.gateway_id,
            path=flat.path,
            wanted=Wanted(on=on, generation=1, reason="rule.no_credit", at=now),
            reported=Reported(on=on, at=now),
            outcome=Outcome.CONFIRMED,
        )
    )
    await store.ledger.post(_opening(business, flat, balance_micro))
    person = await store.people.at(CHANNEL, flat.name, language="zh")
    await store.people.bind(person.id, flat.account_id)
    return Person(id=person.id, accounts=(flat.account_id,), addresses=person.addresses)


def _opening(business: Business, flat: Flat, balance_micro: int) -> Posting:
    return Posting(
        account_id=flat.account_id,
        idem="opening",
        kind=Kind.ADJUSTMENT,
        lines=(Line(customer(flat.account_id), balance_micro), Line("adjustments:opening", -balance_micro)),
        effective_at=business.clock.now(),
        actor="bench",
        reason="reason.opening",
    )
