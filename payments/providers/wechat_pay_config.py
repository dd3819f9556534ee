"""What a WeChat Pay merchant must be told before it can be used. Secrets never show in a repr or in an error."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Self
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from payments.providers.wechat_pay_crypto import load_certificate, load_private_key, load_public_key

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
SANDBOX_KEY_ID = "PUB_KEY_ID_SANDBOX"
SANDBOX_MCHID = "0000"
"""The sandbox's merchants begin with it; no merchant of WeChat Pay does."""
SANDBOX_ISSUER = "sandbox platform"


class KeyMode(StrEnum):
    """Which of WeChat Pay's keys a merchant believes, and which it asks for in its requests."""

    PUBLIC_KEY = "public_key"
    """The public key alone: every new merchant."""
    CERTIFICATES = "certificates"
    """Platform certificates, downloaded; a public key is believed too if it is given."""
    SWITCHING = "switching"
    """On the way from certificates to the public key: asks for the public key and believes both."""


class WeChatPayConfig(BaseModel):
    """One merchant: who it is, its keys, WeChat Pay's keys by `key_mode`, and where the gateway is."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    mchid: str = Field(pattern=r"^[0-9]{6,32}$")
    appid: str = Field(pattern=r"^[0-9A-Za-z_]{1,32}$")
    merchant_serial: str = Field(pattern=r"^[0-9A-Fa-f]{8,64}$")
    merchant_private_key_pem: str = Field(repr=False)
    api_v3_key: str = Field(repr=False, pattern=r"^[!-~]{32}$")
    """32 characters, as typed into the merchant platform."""
    key_mode: KeyMode = KeyMode.PUBLIC_KEY
    public_key_id: str | None = Field(default=None, pattern=r"^PUB_KEY_ID_[0-9A-Za-z]{1,64}$")
    public_key_pem: str | None = None
    platform_certificates: Mapping[str, str] = Field(default_factory=dict)
    """PEM by serial number (hexadecimal): believed from the start, beside those that are downloaded."""
    notify_url: str
    """Where WeChat Pay sends notifications: full, public, https, without a query."""
    base_url: str = "https://api.mch.weixin.qq.com"
    backup_url: str | None = None
    """Tried once when no connection to `base_url` can be made, e.g. https://api2.mch.weixin.qq.com."""
    timeout_s: float = Field(default=8.0, gt=0, le=30)

    @field_validator("merchant_private_key_pem")
    @classmethod
    def _check_private_key(cls, pem: str) -> str:
        load_private_key(pem)
        return pem

    @field_validator("public_key_pem")
    @classmethod
    def _check_public_key(cls, pem: str | None) -> str | None:
        if pem is not None:
            load_public_key(pem)
        return pem

    @field_validator("platform_certificates")
    @classmethod
    def _check_certificates(cls, certificates: Mapping[str, str]) -> Mapping[str, str]:
        for serial, pem in certificates.items():
            if load_certificate(pem).serial != serial.upper():
                raise ValueError("a certificate under another serial number than its own")
        return certificates

    @field_validator("base_url", "backup_url", "notify_url")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        """Plain http is for a sandbox on this machine and for nothing else."""
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise ValueError("must be https")
        if not parts.hostname or parts.query or parts.fragment or parts.username:
            raise ValueError("must be a plain URL")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        if (self.public_key_id is None) != (self.public_key_pem is None):
            raise ValueError("public_key_id and public_key_pem go together")
        if self.public_key_pem is None and self.key_mode is not KeyMode.CERTIFICATES:
            raise ValueError("this mode needs a WeChat Pay public key")
        return self

    @property
    def is_sandbox(self) -> bool:
        """Whether the gateway is on this machine, or any key is a sandbox's. A production start must refuse it."""
        gateways = [urlsplit(url) for url in (self.base_url, self.backup_url) if url is not None]
        return (
            any(gateway.scheme != "https" or gateway.hostname in LOOPBACK for gateway in gateways)
            or self.mchid.startswith(SANDBOX_MCHID)
            or (self.public_key_id or "").startswith(SANDBOX_KEY_ID)
            or any(load_certificate(pem).issuer == SANDBOX_ISSUER for pem in self.platform_certificates.values())
        )

    @property
    def asks_with(self) -> str | None:
        """The key that requests ask WeChat Pay to sign its answers with; None leaves it to its certificates."""
        return None if self.key_mode is KeyMode.CERTIFICATES else self.public_key_id

    @property
    def downloads(self) -> bool:
        """Whether platform certificates are to be downloaded."""
        return self.key_mode is not KeyMode.PUBLIC_KEY

    def keys(self) -> dict[str, rsa.RSAPublicKey]:
        """WeChat Pay's keys by serial or public key id."""
        keys = {serial: load_public_key(pem) for serial, pem in self.platform_certificates.items()}
        if self.public_key_id is not None and self.public_key_pem is not None:
            keys[self.public_key_id] = load_public_key(self.public_key_pem)
        return keys
