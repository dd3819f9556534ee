"""The channels that are no chats, as the operator has set them up: short messages, webhooks, push services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.channels import apprise_url, sms_aliyun, webhook
from bot.outgoing import Sealer, open_session
from chatwatt.settings import Settings
from chatwatt.wiring import Runtime
from prepaid.domain.errors import Refused
from prepaid.ports import AddressKeeper


@asynccontextmanager
async def open_channels(runtime: Runtime) -> AsyncIterator[dict[str, AddressKeeper]]:
    """The senders by channel. Raises `Refused("refused.pay_link_key")` where there is no key to seal addresses with."""
    settings = runtime.settings
    if not (settings.webhooks or settings.push_services or settings.sms_aliyun_key_id):
        yield {}
        return
    if not runtime.link_key:
        raise Refused("refused.pay_link_key")
    sealer, private = Sealer(runtime.link_key), settings.private_addresses
    senders: dict[str, AddressKeeper] = {}
    async with open_session(private=private) as session:
        if settings.webhooks:
            senders[webhook.CHANNEL] = webhook.WebhookSender(session, sealer, private=private)
        if settings.push_services:
            senders[apprise_url.CHANNEL] = apprise_url.AppriseSender(sealer, private=private)
        if settings.sms_aliyun_key_id:
            senders[sms_aliyun.CHANNEL] = sms_aliyun.SmsSender(session, sealer, _sms(settings), runtime.clock)
        yield senders


def _sms(settings: Settings) -> sms_aliyun.AliyunSms:
    secret = settings.sms_aliyun_key_secret
    if secret is None or not settings.sms_aliyun_sign:
        raise Refused("refused.settings", fields="CHATWATT_SMS_ALIYUN_KEY_SECRET, CHATWATT_SMS_ALIYUN_SIGN")
    return sms_aliyun.AliyunSms(
        key_id=settings.sms_aliyun_key_id,
        key_secret=secret.get_secret_value(),
        sign=settings.sms_aliyun_sign,
        templates=settings.sms_aliyun_templates,
        url=settings.sms_aliyun_url,
    )
