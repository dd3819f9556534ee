"""Domain dataclasses to documents and back. pydantic checks what comes out, so a broken row fails loudly."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import TypeAdapter

from prepaid.storage.driver import Document

T = TypeVar("T")


class Mapper(Generic[T]):
    """Maps one dataclass. Its field `id` is the document's `_id`."""

    def __init__(self, kind: type[T], *, id_field: str = "id") -> None:
        self._adapter = TypeAdapter(kind)
        self._id_field = id_field

    def to_doc(self, value: T) -> Document:
        """The document of a value."""
        document: Document = self._adapter.dump_python(value)
        if self._id_field in document:
            document["_id"] = document.pop(self._id_field)
        return document

    def from_doc(self, document: Document) -> T:
        """The value of a document; fields that only serve indexes are ignored."""
        return self._adapter.validate_python({self._id_field: document["_id"], **document})

    def optional(self, document: Document | None) -> T | None:
        """The value of a document that may be absent."""
        return None if document is None else self.from_doc(document)

    def to_json_doc(self, value: T) -> Document:
        """As `to_doc`, with dates and times of day as text, which BSON has no types for."""
        document: Document = self._adapter.dump_python(value, mode="json")
        document["_id"] = document.pop(self._id_field)
        return document
