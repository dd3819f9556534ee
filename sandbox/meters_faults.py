"""What can be wrong with one simulated device or its path."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Faults:
    """What is wrong with one device or its path. `times` says for how many replies; None until it is cleared."""

    silent: bool = False
    no_path: bool = False
    """The gateway waits for its own timeout and answers with exception 0x0B."""
    exception_code: int | None = None
    garbled_crc: bool = False
    late_s: float = 0.0
    slow_s: float = 0.0
    """It thinks this much longer before it answers, and holds the bus meanwhile."""
    noise: bool = False
    """Bytes of nothing before its reply."""
    wrong_unit: bool = False
    wrong_function: bool = False
    wrong_length: bool = False
    wrong_echo: bool = False
    stuck_relay: bool = False
    """Writes are echoed, and the contact or valve does not move."""
    switch_fault: bool = False
    """It does not move, and says so where the model can say it."""
    welded: bool = False
    """Its contact says what it was told, and current flows all the same."""
    times: int | None = None

    def clear(self) -> None:
        """Nothing is wrong any more."""
        self.__init__()  # type: ignore[misc]

    def used(self) -> None:
        """One more reply was spoilt."""
        if self.times is not None:
            self.times -= 1
            if self.times <= 0:
                self.clear()

    @property
    def stuck(self) -> bool:
        """Whether an order moves nothing."""
        return self.stuck_relay or self.switch_fault
