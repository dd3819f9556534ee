"""The cash desk: money taken over the counter or by bank, credited once for each receipt number (P1, M4, M5)."""

from __future__ import annotations

from dataclasses import replace

import structlog

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Account, AccountStatus, Site
from prepaid.domain.approvals import Approval, Content, Effect, Request, read_content
from prepaid.domain.errors import InvariantBroken, Refused, Trouble, not_found
from prepaid.domain.ledger import Kind, Line, Posting, customer
from prepaid.domain.money import micro_from_fen
from prepaid.domain.notices import NoticeKind
from prepaid.domain.receipts import Method, Receipt, check_cash, check_number
from prepaid.ports import Business
from prepaid.usecases.ask_approval import ask_approval
from prepaid.usecases.authorize import reach_account, record, site_of
from prepaid.usecases.decide_supply import decide_supply
from prepaid.usecases.tell import Crossing, Params, tell_account

log = structlog.get_logger()

CASH_DESK = "cash:desk"
BATCH = 50


async def cash_topup(
    business: Business, actor: Actor, account_id: str, amount_fen: int, *, receipt: str, method: Method = Method.CASH
) -> Receipt | Approval:
    """Credits money that the staff has taken; above the site's limit returns the approval that it now waits for.

    The same receipt number with the same account and amount gives the same receipt again; with another it is refused.
    """
    account = await reach_account(business, actor, account_id, Action.CASH_TOP_UP)
    number = check_number(receipt)
    site = await site_of(business, account)
    taken = Receipt(
        id=f"{site.id}:{number}",
        number=number,
        account_id=account.id,
        site_id=site.id,
        amount_fen=check_cash(amount_fen),
        currency=site.currency,
        method=method,
        taken_by=actor.id,
        taken_at=business.clock.now(),
    )
    held = await business.store.receipts.get(taken.id)
    if held is not None or micro_from_fen(amount_fen) <= site.limits.cash_micro:
        return await _take(business, taken)
    await _check_open(business, account)
    content: Content = {"account": account.id, "amount_fen": amount_fen, "receipt": number, "method": str(method)}
    request = Request(
        effect=Effect.CASH_TOP_UP, path=account.path, site_id=site.id, account_id=account.id, content=content
    )
    return await ask_approval(business, actor, request)


async def take_cash_as_agreed(business: Business, approval: Approval) -> None:
    """The effect of an approval."""
    content = read_content(approval)
    account = await business.store.sites.account(str(content["account"]))
    if account is None:
        raise not_found()
    site = await site_of(business, account)
    receipt = Receipt(
        id=f"{site.id}:{content['receipt']}",
        number=str(content["receipt"]),
        account_id=account.id,
        site_id=site.id,
        amount_fen=int(str(content["amount_fen"])),
        currency=site.currency,
        method=Method(str(content["method"])),
        taken_by=approval.asked_by,
        taken_at=approval.asked_at,
        approval_id=approval.id,
    )
    await _take(business, receipt)


async def show_receipt(business: Business, actor: Actor, account_id: str, receipt: str) -> Receipt:
    """A receipt of the account. One of another account answers like one that is not there (A1)."""
    account = await reach_account(business, actor, account_id, Action.SEE_ACCOUNT)
    found = await business.store.receipts.get(f"{account.site_id}:{receipt.strip()}")
    if found is None or found.account_id != account.id:
        raise not_found()
    return found


async def resume_receipts(business: Business) -> int:
    """Enters what a crash left between the claim of a number and its entry. Returns how many were entered."""
    done = 0
    for receipt in await business.store.receipts.waiting(BATCH):
        try:
            await _enter(business, receipt)
            done += 1
        except Trouble as trouble:
            log.warning("receipt_waits", receipt=receipt.id, kind=type(trouble).__name__, key=trouble.key)
    return done


async def _take(business: Business, receipt: Receipt) -> Receipt:
    held = await business.store.receipts.get(receipt.id)
    if held is None:
        account = await _account(business, receipt)
        await _check_open(business, account)
        held = await business.store.receipts.claim(receipt)
    if held.body != receipt.body:
        actor = Actor(id=receipt.taken_by)
        await record(business, actor, Action.CASH_TOP_UP, receipt.account_id, refused="refused.receipt_used")
        raise Refused("refused.receipt_used")
    return await _enter(business, held)


async def _enter(business: Business, receipt: Receipt) -> Receipt:
    """Entry, then supply, then notice, then the mark: a crash anywhere runs through all of them again."""
    if receipt.entered:
        return receipt
    account = await _account(business, receipt)
    site = await site_of(business, account)
    entry = await business.store.ledger.post(_posting(receipt, site))
    log.info("cash_credited", account=account.id, seq=entry.seq, receipt=receipt.id)
    await decide_supply(business, account.id)
    crossing = Crossing(NoticeKind.CASH_RECEIVED, receipt.number)
    params: Params = {
        "amount_micro": micro_from_fen(receipt.amount_fen),
        "balance_micro": entry.balance_micro,
        "number": receipt.number,
    }
    await tell_account(business, account, site, crossing, params)
    await business.store.receipts.entered(receipt.id)
    return replace(receipt, entered=True)


def cash_key(receipt: Receipt) -> str:
    """The key of a receipt's entry."""
    return f"cash:{receipt.id}"


def _posting(receipt: Receipt, site: Site) -> Posting:
    amount = micro_from_fen(receipt.amount_fen)
    approval = {"approval": receipt.approval_id} if receipt.approval_id else {}
    return Posting(
        account_id=receipt.account_id,
        idem=cash_key(receipt),
        kind=Kind.TOP_UP,
        lines=(Line(customer(receipt.account_id), amount), Line(CASH_DESK, -amount)),
        effective_at=receipt.taken_at,
        actor=receipt.taken_by,
        reason=f"reason.{receipt.method}",
        currency=receipt.currency,
        ref={"receipt": receipt.number, **approval},
        recovery=site.credit.recovery(site.calendar.month(receipt.taken_at)),
    )


async def _check_open(business: Business, account: Account) -> None:
    """A closing account takes money only against its debt."""
    if account.status is AccountStatus.OPEN:
        return
    head = await business.store.ledger.head(account.id)
    if account.status is AccountStatus.CLOSED or head.balance_micro >= 0:
        raise Refused("refused.account_closed")


async def _account(business: Business, receipt: Receipt) -> Account:
    account = await business.store.sites.account(receipt.account_id)
    if account is None:
        raise InvariantBroken(f"receipt {receipt.id} has no account")
    return account
