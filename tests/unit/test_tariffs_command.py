"""`chatwatt tariff`: a landlord sees what a price list says before anybody pays by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.texts import trouble_text
from chatwatt.cli import parser
from chatwatt.commands import tariff
from prepaid.domain.errors import Refused

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples" / "tariffs"


async def shown(path: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What the command prints."""
    assert await tariff.run(parser().parse_args(["tariff", str(path)])) == 0
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
async def test_every_example_is_shown(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """P5: each row has five columns and a price that is a plain decimal."""
    head, *rows = (line.split("\t") for line in await shown(path, capsys))
    assert head == ["version", "start", "above", "band", "price"]
    assert rows
    for _, _, above, _, price in rows:
        assert above.isdecimal()
        assert price.replace(".", "", 1).isdecimal()


async def test_the_tutorial_shows_what_the_command_says(capsys: pytest.CaptureFixture[str]) -> None:
    """P5: the table in the tutorial is the program's own."""
    page = (ROOT / "docs" / "tutorial" / "tariffs-and-credit.md").read_text(encoding="utf-8")
    for line in (await shown(EXAMPLES / "time-of-use-with-steps.yaml", capsys))[:5]:
        assert line in page


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_slip_is_told_with_its_line(tmp_path: Path, language: str) -> None:
    """P5: the line and the field in words; a file that is not there as well."""
    bad = tmp_path / "bad.yaml"
    bad.write_text("versions:\n  - id: a\n    prise: 1\n", encoding="utf-8")
    with pytest.raises(Refused) as slip:
        await tariff.run(parser().parse_args(["tariff", str(bad)]))
    said = trouble_text(language, slip.value)
    assert "3" in said
    assert "versions[1].prise" in said
    with pytest.raises(Refused) as missing:
        await tariff.run(parser().parse_args(["tariff", str(tmp_path / "none.yaml")]))
    assert "none.yaml" in trouble_text(language, missing.value)
