"""Why a reward, a voucher or a donation is refused, in words a citizen or a shop can use."""

from __future__ import annotations

from carbon_platform.errors import PlatformError


class RewardOutOfSeason(PlatformError):
    code, status = "reward.out_of_season", 409
    zh = "“{name}”只在 {season} 换，今天是 {today}，没有扣您的分。"
    en = "{name_en} is offered {season}; today is {today}. No points were taken."


class BudgetGone(PlatformError):
    code, status = "reward.budget_gone", 409
    zh = "“{name}”这家商家本月的名额用完了（预算按月拨付），没有扣您的分。下个月 1 日再来，或换别家的。"
    en = (
        "The merchant behind {name_en} has used up this month's budget; no points were taken. "
        "Come back on the first of next month, or choose another one."
    )


class DonationsApart(PlatformError):
    code, status = "reward.is_donation", 422
    zh = "“{name}”是捐赠，不是兑换。请到“捐赠”里选分数（POST /api/v1/citizen/donations）。"
    en = "{name_en} is a donation, not an exchange. Use POST /api/v1/citizen/donations."


class DonationUnit(PlatformError):
    code, status = "donation.unit", 422
    zh = "捐给“{name}”的分数须是 {unit} 的整数倍（每 {unit} 分，赞助方出 {value}）。您填的是 {points}。"
    en = (
        "Points given to {name_en} must be a multiple of {unit} (the sponsor pays {value} for each {unit}). "
        "You asked for {points}."
    )


class RefundByStaffOnly(PlatformError):
    code, status = "redemption.refund_by_staff", 409
    zh = "“{name}”不是通过商家核销的，平台看不到它用过没有，不能自己退。打 12345，由两位同事核实后退。"
    en = (
        "No shop verifies {name_en}, so the platform cannot see whether it was used. Call 12345: two people "
        "check and give the points back."
    )


class RedemptionUsed(PlatformError):
    code, status = "redemption.used", 409
    zh = "第 {number} 号兑换已在 {used_at} 用掉，不能自己退。东西有问题，请找商家或打 12345。"
    en = "Redemption {number} was used at {used_at}. If something is wrong, ask the shop or call 12345."


class RedemptionSettled(PlatformError):
    code, status = "redemption.settled", 409
    zh = "第 {number} 号兑换已列入商家结算单 {statement}，不能再退积分。请先否决该结算单，或由商家另行赔付。"
    en = (
        "Redemption {number} is part of the merchant's statement {statement} and cannot be refunded. "
        "Decline that statement first, or let the merchant make it good."
    )


class DonationFinal(PlatformError):
    code, status = "donation.final", 409
    zh = "第 {number} 号是捐赠，已经送出，不能退回。"
    en = "Number {number} is a donation: it has been given and cannot be taken back."
