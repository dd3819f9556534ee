"""Money is an integer: micro-yuan in the ledger, fen at the providers' edge. No floats, ever.

1 yuan = 100 fen = 1,000,000 micro-yuan. People see yuan and fen, rounded down, so that what is shown is never better
than it is.
"""

from __future__ import annotations

import re
import unicodedata

from prepaid.domain.errors import Refused

MICRO_PER_FEN = 10_000
MICRO_PER_YUAN = 1_000_000
FEN_PER_YUAN = 100
MAX_FEN = 100_000_000_00
"""A sanity limit of 100 million yuan on one amount, far below what an Int64 of micro-yuan holds."""

_YUAN = re.compile(r"^(?P<yuan>\d{1,9})(?:\.(?P<fen>\d{1,2}))?$", re.ASCII)


def micro_from_fen(amount_fen: int) -> int:
    """Fen (provider's edge) to micro-yuan (ledger). Exact."""
    return amount_fen * MICRO_PER_FEN


def fen_from_micro(amount_micro: int) -> int:
    """Micro-yuan to fen, rounded towards minus infinity."""
    return amount_micro // MICRO_PER_FEN


def fen_from_yuan_text(text: str) -> int:
    """Reads an amount in yuan as a person types it ("50", "12.5", "１００") and gives fen.

    Raises `Refused("refused.amount_unreadable")` for anything else, more than two decimals and signs included.
    """
    match = _YUAN.match(unicodedata.normalize("NFKC", text).strip())
    if match is None:
        raise Refused("refused.amount_unreadable", text=text[:20])
    fen = (match["fen"] or "0").ljust(2, "0")
    return int(match["yuan"]) * FEN_PER_YUAN + int(fen)


def yuan_text(amount_micro: int) -> str:
    """Micro-yuan as plain digits with two decimals ("-0.05"), rounded down to the fen. No currency sign."""
    fen = fen_from_micro(amount_micro)
    sign, fen = ("-", -fen) if fen < 0 else ("", fen)
    return f"{sign}{fen // FEN_PER_YUAN}.{fen % FEN_PER_YUAN:02d}"
