"""`chatwatt chat` against a running demo, and what it returns."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.running_demo import nothing_left, run_program, running_demo

pytestmark = pytest.mark.timeout(300)

TALK = """
# The tenant of 102 reads English.
> balance
< Price
> recharge 20
! Yes, top up
< 20.00
> 总览
< Sorry
"""


async def test_a_transcript_holds_or_names_its_line(tmp_path: Path) -> None:
    """T1: 0 for a transcript that holds, 1 and the line for one that does not; the page's address is understood."""
    (tmp_path / "talk.txt").write_text(TALK, encoding="utf-8")
    (tmp_path / "wrong.txt").write_text("> balance\n! No such button\n", encoding="utf-8")
    async with running_demo(tmp_path, "--speed", "1") as demo:
        to = ("chat", "--url", demo.url, "--as", "tenant-b", "--script")
        code, out, err = await run_program(*to, str(tmp_path / "talk.txt"))
        assert code == 0, err
        assert "¥80.00" in out
        code, _, err = await run_program(*to, str(tmp_path / "wrong.txt"))
        assert code == 1
        assert "line 2" in err
    await nothing_left(tmp_path)
