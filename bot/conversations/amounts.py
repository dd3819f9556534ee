"""Reads an amount as people write it: 50, ５０.５块, ¥1,000, 一百元, 五十块五. Integer fen out, no floats."""

from __future__ import annotations

import re
import unicodedata

import cn2an

from prepaid.domain.errors import Refused
from prepaid.domain.money import FEN_PER_YUAN, MAX_FEN, fen_from_yuan_text

MAX_CHARS = 24
_SIGNS = re.compile(r"^(?:¥|rmb|cny)\s*|\s*(?:元整?|圆整?|块钱?|块|yuan|rmb|cny|人民币|¥)$", re.IGNORECASE)
_GROUPED = re.compile(r"^\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?$", re.ASCII)
_SMALL = re.compile(r"^(?P<yuan>.+?)(?:块|元)(?P<jiao>[一二两三四五六七八九1-9])(?:毛|角)?$")
_CHINESE = re.compile(
    r"^(?P<yuan>[零〇一二两三四五六七八九十百千万]{1,12})(?:点(?P<tail>[零〇一二三四五六七八九]{1,2}))?$"
)
_SPOT = re.compile(
    r"(?<![A-Za-z0-9.])(?P<sign>[+-]?) ?(?P<before>(?:¥|rmb|cny) ?)?"
    r"(?:\d{1,3}(?:,\d{3})+|\d+|[零〇一二两三四五六七八九十百千万]+(?=元|块))(?:\.\d{1,2})?(?![\dA-Za-z.]*\d)"
    r"(?P<after> ?(?:元整?|块钱?|yuan|rmb|cny)(?:[一二两三四五六七八九\d](?!\d))?)?(?![A-Za-z])",
    re.IGNORECASE,
)
_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}


def read_fen(text: str) -> int:
    """The amount in fen. Raises `Refused("refused.amount_unreadable")` for anything that is not plainly an amount."""
    plain = unicodedata.normalize("NFKC", text[: MAX_CHARS * 2]).strip()
    small = _SMALL.match(plain)
    if small is not None and len(plain) <= MAX_CHARS:
        return _plain_fen(small["yuan"], text) + 10 * _digit(small["jiao"])
    return _plain_fen(_SIGNS.sub("", plain), text)


def spot_fen(text: str) -> tuple[int, str] | None:
    """The one amount within a sentence, with its sign, and the words around it; None where there is none or a choice.

    A sign or a currency tells an amount from another number.
    """
    plain = unicodedata.normalize("NFKC", text[: MAX_CHARS * 8]).replace("−", "-")
    found = list(_SPOT.finditer(plain))
    plainly = [each for each in found if each["sign"] or each["before"] or each["after"]]
    meant = plainly if len(found) > 1 else found
    if len(meant) != 1:
        return None
    match = meant[0]
    try:
        amount = read_fen(match[0].lstrip("+- "))
    except Refused:
        return None
    around = f"{plain[: match.start()]} {plain[match.end() :]}".strip(" ,，、:：")
    return -amount if match["sign"] == "-" else amount, around


def looks_like_amount(text: str) -> bool:
    """Whether `read_fen` would understand it."""
    try:
        read_fen(text)
    except Refused:
        return False
    return True


def _plain_fen(plain: str, original: str) -> int:
    if len(plain) > MAX_CHARS:
        raise _unreadable(original)
    if _GROUPED.match(plain):
        plain = plain.replace(",", "")
    chinese = _CHINESE.match(plain)
    if chinese is not None:
        return _chinese_fen(chinese["yuan"], chinese["tail"] or "", original)
    try:
        return fen_from_yuan_text(plain)
    except Refused:
        raise _unreadable(original) from None


def _chinese_fen(yuan: str, tail: str, original: str) -> int:
    try:
        whole = int(cn2an.cn2an(yuan.replace("〇", "零"), "smart"))
    except ValueError:
        raise _unreadable(original) from None
    fen = whole * FEN_PER_YUAN + sum(_digit(digit) * weight for digit, weight in zip(tail, (10, 1), strict=False))
    if fen > MAX_FEN:
        raise _unreadable(original)
    return fen


def _digit(digit: str) -> int:
    return _DIGITS[digit] if digit in _DIGITS else int(digit)


def _unreadable(text: str) -> Refused:
    return Refused("refused.amount_unreadable", text=text.strip()[:20])
