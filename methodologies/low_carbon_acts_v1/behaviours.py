"""The catalogue of acts (行为目录), read from ``behaviours.toml``."""

from __future__ import annotations

import tomllib
from pathlib import Path

from methodologies.declaration import Behaviour
from methodologies.errors import InvalidDeclaration
from methodologies.parameters import ParameterSet


def load_behaviours(path: Path, parameters: ParameterSet) -> tuple[Behaviour, ...]:
    """Every act of the catalogue, in its order; :class:`InvalidDeclaration` for a code used twice, an unknown
    parameter, or a key :class:`Behaviour` does not have."""
    with path.open("rb") as file:
        tables = tomllib.load(file)["behaviour"]
    behaviours: list[Behaviour] = []
    for table in tables:
        where = f"behaviour {table.get('code', '?')}"
        try:
            behaviour = Behaviour(**table)
        except TypeError as error:
            raise InvalidDeclaration(where, str(error)) from error
        names = [name for name in (behaviour.p_parameter, behaviour.c_parameter) if name]
        if any(name not in parameters for name in names) or behaviour.code in [b.code for b in behaviours]:
            raise InvalidDeclaration(where, f"the code is used twice, or a parameter of {names} is unknown")
        behaviours.append(behaviour)
    return tuple(behaviours)
