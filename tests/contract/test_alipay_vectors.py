"""Alipay's published signatures, answers and bills against our own code; see ../shared/vectors.

The vectors are data that do not belong to the repository: where they are absent these tests are skipped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from payments.problems import FormatProblem, SignatureKind, SignatureProblem
from payments.providers.alipay_bill import read_bill
from payments.providers.alipay_crypto import (
    Verifier,
    load_public_key,
    notification_content,
    take_apart,
    verify,
)
from payments.providers.alipay_notification import NotificationReader, parse_form
from prepaid.domain.bills import BillKind
from tests.fakes.clock import ManualClock
from tests.house import ROOT

VECTORS = ROOT.parent / "shared" / "vectors"


@cache
def _load(name: str) -> Any:
    path = VECTORS / name
    if not path.exists():
        pytest.skip(f"{name} is absent: the published vectors lie beside the repository, not in it")
    return json.loads(path.read_text(encoding="utf-8"))


def _file(name: str) -> bytes:
    path: Path = VECTORS / name
    if not path.exists():
        pytest.skip(f"{name} is absent: the published vectors lie beside the repository, not in it")
    return path.read_bytes()


def _notifications() -> Iterator[Any]:
    yield from _load("alipay_notify_rsa2.json")["cases"]


def test_published_notifications_verify_under_their_rule() -> None:
    """A4: every published notification, genuine or not, under rule v1 or v2, is judged as its source says."""
    judged = 0
    for case in (case for case in _notifications() if isinstance(case["expect"], bool)):
        fields = parse_form(urlencode(case["params"]).encode())
        content = notification_content(fields, keep_sign_type=case["rule"] == "v2")
        genuine = verify(load_public_key(case["public_key_pem"]), content, case["params"]["sign"])
        assert genuine is case["expect"], case["name"]
        judged += 1
    assert judged >= 4


def test_the_reader_judges_published_notifications_alike() -> None:
    """A4: read as a form, a genuine one is read; another's, or one that does not say RSA2, is not."""
    read = 0
    for case in _notifications():
        if case["name"].endswith("under rule v1"):
            continue  # The same genuine message again: the reader knows both rules, and each is bound to Alipay's key.
        reader = NotificationReader(verifier=Verifier(load_public_key(case["public_key_pem"]), {}), clock=ManualClock())
        raw = urlencode(case["params"]).encode()
        # Where the expectation is a sentence, it says that the whole reader refuses what the bare rule lets pass.
        if case["expect"] is not True or case["params"].get("sign_type") != "RSA2":
            with pytest.raises(SignatureProblem):
                reader.read(raw)
            continue
        row = reader.read(raw)
        assert row.id == f"alipay:{case['params']['notify_id']}"
        assert (row.payment is not None) is (case["rule"] == "v1")
        read += 1
    assert read >= 2


def test_the_published_payment_is_understood() -> None:
    """M6: amount, order, merchant and instant of a real notification, in our words."""
    case = next(case for case in _notifications() if case["name"] == "trade_status_sync with sign_type")
    reader = NotificationReader(verifier=Verifier(load_public_key(case["public_key_pem"]), {}), clock=ManualClock())
    payment = reader.read(urlencode(case["params"]).encode()).payment
    assert payment is not None
    assert (payment.amount_fen, payment.currency, payment.success) == (10, "CNY", True)
    assert (payment.merchant_id, payment.app_id) == ("2088531891668739", "2019073166072302")
    assert (payment.order_id, payment.txn_id) == ("20190815155618536-564-57", "2019081522001468450512505578")
    assert payment.paid_at.isoformat() == "2019-08-15T07:56:24+00:00"


@pytest.mark.parametrize("name", ["total_amount", "out_trade_no", "seller_id", "trade_status", "buyer_id"])
def test_a_changed_field_is_not_believed(name: str) -> None:
    """A4, F14: any field of a genuine notification changed by one character."""
    case = next(_notifications())
    reader = NotificationReader(verifier=Verifier(load_public_key(case["public_key_pem"]), {}), clock=ManualClock())
    value = case["params"][name]
    with pytest.raises(SignatureProblem) as caught:
        reader.read(urlencode({**case["params"], name: f"{value}1"}).encode())
    assert caught.value.kind is SignatureKind.BAD_SIGNATURE


def test_the_signed_text_of_published_answers_is_found() -> None:
    """A4: the raw text that Alipay signed is cut out as it was written, braces in texts and spaces included."""
    cut, verified = 0, 0
    for case in _load("alipay_sync_response.json")["cases"]:
        if "raw" in case:
            sealed = take_apart(case["raw"].encode(), [case["response_key"]])
            if "expect_signed_content" in case:
                assert sealed.content == case["expect_signed_content"], case["name"]
                cut += 1
            if "expect" in case:
                assert sealed.sign is not None
                key = load_public_key(case["public_key_pem"])
                assert verify(key, sealed.content.encode(), sealed.sign) is case["expect"], case["name"]
                verified += 1
        elif "signed_content" in case:
            key = load_public_key(case["public_key_pem"])
            assert verify(key, case["signed_content"].encode(), case["sign"]) is case["expect"], case["name"]
            verified += 1
    assert cut >= 4
    assert verified >= 2


def test_the_published_bill_is_read_to_the_fen() -> None:
    """M17: a real bill: its rows, their kinds by business type, and its sums."""
    expected = _load("alipay_tradebill_20190916.meta.json")["expect"]
    bill = read_bill(_file("alipay_tradebill_20190916.csv.zip"), date(2019, 9, 16))
    payments = [row for row in bill.rows if row.kind is BillKind.PAYMENT]
    refunds = [row for row in bill.rows if row.kind is BillKind.REFUND]
    assert (len(bill.rows), len(payments), len(refunds)) == (
        expected["detail_rows"],
        expected["trades"],
        expected["refunds"],
    )
    assert sum(row.amount_fen for row in payments) == 6
    assert sum(row.amount_fen for row in refunds) == 4
    assert payments[0].txn_id == "2019091622001458860515315453"
    assert payments[0].order_id == "service_1568601259302"
    assert payments[0].at.isoformat() == "2019-09-16T02:55:23+00:00"
    assert refunds[0].refund_id == "re_test_1568602607356"
    assert {row.merchant_id for row in bill.rows} == {"2088021109625633"}


def test_the_published_bill_is_of_its_day_alone() -> None:
    """M17: a bill of another day is not taken for this one."""
    packed = _file("alipay_tradebill_20190916.csv.zip")
    with pytest.raises(FormatProblem, match=r"refused\.notification"):
        read_bill(packed, date(2019, 9, 16) + timedelta(days=1))
