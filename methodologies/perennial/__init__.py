"""What woody crops (经济林木) share: oil-camellia (油茶) and tea (茶), counted by stock difference.

- :mod:`.growth`: years of growth from planting, stumping or replanting.
- :mod:`.soil`: the soil debit of land that was not cropland.
- :mod:`.land`: area and period, checked.
- :mod:`.emissions`: fuel and electricity.
- :mod:`.deductions`: uncertainty, non-permanence, the net figure and its rates.
- :mod:`.plants`: preparation (附表整理) from measured plants to plots and strata.

Each module gives numpy functions and the steps that print the same equations. Plots, sampling error, discount
tables and single-tree equations are those of :mod:`methodologies.forest`.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
