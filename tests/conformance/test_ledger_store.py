"""The journal on the real store: single effects, dense chains, exact balances."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from prepaid.domain.errors import InvariantBroken, Refused
from prepaid.domain.ledger import Audit, Entry, Head, Kind, Line, Posting, customer, hash_of
from prepaid.storage.driver import Database
from prepaid.storage.ledger import MongoLedger
from tests.fakes.clock import EPOCH, ManualClock


def posting(key: str, amount_micro: int = 1_000, *, account: str = "a", floor: int | None = None) -> Posting:
    """A top-up or, when negative, a use."""
    lines = (Line(customer(account), amount_micro), Line("clearing:x", -amount_micro))
    return Posting(
        account_id=account,
        idem=key,
        kind=Kind.ADJUSTMENT,
        lines=lines,
        effective_at=EPOCH,
        actor="test",
        reason="r",
        floor_micro=floor,
    )


@pytest.fixture
async def ledger(database: Database, clock: ManualClock) -> MongoLedger:
    """An empty journal."""
    ledger = MongoLedger(database, clock)
    await ledger.migrate()
    return ledger


async def audited(ledger: MongoLedger) -> Audit:
    """A whole replay."""
    audit = Audit()
    heads: dict[str, Head] = {}
    async for entry in ledger.replay():
        audit.feed((entry,))
        heads[entry.account_id] = audit.head
    async for account, cached in ledger.cached_heads():
        audit.check_cache(cached, heads.get(account, Head()))
    return audit


async def test_a_key_has_one_effect_and_one_answer(ledger: MongoLedger) -> None:
    """M15: the same key and body give the same entry; another body is refused."""
    first = await ledger.post(posting("k"))
    assert await ledger.post(posting("k")) == first
    with pytest.raises(Refused, match="idempotency_conflict"):
        await ledger.post(posting("k", 2_000))
    assert (await ledger.head("a")).balance_micro == 1_000


async def test_fifty_uses_and_fifty_topups_at_once_lose_nothing(database: Database, clock: ManualClock) -> None:
    """M1, M2, M3: two processes' worth of writers on one account; the chain stays dense and exact."""
    ledgers = [MongoLedger(database, clock), MongoLedger(database, clock)]
    await ledgers[0].migrate()
    posts = [ledgers[i % 2].post(posting(f"k{i}", 1_000 if i % 2 else -300)) for i in range(100)]
    await asyncio.gather(*posts)
    assert (await ledgers[0].head("a")).balance_micro == 50 * 1_000 - 50 * 300
    audit = await audited(ledgers[1])
    assert audit.clean
    assert (audit.accounts, audit.entries) == (1, 100)


async def test_two_hundred_identical_posts_at_once_make_one_entry(database: Database, clock: ManualClock) -> None:
    """M4: one key, two hundred writers over two processes' ledgers, one entry."""
    ledgers = [MongoLedger(database, clock), MongoLedger(database, clock)]
    await ledgers[0].migrate()
    entries = await asyncio.gather(*(ledgers[i % 2].post(posting("same")) for i in range(200)))
    assert {entry.hash for entry in entries} == {entries[0].hash}
    assert (await audited(ledgers[0])).entries == 1


async def test_a_floor_holds_even_for_a_ledger_with_an_old_head(database: Database, clock: ManualClock) -> None:
    """M10: a debit is judged by the committed balance, not by what this process remembers."""
    here, elsewhere = MongoLedger(database, clock), MongoLedger(database, clock)
    await here.migrate()
    await here.post(posting("in", 1_000))
    await elsewhere.post(posting("out", -900, floor=0))
    with pytest.raises(Refused, match="not_enough"):
        await here.post(posting("out2", -900, floor=0))
    await elsewhere.post(posting("in2", 5_000))
    assert (await here.post(posting("out3", -900, floor=0))).balance_micro == 4_200


async def test_a_lagging_cache_is_repaired_by_reading(database: Database, clock: ManualClock) -> None:
    """M16: what a crash left between entry and cached row is seen by the next reader, and is no audit finding."""
    ledger = MongoLedger(database, clock)
    await ledger.migrate()
    for i in range(5):
        await ledger.post(posting(f"k{i}"))
    rows = database.collection("ledger_heads")
    await rows.update_one({"_id": "a"}, {"$set": {"seq": 0, "bal": 0, "hash": "0" * 64, "credit_seq": 0}})
    fresh = MongoLedger(database, clock)
    assert (await fresh.head("a")).balance_micro == 5_000
    assert (await audited(fresh)).clean


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"bal": 999_999}, "mismatches"),
        ({"hash": "f" * 64}, "chain_breaks"),
        ({"reason": "forged"}, "chain_breaks"),
        ({"seq": 77}, "chain_breaks"),
    ],
)
async def test_the_audit_sees_a_changed_entry(bare_database: Database, change: dict[str, object], finding: str) -> None:
    """M14: any change of a committed entry is found, also where the store itself enforces nothing."""
    ledger = MongoLedger(bare_database, ManualClock())
    for i in range(3):
        await ledger.post(posting(f"k{i}"))
    await bare_database.collection("entries").update_one({"idem": "k1"}, {"$set": change})
    audit = await audited(ledger)
    assert getattr(audit, finding) > 0
    assert not audit.clean


async def test_the_store_itself_refuses_an_unbalanced_document(ledger: MongoLedger, database: Database) -> None:
    """M1: even a writer that bypasses our code cannot commit lines that do not sum to zero."""
    entry = await ledger.post(posting("k"))
    stored = await database.collection("entries").find_one({"idem": "k"})
    assert stored is not None
    stored |= {"_id": "x", "idem": "x", "seq": stored["seq"] + 1}
    stored["lines"][0]["v"] += 1
    with pytest.raises(Exception, match=r"[Vv]alidation"):
        await database.collection("entries").insert_one(stored)
    assert (await ledger.head("a")).hash == entry.hash


def test_a_posting_that_breaks_the_rules_is_our_bug() -> None:
    """M1: unbalanced, without counterpart, or with a float: refused before any write."""
    good = posting("k")
    for lines in (
        (Line(customer("a"), 1), Line("clearing:x", -2)),
        (Line(customer("a"), 0),),
        (Line(customer("a"), 1.0), Line("clearing:x", -1.0)),  # type: ignore[arg-type]
        (Line(customer("a"), 1), Line("somewhere:x", -1)),
    ):
        with pytest.raises(InvariantBroken):
            replace(good, lines=lines)


async def test_the_hash_survives_the_store(ledger: MongoLedger) -> None:
    """M14: what is read back hashes to what was written."""
    await ledger.post(posting("k", -5))
    entry: Entry | None = await ledger.by_idem("a", "k")
    assert entry is not None
    assert hash_of(entry) == entry.hash
