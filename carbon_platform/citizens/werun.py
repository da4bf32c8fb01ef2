"""WeRun steps (微信运动): what WeChat encrypted for this mini-program, opened on the server, as walks.

The phone sends a fresh login code beside the data: the session key comes from WeChat for that code, opens
the data, and is forgotten. A number of steps the phone itself claims is no evidence and is not taken.

AES-128-CBC has no seal of its own. What protects the numbers: the sender does not know the session key, the
whole text must be exactly WeChat's JSON (a changed block garbles the one before it), and the watermark must
name this mini-program and be recent.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from carbon_platform.citizens.rules import LOCAL
from carbon_platform.errors import PlatformError

SOURCE, BEHAVIOUR = "werun", "XI16"
STEPS_MAX = 40_000
# 1 km ≈ 1,540 steps (carbon-inclusion §3.5, derived): metres are steps × 1,000 / 1,540, rounded down.
STEPS_PER_KM = 1_540
# WeChat sends the last 31 days, today among them.
DAYS = 30
WATERMARK_AGE = timedelta(hours=1)
_BLOCK = 16


class StepsUnreadable(PlatformError):
    code, status = "steps.unreadable", 422
    zh = "微信运动数据解不开（{reason}）。请关闭小程序重新打开，再同步一次。"
    en = "The WeRun data do not open ({reason_en}). Close the mini-program, open it again and synchronise."


class StepsOfAnother(PlatformError):
    code, status = "steps.of_another", 403
    zh = "这份步数来自另一个微信号，不能记进这个账本。"
    en = "These steps come from another WeChat account and cannot go into this book."


@dataclass(frozen=True)
class StepDay:
    """Steps of one calendar day of Xinyang (ISO)."""

    day: str
    steps: int

    @property
    def distance_m(self) -> int:
        return self.steps * 1_000 // STEPS_PER_KM

    @property
    def starts_at(self) -> datetime:
        """A day's steps have no hours: they are entered at noon, as a sum over the day and no journey."""
        return datetime.combine(date.fromisoformat(self.day), time(12), LOCAL)


def decrypt(session_key: str, encrypted: str, iv: str) -> bytes:
    """AES-128-CBC with PKCS#7 padding, all base64. Errors: ``StepsUnreadable``."""
    key, data, vector = (_base64(text) for text in (session_key, encrypted, iv))
    if len(key) != _BLOCK or len(vector) != _BLOCK or not data or len(data) % _BLOCK:
        raise StepsUnreadable(reason="长度不对", reason_en="wrong length")
    decryptor = Cipher(AES(key), CBC(vector)).decryptor()
    padded = decryptor.update(data) + decryptor.finalize()
    unpadder = PKCS7(_BLOCK * 8).unpadder()
    try:
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        # "from None": nothing of what was opened goes into a log
        raise StepsUnreadable(reason="密钥或数据不对", reason_en="wrong key or data") from None


def encrypt(session_key: str, plain: bytes, iv: bytes) -> str:
    """What WeChat does, for the mock and for tests."""
    padder = PKCS7(_BLOCK * 8).padder()
    padded = padder.update(plain) + padder.finalize()
    encryptor = Cipher(AES(_base64(session_key)), CBC(iv)).encryptor()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def read_days(plain: bytes, *, app_id: str, now: datetime) -> list[StepDay]:
    """The ended days of a decrypted answer, oldest first. Today is left out: it is not over.

    Errors: ``StepsUnreadable`` for anything that is not exactly WeChat's shape, for another mini-program,
    an old watermark, or days out of order.
    """
    try:
        said = json.loads(plain)
        rows, watermark = said["stepInfoList"], said["watermark"]
        stamped = datetime.fromtimestamp(_whole(watermark["timestamp"]), UTC)
        named = watermark["appid"]
        days = [(_whole(row["timestamp"]), _whole(row["step"])) for row in rows]
    except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError):
        raise StepsUnreadable(reason="内容不是微信的格式", reason_en="not in WeChat's form") from None
    if named != app_id:
        raise StepsUnreadable(reason="水印属于另一个小程序", reason_en="another mini-program's watermark")
    if abs(now - stamped) > WATERMARK_AGE:
        raise StepsUnreadable(reason="水印时间太旧", reason_en="the watermark is too old")
    if any(later[0] <= earlier[0] for earlier, later in itertools.pairwise(days)):
        raise StepsUnreadable(reason="日期不是递增的", reason_en="the days are not in order")
    today = now.astimezone(LOCAL).date()
    found: dict[date, int] = {}
    for stamp, steps in days:
        day = datetime.fromtimestamp(stamp, UTC).astimezone(LOCAL).date()
        if today - timedelta(days=DAYS) <= day < today:
            found[day] = max(steps, found.get(day, 0))
    return [StepDay(day.isoformat(), steps) for day, steps in found.items()]


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**12:
        raise ValueError(value)
    return value


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise StepsUnreadable(reason="不是 base64", reason_en="not base64") from None
