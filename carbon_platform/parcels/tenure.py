"""Tenure certificates (林权证, 不动产权证, 承包经营权证): what is shown of them, and what is sealed.

Names, certificate and identity numbers are personal data. The tables hold them masked; the full values are
encrypted (AES-256-GCM) with a key made from the platform's secret, bound to the file they belong to.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from carbon_platform.errors import PlatformError
from carbon_platform.parcels.evidence_words import Finding, finding

FIELDS: Final = ("certificate_number", "holder_name", "holder_id")
_NONCE: Final = 12
# GB 11643: weights 2^(18-i) mod 11, and the check digit for each remainder.
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS: Final = "10X98765432"


class SealedAway(PlatformError):
    """The secret was changed since, or the row was tampered with."""

    code, status = "evidence.sealed_away", 409
    zh = "这份证书的完整信息用另一把密钥（{key}）加密，现在打不开。请联系管理员。"
    en = "The certificate is sealed with another key ({key}) and cannot be opened now. Ask the administrator."


def key_of(secret: str) -> bytes:
    """The key for certificates, from the platform's secret."""
    return HKDF(SHA256(), 32, salt=None, info=b"carbon evidence tenure v1").derive(secret.encode())


def key_name(key: bytes) -> str:
    """By what a key is known: tells nothing of it."""
    return hashlib.sha256(b"name of " + key).hexdigest()[:12]


def seal(values: Mapping[str, str], key: bytes, *, belongs_to: str) -> tuple[bytes, str]:
    """Encrypted values and the name of the key."""
    nonce = secrets.token_bytes(_NONCE)
    plain = json.dumps({name: values.get(name, "") for name in FIELDS}, ensure_ascii=False).encode()
    return nonce + AESGCM(key).encrypt(nonce, plain, belongs_to.encode()), key_name(key)


def unseal(sealed: bytes, sealed_with: str, key: bytes, *, belongs_to: str) -> dict[str, str]:
    """The values again. Errors: ``SealedAway``."""
    try:
        plain = AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], belongs_to.encode())
    except InvalidTag:
        raise SealedAway(key=sealed_with) from None
    values: dict[str, str] = json.loads(plain)
    return values


def masked(values: Mapping[str, str]) -> dict[str, str]:
    """What everybody who sees the parcel may see."""
    return {
        "certificate_number": masked_number(values.get("certificate_number", "")),
        "holder_name": masked_name(values.get("holder_name", "")),
        "holder_id": masked_identity(values.get("holder_id", "")),
    }


def masked_name(name: str) -> str:
    """``王*`` for a person; a collective or company (five characters or more) is no personal data."""
    return name if len(name) >= 5 else name[:1] + "*" * (len(name) - 1)


def masked_identity(number: str) -> str:
    """``4115**********1234``; all of it when it is too short to leave anything out."""
    return f"{number[:4]}{'*' * (len(number) - 8)}{number[-4:]}" if len(number) > 10 else "*" * len(number)


def masked_number(number: str) -> str:
    """The words stay (``豫（2019）光山县不动产权第*****31号``): of the last run of digits only two."""
    runs = list(re.finditer(r"\d+", number))
    if not runs:
        return number[:2] + "*" * max(0, len(number) - 2)
    start, end = runs[-1].span()
    hidden = max(0, end - start - 2)
    return number[:start] + "*" * hidden + number[start + hidden :]


def identity_holds(number: str) -> bool:
    """Whether an 18-digit identity number has its check digit; 社会信用代码 of a company pass by shape."""
    if re.fullmatch(r"[0-9A-HJ-NPQRTUWXY]{18}", number) and re.search("[A-WYZ]", number[:17]):
        return True
    if not re.fullmatch(r"\d{17}[\dX]", number):
        return False
    total = sum(int(digit) * weight for digit, weight in zip(number[:17], _WEIGHTS, strict=True))
    return _CHECKS[total % 11] == number[17]


def tenure_findings(
    values: Mapping[str, Any], *, registered: str, valid_to: date | None, today: date
) -> list[Finding]:
    """A certificate against its parcel. ``registered``: the right holder in the register."""
    found = []
    holder = values.get("holder_name", "")
    if holder and registered and holder != registered:
        names = {"holder": masked_name(holder), "registered": masked_name(registered)}
        found.append(finding("tenure_holder", **names))
    if valid_to and valid_to < today:
        found.append(finding("tenure_ended", last=valid_to))
    if values.get("holder_id") and not identity_holds(values["holder_id"]):
        found.append(finding("tenure_identity"))
    return found
