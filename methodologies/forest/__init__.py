"""Shared forest code (林业公用库): single-tree equations, plots to strata, sampling error, discounts, growth.

Not a methodology: camellia, afforestation and later forest methodologies use it, and name this folder among
their ``libraries`` (``libraries=(forest.FOLDER,)``) so that their code digest covers it.

**Equations.** ``EQUATIONS[code]`` (``masson_pine``, ``chinese_fir``, ``sawtooth_oak``, ``poplar``,
``mixed_broadleaf``, ``mixed_conifer_broadleaf``, ``sweetgum``, ``oriental_white_oak``, ``camellia_japonica``
…) with range, source and status. Coefficients are parameters::

    parameters = ParameterSet({**ParameterSet.load(path).parameters,
                               **species_parameters(("masson_pine", "chinese_fir")),
                               **SCHEMES["cn_arcm"].parameters()})

``tree_mass(EQUATIONS["poplar"], "d2h" | "d", dbh_cm, height_m, p)`` → (above, roots) in kg d.m.

**Measured tables.** ``plot_preparation(key="stratum", fills={"above_start": MY_COLUMN, …},
with_roots=False)`` and ``tree_preparation(("camellia_japonica",), …)`` are ready
:class:`~methodologies.declaration.Preparation` objects named ``plots`` and ``trees``. Roles of ``fills``:
``above_start above_end roots_start roots_end uncertainty area plots half_width``; what is not filled comes
out under the names in ``OUTPUTS``. ``estimate_strata(plots, key, findings, with_roots=…, names=…)`` is the
estimator behind them, for tables of another form.

**Sampling.** ``stratified(values, strata, areas_ha)`` → mean, half-width, ``uncertainty``;
``uncertainty_of_difference``; ``t_two_sided(0.90, df)``; ``plots_needed``; ``horizontal_share(slope_pct)``.

**Discount.** ``SCHEMES["cn_arcm" | "ar_tool14" | "gs403"]``: ``.parameters()``, ``.share(uncertainty_pct,
p)`` → share of the estimate deducted, ``.cases("uncertainty_pct")`` → the same as cases of a Step,
``.limit_names[-1]`` → the parameter above which a run is refused where ``.refused_above_last``.

**Stand level.** ``root_biomass``, ``richards``, ``logistic``, ``moso_culm_kg``.
"""

from __future__ import annotations

from pathlib import Path

from methodologies.forest.allometry import EQUATIONS, Equation, organ_mass, species_parameters, tree_mass
from methodologies.forest.discount import SCHEMES, DiscountScheme
from methodologies.forest.estimate import PLOTS_MIN, estimate_strata
from methodologies.forest.sampling import (
    StratifiedEstimate,
    horizontal_share,
    plots_needed,
    plots_needed_finite,
    stratified,
    uncertainty_of_difference,
)
from methodologies.forest.stand import logistic, moso_culm_kg, richards, root_biomass
from methodologies.forest.student import probability_within, t_two_sided
from methodologies.forest.tables import OUTPUTS, Role, plot_preparation, tree_preparation

FOLDER = Path(__file__).parent

__all__ = [
    "EQUATIONS",
    "FOLDER",
    "OUTPUTS",
    "PLOTS_MIN",
    "SCHEMES",
    "DiscountScheme",
    "Equation",
    "Role",
    "StratifiedEstimate",
    "estimate_strata",
    "horizontal_share",
    "logistic",
    "moso_culm_kg",
    "organ_mass",
    "plot_preparation",
    "plots_needed",
    "plots_needed_finite",
    "probability_within",
    "richards",
    "root_biomass",
    "species_parameters",
    "stratified",
    "t_two_sided",
    "tree_mass",
    "tree_preparation",
    "uncertainty_of_difference",
]
