"""WeChat Pay's keys: the public key, downloaded platform certificates, and the way from one to the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from prometheus_client import REGISTRY

from payments.problems import FormatProblem, SignatureKind, SignatureProblem
from payments.providers.wechat_pay import WeChatPay
from payments.providers.wechat_pay_certificates import EVERY_S, WARN_BEFORE, open_certificates
from payments.providers.wechat_pay_config import KeyMode
from payments.upkeep import upkeep
from prepaid.domain.errors import Refused, TryAgain, Unknown
from sandbox.wechat_pay_faults import Faults
from tests.fakes.payment_rig import Rig, SteppedClock, fresh_keys_dir, payment_rig, serve


@asynccontextmanager
async def _rig(directory: Path, mode: KeyMode) -> AsyncIterator[Rig]:
    async with payment_rig(fresh_keys_dir(directory), key_mode=mode) as rig:
        yield rig


def _downloads() -> float:
    labels = {"provider": "wechat_pay", "operation": "certificates", "outcome": "answered"}
    return REGISTRY.get_sample_value("chatwatt_payment_calls_total", labels) or 0


async def _notify(rig: Rig, *, by_certificate: bool) -> int:
    """The status that a genuine notification gets."""
    rig.sandbox.faults.replace({"no_notify": True})
    order = rig.order()
    rig.sandbox.pay(await rig.provider.create(order, "3-201"))
    faults = Faults(certificate_percent=100 if by_certificate else 0)
    headers, body = rig.sandbox._seals.notification(
        rig.sandbox._book.get(order.id), faults, rig.clock.now().timestamp()
    )
    async with rig.client.post(rig.notify_url, data=body, headers=headers) as response:
        return response.status


@pytest.mark.parametrize(
    ("mode", "by_key", "by_certificate"),
    [(KeyMode.PUBLIC_KEY, 204, 401), (KeyMode.CERTIFICATES, 401, 204), (KeyMode.SWITCHING, 204, 204)],
)
async def test_each_mode_believes_its_keys(tmp_path: Path, mode: KeyMode, by_key: int, by_certificate: int) -> None:
    """A4, F12: one key alone, certificates alone, or both while WeChat Pay switches over by percent."""
    async with _rig(tmp_path, mode) as rig, upkeep([rig.provider]):
        assert await _notify(rig, by_certificate=False) == by_key
        assert await _notify(rig, by_certificate=True) == by_certificate


async def test_the_week_of_the_switch_loses_nothing(tmp_path: Path) -> None:
    """M7: from 0.1 to 100 per cent, every notification is taken at its first delivery, whoever signed it."""
    async with _rig(tmp_path, KeyMode.SWITCHING) as rig, upkeep([rig.provider]):
        for number, percent in enumerate((100, 99, 90, 80, 50, 0), start=1):
            rig.sandbox.faults.replace({"certificate_percent": percent})
            rig.sandbox.pay(await rig.provider.create(rig.order(), "3-201"))
            answers = await rig.sandbox.wait_answers(number)
        assert [answer.status for answer in answers] == [204] * 6
        assert len(rig.inbox.rows) == 6


@pytest.mark.parametrize("mode", KeyMode)
async def test_the_request_chooses_who_signs_the_answer(tmp_path: Path, mode: KeyMode) -> None:
    """During the switch answers follow the request's Wechatpay-Serial; every mode can do everything."""
    async with _rig(tmp_path, mode) as rig:
        order = rig.order()
        await rig.provider.create(order, "3-201")
        assert await rig.provider.query(order) is None
        assert await rig.provider.close(order) is True


async def test_a_forged_serial_makes_us_call_nobody(tmp_path: Path) -> None:
    """A4: a message that is not believed never makes us fetch keys, and takes none away: the next good one is taken."""
    async with _rig(tmp_path, KeyMode.CERTIFICATES) as rig, upkeep([rig.provider]):
        before = _downloads()
        order = rig.order()
        rig.sandbox.faults.replace({"unknown_serial": True, "certificate_percent": 100, "content_times": 5})
        rig.sandbox.pay(await rig.provider.create(order, "3-201"))
        answers = await rig.sandbox.wait_answers(6)
        assert [answer.status for answer in answers] == [401] * 5 + [204]
        assert _downloads() == before


async def test_several_certificates_are_believed_at_once(tmp_path: Path) -> None:
    """A4: WeChat Pay shows the next certificate before it signs with it; the turn by the clock learns it in time."""
    async with _rig(tmp_path, KeyMode.CERTIFICATES) as rig:
        assert await rig.provider.keep_up() == EVERY_S
        serial = rig.sandbox.add_certificate()
        assert await rig.provider.keep_up() == EVERY_S
        assert await _notify(rig, by_certificate=True) == 204
        rig.sandbox._seals.sign_with(serial)
        assert await _notify(rig, by_certificate=True) == 204
        assert len({row.headers["Wechatpay-Serial"] for row in rig.inbox.rows.values()}) == 2


async def test_the_end_of_the_last_certificate_is_known_to_whoever_asks(tmp_path: Path) -> None:
    """Y7: a process that downloads for nothing else knows it, and the last that was known while no download works."""
    async with _rig(tmp_path, KeyMode.CERTIFICATES) as rig:
        rig.sandbox.faults.replace({"answer_status": 500, "answer_times": 1})
        with pytest.raises((TryAgain, Unknown)):
            await rig.provider.keys_end_at()
        first = await rig.provider.keys_end_at()
        assert first is not None
        assert first > rig.clock.now()
        rig.sandbox.faults.replace({"answer_status": 500, "answer_times": 1})
        assert await rig.provider.keys_end_at() == first
    async with _rig(tmp_path, KeyMode.PUBLIC_KEY) as rig:
        assert await rig.provider.keys_end_at() is None


async def test_a_certificate_that_we_never_saw_is_not_believed(tmp_path: Path) -> None:
    """A4, M9: before the next turn a new certificate's answers are in doubt, not taken on trust."""
    async with _rig(tmp_path, KeyMode.CERTIFICATES) as rig:
        await rig.provider.keep_up()
        rig.sandbox.add_certificate(sign_with=True)
        with pytest.raises(Unknown) as caught:
            await rig.provider.create(rig.order(), "3-201")
        assert caught.value.params["why"] == "unknown_serial"


async def test_without_any_key_nothing_is_sent(tmp_path: Path) -> None:
    """M9: where no answer could be believed nothing is asked: `TryAgain`, and no order is opened."""
    async with _rig(tmp_path, KeyMode.CERTIFICATES) as rig:
        rig.sandbox.faults.replace({"answer_status": 500, "answer_times": 1})
        with pytest.raises(TryAgain):
            await rig.provider.create(rig.order(), "3-201")
        assert not rig.sandbox._book.all()
        await rig.provider.create(rig.order(), "3-201")


async def test_many_requests_at_the_start_fetch_once(tmp_path: Path) -> None:
    """Y3: a crowd at the start does not become a crowd of downloads."""
    async with _rig(tmp_path, KeyMode.CERTIFICATES) as rig:
        before = _downloads()
        await asyncio.gather(*(rig.provider.create(rig.order(), "3-201") for _ in range(10)))
        assert _downloads() == before + 1


@pytest.mark.parametrize("fault", ["answer_bad_signature", "answer_probe", "answer_unknown_serial"])
async def test_a_download_whose_seal_is_wrong_changes_nothing(tmp_path: Path, fault: str) -> None:
    """A4: certificates come under a seal too; with a wrong one, those that were believed before stay."""
    async with _rig(tmp_path, KeyMode.CERTIFICATES) as rig:
        await rig.provider.keep_up()
        rig.sandbox.faults.replace({fault: True, "answer_times": 1})
        with pytest.raises(Unknown):
            await rig.provider.keep_up()
        assert await _notify(rig, by_certificate=True) == 204


async def test_a_merchant_with_a_public_key_only_has_nothing_to_download(tmp_path: Path) -> None:
    """The end of the switch: certificates are gone; who still relies on them is told so by WeChat Pay's code."""
    async with _rig(tmp_path, KeyMode.SWITCHING) as rig:
        rig.sandbox.faults.replace({"no_certificates": True})
        assert await rig.provider.keep_up() == EVERY_S
        assert (await rig.provider.create(rig.order(), "3-201")).startswith("weixin://")
    async with _rig(tmp_path, KeyMode.CERTIFICATES) as rig:
        rig.sandbox.faults.replace({"no_certificates": True})
        for call in (rig.provider.keep_up(), rig.provider.create(rig.order(), "3-201")):
            with pytest.raises(Refused) as caught:
                await call
            assert caught.value.params["code"] == "RESOURCE_NOT_EXISTS"
    async with _rig(tmp_path, KeyMode.PUBLIC_KEY) as rig:
        assert await rig.provider.keep_up() is None


async def test_the_end_of_the_last_certificate_is_announced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A certificate that ends within a month is in the log and in the metrics; one that has ended is not believed."""
    async with _rig(tmp_path, KeyMode.CERTIFICATES) as rig:
        serial = rig.sandbox._seals.add_certificate(days=20)
        await rig.provider.keep_up()
        assert "ends_soon" not in capsys.readouterr().out
        body = (await rig.provider._link.call("certificates", "GET", "/v3/certificates")).body
        key, now = rig.provider._config.api_v3_key.encode(), rig.clock.now()
        assert serial in open_certificates(key, body, now)
        assert serial not in open_certificates(key, body, now + timedelta(days=21))
        rig.clock.ahead = timedelta(days=3650) - WARN_BEFORE + timedelta(days=1)
        await rig.provider.keep_up()
        assert "platform_certificate_ends_soon" in capsys.readouterr().out
        ends = REGISTRY.get_sample_value("chatwatt_payment_certificate_ends", {"provider": "wechat_pay"})
        assert ends is not None
        assert timedelta() < timedelta(seconds=ends - rig.clock.now().timestamp()) < WARN_BEFORE


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"data":[]}',
        b'{"data":[1]}',
        b'{"data":[{}]}',
        b'{"data":{}}',
        b'{"data":[%s]}' % b",".join([b"{}"] * 21),
    ],
    ids=lambda body: repr(body[:20]),
)
def test_a_strange_list_of_certificates_is_refused(body: bytes) -> None:
    """F14: whatever the list is, it is certificates or a `FormatProblem`."""
    with pytest.raises(FormatProblem):
        open_certificates(b"k" * 32, body, SteppedClock().now())


async def test_a_house_opens_although_the_provider_is_down(tmp_path: Path) -> None:
    """Y3: a failing first turn does not keep the house shut; notifications are told to come back."""
    async with _rig(tmp_path, KeyMode.CERTIFICATES) as rig:
        seals, now_s = rig.sandbox._seals, rig.clock.now().timestamp()
        await rig.sandbox.aclose()
        async with asyncio.timeout(10), upkeep([rig.provider]):
            headers = seals.headers(b"{}", now_s, serial=None)
            with pytest.raises(SignatureProblem) as caught:
                rig.provider.read_notification(headers, b"{}")
            assert caught.value.kind is SignatureKind.UNKNOWN_SERIAL


async def test_a_certificate_under_a_foreign_number_is_refused(tmp_path: Path) -> None:
    """A4: the serial number in the list and in the certificate must be one, or a key stands under another's name."""
    async with _rig(tmp_path, KeyMode.CERTIFICATES) as rig:
        listed: dict[str, Any] = rig.sandbox._seals.certificates()
        listed["data"][0]["serial_no"] = "AB12"

        async def answer(_request: web.Request) -> web.Response:
            return web.json_response(listed, headers={"Wechatpay-Serial": "AB12"})

        async with serve([web.get("/v3/certificates", answer)]) as base:
            config = rig.provider._config.model_copy(update={"base_url": base})
            provider = WeChatPay(config, rig.clock)
            try:
                with pytest.raises(Unknown) as caught:
                    await provider.keep_up()
                assert caught.value.params["why"] == "bad_certificates"
            finally:
                await provider.aclose()
