"""Modbus/TCP Security: both sides prove who they are, replies may come in pieces, and wrong files are named."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from meters.links import files, requests, tls
from meters.links.errors import LinkDown
from meters.links.files import TlsFiles
from meters.links.opening import Ways
from prepaid.domain.errors import Refused
from prepaid.domain.metering import Gateway, LinkOptions
from tests.fakes.certificates import Authority
from tests.fakes.hostile_device import value
from tests.fakes.wires import ServerWire

READ = requests.read(requests.READ_HOLDING, 0x40, 60)
TRUTH = tuple(value(3, at) for at in range(0x40, 0x40 + 60))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Who signs gateways and head-ends here."""
    return Authority(tmp_path)


@pytest.fixture
async def wire(authority: Authority) -> AsyncIterator[ServerWire]:
    """A gateway with TLS."""
    wire = ServerWire("tls", (authority.sign("gateway"), authority.sign("headend")))
    await wire.start()
    yield wire
    await wire.stop()


async def test_a_reply_in_many_records_is_one_reply(wire: ServerWire) -> None:
    """A reading of 129 bytes in 26 TLS records of five bytes each."""
    link = await wire.link()
    assert requests.words(await link.ask(3, READ, timeout_s=5)) == TRUTH
    link.close()


async def test_the_usual_port_is_802(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """MB-TCP-Security v36; a gateway without a port is called there, by its own name or the one that is said."""
    said: list[object] = []

    async def connect(host: str, port: int, **rest: object) -> None:
        said.extend((host, port, rest["server_name"]))

    monkeypatch.setattr(tls, "connect", connect)
    gateway = Gateway(id="g", site_id="s", transport="tls", host="10.0.0.9", options=LinkOptions(server_name="north"))
    await Ways(tls=authority.sign("headend")).opener(gateway, timeout_s=1)()
    assert said == ["10.0.0.9", 802, "north"]


async def test_a_gateway_with_a_strangers_certificate_is_not_believed(wire: ServerWire, tmp_path: Path) -> None:
    """S11: who stands in the middle is found before anything is asked."""
    stranger = Authority(tmp_path, "stranger")
    ours = replace(wire.ways.tls, ca_file=str(stranger.ca_file))
    with pytest.raises(LinkDown):
        await Ways(tls=ours).opener(wire.gateway, timeout_s=5)()
    assert wire.device.connections == 0


async def test_a_gateway_of_another_name_is_not_believed(wire: ServerWire) -> None:
    """A certificate of the right authority for another host is not this gateway's."""
    other = replace(wire.gateway, options=LinkOptions(server_name="gateway.example"))
    with pytest.raises(LinkDown):
        await wire.ways.opener(other, timeout_s=5)()


async def test_a_gateway_takes_nobody_without_a_certificate_it_knows(wire: ServerWire, tmp_path: Path) -> None:
    """The gateway verifies us as well: with a stranger's certificate nothing is read."""
    foreign = Authority(tmp_path, "stranger").sign("foreign")
    ours = replace(wire.ways.tls, certificate_file=foreign.certificate_file, key_file=foreign.key_file)

    async def read() -> None:
        # In TLS 1.3 the refusal comes after the client believes to be connected.
        link = await Ways(tls=ours).opener(wire.gateway, timeout_s=5)()
        await link.ask(3, READ, timeout_s=5)

    with pytest.raises(LinkDown):
        await read()
    assert wire.device.connections == 0


def test_wrong_files_are_refused_by_name(authority: Authority, tmp_path: Path) -> None:
    """A missing file, one that is no PEM, a key of somebody else, and files that were not given at all."""
    good, other = authority.sign("one"), authority.sign("other")
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nothing")
    wrong = {
        "absent.pem": replace(good, ca_file=str(tmp_path / "absent.pem")),
        "nonsense.pem": replace(good, ca_file=str(nonsense)),
        "one.crt, other.key": replace(good, key_file=other.key_file),
        "absent.crt, one.key": replace(good, certificate_file=str(tmp_path / "absent.crt")),
    }
    for name, wrong_files in wrong.items():
        with pytest.raises(Refused) as told:
            files.calling(wrong_files)
        assert (told.value.key, told.value.params["file"]) == ("refused.tls_file", name)
    with pytest.raises(Refused) as told:
        Ways(tls=TlsFiles()).check(Gateway(id="g", site_id="s", transport="tls", host="h"))
    assert told.value.key == "refused.tls_files_missing"


def test_nothing_older_than_tls_1_2_is_spoken(authority: Authority) -> None:
    """In either direction."""
    for context in (files.calling(authority.sign("a")), files.called(authority.sign("b"))):
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert context.verify_mode is ssl.CERT_REQUIRED
