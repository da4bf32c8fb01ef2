"""Retiring (注销) carbon tickets: final, public, with a certificate that leads to the very parcels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.credits import certificates
from carbon_platform.credits.allocation import serial
from carbon_platform.credits.certificates import Line
from carbon_platform.credits.glyphs import check_glyphs
from carbon_platform.credits.issuance import get_batch
from carbon_platform.credits.numbering import next_number
from carbon_platform.credits.tables import CreditBatch, Retirement, RetirementLine, RetirementRange
from carbon_platform.db import serialise
from carbon_platform.errors import NotFound, PlatformError
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.ledger import (
    HOLDING,
    RETIRED,
    AccountKey,
    Asset,
    Entry,
    Move,
    balances,
    movement_ranges,
    post,
    ranges,
)
from carbon_platform.projects.rules import PeriodReversed

LINES_MAX = 100


class NoHolder(PlatformError):
    code, status = "credits.no_holder", 422
    zh = "您的账户没有所属机构，不能持有碳票。请管理员把账户挂到机构下。"
    en = "Your account belongs to no organisation, so it holds no tickets. Ask the administrator."


class LinesWrong(PlatformError):
    """No line, too many, or one batch twice; ``errors`` names the rows."""

    code, status = "credits.lines_wrong", 422
    zh = "注销清单有误：须为 1 至 {maximum} 行，每个批次一行（{found}）。请合并或分开办理。"
    en = "The list to retire is wrong: 1 to {maximum} lines, one per batch ({found_en}). Merge or split it."


@dataclass(frozen=True)
class Holding:
    """What one organisation holds of one batch. ``ranges`` cover held kilograms too."""

    batch: CreditBatch
    posted_kg: int
    held_kg: int
    ranges: list[tuple[int, int]]


def holdings(session: Session, actor: Actor) -> list[Holding]:
    """Batches of which the caller's organisation holds kilograms, in order of code."""
    if not actor.holder:
        raise NoHolder
    found = []
    for account in balances(session, actor.holder, role=HOLDING):
        if account.balance.posted == 0:
            continue
        spans = [(r.first, r.last) for r in ranges(session, account.key)]
        batch = get_batch(session, account.key.lot)
        found.append(Holding(batch, account.balance.posted, account.balance.held, spans))
    return sorted(found, key=lambda holding: holding.batch.code)


def retire(
    session: Session,
    actor: Actor,
    *,
    lines: Sequence[tuple[str, int]],
    purpose: str,
    beneficiary_name: str,
    beneficiary_credit_code: str,
    consumption_from: date,
    consumption_to: date,
    consumption_place: str,
    now: datetime,
) -> Retirement:
    """Take kilograms of one or several batches out of use for ever, and write the one certificate.

    ``lines``: (batch code, kilograms). All of them go in one ledger entry, or none.
    Errors: ``NoHolder``; ``PeriodReversed``; ``LinesWrong``; ``NotFound`` (batch); ``AmountInvalid``;
    ``GlyphMissing`` when the certificate could not print every character; ``InsufficientBalance`` (what is
    listed counts as held, what is pledged lies elsewhere).
    """
    if not actor.holder or actor.organisation_id is None:
        raise NoHolder
    if consumption_to < consumption_from:
        raise PeriodReversed(start=consumption_from.isoformat(), end=consumption_to.isoformat())
    _check_lines(lines)
    wanted = [Line(get_batch(session, code), quantity_kg) for code, quantity_kg in lines]
    serialise(session, "certificate-number")
    retirement = Retirement(
        certificate_number=next_number(session, Retirement.certificate_number, "C", now),
        organisation_id=actor.organisation_id,
        quantity_kg=sum(line.quantity_kg for line in wanted),
        purpose=purpose,
        beneficiary_name=beneficiary_name,
        beneficiary_credit_code=beneficiary_credit_code.strip().upper(),
        consumption_from=consumption_from,
        consumption_to=consumption_to,
        consumption_place=consumption_place,
        is_demo=any(line.batch.is_demo for line in wanted),
        content="",
        digest="",
        retired_by=actor.name,
        retired_at=now,
    )
    said = certificates.statement(session, retirement, wanted)
    check_glyphs(said)
    spans = _take_out(session, actor, wanted, said, now=now)
    retirement.content = certificates.canonical(certificates.with_numbers(said, spans))
    retirement.digest = certificates.sha256(retirement.content)
    session.add(retirement)
    session.flush()
    _keep_parts(session, retirement, wanted, spans)
    audit(
        session,
        actor,
        "credit.retire",
        object_kind="retirement",
        object_id=retirement.certificate_number,
        now=now,
        detail={"lines": [[line.batch.code, line.quantity_kg] for line in wanted], "ranges": spans},
    )
    return retirement


def _check_lines(lines: Sequence[tuple[str, int]]) -> None:
    if not 1 <= len(lines) <= LINES_MAX:
        raise LinesWrong(maximum=LINES_MAX, found=f"现为 {len(lines)} 行", found_en=f"{len(lines)} lines")
    seen: dict[str, int] = {}
    errors: list[dict[str, Any]] = []
    for row, (code, _) in enumerate(lines, start=1):
        first = seen.setdefault(code, row)
        if first != row:
            zh = f"第 {row} 行与第 {first} 行是同一批次 {code}。"
            en = f"Line {row} has the same batch as line {first}: {code}."
            errors.append({"row": row, "field": "batch", "value": code, "zh": zh, "en": en})
    if errors:
        raise LinesWrong(
            maximum=LINES_MAX, found=errors[0]["zh"].rstrip("。"), found_en=errors[0]["en"].rstrip("."),
            errors=errors,
        )  # fmt: skip


def _take_out(
    session: Session, actor: Actor, lines: Sequence[Line], said: dict[str, Any], *, now: datetime
) -> dict[str, list[tuple[int, int]]]:
    """Move the kilograms from holding to retired; returns the numbers that went, by batch code.

    The entry keeps a digest of all that the certificate says: the seal of the ledger covers it too.
    """
    moves = [
        Move(
            AccountKey(HOLDING, actor.holder, Asset.CREDIT, line.batch.code),
            AccountKey(RETIRED, actor.holder, Asset.CREDIT, line.batch.code),
            line.quantity_kg,
        )
        for line in lines
    ]
    number = said["certificate_number"]
    entry = Entry(
        reason="retire",
        reference=certificates.reference_of(number),
        moves=moves,
        effective_at=None,
        actor_name=actor.name,
        detail={
            "purpose": said["purpose"],
            "certificate": number,
            "statement": certificates.statement_digest(said),
        },
    )
    posted = post(session, entry, now=now)
    spans: dict[str, list[tuple[int, int]]] = {}
    for moved in movement_ranges(session, posted.entry_id):
        spans.setdefault(moved.lot, []).append((moved.numbers.first, moved.numbers.last))
    return spans


def _keep_parts(
    session: Session,
    retirement: Retirement,
    lines: Sequence[Line],
    spans: dict[str, list[tuple[int, int]]],
) -> None:
    for position, line in enumerate(lines, start=1):
        session.add(
            RetirementLine(
                retirement_id=retirement.id,
                position=position,
                batch_id=line.batch.id,
                quantity_kg=line.quantity_kg,
            )
        )
        session.add_all(
            RetirementRange(
                batch_id=line.batch.id,
                first=first,
                last=last,
                retirement_id=retirement.id,
                serial=serial(line.batch.code, first, last),
            )
            for first, last in spans[line.batch.code]
        )
    session.flush()


def get_retirement(session: Session, number: str) -> Retirement:
    """A retirement by certificate number. Public: a certificate is there to be checked."""
    found = session.scalar(sa.select(Retirement).where(Retirement.certificate_number == number))
    if found is None:
        raise NotFound(what="注销证书", key=number)
    return found


def lines_of(session: Session, retirement: Retirement) -> list[Line]:
    """The batches of a certificate with their kilograms, in the order printed."""
    rows = session.execute(
        sa.select(CreditBatch, RetirementLine.quantity_kg)
        .join(RetirementLine, RetirementLine.batch_id == CreditBatch.id)
        .where(RetirementLine.retirement_id == retirement.id)
        .order_by(RetirementLine.position)
    )
    return [Line(batch, quantity_kg) for batch, quantity_kg in rows]
