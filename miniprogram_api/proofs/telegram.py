"""What Telegram says of the user of a Web App: `initData`, signed with the bot's token.

Source: core.telegram.org/bots/webapps, "Validating data received via the Mini App".
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl

from prepaid.domain.errors import Refused

AGE_MAX: Final = timedelta(minutes=10)
EARLY_MAX: Final = timedelta(minutes=1)
FIELDS_MOST: Final = 30
_SECONDS: Final = re.compile(r"^[0-9]{1,12}$", re.ASCII)


def telegram_user(init_data: str, bot_token: str, now: datetime) -> str:
    """The user's id, as the chat with the bot knows it. Raises `Refused("refused.login_proof")` for anything else."""
    fields = _fields(init_data)
    given = fields.pop("hash", "")
    if not hmac.compare_digest(_signature(fields, bot_token).encode(), given.encode("utf-8", "replace")):
        raise Refused("refused.login_proof")
    made_at = fields.get("auth_date", "")
    age_s = now.timestamp() - int(made_at) if _SECONDS.match(made_at) else AGE_MAX.total_seconds() + 1
    if not -EARLY_MAX.total_seconds() <= age_s <= AGE_MAX.total_seconds():
        raise Refused("refused.login_proof")
    return _user(fields.get("user", ""))


def _fields(init_data: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(init_data, keep_blank_values=True, strict_parsing=True, max_num_fields=FIELDS_MOST)
    except ValueError:
        raise Refused("refused.login_proof") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Refused("refused.login_proof")
    return fields


def _user(text: str) -> str:
    """The id in a text that Telegram signed."""
    try:
        user = json.loads(text)["id"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Refused("refused.login_proof") from None
    if not isinstance(user, int) or isinstance(user, bool) or user <= 0:
        raise Refused("refused.login_proof")
    return str(user)


def _signature(fields: dict[str, str], bot_token: str) -> str:
    secret = hmac.new(b"WebAppData", bot_token.encode(), hashlib.sha256).digest()
    text = "\n".join(f"{name}={fields[name]}" for name in sorted(fields))
    return hmac.new(secret, text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
