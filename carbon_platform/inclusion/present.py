"""What the API and the pages show of bundles, orders, footprints and the board."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens import consents
from carbon_platform.citizens.rules import local_day
from carbon_platform.credits import approval
from carbon_platform.credits import rules as credit_rules
from carbon_platform.credits.allocation import serial
from carbon_platform.credits.tables import CreditBatch
from carbon_platform.groups.catalogue import statistics_rule
from carbon_platform.identity.rules import Actor
from carbon_platform.inclusion import bundle_parts, bundles, footprint, offsets, rules
from carbon_platform.inclusion.board import Board
from carbon_platform.inclusion.tables import Bundle, Footprint, OffsetLot, OffsetOrder
from carbon_platform.projects.tables import Project

_BUNDLE = (
    "code", "starts_on", "ends_on", "state", "methodology", "parameter_digest", "input_digest", "acts",
    "holders", "creditable_g", "reduction_g", "run_code", "batch_code", "closed_by", "closed_at", "note",
)  # fmt: skip
_ORDER = (
    "code", "state", "quantity_kg", "amount_fen", "year", "beneficiary", "ordered_at", "expires_at",
    "paid_at", "certificate_number", "retired_at", "payment_mode",
)  # fmt: skip


def present_bundle(session: Session, bundle: Bundle) -> dict[str, Any]:
    run = bundles.run_of(session, bundle)
    return {name: getattr(bundle, name) for name in _BUNDLE} | {
        "state_zh": rules.BUNDLE_WORDS[bundle.state][0],
        "whole_tonnes": rules.whole_tonnes(bundle.creditable_g),
        "run_status": run.status if run else "",
    }


def present_bundle_detail(session: Session, bundle: Bundle) -> dict[str, Any]:
    """With what changed since it was summed, and what still blocks issuing."""
    run = bundles.run_of(session, bundle)
    live = bundle.state != rules.DISSOLVED
    blockers: list[credit_rules.Blocker] = []
    if run is not None and bundle.state == rules.APPLIED:
        blockers = approval.blockers_of(session, run)
    return present_bundle(session, bundle) | {
        "changes": bundles.changes(session, bundle) if live else bundles.Changes(0, 0, 0),
        "blockers": blockers,
    }


def present_my_bundles(session: Session, actor: Actor, act: int | None) -> dict[str, Any]:
    found = bundle_parts.of_holder(session, actor.holder)
    texts = [
        state
        for state in consents.states(session, actor)
        if (state.text.partner, state.text.purpose) == (bundles.PARTNER, bundles.PURPOSE)
    ]
    held = bundle_parts.bundle_of_act(session, actor.holder, act) if act is not None else None
    return {
        "creditable_g": sum(mine.part.creditable_g for mine in found),
        "agreed": any(state.current for state in texts),
        "items": [_my_bundle(mine) for mine in found],
        "act_bundle": held.code if held else "",
    }


def _my_bundle(mine: bundle_parts.Mine) -> dict[str, Any]:
    bundle, part, batch = mine.bundle, mine.part, mine.batch
    return {
        "bundle": bundle.code,
        "starts_on": bundle.starts_on,
        "ends_on": bundle.ends_on,
        "state": bundle.state,
        "state_zh": rules.BUNDLE_WORDS[bundle.state][0],
        "acts": part.acts,
        "creditable_g": part.creditable_g,
        "reduction_g": part.reduction_g,
        # Who knows their own grams can take them off: what is left has to be of k people.
        "bundle_g": bundle.creditable_g if bundle.holders - 1 >= statistics_rule()[0] else None,
        "batch_code": bundle.batch_code,
        "batch_kg": batch.quantity_kg if batch else None,
        "vintage": batch.vintage if batch else None,
        "issued_at": batch.issued_at if batch else None,
    }


def fen_text(fen: Fraction | None) -> str | None:
    """``5/2`` → ``2.5``: at most three decimals, without trailing zeros."""
    return None if fen is None else f"{float(fen):.3f}".rstrip("0").rstrip(".")


def present_board(found: Board) -> dict[str, Any]:
    return vars(found) | {
        "point_low_fen": fen_text(found.value.low_fen if found.value else None),
        "point_high_fen": fen_text(found.value.high_fen if found.value else None),
    }


def present_order(session: Session, row: OffsetOrder) -> dict[str, Any]:
    lot = session.get_one(OffsetLot, row.lot_id)
    return {name: getattr(row, name) for name in _ORDER} | {
        "state_zh": rules.ORDER_WORDS[row.state][0],
        "price_fen_per_t": lot.price_fen_per_t,
        "batch_code": lot.batch_code,
        "serials": [serial(lot.batch_code, first, last) for first, last in row.ranges],
        "certificate_url": f"/offset-certificates/{row.code}" if row.state == rules.RETIRED else "",
    }


def present_offer(session: Session, payments: str) -> dict[str, Any]:
    """What can be ordered now, of which project, at what price."""
    lot = offsets.on_offer(session)
    project = None
    if lot is not None:
        project = session.scalar(
            sa.select(Project.name_zh)
            .join(CreditBatch, CreditBatch.project_id == Project.id)
            .where(CreditBatch.code == lot.batch_code)
        )
    return {
        "left_kg": lot.left_kg if lot else 0,
        "price_fen_per_t": lot.price_fen_per_t if lot else None,
        "batch_code": lot.batch_code if lot else "",
        "project_name": project or "",
        "payments": payments,
    }


def present_footprint(session: Session, holder: str, row: Footprint | None) -> dict[str, Any]:
    zh, en = footprint.boundary()
    return {
        "version": footprint.version(),
        "boundary_zh": zh,
        "boundary_en": en,
        "items": footprint.items(),
        "result": None if row is None else _result(session, holder, row),
    }


def _result(session: Session, holder: str, row: Footprint) -> dict[str, Any]:
    # Equations of another set of factors would not give the total on record.
    same = row.factor_set == footprint.version()
    lines = footprint.compute(row.quantities, row.persons).lines if same else ()
    return {
        "year": row.year,
        "factor_set": row.factor_set,
        "persons": row.persons,
        "total_g": row.total_g,
        "low_g": row.low_g,
        "high_g": row.high_g,
        "retired_kg": offsets.retired_kg(session, holder, row.year),
        "made_at": row.made_at,
        "lines": [_footprint_line(line) for line in lines],
    }


def _footprint_line(line: footprint.Line) -> dict[str, Any]:
    return {
        "code": line.item.code,
        "name_zh": line.item.name_zh,
        "name_en": line.item.name_en,
        "quantity": line.quantity,
        "grams": line.grams,
        "low_g": line.low_g,
        "high_g": line.high_g,
        "equation": line.equation,
        "source": line.item.source,
        "status": line.item.status,
    }


def year_of(now: datetime) -> int:
    """The calendar year in Xinyang."""
    return int(local_day(now)[:4])
