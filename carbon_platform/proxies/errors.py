"""Why something done for somebody else is refused."""

from __future__ import annotations

from carbon_platform.errors import PlatformError


class HasAccount(PlatformError):
    code, status = "proxy.has_account", 409
    zh = "这个身份证号已经有账户了。一人一户：请本人用手机登录，或由开户的村办理。"
    en = "This identity number has an account already. One person, one account: use that one."


class ChildNeedsGuardian(PlatformError):
    code, status = "proxy.child_needs_guardian", 403
    zh = "未满 14 岁的账户要由监护人用手机开立并同意，村里不代开。"
    en = "Under 14, a guardian opens the account on a phone and agrees; the village office cannot."


class AccountNotOpen(PlatformError):
    code, status = "proxy.account_not_open", 409
    zh = "户号 {number} 的账户已停用或注销，不能再代办。"
    en = "Account {number} is closed; nothing can be done for it."


class PaperRefused(PlatformError):
    code, status = "proxy.paper_refused", 422
    zh = "照片不能用：{reason}。请拍成 JPEG、PNG 或 WebP 再传。"
    en = "The photo cannot be used: {reason_en}. Send a JPEG, PNG or WebP."


class CardTaken(PlatformError):
    code, status = "proxy.card_taken", 409
    zh = "这张卡（尾号 {last}）已经绑在别的账户上。请核对卡号；确实换了人，请先在原账户解绑。"
    en = "This card (…{last}) is bound to another account. Check the number, or end that binding first."


class ProxyNotAllowed(PlatformError):
    code, status = "proxy.not_allowed", 403
    zh = "这份代办没有“{what}”这一项。请让本人修改授权。"
    en = "This grant does not cover: {what_en}. Let the person change it."


class ProxyEnded(PlatformError):
    code, status = "proxy.ended", 409
    zh = "这份代办已于 {day} 结束。请让本人重新授权。"
    en = "This grant ended on {day}. Let the person grant it again."


class ProxyThere(PlatformError):
    code, status = "proxy.there_already", 409
    zh = "这位家人已经可以代办了。要改限额，请先结束原来的授权。"
    en = "This relative may act for you already. End that grant to change it."


class TooManyPrincipals(PlatformError):
    code, status = "proxy.too_many_principals", 409
    zh = "一个人最多替 {limit} 位家人代办，这位家人已经满了。"
    en = "One relative may act for {limit} people at most; this one does already."


class NotARelative(PlatformError):
    code, status = "proxy.not_a_relative", 404
    zh = "没有这位家人。代办只能授权给同一个家庭里的人。"
    en = "No such relative. Only a member of the same family can be asked to act."


class LimitTooHigh(PlatformError):
    code, status = "proxy.limit_too_high", 422
    zh = "限额超出规定：每天最多 {day} 分，每月最多 {month} 分，最长 {days} 天。"
    en = "Above what may be granted: {day} points a day, {month} a month, {days} days."


class SheetRefused(PlatformError):
    code, status = "village.sheet_refused", 422
    zh = "这份表格不能读：{reason}。请用页面上的模板。"
    en = "The sheet cannot be read: {reason_en}. Use the template on the page."


class BatchClosed(PlatformError):
    code, status = "village.batch_closed", 409
    zh = "批次 {number} 已经{state}，不能再复核。"
    en = "Batch {number} is {state_en} already."


class SecondPersonNeeded(PlatformError):
    code, status = "village.second_person_needed", 403
    zh = "批次 {number} 是您自己录入的，要由另一个人复核。"
    en = "You entered batch {number} yourself; another person has to look at it."
