"""Finding certificates without signing in, and saying where one kilogram is, without naming its holder.

A serial is matched against renderings on file or made from known batches; nothing takes its text apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.credits.allocation import serial as rendered
from carbon_platform.credits.beneficiary import CODE_LENGTH, NOT_LISTED, is_credit_code
from carbon_platform.credits.issuance import get_batch
from carbon_platform.credits.registry_tables import Invalidation, InvalidationRange
from carbon_platform.credits.tables import CreditBatch, Retirement, RetirementLine, RetirementRange
from carbon_platform.errors import PlatformError

NAME_MIN = 2
STATES = {
    ledger.HOLDING: "circulating",
    ledger.PLEDGED: "pledged",
    ledger.RETIRED: "retired",
    ledger.CANCELLED: "cancelled",
    ledger.INVALIDATED: "invalidated",
    ledger.ISSUANCE: "taken_back",
}
# Kilograms another registry gave out or took back.
ELSEWHERE = "elsewhere"


class LookupUnclear(PlatformError):
    code, status = "credits.lookup_unclear", 422
    zh = (
        "请给出一种查法：证书编号 number、编号段 serial、受益单位 beneficiary、信用代码 credit_code，"
        "或批次加千克号 batch 与 kg_number（现为：{given}）。"
    )
    en = "Ask in one way: number, serial, beneficiary, credit_code, or batch with kg_number (given: {given})."


class NameTooShort(PlatformError):
    code, status = "credits.name_too_short", 422
    zh = "受益单位名称至少写前 {least} 个字（现为 {length} 个）。"
    en = "Give at least the first {least} characters of the beneficiary's name ({length} given)."


class NumberOutside(PlatformError):
    code, status = "credits.number_outside", 422
    zh = "批次 {batch} 的千克号是 1 至 {last}，没有 {number} 号。"
    en = "Kilograms of batch {batch} are numbered 1 to {last}; there is no number {number}."


@dataclass(frozen=True)
class Kilogram:
    """Where one kilogram is. ``certificate_number`` if it was retired, ``invalidation`` if it is void."""

    batch: str
    number: int
    serial: str
    state: str
    certificate_number: str
    invalidation: str


def certificates_of(
    session: Session, *, number: str = "", serial: str = "", beneficiary: str = "", credit_code: str = ""
) -> sa.Select[Any]:
    """Select of retirements, newest first. Exactly one of the four is given.

    A name finds beneficiaries with a credit code by how they begin; one without a code may be a person and
    is found by the whole name only. Errors: ``LookupUnclear``, ``NameTooShort``.
    """
    asked = {
        name: text.strip()
        for name, text in {
            "number": number, "serial": serial, "beneficiary": beneficiary, "credit_code": credit_code
        }.items()
        if text.strip()
    }  # fmt: skip
    if len(asked) != 1:
        raise LookupUnclear(given="、".join(asked) or "-")
    [(way, text)] = asked.items()
    found = sa.select(Retirement).order_by(Retirement.id.desc())
    match way:
        case "number":
            return found.where(Retirement.certificate_number == text)
        case "serial":
            return found.where(Retirement.id.in_(_of_serial(session, text)))
        case "credit_code":
            return found.where(Retirement.beneficiary_credit_code == text.upper())
    return found.where(_named(text))


def anything(session: Session, text: str) -> sa.Select[Any]:
    """Select for a text that may be anything: the first way that fits of number, serial, code, name."""
    asked = text.strip()
    for way in ("number", "serial", "credit_code"):
        found = certificates_of(session, **{way: asked})
        if asked and session.scalar(found.order_by(None).with_only_columns(sa.literal(1)).limit(1)):
            return found
    return certificates_of(session, beneficiary=asked)


def _of_serial(session: Session, text: str) -> sa.Select[Any]:
    """Certificates with exactly this range; or all of a batch when the text is the whole batch's serial."""
    whole = [
        batch.id
        for batch in session.scalars(
            # Batches whose code the text begins with, compared as text.
            sa.select(CreditBatch).where(
                sa.func.substr(sa.literal(text), 1, sa.func.length(CreditBatch.code)) == CreditBatch.code
            )
        )
        if rendered(batch.code, 1, batch.quantity_kg) == text
    ]
    ranges = sa.select(RetirementRange.retirement_id).where(RetirementRange.serial == text)
    if not whole:
        return ranges
    lines = sa.select(RetirementLine.retirement_id).where(RetirementLine.batch_id.in_(whole))
    return ranges.union(lines)  # type: ignore[return-value]


def _named(text: str) -> sa.ColumnElement[bool]:
    if len(text) < NAME_MIN:
        raise NameTooShort(least=NAME_MIN, length=len(text))
    name = Retirement.beneficiary_name
    begins = sa.and_(
        name.startswith(text, autoescape=True),
        # LIKE of SQLite takes no notice of upper and lower case.
        sa.func.substr(name, 1, len(text)) == text,
        sa.func.length(Retirement.beneficiary_credit_code) == CODE_LENGTH,
    )
    return sa.or_(name == text, begins)


def where_is(session: Session, batch_code: str, number: int) -> Kilogram:
    """Where kilogram ``number`` of a batch is now. Errors: ``NotFound`` (batch), ``NumberOutside``."""
    batch = get_batch(session, batch_code)
    if not 1 <= number <= batch.quantity_kg:
        raise NumberOutside(batch=batch.code, last=batch.quantity_kg, number=number)
    found = ledger.located(session, batch.code, [ledger.Range(number, number)])
    role = found[0].account.role if found else ""
    certificate = void = None
    if role == ledger.RETIRED:
        certificate = session.scalar(
            sa.select(Retirement.certificate_number)
            .join(RetirementRange, RetirementRange.retirement_id == Retirement.id)
            .where(
                RetirementRange.batch_id == batch.id,
                RetirementRange.first <= number,
                RetirementRange.last >= number,
            )
        )
    void = session.scalar(
        sa.select(Invalidation.number)
        .join(InvalidationRange, InvalidationRange.invalidation_id == Invalidation.id)
        .where(
            Invalidation.batch_id == batch.id,
            Invalidation.status == "confirmed",
            InvalidationRange.first <= number,
            InvalidationRange.last >= number,
        )
    )
    return Kilogram(
        batch=batch.code,
        number=number,
        serial=rendered(batch.code, number, number),
        state=STATES.get(role, ELSEWHERE),
        certificate_number=certificate or "",
        invalidation=void or "",
    )


def brief(session: Session, found: list[Retirement]) -> list[dict[str, Any]]:
    """What a list of certificates shows: public, and no more than stands on each.

    A beneficiary without a credit code may be a person: the name stands on the certificate only.
    """
    batches: dict[int, list[str]] = {}
    rows = session.execute(
        sa.select(RetirementLine.retirement_id, CreditBatch.code)
        .join(CreditBatch, CreditBatch.id == RetirementLine.batch_id)
        .where(RetirementLine.retirement_id.in_([one.id for one in found]))
        .order_by(RetirementLine.retirement_id, RetirementLine.position)
    )
    for retirement_id, code in rows:
        batches.setdefault(retirement_id, []).append(code)
    return [
        {
            "certificate_number": one.certificate_number,
            "quantity_kg": one.quantity_kg,
            **_beneficiary(one),
            "purpose": one.purpose,
            "batches": batches.get(one.id, []),
            "is_demo": one.is_demo,
            "retired_at": one.retired_at,
        }
        for one in found
    ]


def _beneficiary(one: Retirement) -> dict[str, str]:
    listed = is_credit_code(one.beneficiary_credit_code)
    return {
        "beneficiary_name": one.beneficiary_name if listed else NOT_LISTED,
        "beneficiary_credit_code": one.beneficiary_credit_code if listed else "",
    }
