"""Settings from CHATWATT_* environment variables, checked at start. docs/reference/settings.md lists them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal
from zoneinfo import available_timezones

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from prepaid.domain.errors import Refused

DEFAULT_DATA = Path("var")
STORE_KINDS = {
    "mongodb_uri": ("mongodb://", "mongodb+srv://"),
    "redis_url": ("redis://", "rediss://", "unix://"),
}
"""How the address of a store may begin."""


class WeChatPaySettings(BaseSettings):
    """One WeChat Pay merchant. Keys are files, so that no environment listing shows them."""

    model_config = SettingsConfigDict(env_prefix="CHATWATT_WECHAT_PAY_", extra="ignore")

    mchid: str = ""
    appid: str = ""
    merchant_serial: str = ""
    merchant_private_key_file: Path | None = None
    api_v3_key: SecretStr = SecretStr("")
    key_mode: Literal["public_key", "certificates", "switching"] = "public_key"
    public_key_id: str | None = None
    public_key_file: Path | None = None
    base_url: str = "https://api.mch.weixin.qq.com"
    backup_url: str | None = "https://api2.mch.weixin.qq.com"

    @property
    def given(self) -> bool:
        """Whether the operator set it up at all."""
        return bool(self.mchid)

    def fields(self, notify_url: str) -> dict[str, object]:
        """What the provider is built from. Raises `Refused` when a key file cannot be read."""
        return {
            "mchid": self.mchid,
            "appid": self.appid,
            "merchant_serial": self.merchant_serial,
            "merchant_private_key_pem": _read(self.merchant_private_key_file),
            "api_v3_key": self.api_v3_key.get_secret_value(),
            "key_mode": self.key_mode,
            "public_key_id": self.public_key_id,
            "public_key_pem": _read(self.public_key_file) if self.public_key_id else None,
            "notify_url": notify_url,
            "base_url": self.base_url,
            "backup_url": self.backup_url,
        }


class AlipaySettings(BaseSettings):
    """One app of an Alipay merchant, with Alipay's public key or with certificates."""

    model_config = SettingsConfigDict(env_prefix="CHATWATT_ALIPAY_", extra="ignore")

    app_id: str = ""
    seller_id: str = ""
    app_private_key_file: Path | None = None
    public_key_file: Path | None = None
    app_certificate_file: Path | None = None
    certificate_file: Path | None = None
    root_certificate_file: Path | None = None
    gateway_url: str = "https://openapi.alipay.com/gateway.do"
    ways: str = "qr"
    return_url: str | None = None
    mini_app_id: str | None = None
    refund_days: int = 90

    @property
    def given(self) -> bool:
        """Whether the operator set it up at all."""
        return bool(self.app_id)

    def fields(self, notify_url: str) -> dict[str, object]:
        """What the provider is built from. Raises `Refused` when a key file cannot be read."""
        files = {
            "alipay_public_key": self.public_key_file,
            "app_certificate": self.app_certificate_file,
            "alipay_certificates": self.certificate_file,
            "root_certificates": self.root_certificate_file,
        }
        return {
            "app_id": self.app_id,
            "seller_id": self.seller_id,
            "app_private_key": _read(self.app_private_key_file),
            **{name: None if path is None else _read(path) for name, path in files.items()},
            "notify_url": notify_url,
            "gateway_url": self.gateway_url,
            "ways": sorted({way.strip() for way in self.ways.split(",")}),
            "return_url": self.return_url,
            "mini_app_id": self.mini_app_id,
            "refund_days": self.refund_days,
        }


class WeChatSettings(BaseSettings):
    """One WeChat official account."""

    model_config = SettingsConfigDict(env_prefix="CHATWATT_WECHAT_", extra="ignore")

    app_id: str = Field(default="", pattern=r"^([A-Za-z0-9_]{4,64})?$")
    secret: SecretStr = SecretStr("")
    token: SecretStr = SecretStr("")
    """Signs the messages that WeChat posts; made up by the operator."""
    mode: Literal["safe", "plain"] = "safe"
    aes_key: SecretStr = SecretStr("")
    api: str = "https://api.weixin.qq.com"
    proxy: str | None = None
    templates_file: Path | None = None

    @property
    def given(self) -> bool:
        """Whether the operator set it up at all."""
        return bool(self.app_id)

    @field_validator("token", "aes_key")
    @classmethod
    def _as_the_console_takes_it(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        shape = {"token": r"[A-Za-z0-9]{3,32}", "aes_key": r"[A-Za-z0-9]{43}"}[str(info.field_name)]
        if value.get_secret_value() and not re.fullmatch(shape, value.get_secret_value(), re.ASCII):
            raise ValueError("not of the shape that WeChat's console takes")
        return value

    def missing(self) -> list[str]:
        """The variables that are still needed."""
        needed = {"secret": self.secret, "token": self.token}
        if self.mode == "safe":
            needed["aes_key"] = self.aes_key
        return [f"CHATWATT_WECHAT_{name.upper()}" for name, value in needed.items() if not value.get_secret_value()]


class Settings(BaseSettings):
    """Everything else."""

    model_config = SettingsConfigDict(env_prefix="CHATWATT_", extra="ignore")

    mongodb_uri: SecretStr | None = None
    """Absent: an embedded MongoDB-wire server under `data`."""
    redis_url: SecretStr | None = None
    """Absent: an embedded Valkey under `data`."""
    database: str = Field(default="chatwatt", pattern=r"^[a-z][a-z0-9_]{0,37}$")
    driver: Literal["motor", "native"] = "motor"
    data: Path = DEFAULT_DATA
    profiles: Path | None = None
    """Folder of the operator's own meter models, beside those that are shipped."""
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    public_url: str = ""
    """Where the world reaches us, https; payment notifications and Telegram's webhook go there."""
    owner: str = ""
    """Name of this process in leases; absent: host name and process id."""
    time_zone: str = "Asia/Shanghai"
    """Whose times of day the nightly jobs keep."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = "text"
    pay_link_key: SecretStr | None = None
    """Seals pay-for-me links: base64 of at least 32 bytes. Absent: made and kept under `data` by embedded stores."""
    api_key: SecretStr | None = None
    """Seals the logins of the API: base64 of at least 32 bytes. Absent: as with `pay_link_key`."""
    api_origins: list[str] = Field(default_factory=list)
    """Pages elsewhere that may call the API from a browser."""
    trusted_proxies: int = Field(default=0, ge=0, le=5)
    """Proxies of the operator's before the API, each of which writes X-Forwarded-For."""
    mini_appid: str = ""
    mini_secret: SecretStr | None = None
    mini_api: str = "https://api.weixin.qq.com"
    """The WeChat mini-program that people log in from, and where its codes are exchanged."""
    mini_templates_file: Path | None = None
    """Its subscribe messages, in the form of the official account's templates. Absent: it tells nobody anything."""
    mini_page: str = Field(default="", pattern=r"^[A-Za-z0-9/_-]{0,128}$")
    """The page that such a message opens."""
    provider_fees_ppm: dict[str, int] = Field(default_factory=dict)
    """The fee agreed with each provider, in millionths of a payment."""
    webhooks: bool = False
    """Whether people may be told by a webhook of theirs."""
    push_services: bool = False
    """Whether people may be told by what apprise can reach."""
    private_addresses: bool = False
    """Whether such addresses may lie in private networks: only where everybody who can add one is trusted."""
    sms_aliyun_key_id: str = ""
    sms_aliyun_key_secret: SecretStr | None = None
    sms_aliyun_sign: str = ""
    sms_aliyun_templates: dict[str, str] = Field(default_factory=dict)
    sms_aliyun_url: str = "https://dysmsapi.aliyuncs.com/"
    telegram_token: SecretStr | None = None
    telegram_api: str = "https://api.telegram.org"
    telegram_mode: Literal["polling", "webhook"] = "polling"
    telegram_webhook_secret: SecretStr | None = None
    modbus_ca_file: str = ""
    modbus_certificate_file: str = ""
    modbus_key_file: str = ""
    """Certificates for gateways that speak Modbus/TCP Security and have no files of their own."""
    dial_in_file: Path | None = None
    """Where units call, and how they say who they are. Absent: nobody can call."""
    dial_in_host: str = "0.0.0.0"  # noqa: S104 - units call from outside
    dial_in_register_s: float = Field(default=10.0, gt=0, le=300)
    dial_in_idle_s: float = Field(default=180.0, ge=5, le=86400)
    dial_in_waiting_most: int = Field(default=200, ge=1, le=100_000)
    dial_in_calls_per_minute: int = Field(default=300, ge=1, le=1_000_000)

    @field_validator("time_zone")
    @classmethod
    def _that_exists(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError("must name a time zone")
        return name

    @field_validator("mongodb_uri", "redis_url")
    @classmethod
    def _of_a_known_kind(cls, address: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        """The drivers' own complaints would name the address, and the address may hold a password."""
        kinds = STORE_KINDS[str(info.field_name)]
        if address is not None and not address.get_secret_value().startswith(kinds):
            raise ValueError(f"must start with one of {', '.join(kinds)}")
        return address


def load(**given: Any) -> Settings:
    """The settings, or `Refused("refused.settings")` that names each wrong variable, never its value.

    What is `given`, by an option of a command, wins over the environment.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        raise _refusal(error, "CHATWATT_") from None


def load_wechat_pay() -> WeChatPaySettings:
    """The WeChat Pay settings; see `load`."""
    try:
        return WeChatPaySettings()
    except ValidationError as error:
        raise _refusal(error, "CHATWATT_WECHAT_PAY_") from None


def load_alipay() -> AlipaySettings:
    """The Alipay settings; see `load`."""
    try:
        return AlipaySettings()
    except ValidationError as error:
        raise _refusal(error, "CHATWATT_ALIPAY_") from None


def load_wechat() -> WeChatSettings:
    """The settings of the official account; see `load`."""
    try:
        return WeChatSettings()
    except ValidationError as error:
        raise _refusal(error, "CHATWATT_WECHAT_") from None


def _refusal(error: ValidationError, prefix: str) -> Refused:
    fields = sorted({prefix + str(problem["loc"][0]).upper() for problem in error.errors(include_input=False)})
    return Refused("refused.settings", fields=", ".join(fields))


def _read(path: Path | None) -> str:
    if path is None:
        raise Refused("refused.key_file_missing", file="-")
    try:
        return path.read_text()
    except OSError:
        raise Refused("refused.key_file_missing", file=path.name) from None
