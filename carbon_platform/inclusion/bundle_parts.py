"""Reading bundles: which one holds a person's grams, and whether a bundle still adds up."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens.tables import Act
from carbon_platform.credits.tables import AssessmentRun, CreditBatch
from carbon_platform.errors import NotFound
from carbon_platform.inclusion import rules
from carbon_platform.inclusion.bundles import input_digest
from carbon_platform.inclusion.tables import Bundle, BundleAct, BundleHolder


@dataclass(frozen=True)
class Mine:
    """What one person put into one bundle, and where it went."""

    bundle: Bundle
    part: BundleHolder
    run: AssessmentRun | None
    batch: CreditBatch | None


def of_holder(session: Session, holder: str) -> list[Mine]:
    """A person's parts of bundles, newest first: which batch holds her grams."""
    rows = session.execute(
        sa.select(Bundle, BundleHolder, AssessmentRun, CreditBatch)
        .join(BundleHolder, BundleHolder.bundle_id == Bundle.id)
        .outerjoin(AssessmentRun, AssessmentRun.code == Bundle.run_code)
        .outerjoin(CreditBatch, CreditBatch.code == Bundle.batch_code)
        .where(BundleHolder.holder == holder)
        .order_by(Bundle.id.desc())
    )
    return [Mine(bundle, part, run, batch) for bundle, part, run, batch in rows]


def bundle_of_act(session: Session, holder: str, act_id: int) -> Bundle | None:
    """The bundle that holds one of the person's own acts. Errors: ``NotFound`` for another one's."""
    act = session.scalar(sa.select(Act.id).where(Act.id == act_id, Act.holder == holder))
    if act is None:
        raise NotFound(what="记账", key=act_id)
    return session.scalar(
        sa.select(Bundle).join(BundleAct, BundleAct.bundle_id == Bundle.id).where(BundleAct.act_id == act_id)
    )


def check(session: Session, bundle: Bundle) -> list[str]:
    """What does not add up in a bundle: digest, sums, persons; empty when everything does."""
    wrong: list[str] = []
    if bundle.state == rules.DISSOLVED:
        return wrong
    if input_digest(session, bundle.id) != bundle.input_digest:
        wrong.append(f"{bundle.code}: input digest")
    sums = session.execute(
        sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(BundleHolder.acts), 0),
            sa.func.coalesce(sa.func.sum(BundleHolder.creditable_g), 0),
        ).where(BundleHolder.bundle_id == bundle.id)
    ).one()
    if tuple(int(one) for one in sums) != (bundle.holders, bundle.acts, bundle.creditable_g):
        wrong.append(f"{bundle.code}: persons, acts, grams {tuple(sums)}")
    return wrong
