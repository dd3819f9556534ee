"""Puts what WeChat answers into our three kinds of trouble. Only its number leaves here, never its words.

Source: developers.weixin.qq.com, global return codes and those of each message interface.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from prepaid.domain.errors import Refused, Trouble, TryAgain

TOKEN_CODES = frozenset({40001, 40014, 42001})
"""The access token is not, or no longer, the right one."""
WINDOW_CODES = frozenset({45015, 45047})
"""The person has not written lately, or has had as many messages as that allows."""
NOT_SUBSCRIBED = 43101
"""The person has not agreed to another subscription message."""
BUSY = -1
QUOTA_CODES = frozenset({45009, 45011})
TOO_OFTEN = 43117
"""The same person was sent too much lately."""
_OPERATOR_CODES = frozenset({40002, 40013, 40125, 40164, 41002, 41004, 48001, 50002})
"""A wrong app id or secret, an address that is not allowed, an interface that the account does not have."""
_PERSON_CODES = frozenset({40003, 43004, 43019, 43101, 45015, 45047})
_log = structlog.get_logger()


def trouble_of(code: int, path: str) -> Trouble:
    """`Refused` where this person takes no such message, `TryAgain` for what passes or what the operator mends."""
    if code in _PERSON_CODES:
        return Refused("refused.no_channel", code=code)
    if code in _OPERATOR_CODES or code in QUOTA_CODES or code in TOKEN_CODES:
        _log.warning("wechat_refused_us", path=path, code=code)
        return TryAgain("try_again.channel", code=code)
    if code in {BUSY, TOO_OFTEN}:
        return TryAgain("try_again.channel", code=code)
    # The person is there, so what we sent is wrong: a mistake that no repetition mends.
    _log.error("wechat_message_refused", path=path, code=code)
    return Refused("refused.no_channel", code=code)


def code_of(answer: Mapping[str, object]) -> int:
    """The return code; an answer without one is a good one."""
    code = answer.get("errcode", 0)
    return code if isinstance(code, int) else BUSY


def is_window_closed(refused: Refused) -> bool:
    """Whether only the window for free messages has closed, so that another kind of message may still pass."""
    return refused.params.get("code") in WINDOW_CODES
