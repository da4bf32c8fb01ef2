"""How a receipt is shared out, to the fen, and how far it is to the plan's targets. Values in, values out.

Base = receipt − exchange fee − VAT (direct costs are the company's, row F14). The company's part is
rounded down, the rest goes to the county and below and is split there by largest remainder: a scheme
that promises 70 % on paper therefore keeps it in fen, for every single receipt (row F16).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from carbon_platform.errors import PlatformError
from carbon_platform.units import split_largest_remainder, yuan_text

WHOLE_BP = 10_000
FLOOR_BP = 7_000  # 县级及以下不低于70%: 信政办〔2025〕18号 二（一）, verified
COMPANY = "company"
COUNTY_AND_BELOW = ("county", "township", "village", "right_holder", "caretaker")
LEVELS = (COMPANY, *COUNTY_AND_BELOW)
LEVELS_ZH = {
    "company": "市级公司",
    "county": "县",
    "township": "乡镇",
    "village": "村集体",
    "right_holder": "林权所有者/承包户",
    "caretaker": "管护人员",
}
# Rice is farming, not forestry: the plan's two targets speak of 林业碳汇交易收入 (local-decision).
FORESTRY_KINDS = ("camellia", "tea", "forest")
# Net prices for the gap in tonnes (¥/t → fen/t): carbon-inclusion §8, illustrative.
GAP_PRICES_FEN_PER_T = (3_000, 6_000, 8_000)


class SchemeInvalid(PlatformError):
    code, status = "revenue.scheme_invalid", 422
    zh = "分配方案有误：{reason}"
    en = "The distribution scheme is wrong: {reason_en}"


class BelowFloor(PlatformError):
    """Row F16: in principle at least 70 % to the county and below."""

    code, status = "revenue.below_floor", 422
    zh = (
        "分配方案给县级及以下 {below_bp} 个基点，低于 {floor_bp}（70%，信政办〔2025〕18号）。"
        "请调高，或写明例外的理由（reason）和批准人（approver）。"
    )
    en = (
        "The scheme gives county level and below {below_bp} basis points, less than {floor_bp} (70 %, city "
        "plan of 2025). Raise it, or record the exception's reason and approver."
    )


class SelfApproved(PlatformError):
    code, status = "revenue.self_approved", 422
    zh = "例外不能由提交人自己批准。请由另一人批准并填写其姓名。"
    en = "An exception cannot be approved by the one who submits it. Name another person."


class BackDated(PlatformError):
    code, status = "revenue.back_dated", 422
    zh = "分配方案的生效日 {valid_from} 早于今天 {today}。方案须在出售前公布，请改为今天或以后。"
    en = "The scheme would start on {valid_from}, before today, {today}. It must be known before the sale."


class AlreadyDistributed(PlatformError):
    code, status = "revenue.already_distributed", 409
    zh = "成交 {trade} 的收入已于 {at} 分配（{distribution}），不会再分一次。请查看该分配单。"
    en = "The income of {trade} was distributed on {at} ({distribution}); that happens once only."


class NotFirstSale(PlatformError):
    code, status = "revenue.not_first_sale", 409
    zh = "{key} 是转售，款项归卖方所有，不再向县乡村和农户分配；只分配项目业主的首次出售。"
    en = "{key} is a resale: its money is the seller's own. Only a project owner's first sale is shared out."


class NumbersWithoutParcel(PlatformError):
    code, status = "revenue.numbers_without_parcel", 409
    zh = "售出 {needed} 千克，其中只有 {found} 千克能对应到地块，不能分配。请先核对批次 {batch} 的地块份额。"
    en = (
        "Of {needed} kg sold only {found} kg belong to a parcel, so nothing can be distributed. "
        "Check the parcel shares of batch {batch}."
    )


@dataclass(frozen=True)
class Charges:
    """What comes off a receipt, in basis points; the receipt includes VAT."""

    exchange_fee_bp: int
    vat_bp: int
    valid_from: date
    source: str
    status: str


@dataclass(frozen=True)
class Waterfall:
    """Receipt → base (fen): ``gross_fen = fee_fen + vat_fen + base_fen``."""

    gross_fen: int
    fee_fen: int
    vat_fen: int
    base_fen: int


@dataclass(frozen=True)
class Scheme:
    """Shares per level in basis points of the base. ``version`` 0 is the default of the data file."""

    county_code: str
    version: int
    valid_from: date
    shares: Mapping[str, int]
    source: str
    status: str
    exception_reason: str = ""
    exception_approver: str = ""

    @property
    def below_bp(self) -> int:
        """What the county and everybody below get, in basis points."""
        return sum(self.shares.get(level, 0) for level in COUNTY_AND_BELOW)


@dataclass(frozen=True)
class ParcelPart:
    """Kilograms of a sale that one parcel made, and whose land it is."""

    parcel_id: int
    kg: int
    county_code: str
    township_code: str
    village_code: str
    right_holder: str

    @property
    def village(self) -> str:
        """The village, or the lowest unit the register knows of the parcel."""
        return self.village_code or self.township

    @property
    def township(self) -> str:
        return self.township_code or self.county_code


@dataclass(frozen=True, order=True)
class PayeeKey:
    """Who is paid at a level: a unit, or a named right holder in it."""

    level: str
    region_code: str
    name: str = ""


def check_scheme(
    shares: Mapping[str, int], *, exception_reason: str = "", exception_approver: str = "", actor_name: str
) -> None:
    """Refuse a split that does not sum to the whole, or gives too little below without an exception.

    Errors: ``SchemeInvalid``, ``BelowFloor``, ``SelfApproved``.
    """
    unknown = sorted(set(shares) - set(LEVELS))
    if unknown:
        raise SchemeInvalid(
            reason=f"不认识的层级 {'、'.join(unknown)}；可用：{'、'.join(LEVELS)}",
            reason_en=f"unknown level {', '.join(unknown)}; known: {', '.join(LEVELS)}",
        )
    for level, share_bp in shares.items():
        if not 0 <= share_bp <= WHOLE_BP:
            raise SchemeInvalid(
                reason=f"{level} 为 {share_bp} 个基点，须在 0 至 10,000 之间",
                reason_en=f"{level} is {share_bp} basis points; it must lie within 0 and 10,000",
            )
    whole = sum(shares.values())
    if whole != WHOLE_BP:
        raise SchemeInvalid(
            reason=f"各层级之和为 {whole} 个基点，须等于 10,000；请调整 {WHOLE_BP - whole:+d}",
            reason_en=f"the levels sum to {whole} basis points, not 10,000; change by {WHOLE_BP - whole:+d}",
        )
    below_bp = whole - shares.get(COMPANY, 0)
    if below_bp < FLOOR_BP:
        if not (exception_reason.strip() and exception_approver.strip()):
            raise BelowFloor(below_bp=below_bp, floor_bp=FLOOR_BP)
        if exception_approver.strip() == actor_name:
            raise SelfApproved
    elif exception_reason or exception_approver:
        raise SchemeInvalid(
            reason="已达到 70%，不需要例外，请去掉 exception",
            reason_en="the scheme reaches 70 % and needs no exception; leave it out",
        )


def waterfall(gross_fen: int, charges: Charges) -> Waterfall:
    """Take fee and VAT off a receipt (fen), each rounded half up once.

    fee = gross · fee_bp / 10,000; VAT is inside the receipt: gross · vat_bp / (10,000 + vat_bp).
    """
    fee_fen = _half_up(gross_fen * charges.exchange_fee_bp, WHOLE_BP)
    vat_fen = _half_up(gross_fen * charges.vat_bp, WHOLE_BP + charges.vat_bp)
    base_fen = gross_fen - fee_fen - vat_fen
    if base_fen < 0:
        raise ValueError(f"charges {charges} exceed the receipt {yuan_text(gross_fen)}")
    return Waterfall(gross_fen, fee_fen, vat_fen, base_fen)


def split_levels(base_fen: int, shares: Mapping[str, int]) -> dict[str, int]:
    """The base per level (fen), summing to it exactly; a level with share 0 gets nothing."""
    company_fen = base_fen * shares.get(COMPANY, 0) // WHOLE_BP
    weights = [shares.get(level, 0) for level in COUNTY_AND_BELOW]
    below = split_largest_remainder(base_fen - company_fen, weights)
    return {COMPANY: company_fen, **dict(zip(COUNTY_AND_BELOW, below, strict=True))}


def below_fen(levels: Mapping[str, int]) -> int:
    """What the county and everybody below get (fen)."""
    return sum(levels.get(level, 0) for level in COUNTY_AND_BELOW)


def meets_floor(base_fen: int, below: int) -> bool:
    """The 70 % test of one receipt, in fen: exact, without a quotient."""
    return below * WHOLE_BP >= base_fen * FLOOR_BP


def share_bp(part_fen: int, whole_fen: int) -> int | None:
    """A share in basis points, rounded down so that it never flatters; None of nothing."""
    return part_fen * WHOLE_BP // whole_fen if whole_fen else None


def kg_by_parcel(shares: Sequence[tuple[int, int, int]], sold: Sequence[tuple[int, int]]) -> dict[int, int]:
    """Kilograms of each parcel within the sold numbers.

    ``shares``: (parcel_id, first, last) and ``sold``: (first, last), both disjoint, ends included.
    Parcels without a sold kilogram are left out.
    """
    shares = sorted(shares, key=lambda share: share[1])
    sold = sorted(sold)
    found: dict[int, int] = {}
    place = 0
    for parcel_id, first, last in shares:
        while place < len(sold) and sold[place][1] < first:
            place += 1
        look = place
        while look < len(sold) and sold[look][0] <= last:
            kg = min(last, sold[look][1]) - max(first, sold[look][0]) + 1
            found[parcel_id] = found.get(parcel_id, 0) + kg
            look += 1
    return found


def lowest(ranges: Sequence[tuple[int, int]], kg: int) -> list[tuple[int, int]]:
    """The lowest ``kg`` numbers of disjoint ranges, or all of them if there are fewer."""
    taken = []
    for first, last in sorted(ranges):
        if kg <= 0:
            break
        part = (first, min(last, first + kg - 1))
        taken.append(part)
        kg -= part[1] - part[0] + 1
    return taken


def payee_weights(level: str, parts: Sequence[ParcelPart]) -> dict[PayeeKey, int]:
    """Who is paid at a level below the company, with the kilograms that weigh for them."""
    weights: dict[PayeeKey, int] = {}
    for part in parts:
        key = _payee(level, part)
        weights[key] = weights.get(key, 0) + part.kg
    return dict(sorted(weights.items()))


def _payee(level: str, part: ParcelPart) -> PayeeKey:
    match level:
        case "county":
            return PayeeKey(level, part.county_code)
        case "township":
            return PayeeKey(level, part.township)
        case "village" | "caretaker":
            return PayeeKey(level, part.village)
        case "right_holder":
            return PayeeKey(level, part.village, part.right_holder)
        case _:
            raise ValueError(f"no payees at level {level}")


def split_payees(amount_fen: int, weights: Mapping[PayeeKey, int]) -> dict[PayeeKey, int]:
    """A level's money per payee (fen), by kilograms, summing to it exactly."""
    parts = split_largest_remainder(amount_fen, list(weights.values()))
    return dict(zip(weights, parts, strict=True))


def gap_fen(target_fen: int, received_fen: int) -> int:
    """What is missing to a target; 0 when it is reached."""
    return max(0, target_fen - received_fen)


def gap_t(missing_fen: int, price_fen_per_t: int) -> int:
    """Whole tonnes that would bring the missing money at a price, rounded up."""
    return -(-missing_fen // price_fen_per_t)


def _half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)
