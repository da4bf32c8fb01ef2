"""What stands behind one carbon figure, as plain values any room can build and any page can print.

The order of the fields is the order on the page: sentence → equations with the numbers put in → each
term → inputs and digests → approvals → what blocks issuing and who may unblock it → the figures below
this one. Building one is the job of the room that owns the figure; nothing here reads a database.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

Number = int | float


@dataclass(frozen=True)
class Link:
    """Another figure that can be opened: ``/explain/{kind}/{ref}``. ``value`` in ``unit``."""

    kind: str  # run, run-row, batch, retirement, act, parcel, methodology
    ref: str
    label_zh: str
    label_en: str
    value: Number | str | None = None
    unit: str = ""


@dataclass(frozen=True)
class Term:
    """One symbol of an equation.

    ``status`` is the evidence status of a parameter (verified, secondary, unverified, illustrative,
    local-decision), ``measured`` for a reading or the register's area, ``computed`` for another step's
    result. ``valid_from`` is an ISO date, empty for what is not a dated parameter.
    """

    symbol: str
    name_zh: str
    name_en: str
    value: Number | str | bool | None
    unit: str
    source: str = ""
    page: str = ""
    status: str = ""
    valid_from: str = ""
    link: Link | None = None


@dataclass(frozen=True)
class Equation:
    """One step: ``symbolic`` as published, ``numeric`` with this case's numbers, and what it gives."""

    symbol: str
    name_zh: str
    name_en: str
    symbolic: str
    numeric: str
    value: Number | str | bool | None
    unit: str
    terms: tuple[Term, ...] = ()
    source: str = ""


@dataclass(frozen=True)
class Figure:
    """The number being explained. ``status`` is one of the state words of the pages: estimate, verified,
    approved, issued, retired, returned, recorded."""

    value: Number | str
    unit: str
    status: str


@dataclass(frozen=True)
class Approval:
    """Who decided what, and when (ISO 8601, UTC)."""

    role: str
    who: str
    at: str
    decision: str
    note: str = ""


@dataclass(frozen=True)
class Blocker:
    """One reason why nothing can be issued yet. ``who`` is the role that can remove it."""

    code: str
    zh: str
    en: str
    who: str


@dataclass(frozen=True)
class Explanation:
    """A figure opened down to its sources. ``equations[0]`` is the one that gives ``figure``.

    ``digests`` and ``inputs`` are name → value; ``replay_zh``/``replay_en`` say how to compute it again.
    """

    kind: str
    ref: str
    title_zh: str
    title_en: str
    figure: Figure
    sentence_zh: str
    sentence_en: str
    equations: tuple[Equation, ...] = ()
    inputs: tuple[Term, ...] = ()
    digests: tuple[tuple[str, str], ...] = ()
    replay_zh: str = ""
    replay_en: str = ""
    approvals: tuple[Approval, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    children: tuple[Link, ...] = ()
    is_demo: bool = False

    @property
    def terms(self) -> tuple[Term, ...]:
        """Every term of every equation, each symbol and value once, in order of appearance."""
        return tuple(dict.fromkeys(term for equation in self.equations for term in equation.terms))

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; digests as an object."""
        plain = asdict(self)
        return plain | {"terms": [asdict(term) for term in self.terms], "digests": dict(self.digests)}
