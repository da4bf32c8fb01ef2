"""Photos and signed papers handed in at the village office: read, known again, kept by content, forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.identity.rules import Actor
from carbon_platform.parcels.evidence_rules import PictureRefused, alike
from carbon_platform.parcels.evidence_rules import limits as evidence_limits
from carbon_platform.parcels.evidence_store import EvidenceStore
from carbon_platform.parcels.photos import Photo, read_photo
from carbon_platform.proxies import catalogue
from carbon_platform.proxies.errors import PaperRefused
from carbon_platform.proxies.tables import PaperAccount, Proxy, VillageBatch, VillagePhoto, VillageRow


@dataclass(frozen=True)
class Kept:
    """A picture that was read and stored, on its way into the tables."""

    name: str
    sha256: str
    size_bytes: int
    photo: Photo


def photo_store(var: Path) -> EvidenceStore:
    """Photos of batches."""
    return EvidenceStore(var / "village" / "photos")


def paper_store(var: Path) -> EvidenceStore:
    """Signed papers: apart, because they hold names and signatures."""
    return EvidenceStore(var / "village" / "papers")


def keep(store: EvidenceStore, path: Path, *, name: str, scratch: Path) -> Kept:
    """Read a picture in its sandbox and store it. Outside any transaction.

    Errors: ``PaperRefused``, ``FileTooLarge``.
    """
    bounds = evidence_limits()
    limit = catalogue.batch_rule().file_mb << 20
    try:
        photo = read_photo(path, scratch=scratch, megapixels=bounds.image_megapixels)
    except PictureRefused as error:
        raise PaperRefused(
            reason=f"{name}：{error.message('zh')}", reason_en=f"{name}: {error.message('en')}"
        ) from error
    with path.open("rb") as file:
        stored = store.put(file, limit_bytes=limit)
    return Kept(name, stored.sha256, stored.size_bytes, photo)


def seen_before(session: Session, pictures: Mapping[str, Kept]) -> set[str]:
    """Names of the pictures that were handed in with an earlier batch, or that look the same as one."""
    if not pictures:
        return set()
    rows = session.execute(sa.select(VillagePhoto.sha256, VillagePhoto.picture_hash)).all()
    files, hashes = {sha256 for sha256, _ in rows}, [known for _, known in rows if known]
    bits = evidence_limits().photo_duplicate_bits

    def seen(kept: Kept) -> bool:
        own = kept.photo.picture_hash
        return kept.sha256 in files or (own is not None and bool(alike(own, hashes, bits)))

    return {name for name, kept in pictures.items() if seen(kept)}


def enter(session: Session, actor: Actor, kept: Kept, *, now: datetime) -> None:
    """Write a picture into the table, once."""
    if session.get(VillagePhoto, kept.sha256) is None:
        session.add(
            VillagePhoto(
                sha256=kept.sha256,
                media_type=kept.photo.media_type,
                size_bytes=kept.size_bytes,
                picture_hash=kept.photo.picture_hash,
                taken_at=kept.photo.taken_at or kept.photo.gps_at,
                stored_by_id=actor.user_id or 0,
                stored_at=now,
            )
        )
        session.flush()


def forget_old(session: Session, var: Path, *, now: datetime) -> int:
    """Remove pictures nobody needs any more; returns how many files.

    Photos go some days after their batch was closed (their hash stays, so that they are known again), papers
    with the account they were for. What was written within the last day may still be on its way in.
    """
    before = now - timedelta(days=catalogue.batch_rule().photo_days)
    open_photos = set(
        session.scalars(
            sa.select(VillageRow.photo_sha256)
            .join(VillageBatch, VillageBatch.id == VillageRow.batch_id)
            .where(
                VillageRow.photo_sha256.is_not(None),
                sa.or_(VillageBatch.closed_at.is_(None), VillageBatch.closed_at > before),
            )
        )
    )
    papers = set(session.scalars(sa.select(PaperAccount.paper_sha256)))
    papers |= set(session.scalars(sa.select(Proxy.paper_sha256)))
    removed = 0
    for store, needed in ((photo_store(var), open_photos), (paper_store(var), papers)):
        for name in list(store.names()):
            path = store.path_of(name)
            age_s = now.timestamp() - path.stat().st_mtime
            if name not in needed and age_s > 86_400:
                path.unlink(missing_ok=True)
                removed += 1
    return removed
