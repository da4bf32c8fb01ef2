"""Frames of any length: a methodology's own example, repeated, with areas and amounts of their own."""

from __future__ import annotations

import numpy as np
import pandas as pd

from methodologies.contract import Methodology

_SEED = 20261123


def long_frame(methodology: Methodology, rows: int) -> pd.DataFrame:
    """``rows`` valid rows as a loader delivers them: float64, dates as datetime64, words as categories.

    What grows with the subject (area, litres) is varied by the row; the rest is the example's.
    """
    source = methodology.example().frame.reset_index(drop=True)
    place = np.arange(rows) % len(source)
    share = np.random.default_rng(_SEED).uniform(0.7, 1.0, rows)
    columns: dict[str, object] = {}
    for column in methodology.columns:
        if column.name not in source:
            continue
        cells = source[column.name]
        if column.kind == "choice":
            columns[column.name] = pd.Categorical(cells, categories=list(column.choices)).take(place)
        elif column.kind == "date":
            columns[column.name] = pd.to_datetime(cells).to_numpy()[place]
        elif column.kind == "float":
            values = cells.astype(float).to_numpy()[place]
            columns[column.name] = values * share if column.extensive and methodology.additive else values
        else:
            columns[column.name] = cells.to_numpy()[place]
    return pd.DataFrame(columns, copy=False)
