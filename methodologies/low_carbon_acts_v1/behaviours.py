"""The catalogue of acts (行为目录), read from ``behaviours.toml`` and checked against the parameters."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from methodologies.declaration import Behaviour
from methodologies.errors import InvalidDeclaration
from methodologies.formula import names_in, parse
from methodologies.parameters import ParameterSet

# The step a creditable grade may build on.
P_FACTOR = "p_factor_g"
_LISTS = ("needs", "excludes")


def load_behaviours(path: Path, parameters: ParameterSet) -> tuple[Behaviour, ...]:
    """Every act of the catalogue, in its order.

    :class:`InvalidDeclaration` for a code used twice, a key :class:`Behaviour` does not have, an unknown
    parameter, a figure that is neither given nor declared as pending, a creditable local extra, and
    factors of two boundaries in one act.
    """
    with path.open("rb") as file:
        tables = tomllib.load(file)
    boundaries = _boundaries(tables.get("boundary", {}), parameters)
    behaviours: dict[str, Behaviour] = {}
    for table in tables["behaviour"]:
        where = f"behaviour {table.get('code', '?')}"
        lists = {name: tuple(table[name]) for name in _LISTS if name in table}
        try:
            behaviour = Behaviour(**(table | lists))
        except TypeError as error:
            raise InvalidDeclaration(where, str(error)) from error
        if behaviour.code in behaviours:
            raise InvalidDeclaration(where, "the code is used twice")
        _check(where, behaviour, parameters, boundaries)
        behaviours[behaviour.code] = behaviour
    for behaviour in behaviours.values():
        strange = set(behaviour.excludes) - set(behaviours)
        if strange:
            raise InvalidDeclaration(
                f"behaviour {behaviour.code}", f"excludes unknown acts {sorted(strange)}"
            )
    return tuple(behaviours.values())


def _boundaries(table: Mapping[str, Sequence[str]], parameters: ParameterSet) -> dict[str, str]:
    """Boundary of each factor that has one; a name under two boundaries is a contradiction."""
    found: dict[str, str] = {}
    for boundary, names in table.items():
        for name in names:
            if name not in parameters or name in found:
                raise InvalidDeclaration(f"boundary {boundary}", f"{name} is unknown or stands twice")
            found[name] = boundary
    return found


def _check(where: str, behaviour: Behaviour, parameters: ParameterSet, boundaries: Mapping[str, str]) -> None:
    if behaviour.pending != bool(behaviour.pending_zh and behaviour.pending_en):
        raise InvalidDeclaration(
            where, "give either p_formula or why there is no figure yet (pending_zh/_en)"
        )
    if behaviour.pending and behaviour.creditable:
        raise InvalidDeclaration(where, "an act without a points grade cannot be creditable")
    if behaviour.local_extra and behaviour.creditable:
        raise InvalidDeclaration(where, "the project behind a local extra claims the tonnes: no c_formula")
    terms = [name for name in terms_of(behaviour) if name != P_FACTOR]
    unknown = [name for name in terms if name not in parameters]
    if unknown or P_FACTOR in names_in(behaviour.p_formula):
        raise InvalidDeclaration(where, f"unknown parameters {unknown}, or p_formula uses {P_FACTOR}")
    mixed = {boundaries[name] for name in terms if name in boundaries}
    if len(mixed) > 1:
        raise InvalidDeclaration(where, f"factors of different boundaries are mixed: {sorted(mixed)}")
    for template in filter(None, (behaviour.p_formula, behaviour.c_formula)):
        parse(template)


def terms_of(behaviour: Behaviour) -> tuple[str, ...]:
    """Every term of both grades, each once."""
    return tuple(dict.fromkeys([*names_in(behaviour.p_formula), *names_in(behaviour.c_formula)]))


def by_catalogue_code(behaviours: Sequence[Behaviour]) -> dict[str, list[Behaviour]]:
    """The acts under each code of the catalogue: ``YO25`` holds its materials, ``XI14`` both ways to know
    a ride; local extras stand under their own codes."""
    found: dict[str, list[Behaviour]] = {}
    for behaviour in behaviours:
        found.setdefault(behaviour.code[:4], []).append(behaviour)
    return found
