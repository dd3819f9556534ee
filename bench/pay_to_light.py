"""From the provider's notification to the relay's read-back, at five payments a second on busy buses.

Everything is real but the wire and the payer: encrypted notifications over HTTP, embedded stores, leases, and ten buses
at the pace of 9600 baud whose meters are polled and billed all the while.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from bench._estate import CHANNEL, PROFILE, Flat, QuietSender, add_flat, add_gateways, add_site, flats, scratch_runtime
from bench._frame import Limit, percentile
from chatwatt.embedded.ports import free_port
from chatwatt.house import House, open_house, run_scheduler, run_web, run_worker
from chatwatt.wiring import Runtime
from meters.profile import Profile
from meters.profiles import load_profile
from payments.providers import build
from prepaid.domain.errors import InvariantBroken
from prepaid.domain.supply import Outcome, Reported
from prepaid.ports import Supplies
from prepaid.usecases.start_topup import start_topup
from sandbox.meters import SandboxGateway
from sandbox.meters_device import SandboxMeter
from sandbox.meters_timing import transaction_s
from sandbox.wechat_pay import SandboxWeChatPay

GATEWAYS = 10
METERS = 20
POLL_EVERY_S = 3
PAYMENTS_PER_S = 5
OWED_MICRO = -500_000
PAID_FEN = 1_000
WARM_UP_S = 6.0
END_S_MAX = 30.0
START_S_MAX = 30.0
START_AT_ONCE = 8

LIMITS: Mapping[str, Limit] = {"p95_ms": Limit("<=", 400.0), "answer_p99_ms": Limit("<=", 250.0)}


@dataclass(slots=True)
class Stamps:
    """Instants of one payment, in seconds of the machine's monotonic clock."""

    paid: float
    relay: float = 0.0
    confirmed: float = 0.0


@dataclass(slots=True)
class Watch:
    """All payments, and the news that another relay was read back."""

    by_meter: dict[str, Stamps] = field(default_factory=dict)
    waits: int = 0
    all_lit: asyncio.Event = field(default_factory=asyncio.Event)

    def relay(self, meter_id: str, meter: SandboxMeter) -> None:
        """A contact moved."""
        if meter.relay_closed and meter_id in self.by_meter:
            self.by_meter[meter_id].relay = time.monotonic()

    def confirmed(self, meter_id: str) -> None:
        """A read-back was stored."""
        stamps = self.by_meter.get(meter_id)
        if stamps is None or stamps.confirmed:
            return
        stamps.confirmed = time.monotonic()
        self.waits -= 1
        if self.waits == 0:
            self.all_lit.set()


class WatchedSupplies:
    """The supplies of the store; it notes when a read-back that confirms has been stored."""

    def __init__(self, inner: Supplies, watch: Watch) -> None:
        self._inner = inner
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def record(
        self, meter_id: str, generation: int, reported: Reported, outcome: Outcome, *, operated: bool, day: str
    ) -> bool:
        """Stores, then notes."""
        stored = await self._inner.record(meter_id, generation, reported, outcome, operated=operated, day=day)
        if stored and reported.on and outcome is Outcome.CONFIRMED:
            self._watch.confirmed(meter_id)
        return stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """What a run works with."""

    house: House
    payments: SandboxWeChatPay
    gateways: Sequence[SandboxGateway]
    watch: Watch


async def run() -> Mapping[str, int | float]:
    """Measures."""
    profile = load_profile(PROFILE)
    homes = flats(GATEWAYS, METERS)
    async with _rig(profile, homes) as rig:
        codes = await _orders(rig.house, homes)
        async with _parts(rig.house):
            await asyncio.sleep(WARM_UP_S)
            cpu, began, busy = time.process_time(), time.monotonic(), _busy_s(rig)
            await _pay_all(rig, codes)
            elapsed_s = time.monotonic() - began
            cpu_s, share = time.process_time() - cpu, (_busy_s(rig) - busy) / elapsed_s / GATEWAYS
        return _figures(rig, profile, busy_share=min(1.0, share), cpu_share=cpu_s / elapsed_s)


def minimum_s(profile: Profile, baud: int, busy_share: float) -> float:
    """What physics asks: half of the poll that is on the wire, if one is, then the write and its read-back."""
    turnaround_s, form = profile.turnaround_ms / 1000, profile.serial.format
    if profile.relay is None:
        raise InvariantBroken("the profile has no relay")
    poll = profile.reads[0].request
    polled_s = transaction_s(len(poll.pdu), 2 + 2 * profile.reads[0].count, baud, turnaround_s, form)
    written_s = transaction_s(len(profile.relay.request(on=True).pdu), 5, baud, turnaround_s, form)
    read_s = transaction_s(len(profile.relay.read_back.request.pdu), 4, baud, turnaround_s, form)
    return busy_share * polled_s / 2 + written_s + read_s


def _figures(rig: Rig, profile: Profile, *, busy_share: float, cpu_share: float) -> Mapping[str, int | float]:
    stamps = rig.watch.by_meter.values()
    lit = [(each.confirmed - each.paid) * 1000 for each in stamps]
    moved = [(each.relay - each.paid) * 1000 for each in stamps]
    answers = [answer.took_s * 1000 for answer in rig.payments.answers]
    minimum_ms = 1000 * minimum_s(profile, rig.gateways[0].baud, busy_share)
    return {
        "payments": len(lit),
        "p50_ms": round(percentile(lit, 0.50), 1),
        "p95_ms": round(percentile(lit, 0.95), 1),
        "p99_ms": round(percentile(lit, 0.99), 1),
        "minimum_ms": round(minimum_ms, 1),
        "settle_ms": profile.relay.settle_ms if profile.relay else 0,
        "relay_p50_ms": round(percentile(moved, 0.50), 1),
        "answer_p50_ms": round(percentile(answers, 0.50), 1),
        "answer_p99_ms": round(percentile(answers, 0.99), 1),
        "bus_busy_share": round(busy_share, 3),
        "cpu_share": round(cpu_share, 3),
    }


def _busy_s(rig: Rig) -> float:
    return sum(gateway.counts.busy_s for gateway in rig.gateways)


@asynccontextmanager
async def _rig(profile: Profile, homes: Sequence[Flat]) -> AsyncIterator[Rig]:
    async with AsyncExitStack() as stack:
        runtime = await stack.enter_async_context(scratch_runtime())
        gateways = [SandboxGateway(profile=profile, units=range(1, METERS + 1)) for _ in range(GATEWAYS)]
        for gateway in gateways:
            await gateway.start()
            stack.push_async_callback(gateway.stop)
        payments = await stack.enter_async_context(SandboxWeChatPay(keys_dir=runtime.settings.data / "sandbox"))
        watch = Watch(waits=len(homes))
        house = await _house(stack, runtime, payments, watch)
        _darken(gateways, homes, watch)
        await add_site(house.business, settle_every_s=900)
        await add_gateways(house.business, [gateway.port for gateway in gateways])
        yield Rig(house=house, payments=payments, gateways=gateways, watch=watch)


async def _house(stack: AsyncExitStack, runtime: Runtime, payments: SandboxWeChatPay, watch: Watch) -> House:
    """The program's own wiring, with the watch at the store and the tenants on a channel of ours."""
    port = free_port()
    store = replace(runtime.store, supplies=WatchedSupplies(runtime.store.supplies, watch))
    runtime = replace(runtime, store=store, settings=runtime.settings.model_copy(update={"port": port}))
    config = payments.merchant_config(f"http://127.0.0.1:{port}/notify/wechat_pay")
    providers = {"wechat_pay": build("wechat_pay", config.model_dump(), runtime.clock)}
    house = await stack.enter_async_context(open_house(runtime, providers))
    return replace(house, senders={CHANNEL: QuietSender()})


def _darken(gateways: Sequence[SandboxGateway], homes: Sequence[Flat], watch: Watch) -> None:
    """Opens every relay and listens to it."""
    for flat in homes:
        meter = gateways[flat.gateway].meter(flat.unit)
        meter.flip(closed=False)
        meter.on_change.append(partial(watch.relay, flat.meter_id))


async def _orders(house: House, homes: Sequence[Flat]) -> dict[str, str]:
    """Payment code by meter: each tenant without credit starts a top-up."""
    room = asyncio.Semaphore(START_AT_ONCE)

    async def one(flat: Flat) -> tuple[str, str]:
        async with room:
            person = await add_flat(house.business, flat, balance_micro=OWED_MICRO, on=False, poll_every_s=POLL_EVERY_S)
            order = await start_topup(house.business, person.actor(), flat.account_id, PAID_FEN, provider="wechat_pay")
        if order.pay_uri is None:
            raise InvariantBroken(f"order {order.id} cannot be paid")
        return flat.meter_id, order.pay_uri

    return dict(await asyncio.gather(*(one(flat) for flat in homes)))


@asynccontextmanager
async def _parts(house: House) -> AsyncIterator[None]:
    """Web, worker and scheduler in one process, as `chatwatt all` runs them."""
    stop = asyncio.Event()
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        group.create_task(run_web(house, stop, port=house.runtime.settings.port, started=started))
        group.create_task(run_worker(house, stop))
        group.create_task(run_scheduler(house, stop))
        async with asyncio.timeout(START_S_MAX):
            await started
        try:
            yield
        finally:
            stop.set()


async def _pay_all(rig: Rig, codes: Mapping[str, str]) -> None:
    """Pays at an even pace, bus after bus in turn, and waits for the last light."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    in_turn = sorted(codes, key=lambda meter_id: meter_id[-2:])
    for number, meter_id in enumerate(in_turn):
        await asyncio.sleep(began + number / PAYMENTS_PER_S - loop.time())
        rig.watch.by_meter[meter_id] = Stamps(time.monotonic())
        rig.payments.pay(codes[meter_id])
    async with asyncio.timeout(END_S_MAX):
        await rig.watch.all_lit.wait()
