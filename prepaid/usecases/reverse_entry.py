"""A correction: reverses one entry whole and names it, once for ever (M14)."""

from __future__ import annotations

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Account
from prepaid.domain.approvals import Approval, Content, Effect, Request, read_content
from prepaid.domain.errors import InvariantBroken, Refused, not_found
from prepaid.domain.ledger import Entry, Kind, Line, Posting
from prepaid.ports import Business
from prepaid.usecases.adjust import check_not_closed
from prepaid.usecases.ask_approval import ask_approval
from prepaid.usecases.authorize import reach_account, site_of
from prepaid.usecases.cash_topup import CASH_DESK
from prepaid.usecases.decide_supply import decide_supply

LOOK_BACK = 100
"""As far back as a list for choosing goes; older entries are reversed by their number."""


async def reverse_entry(business: Business, actor: Actor, account_id: str, idem: str, *, why: str) -> Entry | Approval:
    """The reversal of the account's entry with the key `idem`, or the approval that it waits for above the limit.

    A provider's top-up is refunded, not reversed; reversals and refunds are not reversed.
    """
    account = await reach_account(business, actor, account_id, Action.ADJUST)
    check_not_closed(account)
    site = await site_of(business, account)
    if not why.strip():
        raise Refused("refused.reason_needed")
    original = await business.store.ledger.by_idem(account.id, idem)
    if original is None:
        raise not_found()
    _check(original)
    done = await business.store.ledger.by_idem(account.id, _key(original))
    if done is not None:
        raise Refused("refused.reversed_already")
    if abs(original.delta_micro) <= site.limits.adjust_micro:
        return await _apply(business, original, actor.id, {"why": why})
    content: Content = {"account": account.id, "idem": idem, "hash": original.hash, "delta_micro": original.delta_micro}
    request = Request(
        effect=Effect.REVERSE, path=account.path, site_id=site.id, account_id=account.id, content=content, reason=why
    )
    return await ask_approval(business, actor, request)


async def reversible(business: Business, actor: Actor, account_id: str) -> tuple[Entry, ...]:
    """Those of the newest entries that a correction may reverse and that none has reversed, newest first."""
    account = await reach_account(business, actor, account_id, Action.ADJUST)
    newest = await business.store.ledger.latest(account.id, LOOK_BACK)
    reversed_already = {entry.ref.get("reverses") for entry in newest if entry.kind is Kind.REVERSAL}
    return tuple(entry for entry in newest if _may_be(entry) and entry.idem not in reversed_already)


async def reverse_line(business: Business, actor: Actor, account_id: str, seq: int, *, why: str) -> Entry | Approval:
    """As `reverse_entry`, of the entry with that number in the account's chain."""
    account, entry = await look_at_line(business, actor, account_id, seq)
    return await reverse_entry(business, actor, account.id, entry.idem, why=why)


async def look_at_line(business: Business, actor: Actor, account_id: str, seq: int) -> tuple[Account, Entry]:
    """The entry with that number, for a question that names its amount and its room. Raises as `reverse_entry`."""
    account = await reach_account(business, actor, account_id, Action.ADJUST)
    entry = await business.store.ledger.entry(account.id, seq)
    if entry is None:
        raise not_found()
    _check(entry)
    return account, entry


async def reverse_as_agreed(business: Business, approval: Approval) -> None:
    """The effect of an approval: of the very entry that was named, by its hash."""
    content = read_content(approval)
    account = await business.store.sites.account(str(content["account"]))
    original = await business.store.ledger.by_idem(str(content["account"]), str(content["idem"]))
    if account is not None:
        check_not_closed(account)
    if original is None or original.hash != content["hash"]:
        raise InvariantBroken(f"approval {approval.id} names an entry that is not there")
    ref = {"why": approval.reason, "approval": approval.id, "approved_by": approval.decided_by or ""}
    await _apply(business, original, approval.asked_by, ref)


def _check(original: Entry) -> None:
    if not _may_be(original):
        raise Refused("refused.not_reversible")


def _may_be(original: Entry) -> bool:
    by_desk = any(line.account == CASH_DESK for line in original.lines)
    return original.kind in (Kind.CONSUMPTION, Kind.ADJUSTMENT) or (original.kind is Kind.TOP_UP and by_desk)


def _key(original: Entry) -> str:
    return f"rev:{original.idem}"


async def _apply(business: Business, original: Entry, actor_id: str, ref: dict[str, str]) -> Entry:
    posting = Posting(
        account_id=original.account_id,
        idem=_key(original),
        kind=Kind.REVERSAL,
        lines=tuple(Line(line.account, -line.amount_micro) for line in original.lines),
        effective_at=business.clock.now(),
        actor=actor_id,
        reason="reason.reversal",
        currency=original.currency,
        ref={"reverses": original.idem, "reverses_seq": original.seq, "reverses_hash": original.hash, **ref},
    )
    entry = await business.store.ledger.post(posting)
    await decide_supply(business, original.account_id)
    return entry
