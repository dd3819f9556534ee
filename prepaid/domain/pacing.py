"""How often a meter is read while its account is nearly used up, so that credit is not overdrawn unseen. Pure."""

from __future__ import annotations

from dataclasses import dataclass

LEAST_S = 10
"""No account is read more often than this."""
LOOKS = 3
"""At the power of now, so many looks before the credit is gone."""
HOUR_S = 3600
_MICRO_PER_HOUR_DIVISOR = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPace:
    """How often a meter is read now, and what that can cost beyond zero."""

    every_s: int
    usual_s: int
    burn_micro_h: int
    """What the power of now costs in an hour."""

    @property
    def near_zero(self) -> bool:
        """Whether it is read more often than usual."""
        return self.every_s < self.usual_s

    @property
    def overshoot_micro(self) -> int:
        """The most that is expected to be used beyond zero before anybody can see it: one interval at this power."""
        return -(-self.burn_micro_h * self.every_s // HOUR_S)


def burn_micro_h(power_w: int, price_micro_per_kwh: int) -> int:
    """What a power costs in an hour."""
    return max(0, power_w) * price_micro_per_kwh // _MICRO_PER_HOUR_DIVISOR


def read_pace(credit_micro: int, burn_micro_h: int, usual_s: int) -> ReadPace:
    """The pace for a credit above the floor at a burn. Where nothing is left or drawn it is the usual one."""
    every_s = usual_s
    if burn_micro_h > 0 and credit_micro > 0:
        left_s = credit_micro * HOUR_S // burn_micro_h
        every_s = min(usual_s, max(LEAST_S, left_s // LOOKS))
    return ReadPace(every_s=every_s, usual_s=usual_s, burn_micro_h=burn_micro_h)
