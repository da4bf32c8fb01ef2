"""Whose name a list may show: an organisation with a credit code. Values in, values out.

A unified social credit code (统一社会信用代码, GB 32100-2015) has 18 digits and capital letters. Its check
digit is not asked for, so that codes made up for demonstrations stay what they are. A resident's identity
number (GB 11643-1999) has the same length; it makes nobody an organisation.
"""

from __future__ import annotations

import re
from datetime import date

NOT_LISTED = "个人（姓名不列出）"
CODE_LENGTH = 18

_CODE = re.compile("[0-9A-Z]{18}")
_PERSON = re.compile("[0-9]{17}[0-9X]")


def is_credit_code(text: str) -> bool:
    """Whether a text has the form of a credit code and is no identity number."""
    return bool(_CODE.fullmatch(text)) and not is_identity_number(text)


def is_identity_number(text: str) -> bool:
    """17 digits of which 7 to 14 are a day of birth, and the right check digit (ISO 7064, MOD 11-2)."""
    if not _PERSON.fullmatch(text):
        return False
    try:
        date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return False
    weighted = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(text[:17]))
    return "10X98765432"[weighted % 11] == text[17]
