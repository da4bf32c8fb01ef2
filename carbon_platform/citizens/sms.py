"""Sending a code by SMS, through the gateway the operator names. Never inside a transaction.

The gateway is asked with ``POST <CARBON_SMS_URL>`` and JSON ``{"phone", "code", "minutes", "sent_at"}``; the
header ``X-Signature`` is HMAC-SHA256 of the body under ``CARBON_SMS_SECRET``, in hexadecimal. Any 2xx is yes.
No provider is chosen yet (local decision): a small bridge speaks this form and the provider's.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
from datetime import datetime
from typing import Protocol

import httpx

from carbon_platform.citizens.breaker import Breaker
from carbon_platform.citizens.outside import Caller, CallFailed
from carbon_platform.config import Settings
from carbon_platform.errors import PlatformError
from carbon_platform.identity.person_rules import CODE_LIFE

TIMEOUT_S = 2.5


class SmsUnavailable(PlatformError):
    code, status = "sms.unavailable", 503
    zh = "短信现在发不出去（{reason}）。验证码没有发出，也不计次数；请稍后再试。"
    en = "No SMS can be sent now ({reason}). No code went out and none is counted; try again later."


class SmsOff(PlatformError):
    code, status = "sms.off", 503
    zh = "短信功能还没有开通，暂时不能绑定手机号。其他功能不受影响。"
    en = "SMS is not set up yet, so no phone can be confirmed. Everything else works."


class SmsPort(Protocol):
    """What the platform needs from a gateway."""

    def send(self, phone: str, code: str, *, now: datetime) -> str:
        """Send a code; returns what may be shown on the screen instead (mock only), else empty.

        Errors: ``SmsUnavailable``, ``SmsOff``.
        """
        ...


class MockSms:
    """Shows the code on the screen. Settings refuse it in production: anybody could confirm any phone."""

    def send(self, phone: str, code: str, *, now: datetime) -> str:
        return code


class NoSms:
    def send(self, phone: str, code: str, *, now: datetime) -> str:
        raise SmsOff


class LiveSms:
    def __init__(
        self,
        url: str,
        secret: str,
        *,
        transport: httpx.BaseTransport | None = None,
        breaker: Breaker | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._url = url
        self._secret = secret.encode()
        self._caller = Caller(deadline_s=timeout_s, transport=transport)
        self._breaker = breaker or Breaker()

    def send(self, phone: str, code: str, *, now: datetime) -> str:
        if not self._breaker.allows():
            raise SmsUnavailable(reason="resting after failures")
        minutes = int(CODE_LIFE.total_seconds() // 60)
        body = json.dumps({"phone": phone, "code": code, "minutes": minutes, "sent_at": now.isoformat()})
        signature = hmac.new(self._secret, body.encode(), hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Signature": signature}
        try:
            self._caller.ask("POST", self._url, content=body, headers=headers)
        except CallFailed as failed:
            self._breaker.failed()
            raise SmsUnavailable(reason=failed.reason) from None
        self._breaker.succeeded()
        return ""


@functools.lru_cache(maxsize=4)
def _live(url: str, secret: str) -> LiveSms:
    """One per process and gateway: its breaker remembers."""
    return LiveSms(url, secret)


def port_for(settings: Settings) -> SmsPort:
    """The port the settings ask for."""
    if settings.sms_mode == "live":
        return _live(settings.sms_url, settings.sms_secret)
    return NoSms() if settings.sms_mode == "off" else MockSms()
