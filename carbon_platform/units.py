"""Units of the platform and how a number becomes words.

Storage: carbon in grams or kilograms, money in fen, area in square metres or hectares: integers
wherever a balance is kept. 1 ha = 15 亩 exactly (legal rule for land; 666.67 m² is never used).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from numbers import Rational

MU_PER_HA = 15
M2_PER_HA = 10_000
KG_PER_T = 1_000
G_PER_KG = 1_000
FEN_PER_YUAN = 100


def ha_to_mu(area_ha: float) -> float:
    return area_ha * MU_PER_HA


def m2_to_mu(area_m2: float) -> float:
    return area_m2 * MU_PER_HA / M2_PER_HA


def yuan_text(amount_fen: int) -> str:
    """``-1234567`` → ``−¥12,345.67``: exact, from the integer, with a true minus."""
    sign = "−" if amount_fen < 0 else ""
    yuan, fen = divmod(abs(amount_fen), FEN_PER_YUAN)
    return f"{sign}¥{yuan:,}.{fen:02d}"


def tonnes_text(quantity_kg: int) -> str:
    """``1234567`` → ``1,234.567``; whole tonnes lose the zeros."""
    sign = "−" if quantity_kg < 0 else ""
    tonnes, kg = divmod(abs(quantity_kg), KG_PER_T)
    return f"{sign}{tonnes:,}" + (f".{kg:03d}" if kg else "")


def carbon_text(amount_g: int, language: str = "zh") -> str:
    """A citizen's carbon: grams below 1,000, kilograms with two decimals, tonnes from 1,000 kg."""
    g, kg, t = ("克", "千克", "吨") if language.startswith("zh") else ("g", "kg", "t")
    size = abs(amount_g)
    sign = "−" if amount_g < 0 else ""
    if size < G_PER_KG:
        return f"{sign}{size} {g}"
    if size < G_PER_KG * KG_PER_T:
        return f"{sign}{size / G_PER_KG:,.2f} {kg}"
    return f"{sign}{size / (G_PER_KG * KG_PER_T):,.2f} {t}"


def split_largest_remainder(total: int, weights: Sequence[Rational | float]) -> list[int]:
    """Split an integer by weights so that the parts sum to it exactly.

    Each part is the floor of its exact share; the units left over go to the largest remainders,
    earlier places first when equal. Exact for integer weights; float weights are read as the exact
    fractions they hold, so the result does not depend on the platform. Zero weights get nothing.

    Errors: ``ValueError`` for a negative total or weight, or when nothing can carry a positive total.
    """
    exact = [Fraction(w) for w in weights]
    if total < 0 or any(w < 0 for w in exact):
        raise ValueError(f"total and weights must not be negative: {total}, {weights}")
    whole = sum(exact, Fraction(0))
    if whole == 0:
        if total == 0:
            return [0] * len(exact)
        raise ValueError(f"no weight can carry {total}")
    shares = [total * w / whole for w in exact]
    parts = [int(s) for s in shares]
    left = total - sum(parts)
    by_remainder = sorted(range(len(exact)), key=lambda i: (parts[i] - shares[i], i))
    for i in by_remainder[:left]:
        parts[i] += 1
    return parts
