"""What the checks of an import work on: one row, and the registered parcels near the layer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from carbon_platform.parcels.findings import APPROVAL, outcome_of
from carbon_platform.parcels.numbering import Identity
from carbon_platform.parcels.rules import Finding

OUTCOMES: Final = ("accepted", "repaired", "warned", "refused", "same")
# What a row does to the register: land that is new to it, another border or other attributes under the same
# number, the very same, or land that takes the place of other parcels.
CHANGES: Final = ("new", "changed", "same", "split", "merged", "replaced", "ended", "restored")


@dataclass(frozen=True)
class Registered:
    """Parcels of the register near a layer; lists of equal length, ended parcels without a shape.

    ``geoms`` in degrees; ``fields``: by code, what the register says of parcels whose number the layer has
    (kind, right_holder, stated_area_m2, attributes).
    """

    ids: list[int] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    geoms: Any = field(default_factory=lambda: np.empty(0, dtype=object))
    kinds: list[str] = field(default_factory=list)
    counties: list[str] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)

    def only(self, keep: Any) -> Registered:
        """Those at the positions ``keep`` (a list of integers)."""
        return Registered(
            ids=[self.ids[i] for i in keep],
            codes=[self.codes[i] for i in keep],
            geoms=self.geoms[list(keep)],
            kinds=[self.kinds[i] for i in keep],
            counties=[self.counties[i] for i in keep],
            versions=[self.versions[i] for i in keep],
            fields=self.fields,
        )

    def kind(self, position: int) -> str:
        return self.kinds[position] if self.kinds else ""

    def county(self, position: int) -> str:
        return self.counties[position] if self.counties else ""


@dataclass
class Row:
    """One row on its way through the checks. ``number`` as in the file, first record = 1.

    ``change`` is one of :data:`CHANGES`; ``diff`` says of a change which parcels it touches (``targets``: id,
    code, version), which other rows it needs (``needs``) and which fields differ (``fields``).
    """

    number: int
    attributes: dict[str, Any]
    county: str
    area_m2: float
    kind: str | None = None
    identity: Identity | None = None
    stated_m2: float | None = None
    findings: list[Finding] = field(default_factory=list)
    replaces: tuple[str, ...] = ()
    change: str = "new"
    diff: dict[str, Any] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        return outcome_of(self.findings) if self.findings else "accepted"

    @property
    def said(self) -> dict[str, Any]:
        """What the row says of the parcel, by field; a field it has no cell for is not in it."""
        return {**self.attributes, "kind": self.kind, "stated_area_m2": self.stated_m2}

    @property
    def open(self) -> bool:
        """Whether the row may still get into the register."""
        return not self.findings or self.outcome not in ("refused", "same")

    @property
    def needs_approval(self) -> bool:
        """Whether a second person has to say yes."""
        return bool(self.findings) and self.open and any(entry["code"] in APPROVAL for entry in self.findings)
