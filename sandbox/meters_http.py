"""Simulated meters under control over HTTP, on loopback only: loads, registers, faults, swaps, power failures."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from meters.parts import AlarmKind
from sandbox.meters import SandboxGateway, SandboxMeter
from sandbox.meters_faults import Faults

MOST_BYTES = 16 * 1024
LOOPBACK = "127.0.0.1"
Body = TypeVar("Body", bound=BaseModel)


class Strict(BaseModel):
    """Unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid")


class FaultsAsked(Strict):
    """`sandbox.meters_faults.Faults`; what is left out is not wrong."""

    silent: bool = False
    no_path: bool = False
    exception_code: int | None = Field(default=None, ge=1, le=255)
    garbled_crc: bool = False
    late_s: float = Field(default=0, ge=0, le=600)
    slow_s: float = Field(default=0, ge=0, le=600)
    noise: bool = False
    wrong_unit: bool = False
    wrong_function: bool = False
    wrong_length: bool = False
    wrong_echo: bool = False
    stuck_relay: bool = False
    switch_fault: bool = False
    times: int | None = Field(default=None, ge=1, le=1_000_000)


class MeterAsked(Strict):
    """What to change of a meter."""

    load_w: int | None = Field(default=None, ge=0, le=1_000_000)
    energy_wh: int | None = Field(default=None, ge=0, le=10**15)
    closed: bool | None = None
    serial: str | None = Field(default=None, min_length=1, max_length=32, pattern=r"^[0-9]+$")
    """Another device hangs there; with `energy_wh`, at that figure."""
    alarms: list[AlarmKind] | None = Field(default=None, max_length=16)
    button: bool = False
    faults: FaultsAsked | None = None


class GatewayAsked(Strict):
    """What to change of the gateway."""

    powered: bool | None = None
    connection_limit: int | None = Field(default=None, ge=0, le=1000)
    black_hole: bool | None = None


class SandboxControl:
    """The control of one simulated gateway."""

    def __init__(self, gateway: SandboxGateway) -> None:
        self._gateway = gateway
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self, port: int = 0) -> int:
        """Listens on loopback; returns the port."""
        app = web.Application(client_max_size=MOST_BYTES)
        app.add_routes(
            [
                web.get("/meters", self._list),
                web.post("/meters/{unit:[0-9]{1,3}}", self._meter),
                web.post("/gateway", self._of_gateway),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, LOOPBACK, port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self.port

    async def stop(self) -> None:
        """Closes."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _list(self, _: web.Request) -> web.Response:
        counts = self._gateway.counts
        return web.json_response(
            {
                "port": self._gateway.port,
                "framing": self._gateway.framing,
                "baud": self._gateway.baud,
                "transactions": counts.transactions,
                "busy_s": round(counts.busy_s, 3),
                "meters": [told(meter) for meter in self._gateway.meters],
            }
        )

    async def _meter(self, request: web.Request) -> web.Response:
        meters = {meter.unit: meter for meter in self._gateway.meters}
        meter = meters.get(int(request.match_info["unit"]))
        if meter is None:
            return web.json_response({"error": "no such meter"}, status=404)
        asked = await _asked(request, MeterAsked)
        _change(meter, asked)
        return web.json_response(told(meter))

    async def _of_gateway(self, request: web.Request) -> web.Response:
        asked, faults = await _asked(request, GatewayAsked), self._gateway.faults
        if "connection_limit" in asked.model_fields_set:
            faults.connection_limit = asked.connection_limit
        if asked.black_hole is not None:
            faults.black_hole = asked.black_hole
        if asked.powered is True:
            await self._gateway.come_back()
        if asked.powered is False:
            await self._gateway.go_down()
        return web.json_response(dataclasses.asdict(faults))


async def _asked(request: web.Request, kind: type[Body]) -> Body:
    try:
        return kind.model_validate_json(await request.read())
    except ValidationError as error:
        wrong: Sequence[Any] = error.errors(include_url=False, include_input=False, include_context=False)
        text = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in wrong[:10])
        raise web.HTTPBadRequest(text=text) from error


def _change(meter: SandboxMeter, asked: MeterAsked) -> None:
    if asked.serial is not None:
        meter.swap(asked.serial)
    if asked.energy_wh is not None:
        meter.energy_wh = asked.energy_wh
    if asked.load_w is not None:
        meter.load_w = asked.load_w
    if asked.alarms is not None:
        meter.alarms = set(asked.alarms)
    if asked.closed is not None:
        meter.flip(closed=asked.closed)
    if asked.button:
        meter.press_button()
    if asked.faults is not None:
        meter.faults = Faults(**asked.faults.model_dump())


def told(meter: SandboxMeter) -> Mapping[str, Any]:
    """The truth about a meter, as JSON."""
    return {
        "unit": meter.unit,
        "profile": meter.profile.name,
        "serial": meter.serial,
        "closed": meter.relay_closed,
        "load_w": meter.load_w,
        "energy_wh": int(meter.energy_wh),
        "bands": {str(band): int(value) for band, value in meter.bands.items()},
        "alarms": sorted(meter.alarms),
        "operations": meter.operations,
        "writes": meter.writes,
        "faults": dataclasses.asdict(meter.faults),
    }
