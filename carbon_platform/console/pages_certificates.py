"""Certificates of retirement: anyone may check one, without signing in."""

from __future__ import annotations

import io
from typing import Any

import segno
import sqlalchemy as sa
from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy.orm import Session

from carbon_platform.console.formats import day, daytime
from carbon_platform.console.pages_public import methodology_title
from carbon_platform.console.site import county, page, role_label
from carbon_platform.credits import approval, retirement
from carbon_platform.credits.paper import verify_url
from carbon_platform.credits.tables import AssessmentRun, BatchShare, CreditBatch, Retirement
from carbon_platform.errors import NotFound
from carbon_platform.parcels.tables import Parcel
from carbon_platform.web import Call

blp = Blueprint("certificates", __name__)


@blp.get("/verify")
@page(None)
def verify(call: Call) -> ResponseReturnValue:
    asked = request.args.get("no", "").strip()
    return _certificate_page(call, asked) if asked else _no_certificate("")


@blp.get("/verify/<number>")
@page(None)
def verify_number(call: Call, number: str) -> ResponseReturnValue:
    """What the QR code of a certificate opens."""
    return _certificate_page(call, number)


@blp.get("/certificates/<number>")
@page(None)
def certificate(call: Call, number: str) -> ResponseReturnValue:
    return _certificate_page(call, number)


def _no_certificate(asked: str) -> ResponseReturnValue:
    return render_template("certificate.html", certificate=None, asked=asked), 404 if asked else 200


def _common(share: tuple[int, int], spans: list[tuple[int, int]]) -> str:
    """The numbers of a parcel's share that lie in the retired ranges, as people read them."""
    parts = [(max(share[0], first), min(share[1], last)) for first, last in spans]
    return "、".join(f"{first:,} – {last:,}" for first, last in parts if first <= last)


def _certificate_page(call: Call, number: str) -> ResponseReturnValue:
    try:
        found = retirement.get_retirement(call.session, number)
    except NotFound:
        return _no_certificate(number)
    batch = call.session.get_one(CreditBatch, found.batch_id)
    spans = [(int(first), int(last)) for first, last in found.ranges]
    traced = retirement.traced_parcels(call.session, batch.id, spans)
    numbers = {
        share.parcel_id: (share.first, share.last)
        for share in call.session.scalars(sa.select(BatchShare).where(BatchShare.batch_id == batch.id))
    }
    return render_template(
        "certificate.html",
        certificate=certificate_view(call, found),
        genuine=retirement.is_genuine(call.session, found),
        asked=number,
        checked_at=call.now,
        parcels=[
            {
                "code": part.parcel.code,
                "county_name": county(part.parcel.county_code),
                "area_m2": part.parcel.area_m2,
                "numbers": _common(numbers[part.parcel.id], spans),
                "quantity_kg": part.quantity_kg,
            }
            for part in traced
        ],
        parcel_total_m2=sum(part.parcel.area_m2 for part in traced),
        map_url=f"/api/v1/public/certificates/{number}/parcels.geojson",
        steps=_life_of(call.session, batch, found),
        explain_url=f"/explain/retirement/{number}",
        pdf_url=f"/api/v1/retirements/{number}/certificate.pdf",
    )


def certificate_view(call: Call, found: Retirement) -> dict[str, Any]:
    """The context of ``parts.certificate``."""
    content = retirement.content(call.session, found)
    url = verify_url(call.settings.base_url, found.certificate_number)
    drawing = io.BytesIO()
    segno.make(url, error="m").save(
        drawing, kind="svg", border=1, xmldecl=False, omitsize=True, title=_("查验二维码")
    )
    period = f"{content['consumption_from']} – {content['consumption_to']}"
    return {
        "number": found.certificate_number,
        "is_demo": found.is_demo,
        "quantity_kg": found.quantity_kg,
        "beneficiary": found.beneficiary_name,
        "beneficiary_code": found.beneficiary_credit_code,
        "purpose": purpose_label(found.purpose),
        "consumption": f"{period}，{found.consumption_place}",
        "project": content["project_name"],
        "project_code": content["project_code"],
        "county": county(content["county_code"]),
        "vintage": content["vintage"],
        "methodology": methodology_title(content["methodology_key"]),
        "ranges": content["serials"],
        "retired_at": found.retired_at,
        "digest": found.digest,
        # segno draws only the modules of our own address: nothing of a user's is in it.
        "qr_svg": Markup(drawing.getvalue().decode()),  # noqa: S704
        "verify_url": url,
    }


def purpose_label(purpose: str) -> str:
    return {
        "operations": _("自身运营"),
        "product": _("产品"),
        "event": _("会议活动"),
        "restoration": _("生态损害赔偿"),
        "public_benefit": _("公益"),
    }.get(purpose, purpose)


def _life_of(session: Session, batch: CreditBatch, found: Retirement) -> list[dict[str, Any]]:
    """From the land to the end of use, for the certificate's time line."""
    run = session.get_one(AssessmentRun, batch.run_id)
    first_day = session.scalar(
        sa.select(sa.func.min(Parcel.valid_from))
        .join(BatchShare, BatchShare.parcel_id == Parcel.id)
        .where(BatchShare.batch_id == batch.id)
    )
    reviews = approval.reviews_of(session, run)
    return [
        {"label": _("地块登记"), "at": day(first_day), "note": "", "state": "done"},
        {"label": _("核算"), "at": day(run.created_at), "note": run.code, "state": "done"},
        *(
            {"label": role_label(review.role), "at": day(review.at), "note": "", "state": "done"}
            for review in reviews
        ),
        {"label": _("签发"), "at": day(batch.issued_at), "note": batch.code, "state": "done"},
        {"label": _("注销"), "at": daytime(found.retired_at), "note": "", "state": "final"},
    ]
