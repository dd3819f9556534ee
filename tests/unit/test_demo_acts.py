"""What a visitor does to the demonstration's house, against the simulated meters themselves."""

from __future__ import annotations

import asyncio

import pytest

from chatwatt.demo import acts as acting
from chatwatt.demo.acts import HEAVY_W, Acts, day_wh
from chatwatt.demo.seed import FLATS, PROFILE
from meters.profiles import load_profile
from sandbox.meters import SandboxGateway


async def test_loads_relays_plugs_and_days(monkeypatch: pytest.MonkeyPatch) -> None:
    """FEATURES O3: each button does what it says to the meters, says that it is done, and takes it back."""
    monkeypatch.setattr(acting, "_LOOK_EVERY_S", 0.01)
    first, second, _ = FLATS
    gateway = SandboxGateway(profile=load_profile(PROFILE), units=[flat.unit for flat in FLATS], speed=10_000_000)
    await gateway.start()
    async with Acts(gateway) as acts:
        call = {act.name: act.call for act in acts.offered()}
        assert {act.name for act in acts.offered() if act.staff} == set(acts.state("admin"))
        await call["load"](first.user.id)
        assert gateway.meter(first.unit).load_w == HEAVY_W
        assert gateway.meter(second.unit).load_w != HEAVY_W
        await call["relay"](first.user.id)
        assert acts.state(first.user.id) == {"load": True, "relay": True}
        await call["load"](first.user.id)
        await call["relay"](first.user.id)
        assert acts.state(first.user.id) == {"load": False, "relay": False}
        assert gateway.meter(first.unit).load_w == first.load_w
        await call["gateway"]("admin")
        with pytest.raises(OSError, match="onnect"):
            await asyncio.open_connection("127.0.0.1", gateway.port)
        await call["gateway"]("admin")
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.close()
        gateway.meter(second.unit).flip(closed=False)
        before = {flat: gateway.meter(flat.unit).energy_wh for flat in FLATS}
        await call["day"]("admin")
        assert acts.state("admin")["day"]
        async with asyncio.timeout(30):
            await acts.day_over()
        assert gateway.meter(first.unit).energy_wh >= before[first] + day_wh(first)
        assert gateway.meter(second.unit).energy_wh < before[second] + day_wh(second)
        assert gateway.meter(first.unit).load_w == first.load_w
    await gateway.stop()
