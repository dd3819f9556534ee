"""What a file is by its own first bytes; the name and the type that somebody gives it are never believed."""

from __future__ import annotations

JPEG, PNG, PDF = "image/jpeg", "image/png", "application/pdf"
SUFFIXES = {JPEG: "jpg", PNG: "png", PDF: "pdf"}
_PNG_HEAD = b"\x89PNG\r\n\x1a\n"
_PNG_FIRST = slice(12, 16)
"""A PNG's first chunk is always its header (RFC 2083, 4.1)."""
_LEAST_BYTES = 20


def media_type_of(content: bytes) -> str | None:
    """JPEG, PNG or PDF; None for all else."""
    if len(content) < _LEAST_BYTES:
        return None
    if content.startswith(b"\xff\xd8\xff"):
        return JPEG
    if content.startswith(_PNG_HEAD) and content[_PNG_FIRST] == b"IHDR":
        return PNG
    if content.startswith((b"%PDF-1.", b"%PDF-2.")):
        return PDF
    return None


def is_picture(media_type: str) -> bool:
    """Whether a chat can show it as a picture."""
    return media_type in (JPEG, PNG)
