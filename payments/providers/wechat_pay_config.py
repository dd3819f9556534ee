"""What a WeChat Pay merchant must be told before it can be used. Secrets never show in a repr or in an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from payments.providers.wechat_pay_crypto import load_private_key, load_public_key

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class WeChatPayConfig(BaseModel):
    """One merchant. A public key, platform certificates, or both while WeChat Pay switches the merchant over."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    mchid: str = Field(pattern=r"^[0-9]{6,32}$")
    appid: str = Field(pattern=r"^[0-9A-Za-z_]{1,32}$")
    merchant_serial: str = Field(pattern=r"^[0-9A-Fa-f]{8,64}$")
    merchant_private_key_pem: str = Field(repr=False)
    api_v3_key: str = Field(repr=False, pattern=r"^[!-~]{32}$")
    """32 characters, as typed into the merchant platform."""
    public_key_id: str | None = Field(default=None, pattern=r"^PUB_KEY_ID_[0-9A-Za-z]{1,64}$")
    public_key_pem: str | None = None
    platform_certificates: Mapping[str, str] = Field(default_factory=dict)
    """PEM by serial number (hexadecimal)."""
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
        for pem in certificates.values():
            load_public_key(pem)
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
        if self.public_key_pem is None and not self.platform_certificates:
            raise ValueError("neither a WeChat Pay public key nor a platform certificate")
        return self

    @property
    def is_sandbox(self) -> bool:
        """Whether the gateway is on this machine. A production start must refuse it."""
        return urlsplit(self.base_url).hostname in LOOPBACK

    def keys(self) -> dict[str, rsa.RSAPublicKey]:
        """WeChat Pay's keys by serial or public key id."""
        keys = {serial: load_public_key(pem) for serial, pem in self.platform_certificates.items()}
        if self.public_key_id is not None and self.public_key_pem is not None:
            keys[self.public_key_id] = load_public_key(self.public_key_pem)
        return keys
