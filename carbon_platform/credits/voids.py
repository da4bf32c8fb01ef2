"""What anybody may know of void kilograms: of a batch, and of a certificate."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.credits import invalidation
from carbon_platform.credits.registry_tables import Invalidation, InvalidationRange
from carbon_platform.credits.tables import CreditBatch, Retirement, RetirementRange


def confirmed_of(session: Session, batch: CreditBatch) -> list[dict[str, Any]]:
    """What of a batch is void and how far it was made good: public."""
    rows = session.scalars(
        invalidation.invalidations().where(
            Invalidation.batch_id == batch.id, Invalidation.status == "confirmed"
        )
    )
    names = ("number", "quantity_kg", "reason", "document", "decided_at")
    found = []
    for made in rows:
        debt = invalidation.debt_of(session, made) or invalidation.Debt(made.number, 0, 0)
        shown = {name: getattr(made, name) for name in names}
        found.append(shown | {"owed_kg": debt.owed_kg, "made_good_kg": debt.done_kg})
    return found


def void_of(session: Session, retirement: Retirement) -> list[dict[str, Any]]:
    """Kilograms of a certificate that were found void later, by invalidation: ``number``, ``quantity_kg``."""
    void, used = InvalidationRange, RetirementRange
    rows = session.execute(
        sa.select(Invalidation.number, void.first, void.last, used.first, used.last)
        .join(Invalidation, Invalidation.id == void.invalidation_id)
        .join(used, used.batch_id == Invalidation.batch_id)
        .where(
            used.retirement_id == retirement.id,
            Invalidation.status == "confirmed",
            void.first <= used.last,
            void.last >= used.first,
        )
        .order_by(Invalidation.number)
    )
    found: dict[str, int] = {}
    for number, first, last, used_first, used_last in rows:
        found[number] = found.get(number, 0) + min(last, used_last) - max(first, used_first) + 1
    return [{"number": number, "quantity_kg": quantity_kg} for number, quantity_kg in found.items()]
