"""How good a partner's data are: a score of the last seven days, and the warning when it is low."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens import scene_changes, scenes
from carbon_platform.citizens.scene_errors import SceneChangeOpen
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.partners import rules
from carbon_platform.partners.reconciliation import recent
from carbon_platform.partners.rules import Quality, Tally
from carbon_platform.partners.tables import PartnerPush

WINDOW_DAYS = 7
# Below so many rows a week a score says more about chance than about the partner.
ROWS_TO_JUDGE = 100


def tally(session: Session, scene: str, *, now: datetime) -> Tally:
    """Sums over the pushes of the last seven days."""
    row = session.execute(
        sa.select(
            *(
                sa.func.coalesce(sa.func.sum(column), 0)
                for column in (
                    PartnerPush.rows,
                    PartnerPush.received,
                    PartnerPush.duplicates,
                    PartnerPush.conflicts,
                    PartnerPush.refused,
                )
            ),
            sa.func.coalesce(sa.func.max(PartnerPush.late_max_s), 0),
        ).where(
            PartnerPush.scene_code == scene,
            PartnerPush.received_at > now - timedelta(days=WINDOW_DAYS),
        )
    ).one()
    return Tally(*(int(value) for value in row))


def quality(session: Session, scene: str, *, now: datetime) -> Quality:
    """The score of a scene. No rows within the window: nothing to judge."""
    since = (now - timedelta(days=WINDOW_DAYS + 1)).date().isoformat()
    days = [row for row in recent(session, scene, days=WINDOW_DAYS) if row.day >= since]
    return rules.quality(
        tally(session, scene, now=now),
        days_reconciled=len(days),
        days_agreed=sum(row.outcome == "agreed" for row in days),
    )


def warn_the_bad(session: Session, *, now: datetime) -> list[str]:
    """Warn running scenes whose score is low; returns their codes. A person takes a warning back."""
    warned = []
    for code, source in scenes.open_sources(session).items():
        if source.state != scenes.ACTIVE:
            continue
        found = quality(session, code, now=now)
        if found.rows < ROWS_TO_JUDGE or found.score >= rules.SCORE_WARNING:
            continue
        note = (
            f"近 {WINDOW_DAYS} 天 {found.rows} 行，数据质量 {found.score} 分，低于 {rules.SCORE_WARNING} 分"
        )
        try:
            scene_changes.change_state(session, SYSTEM, code, scenes.WARNED, note=note, now=now)
        except SceneChangeOpen:
            continue  # a person is at it already; the next run looks again
        warned.append(code)
    return warned
