"""WeChat sign-in: a mini-program's one-time login code becomes an openid.

``code_to_openid`` talks to the network, so it is called before a transaction opens, never inside one.
The ``session_key`` in WeChat's answer decrypts the steps sent with the same request; it is neither kept
nor logged. An answer takes :data:`TIMEOUT_S` at most; while WeChat keeps failing it is not asked at all.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import logging
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

from carbon_platform.citizens.breaker import Breaker
from carbon_platform.citizens.outside import Caller, CallFailed
from carbon_platform.config import Settings
from carbon_platform.errors import PlatformError

ADDRESS = "https://api.weixin.qq.com/sns/jscode2session"
# From the question to the whole answer; the sign-in as a whole is to take three seconds at most.
TIMEOUT_S = 2.5
_TOO_MANY = 429

# httpx writes every address it calls at INFO; ours carries the app secret.
logging.getLogger("httpx").setLevel(logging.WARNING)


class WeChatCodeInvalid(PlatformError):
    code, status = "wechat.code_invalid", 422
    zh = "微信登录码无效或已过期（5 分钟内有效）。请关闭小程序后重新打开。"
    en = "The WeChat login code is invalid or has expired (it lives 5 minutes). Reopen the mini-program."


class WeChatCodeUsed(PlatformError):
    code, status = "wechat.code_used", 409
    zh = "这个微信登录码已经用过一次。请重新打开小程序，取一个新的登录码。"
    en = "This WeChat login code has been used. Reopen the mini-program to get a new one."


class WeChatBusy(PlatformError):
    code, status = "wechat.busy", 429
    zh = "登录太频繁，微信请我们稍等。请一分钟后再试。"
    en = "Too many sign-ins: WeChat asks us to wait. Try again in a minute."


class WeChatOverloaded(WeChatBusy):
    """WeChat refuses all of us for a while (HTTP 429), not this person."""

    code = "wechat.overloaded"


class WeChatBlocked(PlatformError):
    code, status = "wechat.blocked", 403
    zh = "微信认为这个微信号有风险，拒绝了登录。请在微信里查看账号安全，或打 12345 问。"
    en = "WeChat refused this account as high-risk. Check its security in WeChat, or call 12345."


class WeChatUnavailable(PlatformError):
    code, status = "wechat.unavailable", 503
    zh = "现在连不上微信（{reason}）。您的账没有变化，请稍后再试。"
    en = "WeChat cannot be reached now ({reason}). Nothing in your book has changed; try again later."


_ERRORS: dict[int, type[PlatformError]] = {
    40029: WeChatCodeInvalid,
    40163: WeChatCodeUsed,
    45011: WeChatBusy,
    40226: WeChatBlocked,
}


@dataclass(frozen=True)
class WeChatIdentity:
    """Who WeChat says it is; ``openid`` is stable per person and mini-program.

    ``session_key``: base64 of 16 bytes, good for data of this session only; never stored, never printed.
    """

    openid: str
    session_key: str = field(default="", repr=False, compare=False)


class WeChatPort(Protocol):
    """What the platform needs from WeChat."""

    def code_to_openid(self, code: str) -> WeChatIdentity:
        """Exchange a login code. Errors: the classes of this module."""
        ...


class MockWeChat:
    """The same code is the same person. Settings refuse it in production: anyone could be anyone."""

    def code_to_openid(self, code: str) -> WeChatIdentity:
        digest = hashlib.sha256(code.encode())
        key = base64.b64encode(digest.digest()[:16]).decode()
        return WeChatIdentity(f"mock-{digest.hexdigest()[:28]}", key)


class LiveWeChat:
    """WeChat's ``jscode2session``. A code works once, so a failed call is not repeated here."""

    def __init__(
        self,
        app_id: str,
        app_secret: str,
        *,
        transport: httpx.BaseTransport | None = None,
        breaker: Breaker | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._app_id = app_id
        self._app_secret = app_secret
        self._caller = Caller(deadline_s=timeout_s, transport=transport)
        self._breaker = breaker or Breaker()

    def code_to_openid(self, code: str) -> WeChatIdentity:
        if not self._breaker.allows():
            raise WeChatUnavailable(reason="resting after failures")
        try:
            identity = self._identity(self._ask(code))
        except (WeChatUnavailable, WeChatOverloaded):
            self._breaker.failed()
            raise
        except PlatformError:
            self._breaker.succeeded()  # a refusal is an answer
            raise
        self._breaker.succeeded()
        return identity

    def _identity(self, answer: dict[str, Any]) -> WeChatIdentity:
        errcode = answer.get("errcode", 0)
        if type(errcode) is int and errcode in _ERRORS:
            raise _ERRORS[errcode]
        openid, key = answer.get("openid"), answer.get("session_key", "")
        if errcode or not isinstance(openid, str) or not openid or not isinstance(key, str):
            said = f"errcode {errcode}" if type(errcode) is int else "unreadable answer"
            raise WeChatUnavailable(reason=said)
        return WeChatIdentity(openid, key)

    def _ask(self, code: str) -> dict[str, Any]:
        question = {
            "appid": self._app_id,
            "secret": self._app_secret,
            "js_code": code,
            "grant_type": "authorization_code",
        }
        try:
            answer = json.loads(self._caller.ask("GET", ADDRESS, params=question))
        except CallFailed as failed:
            if failed.status == _TOO_MANY:
                raise WeChatOverloaded from None
            raise WeChatUnavailable(reason=failed.reason) from None
        except (ValueError, RecursionError):
            raise WeChatUnavailable(reason="unreadable answer") from None
        if not isinstance(answer, dict):
            raise WeChatUnavailable(reason="unreadable answer")
        return answer


@functools.lru_cache(maxsize=4)
def _live(app_id: str, app_secret: str) -> LiveWeChat:
    """One per process and app: its breaker remembers."""
    return LiveWeChat(app_id, app_secret)


def port_for(settings: Settings) -> WeChatPort:
    """The port the settings ask for."""
    if settings.wechat_mode == "live":
        return _live(settings.wechat_app_id, settings.wechat_app_secret)
    return MockWeChat()
