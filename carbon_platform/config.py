"""Settings. The only place that reads the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DEVELOPMENT_SECRET = "development-secret-not-for-production"  # noqa: S105 — refused in production below


class UnsafeSettings(RuntimeError):
    """The start is refused; the message lists every setting that must change."""


@dataclass(frozen=True)
class Settings:
    """One instance per process, built by :func:`load_settings` and handed to ``create_app``.

    ``mode`` is ``development``, ``demo``, ``test`` or ``production``. ``base_url`` is the public address
    printed in QR codes. ``var`` holds what the platform writes beside the database (uploads).
    ``seal_old_keys``: public keys of before, 64 hexadecimal digits each, between commas; heads they
    signed stay valid. ``map_base``: empty (no base map, nothing from outside), ``tianditu-vec`` or
    ``tianditu-img``; it needs ``map_tianditu_key`` and ``map_review_number``, the 审图号 shown with it.
    ``data_key_file``: keys that seal personal data (:mod:`carbon_platform.identity.sealing`).
    ``sms_mode``: ``mock``, ``live`` (``sms_url`` is the gateway, ``sms_secret`` signs) or ``off``.
    """

    mode: str = "development"
    database_url: str = "sqlite:///var/carbon.sqlite3"
    secret: str = DEVELOPMENT_SECRET
    base_url: str = "http://127.0.0.1:8080"
    var: Path = field(default_factory=lambda: Path("var"))
    wechat_mode: str = "mock"
    wechat_app_id: str = ""
    wechat_app_secret: str = ""
    upload_limit_bytes: int = 128 * 1024 * 1024
    map_review_number: str = ""
    map_base: str = ""
    map_tianditu_key: str = ""
    seal_key_file: Path | None = None
    seal_old_keys: str = ""
    code_key_file: Path | None = None
    code_old_keys: str = ""
    data_key_file: Path | None = None
    sms_mode: str = "mock"
    sms_url: str = ""
    sms_secret: str = ""
    payment_mode: str = ""

    @property
    def payments(self) -> str:
        """How citizens pay for small tickets: ``mock`` (paid when asked, never in production) or ``off``."""
        return self.payment_mode or ("mock" if self.is_demo else "off")

    @property
    def seal_key_path(self) -> Path:
        """Where the key is that signs the ledger's daily head; made there if missing, not in production."""
        return self.seal_key_file or self.var / "ledger-seal-key.pem"

    @property
    def code_key_path(self) -> Path:
        """Where the key is that signs voucher codes; made there if missing, not in production."""
        return self.code_key_file or self.var / "voucher-code-key.pem"

    @property
    def is_demo(self) -> bool:
        """Papers and pages then say 演示 / DEMO."""
        return self.mode != "production"


_NAMES = {
    "mode": "CARBON_MODE",
    "database_url": "CARBON_DATABASE_URL",
    "secret": "CARBON_SECRET",
    "base_url": "CARBON_BASE_URL",
    "var": "CARBON_VAR",
    "wechat_mode": "WECHAT_MODE",
    "wechat_app_id": "WECHAT_APP_ID",
    "wechat_app_secret": "WECHAT_APP_SECRET",
    "upload_limit_bytes": "CARBON_UPLOAD_LIMIT_BYTES",
    "map_review_number": "CARBON_MAP_REVIEW_NUMBER",
    "map_base": "CARBON_MAP_BASE",
    "map_tianditu_key": "CARBON_TIANDITU_KEY",
    "seal_key_file": "CARBON_SEAL_KEY_FILE",
    "seal_old_keys": "CARBON_SEAL_OLD_KEYS",
    "code_key_file": "CARBON_CODE_KEY_FILE",
    "code_old_keys": "CARBON_CODE_OLD_KEYS",
    "data_key_file": "CARBON_DATA_KEY_FILE",
    "sms_mode": "CARBON_SMS_MODE",
    "sms_url": "CARBON_SMS_URL",
    "sms_secret": "CARBON_SMS_SECRET",
    "payment_mode": "CARBON_PAYMENT_MODE",
}


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read ``CARBON_*`` and ``WECHAT_*``; refuse what is unsafe in production."""
    environ = os.environ if environ is None else environ
    if environ.get("SERVER_SOFTWARE", "").startswith("gunicorn") and not environ.get("CARBON_MODE"):
        raise UnsafeSettings("CARBON_MODE is not set: say production (or development) before serving")
    given: dict[str, object] = {name: environ[key] for name, key in _NAMES.items() if environ.get(key)}
    for name in {"var", "code_key_file", "seal_key_file", "data_key_file"} & given.keys():
        given[name] = Path(str(given[name]))
    if "upload_limit_bytes" in given:
        given["upload_limit_bytes"] = int(str(given["upload_limit_bytes"]))
    settings = Settings(**given)  # type: ignore[arg-type]
    check_safe(settings)
    return settings


def check_safe(settings: Settings) -> None:
    """Raise :class:`UnsafeSettings` for a production start with a development part left in."""
    if settings.mode not in {"development", "demo", "test", "production"}:
        raise UnsafeSettings(f"CARBON_MODE={settings.mode!r}: use development, demo, test or production")
    if settings.wechat_mode not in {"mock", "live"}:
        raise UnsafeSettings(f"WECHAT_MODE={settings.wechat_mode!r}: use mock or live")
    if settings.sms_mode not in {"mock", "live", "off"}:
        raise UnsafeSettings(f"CARBON_SMS_MODE={settings.sms_mode!r}: use mock, live or off")
    if settings.payment_mode not in {"", "mock", "off"}:
        raise UnsafeSettings(f"CARBON_PAYMENT_MODE={settings.payment_mode!r}: use mock or off")
    if not re.fullmatch(r"([0-9a-f]{64}(,|$))*", settings.seal_old_keys):
        raise UnsafeSettings("CARBON_SEAL_OLD_KEYS: public keys of 64 hexadecimal digits, between commas")
    if not re.fullmatch(r"([0-9a-f]{64}(,|$))*", settings.code_old_keys):
        raise UnsafeSettings("CARBON_CODE_OLD_KEYS: public keys of 64 hexadecimal digits, between commas")
    _check_base_map(settings)
    if settings.mode != "production":
        return
    wrong = []
    if settings.secret == DEVELOPMENT_SECRET or len(settings.secret) < 32:
        wrong.append("CARBON_SECRET must be set to at least 32 random characters")
    if settings.wechat_mode != "live":
        wrong.append("WECHAT_MODE must be live: the mock lets anyone be anyone")
    elif not (settings.wechat_app_id and settings.wechat_app_secret):
        wrong.append("WECHAT_APP_ID and WECHAT_APP_SECRET must be set")
    if not settings.database_url.startswith("postgresql+psycopg://"):
        wrong.append("CARBON_DATABASE_URL must be postgresql+psycopg://… ; SQLite is for demo and tests")
    if not settings.base_url.startswith("https://"):
        wrong.append("CARBON_BASE_URL must be the public https:// address")
    if settings.payments == "mock":
        wrong.append("CARBON_PAYMENT_MODE must not be mock: everybody would have paid for everything")
    if settings.sms_mode == "mock":
        wrong.append("CARBON_SMS_MODE must be live or off: the mock shows its codes to everybody")
    elif settings.sms_mode == "live" and not (
        settings.sms_url.startswith("https://") and len(settings.sms_secret) >= 16
    ):
        wrong.append("CARBON_SMS_URL (https://…) and CARBON_SMS_SECRET (16 characters or more) must be set")
    wrong += _key_file_faults(
        "CARBON_SEAL_KEY_FILE", settings.seal_key_file, "the ledger's Ed25519 signing key (PEM)"
    )
    wrong += _key_file_faults(
        "CARBON_DATA_KEY_FILE", settings.data_key_file, "the keys that seal personal data (TOML)"
    )
    wrong += _key_file_faults(
        "CARBON_CODE_KEY_FILE", settings.code_key_file, "the Ed25519 key (PEM) that signs voucher codes"
    )
    if wrong:
        raise UnsafeSettings("Unsafe settings for production:\n- " + "\n- ".join(wrong))


def _key_file_faults(name: str, path: Path | None, content: str) -> list[str]:
    if path is None or not path.is_file():
        return [f"{name} must name the file with {content}"]
    if path.stat().st_mode & 0o007:
        return [f"{name}: everybody may read {path}; run chmod o= on it"]
    return []


def _check_base_map(settings: Settings) -> None:
    """A base map is shown lawfully or not at all: from 天地图, with a key and its review number."""
    if not settings.map_base:
        return
    if settings.map_base not in {"tianditu-vec", "tianditu-img"}:
        raise UnsafeSettings(
            f"CARBON_MAP_BASE={settings.map_base!r}: use tianditu-vec, tianditu-img or nothing"
        )
    if not re.fullmatch(r"[0-9A-Za-z]{8,64}", settings.map_tianditu_key):
        raise UnsafeSettings(
            "CARBON_TIANDITU_KEY: the base map needs the server key given by tianditu.gov.cn"
        )
    if not settings.map_review_number:
        raise UnsafeSettings("CARBON_MAP_REVIEW_NUMBER: a base map is shown with its review number (审图号)")
