"""Settings. The only place that reads the environment."""

from __future__ import annotations

import os
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
}


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read ``CARBON_*`` and ``WECHAT_*``; refuse what is unsafe in production."""
    environ = os.environ if environ is None else environ
    if environ.get("SERVER_SOFTWARE", "").startswith("gunicorn") and not environ.get("CARBON_MODE"):
        raise UnsafeSettings("CARBON_MODE is not set: say production (or development) before serving")
    given: dict[str, object] = {name: environ[key] for name, key in _NAMES.items() if environ.get(key)}
    if "var" in given:
        given["var"] = Path(str(given["var"]))
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
    if wrong:
        raise UnsafeSettings("Unsafe settings for production:\n- " + "\n- ".join(wrong))
