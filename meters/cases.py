"""One supply and how far it is from what is wanted: what the reconciler knows of it."""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

from meters.profile import Restore, Switch
from meters.profiles import load_board, load_profile
from meters.switching import Proves
from prepaid.domain.errors import Refused
from prepaid.domain.metering import Meter
from prepaid.domain.supply import Outcome, Reported, Restoring, Supply, SupplyPolicy

SPACING_S = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Pauses between the first tries; after them one try for each poll."""
LOOKS = 2
"""So many polls in a row must say the same of a load before it is believed."""
NO_LOAD_W = 20
NO_LOAD_MA = 100
STILL_WH = 10
"""A step of a coarse register is no sign of a load."""


@dataclass(frozen=True, slots=True)
class Contact:
    """What switches a meter: its own relay or valve, or a channel of a board on the same bus."""

    switch: Switch
    unit: int
    in_poll: bool
    """Whether a poll of the meter already says what it does."""


def contact_of(meter: Meter) -> Contact | None:
    """None where nothing can be switched and read back."""
    if not meter.has_relay:
        return None
    if meter.board:
        relay = load_board(meter.board).channel(meter.board_channel)
        if relay is None or not meter.board_unit:
            raise Refused("refused.board_channel", board=meter.board, channel=meter.board_channel)
        return Contact(relay, meter.board_unit, in_poll=False)
    profile = load_profile(meter.profile)
    return Contact(profile.switch, meter.unit, in_poll=profile.relay_in_poll) if profile.switch is not None else None


def restore_of(switch: Switch, policy: SupplyPolicy) -> Restore:
    """How supply comes back here: as the site wants it where the device can, else as its model does."""
    wanted = {Restoring.DIRECT: Restore.DIRECT, Restoring.ALLOW: Restore.ALLOW}.get(policy.restoring, switch.restore)
    return wanted if wanted in switch.restores else switch.restore


@dataclass(slots=True)
class Load:
    """What flows while the contact is said to be open."""

    flowing: int = 0
    """Polls in a row that saw a load."""
    still: int = 0
    """Polls in a row that saw none."""
    energy_wh: int | None = None
    told: bool = False

    def see(self, energy_wh: int | None, power_w: int | None, current_ma: int | None) -> None:
        """One poll. Where the meter tells neither power nor current, its register must tell."""
        if self.energy_wh is None:
            self.energy_wh = energy_wh
        moved = energy_wh is not None and self.energy_wh is not None and energy_wh - self.energy_wh > STILL_WH
        if power_w is None and current_ma is None:
            flows = moved
        else:
            flows = (power_w or 0) > NO_LOAD_W or (current_ma or 0) > NO_LOAD_MA or moved
        self.energy_wh = energy_wh if moved else self.energy_wh
        self.flowing, self.still = (self.flowing + 1, 0) if flows else (0, self.still + 1)


@dataclass(slots=True, eq=False)
class Case:
    """One supply of a bus."""

    meter: Meter
    contact: Contact
    supply: Supply
    restore: Restore
    seen: Reported | None = None
    fresh: bool = False
    """This owner has seen the relay itself. Until then what is stored may be older than another owner's last write."""
    doubtful: bool = False
    """A write left and the relay was not read since: it is read before anything is written."""
    confirmed: int = -1
    """The newest generation that a read-back has confirmed."""
    proving: int = -1
    """The generation whose cut waits for its load to be gone, because the read-back only repeats the order."""
    tries: int = 0
    next_at: float = 0.0
    looked_at: float = float("-inf")
    busy: bool = False
    load: Load | None = None

    def see(self, reported: Reported | None, *, stored: bool = False) -> None:
        """Keeps the newest word of the relay."""
        if reported is not None and (self.seen is None or reported.at >= self.seen.at):
            self.seen = reported
            self.fresh = self.fresh or not stored
            if reported.on:
                self.load = None

    @property
    def differs(self) -> bool:
        """Whether the relay was last seen in the other state."""
        return self.seen is not None and self.seen.on != self.supply.wanted.on

    @property
    def waits(self) -> bool:
        """Whether the device may close and waits for its button: nothing more to do from here."""
        return self.supply.wanted.on and self.seen is not None and self.seen.waits and not self.doubtful

    @property
    def proved_elsewhere(self) -> bool:
        """Whether the cut is written and what is missing is only that its load is seen to be gone."""
        return self.proving == self.supply.wanted.generation and not self.differs and not self.doubtful

    @property
    def was_confirmed(self) -> bool:
        """Whether the wanted state was once reached."""
        return self.supply.outcome is Outcome.CONFIRMED or self.confirmed == self.supply.wanted.generation

    @property
    def settled(self) -> bool:
        """Whether the wanted state was confirmed and nothing has been seen against it since."""
        return self.was_confirmed and self.seen is not None and not self.differs and not self.doubtful

    @property
    def must_prove(self) -> bool:
        """Whether a cut counts only when the load is gone."""
        return self.contact.switch.read_back.proves is Proves.ORDER and not self.supply.wanted.on

    def later(self, now: float) -> None:
        """One more try is over."""
        self.tries += 1
        if self.tries <= len(SPACING_S):
            pause_s = SPACING_S[max(0, self.tries - 1)]
        else:
            pause_s = max(SPACING_S[-1], float(self.meter.poll_every_s))
        self.next_at = now + pause_s

    def staggered_s(self, policy: SupplyPolicy, restores_open: int) -> float:
        """How long a restore waits for its turn when many come back at once. Whoever has just paid does not wait."""
        wanted = self.supply.wanted
        if not wanted.on or wanted.cause or not self.differs or restores_open <= policy.restores_at_once:
            return 0.0
        turn = crc32(f"{self.meter.id}:{wanted.generation}".encode()) % 1000
        return policy.restore_spread_s * turn / 1000
