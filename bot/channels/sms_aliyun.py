"""Short messages over Aliyun (dysmsapi 2017-05-25), by its signed RPC calls; receipts are asked for.

A text is a template that the carrier has approved, one for each kind of notice; a kind without one goes by the next
channel. The variables of a template may be `room`, `balance`, `amount`, `time` and, for `contact_code`, `code`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import aiohttp

from bot.outgoing import Sealer, answer_of, post
from bot.texts import language_for
from bot.texts.figures import instant, money
from prepaid.domain.delivery import Receipt
from prepaid.domain.errors import Refused, TryAgain
from prepaid.domain.notices import Notice
from prepaid.domain.people import Address, Person
from prepaid.ports import Accepted, Clock

CHANNEL = "sms"
URL = "https://dysmsapi.aliyuncs.com/"
VERSION = "2017-05-25"
RECEIPT_WITHIN_S = 120
PHONE = re.compile(r"^(?:\+?86)?(1[3-9]\d{9})$", re.ASCII)
CHINA = ZoneInfo("Asia/Shanghai")
MOST_VALUE = 20
"""Characters of a template's variable."""
LATER = (
    "isv.BUSINESS_LIMIT_CONTROL",
    "isp.",
    "Throttling",
    "ServiceUnavailable",
    "InternalError",
    "isv.OUT_OF_SERVICE",
)
"""Codes, or how they begin, after which the same call may succeed."""
_STATES = {2: Receipt.LOST, 3: Receipt.ARRIVED}


@dataclass(frozen=True, slots=True, kw_only=True)
class AliyunSms:
    """One account's key, its signature and its templates by kind of notice."""

    key_id: str
    key_secret: str
    sign: str
    templates: Mapping[str, str]
    url: str = URL


class SmsSender:
    """Implements `Sender`, `ReceiptingSender` and `AddressKeeper`."""

    receipt_within_s = RECEIPT_WITHIN_S

    def __init__(self, session: aiohttp.ClientSession, sealer: Sealer, account: AliyunSms, clock: Clock) -> None:
        self._session, self._sealer, self._account, self._clock = session, sealer, account, clock

    async def accept(self, given: str) -> Accepted:
        """A mobile number of mainland China."""
        found = PHONE.match(re.sub(r"[ -]", "", given))
        if found is None:
            raise Refused("refused.phone")
        return Accepted(self._sealer.seal(found.group(1)))

    async def send(self, address: Address, notice: Notice, person: Person, *, reference: str | None) -> str:
        """Returns Aliyun's number of the message. A stage of a payment's thread has a template of its own or none."""
        del reference
        name = str(notice.kind) if notice.stage is None else f"{notice.kind}.{notice.stage}"
        template = self._account.templates.get(name)
        if template is None:
            raise Refused("refused.no_template")
        answer = await self._call(
            "SendSms",
            {
                "PhoneNumbers": self._sealer.open(address.user),
                "SignName": self._account.sign,
                "TemplateCode": template,
                "TemplateParam": json.dumps(variables(notice, person), ensure_ascii=False),
                "OutId": hashlib.sha256(notice.id.encode()).hexdigest()[:32],
            },
        )
        return str(answer.get("BizId", ""))

    async def receipt(self, address: Address, reference: str, sent_at: datetime) -> Receipt:
        """What the carrier said of the message."""
        answer = await self._call(
            "QuerySendDetails",
            {
                "PhoneNumber": self._sealer.open(address.user),
                "BizId": reference,
                "SendDate": f"{sent_at.astimezone(CHINA):%Y%m%d}",
                "PageSize": "1",
                "CurrentPage": "1",
            },
        )
        details = answer.get("SmsSendDetailDTOs", {}).get("SmsSendDetailDTO", [])
        return _STATES.get(int(details[0].get("SendStatus", 0)), Receipt.UNKNOWN) if details else Receipt.UNKNOWN

    async def _call(self, action: str, fields: Mapping[str, str]) -> Mapping[str, Any]:
        given = {
            **fields,
            "AccessKeyId": self._account.key_id,
            "Action": action,
            "Format": "JSON",
            "RegionId": "cn-hangzhou",
            "SignatureMethod": "HMAC-SHA1",
            "SignatureNonce": secrets.token_hex(16),
            "SignatureVersion": "1.0",
            "Timestamp": f"{self._clock.now():%Y-%m-%dT%H:%M:%SZ}",
            "Version": VERSION,
        }
        given["Signature"] = signature("POST", given, self._account.key_secret)
        body = "&".join(f"{encoded(name)}={encoded(value)}" for name, value in given.items())
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        _, content = await post(self._session, self._account.url, data=body.encode(), headers=headers)
        answer = answer_of(content, json.loads)
        code = str(answer.get("Code", ""))
        if code == "OK":
            return answer
        if not code or code.startswith(LATER):
            raise TryAgain("try_again.channel")
        raise Refused("refused.address_refused")


def signature(method: str, fields: Mapping[str, str], secret: str) -> str:
    """Aliyun's RPC signature, version 1.0: HMAC-SHA1 over the sorted, encoded fields."""
    canonical = "&".join(f"{encoded(name)}={encoded(fields[name])}" for name in sorted(fields))
    text = f"{method}&{encoded('/')}&{encoded(canonical)}"
    return base64.b64encode(hmac.new(f"{secret}&".encode(), text.encode(), hashlib.sha1).digest()).decode()


def encoded(value: str) -> str:
    """RFC 3986."""
    return quote(value, safe="~")


def variables(notice: Notice, person: Person) -> dict[str, str]:
    """What a template may name; each value as short as carriers demand."""
    language, params = language_for(person.language), notice.params
    found = {"room": str(params.get("label", ""))}
    if "code" in params:
        found["code"] = str(params["code"])
    for name in ("balance", "amount"):
        value = params.get(f"{name}_micro")
        if isinstance(value, int):
            found[name] = money(value)
    at = params.get("cut_at") or params.get("at")
    if isinstance(at, str):
        found["time"] = instant(datetime.fromisoformat(at), language, str(params.get("time_zone") or "UTC"))
    return {name: value[:MOST_VALUE] for name, value in found.items()}
