"""Reads the XML that WeChat posts: short, flat, without a document type, and therefore without entities to explode."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

MOST_ELEMENTS = 200
MOST_DEPTH = 6


class MalformedError(ValueError):
    """What came is not a message of WeChat's."""


@dataclass(slots=True)
class Envelope:
    """The texts directly under the root, and those of each `List` inside an event (one for each subscription)."""

    fields: dict[str, str] = field(default_factory=dict)
    lists: list[dict[str, str]] = field(default_factory=list)

    def get(self, name: str) -> str:
        """One field, or "" for one that is not there."""
        return self.fields.get(name, "")


class _Reader:
    def __init__(self) -> None:
        self.envelope = Envelope()
        self._path: list[str] = []
        self._texts: list[str] = []
        self._elements = 0

    def start(self, name: str, _attributes: object) -> None:
        self._elements += 1
        self._path.append(name)
        self._texts = []
        if self._elements > MOST_ELEMENTS or len(self._path) > MOST_DEPTH:
            raise MalformedError("too many elements")
        if name == "List":
            self.envelope.lists.append({})

    def end(self, name: str) -> None:
        text = "".join(self._texts)
        inside = len(self._path) - 1
        if inside == 1:
            self.envelope.fields.setdefault(name, text)
        elif inside > 1 and self._path[-2] == "List" and self.envelope.lists:
            self.envelope.lists[-1].setdefault(name, text)
        self._path.pop()
        self._texts = []

    def text(self, text: str) -> None:
        self._texts.append(text)


def _refuse(*_: object) -> None:
    raise MalformedError("a document type")


def read_xml(text: str) -> Envelope:
    """The envelope. Raises `MalformedError` for what is no XML, has a document type, or is too deep or too long."""
    reader = _Reader()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    try:
        parser.Parse(text.encode("utf-8"), True)  # noqa: FBT003 - the parser takes no keyword
    except (expat.ExpatError, UnicodeEncodeError):
        raise MalformedError("no XML") from None
    return reader.envelope
