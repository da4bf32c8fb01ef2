"""What a file is and says, before it is kept: by its first bytes, never by its name. No database here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import shapely

from carbon_platform.parcels import evidence_rules, tenure, water_logs
from carbon_platform.parcels.evidence_rules import CHINA, EvidenceRefused, Limits
from carbon_platform.parcels.evidence_words import Finding
from carbon_platform.parcels.photos import MEDIA_TYPES, Photo, read_photo
from carbon_platform.parcels.water_logs import WaterLog

_PICTURES: Final = tuple(MEDIA_TYPES.values())
_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PDF: Final = "application/pdf"
TAKEN: Final[dict[str, tuple[str, ...]]] = {
    "photo": _PICTURES,
    "document": (PDF, *_PICTURES),
    "tenure": (PDF, *_PICTURES),
    "water_log": ("text/csv", _XLSX),
}
SUFFIXES: Final = {
    "image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", PDF: ".pdf", "text/csv": ".csv",
    _XLSX: ".xlsx",
}  # fmt: skip
_WORDS: Final = {
    "photo": ("照片收 JPEG、PNG、WebP", "a photo is JPEG, PNG or WebP"),
    "document": ("文件收 PDF、JPEG、PNG、WebP", "a document is PDF, JPEG, PNG or WebP"),
    "tenure": ("权属证书收 PDF、JPEG、PNG、WebP", "a certificate is PDF, JPEG, PNG or WebP"),
    "water_log": ("水位记录收 CSV 和 XLSX", "a water-level log is CSV or XLSX"),
}


@dataclass(frozen=True)
class Land:
    """What the checks need of a parcel. ``labels``: what a log may call it."""

    parcel_id: int
    code: str
    kind: str
    shape: shapely.Geometry
    right_holder: str
    labels: frozenset[str]


@dataclass(frozen=True)
class Claim:
    """What the sender says: the kind of evidence, the days it shows, the fields of a certificate."""

    kind: str
    shows: tuple[date, date] | None = None
    note: str = ""
    certificate: Mapping[str, str] = field(default_factory=dict)
    valid_to: date | None = None


@dataclass(frozen=True)
class Read:
    """A file that was read and checked by itself, not yet kept."""

    media_type: str
    findings: list[Finding]
    data: dict[str, Any]
    taken_at: datetime | None = None
    lon: float | None = None
    lat: float | None = None
    distance_m: float | None = None
    picture_hash: str | None = None
    thumbnail: bytes | None = None
    log: WaterLog | None = None


def read(path: Path, land: Land, claim: Claim, *, scratch: Path, limits: Limits, now: datetime) -> Read:
    """Read a file as what its sender says it is. Errors: ``EvidenceRefused``, ``PictureRefused``."""
    media_type = media_type_of(path)
    if media_type not in TAKEN[claim.kind]:
        zh, en = _WORDS[claim.kind]
        if media_type == "image/heic":
            zh += "；这是 HEIC，请在手机相机设置里选“兼容性最佳”再拍，或转成 JPEG"
            en += "; this is HEIC: set the camera to 'most compatible', or turn it into JPEG"
        raise EvidenceRefused(reason=zh, reason_en=en)
    if claim.kind == "water_log":
        return _log(path, media_type, land, now)
    if media_type == PDF:
        return Read(PDF, _of_certificate(land, claim, now), _certificate(claim))
    masked = claim.kind == "tenure"
    photo = read_photo(path, scratch=scratch, megapixels=limits.image_megapixels, masked=masked)
    if claim.kind == "photo":
        return _photo(photo, land, claim, limits, now)
    # Where and when a paper was photographed says nothing of the land, and the place may be a home.
    return Read(
        photo.media_type, _of_certificate(land, claim, now), _certificate(claim), thumbnail=photo.thumbnail
    )


def media_type_of(path: Path) -> str:
    """By the first bytes: one of ``SUFFIXES``, ``image/heic``, or empty for anything else."""
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"hevc"):
        return "image/heic"
    if head.startswith(b"%PDF-"):
        return PDF
    if head.startswith(b"PK\x03\x04"):
        return _XLSX
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "text/csv"  # UTF-16, as some spreadsheets save text
    return "text/csv" if head and not set(head) & {*range(9), 127} else ""


def _photo(photo: Photo, land: Land, claim: Claim, limits: Limits, now: datetime) -> Read:
    place = evidence_rules.place_findings(photo.lon, photo.lat, land.shape, limits.photo_distance_m)
    time = evidence_rules.time_findings(
        photo.taken_at, photo.gps_at, kind=land.kind, shows=claim.shows, now=now, seasons=limits.seasons
    )
    far = None
    if photo.lon is not None and photo.lat is not None:
        far = round(evidence_rules.distance_m(photo.lon, photo.lat, land.shape), 1)
    return Read(
        photo.media_type,
        [*place, *time, *evidence_rules.edit_findings(photo.software)],
        {
            "width": photo.width,
            "height": photo.height,
            "camera": photo.camera,
            "software": photo.software,
            "clock_assumed": photo.clock_assumed,
            "gps_at": photo.gps_at.isoformat() if photo.gps_at else None,
            "error_m": photo.error_m,
        },
        taken_at=photo.taken_at or photo.gps_at,
        lon=photo.lon,
        lat=photo.lat,
        distance_m=far,
        picture_hash=photo.picture_hash,
        thumbnail=photo.thumbnail,
    )


def _log(path: Path, media_type: str, land: Land, now: datetime) -> Read:
    named = path.with_name("log" + SUFFIXES[media_type])
    if named != path:
        named.unlink(missing_ok=True)
        named.hardlink_to(path)
    log = water_logs.read_log(named, labels=land.labels, today=now.astimezone(CHINA).date())
    return Read(media_type, [], {"log": log.summary()}, log=log)


def _certificate(claim: Claim) -> dict[str, Any]:
    """What the tables hold of a certificate: masked."""
    if claim.kind != "tenure":
        return {}
    valid_to = claim.valid_to.isoformat() if claim.valid_to else None
    return {"certificate": tenure.masked(claim.certificate) | {"valid_to": valid_to}}


def _of_certificate(land: Land, claim: Claim, now: datetime) -> list[Finding]:
    if claim.kind != "tenure":
        return []
    today = now.astimezone(UTC).astimezone(CHINA).date()
    return tenure.tenure_findings(
        claim.certificate, registered=land.right_holder, valid_to=claim.valid_to, today=today
    )
