"""Why a shop, an offer, a budget or a statement is refused, with what to do."""

from __future__ import annotations

from carbon_platform.errors import PlatformError


class MerchantExists(PlatformError):
    code, status = "merchant.exists", 409
    zh = "商家编号 {key}，或这家机构，已经登记过。请用原来的编号。"
    en = "Merchant {key}, or this organisation, is registered already. Use the number on file."


class OfferExists(PlatformError):
    code, status = "merchant.offer_exists", 409
    zh = "已有编号为 {key} 的奖品。请换一个编号，或修改原来的那个。"
    en = "There is a reward {key} already. Choose another code, or change that one."


class OfferWrong(PlatformError):
    code, status = "merchant.offer_wrong", 422
    zh = "奖品设置有误：{reason}。"
    en = "This offer is wrong: {reason_en}."


class MerchantNotActive(PlatformError):
    code, status = "merchant.not_active", 403
    zh = "商家“{name}”已{state}，不能核销。请联系碳资源公司经办。"
    en = "Merchant {name_en} is {state_en}; codes cannot be verified. Ask the carbon company."


class NoMerchant(PlatformError):
    code, status = "merchant.none", 403
    zh = "您的登录没有挂在任何商家下面。请管理员把它挂到商家的机构上。"
    en = "Your log-in belongs to no merchant. Ask the administrator to put it under its organisation."


class BudgetTooLow(PlatformError):
    code, status = "merchant.budget_too_low", 409
    zh = "{month} 的预算不能降到 {limit}：已发出的券值 {committed}。"
    en = "The budget of {month} cannot go down to {limit}: vouchers worth {committed} are out already."


class SponsorShort(PlatformError):
    code, status = "merchant.sponsor_short", 409
    zh = "赞助方 {sponsor} 的资金只剩 {available}，拨不出 {needed}。先到账，再拨预算。"
    en = "Sponsor {sponsor} has {available} left and {needed} is needed. Money first, then the budget."


class MonthClosed(PlatformError):
    code, status = "merchant.month_closed", 409
    zh = "{month} 已经过去，不能再改它的预算。"
    en = "{month} is over; its budget cannot be changed any more."


class MonthNotOver(PlatformError):
    code, status = "merchant.month_not_over", 409
    zh = "{month} 还没过完，结算单要等月底以后再做。"
    en = "{month} is not over; its statement can be made when it is."


class NothingToSettle(PlatformError):
    code, status = "merchant.nothing_to_settle", 409
    zh = "“{name}”到 {month} 月底没有未结算的核销，不必做结算单。"
    en = "{name_en} has nothing unsettled up to the end of {month}; no statement is needed."


class StatementOpen(PlatformError):
    code, status = "merchant.statement_open", 409
    zh = "“{name}”还有结算单 {statement} 等人审批，先办那一张。"
    en = "Statement {statement} of {name_en} still waits for a decision; settle that one first."


class StatementClosed(PlatformError):
    code, status = "merchant.statement_closed", 409
    zh = "结算单 {key} 现在是“{state}”，不能再{action}。"
    en = "Statement {key} is {state_en} and cannot be {action_en} any more."


class PaymentKnown(PlatformError):
    code, status = "merchant.payment_known", 409
    zh = "银行流水号 {reference} 已用来确认结算单 {statement} 的付款；一笔付款只能确认一张。请核对流水号。"
    en = (
        "Bank reference {reference} has confirmed the payment of statement {statement} already; one transfer "
        "pays one statement. Check the reference."
    )


class SecondPersonNeeded(PlatformError):
    code, status = "merchant.second_person_needed", 403
    zh = "结算单 {key} 是您做的，须由另一位同事审批。"
    en = "You prepared statement {key} yourself; another colleague has to decide on it."


class TooManyRows(PlatformError):
    code, status = "shop.too_many_rows", 422
    zh = "一次最多送 {limit} 条核销，收到 {count} 条，一条都没有处理。请分批再送。"
    en = "At most {limit} uses at a time; {count} came and none was taken. Send them in parts."


class CodeRefused(PlatformError):
    """Why one code was not taken; kept with the attempt and told to the shop."""

    code, status = "shop.code_refused", 409


class CodeUnknown(CodeRefused):
    code = "shop.code_unknown"
    zh = "没有这个码，或不是本店的券。请让顾客打开“我换的”再看一次。"
    en = "There is no such code, or it is not for this shop. Ask the customer to open the voucher again."


class CodeUsed(CodeRefused):
    code = "shop.code_used"
    zh = "这张券已在 {used_at} 用过（{where}），只能用一次，这一次不结算。"
    en = "This voucher was used at {used_at} ({where_en}); it works once, so this use is not paid."


class CodeGivenBack(CodeRefused):
    code = "shop.code_given_back"
    zh = "这张券的积分已退（{at}），不能再用。"
    en = "The points of this voucher were given back ({at}); it cannot be used."


class CodeExpired(CodeRefused):
    code = "shop.code_expired"
    zh = "这张券 {expires_at} 已过期，积分会自动退回给顾客。"
    en = "This voucher ran out at {expires_at}; the customer gets the points back."


class CodeOutsideHours(CodeRefused):
    code = "shop.code_outside_hours"
    zh = "这张券的使用时间是 {hours}，现在不在时间内，券还留着。"
    en = "This voucher can be used {hours_en}; it is still good later."


class UseInFuture(CodeRefused):
    code = "shop.use_in_future"
    zh = "核销时间 {used_at} 晚于现在 {now}。请校准这台设备的时钟。"
    en = "The time of use {used_at} is after now ({now}). Set the clock of this device."


class UseBeforeOrder(CodeRefused):
    code = "shop.use_before_order"
    zh = "核销时间 {used_at} 早于兑换时间 {redeemed_at}。请校准这台设备的时钟。"
    en = "The time of use {used_at} is before the order ({redeemed_at}). Set the clock of this device."
