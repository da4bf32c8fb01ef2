"""The audit record of a change: who did what to which object."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.identity.rules import Actor
from carbon_platform.identity.tables import AuditRecord

_RECORD = sa.insert(cast(sa.Table, AuditRecord.__table__)).inline()


def audit(
    session: Session,
    actor: Actor,
    action: str,
    *,
    object_kind: str,
    object_id: str | int,
    now: datetime,
    detail: dict[str, Any] | None = None,
) -> None:
    """Write the audit record of one change. ``web`` refuses a change that wrote none."""
    # Straight into the table: nobody needs the object, and every act writes one.
    session.connection().execute(
        _RECORD,
        {
            "at": now,
            # of a citizen only the opaque holder: the records stay when the person is forgotten
            "actor_name": actor.name if actor.person_id is None else actor.holder,
            "role": actor.role,
            "user_id": actor.user_id,
            "action": action,
            "object_kind": object_kind,
            "object_id": str(object_id),
            "detail": detail or {},
        },
    )
    session.info["audited"] = session.info.get("audited", 0) + 1
