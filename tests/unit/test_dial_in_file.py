"""The file that says where units may call: what is right is understood, and what is wrong is named by its place."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from meters.dial_in_file import load_listeners
from meters.links.dial_in import Listener
from prepaid.domain.errors import Refused
from tests.fakes.certificates import Authority

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
GOOD = r"""
listeners:
  - port: 9000
    registration: 'REG:(?P<id>\w+)\r\n'
    heartbeats: ['HB', 'hex:FE FE']
    sites: [north]
  - {port: 9001, host: 10.0.0.1, registration_hex: 'AA55{6}0D0A'}
  - {port: 9002, kind: acrel_4g, timezone: Asia/Shanghai}
"""


def load(folder: Path, text: str) -> tuple[Listener, ...]:
    """The listeners in this text."""
    file = folder / "dial-in.yaml"
    file.write_text(text, encoding="utf-8")
    return load_listeners(file, host="0.0.0.0", now=lambda: NOON)  # noqa: S104


def test_a_file_is_understood(tmp_path: Path) -> None:
    """Ports, registrations as text and as hex, heartbeats as text and as hex, sites, and the meters' own time."""
    text, binary, acrel = load(tmp_path, GOOD)
    assert text.registration is not None
    assert text.registration.find(b"REG:abc\r\nrest") == ("abc", b"REG:abc\r\n", b"rest")
    assert text.heartbeats == (b"HB", b"\xfe\xfe")
    assert (text.sites, text.host) == (frozenset({"north"}), "0.0.0.0")  # noqa: S104
    assert binary.registration is not None
    assert binary.registration.find(bytes.fromhex("AA550102030405060D0A")) == (
        "010203040506",
        bytes.fromhex("AA550102030405060D0A"),
        b"",
    )
    assert (binary.host, acrel.kind, acrel.now().hour) == ("10.0.0.1", "acrel_4g", 20)


WRONG = {
    "": "",
    "listeners: [": "line",
    "listeners: []": "listeners",
    "listeners: [{port: 70000, registration: '(?P<id>a)'}]": "listeners.0.port",
    "listeners: [{port: 1, registration: '(?P<id>a)', heartbeats: ['hex:zz']}]": "listeners.0.heartbeats",
    "listeners: [{port: 1, registration: '(?P<id>a)', colour: red}]": "listeners.0.colour",
    "listeners: [{port: 1}]": "listeners.0",
    "listeners: [{port: 1, kind: acrel_4g, registration: '(?P<id>a)'}]": "listeners.0",
    "listeners: [{port: 1, kind: acrel_4g, timezone: Mars/Olympus}]": "listeners.0.timezone",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_named(tmp_path: Path, text: str) -> None:
    """Nothing starts with half a file."""
    with pytest.raises(Refused) as told:
        load(tmp_path, text)
    assert told.value.key == "refused.dial_in_file"
    assert WRONG[text] in str(told.value.params["why"])


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """By its name, not its place."""
    with pytest.raises(Refused) as told:
        load_listeners(tmp_path / "absent.yaml", host="", now=lambda: NOON)
    assert told.value.params["why"] == "absent.yaml"


def test_a_port_with_tls(tmp_path: Path) -> None:
    """The files of a port are checked when they are read."""
    files = Authority(tmp_path).sign("door")
    tls = f"{{certificate_file: {files.certificate_file}, key_file: {files.key_file}}}"
    (listener,) = load(tmp_path, f"listeners: [{{port: 1, registration: '(?P<id>a)', tls: {tls}}}]")
    assert listener.tls is not None
    with pytest.raises(Refused):
        load(tmp_path, f"listeners: [{{port: 1, registration: '(?P<id>a)', tls: {tls.replace('.key', '.no')}}}]")
