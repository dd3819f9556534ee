"""Whatever is sent to the notification door: never a 5xx, never a row that nobody signed (A4, F12, F14)."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payments.problems import FormatProblem, NotificationProblem, SignatureProblem
from payments.providers.wechat_pay_crypto import decrypt
from payments.strict_json import parse_object
from prepaid.ports import InboxRow
from sandbox.wechat_pay_faults import Faults
from tests.fakes.payment_rig import Rig, fresh_keys_dir, payment_rig

SEAL = ("Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Serial", "Wechatpay-Signature", "Wechatpay-Signature-Type")
# What an HTTP client can send as a header at all; the rest is refused below us.
HEADER_TEXT = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFFFF, exclude_categories=("Cs", "Cc")), max_size=200
)
FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Running:
    """A rig in a loop of its own, so that Hypothesis can call it from ordinary functions."""

    def __init__(self, directory: Path) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self.rig: Rig = self.run(self._stack.enter_async_context(payment_rig(fresh_keys_dir(directory))))
        self.headers, self.body = self.run(self._genuine())

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(coroutine)

    def close(self) -> None:
        self.run(self._stack.aclose())
        self._runner.close()

    async def _genuine(self) -> tuple[dict[str, str], bytes]:
        self.rig.sandbox.faults.replace({"no_notify": True})
        order = self.rig.order()
        self.rig.sandbox.pay(await self.rig.provider.create(order, "3-201"))
        paid = self.rig.sandbox._book.get(order.id)
        return self.rig.sandbox._seals.notification(paid, Faults(), self.rig.clock.now().timestamp())

    def seal(self, body: bytes) -> dict[str, str]:
        """Signs any body as the platform would."""
        now_s = self.rig.clock.now().timestamp()
        return self.rig.sandbox._seals.headers(body, now_s, serial=self.rig.provider._config.public_key_id)

    async def post(self, headers: dict[str, str], body: bytes) -> int:
        async with self.rig.client.post(self.rig.notify_url, data=body, headers=headers) as response:
            return response.status

    def refuses(self, headers: dict[str, str], body: bytes) -> None:
        """Over real HTTP: a 4xx, and nothing is kept."""
        assert self.run(self.post(headers, body)) // 100 == 4
        assert not self.rig.inbox.rows


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    made = Running(tmp_path_factory.mktemp("keys"))
    yield made
    made.close()


@FUZZ
@given(headers=st.dictionaries(st.sampled_from(SEAL), HEADER_TEXT), body=st.binary(max_size=2000))
def test_garbage_is_refused(running: Running, headers: dict[str, str], body: bytes) -> None:
    """A4: arbitrary headers and bytes."""
    running.refuses(headers, body)


@FUZZ
@given(name=st.sampled_from(SEAL), value=HEADER_TEXT)
def test_one_header_replaced_is_refused(running: Running, name: str, value: str) -> None:
    """A4, F12: a genuine message with any one part of its seal replaced."""
    if running.headers[name] != value.strip():
        running.refuses({**running.headers, name: value}, running.body)


@FUZZ
@given(data=st.data())
def test_one_changed_byte_is_refused(running: Running, data: st.DataObject) -> None:
    """A4, F14: a genuine message with one byte changed anywhere."""
    at = data.draw(st.integers(0, len(running.body) - 1))
    flip = data.draw(st.integers(1, 255))
    body = bytearray(running.body)
    body[at] ^= flip
    running.refuses(running.headers, bytes(body))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
NAMES = ("id", "event_type", "resource", "algorithm", "nonce", "ciphertext", "associated_data")
RESOURCE = st.dictionaries(
    st.sampled_from(NAMES),
    JSON | st.just("AEAD_AES_256_GCM") | st.binary(max_size=60).map(lambda b: base64.b64encode(b).decode()),
)
ENVELOPE = st.dictionaries(st.sampled_from(NAMES), JSON | RESOURCE | st.sampled_from(["TRANSACTION.SUCCESS", "X"]))


@FUZZ
@given(document=JSON | ENVELOPE)
def test_signed_nonsense_is_refused(running: Running, document: object) -> None:
    """F14: rightly signed JSON of any shape; without our key nobody can make a resource that opens."""
    body = json.dumps(document).encode()
    running.refuses(running.seal(body), body)


@FUZZ
@given(
    name=st.sampled_from(("mchid", "amount", "trade_state", "success_time", "transaction_id", "out_trade_no")),
    value=JSON,
)
def test_a_strange_transaction_is_read_or_refused(running: Running, name: str, value: object) -> None:
    """M6, F13: any value in any field of a decrypted transaction gives a row or a `FormatProblem`, nothing else."""
    row = _read_with(running, name, value)
    assert row is None or (row.payment is not None and row.payment.amount_fen == 2000)


def _read_with(running: Running, name: str, value: object) -> InboxRow | None:
    envelope = json.loads(running.body)
    reader = running.rig.provider._reader
    sealed = envelope["resource"]
    plain = json.loads(
        decrypt(
            reader._api_v3_key,
            nonce=sealed["nonce"],
            associated_data=sealed["associated_data"],
            ciphertext_base64=sealed["ciphertext"],
        )
    )
    envelope["resource"] = _encrypt(reader._api_v3_key, {**plain, name: value}, sealed)
    body = json.dumps(envelope).encode()
    try:
        return running.rig.provider.read_notification(running.seal(body), body)
    except FormatProblem:
        return None


def _encrypt(key: bytes, document: dict[str, object], sealed: dict[str, str]) -> dict[str, str]:
    ciphertext = AESGCM(key).encrypt(
        sealed["nonce"].encode(), json.dumps(document).encode(), sealed["associated_data"].encode()
    )
    return {**sealed, "ciphertext": base64.b64encode(ciphertext).decode()}


@FUZZ
@given(nonce=st.text(max_size=20), associated_data=st.text(max_size=20), ciphertext=st.text(max_size=100))
def test_decryption_never_crashes(nonce: str, associated_data: str, ciphertext: str) -> None:
    """F14: any nonce, any data, any text is a `FormatProblem`."""
    with pytest.raises(FormatProblem):
        decrypt(b"k" * 32, nonce=nonce, associated_data=associated_data, ciphertext_base64=ciphertext)


@FUZZ
@given(raw=st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
def test_json_is_an_object_or_a_problem(raw: bytes) -> None:
    """F14: reading JSON gives an object or a `FormatProblem`, and nothing else."""
    with suppress(FormatProblem):
        assert isinstance(parse_object(raw), dict)


@FUZZ
@given(headers=st.dictionaries(st.text(max_size=30), st.text(max_size=60)), body=st.binary(max_size=200))
def test_headers_that_no_client_can_send_are_refused_too(
    running: Running, headers: dict[str, str], body: bytes
) -> None:
    """A4: below HTTP, any mapping at all raises a `NotificationProblem`."""
    with pytest.raises(NotificationProblem) as caught:
        running.rig.provider.read_notification(headers, body)
    assert isinstance(caught.value, SignatureProblem)
