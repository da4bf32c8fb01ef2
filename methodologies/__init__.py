"""Methodologies (方法学): everything that turns activity into carbon, as declared, versioned, pure
computations.

``registry()`` hands them over by key; nobody imports a named one. Built-in ones stand in ``ALL``; installed
packages add theirs through the entry-point group ``carbon_platform.methodologies``.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from methodologies import (
    camellia_oil_v1,
    ccer_afforestation_v1,
    low_carbon_acts_v1,
    ratoon_rice_v1,
    tea_garden_v1,
)
from methodologies.declaration import Methodology
from methodologies.errors import DuplicateMethodology, PlugInFailed

ENTRY_POINT_GROUP = "carbon_platform.methodologies"

ALL: tuple[Methodology, ...] = (
    camellia_oil_v1.METHODOLOGY,
    ratoon_rice_v1.METHODOLOGY,
    low_carbon_acts_v1.METHODOLOGY,
    tea_garden_v1.METHODOLOGY,
    ccer_afforestation_v1.METHODOLOGY,
)


@cache
def registry() -> dict[str, Methodology]:
    """Every methodology by key, e.g. ``camellia_oil_v1``.

    A plug-in that fails to load raises :class:`PlugInFailed`, a key used twice
    :class:`DuplicateMethodology`: both must stop the start. Run ``conformance.check_all`` on each value at
    start-up.
    """
    found: dict[str, Methodology] = {}
    for methodology in ALL:
        _register(found, methodology, "built in")
    for entry in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name):
        try:
            plug_in = entry.load()
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise PlugInFailed(name=entry.name, value=entry.value, reason=reason) from error
        if not isinstance(plug_in, Methodology):
            reason = f"it is a {type(plug_in).__name__}, not a Methodology"
            raise PlugInFailed(name=entry.name, value=entry.value, reason=reason)
        _register(found, plug_in, entry.value)
    return found


def _register(found: dict[str, Methodology], methodology: Methodology, origin: str) -> None:
    if methodology.key in found:
        raise DuplicateMethodology(key=methodology.key, second=origin)
    found[methodology.key] = methodology
