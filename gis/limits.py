"""How much one uploaded file may cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Limits:
    """Ceilings for one file: before unpacking, while unpacking, in the child process, and in its result."""

    upload_bytes: int = 128 << 20
    unpacked_bytes: int = 512 << 20
    entries: int = 64
    gdb_entries: int = 1024
    ratio: int = 100
    ratio_free_bytes: int = 8 << 20
    rows: int = 200_000
    vertices: int = 5_000_000
    vertices_per_row: int = 200_000
    nesting: int = 4
    memory_bytes: int = 2 << 30
    cpu_seconds: int = 20
    file_bytes: int = 256 << 20
    wall_seconds: float = 60.0


DEFAULT: Final = Limits()
# A whole county or country, tried by somebody at the machine itself.
AT_THE_MACHINE: Final = Limits(
    upload_bytes=4 << 30,
    unpacked_bytes=8 << 30,
    ratio=1000,
    rows=2_000_000,
    vertices=100_000_000,
    vertices_per_row=2_000_000,
    memory_bytes=12 << 30,
    cpu_seconds=600,
    file_bytes=8 << 30,
    wall_seconds=900.0,
)
