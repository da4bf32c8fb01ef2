"""Phone numbers, identity numbers, names, limits: functions of values.

Formats: mainland mobile numbers have 11 digits and begin with 13 to 19; a citizen identity number has 18
characters, the last one a check character (GB 11643-1999: weights 2^(17-i) mod 11).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from carbon_platform.errors import PlatformError

# States of an account, as stored in ``person.state``.
OPEN, MERGED, CLOSED, ERASING, DELETED = "open", "merged", "closed", "erasing", "deleted"

GUARDIAN_UNTIL_AGE = 14
CODE_LIFE = timedelta(minutes=5)
CODE_TRIES = 5
CODE_EVERY = timedelta(seconds=60)
CODES_PER_DAY = 5  # to one phone, and by one account
CODES_PER_MINUTE_ALL = 300  # by everybody together: a flood ends here, not at the operator's bill
REAL_NAMES_PER_DAY = 5
OFFER_LIFE = {"phone": timedelta(minutes=30), "id": timedelta(days=7)}
# The time to change one's mind; the law allows 15 working days in all.
ERASE_AFTER = timedelta(days=7)

_PHONE = re.compile(r"1[3-9]\d{9}")
_PREFIX = re.compile(r"^(?:\+|00)?86(?=1[3-9]\d{9}$)")
_ID = re.compile(r"[1-9]\d{16}[\dX]")
_NAME = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]+(?:·[\u3400-\u9fff\U00020000-\U0003ffff]+)*")
_CHECKS = "10X98765432"


class PhoneInvalid(PlatformError):
    code, status = "account.phone_invalid", 422
    zh = "手机号应为 11 位，以 13 至 19 开头，例如 13800000000。请核对。"
    en = "A mobile number has 11 digits and begins with 13 to 19, such as 13800000000. Check it."


class IdNumberInvalid(PlatformError):
    code, status = "account.id_number_invalid", 422
    zh = "身份证号有误（{reason}）。应为 18 位，最后一位可为 X。请对照证件核对。"
    en = "The identity number is wrong ({reason_en}): 18 characters, the last may be X. Check the card."


class NameInvalid(PlatformError):
    code, status = "account.name_invalid", 422
    zh = "姓名应为 2 至 30 个汉字，少数民族姓名中间可用“·”。请与证件上的一致。"
    en = "A name has 2 to 30 Chinese characters, with · between parts where the card has it."


class CodeWrong(PlatformError):
    code, status = "account.code_wrong", 422
    zh = "验证码不对或已过期（{minutes} 分钟内有效，最多试 {tries} 次）。请核对，或重新取一个。"
    en = (
        "The code is wrong or has expired (it lives {minutes} minutes and may be tried {tries} times). "
        "Check it, or ask for a new one."
    )


class TooManyCodes(PlatformError):
    code, status = "account.too_many_codes", 429
    zh = "验证码要得太频繁了。请 {wait_s} 秒后再试；一个号码一天最多 {per_day} 条。"
    en = "Codes are asked for too often. Try again in {wait_s} s; a number gets {per_day} a day at most."


class TooManyTries(PlatformError):
    code, status = "account.too_many_tries", 429
    zh = "今天已经试了 {per_day} 次。请明天再试，或打 12345。"
    en = "That was tried {per_day} times today. Try again tomorrow, or call 12345."


class AccountClosed(PlatformError):
    code, status = "account.closed", 409
    zh = "这个账户已于 {day} {state}。要重新启用，请在登录时确认（reopen=true）；账本和积分还在。"
    en = "This account was {state_en} on {day}. Confirm on signing in (reopen=true) to open it again."


@dataclass(frozen=True)
class IdNumber:
    """A checked identity number; ``text`` with a capital X."""

    text: str
    born: date


def phone_number(text: str) -> str:
    """The 11 digits of a mobile number however it was typed. Errors: ``PhoneInvalid``."""
    digits = _PREFIX.sub("", re.sub(r"[\s\-()\u2010-\u2015\u3000]", "", text))
    if not digits.isascii() or not _PHONE.fullmatch(digits):
        raise PhoneInvalid
    return digits


def id_number(text: str, today: date) -> IdNumber:
    """Check form, birthday and check character. Errors: ``IdNumberInvalid``."""
    number = text.strip().upper()
    if not number.isascii() or not _ID.fullmatch(number):
        raise IdNumberInvalid(reason="位数或字符不对", reason_en="wrong length or characters")
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        born = date.max
    if not date(1880, 1, 1) <= born <= today:
        raise IdNumberInvalid(reason="出生日期不存在", reason_en="no such birthday")
    total = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(number[:17]))
    if _CHECKS[total % 11] != number[17]:
        raise IdNumberInvalid(reason="校验位不对", reason_en="the check character does not fit")
    return IdNumber(number, born)


def real_name(text: str) -> str:
    """The name as on the card. Errors: ``NameInvalid``."""
    name = re.sub(r"\s+", "", text).replace("•", "·").replace("・", "·")
    if not 2 <= len(name) <= 30 or not _NAME.fullmatch(name):
        raise NameInvalid
    return name


def age(born: date, today: date) -> int:
    """Full years."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def masked_phone(number: str) -> str:
    """``138****0000``."""
    return f"{number[:3]}****{number[-4:]}"


def masked_id(number: str) -> str:
    """``4115**********1234``."""
    return f"{number[:4]}{'*' * (len(number) - 8)}{number[-4:]}"


def masked_name(name: str) -> str:
    """The first character, a star for each other one."""
    return name[:1] + "*" * (len(name) - 1)


def wait_for_code(
    to_phone: Sequence[datetime], by_account: Sequence[datetime], all_last_minute: int, now: datetime
) -> int:
    """Seconds until another code may be sent; 0: now. The sequences: codes asked for within a day."""
    waits = [0.0]
    for times in (to_phone, by_account):
        if times:
            waits.append((max(times) + CODE_EVERY - now).total_seconds())
        if len(times) >= CODES_PER_DAY:
            nth = sorted(times)[-CODES_PER_DAY]
            waits.append((nth + timedelta(days=1) - now).total_seconds())
    if all_last_minute >= CODES_PER_MINUTE_ALL:
        waits.append(CODE_EVERY.total_seconds())
    return max(0, -int(-max(waits) // 1))
