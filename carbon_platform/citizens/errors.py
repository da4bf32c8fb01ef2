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


class BehaviourNotOffered(PlatformError):
    code, status = "act.behaviour_not_offered", 422
    zh = "来源“{source}”不报行为 {behaviour}。它能报：{known}。"
    en = "Source {source} does not report behaviour {behaviour}. It reports: {known}."


class QuantityInvalid(PlatformError):
    code, status = "act.quantity_invalid", 422
    zh = "{name}的数量有误：{reason}。"
    en = "The quantity of {name_en} is wrong: {reason_en}."


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
