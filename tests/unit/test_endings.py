"""When the credentials of an installation end: each kind that can be known, from real files and addresses."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.delivery import sentence
from chatwatt.embedded.ports import free_port
from chatwatt.endings import CertificateFile, ending_of, endings, public_ending
from chatwatt.settings import Settings
from meters.links.files import TlsFiles
from prepaid.domain.access import Role
from prepaid.domain.errors import TryAgain
from prepaid.domain.metering import Gateway, LinkOptions
from prepaid.domain.notices import Notice, NoticeKind
from prepaid.storage.driver import Database
from prepaid.usecases.warn_of_endings import Ending, warn_of_endings
from tests.fakes.building import Building, build
from tests.fakes.certificates import Authority
from tests.fakes.clock import EPOCH, ManualClock


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """An empty building."""
    return await build(database, clock)


def days_left(ending: Ending | None) -> int | None:
    """Whole days until the end, rounded."""
    if ending is None or ending.ends_at is None:
        return None
    return round((ending.ends_at - datetime.now(UTC)) / timedelta(days=1))


def joined(folder: Path, *files: str) -> Path:
    """One file of several."""
    path = folder / "joined.pem"
    path.write_text("".join(Path(each).read_text() for each in files))
    return path


def signed(folder: Path, name: str, days: int) -> TlsFiles:
    """A certificate that ends in so many days."""
    return Authority(folder, f"{name}-ca").sign(name, days=days)


def test_a_chain_ends_with_its_first_and_a_list_with_its_last(tmp_path: Path) -> None:
    """What is shown whole is of no use once a part of it ended; who is believed changes by one more in the list."""
    both = joined(tmp_path, *(signed(tmp_path, f"c{days}", days).certificate_file for days in (300, 20)))
    assert days_left(ending_of(CertificateFile(name="x", path=both, chain=True))) == 20
    assert days_left(ending_of(CertificateFile(name="x", path=both, chain=False))) == 300


@pytest.mark.parametrize("broken", [b"", b"\xff\xfe\x00", b"-----BEGIN CERTIFICATE-----\nnonsense\n", None])
def test_a_file_without_a_certificate_is_said(tmp_path: Path, broken: bytes | None) -> None:
    """Y7: empty, binary, cut off or not there: none ends the job, and each is known as unreadable."""
    path = tmp_path / "broken.pem"
    if broken is not None:
        path.write_bytes(broken)
    assert ending_of(CertificateFile(name="x", path=path, chain=True)) == Ending(name="x", ends_at=None)


def test_a_bundle_is_read_past_members_of_another_kind(tmp_path: Path) -> None:
    """Alipay's roots have some in algorithms of their own."""
    good = Path(signed(tmp_path, "good", 50).certificate_file).read_text()
    odd = "-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n"
    path = tmp_path / "roots.pem"
    path.write_text(odd + good + odd)
    assert days_left(ending_of(CertificateFile(name="x", path=path, chain=False))) == 50


@asynccontextmanager
async def _https(files: TlsFiles) -> AsyncIterator[str]:
    """A server that shows a certificate; its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate_file, files.key_file)

    gone = asyncio.Event()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read()
        writer.close()
        gone.set()

    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await asyncio.wait_for(gone.wait(), 5)


@pytest.mark.parametrize("days", [40, -3])
async def test_the_public_address_is_looked_at(tmp_path: Path, days: int) -> None:
    """Whoever keeps it: the certificate that the world meets, also one that has ended."""
    async with _https(signed(tmp_path, "door", days)) as url:
        found = await public_ending(url)
    assert found is not None
    assert (found.name, days_left(found)) == ("127.0.0.1", days)


async def test_a_public_address_that_shows_nothing_is_no_alarm() -> None:
    """Without https, behind a closed port, and where somebody answers who speaks no TLS or nothing at all."""
    assert await public_ending("http://127.0.0.1:1") is None
    assert await public_ending("") is None
    assert await public_ending(f"https://127.0.0.1:{free_port()}") is None

    gone = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        gone.set()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert await public_ending(url, timeout_s=0.2) is None
        await asyncio.wait_for(gone.wait(), 5)


class _Dated:
    """A provider whose keys end, or cannot be had."""

    name = "wechat_pay"

    def __init__(self, ends_at: datetime | None, *, away: bool = False) -> None:
        self._ends_at, self._away = ends_at, away

    async def keys_end_at(self) -> datetime | None:
        if self._away:
            raise TryAgain("try_again.provider")
        return self._ends_at


async def test_every_kind_is_found_where_it_is_set_up(
    building: Building, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gateways, ports that are called, Alipay, both stores, the provider and the public address, each by its name."""
    files = signed(tmp_path, "all", 90)
    port_file = tmp_path / "ports.yaml"
    port_file.write_text(
        "listeners:\n  - port: 9000\n    registration: 'R(?P<id>\\w+)'\n"
        f"    tls: {{certificate_file: '{files.certificate_file}', key_file: '{files.key_file}'}}\n"
    )
    monkeypatch.setenv("CHATWATT_ALIPAY_ROOT_CERTIFICATE_FILE", files.ca_file)
    gateway = Gateway(
        id="gw-tls",
        site_id=building.site.id,
        transport="tls",
        host="127.0.0.1",
        options=LinkOptions(certificate_file=str(tmp_path / "gone.crt")),
    )
    await building.business.store.sites.save_gateway(gateway)
    async with _https(files) as url:
        settings = Settings(
            modbus_ca_file=files.ca_file,
            modbus_certificate_file=files.certificate_file,
            dial_in_file=port_file,
            public_url=url,
            mongodb_uri=SecretStr(f"mongodb://u:secret@h/?tls=true&tlsCertificateKeyFile={files.certificate_file}"),
            redis_url=SecretStr(f"rediss://h:1/0?ssl_ca_certs={files.ca_file}"),
        )
        known = {"wechat_pay": _Dated(datetime.now(UTC) + timedelta(days=5)), "alipay": _Dated(None, away=True)}
        found = await endings(settings, replace(building.business, providers=known))  # type: ignore[arg-type]
    assert {ending.name: days_left(ending) for ending in found} == {
        "CHATWATT_MODBUS_CA_FILE": 1,
        "CHATWATT_MODBUS_CERTIFICATE_FILE": 90,
        "port 9000 certificate_file": 90,
        "CHATWATT_MONGODB_URI tlsCertificateKeyFile": 90,
        "CHATWATT_REDIS_URL ssl_ca_certs": 1,
        "CHATWATT_ALIPAY_ROOT_CERTIFICATE_FILE": 1,
        "gw-tls certificate_file": None,
        "pay.provider.wechat_pay": 5,
        "127.0.0.1": 90,
    }
    assert [ending.name for ending in found if ending.renews] == ["pay.provider.wechat_pay"]


async def test_a_listeners_file_that_is_wrong_hides_nothing_else(building: Building, tmp_path: Path) -> None:
    """Y7: what is wrong with one file is another's business, and the rest is still told."""
    (tmp_path / "ports.yaml").write_text("listeners: 7")
    settings = Settings(dial_in_file=tmp_path / "ports.yaml", modbus_ca_file=str(tmp_path / "gone.pem"))
    found = await endings(settings, building.business)
    assert found == [Ending(name="CHATWATT_MODBUS_CA_FILE", ends_at=None)]


async def _told(building: Building) -> list[Notice]:
    rows = await building.business.store.notices.due(building.clock.now(), 100)
    return [row for row in rows if row.kind is NoticeKind.CERTIFICATE_ENDS]


async def test_what_cannot_be_read_is_told_once_a_week(building: Building) -> None:
    """N1: until it can be read, and no oftener."""
    await building.operator(role=Role.OWNER)
    broken = Ending(name="CHATWATT_MODBUS_CA_FILE", ends_at=None)
    new = []
    for _ in range(15):
        new.append(await warn_of_endings(building.business, [broken]))
        building.clock.advance(days=1)
    assert sum(new) == 3  # EPOCH is a Monday, so fifteen days touch three weeks.
    words = sentence((await _told(building))[0], "en")
    assert "cannot be read" in words
    assert "CHATWATT_MODBUS_CA_FILE" in words


async def test_what_renews_itself_is_told_late_and_by_its_name(building: Building) -> None:
    """A month before, the next platform certificate is still to be expected; a week before, it is late."""
    await building.operator(role=Role.OWNER)
    ends_at = EPOCH + timedelta(days=8)
    ending = Ending(name="pay.provider.wechat_pay", ends_at=ends_at, renews=True)
    assert await warn_of_endings(building.business, [ending]) == 0
    for days in (1, 4, 2, 1):
        building.clock.advance(days=days)
        assert await warn_of_endings(building.business, [ending]) == 1
        assert await warn_of_endings(building.business, [ending]) == 0
    words = [sentence(row, "en") for row in sorted(await _told(building), key=lambda row: row.at)]
    assert all("WeChat Pay" in each for each in words)
    assert ["no newer one has come" in each for each in words] == [True, True, True, False]
    assert "expired on" in words[-1]
