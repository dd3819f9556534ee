"""The menu at the foot of the chat: a tenant's most wanted intents, in the words of the texts."""

from __future__ import annotations

from typing import Any

from bot.texts import text

FIRST = ("balance", "recharge")
MORE = ("usage", "history", "accounts", "language", "help")
"""Five at most (WeChat, custom menus)."""
LANGUAGE = "zh"
"""One menu serves everybody: WeChat does not tell us a person's language."""


def buttons(language: str = LANGUAGE) -> list[dict[str, Any]]:
    """What `menu/create` takes."""
    more = {"name": text(language, "button.more"), "sub_button": [_press(language, name) for name in MORE]}
    return [*(_press(language, name) for name in FIRST), more]


def is_same(standing: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> bool:
    """Whether the menu that stands is the wanted one; WeChat adds empty fields of its own."""
    return _plain(standing) == _plain(wanted)


def _press(language: str, intent: str) -> dict[str, Any]:
    return {"type": "click", "name": text(language, f"intent.{intent}"), "key": intent}


def _plain(menu: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            **{name: button[name] for name in ("type", "name", "key") if button.get(name)},
            "sub_button": _plain(button.get("sub_button") or []),
        }
        for button in menu
    ]
