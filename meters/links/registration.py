"""How a unit that dials in says who it is: a pattern over the first bytes, as text or as hex."""

from __future__ import annotations

import re
from dataclasses import dataclass

from prepaid.domain.errors import Refused

LONGEST_ID = 64
LONGEST_PATTERN = 200
_HEX_TOKEN = re.compile(r"\{(\d{1,2})\}|([0-9A-Fa-f]{2})|\s+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Registration:
    """A pattern whose group `id` is what the unit calls itself; `in_hex` when those are no characters."""

    pattern: re.Pattern[bytes]
    in_hex: bool = False

    def find(self, data: bytes) -> tuple[str, bytes, bytes] | None:
        """The id, the registration as it came, and what came behind it."""
        match = self.pattern.search(data)
        if match is None:
            return None
        raw = match["id"]
        name = raw.hex() if self.in_hex else raw.decode("ascii", "replace")
        return name[:LONGEST_ID], match[0], data[match.end() :]


def from_text(pattern: str) -> Registration:
    r"""A regular expression over the bytes, such as `REG:(?P<id>\w+)\r\n`. Raises `Refused`."""
    try:
        compiled = re.compile(pattern.encode("latin-1"), re.DOTALL)
    except (re.error, UnicodeEncodeError) as wrong:
        raise Refused("refused.registration_pattern") from wrong
    if "id" not in compiled.groupindex or len(pattern) > LONGEST_PATTERN or compiled.match(b""):
        raise Refused("refused.registration_pattern")
    return Registration(compiled)


def from_hex(template: str) -> Registration:
    """Bytes in hex around the id, whose length stands in braces: `AA 55 {6} 0D 0A`. Raises `Refused`."""
    parts: list[bytes] = []
    ids = at = 0
    while at < len(template):
        token = _HEX_TOKEN.match(template, at)
        if token is None:
            raise Refused("refused.registration_pattern")
        length, byte = token.groups()
        if length:
            ids += 1
            parts.append(b"(?P<id>.{%d})" % int(length))
        elif byte:
            parts.append(re.escape(bytes.fromhex(byte)))
        at = token.end()
    if ids != 1 or b"(?P<id>.{0})" in parts:
        raise Refused("refused.registration_pattern")
    return Registration(re.compile(b"".join(parts), re.DOTALL), in_hex=True)
