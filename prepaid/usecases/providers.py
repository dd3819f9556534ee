"""The ways to pay that are set up, by name: one that was removed is trouble of its own orders and of no others."""

from __future__ import annotations

from prepaid.domain.errors import Refused
from prepaid.ports import Business, PaymentProvider


def provider_named(business: Business, name: str) -> PaymentProvider:
    """The provider, or `Refused("refused.provider_unknown")`."""
    provider = business.providers.get(name)
    if provider is None:
        raise Refused("refused.provider_unknown")
    return provider
