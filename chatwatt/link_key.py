"""The keys that seal pay-for-me links and logins: from the settings, or made beside embedded stores."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from chatwatt.settings import Settings
from prepaid.domain.errors import Refused
from prepaid.domain.pay_links import new_key, read_key

FILE_NAME = "pay_link.key"
API_FILE = "api.key"


def link_key(settings: Settings, *, embedded: bool) -> bytes:
    """The key of links; empty where there is none, which turns links off.

    With stores by address several machines must share one key, so there it comes from the settings only. Raises
    `Refused("refused.pay_link_key")` for a key that is none.
    """
    if settings.pay_link_key is not None:
        return read_key(settings.pay_link_key.get_secret_value())
    return read_key(_kept(settings.data / FILE_NAME)) if embedded else b""


def api_key(settings: Settings, *, embedded: bool) -> bytes:
    """The key of logins, likewise; empty turns the API off. Raises `Refused("refused.api_key")`."""
    try:
        if settings.api_key is not None:
            return read_key(settings.api_key.get_secret_value())
        return read_key(_kept(settings.data / API_FILE)) if embedded else b""
    except Refused as refused:
        if refused.key == "refused.pay_link_key":
            raise Refused("refused.api_key") from None
        raise


def _kept(path: Path) -> str:
    """The file's text. It appears whole or not at all, whoever makes it first."""
    if not path.exists():
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
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
