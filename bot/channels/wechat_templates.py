"""Which of the operator's templates tells which notice, and how its fields are filled.

A template's fields are named by WeChat ("thing1", "amount2"); the operator's file says what each holds. What is too
long is cut here: WeChat cuts template messages without a word and refuses subscription messages.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Formatter

from bot.texts.figures import DEFAULT_ZONE, put_in_words
from prepaid.domain.errors import Refused
from prepaid.domain.notices import Notice, NoticeKind

ANY = "default"
WORDS = "text"
"""In a field: the notice's whole sentence."""
CHARS: Mapping[str, int] = {"thing": 20, "phrase": 5, "name": 10, "character_string": 32, "amount": 12, "const": 20}
OTHER_CHARS = 32
_NAME = re.compile(r"([a-z_]+)\d{1,3}", re.ASCII)
_TEMPLATE = re.compile(r"[A-Za-z0-9_-]{10,64}", re.ASCII)
MOST_FIELDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One template. `subscription` is for those that a person agrees to one message at a time."""

    id: str
    fields: Mapping[str, str] = field(default_factory=dict)
    subscription: bool = False

    def data(self, notice: Notice, words: str, language: str) -> dict[str, str]:
        """The fields of one notice; a figure that the notice does not have leaves its place empty."""
        zone = str(notice.params.get("time_zone") or DEFAULT_ZONE)
        params: dict[str, object] = {"at": notice.at, **notice.params}
        figures = {name: put_in_words(name, value, language, zone) for name, value in params.items()}
        filled = {name: _fill(pattern, {**figures, WORDS: words}) for name, pattern in self.fields.items()}
        return {name: _cut(name, value) for name, value in filled.items()}


Templates = Mapping[str, Template]


def templates_from(data: object) -> Templates:
    """Reads the operator's file. Raises `Refused("refused.wechat_templates")` that names the entry which is wrong."""
    if not isinstance(data, dict):
        raise _wrong("-")
    return {str(name): _template(str(name), entry) for name, entry in data.items()}


def template_for(templates: Templates, kind: NoticeKind) -> Template | None:
    """The template of a kind of notice, or the one for all others."""
    return templates.get(kind) or templates.get(ANY)


def message_id(notice: Notice, user: str) -> str:
    """The same for the same notice to the same person, so that WeChat drops a second try."""
    return hashlib.sha256(f"{notice.id}\0{user}".encode()).hexdigest()[:32]


def _template(name: str, entry: object) -> Template:
    if name != ANY and name not in {str(kind) for kind in NoticeKind}:
        raise _wrong(name)
    if not isinstance(entry, dict) or entry.keys() - {"template", "fields", "subscription"}:
        raise _wrong(name)
    fields, subscription = entry.get("fields", {}), entry.get("subscription", False)
    if not isinstance(fields, dict) or not isinstance(subscription, bool):
        raise _wrong(name)
    found = {str(key): _pattern(name, str(key), pattern) for key, pattern in fields.items()}
    template_id = str(entry.get("template", ""))
    if not _TEMPLATE.fullmatch(template_id) or not 0 < len(found) <= MOST_FIELDS:
        raise _wrong(name)
    return Template(id=template_id, fields=found, subscription=subscription)


def _pattern(entry: str, field_name: str, pattern: object) -> str:
    """A pattern names figures only: no attribute, no index, nothing that could reach further."""
    if not _NAME.fullmatch(field_name) or not isinstance(pattern, str):
        raise _wrong(entry)
    try:
        names = [name for _, name, _, conversion in Formatter().parse(pattern) if name is not None or conversion]
    except ValueError:
        raise _wrong(entry) from None
    if not all(name and name.isidentifier() for name in names):
        raise _wrong(entry)
    return pattern


def _fill(pattern: str, figures: Mapping[str, object]) -> str:
    try:
        return pattern.format_map(_Known(figures))
    except (KeyError, ValueError):
        # A shape that this figure does not have.
        return ""


class _Known(dict[str, object]):
    def __missing__(self, name: str) -> str:
        return ""


def _cut(name: str, value: str) -> str:
    """Within the length of the field's kind, in one line; an empty field would be refused."""
    kind = _NAME.fullmatch(name)
    most = CHARS.get(kind[1], OTHER_CHARS) if kind else OTHER_CHARS
    line = " ".join(value.split())
    return (line if len(line) <= most else f"{line[: most - 1]}…") or "-"


def _wrong(entry: str) -> Refused:
    return Refused("refused.wechat_templates", entry=entry)
