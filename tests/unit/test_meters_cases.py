"""What the reconciler makes of one supply: its load, its turn among many, and the way its power comes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from meters.cases import LOOKS, Case, Load, contact_of, restore_of
from meters.profile import Restore
from meters.profiles import load_profile
from prepaid.domain.errors import Refused
from prepaid.domain.metering import Meter
from prepaid.domain.supply import Reported, Restoring, Supply, SupplyPolicy, Wanted

AT = datetime(2026, 11, 25, tzinfo=UTC)
METER = Meter(id="m1", site_id="s", path="s/m1", gateway_id="g", unit=1, profile="hiking_dds238_2_zn_sr")


def dark(meter_id: str, *, cause: str = "") -> Case:
    """A supply that is off and wanted on."""
    meter = replace(METER, id=meter_id)
    contact = contact_of(meter)
    assert contact is not None
    supply = Supply(
        meter_id=meter_id,
        account_id=None,
        site_id="s",
        gateway_id="g",
        path=meter.path,
        wanted=Wanted(at=AT, generation=3, cause=cause),
    )
    return Case(meter, contact, supply, Restore.DIRECT, seen=Reported(on=False, at=AT))


def test_many_restores_are_spread_over_a_minute_and_a_payer_does_not_wait() -> None:
    """S1, S8: a hundred flats come back one after the other within 60 s; whoever has just paid comes at once."""
    policy = SupplyPolicy()
    turns = sorted(dark(f"m{number}").staggered_s(policy, 100) for number in range(100))
    assert 0 <= turns[0] < 5
    assert 55 < turns[-1] < 60
    assert max(later - sooner for sooner, later in pairwise(turns)) < 6
    assert dark("m1", cause="order-1").staggered_s(policy, 100) == 0
    assert dark("m1").staggered_s(policy, policy.restores_at_once) == 0


def test_a_load_is_believed_when_it_was_seen_twice() -> None:
    """S4: one poll may be older than the cut; power, current or the register alone may tell."""
    for figures in ((None, 500, None), (None, None, 2_000), (1_000, 0, 0)):
        load = Load()
        energy = 0
        for _ in range(LOOKS + 1):
            load.see(energy if figures[0] else None, figures[1], figures[2])
            energy += figures[0] or 0
        assert load.flowing >= LOOKS
    load = Load()
    for energy in (100, 105, 105):
        load.see(energy, None, None)
    assert (load.flowing, load.still) == (0, 3)


def test_the_site_chooses_how_power_comes_back_where_the_device_can() -> None:
    """S1: a device without a button closes at once, whatever the site would like."""
    relay = load_profile(METER.profile).relay
    assert relay is not None
    for wish in Restoring:
        assert restore_of(relay, SupplyPolicy(restoring=wish)) is Restore.DIRECT


def test_a_board_without_such_a_channel_is_refused() -> None:
    """S11: a typing error switches nobody else's supply."""
    with pytest.raises(Refused, match="board_channel"):
        contact_of(replace(METER, board="waveshare_relay_8", board_unit=40, board_channel=9))
    with pytest.raises(Refused, match="board_channel"):
        contact_of(replace(METER, board="waveshare_relay_8", board_channel=1))
    assert contact_of(replace(METER, has_relay=False)) is None
