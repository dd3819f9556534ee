r"""Reads the file that says where units may call and how they say who they are. What is wrong is named by its place.

```yaml
listeners:
  - port: 9000
    registration: 'REG:(?P<id>\w+)\r\n'      # or registration_hex: 'AA55{6}0D0A'
    heartbeats: ['HB', 'hex:FE FE']
    sites: [north]
  - port: 9001
    kind: acrel_4g
    timezone: Asia/Shanghai
```
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from meters.links import files, registration
from meters.links.dial_in import Listener
from meters.links.files import TlsFiles
from meters.links.registration import Registration
from prepaid.domain.errors import Refused

MOST_BYTES = 64 * 1024
LONGEST_HEARTBEAT = 40
"""Units allow 40 bytes."""
_HEX = "hex:"


class _Tls(BaseModel):
    """Files for a port with TLS; with a `ca_file` only units whose certificate it signed may call."""

    model_config = ConfigDict(extra="forbid")

    certificate_file: str = Field(min_length=1)
    key_file: str = Field(min_length=1)
    ca_file: str = ""


class _Listener(BaseModel):
    """One port."""

    model_config = ConfigDict(extra="forbid")

    port: int = Field(ge=0, le=65535)
    host: str = ""
    kind: Literal["dtu", "acrel_4g"] = "dtu"
    registration: str = ""
    registration_hex: str = ""
    heartbeats: list[str] = Field(default=[], max_length=8)
    sites: list[str] = []
    tls: _Tls | None = None
    timezone: str = "Asia/Shanghai"

    @field_validator("heartbeats")
    @classmethod
    def _are_bytes(cls, heartbeats: list[str]) -> list[str]:
        for heartbeat in heartbeats:
            if not 1 <= len(_raw(heartbeat)) <= LONGEST_HEARTBEAT:
                raise ValueError("a heartbeat has 1 to 40 bytes")
        return heartbeats

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as unknown:
            raise ValueError("no such time zone") from unknown
        return name

    @model_validator(mode="after")
    def _one_registration(self) -> Self:
        if (self.kind == "dtu") != (bool(self.registration) != bool(self.registration_hex)):
            raise ValueError("a DTU needs registration or registration_hex, an Acrel meter neither")
        return self


class _File(BaseModel):
    """All of them."""

    model_config = ConfigDict(extra="forbid")

    listeners: list[_Listener] = Field(min_length=1, max_length=64)


def load_listeners(path: Path, *, host: str, now: Callable[[], datetime]) -> tuple[Listener, ...]:
    """The listeners in a file; `host` is where those listen that name none. Raises `Refused`."""
    return tuple(_listener(each, host, now) for each in _read(path).listeners)


def tls_files(path: Path) -> tuple[tuple[int, TlsFiles], ...]:
    """The ports of a file that speak TLS, each with its certificate files, which are not opened. Raises `Refused`."""
    return tuple((each.port, TlsFiles(**each.tls.model_dump())) for each in _read(path).listeners if each.tls)


def _read(path: Path) -> _File:
    try:
        text = path.read_text(encoding="utf-8")
        if len(text) > MOST_BYTES:
            raise Refused("refused.dial_in_file", why="size")
        return _File.model_validate(yaml.safe_load(text))
    except (OSError, UnicodeDecodeError) as absent:
        raise Refused("refused.dial_in_file", why=path.name) from absent
    except yaml.YAMLError as wrong:
        mark = getattr(wrong, "problem_mark", None)
        raise Refused("refused.dial_in_file", why=f"line {mark.line + 1}" if mark else "YAML") from wrong
    except ValidationError as wrong:
        raise Refused("refused.dial_in_file", why=_places(wrong)) from wrong


def _places(wrong: ValidationError) -> str:
    """Where the file is wrong and how, without what stands there."""
    found = wrong.errors(include_input=False, include_url=False)
    return "; ".join(f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in found[:5])


def _listener(read: _Listener, host: str, now: Callable[[], datetime]) -> Listener:
    zone = ZoneInfo(read.timezone)
    return Listener(
        port=read.port,
        host=read.host or host,
        kind=read.kind,
        registration=_registration(read),
        heartbeats=tuple(_raw(heartbeat) for heartbeat in read.heartbeats),
        sites=frozenset(read.sites),
        tls=files.called(TlsFiles(**read.tls.model_dump())) if read.tls else None,
        now=lambda: now().astimezone(zone),
    )


def _registration(read: _Listener) -> Registration | None:
    if read.registration:
        return registration.from_text(read.registration)
    return registration.from_hex(read.registration_hex) if read.registration_hex else None


def _raw(heartbeat: str) -> bytes:
    """The bytes of a heartbeat, which stands there as text or as `hex:FE FE`."""
    if heartbeat.startswith(_HEX):
        return bytes.fromhex(heartbeat.removeprefix(_HEX))
    return heartbeat.encode()
