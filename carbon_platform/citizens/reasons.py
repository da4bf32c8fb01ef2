"""Why an act, or part of it, was not counted: the words a citizen reads and may contest."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """Why an act, or part of it, was not counted."""

    code: str
    zh: str
    en: str
