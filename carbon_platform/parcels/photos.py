"""A photo as its camera wrote it: read in a child process, because pictures from outside are not trusted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

from carbon_platform.parcels.evidence_rules import PictureRefused

_CHILD: Final = Path(__file__).with_name("photo_child.py")
CHINA: Final = timezone(timedelta(hours=8))
MEMORY_BYTES: Final = 1 << 30
CPU_SECONDS: Final = 20
WALL_SECONDS: Final = 40.0
FILE_BYTES: Final = 4 << 20
MEDIA_TYPES: Final = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


@dataclass(frozen=True)
class Photo:
    """``taken_at``: the camera's clock (``clock_assumed``: it named no zone, so Beijing time); ``gps_at``:
    the satellites' time; ``lon``/``lat``: degrees as written; ``picture_hash``: 32 hexadecimal digits, None
    for a picture without structure; ``thumbnail``: JPEG without any of this."""

    media_type: str
    width: int
    height: int
    taken_at: datetime | None
    clock_assumed: bool
    gps_at: datetime | None
    lon: float | None
    lat: float | None
    error_m: float | None
    camera: str
    software: str
    picture_hash: str | None
    thumbnail: bytes


def read_photo(path: Path, *, scratch: Path, megapixels: float, masked: bool = False) -> Photo:
    """Open a JPEG, PNG or WebP in the child, working in the private folder ``scratch``.

    ``masked``: the small picture shows nobody and no word. Errors: ``PictureRefused``.
    """
    found = _asked(path, scratch, round(megapixels * 1e6), masked)
    if error := found.get("error"):
        if error == "pixels":
            size = f"{found['width']} × {found['height']}"
            raise PictureRefused(
                reason=f"图有 {size} 像素，上限 {megapixels:g} 百万",
                reason_en=f"{size} pixels, over {megapixels:g} M",
            )
        if error in ("memory", "time"):
            zh, en = (
                "打开它超出了时间或内存的限制，请缩小后再传",
                "opening it takes too much time or memory: shrink it",
            )
            raise PictureRefused(reason=zh, reason_en=en)
        raise PictureRefused(reason="读不出图像", reason_en="it cannot be read as a picture")
    taken = _moment(found.get("taken"))
    zone = _zone(found.get("offset"))
    return Photo(
        media_type=MEDIA_TYPES[found["format"]],
        width=found["width"],
        height=found["height"],
        taken_at=taken.replace(tzinfo=zone or CHINA).astimezone(UTC) if taken else None,
        clock_assumed=taken is not None and zone is None,
        gps_at=_satellites(found),
        lon=found.get("lon"),
        lat=found.get("lat"),
        error_m=found.get("error_m"),
        camera=f"{found.get('make', '')} {found.get('model', '')}".strip(),
        software=found.get("software", ""),
        picture_hash=found["hash"],
        thumbnail=(scratch / "thumbnail.jpg").read_bytes(),
    )


def _asked(path: Path, scratch: Path, pixels: int, masked: bool) -> dict[str, Any]:
    request = {
        "path": str(path.resolve()),
        "pixels": pixels,
        "masked": masked,
        "memory_bytes": MEMORY_BYTES,
        "cpu_seconds": CPU_SECONDS,
        "file_bytes": FILE_BYTES,
    }
    reply = scratch / "reply.json"
    reply.unlink(missing_ok=True)
    try:
        subprocess.run(  # noqa: S603 — our own interpreter on our own file; the request is data on stdin
            [sys.executable, "-I", "-B", os.fspath(_CHILD)],
            input=json.dumps(request).encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=scratch,
            env={"LANG": "C.UTF-8", "HOME": str(scratch)},
            timeout=WALL_SECONDS,
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        return {"error": "time"}
    if not reply.is_file():  # killed by its limits
        return {"error": "memory"}
    found: dict[str, Any] = json.loads(reply.read_text(encoding="utf-8"))
    return found


def _moment(text: str | None) -> datetime | None:
    """``2026:05:14 09:30:00`` as cameras write it, without a zone."""
    try:
        return datetime.strptime(text or "", "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 — the zone stands elsewhere
    except ValueError:
        return None


def _zone(text: str | None) -> timezone | None:
    try:
        sign, hours, minutes = (text or "")[:1], (text or "")[1:3], (text or "")[4:6]
        size = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(-size if sign == "-" else size) if sign in ("+", "-") else None
    except ValueError:
        return None


def _satellites(found: dict[str, Any]) -> datetime | None:
    """The time the satellites gave, which nobody sets by hand."""
    day, clock = found.get("gps_day"), found.get("gps_time")
    if not isinstance(day, str) or not clock or len(clock) != 3:
        return None
    start = _moment(f"{day} 00:00:00")
    return start and (start + timedelta(hours=clock[0], minutes=clock[1], seconds=clock[2])).replace(
        tzinfo=UTC
    )
