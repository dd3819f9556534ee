"""Reads the operator's file of WeChat templates."""

from __future__ import annotations

from pathlib import Path

import yaml

from bot.channels.wechat_templates import Templates, templates_from
from prepaid.domain.errors import Refused

MOST_BYTES = 256 * 1024


def templates_in(path: Path | None) -> Templates:
    """The templates of a file; none without one. Raises `Refused` for a file that cannot be read."""
    if path is None:
        return {}
    try:
        text = path.read_text(encoding="utf-8")
        data = yaml.safe_load(text) if len(text) <= MOST_BYTES else None
    except (OSError, ValueError, yaml.YAMLError):
        raise Refused("refused.wechat_templates", entry=path.name) from None
    return templates_from(data)
