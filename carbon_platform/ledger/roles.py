"""Assets and account roles: what can be counted, and what an account is for.

One table. ``guarded`` accounts keep a balance row that can never fall below what is held on it.
Unguarded ones are the platform's own counter-accounts (where units come from, where money enters):
they have no floor, no balance row and therefore no row that everybody queues for; the journal is
their balance. Units that reached a ``final`` account leave it by a reversing entry only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from carbon_platform.units import carbon_text, tonnes_text, yuan_text


class Asset(StrEnum):
    """What is counted, each in its smallest unit, as an integer."""

    POINT = "POINT"  # 积分, 1
    REDUCTION = "REDUCTION"  # 个人碳账本, gram CO2e
    CREDIT = "CREDIT"  # 碳票, kilogram CO2e, each one numbered within its lot
    CNY = "CNY"  # 人民币, fen


def amount_words(asset: str, amount: int, language: str = "zh") -> str:
    """An amount with its unit, as people say it: ``12,500 分``, ``3.200 吨``, ``¥1.05``."""
    chinese = language.startswith("zh")
    match asset:
        case Asset.CREDIT:
            return f"{tonnes_text(amount)} {'吨' if chinese else 't'}"
        case Asset.REDUCTION:
            return carbon_text(amount, language)
        case Asset.CNY:
            return yuan_text(amount)
        case _:
            return f"{amount:,} {'分' if chinese else 'points'}"


@dataclass(frozen=True)
class Role:
    """What an account is for; the asset follows from it."""

    code: str
    asset: Asset
    guarded: bool
    zh: str
    en: str
    final: bool = False


ISSUANCE = "issuance"
HOLDING = "holding"
RETIRED = "retired"
CANCELLED = "cancelled"
PLEDGED = "pledged"
INVALIDATED = "invalidated"
# Units of another registry: held and shown, out of reach of whoever sells or retires a ``holding``.
EXTERNAL = "external"
BANK = "bank"
CASH = "cash"
PROCEEDS = "proceeds"
FEE = "fee"
PAYABLE = "payable"
REWARD_FUND = "reward_fund"
POINTS_ISSUED = "points_issued"
POINTS = "points"
POINTS_PENDING = "points_pending"
POINTS_REDEEMED = "points_redeemed"
POINTS_EXPIRED = "points_expired"
POINTS_DEBT = "points_debt"
REDUCTION_SOURCE = "reduction_source"
BOOK = "book"

# Holder of the platform's own accounts.
PLATFORM = "platform"

ROLES: dict[str, Role] = {
    role.code: role
    for role in (
        Role(ISSUANCE, Asset.CREDIT, False, "碳票签发", "issuance"),
        Role(HOLDING, Asset.CREDIT, True, "碳票持有", "holding"),
        Role(RETIRED, Asset.CREDIT, True, "碳票注销", "retired", final=True),
        Role(CANCELLED, Asset.CREDIT, True, "碳票取消", "cancelled", final=True),
        Role(PLEDGED, Asset.CREDIT, True, "碳票质押", "pledged"),
        Role(INVALIDATED, Asset.CREDIT, True, "碳票作废", "invalidated", final=True),
        Role(EXTERNAL, Asset.CREDIT, True, "外部登记簿持有", "held at another registry"),
        Role(BANK, Asset.CNY, False, "银行存管", "bank"),
        Role(CASH, Asset.CNY, True, "交易资金", "cash"),
        Role(PROCEEDS, Asset.CNY, True, "待分配收入", "proceeds"),
        Role(FEE, Asset.CNY, False, "交易手续费", "fee"),
        Role(PAYABLE, Asset.CNY, True, "应付分成", "payable share"),
        Role(REWARD_FUND, Asset.CNY, True, "奖励资金", "reward fund"),
        Role(POINTS_ISSUED, Asset.POINT, False, "积分发放", "points issued"),
        Role(POINTS, Asset.POINT, True, "积分", "points"),
        Role(POINTS_PENDING, Asset.POINT, True, "待生效积分", "pending points"),
        Role(POINTS_EXPIRED, Asset.POINT, False, "积分过期", "points expired"),
        Role(POINTS_REDEEMED, Asset.POINT, False, "积分兑换", "points redeemed"),
        Role(POINTS_DEBT, Asset.POINT, True, "待抵还积分", "points owed"),
        Role(REDUCTION_SOURCE, Asset.REDUCTION, False, "减排量来源", "reduction source"),
        Role(BOOK, Asset.REDUCTION, True, "个人碳账本", "carbon book"),
    )
}
