"""Whatever is sent to Alipay's notification address: never a 5xx, never a row that nobody signed (A4, F12, F14)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from payments.problems import FormatProblem, NotificationProblem
from payments.providers.alipay_bill import read_bill
from payments.providers.alipay_crypto import take_apart
from payments.providers.alipay_notification import parse_form
from prepaid.ports import InboxRow
from sandbox.alipay_faults import Faults
from tests.fakes.alipay_rig import AlipayRig, alipay_rig, fresh_alipay_dir

FUZZ = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
FIELDS = ("total_amount", "out_trade_no", "trade_no", "seller_id", "app_id", "trade_status", "gmt_payment")
MORE = ("notify_id", "notify_type", "refund_fee", "gmt_refund", "out_biz_no", "trans_currency", "body")
AMOUNTS = st.sampled_from(["20.00", "1e9", "9" * 300, "-1", "0x10", "٢٠.٠٠", "1_0.00", "20.000", "Infinity", " 20.00"])
VALUES = st.text(max_size=80) | AMOUNTS


class Running:
    """A rig in a loop of its own, so that Hypothesis can call it from ordinary functions."""

    def __init__(self, directory: Path) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self.rig: AlipayRig = self.run(self._stack.enter_async_context(alipay_rig(fresh_alipay_dir(directory))))
        self.fields: dict[str, str] = {}
        self.body: bytes = self.run(self._genuine())

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(coroutine)

    def close(self) -> None:
        self.run(self._stack.aclose())
        self._runner.close()

    async def _genuine(self) -> bytes:
        sandbox = self.rig.sandbox
        sandbox.faults.replace({"no_notify": True})
        order = self.rig.order()
        sandbox.pay(await self.rig.provider.create(order, "3-201 电费"))
        letter = sandbox.gateway._letter(sandbox.trade(order.id), self.rig.clock.now(), trade_status="TRADE_SUCCESS")
        self.fields = letter.fields
        return sandbox.seal(letter, Faults())

    def signed(self, fields: dict[str, str]) -> bytes:
        """Signs any fields as Alipay would."""
        return self.rig.sandbox.seals.notification(fields, Faults(), certified=False)

    async def post(self, body: bytes) -> int:
        async with self.rig.client.post(self.rig.notify_url, data=body) as response:
            return response.status

    def refuses(self, body: bytes) -> None:
        """Over real HTTP: a 4xx, and nothing is kept."""
        assert self.run(self.post(body)) // 100 == 4
        assert not self.rig.inbox.rows


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    made = Running(tmp_path_factory.mktemp("keys"))
    yield made
    made.close()


@FUZZ
@given(body=st.binary(max_size=1500))
def test_garbage_is_refused(running: Running, body: bytes) -> None:
    """A4: arbitrary bytes."""
    running.refuses(body)


PAIR = st.tuples(
    st.sampled_from((*FIELDS, *MORE, "sign", "sign_type", "charset")) | st.text(max_size=10),
    st.binary(max_size=60).map(quote_from_bytes) | st.sampled_from(["%", "%e4%b8", "%C4%E3%BA%C3", "RSA2", "+", ""]),
)


@FUZZ
@given(pairs=st.lists(PAIR, max_size=20))
def test_forms_of_any_kind_are_refused(running: Running, pairs: list[tuple[str, str]]) -> None:
    """A4, F14: half escapes, GBK, names twice, no seal or a made-up one."""
    running.refuses("&".join(f"{name}={value}" for name, value in pairs).encode())


@FUZZ
@given(data=st.data())
def test_one_changed_byte_is_refused(running: Running, data: st.DataObject) -> None:
    """A4, F14: a genuine form with one byte changed anywhere, unless it still says the very same."""
    at = data.draw(st.integers(0, len(running.body) - 1))
    flip = data.draw(st.integers(1, 255))
    body = bytearray(running.body)
    body[at] ^= flip
    with suppress(FormatProblem):
        # An escape may be written in two ways (%2f, %2F) and still be the same form.
        assume(parse_form(bytes(body)) != parse_form(running.body))
    running.refuses(bytes(body))


@FUZZ
@given(name=st.sampled_from((*FIELDS, *MORE)), value=VALUES)
def test_signed_fields_of_any_kind_are_read_or_refused(running: Running, name: str, value: str) -> None:
    """M6, F13: any signed value in any field gives a row or a `NotificationProblem`; an amount is exact or nothing."""
    row = _read(running, running.signed({**running.fields, name: value}))
    if row is not None and row.payment is not None:
        assert row.payment.amount_fen == (2000 if name != "total_amount" else _fen(value))


def _fen(value: str) -> int:
    """An independent reading of the amounts that Alipay writes."""
    yuan, _, rest = value.partition(".")
    return int(yuan) * 100 + int(rest.ljust(2, "0"))


def _read(running: Running, raw: bytes) -> InboxRow | None:
    try:
        return running.rig.provider.read_notification({}, raw)
    except NotificationProblem:
        return None


@FUZZ
@given(fields=st.dictionaries(st.sampled_from((*FIELDS, *MORE)), VALUES))
def test_signed_forms_of_any_shape_never_crash(running: Running, fields: dict[str, str]) -> None:
    """F14: fields missing and strange, rightly signed: over real HTTP a 200 or a 4xx."""
    running.rig.inbox.rows.clear()
    assert running.run(running.post(running.signed(fields))) in {200, 400}
    assert all(row.payment is None or row.payment.amount_fen > 0 for row in running.rig.inbox.rows.values())
    running.rig.inbox.rows.clear()


@FUZZ
@given(raw=st.binary(max_size=300) | st.text(alphabet='{}[]":,\\ a1', max_size=60).map(str.encode))
def test_answers_are_taken_apart_or_a_problem(raw: bytes) -> None:
    """F14: any answer of a gateway is taken apart or is a `FormatProblem`, and nothing else."""
    with suppress(FormatProblem):
        assert take_apart(raw, ["a"]).content in raw.decode()


@FUZZ
@given(raw=st.binary(max_size=300))
def test_a_bill_is_a_bill_or_a_problem(running: Running, raw: bytes) -> None:
    """F14: any file is a bill or a `FormatProblem`."""
    with pytest.raises(FormatProblem):
        read_bill(raw, running.rig.clock.now().date())
