"""The certificate as PDF/A: Typst template, embedded Song font, QR code to the verification page."""

from __future__ import annotations

import io
import json
from datetime import UTC
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import segno
import typst
from sqlalchemy.orm import Session

from carbon_platform.credits.retirement import content, traced_parcels
from carbon_platform.credits.tables import Retirement
from carbon_platform.errors import PlatformError

FOLDER = Path(__file__).with_name("certificate")
ZONE = ZoneInfo("Asia/Shanghai")


class GlyphMissing(PlatformError):
    code, status = "credits.glyph_missing", 422
    zh = "证书字体里没有这些字：{characters}。请改用常用写法，或联系平台补字。"
    en = "The certificate's font lacks these characters: {characters}. Use a common form or ask for them."


def verify_url(base_url: str, number: str) -> str:
    """Public page of a certificate: what the QR code opens."""
    return f"{base_url.rstrip('/')}/verify/{number}"


def certificate_pdf(session: Session, retirement: Retirement, *, base_url: str) -> bytes:
    """PDF/A-3b of a retirement. The same retirement gives the same bytes.

    Errors: :class:`GlyphMissing` names every character the font cannot print; nothing is left out.
    """
    url = verify_url(base_url, retirement.certificate_number)
    local = retirement.retired_at.astimezone(ZONE)
    parcels = traced_parcels(session, retirement.batch_id, [(f, last) for f, last in retirement.ranges])
    data = content(session, retirement) | {
        "quantity_kg_text": f"{retirement.quantity_kg:,}",
        "retired_at_text": local.strftime("%Y-%m-%d %H:%M:%S") + "（北京时间）",
        "date": [local.year, local.month, local.day],
        "parcels_text": f"{len(parcels)} 块地，编号与面积见核验页",
        "verify_url": url,
        "digest": retirement.digest,
    }
    _check_glyphs(data)
    qr = io.BytesIO()
    segno.make(url, error="m").save(qr, kind="svg", border=1, xmldecl=False)
    return bytes(
        typst.compile(
            (FOLDER / "certificate.typ").read_bytes(),
            root=str(FOLDER),
            font_paths=[str(FOLDER)],
            ignore_system_fonts=True,
            sys_inputs={"content": json.dumps(data, ensure_ascii=False), "qr": qr.getvalue().decode()},
            pdf_standards="a-3b",
            timestamp=retirement.retired_at.astimezone(UTC).replace(microsecond=0),
        )
    )


def _check_glyphs(data: dict[str, Any]) -> None:
    words = "".join(str(value) for value in data.values())
    missing = {character for character in words if character.isprintable()} - _covered()
    if missing:
        raise GlyphMissing(characters=" ".join(sorted(missing)))


@cache
def _covered() -> frozenset[str]:
    """Characters the font can print, listed beside it when it was made."""
    return frozenset((FOLDER / "characters.txt").read_text(encoding="utf-8")) | {" ", "\u3000"}
