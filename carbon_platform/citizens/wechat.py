"""WeChat sign-in: a mini-program's one-time login code becomes an openid.

``code_to_openid`` talks to the network, so it is called before a transaction opens, never inside one.
The ``session_key`` in WeChat's answer is neither kept nor logged.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from carbon_platform.config import Settings
from carbon_platform.errors import PlatformError

ADDRESS = "https://api.weixin.qq.com/sns/jscode2session"
TIMEOUT_S = 3.0

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
    """Who WeChat says it is; ``openid`` is stable per person and mini-program."""

    openid: str


class WeChatPort(Protocol):
    """What the platform needs from WeChat."""

    def code_to_openid(self, code: str) -> WeChatIdentity:
        """Exchange a login code. Errors: the classes of this module."""
        ...


class MockWeChat:
    """The same code is the same person. Settings refuse it in production: anyone could be anyone."""

    def code_to_openid(self, code: str) -> WeChatIdentity:
        return WeChatIdentity("mock-" + hashlib.sha256(code.encode()).hexdigest()[:28])


class LiveWeChat:
    """WeChat's ``jscode2session``. A code works once, so a failed call is not repeated here."""

    def __init__(self, app_id: str, app_secret: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self._app_id = app_id
        self._app_secret = app_secret
        self._transport = transport

    def code_to_openid(self, code: str) -> WeChatIdentity:
        answer = self._ask(code)
        errcode = answer.get("errcode", 0)
        if errcode in _ERRORS:
            raise _ERRORS[errcode]
        openid = answer.get("openid")
        if errcode or not isinstance(openid, str) or not openid:
            raise WeChatUnavailable(reason=f"errcode {errcode}")
        return WeChatIdentity(openid)

    def _ask(self, code: str) -> dict[str, Any]:
        question = {
            "appid": self._app_id,
            "secret": self._app_secret,
            "js_code": code,
            "grant_type": "authorization_code",
        }
        try:
            with httpx.Client(timeout=TIMEOUT_S, transport=self._transport) as client:
                response = client.get(ADDRESS, params=question)
                response.raise_for_status()
                answer = response.json()
        # "from None": the causes hold the address, and the address holds the secret.
        except httpx.TimeoutException:
            raise WeChatUnavailable(reason="timeout") from None
        except httpx.HTTPStatusError as error:
            raise WeChatUnavailable(reason=f"HTTP {error.response.status_code}") from None
        except httpx.HTTPError:
            raise WeChatUnavailable(reason="network") from None
        except ValueError:
            raise WeChatUnavailable(reason="unreadable answer") from None
        if not isinstance(answer, dict):
            raise WeChatUnavailable(reason="unreadable answer")
        return answer


def port_for(settings: Settings) -> WeChatPort:
    """The port the settings ask for."""
    if settings.wechat_mode == "live":
        return LiveWeChat(settings.wechat_app_id, settings.wechat_app_secret)
    return MockWeChat()
