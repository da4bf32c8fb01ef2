"""Why an act, a consent or a redemption is refused, in words a citizen can use."""

from __future__ import annotations

from carbon_platform.errors import PlatformError


class ConsentMissing(PlatformError):
    code, status = "citizen.consent_missing", 403
    zh = (
        "您还没有同意从“{partner}”取数记账，所以这一条没有收下。"
        "在“我的—授权”里读过说明后同意即可（POST /api/v1/citizen/consents，"
        "partner={code}，purpose={purpose}，version={version}）。"
    )
    en = (
        "You have not agreed that data from {partner_en} be kept in your book, so this was not taken. "
        "Read the text under consents and agree (POST /api/v1/citizen/consents with partner={code}, "
        "purpose={purpose}, version={version})."
    )


class ConsentOutdated(ConsentMissing):
    code = "citizen.consent_outdated"
    zh = (
        "“{partner}”的授权说明改过了，您同意的是旧版。请读新版（{version}）后再同意一次"
        "（POST /api/v1/citizen/consents，partner={code}，purpose={purpose}，version={version}）。"
    )
    en = (
        "The consent text of {partner_en} has changed since you agreed. Read version {version} and agree "
        "again (POST /api/v1/citizen/consents with partner={code}, purpose={purpose}, version={version})."
    )


class ConsentTextUnknown(PlatformError):
    code, status = "citizen.consent_text_unknown", 409
    zh = (
        "没有“{partner}/{purpose}”的 {version} 版授权说明。请先读 GET /api/v1/citizen/consents 给出的现行版。"
    )
    en = (
        "There is no consent text {partner}/{purpose} version {version}. "
        "Read the current one at GET /api/v1/citizen/consents first."
    )


class GuardianNeeded(PlatformError):
    code, status = "citizen.guardian_needed", 403
    zh = "未满 14 岁要由监护人同意才能开账户。请监护人在这台手机上确认后再试。"
    en = "Under 14, a guardian must agree before an account is opened. Let a guardian confirm on this phone."


class AccountNotOpen(PlatformError):
    code, status = "citizen.account_not_open", 403
    zh = "这个账户已停用或注销，不再收新的记录；已记的账不变。"
    en = "This account is closed or deleted and takes nothing new; what is in its book stays."


class ActInFuture(PlatformError):
    code, status = "act.in_future", 422
    zh = "这件事结束于 {ended_at}，晚于现在 {now}。发生过的事才能记账，请核对时间。"
    en = "This act ends at {ended_at}, after now ({now}). Only what has happened can be kept; check the time."


class ActTooOld(PlatformError):
    code, status = "act.too_old", 422
    zh = "这件事发生在 {occurred_at}，超过 {days} 天，不能再记账。"
    en = "This act happened at {occurred_at}, more than {days} days ago; it can no longer be kept."


class SourceUnknown(PlatformError):
    code, status = "act.source_unknown", 422
    zh = "没有叫“{source}”的数据来源。现有来源：{known}。"
    en = "There is no data source {source}. Known sources: {known}."


class SceneNotOpen(PlatformError):
    code, status = "act.scene_not_open", 409
    zh = (
        "数据来源“{source}”现在{state}，不收新记录；已经在账本里的不变。"
        "恢复后会再收，期间的记录请由运营方之后补送。"
    )
    en = (
        "The source {source_en} is {state_en} and takes no new records; what is in the books stays. "
        "Its operator may send the records of this time once it is open again."
    )


class BindingCodeWrong(PlatformError):
    code, status = "binding.code_wrong", 422
    zh = "绑定码不对，或已过期、已用过。绑定码 {minutes} 分钟内有效，请在合作方那里重新取一个再输入。"
    en = (
        "This code is wrong, over or used. A code is good for {minutes} minutes: "
        "get a new one from the partner and enter it here."
    )


class BindingTooManyTries(PlatformError):
    code, status = "binding.too_many_tries", 429
    zh = "一小时内输错了 {tries} 次绑定码，请一小时后再试。"
    en = "{tries} wrong codes within an hour. Try again in an hour."


class BindingTaken(PlatformError):
    code, status = "binding.taken", 409
    zh = "这个“{source}”账号已经绑定在另一个碳账户上。请先在那个账户里解除绑定，再重新绑定。"
    en = "This account of {source_en} is bound to another carbon account. End that binding there first."


class SubjectNotPseudonymous(PlatformError):
    """What a partner calls its customer looks like a phone or identity number: not even kept."""

    code, status = "binding.subject_not_pseudonymous", 422
    zh = "客户标识看上去是手机号或身份证号。请改用贵方的匿名编号（1 到 64 位字母、数字或 . _ : -）。"
    en = (
        "The subject looks like a phone or identity number. Use your own pseudonymous number "
        "(1 to 64 letters, digits or . _ : -)."
    )


class BehaviourNotOffered(PlatformError):
    code, status = "act.behaviour_not_offered", 422
    zh = "来源“{source}”不报行为 {behaviour}。它能报：{known}。"
    en = "Source {source} does not report behaviour {behaviour}. It reports: {known}."


class QuantityInvalid(PlatformError):
    code, status = "act.quantity_invalid", 422
    zh = "{name}的数量有误：{reason}。"
    en = "The quantity of {name_en} is wrong: {reason_en}."


class RowInvalid(PlatformError):
    """A field of a partner's row; the caller names the row."""

    code, status = "act.row_invalid", 422
    zh = "字段 {field} 的值 {value} 不对：应为{allowed}。请改正后重发这一行。"
    en = "Field {field} is {value}: expected {allowed_en}. Correct it and send this row again."


class WithdrawnBefore(PlatformError):
    """The source took the record back before it arrived."""

    code, status = "act.withdrawn_before", 409
    zh = "来源“{source}”已经先撤回了记录 {external_id}，所以没有计入。"
    en = "Source {source} had taken record {external_id} back before it arrived; it is not counted."


class PersonForgotten(PlatformError):
    """The person's account was deleted while the record waited: what it said is gone too."""

    code, status = "act.person_forgotten", 410
    zh = "这个人的账户在记录等待处理时已注销删除，内容已清除，所以没有计入。"
    en = "The person's account was deleted while the record waited; what it said is erased and not counted."


class NothingToWithdraw(PlatformError):
    """A reversal of a record that is not there (yet): kept, so that the record is refused if it comes."""

    code, status = "act.nothing_to_withdraw", 404
    zh = "来源“{source}”没有记录 {external_id}。撤回已登记：这条记录若以后送来，不会计入。"
    en = "There is no record {external_id} of {source}. The reversal is kept: it will not count."


class SubjectUnknown(PlatformError):
    code, status = "act.subject_unknown", 404
    zh = "没有绑定在编号 {subject} 上的碳账户，这一行没有收下。请先请本人绑定。"
    en = "No carbon account is bound to subject {subject}; not taken. The person has to bind it first."


class IntakeFailed(PlatformError):
    """A row the program itself could not deal with; it is named and left aside, the others go on."""

    code, status = "act.intake_failed", 500
    zh = "处理这一行时程序出错（{error}），没有计入；管理员会看到，修好后可重新处理。"
    en = "The program failed on this row ({error}); nothing was counted. An administrator will see it."


class StepsImplausible(PlatformError):
    """More steps than a day of one person has."""

    code, status = "steps.too_many", 422
    zh = "{day} 有 {steps} 步，超过一天 {most} 步，没有计入。"
    en = "{steps} steps on {day}: above the {most} of one day, not counted."


class ActConflict(PlatformError):
    """The record number is taken by an act with other content, or by another person."""

    code, status = "act.conflict", 409
    zh = "来源“{source}”的记录号 {external_id} 已经用于另一件事，内容不同。请核对记录号；没有重复记账。"
    en = (
        "Record {external_id} of source {source} already stands for another act with other content. "
        "Check the number; nothing was counted twice."
    )


class RewardGone(PlatformError):
    code, status = "reward.out_of_stock", 409
    zh = "“{name}”刚刚换完了，没有扣您的分。看看别的，或等补货。"
    en = "{name_en} has just run out; no points were taken. Choose another one, or wait for new stock."


class NotEnoughPoints(PlatformError):
    code, status = "reward.not_enough_points", 409
    zh = "换“{name}”要 {price} 分，您现在有 {available} 分，还差 {missing} 分。{waiting}"
    en = "{name_en} costs {price} points and you have {available}: {missing} more are needed.{waiting_en}"

    def __init__(self, *, name: str, name_en: str, price: int, available: int, pending: int) -> None:
        more = "到时候就够了。" if available + pending >= price else "再坐几趟公交就够了。"
        waiting = f"另有 {pending} 分还没生效，{more}" if pending else more
        waiting_en = f" {pending} are not active yet." if pending else ""
        super().__init__(
            name=name,
            name_en=name_en,
            price=price,
            available=available,
            missing=price - available,
            pending=pending,
            waiting=waiting,
            waiting_en=waiting_en,
        )


class RewardLimitReached(PlatformError):
    code, status = "reward.limit_reached", 409
    zh = "“{name}”每人每月最多换 {limit} 份，这个月您已经换满了，没有扣分。下个月 1 日起可以再换。"
    en = (
        "At most {limit} of {name_en} per person and month, and you have had them; no points were taken. "
        "It can be had again from the first of next month."
    )


class AlreadyWithdrawn(PlatformError):
    code, status = "act.already_withdrawn", 409
    zh = "第 {number} 号记账已经撤回过了，只撤一次。"
    en = "Act {number} has been withdrawn before; that happens once only."


class AlreadyRefunded(PlatformError):
    code, status = "redemption.already_refunded", 409
    zh = "第 {number} 号兑换已经退回过了，只退一次。"
    en = "Redemption {number} has been refunded before; that happens once only."


class CorrectionClosed(PlatformError):
    code, status = "points.correction_closed", 409
    zh = "第 {number} 号更正申请已经{state}，不能再决定。"
    en = "Correction {number} is already {state_en}; it cannot be decided again."


class CorrectionOpen(PlatformError):
    code, status = "points.correction_open", 409
    zh = "这件事已有第 {number} 号更正申请在等第二人决定，不必再提。"
    en = "Correction {number} for this already waits for a second person; there is no need for another."


class SecondPersonNeeded(PlatformError):
    code, status = "points.second_person_needed", 403
    zh = "第 {number} 号更正申请是您自己提的，须由另一位同事决定。"
    en = "You proposed correction {number} yourself; another colleague has to decide on it."


class SourceNotYours(PlatformError):
    """A partner's record must come from the partner; only the demo lets a citizen play the partner."""

    code, status = "citizen.source_not_yours", 403
    zh = "“{source}”的记录由合作方直接送来，不能自己填。自己做的请用 self 填报。"
    en = "Records of {source} come from the partner itself. Report your own acts with source self."
