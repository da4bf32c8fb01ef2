"""The audit record of a change: who did what to which object."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from carbon_platform.db import ask, instant, mark
from carbon_platform.identity.rules import Actor

_COLUMNS = ("at", "actor_name", "role", "user_id", "action", "object_kind", "object_id", "detail")


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
    connection = session.connection()
    record = (
        instant(connection, now),
        # of a citizen only the opaque holder: the records stay when the person is forgotten
        actor.name if actor.person_id is None else actor.holder,
        actor.role,
        actor.user_id,
        action,
        object_kind,
        str(object_id),
        json.dumps(detail or {}),
    )
    places = ", ".join([mark(connection)] * len(_COLUMNS))
    # Given to the driver as it is: nobody needs the object, and every act writes one.
    ask(connection, f"INSERT INTO audit_record ({', '.join(_COLUMNS)}) VALUES ({places})", record)  # noqa: S608
    session.info["audited"] = session.info.get("audited", 0) + 1
