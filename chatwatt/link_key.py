"""The key that seals pay-for-me links: from the settings, or made at the first start beside embedded stores."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from chatwatt.settings import Settings
from prepaid.domain.errors import Refused
from prepaid.domain.pay_links import new_key, read_key

FILE_NAME = "pay_link.key"


def link_key(settings: Settings, *, embedded: bool) -> bytes:
    """The key; empty where there is none, which turns links off.

    With stores by address several machines must share one key, so there it comes from the settings only. Raises
    `Refused("refused.pay_link_key")` for a key that is none.
    """
    if settings.pay_link_key is not None:
        return read_key(settings.pay_link_key.get_secret_value())
    return read_key(_kept(settings.data / FILE_NAME)) if embedded else b""


def _kept(path: Path) -> str:
    """The file's text. It appears whole or not at all, whoever makes it first."""
    if not path.exists():
        draft = path.with_name(f"{FILE_NAME}.{secrets.token_hex(4)}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(new_key() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    try:
        return path.read_text()
    except OSError:
        raise Refused("refused.key_file_missing", file=path.name) from None
