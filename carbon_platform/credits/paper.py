"""The certificate as PDF/A: Typst template, embedded Song font, QR code to the verification page."""

from __future__ import annotations

import io
import json
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import segno
import typst
from sqlalchemy.orm import Session

from carbon_platform.credits.certificates import view
from carbon_platform.credits.glyphs import check_glyphs
from carbon_platform.credits.sketch import map_svg
from carbon_platform.credits.tables import Retirement
from carbon_platform.credits.tracing import parcels_of

FOLDER = Path(__file__).with_name("certificate")
ZONE = ZoneInfo("Asia/Shanghai")


def verify_url(base_url: str, number: str) -> str:
    """Public page of a certificate: what the QR code opens."""
    return f"{base_url.rstrip('/')}/verify/{number}"


def certificate_pdf(session: Session, retirement: Retirement, *, base_url: str) -> bytes:
    """PDF/A-3b of a retirement. The same retirement gives the same bytes.

    Errors: ``GlyphMissing`` names every character the font cannot print; nothing is left out.
    """
    url = verify_url(base_url, retirement.certificate_number)
    local = retirement.retired_at.astimezone(ZONE)
    parcels = parcels_of(session, retirement)
    said = view(retirement)
    data = said | {
        "quantity_kg_text": f"{said['quantity_kg']:,}",
        "lines": [line | {"quantity_kg_text": f"{line['quantity_kg']:,}"} for line in said["lines"]],
        "counties_text": "、".join(dict.fromkeys(line["county_name"] for line in said["lines"])),
        "retired_at_text": local.strftime("%Y-%m-%d %H:%M:%S") + "（北京时间）",
        "date": [local.year, local.month, local.day],
        "parcels_text": f"{len(parcels)} 块地，编号与面积见核验页" if parcels else "市民低碳行为汇总",
        "verify_url": url,
        "digest": retirement.digest,
    }
    check_glyphs(data)
    qr = io.BytesIO()
    segno.make(url, error="m").save(qr, kind="svg", border=1, xmldecl=False)
    return bytes(
        typst.compile(
            (FOLDER / "certificate.typ").read_bytes(),
            root=str(FOLDER),
            font_paths=[str(FOLDER)],
            ignore_system_fonts=True,
            sys_inputs={
                "content": json.dumps(data, ensure_ascii=False),
                "qr": qr.getvalue().decode(),
                "map": map_svg([line["county_code"] for line in said["lines"]], parcels),
            },
            pdf_standards="a-3b",
            timestamp=retirement.retired_at.astimezone(UTC).replace(microsecond=0),
        )
    )
