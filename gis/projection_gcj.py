"""GCJ-02, the offset datum of Chinese web maps, and back. Only for the edge of the platform.

Mini-program maps draw in GCJ-02; parcels are stored, measured and compared in CGCS2000, never here.
The forward series is the published one (Krasovsky ellipsoid a = 6 378 245 m, e² = 0.00669342162296594323);
the inverse is a fixed-point iteration, since the offset changes slowly (5 rounds: about 1e-9 m in Xinyang).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_A_M = 6378245.0
_E2 = 0.00669342162296594323

Floats = NDArray[np.float64]


def _ripple(t: Any, periods: tuple[tuple[float, float], ...]) -> Any:
    """Sum of ``amplitude * sin(t * pi / divisor)``, scaled as in the published series."""
    return sum(amplitude * np.sin(t * np.pi / divisor) for amplitude, divisor in periods) * 2.0 / 3.0


def _offset(lonlat: Floats) -> Floats:
    """Offset in degrees (dlon, dlat) at CGCS2000 positions, shape (n, 2)."""
    x, y = lonlat[:, 0] - 105.0, lonlat[:, 1] - 35.0
    fine = _ripple(x, ((20.0, 1 / 6), (20.0, 1 / 2)))
    root = np.sqrt(np.abs(x))
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + fine
    north = north + _ripple(y, ((20.0, 1.0), (40.0, 3.0), (160.0, 12.0), (320.0, 30.0)))
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + fine
    east = east + _ripple(x, ((20.0, 1.0), (40.0, 3.0), (150.0, 12.0), (300.0, 30.0)))
    latitude = np.radians(lonlat[:, 1])
    w = 1.0 - _E2 * np.sin(latitude) ** 2
    meridian_m = _A_M * (1.0 - _E2) / (w * np.sqrt(w))
    parallel_m = _A_M / np.sqrt(w) * np.cos(latitude)
    return np.column_stack([np.degrees(east / parallel_m), np.degrees(north / meridian_m)])


def to_gcj02(lonlat: Any) -> Floats:
    """CGCS2000 (or WGS 84) longitude, latitude in degrees, shape (n, 2), to GCJ-02."""
    points = np.asarray(lonlat, dtype=np.float64)
    return points + _offset(points)


def from_gcj02(lonlat: Any, rounds: int = 5) -> Floats:
    """GCJ-02 longitude, latitude in degrees, shape (n, 2), to CGCS2000."""
    target = np.asarray(lonlat, dtype=np.float64)
    points = target.copy()
    for _ in range(rounds):
        points = target - _offset(points)
    return points
