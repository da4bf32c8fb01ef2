"""Certificates of retirement: anyone may check one, without signing in."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import segno
import sqlalchemy as sa
from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy.orm import Session

from carbon_platform.console.formats import day, daytime
from carbon_platform.console.pages_public import methodology_title
from carbon_platform.console.site import county, page, role_label
from carbon_platform.credits import approval, certificates, retirement, tracing, voids
from carbon_platform.credits.paper import verify_url
from carbon_platform.credits.rules import period_words
from carbon_platform.credits.tables import AssessmentRun, BatchShare, CreditBatch, Retirement
from carbon_platform.errors import NotFound
from carbon_platform.parcels.tables import Parcel
from carbon_platform.web import Call

blp = Blueprint("certificates", __name__)


@blp.get("/verify/<number>")
@page(None)
def verify_number(call: Call, number: str) -> ResponseReturnValue:
    """What the QR code of a certificate opens."""
    return certificate_page(call, number)


@blp.get("/certificates/<number>")
@page(None)
def certificate(call: Call, number: str) -> ResponseReturnValue:
    return certificate_page(call, number)


def _no_certificate(asked: str) -> ResponseReturnValue:
    return render_template("certificate.html", certificate=None, asked=asked), 404


def certificate_page(call: Call, number: str) -> ResponseReturnValue:
    """One certificate, checked at this moment; or that there is none of this number."""
    try:
        found = retirement.get_retirement(call.session, number)
    except NotFound:
        return _no_certificate(number)
    traced = tracing.parcels_of(call.session, found)
    batches = [line.batch for line in retirement.lines_of(call.session, found)]
    return render_template(
        "certificate.html",
        certificate=certificate_view(call, found),
        genuine=certificates.is_genuine(call.session, found),
        void=voids.void_of(call.session, found),
        asked=number,
        checked_at=call.now,
        parcels=[
            {
                "code": part.parcel.code,
                "county_name": county(part.parcel.county_code),
                "area_m2": part.parcel.area_m2,
                "numbers": _numbers(part, batches),
                "quantity_kg": part.quantity_kg,
            }
            for part in traced
        ],
        parcel_total_m2=sum(part.parcel.area_m2 for part in traced),
        map_url=f"/api/v1/public/certificates/{number}/parcels.geojson",
        steps=_life_of(call.session, batches, found),
        explain_url=f"/explain/retirement/{number}",
        pdf_url=f"/api/v1/retirements/{number}/certificate.pdf",
    )


def _numbers(traced: tracing.TracedParcel, batches: Sequence[CreditBatch]) -> str:
    """The numbers of a parcel that were retired, as people read them; of several batches with the batch's
    place on the certificate."""
    place = {batch.id: number for number, batch in enumerate(batches, start=1)}
    parts = sorted(traced.parts, key=lambda part: (place[part.batch_id], part.first))
    several = len(batches) > 1
    return "、".join(
        f"{f'[{place[part.batch_id]}] ' if several else ''}{part.first:,} – {part.last:,}" for part in parts
    )


def certificate_view(call: Call, found: Retirement) -> dict[str, Any]:
    """The context of ``parts.certificate``."""
    content = certificates.view(found)
    url = verify_url(call.settings.base_url, found.certificate_number)
    drawing = io.BytesIO()
    segno.make(url, error="m").save(
        drawing, kind="svg", border=1, xmldecl=False, omitsize=True, title=_("查验二维码")
    )
    period = f"{content['consumption_from']} – {content['consumption_to']}"
    return {
        "number": content["certificate_number"],
        "is_demo": content["is_demo"],
        "quantity_kg": content["quantity_kg"],
        "beneficiary": content["beneficiary_name"],
        "beneficiary_code": content["beneficiary_credit_code"],
        "purpose": purpose_label(content["purpose"]),
        "consumption": f"{period}，{content['consumption_place']}",
        "lines": [
            {
                "project": line["project_name"],
                "project_code": line["project_code"],
                "county": county(line["county_code"]),
                "vintage": line["vintage"],
                "methodology": methodology_title(line["methodology_key"]),
                "quantity_kg": line["quantity_kg"],
                "batch_url": f"/batches/{line['batch']}",
                "ranges": line["serials"],
            }
            for line in content["lines"]
        ],
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


def _life_of(session: Session, batches: Sequence[CreditBatch], found: Retirement) -> list[dict[str, Any]]:
    """From the land to the end of use, for the certificate's time line; runs are told one after the other."""
    steps: list[dict[str, Any]] = []
    for run_id in dict.fromkeys(batch.run_id for batch in batches):
        steps += _made(session, run_id, [batch for batch in batches if batch.run_id == run_id])
    return [
        *steps,
        {"label": _("注销"), "at": daytime(found.retired_at), "note": "", "state": "final"},
    ]


def _made(session: Session, run_id: int, batches: Sequence[CreditBatch]) -> list[dict[str, Any]]:
    run = session.get_one(AssessmentRun, run_id)
    first_day = session.scalar(
        sa.select(sa.func.min(Parcel.valid_from))
        .join(BatchShare, BatchShare.parcel_id == Parcel.id)
        .where(BatchShare.batch_id.in_([batch.id for batch in batches]))
    )
    period = period_words(run.period_start, run.period_end)
    return [
        {"label": _("地块登记"), "at": day(first_day), "note": "", "state": "done"}
        if first_day
        else {"label": _("市民低碳行为"), "at": period, "note": "", "state": "done"},
        {"label": _("核算"), "at": day(run.created_at), "note": run.code, "state": "done"},
        *(
            {"label": role_label(review.role), "at": day(review.at), "note": "", "state": "done"}
            for review in approval.reviews_of(session, run)
        ),
        *(
            {"label": _("签发"), "at": day(batch.issued_at), "note": batch.code, "state": "done"}
            for batch in batches
        ),
    ]
