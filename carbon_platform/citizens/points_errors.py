"""Why a rule of points, a campaign, an appeal or an audit is refused: what, where, and what to do."""

from __future__ import annotations

from carbon_platform.errors import PlatformError


class RuleInvalid(PlatformError):
    code, status = "points.rule_invalid", 422
    zh = "积分规则的 {field} 不对：{reason}。请改正后再提。"
    en = "Field {field} of the points rule is wrong: {reason_en}. Correct it and propose again."


class RuleTooEarly(PlatformError):
    code, status = "points.rule_too_early", 409
    zh = (
        "规则最早从明天（{earliest}）起生效，给出的是 {day}：已经开始的一天不改规则。请换一个生效日重新提出。"
    )
    en = (
        "A rule begins tomorrow ({earliest}) at the earliest, not on {day}: a day that has begun keeps its "
        "rule. Propose it again with a later day."
    )


class RuleDayTaken(PlatformError):
    code, status = "points.rule_day_taken", 409
    zh = "{day} 已有规则 {version} 开始生效，一天只能有一版。请换一个生效日重新提出。"
    en = "Rule {version} begins on {day} already; one day has one rule. Propose it again with another day."


class RuleClosed(PlatformError):
    code, status = "points.rule_closed", 409
    zh = "“{number}”已经{state}，不能再决定。"
    en = "{number} is {state_en} already; it cannot be decided again."


class SimulationMissing(PlatformError):
    code, status = "points.simulation_missing", 409
    zh = "规则 {version} 还没有试算过。请先按上个月的行为试算，看清谁多谁少、要多少钱，再发布。"
    en = "Rule {version} was not simulated. Simulate it over last month first: who gains, who loses, cost."


class OtherPersonNeeded(PlatformError):
    code, status = "points.other_person_needed", 403
    zh = "“{number}”是您自己提的，须由另一位同事决定。"
    en = "You proposed {number} yourself; another colleague has to decide on it."


class CampaignInvalid(PlatformError):
    code, status = "points.campaign_invalid", 422
    zh = "活动的 {field} 不对：{reason}。请改正后再提。"
    en = "Field {field} of the campaign is wrong: {reason_en}. Correct it and propose again."


class CampaignExists(PlatformError):
    code, status = "points.campaign_exists", 409
    zh = "已有代码为 {code} 的活动。请换一个代码。"
    en = "There is a campaign {code} already. Choose another code."


class AppealPointless(PlatformError):
    """The act counts in full, or is one of another kind that has nothing to be contested."""

    code, status = "appeal.pointless", 409
    zh = "第 {number} 号记账已经全部计入，没有可以申诉的地方。"
    en = "Act {number} counts in full; there is nothing to contest."


class AppealOpen(PlatformError):
    code, status = "appeal.open", 409
    zh = "这件事已有第 {number} 号申诉在处理，不必再提。结果会写在那一条里。"
    en = "Appeal {number} about this is being looked at; there is no need for another."


class AppealTooLate(PlatformError):
    code, status = "appeal.too_late", 409
    zh = "第 {number} 号记账的结果已过 {days} 天，不能再申诉。可以打 12345。"
    en = "The result for act {number} is more than {days} days old; it can no longer be contested here."


class RefusalTooLate(AppealTooLate):
    code = "appeal.refusal_too_late"
    zh = "第 {number} 条没有收下的记录已过 {days} 天，内容已经清除，不能再申诉。可以打 12345。"
    en = "Refusal {number} is more than {days} days old and erased; it is too late to contest it."


class RefusalCounted(AppealPointless):
    """What was refused stands in the book by now."""

    code = "appeal.refusal_counted"
    zh = "第 {number} 条后来已经记进账本（第 {act} 笔），不用申诉。那一笔不对的话，从那一笔点进去说。"
    en = "Refusal {number} is in your book by now, as act {act}. Contest that act if it is not right."


class AppealClosed(PlatformError):
    code, status = "appeal.closed", 409
    zh = "第 {number} 号申诉已经{state}，不能再决定。觉得还不对，可以打 12345。"
    en = "Appeal {number} is {state_en} already; it cannot be decided again."


class AppealNeedsOther(PlatformError):
    code, status = "appeal.other_person_needed", 403
    zh = "这一条是您经手撤回的，第 {number} 号申诉须由另一位同事决定。"
    en = "You had a hand in withdrawing this act; another colleague has to decide on appeal {number}."


class AppealCannotCount(PlatformError):
    """Accepting would still count nothing: a cap leaves no room, or the scene does not report it."""

    code, status = "appeal.cannot_count", 409
    zh = (
        "支持这条申诉也没有可计入的量：{reason}上限和其他规则对每个人都一样，申诉不能放宽。"
        "请改为不支持，并把原因告诉市民。"
    )
    en = (
        "Even if accepted, nothing of this would count: {reason_en} Caps and other rules are the same for "
        "everybody; an appeal does not lift them. Decline it and tell the citizen why."
    )


class AuditMonthOpen(PlatformError):
    code, status = "audit.month_open", 409
    zh = "{month} 还没有过完，过完才能抽查。"
    en = "{month} is not over; a month is audited when it is over."


class AuditEmpty(PlatformError):
    code, status = "audit.empty", 409
    zh = "“{source}”在 {month} 没有计入的记录，无从抽查。"
    en = "Source {source} has no counted acts in {month}; there is nothing to audit."


class AuditClosed(PlatformError):
    code, status = "audit.closed", 409
    zh = "第 {number} 号抽查已经结论，不能再改。"
    en = "Audit {number} is concluded; nothing in it changes any more."


class AuditUnfinished(PlatformError):
    code, status = "audit.unfinished", 409
    zh = "第 {number} 号抽查还有 {left} 条没有核对，核对完才能下结论。"
    en = "{left} acts of audit {number} have not been checked; check them first."


class ReviewClosed(PlatformError):
    code, status = "review.closed", 409
    zh = "第 {number} 号核查已经{state}，不能再决定。"
    en = "Review {number} is {state_en} already; it cannot be decided again."
