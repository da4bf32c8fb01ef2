"""Nothing is issued on land that burned or was cut, until two people have settled it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import shapely
import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.credits.land_change_rules import LandDisturbed, affected
from carbon_platform.credits.land_change_tables import LandFlag
from carbon_platform.parcels.tables import Parcel

_SHOWN = 20


def check_undisturbed(session: Session, parcels: Sequence[Parcel], *, end: date) -> None:
    """Nothing is issued on land that burned or was cut before ``end`` (exclusive) and is not settled.

    Held against the land itself, so that dividing, joining or registering anew changes nothing. Errors:
    ``LandDisturbed``.
    """
    if not parcels:
        return
    west, south = (min(getattr(parcel, name) for parcel in parcels) for name in ("min_lon", "min_lat"))
    east, north = (max(getattr(parcel, name) for parcel in parcels) for name in ("max_lon", "max_lat"))
    flags = list(
        session.scalars(
            sa.select(LandFlag)
            .where(
                LandFlag.status.in_(("open", "confirmed")),
                LandFlag.happened_on < end,
                LandFlag.min_lon <= east,
                LandFlag.max_lon >= west,
                LandFlag.min_lat <= north,
                LandFlag.max_lat >= south,
            )
            .order_by(LandFlag.number)
        )
    )
    shapes = shapely.from_wkb(np.array([flag.geometry for flag in flags], dtype=object))
    met = affected(shapely.from_wkb([parcel.geometry for parcel in parcels]), shapes)
    if not met:
        return
    errors: list[dict[str, Any]] = []
    for one in met[:_SHOWN]:
        parcel, flag = parcels[one.parcel], flags[one.largest]
        errors.append(
            {"row": parcel.code, "field": "land", "value": flag.number,
             "zh": f"地块 {parcel.code}：{flag.number} 还没有了结（{flag.happened_on}）。",
             "en": f"Parcel {parcel.code}: {flag.number} of {flag.happened_on} is not settled."}
        )  # fmt: skip
    numbers = dict.fromkeys(flags[one.largest].number for one in met)
    raise LandDisturbed(count=len(met), flags=", ".join([*numbers][:5]), errors=errors)
