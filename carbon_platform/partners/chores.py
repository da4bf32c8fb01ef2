"""What the scheduler does for data partners."""

from __future__ import annotations

from datetime import datetime

from carbon_platform.citizens.bindings import forget_old_codes
from carbon_platform.db import Database
from carbon_platform.partners.keys import forget_nonces
from carbon_platform.partners.quality import warn_the_bad


def forget_used(db: Database, *, now: datetime) -> tuple[str, str]:
    """Nonces the clock refuses anyway, and binding codes nobody can use any more."""
    nonces = db.transact(lambda session: forget_nonces(session, now=now))
    codes = db.transact(lambda session: forget_old_codes(session, now=now))
    return "ok", f"{nonces} nonces and {codes} binding codes forgotten"


def judge_quality(db: Database, *, now: datetime) -> tuple[str, str]:
    """Alarm when a running scene's data became bad: it is warned, and its operator sees it."""
    warned = db.transact(lambda session: warn_the_bad(session, now=now))
    return ("alarm", f"warned: {', '.join(warned)}") if warned else ("ok", "no scene to warn")
