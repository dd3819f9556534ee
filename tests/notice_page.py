"""Writes docs/reference/notices.md from the catalogues, so that somebody can read all that people are told, in a row.

`make notices` runs it.
"""

from __future__ import annotations

import sys
from functools import cache

from babel.messages.pofile import read_po

from bot.texts import keys
from bot.texts.figures import LOCALES
from prepaid.domain.notices import NoticeKind
from tests.house import ROOT

PAGE = ROOT / "docs" / "reference" / "notices.md"
HEAD = """# What people are told

Every notice in both languages, as the catalogues in `bot/texts` have it; `make notices` writes this page.
Figures stand in braces: `{label}` is the room, `{at}` the time, names that end in `_micro` are money.

Who hears a notice, when, and over which channel is in [Messages](../how-to/messages.md).
When each was read over, and what came of it, is in [the review](notices-review.md).

| notice | 中文 | English |
| --- | --- | --- |
"""


def named() -> list[str]:
    """The keys of notices, those of one kind together, in the order in which the kinds are declared."""
    found: list[str] = []
    for kind in NoticeKind:
        own = f"notice.{kind}"
        found += sorted(key for key in keys("en") if key == own or key.startswith(f"{own}."))
    return found


def page() -> str:
    """The whole page."""
    chinese, english = written("zh"), written("en")
    rows = (f"| `{key.removeprefix('notice.')}` | {chinese[key]} | {english[key]} |" for key in named())
    return HEAD + "\n".join(rows) + "\n"


@cache
def written(language: str) -> dict[str, str]:
    """Every text of a language as it stands in its catalogue, by key."""
    with (ROOT / "bot" / "texts" / f"{LOCALES[language]}.po").open("rb") as file:
        return {str(each.id): str(each.string).replace("\n", "<br>") for each in read_po(file)}


def main() -> None:
    """Writes the page."""
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}: {len(named())} texts in two languages\n")


if __name__ == "__main__":
    main()
