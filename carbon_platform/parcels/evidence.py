"""Evidence of parcels: handed in, checked against the parcel and against each other, read, withdrawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import shapely
import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.errors import NotFound, PlatformError
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.parcels import evidence_reading, tenure
from carbon_platform.parcels.evidence_reading import SUFFIXES, Claim, Land, Read
from carbon_platform.parcels.evidence_rules import alike, limits
from carbon_platform.parcels.evidence_store import EvidenceStore, FileTooLarge, Stored
from carbon_platform.parcels.evidence_tables import Evidence, EvidenceObject
from carbon_platform.parcels.evidence_words import Finding, finding, worst
from carbon_platform.parcels.photos import read_photo
from carbon_platform.parcels.register import get_parcel, in_scope
from carbon_platform.parcels.tables import Parcel
from carbon_platform.parcels.water_logs import log_findings

_ALIKE_SHOWN = 5


class AlreadyWithdrawn(PlatformError):
    code, status = "evidence.already_withdrawn", 409
    zh = "证据 {number} 已由{by}于 {at} 撤回。"
    en = "Evidence {number} was withdrawn by {by} at {at} already."


@dataclass(frozen=True)
class Kept:
    """A file that was read, checked and stored, on its way into the tables."""

    land: Land
    claim: Claim
    read: Read
    stored: Stored
    file_name: str


def land_of(session: Session, actor: Actor, code: str) -> Land:
    """The parcel evidence is for. ``NotFound`` outside the actor's region."""
    parcel = get_parcel(session, actor, code)
    numbers = {str(value) for name in ("parcel_code", "sub_compartment", "feature_code")
               if (value := parcel.attributes.get(name))}  # fmt: skip
    return Land(
        parcel_id=parcel.id,
        code=parcel.code,
        kind=parcel.kind,
        shape=shapely.from_wkb(parcel.geometry),
        right_holder=parcel.right_holder,
        labels=frozenset({parcel.code, *numbers}),
    )


def keep(
    store: EvidenceStore,
    land: Land,
    claim: Claim,
    path: Path,
    *,
    file_name: str,
    scratch: Path,
    now: datetime,
) -> Kept:
    """Read, check and store a file: outside any transaction, and nothing of it is known before ``enter``.

    Errors: ``EvidenceRefused``, ``FileTooLarge``.
    """
    bounds = limits()
    if path.stat().st_size > bounds.file_bytes:
        raise FileTooLarge(limit_mb=bounds.file_mb)
    found = evidence_reading.read(path, land, claim, scratch=scratch, limits=bounds, now=now)
    with path.open("rb") as file:
        stored = store.put(file, limit_bytes=bounds.file_bytes)
    if found.thumbnail:
        store.put_thumbnail(thumbnail_name(stored.sha256, claim.kind), found.thumbnail)
    return Kept(land, claim, found, stored, file_name)


def thumbnail_name(sha256: str, kind: str) -> str:
    """The picture of a certificate is another one: nobody is to be known in it."""
    return f"{sha256}.masked.jpg" if kind == "tenure" else f"{sha256}.jpg"


def enter(session: Session, actor: Actor, kept: Kept, *, secret: str, now: datetime) -> Evidence:
    """Write a kept file into the tables. The same file again for the same parcel gives the row on file."""
    land, claim, found = kept.land, kept.claim, kept.read
    _enter_object(session, kept, now)
    standing = session.scalar(
        sa.select(Evidence).where(
            Evidence.parcel_id == land.parcel_id,
            Evidence.sha256 == kept.stored.sha256,
            Evidence.withdrawn_at.is_(None),
        )
    )
    made = standing or _new(session, actor, kept, secret, now)
    if standing is None:
        findings = [*found.findings, *_against_others(session, actor, kept)]
        made.findings, made.outcome = findings, worst(findings)
        session.add(made)
        session.flush()
    detail = {"parcel": land.code, "kind": claim.kind, "sha256": kept.stored.sha256, "again": bool(standing)}
    _audit(session, actor, "evidence.add", made, now, detail)
    return made


def _enter_object(session: Session, kept: Kept, now: datetime) -> None:
    sha256 = kept.stored.sha256
    there = session.get(EvidenceObject, sha256)
    if there is None:
        session.add(
            EvidenceObject(
                sha256=sha256, size_bytes=kept.stored.size_bytes, media_type=kept.read.media_type,
                stored_at=now, state="ok", checked_at=now,
            )
        )  # fmt: skip
        session.flush()
    elif there.state != "ok":  # it was lost, and has just been put back whole
        there.state, there.checked_at = "ok", now


def _new(session: Session, actor: Actor, kept: Kept, secret: str, now: datetime) -> Evidence:
    claim, found = kept.claim, kept.read
    sealed, sealed_with = None, ""
    if claim.kind == "tenure" and any(claim.certificate.values()):
        key = tenure.key_of(secret)
        sealed, sealed_with = tenure.seal(claim.certificate, key, belongs_to=_owner(kept.land, kept.stored))
    return Evidence(
        parcel_id=kept.land.parcel_id,
        sha256=kept.stored.sha256,
        kind=claim.kind,
        # People name such files after the holder.
        file_name=kept.file_name if claim.kind != "tenure" else "certificate" + SUFFIXES[found.media_type],
        note=claim.note,
        shows_from=claim.shows[0] if claim.shows else None,
        shows_to=claim.shows[1] if claim.shows else None,
        taken_at=found.taken_at,
        lon=found.lon,
        lat=found.lat,
        distance_m=found.distance_m,
        picture_hash=found.picture_hash,
        data=found.data,
        findings=[],
        outcome="ok",
        sealed=sealed,
        sealed_with=sealed_with,
        recorded_by=actor.name,
        recorded_by_user=actor.user_id,
        recorded_at=now,
        withdrawn_at=None,
    )


def _owner(land: Land, stored: Stored) -> str:
    return f"{land.parcel_id}:{stored.sha256}"


# --- against what is on file ----------------------------------------------------------------------


def _against_others(session: Session, actor: Actor, kept: Kept) -> list[Finding]:
    """The same file, or almost the same photo, elsewhere; a log that contradicts another."""
    found = _same_file(session, actor, kept)
    if kept.read.picture_hash:
        found += _similar_photos(session, actor, kept, kept.read.picture_hash)
    if kept.read.log:
        earlier = _earlier_levels(session, kept.land.parcel_id)
        found += log_findings(
            kept.read.log, shows=kept.claim.shows, gap_days=limits().log_gap_days, earlier=earlier
        )
    return found


def _same_file(session: Session, actor: Actor, kept: Kept) -> list[Finding]:
    if kept.claim.kind in ("document", "tenure"):
        return []  # one paper covers many parcels
    rows = session.execute(
        sa.select(Parcel.code, Parcel.county_code)
        .join(Evidence, Evidence.parcel_id == Parcel.id)
        .where(
            Evidence.sha256 == kept.stored.sha256,
            Evidence.parcel_id != kept.land.parcel_id,
            Evidence.withdrawn_at.is_(None),
        )
        .order_by(Evidence.id)
        .limit(_ALIKE_SHOWN)
    )
    return [finding("same_file", **_named(actor, row.code, row.county_code)) for row in rows]


def _similar_photos(session: Session, actor: Actor, kept: Kept, picture_hash: str) -> list[Finding]:
    """Against every standing photo: the hashes are compared as one array, without an index."""
    rows = session.execute(
        sa.select(Evidence.id, Evidence.picture_hash).where(
            Evidence.picture_hash.is_not(None),
            Evidence.withdrawn_at.is_(None),
            Evidence.sha256 != kept.stored.sha256,
        )
    ).all()
    hashes = [row.picture_hash for row in rows]
    near = [
        (bits, rows[place].id) for bits, place in alike(picture_hash, hashes, limits().photo_duplicate_bits)
    ]
    if not near:
        return []
    parcels = {
        key: (code, county)
        for key, code, county in session.execute(
            sa.select(Evidence.id, Parcel.code, Parcel.county_code)
            .join(Parcel, Parcel.id == Evidence.parcel_id)
            .where(Evidence.id.in_([key for _, key in near[:_ALIKE_SHOWN]]))
        )
    }
    return [
        finding("similar_photo", bits=bits, **_named(actor, *parcels[key]))
        for bits, key in near[:_ALIKE_SHOWN]
    ]


def _named(actor: Actor, code: str, county_code: str) -> dict[str, str]:
    """Another county's parcel is not named to who may not see it."""
    if actor.sees_region(county_code):
        return {"parcel": f"地块 {code} ", "parcel_en": f"parcel {code}"}
    return {"parcel": "其他县区一块地", "parcel_en": "a parcel of another county"}


def _earlier_levels(session: Session, parcel_id: int) -> dict[date, float]:
    logs = session.scalars(
        sa.select(Evidence.data)
        .where(Evidence.parcel_id == parcel_id, Evidence.kind == "water_log", Evidence.withdrawn_at.is_(None))
        .order_by(Evidence.id)
    )
    return {date.fromisoformat(day): level for data in logs for day, level in data["log"]["levels"]}


# --- reading --------------------------------------------------------------------------------------


def evidence_statement(
    actor: Actor,
    *,
    kind: str | None = None,
    parcel: str | None = None,
    outcome: str | None = None,
    withdrawn: bool = False,
) -> sa.Select[Any]:
    """Evidence of the actor's region as (Evidence, Parcel, EvidenceObject), newest first."""
    statement: Any = (
        sa.select(Evidence, Parcel, EvidenceObject)
        .join(Parcel, Parcel.id == Evidence.parcel_id)
        .join(EvidenceObject, EvidenceObject.sha256 == Evidence.sha256)
        .where(in_scope(Parcel.county_code, actor))
    )
    if kind:
        statement = statement.where(Evidence.kind == kind)
    if outcome:
        statement = statement.where(Evidence.outcome == outcome)
    if parcel:
        statement = statement.where(Parcel.code == parcel)
    if not withdrawn:
        statement = statement.where(Evidence.withdrawn_at.is_(None))
    ordered: sa.Select[Any] = statement.order_by(Evidence.id.desc())
    return ordered


def get_evidence(session: Session, actor: Actor, number: int) -> tuple[Evidence, Parcel, EvidenceObject]:
    """One piece; ``NotFound`` also outside the actor's region."""
    found = session.execute(
        evidence_statement(actor, withdrawn=True).where(Evidence.id == number)
    ).one_or_none()
    if found is None:
        raise NotFound(what="证据", key=number)
    return found[0], found[1], found[2]


def count_of(session: Session, parcel_ids: Iterable[int]) -> dict[int, int]:
    """How many standing pieces of evidence each parcel has."""
    rows = session.execute(
        sa.select(Evidence.parcel_id, sa.func.count())
        .where(Evidence.parcel_id.in_(list(parcel_ids)), Evidence.withdrawn_at.is_(None))
        .group_by(Evidence.parcel_id)
    )
    return dict(rows.all())


def file_of(store: EvidenceStore, actor: Actor, found: Evidence) -> bytes:
    """The file itself, proven whole. A certificate needs ``evidence.unmask``. Errors: ``NotAllowed``,
    ``EvidenceDamaged``."""
    if found.kind == "tenure":
        actor.demand("evidence.unmask")
    return store.read(found.sha256)


def thumbnail_of(store: EvidenceStore, found: Evidence, *, scratch: Path) -> bytes:
    """The small picture; made again from the file where it was lost. Errors: ``NotFound``,
    ``EvidenceDamaged``."""
    name = thumbnail_name(found.sha256, found.kind)
    try:
        return store.thumbnail_path(name).read_bytes()
    except FileNotFoundError:
        source = scratch / "object"
        source.write_bytes(store.read(found.sha256))
    if not evidence_reading.media_type_of(source).startswith("image/"):
        raise NotFound(what="缩略图", key=found.id)
    masked = found.kind == "tenure"
    photo = read_photo(source, scratch=scratch, megapixels=limits().image_megapixels, masked=masked)
    store.put_thumbnail(name, photo.thumbnail)
    return photo.thumbnail


def note_reading(session: Session, actor: Actor, found: Evidence, what: str, *, now: datetime) -> None:
    """Who fetched which file or unmasked which certificate."""
    _audit(session, actor, f"evidence.{what}", found, now, {"kind": found.kind, "sha256": found.sha256})


def certificate_of(actor: Actor, found: Evidence, *, secret: str) -> dict[str, str]:
    """The full fields of a certificate. Errors: ``NotAllowed``, ``NotFound``, ``SealedAway``."""
    actor.demand("evidence.unmask")
    if found.sealed is None:
        raise NotFound(what="权属证书", key=found.id)
    key = tenure.key_of(secret)
    return tenure.unseal(found.sealed, found.sealed_with, key, belongs_to=f"{found.parcel_id}:{found.sha256}")


def download_name(found: Evidence, media_type: str) -> str:
    """A name of our own making: the sender's is only shown."""
    return f"evidence-{found.id}{SUFFIXES.get(media_type, '.bin')}"


def withdraw(session: Session, actor: Actor, number: int, *, reason: str, now: datetime) -> Evidence:
    """Take a piece back; it stays on file with who did so and why. Errors: ``NotFound``,
    ``AlreadyWithdrawn``."""
    get_evidence(session, actor, number)
    found = session.execute(
        sa.select(Evidence).where(Evidence.id == number).with_for_update().execution_options(
            populate_existing=True
        )
    ).scalar_one()  # fmt: skip
    if found.withdrawn_at is not None:
        at = found.withdrawn_at.isoformat(timespec="minutes")
        raise AlreadyWithdrawn(number=number, by=found.withdrawn_by, at=at)
    found.withdrawn_by, found.withdrawn_at, found.withdrawn_reason = actor.name, now, reason
    _audit(session, actor, "evidence.withdraw", found, now, {"reason": reason})
    return found


def _audit(
    session: Session, actor: Actor, action: str, found: Evidence, now: datetime, detail: dict[str, Any]
) -> None:
    audit(session, actor, action, object_kind="evidence", object_id=found.id, now=now, detail=detail)
