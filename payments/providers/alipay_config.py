"""What an Alipay merchant must be told before it can be used. Secrets never show in a repr or in an error."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from payments.providers.alipay_crypto import (
    Verifier,
    certificate_sn,
    load_private_key,
    load_public_key,
    root_sn,
)
from prepaid.domain.orders import PayWay

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
SANDBOX_HOSTS = frozenset({"openapi.alipaydev.com", "openapi-sandbox.dl.alipaydev.com"})
"""Alipay's own sandbox: it moves no real money."""
SANDBOX_APPS = "9999"
"""How the app ids of the sandbox that comes with chatwatt begin; no real one does."""

_CERTIFICATES = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class AlipayConfig(BaseModel):
    """One merchant's app. Alipay's public key, or certificates: the app's, Alipay's, and the roots."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    app_id: str = Field(pattern=r"^[0-9]{16,32}$")
    seller_id: str = Field(pattern=r"^2088[0-9]{12}$")
    """The merchant's number at Alipay (PID)."""
    app_private_key: str = Field(repr=False)
    """PEM, or bare base64 as the key tool writes it."""
    alipay_public_key: str | None = None
    """Alipay's key for this app, not the app's own public key."""
    app_certificate: str | None = None
    alipay_certificates: str | None = None
    """PEM, several while one follows another."""
    root_certificates: str | None = None
    notify_url: str
    """Where Alipay sends notifications: full, public, without a query."""
    gateway_url: str = "https://openapi.alipay.com/gateway.do"
    return_url: str | None = None
    """Where the WAP page leads back to."""
    ways: frozenset[PayWay] = frozenset({PayWay.QR})
    """The products that the merchant has signed up for."""
    mini_app_id: str | None = Field(default=None, pattern=r"^[0-9]{16,32}$")
    """The mini-program that calls `my.tradePay`, if it is not `app_id`."""
    refund_days: int = Field(default=90, ge=1, le=730)
    """How long after a payment Alipay refunds it: what the contract says."""
    timeout_s: float = Field(default=8.0, gt=0, le=30)

    @field_validator("app_private_key")
    @classmethod
    def _check_private_key(cls, written: str) -> str:
        load_private_key(written)
        return written

    @field_validator("alipay_public_key")
    @classmethod
    def _check_public_key(cls, written: str | None) -> str | None:
        if written is not None:
            load_public_key(written)
        return written

    @field_validator("app_certificate")
    @classmethod
    def _check_certificate(cls, pem: str | None) -> str | None:
        if pem is not None:
            load_public_key(pem)
        return pem

    @field_validator("alipay_certificates")
    @classmethod
    def _check_certificates(cls, pem: str | None) -> str | None:
        if pem is not None:
            found = _CERTIFICATES.findall(pem)
            if not found:
                raise ValueError("no certificate")
            for each in found:
                load_public_key(each)
        return pem

    @field_validator("root_certificates")
    @classmethod
    def _check_roots(cls, pem: str | None) -> str | None:
        if pem is not None:
            root_sn(pem)
        return pem

    @field_validator("gateway_url", "notify_url", "return_url")
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
        return url

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        certificates = (self.app_certificate, self.alipay_certificates, self.root_certificates)
        if any(certificates) and not all(certificates):
            raise ValueError("app_certificate, alipay_certificates and root_certificates go together")
        if self.alipay_public_key is None and not any(certificates):
            raise ValueError("neither Alipay's public key nor certificates")
        if self.app_certificate is not None and not self._is_own(
            load_public_key(self.app_certificate).public_numbers()
        ):
            raise ValueError("app_certificate belongs to another private key")
        # The commonest mistake: one's own public key in place of Alipay's. It would refuse every answer.
        if self.alipay_public_key is not None and self._is_own(
            load_public_key(self.alipay_public_key).public_numbers()
        ):
            raise ValueError("alipay_public_key is the app's own key")
        return self

    def _is_own(self, numbers: object) -> bool:
        return load_private_key(self.app_private_key).public_key().public_numbers() == numbers

    @property
    def is_sandbox(self) -> bool:
        """Whether the gateway or the keys move no real money. A production start must refuse it."""
        host = urlsplit(self.gateway_url).hostname
        return host in LOOPBACK | SANDBOX_HOSTS or self.app_id.startswith(SANDBOX_APPS)

    @property
    def refund_within(self) -> timedelta:
        """See `refund_days`."""
        return timedelta(days=self.refund_days)

    def certificate_parameters(self) -> dict[str, str]:
        """What a request says about certificates; nothing in public-key mode."""
        if self.app_certificate is None or self.root_certificates is None:
            return {}
        return {
            "app_cert_sn": certificate_sn(self.app_certificate),
            "alipay_root_cert_sn": root_sn(self.root_certificates),
        }

    def verifier(self) -> Verifier:
        """Knows all keys that may have signed."""
        found = _CERTIFICATES.findall(self.alipay_certificates or "")
        key = None if self.alipay_public_key is None else load_public_key(self.alipay_public_key)
        return Verifier(key, {certificate_sn(pem): load_public_key(pem) for pem in found})
