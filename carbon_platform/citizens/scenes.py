"""Scenes (减排场景): where acts come from, under which terms, and whether they are taken in today.

The terms stand in the database, seeded once from ``data/acts.toml`` and ``data/points_rules.toml`` and
changed by people only (:mod:`carbon_platform.citizens.scene_changes`). A transaction reads each scene once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens import catalogue, lots
from carbon_platform.citizens.catalogue import Source
from carbon_platform.citizens.errors import SceneNotOpen, SourceUnknown
from carbon_platform.citizens.scene_tables import Scene, SceneChange
from carbon_platform.identity.rules import SYSTEM

APPLIED, PUBLISHED, CONNECTED = "applied", "published", "connected"
ACTIVE, WARNED, SUSPENDED, CLOSED = "active", "warned", "suspended", "closed"
STATE_WORDS = {
    APPLIED: ("已申请", "applied"),
    PUBLISHED: ("已公布", "published"),
    CONNECTED: ("已接通", "connected"),
    ACTIVE: ("运行中", "active"),
    WARNED: ("数据质量提醒", "data-quality warning"),
    SUSPENDED: ("已暂停", "suspended"),
    CLOSED: ("已关闭", "closed"),
}
# A scene takes acts in while it runs; a warning is a warning, not a stop.
OPEN_STATES = (ACTIVE, WARNED)
TERMS = (
    "name_zh", "name_en", "behaviours", "evidence_percent", "creditable", "observation_days",
    "observation_from", "observation_source", "observation_status", "source", "status",
)  # fmt: skip
# Since when the seeded terms hold: the first day of the first points rule.
SEEDED_FROM = datetime(2024, 12, 31, 16, 0, tzinfo=UTC)

_ONE = sa.select(Scene.__table__).where(Scene.code == sa.bindparam("code"))
_ALL = sa.select(Scene.__table__).order_by(Scene.code)


def get_source(session: Session, code: str) -> Source:
    """The scene a record may be taken in from, now. Errors: ``SourceUnknown``, ``SceneNotOpen``."""
    source = find_source(session, code)
    if source is None:
        raise SourceUnknown(source=code, known="、".join(sources(session)))
    if source.state not in OPEN_STATES:
        zh, en = STATE_WORDS[source.state]
        raise SceneNotOpen(
            source=source.name_zh,
            source_en=source.name_en,
            state=zh,
            state_en=en,
            operator=source.operator_zh,
        )
    return source


def find_source(session: Session, code: str) -> Source | None:
    """A scene in whatever state, for what is in the books already; None for an unknown code."""
    known: dict[str, Source] = session.info.setdefault("scenes", {})
    if code not in known:
        row = session.execute(_ONE, {"code": code}).mappings().one_or_none()
        if row is None:
            return None
        known[code] = _source(dict(row))
    return known[code]


def keep(session: Session, rows: Iterable[Mapping[str, Any]]) -> None:
    """Rows of scenes that were read elsewhere in this transaction: nobody reads them again."""
    known: dict[str, Source] = session.info.setdefault("scenes", {})
    known.update((row["code"], _source(dict(row))) for row in rows)


def sources(session: Session) -> dict[str, Source]:
    """Every scene by code, in whatever state; in the order of the data file, then those added since."""
    found = {row["code"]: _source(dict(row)) for row in session.execute(_ALL).mappings()}
    session.info["scenes"] = dict(found)
    first = [code for code in catalogue.sources() if code in found]
    return {code: found[code] for code in (*first, *(code for code in found if code not in first))}


def open_sources(session: Session) -> dict[str, Source]:
    """The scenes that take acts in."""
    return {code: row for code, row in sources(session).items() if row.state in OPEN_STATES}


def names(session: Session, code: str) -> tuple[str, str]:
    """(zh, en) of a partner as people know it; ``platform`` and what is gone are this platform."""
    source = find_source(session, code)
    return (source.name_zh, source.name_en) if source else ("本平台", "this platform")


def observation(session: Session, code: str, at: datetime | None = None) -> lots.Observation:
    """How long points of a source wait (its reversal window), now or as the terms were at an instant.

    Errors: ``SourceUnknown``.
    """
    source = find_source(session, code)
    if source is None:
        raise SourceUnknown(source=code, known="、".join(sources(session)))
    since, terms = terms_at(session, code, at)
    return lots.Observation(
        source_code=code,
        valid_from=since,
        days=terms["observation_days"],
        counted_from=terms["observation_from"],
        source=terms["observation_source"],
        status=terms["observation_status"],
    )


def terms_at(session: Session, code: str, at: datetime | None = None) -> tuple[str, dict[str, Any]]:
    """(day since when, terms) of a scene at an instant; before the first change, the first terms."""
    changes = session.execute(
        sa.select(SceneChange.decided_at, SceneChange.terms)
        .where(SceneChange.scene_code == code, SceneChange.status == "done")
        .order_by(SceneChange.decided_at, SceneChange.id)
    ).all()
    if not changes:
        raise SourceUnknown(source=code, known="、".join(sources(session)))
    past = [row for row in changes if at is None or row.decided_at <= at] or changes[:1]
    current = past[-1].terms
    since = next(row.decided_at for row in past if row.terms == current)
    return since.date().isoformat() if since != SEEDED_FROM else "2025-01-01", current


def terms_of(scene: Scene) -> dict[str, Any]:
    """The terms of a scene, as a change keeps them."""
    return {name: getattr(scene, name) for name in TERMS}


def forget_cached(session: Session) -> None:
    """After a change: the next look reads the database."""
    session.info.pop("scenes", None)


def load_scenes(session: Session) -> int:
    """Put in the scenes of the data files that are not there yet; never touches one that is.

    Returns how many scenes there are.
    """
    there = set(session.scalars(sa.select(Scene.code)))
    for code, source in catalogue.sources().items():
        if code not in there:
            _seed(session, code, source)
            there.add(code)
    session.flush()
    forget_cached(session)
    return len(there)


def _seed(session: Session, code: str, source: Source) -> None:
    waits = catalogue.observation(code, "9999-12-31")
    scene = Scene(
        code=code,
        name_zh=source.name_zh,
        name_en=source.name_en,
        operator_zh=source.operator_zh,
        organisation_id=None,
        local=source.local,
        behaviours=list(source.behaviours),
        evidence_percent=source.evidence_percent,
        creditable=source.creditable,
        observation_days=waits.days,
        observation_from=waits.counted_from,
        observation_source=waits.source,
        observation_status=waits.status,
        source=source.source,
        status=source.status,
        state=source.state,
        changed_at=SEEDED_FROM,
    )
    session.add(scene)
    session.flush()
    session.add(
        SceneChange(
            scene_code=code, kind="state", from_state=scene.state, to_state=scene.state,
            terms=terms_of(scene), note="初始数据 Reference data", status="done",
            proposed_by=SYSTEM.name, proposed_by_id=None, proposed_at=SEEDED_FROM,
            decided_by=SYSTEM.name, decided_by_id=None, decided_at=SEEDED_FROM,
        )
    )  # fmt: skip


def _source(row: dict[str, Any]) -> Source:
    return Source(
        code=row["code"],
        name_zh=row["name_zh"],
        name_en=row["name_en"],
        behaviours=tuple(row["behaviours"]),
        evidence_percent=row["evidence_percent"],
        creditable=bool(row["creditable"]),
        source=row["source"],
        status=row["status"],
        operator_zh=row["operator_zh"],
        organisation_id=row["organisation_id"],
        local=bool(row["local"]),
        state=row["state"],
        observation_days=row["observation_days"],
        observation_from=row["observation_from"],
    )
