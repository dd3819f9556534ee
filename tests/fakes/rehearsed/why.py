"""Why, on the stage: an hour that crossed into the peak, and its dispute."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bot.conversations.topics.why import AskWhatIsWrong, DisputeEntry, ExplainEntry, ShowDrops
from prepaid.domain.errors import not_found
from prepaid.domain.ledger import Kind
from prepaid.domain.pacing import ReadPace
from prepaid.domain.tickets import Ticket
from prepaid.usecases.explain import ExplainedLine, Explanation
from tests.fakes.rights import COUNTS, OPERATES, SEES, TENANT, right

HOUR = timedelta(hours=1)
DISPUTES = TENANT | COUNTS | OPERATES


def _explained(stage: Any, account_id: str, seq: int) -> Explanation:
    if seq != 2:
        raise not_found()
    since = stage.now - HOUR
    middle = since + HOUR / 2
    lines = (
        ExplainedLine(
            kind="use",
            since=since,
            until=middle,
            from_wh=120_000,
            to_wh=120_400,
            band="flat",
            block=1,
            price_micro=528_300,
            exact_nano=400 * 528_300,
            tariff="t1",
        ),
        ExplainedLine(
            kind="use",
            since=middle,
            until=stage.now,
            from_wh=120_400,
            to_wh=120_800,
            band="peak",
            block=2,
            price_micro=792_450,
            exact_nano=400 * 792_450,
            tariff="t1",
        ),
    )
    return Explanation(
        account_id=account_id,
        seq=seq,
        kind=Kind.CONSUMPTION,
        at=stage.now,
        reason="reason.consumption",
        amount_micro=528_300,
        meter_id=f"m-{account_id}",
        since=since,
        until=stage.now,
        from_wh=120_000,
        to_wh=120_800,
        lines=lines,
        brought_nano=0,
        carried_nano=0,
        postings=(),
        pace=ReadPace(every_s=20, usual_s=60, burn_micro_h=1_200_000) if account_id == "a102" else None,
    )


def _ticket(stage: Any, user: str, effect: DisputeEntry) -> Ticket:
    room = stage.account(effect.account_id)
    return Ticket(
        id="tk_0123456789abcdef0123",
        account_id=room.id,
        site_id=room.site_id,
        path=room.path,
        entry_idem="2",
        amount_micro=-528_300,
        why=effect.why,
        opened_by=stage.actors[user].id,
        opened_at=stage.now,
    )


ANSWERS = {
    ShowDrops: lambda stage, _, e: stage.history(e.account_id),
    ExplainEntry: lambda stage, _, e: _explained(stage, e.account_id, e.seq),
    AskWhatIsWrong: lambda stage, _, e: _explained(stage, e.account_id, e.seq),
    DisputeEntry: _ticket,
}
SCRIPTS = {
    "why": (
        ("anna", "为什么余额少了这么多"),
        ("anna", "/why 2"),
        ("ben", "why did my balance drop?"),
        ("ben", "/why 2"),
        ("ben", "/why 77"),
    ),
    "dispute": (
        ("anna", "账单不对"),
        ("anna", "/dispute 2"),
        ("anna", "那天停电"),
        ("anna", "是"),
        ("ben", "/dispute 2"),
        ("ben", "cancel"),
    ),
}
RIGHTS = (
    right("why", lambda on: ShowDrops(account_id=on.account_id), SEES),
    right("why", lambda on: ExplainEntry(account_id=on.account_id, seq=on.entry_seq), SEES),
    right("dispute", lambda on: AskWhatIsWrong(account_id=on.account_id, seq=on.entry_seq), SEES),
    right(
        "dispute",
        lambda on: DisputeEntry(account_id=on.account_id, seq=on.entry_seq, why="too much"),
        DISPUTES,
    ),
)
