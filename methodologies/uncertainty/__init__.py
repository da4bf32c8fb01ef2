"""Uncertainty analysis (不确定性分析) of a run: distribution, what contributes most, and the percentile to
issue.

Rules and their source (rice-methodologies §8.2): one draw per parameter and trial shared by baseline, project
and all parcels; measurement errors per parcel; at least 10,000 trials; seed stored; mean, median, 2.5 and
97.5 % and P(ER < 0) reported; recommended for issue is the 33.3rd percentile, the analogue of
``UNC = t_0.667 · SE / mean`` (VM0051 Eq. 38).

**Seed.** :func:`seed_of` finds it from the input digest, so nobody chooses a lucky one; any other seed can be
given to :func:`analyse` to see how little it matters.

**Flat deduction.** The percentile takes the place of the flat deduction for default factors, it does not come
on top: for it the parameter ``deduction``, where a methodology has one, is held at 0. Deductions for sampling
stay, for sampling itself is not drawn.

**Ranking.** Spearman's rank correlation ρ of each draw with the net figure; the share is ρ²/Σρ²,
"contribution to variance" as simulation packages define it (e.g. Intaver RiskyProject, Calculation Algorithm
for Sensitivity Analysis). It ranks what acts in one direction; it is no exact decomposition of the variance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from methodologies.declaration import NET, Methodology, Quantification
from methodologies.errors import MethodologyError
from methodologies.uncertainty.propagation import Propagation, propagate
from methodologies.uncertainty.simulation import Simulation, simulate

Array = npt.NDArray[np.float64]

TRIALS_MIN = 10_000
TRIALS_MAX = 1_000_000
FLAT_DEDUCTION = "deduction"
ISSUE_PERCENT = 100 / 3
# Quantiles on record, in percent.
PERCENTS = (2.5, 5.0, 25.0, ISSUE_PERCENT, 50.0, 75.0, 95.0, 97.5)
BINS = 40


class TooFewTrials(MethodologyError):
    code = "methodology.too_few_trials"
    zh = "抽样次数 {trials} 不在允许范围 {low} – {high} 之内。请改正。"
    en = "{trials} trials are outside {low} – {high}. Correct the number."


@dataclass(frozen=True)
class Distribution:
    """What is reported of a figure over all trials, t CO2e. ``quantiles`` by percent; ``edges`` and
    ``counts`` are the histogram (edges one more than counts)."""

    mean: float
    sd: float
    quantiles: Mapping[float, float]
    negative: float
    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @classmethod
    def of(cls, figures: Array) -> Distribution:
        """``negative`` is P(ER < 0). Quantiles are interpolated linearly between order statistics."""
        quantiles = np.quantile(figures, [percent / 100 for percent in PERCENTS])
        counts, edges = np.histogram(figures, bins=BINS)
        return cls(
            mean=float(figures.mean()),
            sd=float(figures.std(ddof=1)),
            quantiles=dict(zip(PERCENTS, quantiles.tolist(), strict=True)),
            negative=float((figures < 0).mean()),
            edges=tuple(edges.tolist()),
            counts=tuple(counts.tolist()),
        )

    @property
    def half_width_pct(self) -> float | None:
        """Half of the 95 % interval in percent of the mean; None where the mean is zero."""
        half = (self.quantiles[97.5] - self.quantiles[2.5]) / 2
        return half / abs(self.mean) * 100 if self.mean else None

    def record(self) -> dict[str, Any]:
        """Plain values; ``p33_3`` and the like name the quantiles."""
        names = {percent: f"p{percent:.1f}".replace(".0", "").replace(".", "_") for percent in PERCENTS}
        return {
            "mean_t": self.mean,
            "sd_t": self.sd,
            **{f"{names[percent]}_t": value for percent, value in self.quantiles.items()},
            "p_negative": self.negative,
            "half_width_pct": self.half_width_pct,
            "edges_t": list(self.edges),
            "counts": list(self.counts),
        }


@dataclass(frozen=True)
class Contribution:
    """One drawn quantity and its part in the spread. ``kind``: a parameter, or the measurement error of a
    column."""

    name: str
    kind: str
    symbol: str
    meaning_zh: str
    meaning_en: str
    unit: str
    distribution: str
    low: float | None
    high: float | None
    source: str
    status: str
    correlation: float
    share: float

    def record(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Uncertainty:
    """The analysis of one run. ``net``: as the run declares it; ``issue``: with the flat deduction at 0,
    whose 33.3rd percentile may be issued; ``undeducted_t``: the run's own figure without it, with every
    parameter at its value in force. ``contributions``: largest first."""

    key: str
    trials: int
    seed: int
    net_t: float
    net: Distribution
    issue: Distribution
    flat_deduction: float
    undeducted_t: float
    contributions: tuple[Contribution, ...]
    propagation: Propagation
    rows: int
    parcels: int

    @property
    def issue_t(self) -> float:
        """The 33.3rd percentile, t CO2e, unrounded; it takes the place of the flat deduction."""
        return self.issue.quantiles[ISSUE_PERCENT]

    def record(self) -> dict[str, Any]:
        """Plain values, to be stored and shown."""
        return {
            "methodology": self.key,
            "trials": self.trials,
            "seed": self.seed,
            "generator": f"numpy {np.__version__} PCG64",
            "net_t": self.net_t,
            "net": self.net.record(),
            "issue": self.issue.record(),
            "issue_t": self.issue_t,
            "flat_deduction": self.flat_deduction,
            "undeducted_t": self.undeducted_t,
            "contributions": [contribution.record() for contribution in self.contributions],
            "propagation": self.propagation.record(),
            "rows": self.rows,
            "parcels": self.parcels,
        }


def analyse(
    methodology: Methodology,
    quantification: Quantification,
    *,
    trials: int = TRIALS_MIN,
    seed: int | None = None,
) -> Uncertainty:
    """Simulate a run and describe the result; same run, trials and seed give the same analysis.

    ``seed`` None: :func:`seed_of` the run. Raises :class:`TooFewTrials`, :class:`NotDrawable` and
    :class:`NotSimulable`.
    """
    if not TRIALS_MIN <= trials <= TRIALS_MAX:
        raise TooFewTrials(trials=trials, low=TRIALS_MIN, high=TRIALS_MAX)
    chosen = seed_of(quantification) if seed is None else seed
    simulation = simulate(methodology, quantification, trials=trials, seed=chosen)
    flat = _flat_deduction(methodology, quantification)
    whole = simulation
    if flat:
        whole = simulate(methodology, quantification, trials=trials, seed=chosen, held={FLAT_DEDUCTION: 0.0})
    return Uncertainty(
        key=methodology.key,
        trials=trials,
        seed=chosen,
        net_t=quantification.net_t,
        net=Distribution.of(simulation.net_t),
        issue=Distribution.of(whole.net_t),
        flat_deduction=flat,
        undeducted_t=_undeducted(methodology, quantification, flat),
        contributions=rank(methodology, quantification, simulation),
        propagation=propagate(methodology, quantification),
        rows=simulation.rows,
        parcels=simulation.parcels,
    )


def seed_of(quantification: Quantification) -> int:
    """The seed that follows from a run's input: nobody can choose a lucky one."""
    return int(quantification.input_digest[:8], 16)


def _flat_deduction(methodology: Methodology, quantification: Quantification) -> float:
    used = {parameter.name: parameter.value for parameter in quantification.parameters_used}
    return used.get(FLAT_DEDUCTION, 0.0)


def _undeducted(methodology: Methodology, quantification: Quantification, flat: float) -> float:
    """The net figure at the values in force, the flat deduction left out, t CO2e."""
    if not flat:
        return quantification.net_t
    table = methodology.parameters.at(quantification.as_of).table
    held = {name: parameter.value for name, parameter in table.items()} | {FLAT_DEDUCTION: 0.0}
    once = simulate(methodology, quantification, trials=1, seed=0, held=held, errors={})
    return float(once.net_t[0])


def rank(
    methodology: Methodology, quantification: Quantification, simulation: Simulation
) -> tuple[Contribution, ...]:
    """Every drawn quantity with its rank correlation ρ and share ρ²/Σρ², largest first."""
    drawn = {**simulation.parameters, **simulation.errors}
    correlations = rank_correlations(drawn, simulation.totals[NET])
    whole = math.fsum(correlation**2 for correlation in correlations.values())
    in_force = methodology.parameters.at(quantification.as_of).table
    found = []
    for name, correlation in correlations.items():
        share = correlation**2 / whole if whole else 0.0
        if name in simulation.parameters:
            p = in_force[name]
            found.append(
                Contribution(
                    name, "parameter", p.symbol, p.meaning_zh, p.meaning_en, p.unit, p.distribution, p.low,
                    p.high, p.source, p.status, correlation, share,
                )
            )  # fmt: skip
        else:
            c = methodology.column(name)
            source = c.error.source if c.error else ""
            found.append(
                Contribution(
                    name, "column", c.symbol or name, c.meaning_zh, c.meaning_en, c.unit, "normal", None,
                    None, source, "input", correlation, share,
                )
            )  # fmt: skip
    return tuple(sorted(found, key=lambda one: (-one.share, one.name)))


def rank_correlations(drawn: Mapping[str, Array], figures: Array) -> dict[str, float]:
    """Spearman's ρ of each series with the figures; 0 where either never changes."""
    target = _centred_ranks(figures)
    result = {}
    for name, values in drawn.items():
        ranks = _centred_ranks(values)
        size = math.sqrt(float(ranks @ ranks) * float(target @ target))
        result[name] = float(ranks @ target) / size if size else 0.0
    return result


def _centred_ranks(values: Array) -> Array:
    """Ranks less their mean; equal values share the mean of their ranks."""
    order = np.argsort(values, kind="stable")
    ranks = np.empty(len(values))
    ranks[order] = np.arange(len(values))
    told = values[order]
    if (told[1:] == told[:-1]).any():
        _, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
        ranks = (np.bincount(codes, weights=ranks) / counts)[codes]
    centred: Array = ranks - ranks.mean()
    return centred
