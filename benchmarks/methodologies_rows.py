"""M1 to M3: each row is a work of the product and its bare peer, done in turns."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.measure import Row, Work, compare, repeat
from benchmarks.methodologies_assess import Register
from benchmarks.methodologies_bare import Script
from benchmarks.methodologies_frames import long_frame
from carbon_platform.db import Database
from methodologies.contract import NET, Methodology, Quantification, run
from methodologies.uncertainty import draws
from methodologies.uncertainty.simulation import simulate

_MAIN = "camellia_oil_v1"
_SEED = 20261123


def through_the_contract(methodology: Methodology, rows: int, rounds: int) -> Row:
    """M1: validation, every column, totals and digest, against the same equations on clean arrays."""
    frame, example = long_frame(methodology, rows), methodology.example()

    def product() -> Quantification:
        return run(methodology, frame, period=example.period, as_of=example.as_of)

    result = product()
    script = Script(methodology, result)
    if not np.allclose(script.net_t(), result.frame[NET], rtol=1e-9, atol=1e-12):
        raise RuntimeError(f"{methodology.key}: the bare equations give another net figure")
    steps, columns = len(methodology.steps), len(methodology.columns)
    del result
    parcels = methodology.subject == "parcel"
    row = Row(
        "M1" if methodology.key == _MAIN else f"M1 {methodology.key}",
        f"{methodology.key}, {rows:,} rows through the contract ÷ its bare equations",
        0.3 if parcels else None,
        0.6 if parcels else None,
        note=f"{columns} columns checked and hashed, {steps} equations; net figures equal to 1e-9",
    )

    def works() -> int:
        product()
        return rows

    def bare() -> int:
        script.columns()
        return rows

    work = repeat(works)
    return compare(row, work, repeat(bare), rounds=rounds, seconds=0.1, profile=work)


def monte_carlo(methodology: Methodology, rounds: int, *, trials: int, parcels: int, strata: int) -> Row:
    """M2: the simulation against drawing random numbers: one per trial and parameter, and one per trial and
    stratum.

    Draws of parameters are shared by all strata, so the product itself draws far fewer; the peer's numbers
    stand for the size of the problem. Measurement errors per parcel are not part of this row.
    """
    example = methodology.example()
    frame = _in_strata(methodology, parcels, strata)
    whole = run(methodology, frame, period=example.period, as_of=example.as_of)
    first = simulate(methodology, whole, trials=trials, seed=_SEED, errors={})
    if first.rows > strata:
        raise RuntimeError(f"{methodology.key}: {first.rows} strata instead of {strata}")
    in_force = methodology.parameters.at(whole.as_of).table
    drawn = [in_force[name] for name in first.parameters]
    out = np.empty((trials, first.rows))

    def product() -> int:
        simulate(methodology, whole, trials=trials, seed=_SEED, errors={})
        return 1

    def peer() -> int:
        for parameter in drawn:
            draws.draw(parameter, trials, _SEED)
        draws.stream_of(_SEED, "column", "stratum", 0).standard_normal(out=out)
        return 1

    note = (
        f"{len(drawn)} parameters drawn once per trial for all; {first.parcels:,} parcels computed as "
        f"{first.rows:,} strata; the goal is a time of at most 5 (aim 2) times the draws"
    )
    code = "M2" if methodology.key == _MAIN else f"M2 {methodology.key}"
    what = (
        f"{methodology.key}, {trials:,} trials, {strata:,} strata: a draw per trial and stratum ÷ simulation"
    )
    row = Row(code, what, 0.2, 0.5, note=note)
    work: Work = repeat(product)
    return compare(row, work, repeat(peer), rounds=rounds, seconds=0.2, profile=work)


def _in_strata(methodology: Methodology, parcels: int, strata: int) -> pd.DataFrame:
    """As many different rows as strata, each held by many parcels of different size.

    ``strata`` must be a multiple of the example's rows.
    """
    frame = long_frame(methodology, parcels)
    step = 1 + 1e-4 * (np.arange(parcels) % strata) / strata
    for column in methodology.columns:
        if column.kind != "float" or column.extensive or column.name not in frame:
            continue
        moved = frame[column.name].to_numpy() * step
        frame[column.name] = np.clip(moved, column.low, column.high)
    return frame


def assessment(database: Database, parcels: int, rounds: int) -> Row:
    """M3: read, compute and store 100,000 registered parcels."""
    register = Register(database, parcels)
    row = Row(
        "M3", f"{_MAIN}, {parcels:,} registered parcels: assessment ÷ bare read, equations, write", 0.4, 0.7
    )
    work = repeat(register.product)
    compare(row, work, repeat(register.bare), rounds=rounds, seconds=0.1, profile=work)
    row.note = register.check()
    return row
