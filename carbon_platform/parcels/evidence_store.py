"""Files by content: ``<root>/objects/ab/cd/<sha256>``.

An object is there whole or not at all: it is written beside, flushed to the disk, then renamed. A writer
holds a lock on the file it is writing, so that what a killed process left behind is known by its open lock
and goes at the next write. The same content written twice is one object.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final
from uuid import uuid4

from carbon_platform.errors import PlatformError

_CHUNK: Final = 1 << 20
_NAME: Final = re.compile(r"[0-9a-f]{64}")


class EvidenceDamaged(PlatformError):
    code, status = "evidence.damaged", 409
    zh = "证据文件与登记的内容不符（{state}），没有提供。请联系管理员从备份恢复 {sha256}。"
    en = "The file differs from what was handed in ({state}) and is withheld. Restore {sha256} from a backup."


class FileTooLarge(PlatformError):
    code, status = "evidence.too_large", 413
    zh = "文件超过 {limit_mb} MB。请压缩或分开上传。"
    en = "The file is larger than {limit_mb} MB. Make it smaller or upload it in parts."


@dataclass(frozen=True)
class Stored:
    sha256: str
    size_bytes: int


class EvidenceStore:
    """One folder of objects, one of what is being written, one of thumbnails (made again when lost)."""

    def __init__(self, root: Path) -> None:
        self.objects, self.incoming, self.thumbnails = (
            root / "objects",
            root / "incoming",
            root / "thumbnails",
        )

    def put(self, source: BinaryIO, *, limit_bytes: int) -> Stored:
        """Take a file in. What is there under its name already is replaced by the same content.

        Errors: ``FileTooLarge``; then, as after a power cut, nothing of it remains.
        """
        self.sweep()
        digest, size = hashlib.sha256(), 0
        with self._being_written() as (path, target):
            while chunk := source.read(_CHUNK):
                size += len(chunk)
                if size > limit_bytes:
                    raise FileTooLarge(limit_mb=limit_bytes >> 20)
                digest.update(chunk)
                target.write(chunk)
            name = digest.hexdigest()
            _keep(path, target, self.path_of(name))
        return Stored(name, size)

    def put_thumbnail(self, name: str, content: bytes) -> None:
        """Keep a small picture under ``name`` (a digest and what kind of picture)."""
        with self._being_written() as (path, target):
            target.write(content)
            _keep(path, target, self.thumbnail_path(name))

    def path_of(self, sha256: str) -> Path:
        assert _NAME.fullmatch(sha256), "a name comes from our own tables"
        return self.objects / sha256[:2] / sha256[2:4] / sha256

    def thumbnail_path(self, name: str) -> Path:
        assert _NAME.match(name) and "/" not in name, "a name comes from our own tables"
        return self.thumbnails / name[:2] / name

    def state(self, sha256: str) -> str:
        """``ok``, ``missing`` or ``altered``: the whole file is read."""
        try:
            with self.path_of(sha256).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            return "missing"
        return "ok" if found == sha256 else "altered"

    def read(self, sha256: str) -> bytes:
        """The content, proven to be what was handed in. Errors: ``EvidenceDamaged``."""
        try:
            content = self.path_of(sha256).read_bytes()
        except FileNotFoundError:
            raise EvidenceDamaged(state="missing", sha256=sha256) from None
        if hashlib.sha256(content).hexdigest() != sha256:
            raise EvidenceDamaged(state="altered", sha256=sha256)
        return content

    def names(self) -> Iterator[str]:
        """Every object on the disk."""
        for path in self.objects.glob("??/??/*"):
            if _NAME.fullmatch(path.name):
                yield path.name

    def sweep(self) -> int:
        """Remove what writers that no longer live left behind; returns how many files."""
        removed = 0
        for path in self.incoming.glob("*"):
            try:
                file = path.open("rb")
            except FileNotFoundError:  # its writer has just finished
                continue
            with file:
                if _locked(file):
                    path.unlink(missing_ok=True)
                    removed += 1
        return removed

    @contextmanager
    def _being_written(self) -> Iterator[tuple[Path, BinaryIO]]:
        """A new file under a lock; whatever happens, its first name is gone afterwards."""
        self.incoming.mkdir(parents=True, exist_ok=True, mode=0o750)
        while True:
            path = self.incoming / uuid4().hex
            with path.open("xb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                # Between making and locking it, a sweep may have taken it for a dead one.
                if path.exists():
                    try:
                        yield path, file
                    finally:
                        path.unlink(missing_ok=True)
                    return


def _keep(path: Path, file: BinaryIO, target: Path) -> None:
    """Flush a file and give it its name; the names of its folders are flushed, too."""
    file.flush()
    os.fchmod(file.fileno(), 0o440)
    os.fsync(file.fileno())
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    path.replace(target)
    for folder in (target.parent, *target.parent.parents[:2]):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _locked(file: BinaryIO) -> bool:
    """Whether the lock could be had: then nobody is writing the file any more."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
