"""Reads the gettext catalogues once at import and fills their templates.

A missing key or parameter is a bug of ours and raises; trouble that comes from elsewhere has a kind words fallback.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from string import Formatter

import structlog
from babel.messages.pofile import read_po

from bot.texts.figures import DEFAULT_ZONE, LOCALES, put_in_words
from prepaid.domain.errors import InvariantBroken, Refused, Trouble, TryAgain

LANGUAGES = tuple(LOCALES)
_FOLDER = Path(__file__).parent
_KEY_PARAMS = frozenset({"why", "doubt", "rule", "reason", "effect", "provider"})
"""Parameters that hold a text key when the machine says why, and a person's own words otherwise."""
_log = structlog.get_logger()


def _read(language: str) -> Mapping[str, str]:
    with (_FOLDER / f"{LOCALES[language]}.po").open("rb") as file:
        catalogue = read_po(file, locale=LOCALES[language])
    return {str(message.id): str(message.string) for message in catalogue if message.id and message.string}


_CATALOGUES = {language: _read(language) for language in LANGUAGES}


def keys(language: str) -> frozenset[str]:
    """Every key that a catalogue has a text for."""
    return frozenset(_CATALOGUES[language])


def has(key: str) -> bool:
    """Whether all catalogues have a text for `key`."""
    return all(key in catalogue for catalogue in _CATALOGUES.values())


def placeholders(language: str, key: str) -> frozenset[str]:
    """The parameters that a text needs."""
    return frozenset(name for _, name, _, _ in Formatter().parse(_CATALOGUES[language][key]) if name)


def language_for(code: str | None) -> str:
    """The nearest of our languages to a channel's code ("zh-hans", "zh_CN", "en-GB"); Chinese when there is none."""
    wanted = (code or "").replace("_", "-").lower().split("-")[0]
    return wanted if wanted in LANGUAGES else "en" if wanted else "zh"


def text(language: str, key: str, **params: object) -> str:
    """The text for `key`. Instants are shown in `params["time_zone"]`. Raises `InvariantBroken` for a missing text."""
    return text_of(language, key, params)


def text_of(language: str, key: str, params: Mapping[str, object]) -> str:
    """The same for parameters that are a mapping already."""
    zone = str(params.get("time_zone") or DEFAULT_ZONE)
    try:
        words = [
            literal if name is None else literal + format(_in_words(name, params[name], language, zone), shape)
            for literal, name, shape in _pieces(language, key)
        ]
    except KeyError as missing:
        raise InvariantBroken(f"text {key!r} needs {missing}") from missing
    return "".join(words)


@cache
def _pieces(language: str, key: str) -> Sequence[tuple[str, str | None, str]]:
    """A template as (what stands there, the parameter after it or None, its shape)."""
    template = _CATALOGUES[language].get(key)
    if template is None:
        raise InvariantBroken(f"no text for {key!r} in {language!r}")
    return tuple((literal, name, shape or "") for literal, name, shape, _ in Formatter().parse(template))


def _in_words(name: str, value: object, language: str, zone: str) -> object:
    if name in _KEY_PARAMS and isinstance(value, str) and has(value):
        return text_of(language, value, {})
    return put_in_words(name, value, language, zone)


def trouble_text(language: str, trouble: Trouble) -> str:
    """What to tell a person about trouble; a key that the catalogues lack is logged and answered in general words."""
    if has(trouble.key) and placeholders(language, trouble.key) <= trouble.params.keys():
        return text(language, trouble.key, **trouble.params)
    _log.error("text_missing", key=trouble.key)
    if isinstance(trouble, Refused):
        return text(language, "refused.general")
    return text(language, "try_again.general" if isinstance(trouble, TryAgain) else "unknown.general")
