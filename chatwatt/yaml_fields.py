"""Reads YAML that a landlord wrote, place by place. What is wrong is refused with its line and field.

Numbers are read as they stand in the text, so 0.5283 yuan is 528,300 micro-yuan and never a binary fraction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

import yaml

from prepaid.domain.errors import Refused

MOST_BYTES = 256 * 1024
MICRO_PER_YUAN = 1_000_000
UNITS_PER_1000 = 1000
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NUMBER = re.compile(r"^\d{1,12}(\.\d{1,6})?$", re.ASCII)


def read_yaml(text: str, *, unreadable: str = "refused.tariff_file") -> Field:
    """The whole text as one field. Raises `Refused(unreadable)` with its line for what is no YAML, or too long."""
    if len(text) > MOST_BYTES:
        raise Refused(unreadable, line=1, field="")
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise Refused(unreadable, line=mark.line + 1 if mark else 1, field="") from error
    if node is None:
        raise Refused(unreadable, line=1, field="")
    return Field(node, "")


@dataclass(frozen=True, slots=True)
class Field:
    """One place in the file: what stands there, and what to call it when it is wrong."""

    node: yaml.Node
    name: str

    def wrong(self) -> Refused:
        """It is not what can stand there."""
        return Refused("refused.tariff_field", line=self.node.start_mark.line + 1, field=self.name)

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """What the domain refuses about this place is told with its line."""
        try:
            yield
        except Refused as refused:
            line = self.node.start_mark.line + 1
            if "line" in refused.params:
                raise
            params = {"line": line, "field": self.name, **refused.params}
            raise Refused(refused.key, **params) from refused

    def parts(self, *, must: Sequence[str] = (), can: Sequence[str] = ()) -> Mapping[str, Field]:
        """The fields of a mapping; unknown, double and missing ones are refused."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.wrong()
        found: dict[str, Field] = {}
        for key, value in self.node.value:
            name = str(key.value)
            part = Field(value, f"{self.name}.{name}" if self.name else name)
            if name in found or name not in {*must, *can}:
                raise Refused("refused.tariff_field", line=key.start_mark.line + 1, field=part.name)
            found[name] = part
        for name in must:
            if name not in found:
                line = self.node.start_mark.line + 1
                raise Refused("refused.tariff_field_missing", line=line, field=name)
        return found

    def mapped(self) -> Mapping[str, Field]:
        """The fields of a mapping with free names."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.wrong()
        return self.parts(can=[str(key.value) for key, _ in self.node.value])

    def items(self) -> tuple[Field, ...]:
        """The items of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.wrong()
        return tuple(Field(item, f"{self.name}[{number}]") for number, item in enumerate(self.node.value, start=1))

    def text(self) -> str:
        """A scalar as it stands."""
        if not isinstance(self.node, yaml.ScalarNode) or not self.node.value:
            raise self.wrong()
        return str(self.node.value)

    def choice(self, choices: Sequence[str]) -> str:
        """One of a few words."""
        if self.text() not in choices:
            raise self.wrong()
        return self.text()

    def scaled(self, scale: int) -> int:
        """A number of at most six decimals, times `scale`, which must be whole."""
        if not _NUMBER.match(self.text()):
            raise self.wrong()
        try:
            value = Decimal(self.text()) * scale
        except InvalidOperation as error:
            raise self.wrong() from error
        if value != int(value):
            raise self.wrong()
        return int(value)

    def micro(self) -> int:
        """Yuan as micro-yuan."""
        return self.scaled(MICRO_PER_YUAN)

    def wh(self) -> int:
        """KWh as Wh, or m3 as litres."""
        return self.scaled(UNITS_PER_1000)

    def instant(self) -> datetime:
        """An instant with its offset from UTC."""
        try:
            at = datetime.fromisoformat(self.text())
        except ValueError as error:
            raise self.wrong() from error
        if at.tzinfo is None:
            raise self.wrong()
        return at.astimezone(UTC)

    def day(self) -> date:
        """A day, as 2026-12-01."""
        try:
            return date.fromisoformat(self.text())
        except ValueError as error:
            raise self.wrong() from error

    def whole(self, most: int) -> int:
        """A whole number from 0 to `most`."""
        value = self.scaled(1)
        if value > most:
            raise self.wrong()
        return value
