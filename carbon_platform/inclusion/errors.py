"""Why a bundle, a payment into the fund or an order of small tickets is refused."""

from __future__ import annotations

from carbon_platform.errors import PlatformError


class WindowOpen(PlatformError):
    code, status = "inclusion.window_open", 409
    zh = (
        "{starts_on} 至 {last_day} 这段时间还没有关窗：记录最晚 {age_days} 天内可以补报，"
        "来源最长 {observation_days} 天内可以撤回。{closes_on} 起可以汇总。"
    )
    en = (
        "The window {starts_on} – {last_day} is not closed yet: records may arrive for {age_days} days and "
        "be taken back for {observation_days}. It can be bundled from {closes_on} on."
    )


class WindowInvalid(PlatformError):
    code, status = "inclusion.window_invalid", 422
    zh = "汇总期 {starts_on} 至 {ends_on} 有误：须至少一天，且在同一个日历年内（碳票按年份编号）。请改日期。"
    en = (
        "The window {starts_on} – {ends_on} is wrong: at least one day, inside one calendar year, because "
        "tickets have a vintage. Change the dates."
    )


class NothingToBundle(PlatformError):
    code, status = "inclusion.nothing_to_bundle", 409
    zh = "{starts_on} 至 {last_day} 没有可以汇总的减排量：须有可计入级克数、本人同意汇总、且没有汇总过。"
    en = (
        "Nothing to bundle in {starts_on} – {last_day}: it takes creditable grams, the person's consent, and "
        "acts that no other bundle holds."
    )


class SeveralParameterSets(PlatformError):
    code, status = "inclusion.several_parameter_sets", 409
    zh = "这段时间里的记录用了 {count} 组不同的参数或方法学，一个批次只能有一组。请按下列日期分开汇总。"
    en = (
        "The acts of this window were computed with {count} sets of parameters or methods; a batch has one. "
        "Bundle them separately by the days listed."
    )


class BundleWrongState(PlatformError):
    code, status = "inclusion.bundle_state", 409
    zh = "汇总 {bundle} 现在是「{state_zh}」，不能{action_zh}。{next_zh}"
    en = "Bundle {bundle} is {state}; it cannot be {action_en} now. {next_en}"


class BundleChanged(PlatformError):
    code, status = "inclusion.bundle_changed", 409
    zh = (
        "汇总 {bundle} 算好之后有变化：{acts} 笔记录被撤回或更改，{people} 人撤回了同意。"
        "请解散它，重新汇总、重新申请。"
    )
    en = (
        "Bundle {bundle} is no longer what was computed: {acts} acts were withdrawn or altered, {people} "
        "people withdrew their consent. Dissolve it, bundle and apply again."
    )


class SponsorSamePerson(PlatformError):
    code, status = "inclusion.same_person", 403
    zh = "这笔赞助是您本人登记的，到账要由另一个人确认。请换一位同事。"
    en = "You registered this sponsorship; somebody else confirms its receipt. Ask a colleague."


class SponsorshipClosed(PlatformError):
    code, status = "inclusion.sponsorship_closed", 409
    zh = "赞助 {number} 已是「{state_zh}」，不能再改。"
    en = "Sponsorship {number} is {state} and does not change any more."


class BankReferenceTaken(PlatformError):
    code, status = "inclusion.bank_reference_taken", 409
    zh = "银行流水号 {reference} 已确认过另一笔入账。请核对流水号。"
    en = "Bank reference {reference} already confirmed another receipt. Check the reference."


class NotPooled(PlatformError):
    code, status = "inclusion.not_pooled", 409
    zh = "成交 {trade} 的碳票不是市民汇总批次，按地块分配，不进奖励资金。请到收益页分配。"
    en = (
        "Trade {trade} is not of a citizens' batch: its money is shared out by parcels, not brought into the "
        "reward fund. Use the revenue page."
    )


class OffsetsSoldOut(PlatformError):
    code, status = "inclusion.offsets_sold_out", 409
    zh = "现在最多能买 {left_kg} 千克，您要 {wanted_kg} 千克。请减少数量，或等补货。"
    en = "At most {left_kg} kg can be bought now; you asked for {wanted_kg} kg. Take less, or wait."


class TooMuchUnpaid(PlatformError):
    code, status = "inclusion.too_much_unpaid", 409
    zh = (
        "您还有 {open_kg} 千克没有付款，加上这次 {wanted_kg} 千克超过 {most_kg} 千克。"
        "请先付款，或等未付的订单过期（{minutes} 分钟）。"
    )
    en = (
        "You have {open_kg} kg ordered and not paid; {wanted_kg} kg more would be above {most_kg} kg. "
        "Pay first, or wait until the unpaid orders lapse ({minutes} minutes)."
    )


class OrderWrongState(PlatformError):
    code, status = "inclusion.order_state", 409
    zh = "订单 {order} 现在是「{state_zh}」，不能{action_zh}。"
    en = "Order {order} is {state} and cannot be {action_en}."


class OrderKeyTaken(PlatformError):
    code, status = "inclusion.order_key_taken", 409
    zh = "这个订单号 {order_key} 已用于另一笔不同的订单。请换一个再试。"
    en = "The order key {order_key} was used for another order. Use a new one."


class PaymentOpen(PlatformError):
    code, status = "inclusion.payment_open", 409
    zh = "还没有收到订单 {order} 的付款。付好后再刷新一次；没有付就不会扣减。"
    en = "No payment for order {order} has arrived yet. Refresh once it is paid; nothing was taken so far."


class PaymentUnavailable(PlatformError):
    code, status = "inclusion.payment_unavailable", 503
    zh = "付款渠道还没有接通，现在不能买小额碳票。您的账没有变化。"
    en = "No payment channel is connected yet, so small tickets cannot be bought. Nothing was changed."


class FootprintInvalid(PlatformError):
    """``errors`` names each quantity with its unit and range."""

    code, status = "inclusion.footprint_invalid", 422
    zh = "有 {count} 项填得不对，没有保存。请按下面的说明改。"
    en = "{count} of the quantities are wrong; nothing was kept. Correct them as listed."


class RollupsDiffer(PlatformError):
    code, status = "inclusion.rollups_differ", 500
    zh = "汇总数与逐笔相加不一致：{what}。请运行 flask --app wsgi inclusion rebuild 重算。"
    en = "The sums differ from the acts: {what}. Run flask --app wsgi inclusion rebuild."
