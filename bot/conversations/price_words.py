"""Reads a price list out of words: "0.62", "峰0.86 8-11 18-23，谷0.31 23-7，平0.56，超200度加0.05".

Words are taken one after the other; a word that says nothing here is refused by name, so that nothing is half heard.
Prices are yuan for a kWh or m3 with up to four decimals, read without floats.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from prepaid.domain.errors import Refused
from prepaid.domain.tariffs import Band, Every, Span, Utility, hours
from prepaid.domain.tariffs.wish import PriceWish, StepWish

MOST_CHARS = 300
MOST_MICRO = {Utility.ELECTRICITY: 10_000_000, Utility.WATER: 50_000_000}
"""Ten yuan for a kWh, fifty for a cubic metre: more is a slip of the pen."""
MOST_UNITS = 1_000_000
_BANDS = {
    Band.DEEP_VALLEY: ("深谷", "deep valley", "deep_valley"),
    Band.SHARP: ("尖峰", "尖", "sharp"),
    Band.PEAK: ("高峰", "峰", "peak"),
    Band.FLAT: ("平段", "平", "flat"),
    Band.VALLEY: ("低谷", "谷", "valley"),
}
_BAND_OF = {word: band for band, words in _BANDS.items() for word in words}
_CLOCK = r"(?:[01]?\d|2[0-4])(?:[:点](?:[0-5]\d)?)?"
_TOKEN = re.compile(
    rf"""\s*(?:
    (?P<span>{_CLOCK}\s*(?:-|–|~|到|至|to)\s*{_CLOCK})(?![.\d])
    |(?P<step>超过?|高于|above|over)
    |(?P<yearly>每年|按年|a\ year|yearly)
    |(?P<monthly>每月|按月|a\ month|monthly)
    |(?P<free>免费|free)
    |(?P<sewage>排污费?|污水处理费|污水|sewage)
    |(?P<water>水价|用水|水|water)
    |(?P<power>电价|用电|电|electricity|power)
    |(?P<adds>加|\+|add|plus)
    |(?P<band>{"|".join(sorted(_BAND_OF, key=len, reverse=True))})(?:时段|电)?
    |(?P<number>\d{{1,7}}(?:\.\d{{1,4}})?)
    |(?P<filler>元|¥|yuan|/?\s*(?:每度|度|kwh|立方米|立方|方|吨|m3)|per|a\b|for|and|和|的|是|[,，、;；。:：=])
    )""",
    re.VERBOSE | re.ASCII,
)


@dataclass(slots=True)
class _Heard:
    """What was read so far; `at` is what the next number or hour belongs to."""

    at: Band | str = ""
    one: int | None = None
    prices: dict[Band, int] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    steps: list[StepWish] = field(default_factory=list)
    above: int | None = None
    adds: bool = False
    every: Every = Every.MONTH
    utility: Utility = Utility.ELECTRICITY
    free: int | None = None
    sewage: int | None = None


def read_price_list(heard: str) -> PriceWish:
    """The wish. Raises `Refused("refused.price_list_unreadable")` with the words that say nothing here."""
    so_far = _Heard()
    for kind, word in _words(heard):
        if kind in ("water", "power"):
            so_far.utility = Utility.WATER if kind == "water" else Utility.ELECTRICITY
        elif kind in ("yearly", "monthly"):
            so_far.every = Every.YEAR if kind == "yearly" else Every.MONTH
        elif kind == "span":
            _hours(so_far, word)
        elif kind == "number":
            _number(so_far, word)
        elif kind == "adds":
            so_far.adds = True
        else:
            so_far.at, so_far.above, so_far.adds = _BAND_OF.get(word, kind), None, False
    if so_far.at == "step" or (so_far.one is None and not so_far.prices):
        raise _unreadable(heard)
    return _wish(so_far, heard)


def _words(heard: str) -> Iterator[tuple[str, str]]:
    plain = unicodedata.normalize("NFKC", heard[: 2 * MOST_CHARS]).strip().lower()
    if not plain or len(plain) > MOST_CHARS:
        raise _unreadable(heard)
    at = 0
    while at < len(plain):
        found = _TOKEN.match(plain, at)
        if found is None:
            if not plain[at:].strip():
                return
            raise _unreadable(plain[at:])
        at = found.end()
        kind = str(found.lastgroup)
        if kind != "filler":
            yield kind, found[kind]


def _hours(so_far: _Heard, word: str) -> None:
    """Hours of the band that was named last."""
    if not isinstance(so_far.at, Band):
        raise _unreadable(word)
    ends = [_clock(each) for each in re.split(r"-|–|~|到|至|to", word)]
    so_far.spans += hours(so_far.at, "-".join(ends))


def _clock(word: str) -> str:
    hour, _, minute = word.strip().replace("点", ":").partition(":")
    return f"{int(hour):02}:{int(minute or 0):02}"


def _number(so_far: _Heard, word: str) -> None:
    if so_far.at in ("step", "free") and so_far.above is None:
        units = _units(word)
        if so_far.at == "free":
            so_far.free, so_far.at = units, ""
        else:
            so_far.above = units
        return
    micro = _micro(word, so_far)
    if isinstance(so_far.at, Band):
        _once(so_far.prices.get(so_far.at), word)
        so_far.prices[so_far.at] = micro
    elif so_far.at == "step":
        so_far.steps.append(StepWish(above_wh=so_far.above or 0, micro=micro, adds=so_far.adds))
        so_far.at, so_far.above, so_far.adds = "", None, False
    elif so_far.at == "sewage":
        _once(so_far.sewage, word)
        so_far.sewage, so_far.at = micro, ""
    else:
        _once(so_far.one, word)
        so_far.one = micro


def _once(known: int | None, word: str) -> None:
    if known is not None:
        raise _unreadable(word)


def _units(word: str) -> int:
    """Whole kWh or cubic metres, in Wh or litres."""
    if "." in word or not 0 < int(word) <= MOST_UNITS:
        raise _unreadable(word)
    return int(word) * 1000


def _micro(word: str, so_far: _Heard) -> int:
    yuan, _, rest = word.partition(".")
    micro = int(yuan) * 1_000_000 + int(rest.ljust(6, "0") or 0)
    if not 0 < micro <= MOST_MICRO[so_far.utility]:
        raise Refused("refused.price_unreadable", text=word)
    return micro


def _wish(so_far: _Heard, heard: str) -> PriceWish:
    if so_far.one is not None and so_far.prices:
        raise _unreadable(heard)
    return PriceWish(
        utility=so_far.utility,
        one_micro=so_far.one,
        bands=tuple(so_far.prices.items()),
        spans=tuple(so_far.spans),
        steps=tuple(so_far.steps),
        every=so_far.every,
        free_wh=so_far.free,
        sewage_micro=so_far.sewage,
    )


def _unreadable(words: str) -> Refused:
    return Refused("refused.price_list_unreadable", text=words.strip()[:30])
