"""The stand-in for Telegram refuses what Telegram refuses; otherwise the channel's tests would prove nothing."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.telegram_checks import (
    BadCallError,
    check_commands,
    check_keyboard,
    check_parameters,
    check_text,
    visible_text,
)


def test_visible_text_is_what_a_person_reads() -> None:
    """Markup and references are taken away."""
    assert visible_text("<b>a &lt; b</b> &amp; <code>c</code> &#65;&#x42; &quot;d&quot;") == 'a < b & c AB "d"'


@pytest.mark.parametrize(
    "html",
    [
        "<b>open",
        "<b><i>crossed</b></i>",
        "</b>",
        "<div>x</div>",
        "a < b",
        "a & b",
        "&nbsp;",
        "<b class='x'>y</b>",
        "<!-- x -->",
    ],
)
def test_bad_markup_is_refused(html: str) -> None:
    """Unknown, unclosed and crossed tags and bare signs are parse errors."""
    with pytest.raises(BadCallError):
        visible_text(html)


@pytest.mark.parametrize(
    ("params", "allowed"),
    [
        ({"text": "x" * 4096}, True),
        ({"text": "x" * 4097}, False),
        ({"text": "<b>" + "x" * 4096 + "</b>", "parse_mode": "HTML"}, True),
        ({"text": "\U0001f50c" * 2049}, False),
        ({"text": "  "}, False),
        ({"text": "<b></b>", "parse_mode": "HTML"}, False),
        ({"text": "x", "parse_mode": "Markdown"}, False),
    ],
)
def test_texts_have_a_length(params: dict[str, Any], *, allowed: bool) -> None:
    """1-4096 UTF-16 units count after the markup is taken away."""
    if allowed:
        assert check_text(params, "text", 4096)
        return
    with pytest.raises(BadCallError):
        check_text(params, "text", 4096)


@pytest.mark.parametrize(
    "button",
    [
        {"text": "a", "callback_data": "x" * 65},
        {"text": "a", "callback_data": "\u5145" * 22},
        {"text": "a", "callback_data": ""},
        {"text": "", "callback_data": "x"},
        {"text": "a"},
        {"text": "a", "url": "weixin://wxpay/x"},
        {"text": "a", "url": "https://example.org", "callback_data": "x"},
    ],
)
def test_buttons_carry_one_short_action(button: dict[str, str]) -> None:
    """A button has words and exactly one action, of at most 64 bytes or with an address that Telegram opens."""
    with pytest.raises(BadCallError):
        check_keyboard({"reply_markup": {"inline_keyboard": [[button]]}})
    fair = [[{"text": "a", "callback_data": "x" * 64}], [{"text": "b", "url": "https://example.org"}]]
    assert check_keyboard({"reply_markup": {"inline_keyboard": fair}}) == fair


def test_menus_and_parameters_are_checked() -> None:
    """A command's name is short and lower-case, and a misspelt parameter is no parameter."""
    for command in ({"command": "Balance", "description": "x"}, {"command": "balance", "description": ""}):
        with pytest.raises(BadCallError):
            check_commands([command])
    with pytest.raises(BadCallError):
        check_parameters("sendMessage", {"chat_id": 1, "text": "x", "parsemode": "HTML"})
