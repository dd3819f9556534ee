"""Every sentence that a person reads, in Chinese and English, by key. Nothing of the kind lives in Python."""

from __future__ import annotations

from bot.texts.catalogue import LANGUAGES, has, keys, language_for, placeholders, text, text_of, trouble_text

__all__ = ["LANGUAGES", "has", "keys", "language_for", "placeholders", "text", "text_of", "trouble_text"]
