"""What can be claimed of land, under which schemes, and the tolerance of the one-claim lock.

Land × period × pool belongs to one claimant. Projects of the platform claim by their methodology; claims
under schemes kept elsewhere are declared with :mod:`carbon_platform.parcels.outside_claims`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

from carbon_platform.errors import PlatformError
from gis.overlap import OverlapTolerance

DATA: Final = Path(__file__).with_name("data")
# What of the land is claimed, one bit each. "all" stands against every pool, those of the future too.
POOLS: Final = {
    "biomass": ("生物质", "biomass", 1),
    "soil_carbon": ("土壤有机碳", "soil organic carbon", 2),
    "soil_ch4": ("土壤甲烷", "soil methane", 4),
    "soil_n2o": ("土壤氧化亚氮", "soil nitrous oxide", 8),
    "all": ("全部碳库", "every pool", 2**62 - 1),
}
SCHEMES: Final = {
    "ccer": ("国家核证自愿减排（CCER）", "CCER"),
    "inclusion": ("其他地方的碳普惠", "another local inclusion scheme"),
    "vcs": ("核证碳标准（VCS）", "Verified Carbon Standard"),
    "gs": ("黄金标准（GS）", "Gold Standard"),
    "court": ("司法碳汇修复", "court-ordered restoration"),
    "other": ("其他机制", "another scheme"),
}
LANDS_MAX: Final = 20_000


class DeclarationRefused(PlatformError):
    """``errors`` lists the rows of the file."""

    code, status = "parcels.declaration_refused", 422
    zh = "申报没有登记：文件里有 {count} 个图形不能用。请改正后重新上传。"
    en = "Nothing was declared: {count} shapes of the file cannot be used. Correct them and upload again."


class NoLandInScope(PlatformError):
    code, status = "parcels.no_land_in_scope", 422
    zh = "文件里的 {count} 个图形都不在您的管辖范围（{scope}）内，没有登记。请核对坐标系和文件。"
    en = "None of the {count} shapes lies within your scope ({scope}). Check the coordinates and the file."


class TooManyLands(PlatformError):
    code, status = "parcels.too_many_lands", 422
    zh = "文件有 {count} 个图形，一次最多申报 {limit} 个。请分开申报。"
    en = "The file has {count} shapes; {limit} can be declared at a time. Split the declaration."


class DeclaredPeriodWrong(PlatformError):
    code, status = "parcels.declared_period_wrong", 422
    zh = "期间的结束日 {end} 不晚于开始日 {start}。结束日是期间之后的第一天，请改正。"
    en = (
        "The end {end} is not after the start {start}. The end is the first day after the period; correct it."
    )


class ReleaseNeedsAnother(PlatformError):
    code, status = "parcels.release_needs_another", 403
    zh = "{number} 是您自己申报的，解除须由另一位登录用户办理。"
    en = "You declared {number} yourself: another log-in has to release it."


class AlreadyReleased(PlatformError):
    code, status = "parcels.already_released", 409
    zh = "{number} 已由{by}解除，不能再办。"
    en = "{number} was released by {by}; that happens once only."


@dataclass(frozen=True)
class ClaimLimits:
    """Tolerance of the lock; units, sources and status stand in ``data/claims.toml``."""

    tolerance: OverlapTolerance
    share_max: float


@cache
def claim_limits() -> ClaimLimits:
    """The tolerance in force."""
    data = tomllib.loads((DATA / "claims.toml").read_text(encoding="utf-8"))
    values = {name: float(entry["value"]) for name, entry in data.items() if isinstance(entry, dict)}
    return ClaimLimits(share_max=values.pop("claimed_share_max"), tolerance=OverlapTolerance(**values))


def pool_bits(names: Iterable[str]) -> int:
    """The pools as one number; two claims contradict each other where both have a bit."""
    bits = 0
    for name in names:
        bits |= POOLS[name][2]
    return bits


def pools_text(names: Iterable[str], language: str = "zh") -> str:
    """The pools in words."""
    place = 1 if language.startswith("en") else 0
    return (", " if place else "、").join(str(POOLS[name][place]) for name in names)


def check_declared_period(start: date, end: date) -> None:
    if end <= start:
        raise DeclaredPeriodWrong(start=start.isoformat(), end=end.isoformat())
