"""Rules of the market: whole tonnes, exact amounts, and why an order or a listing is refused.

Listed click (挂牌点选) after the local inclusion markets: the seller's goods and the buyer's money are
there before the deal, the deal is at the seller's price, lot 1 t, tick ¥0.01/t
(domain page carbon-inclusion §5.3, status local-decision).
"""

from __future__ import annotations

from carbon_platform.errors import PlatformError
from carbon_platform.ledger.errors import InsufficientBalance
from carbon_platform.units import KG_PER_T, tonnes_text, yuan_text

# Ceilings of one listing: far above the city's plan, and their product stays inside the ledger's.
QUANTITY_MAX_KG = 10**9
PRICE_MAX_FEN_PER_T = 10**8


class NotWholeTonnes(PlatformError):
    code, status = "market.not_whole_tonnes", 422
    zh = "quantity_kg {value} 不是整吨：市场以 1 吨（1,000 千克）为一手。请改为 {lower} 或 {upper}。"
    en = (
        "quantity_kg {value} is not a whole number of tonnes: one lot is 1 t (1,000 kg). "
        "Use {lower} or {upper}."
    )

    def __init__(self, value: int) -> None:
        lower = value // KG_PER_T * KG_PER_T
        # 0 is no order: below one tonne there is one way only.
        super().__init__(value=value, lower=lower or KG_PER_T, upper=lower + KG_PER_T)


class NoOrganisation(PlatformError):
    code, status = "market.no_organisation", 409
    zh = "您的账户没有归属机构，不能持有碳票或资金。请管理员把账户归入机构。"
    en = (
        "Your log-in belongs to no organisation and can hold neither tickets nor money. "
        "Ask the administrator."
    )


class ListingClosed(PlatformError):
    code, status = "market.listing_closed", 409
    zh = "挂牌 {listing} 已结束（{state}），不能再{action}。请看其他挂牌。"
    en = (
        "Listing {listing} is closed ({state_en}) and cannot be {action_en} any more. See the other listings."
    )

    def __init__(self, listing: int, state: str, *, buying: bool) -> None:
        super().__init__(
            listing=listing,
            state={"sold": "已售完", "withdrawn": "已撤下"}[state],
            state_en={"sold": "sold out", "withdrawn": "withdrawn"}[state],
            action="购买" if buying else "撤下",
            action_en="bought from" if buying else "withdrawn",
        )


class MoreThanRemains(PlatformError):
    code, status = "market.more_than_remains", 409
    zh = "挂牌 {listing} 只剩 {remaining} 吨，您要买 {needed} 吨。请减少数量，或另选挂牌。"
    en = (
        "Listing {listing} has {remaining} t left; you asked for {needed} t. "
        "Order less, or choose another listing."
    )

    def __init__(self, listing: int, needed_kg: int, remaining_kg: int) -> None:
        super().__init__(
            listing=listing,
            needed=tonnes_text(needed_kg),
            remaining=tonnes_text(remaining_kg),
            needed_kg=needed_kg,
            remaining_kg=remaining_kg,
        )


class OwnListing(PlatformError):
    code, status = "market.own_listing", 409
    zh = "挂牌 {listing} 是贵单位自己的，不能自买自卖。要收回，请撤下挂牌。"
    en = "Listing {listing} is your own organisation's; you cannot buy from yourself. Withdraw it instead."


class OwnProject(PlatformError):
    """What came back to the owner would be sold "first" twice, and its money shared out twice."""

    code, status = "market.own_project", 409
    zh = "这些碳票出自贵单位自己的项目 {project}，业主不能买回再卖。"
    en = "These tickets come from your own organisation's project {project}; an owner does not buy them back."


class ShortOfMoney(InsufficientBalance):
    """The ledger's reason with the words a buyer needs: how much is missing, and what to do."""

    zh = (
        "交易资金不足：需要 {needed_words}，可用 {available_words}，还差 {short_words}。"
        "请把差额汇入结算银行的交易资金户，银行确认到账后再下单；或减少吨数。"
    )
    en = (
        "Not enough cash: {needed_words} needed, {available_words} available, {short_words} missing. "
        "Pay the difference in at the settlement bank and order once it is confirmed, or order fewer tonnes."
    )

    def __init__(self, needed_fen: int, available_fen: int) -> None:
        PlatformError.__init__(
            self,
            asset="CNY",
            needed=needed_fen,
            available=available_fen,
            needed_words=yuan_text(needed_fen),
            available_words=yuan_text(available_fen),
            short_words=yuan_text(needed_fen - available_fen),
        )


class DepositConflict(PlatformError):
    code, status = "market.deposit_conflict", 409
    zh = "银行流水号 {reference} 已确认过另一笔入账（机构 {organisation}，{amount}）。请核对流水号。"
    en = (
        "Bank reference {reference} already confirmed another deposit "
        "(organisation {organisation}, {amount}). Check the reference."
    )

    def __init__(self, reference: str, organisation_id: int, amount_fen: int) -> None:
        super().__init__(reference=reference, organisation=organisation_id, amount=yuan_text(amount_fen))


def check_whole_tonnes(quantity_kg: int) -> None:
    """Raise :class:`NotWholeTonnes` unless ``quantity_kg`` is a positive multiple of 1,000 kg."""
    if quantity_kg <= 0 or quantity_kg % KG_PER_T:
        raise NotWholeTonnes(quantity_kg)


def amount_fen(quantity_kg: int, price_fen_per_t: int) -> int:
    """What whole tonnes cost: tonnes × price, exact because both are integers (fen)."""
    check_whole_tonnes(quantity_kg)
    return quantity_kg // KG_PER_T * price_fen_per_t
