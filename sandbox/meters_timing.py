"""How long RS485 takes: the physical minimum that a bus owner is measured against.

Frame times and the silence of 3.5 characters around them follow the Modbus serial line specification V1.02.
"""

from __future__ import annotations

SILENCE_CHARS = 3.5
FAST_BAUD = 19_200
FAST_SILENCE_S = 0.00175
"""Above 19,200 baud the silence is a fixed time."""
RTU_EXTRA_BYTES = 3
"""Unit and CRC around a PDU."""


def char_s(baud: int, form: str) -> float:
    """The time of one character: start bit, data, parity, stop bits."""
    data, parity, stop = int(form[0]), form[1] != "N", int(form[2])
    return (1 + data + parity + stop) / baud


def silence_s(baud: int, form: str) -> float:
    """The gap that ends a frame."""
    return SILENCE_CHARS * char_s(baud, form) if baud <= FAST_BAUD else FAST_SILENCE_S


def frame_s(pdu_bytes: int, baud: int, form: str) -> float:
    """The time of one RTU frame and the silence behind it; nothing at baud 0."""
    return (pdu_bytes + RTU_EXTRA_BYTES) * char_s(baud, form) + silence_s(baud, form) if baud else 0.0


def transaction_s(request_bytes: int, reply_bytes: int, baud: int, turnaround_s: float, form: str = "8N1") -> float:
    """One request and its reply on the wire. Lengths are those of the PDUs, without unit and CRC."""
    return frame_s(request_bytes, baud, form) + turnaround_s + frame_s(reply_bytes, baud, form)
