"""How long a transaction takes on RS485, so that a bus knows what to expect of a meter that it has never heard.

Frame times and the silence of 3.5 characters around them follow the Modbus serial line specification V1.02.
"""

from __future__ import annotations

from dataclasses import dataclass

from meters.links.requests import Request

SILENCE_CHARS = 3.5
FAST_BAUD = 19_200
FAST_SILENCE_S = 0.00175
"""Above 19,200 baud the silence is a fixed time."""
RTU_EXTRA_BYTES = 3
"""Unit and CRC around a PDU."""
READ_OVERHEAD_CHARS = 13
"""What a read costs beside its registers: 8 characters of request and 5 around the data of the reply."""
BYTES_PER_REGISTER = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The serial line behind a gateway, and how long its meters think."""

    baud: int
    form: str = "8N1"
    turnaround_s: float = 0.03

    @property
    def char_s(self) -> float:
        """One character: start bit, data, parity, stop bits."""
        data, parity, stop = int(self.form[0]), self.form[1] != "N", int(self.form[2])
        return (1 + data + parity + stop) / self.baud

    @property
    def silence_s(self) -> float:
        """The gap that ends a frame."""
        return SILENCE_CHARS * self.char_s if self.baud <= FAST_BAUD else FAST_SILENCE_S

    def transaction_s(self, request: Request) -> float:
        """A request and its whole reply."""
        characters = len(request.pdu) + request.reply_bytes + 2 * RTU_EXTRA_BYTES
        return characters * self.char_s + 2 * self.silence_s + self.turnaround_s

    @property
    def gap_registers(self) -> int:
        """The widest gap between two ranges that is cheaper to read along than to ask for the second range apart."""
        saved_s = READ_OVERHEAD_CHARS * self.char_s + 2 * self.silence_s + self.turnaround_s
        return int(saved_s / (BYTES_PER_REGISTER * self.char_s))
