"""Every link in the documents leads somewhere. Only the repository is looked at; the web is not asked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import house
from tests.house import ROOT

_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]+`")
_LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\)")
_IMAGE = re.compile(r"<img[^>]+src=\"([^\"]+)\"")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.MULTILINE)


def _prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def _links(page: Path) -> list[str]:
    prose = _CODE.sub("", _prose(page))
    return [*_LINK.findall(prose), *_IMAGE.findall(prose)]


def _anchor(heading: str) -> str:
    """The anchor that common renderers give a heading."""
    bare = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
    return bare.replace(" ", "-")


def _anchors(page: Path) -> set[str]:
    return {_anchor(heading) for heading in _HEADING.findall(_prose(page))}


def _complaint(page: Path, link: str) -> str | None:
    where, _, anchor = link.partition("#")
    target = (page.parent / where).resolve() if where else page
    if not target.exists() or not target.is_relative_to(ROOT):
        return f"{page.relative_to(ROOT)}: {link} leads nowhere"
    if anchor and target.suffix == ".md" and anchor not in _anchors(target):
        return f"{page.relative_to(ROOT)}: {link} names no heading"
    return None


@pytest.mark.parametrize("page", house.documents(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_resolve(page: Path) -> None:
    """A reader who follows a link from this page finds a file and, where one is named, a heading."""
    inside = [link for link in _links(page) if "://" not in link and not link.startswith("mailto:")]
    complaints = [complaint for link in inside if (complaint := _complaint(page, link))]
    assert complaints == []


def test_every_page_of_the_documents_can_be_reached_from_the_readme() -> None:
    """No page is an island: from README.md every page below docs/ is reached by links."""
    reached: set[Path] = set()
    ahead = [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page in reached or not page.exists():
            continue
        reached.add(page)
        targets = ((page.parent / link.partition("#")[0]).resolve() for link in _links(page) if "://" not in link)
        ahead += [target for target in targets if target.suffix == ".md"]
    islands = [page.relative_to(ROOT).as_posix() for page in house.documents() if page not in reached]
    assert [name for name in islands if name.startswith("docs/")] == []


def test_a_dead_link_would_be_noticed(tmp_path: Path) -> None:
    """The check itself bites: links in prose are found, those in code are not."""
    page = tmp_path / "page.md"
    page.write_text(
        'See [a](gone.md) and <img src="b.png">.\n```\n[c](code.md)\n```\n`[d](code.md)`\n', encoding="utf-8"
    )
    assert _links(page) == ["gone.md", "b.png"]


def test_a_missing_heading_would_be_noticed() -> None:
    """The check itself bites: a file that is not there and a heading that is not there are both complaints."""
    page = ROOT / "docs" / "invariants.md"
    assert _complaint(page, "gone.md") == "docs/invariants.md: gone.md leads nowhere"
    assert _complaint(page, "#nowhere") == "docs/invariants.md: #nowhere names no heading"
    assert _complaint(page, "#supply") is None
