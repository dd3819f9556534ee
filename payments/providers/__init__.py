"""Every module here is a way to pay, named as people configure it; the next one is a copy of `_blueprint`.

Helpers carry their provider's name as a prefix (`wechat_pay_crypto` belongs to `wechat_pay`). A provider is imported
when it is built and not before, since a maker's SDK may be large.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from typing import Protocol, cast

from payments.receivers import NotificationReceiver
from prepaid.domain.errors import Refused
from prepaid.ports import Clock, PaymentProvider

__all__ = ["Provider", "build", "names"]


class Provider(PaymentProvider, NotificationReceiver, Protocol):
    """What a provider's module builds: asks for payments, reads its own notifications, can be closed."""

    async def aclose(self) -> None:
        """Closes the connections."""
        ...


class _Module(Protocol):
    NAME: str

    @staticmethod
    def build(settings: Mapping[str, object], clock: Clock) -> Provider: ...


def names() -> tuple[str, ...]:
    """The providers that there are."""
    found = sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    return tuple(name for name in found if not any(name.startswith(f"{other}_") for other in found))


def build(name: str, settings: Mapping[str, object], clock: Clock) -> Provider:
    """The provider `name` from its settings.

    Raises `Refused`: "refused.provider_unknown", or "refused.provider_not_set_up" with the `fields` that are wrong.
    """
    if name not in names():
        raise Refused("refused.provider_unknown", provider=name)
    return cast("_Module", import_module(f"{__name__}.{name}")).build(settings, clock)
