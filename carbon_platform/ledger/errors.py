"""Why the ledger refuses. Precedence is documented at :func:`carbon_platform.ledger.posting.post`."""

from __future__ import annotations

from typing import ClassVar

from carbon_platform.errors import PlatformError
from carbon_platform.ledger.roles import ROLES, amount_words
from carbon_platform.ledger.values import AccountKey


def account_words(key: AccountKey, language: str) -> str:
    """``碳票持有（org:7，XY-…）``: role in words, then holder and lot."""
    role = ROLES.get(key.role)
    name = key.role if role is None else (role.zh if language == "zh" else role.en)
    inside = "，".join(part for part in (key.holder, key.lot) if part)
    return f"{name}（{inside}）" if language == "zh" else f"{name} ({inside.replace('，', ', ')})"


class EntryInvalid(PlatformError):
    """The request is not an entry or a hold; ``field`` says where."""

    code, status = "ledger.entry_invalid", 422
    zh = "记账请求有误：{field} {reason}。请改正后重新提交。"
    en = "The ledger request is wrong: {field} {reason_en}. Correct it and send it again."


class AmountInvalid(PlatformError):
    code, status = "ledger.amount_invalid", 422
    zh = "{where}的数量 {value} 无效：须为 1 至 {maximum} 的整数（最小单位）。"
    en = "The amount {value} of {where_en} is invalid: an integer from 1 to {maximum} in the smallest unit."


class AccountInvalid(PlatformError):
    code, status = "ledger.account_invalid", 422
    zh = "第 {move} 笔的账户 {role}/{holder}/{asset}/{lot} 无效：{reason}。"
    en = "Account {role}/{holder}/{asset}/{lot} of move {move} is invalid: {reason_en}."


class MixedAssets(PlatformError):
    code, status = "ledger.mixed_assets", 422
    zh = "第 {move} 笔不能在不同资产或批次之间划转：{source} → {destination}。请分别记账。"
    en = "Move {move} mixes assets or lots: {source} → {destination}. Post them as separate moves."


class SameAccount(PlatformError):
    code, status = "ledger.same_account", 422
    zh = "第 {move} 笔的转出与转入账户相同：{account}。"
    en = "Source and destination of move {move} are the same account: {account_en}."

    def __init__(self, move: int, key: AccountKey) -> None:
        super().__init__(move=move, account=account_words(key, "zh"), account_en=account_words(key, "en"))


class MoveNotAllowed(PlatformError):
    """Out of a final account, or back into issuance, without being a reversal."""

    code, status = "ledger.move_not_allowed", 409
    zh = "第 {move} 笔不允许：{account}的数量只能通过有第二人批准的冲正分录{way}。"
    en = "Move {move}: {account_en} can only be {way_en} by a reversing entry with a second approver."

    def __init__(self, move: int, key: AccountKey, *, out: bool) -> None:
        super().__init__(
            move=move,
            account=account_words(key, "zh"),
            account_en=account_words(key, "en"),
            way="退回" if out else "转入",
            way_en="left" if out else "entered",
        )


class EffectiveInFuture(PlatformError):
    code, status = "ledger.effective_in_future", 422
    zh = "生效时间 {effective_at} 晚于现在 {now}。请填写已经发生的时间。"
    en = "The effective time {effective_at} is after now, {now}. Give a time that has passed."


class ReversalNeedsApproval(PlatformError):
    code, status = "ledger.reversal_needs_approval", 422
    zh = "冲正须写明原因（note），并由不同于经办人的第二人批准（detail.second_approver）。"
    en = "A reversal needs a reason (note) and an approver besides the actor (detail.second_approver)."


class ReferenceConflict(PlatformError):
    code, status = "ledger.reference_conflict", 409
    zh = "编号 {reference} 已用于内容不同的{kind}（第 {number} 号）。请核对，或使用新编号。"
    en = "Reference {reference} belongs to a different {kind_en} (no. {number}). Check it, or take a new one."


class EntryNotFound(PlatformError):
    code, status = "ledger.entry_not_found", 404
    zh = "没有第 {number} 号分录。请核对编号。"
    en = "There is no entry number {number}. Check the number."


class AlreadyReversed(PlatformError):
    code, status = "ledger.already_reversed", 409
    zh = "第 {number} 号分录已由第 {by} 号分录冲正，只能冲正一次。"
    en = "Entry {number} was reversed by entry {by} already; that happens once only."


class NotReversible(PlatformError):
    code, status = "ledger.not_reversible", 409
    zh = "第 {number} 号分录不能冲正：{reason}。"
    en = "Entry {number} cannot be reversed: {reason_en}."


class NotMirrored(PlatformError):
    code, status = "ledger.not_mirrored", 422
    zh = "冲正分录须与第 {number} 号分录逐笔反向相同（顺序倒置）：应有 {expected} 笔，第 {move} 笔不符。"
    en = "A reversal mirrors entry {number} move by move, last first: {expected} moves, and {move} differs."


class HoldNotFound(PlatformError):
    code, status = "ledger.hold_not_found", 404
    zh = "没有编号为 {reference} 的冻结。请核对编号。"
    en = "There is no hold {reference}. Check the reference."


class HoldClosed(PlatformError):
    code, status = "ledger.hold_closed", 409
    zh = "冻结 {reference} 已结束（{state}），不能再次{action}。"
    en = "Hold {reference} is closed ({state_en}); it cannot be {action_en} again."

    STATES: ClassVar[dict[str, str]] = {"posted": "已入账", "voided": "已撤销", "expired": "已到期"}

    def __init__(self, reference: str, status: str, *, post: bool) -> None:
        super().__init__(
            reference=reference,
            state=self.STATES.get(status, status),
            state_en=status,
            action="入账" if post else "撤销",
            action_en="posted" if post else "voided",
        )


class HoldExpired(PlatformError):
    code, status = "ledger.hold_expired", 409
    zh = "冻结 {reference} 已于 {expires_at} 到期，不能入账。请重新冻结。"
    en = "Hold {reference} expired at {expires_at} and cannot be posted. Place a new hold."


class HoldTooSmall(PlatformError):
    code, status = "ledger.hold_too_small", 409
    zh = "冻结 {reference} 还剩 {remaining}，不足以入账 {needed}。"
    en = "Hold {reference} has {remaining_en} left, too little to post {needed_en}."

    def __init__(self, reference: str, asset: str, needed: int, remaining: int) -> None:
        super().__init__(
            reference=reference,
            needed=amount_words(asset, needed),
            remaining=amount_words(asset, remaining),
            needed_en=amount_words(asset, needed, "en"),
            remaining_en=amount_words(asset, remaining, "en"),
        )


class HoldUnused(PlatformError):
    code, status = "ledger.hold_unused", 422
    zh = "分录没有从 {account} 转出所用冻结 {reference} 的全部数量：转出 {moved}，入账 {amount}。"
    en = "The entry posts {amount_en} from hold {reference}, but moves {moved_en} out of {account_en}."

    def __init__(self, reference: str, key: AccountKey, amount: int, moved: int) -> None:
        super().__init__(
            reference=reference,
            account=account_words(key, "zh"),
            account_en=account_words(key, "en"),
            amount=amount_words(key.asset, amount),
            moved=amount_words(key.asset, moved),
            amount_en=amount_words(key.asset, amount, "en"),
            moved_en=amount_words(key.asset, moved, "en"),
        )


class NotHoldable(PlatformError):
    code, status = "ledger.not_holdable", 422
    zh = "{account}没有余额下限或已是终态，不能冻结。"
    en = "{account_en} has no floor or is final; nothing can be held on it."

    def __init__(self, key: AccountKey) -> None:
        super().__init__(account=account_words(key, "zh"), account_en=account_words(key, "en"))


class InsufficientBalance(PlatformError):
    """``needed`` is what leaves the account; ``available`` is posted less held (smallest unit)."""

    code, status = "ledger.insufficient", 409
    zh = "{account}余额不足：需要 {needed_words}，可用 {available_words}。请补足后再试。"
    en = "{account_en} is short: {needed_en} needed, {available_en} available. Top it up and try again."

    def __init__(self, key: AccountKey, needed: int, available: int) -> None:
        super().__init__(
            account=account_words(key, "zh"),
            account_en=account_words(key, "en"),
            asset=str(key.asset),
            needed=needed,
            available=available,
            needed_words=amount_words(key.asset, needed),
            available_words=amount_words(key.asset, available),
            needed_en=amount_words(key.asset, needed, "en"),
            available_en=amount_words(key.asset, available, "en"),
        )


class BalanceTooLarge(PlatformError):
    code, status = "ledger.balance_too_large", 409
    zh = "{account}将超过上限 {maximum}。请检查数量。"
    en = "{account_en} would pass the ceiling of {maximum}. Check the amount."

    def __init__(self, key: AccountKey, maximum: int) -> None:
        super().__init__(
            account=account_words(key, "zh"), account_en=account_words(key, "en"), maximum=maximum
        )


class LotExhausted(PlatformError):
    code, status = "ledger.lot_exhausted", 409
    zh = "批次 {lot} 的编号将超过上限 {maximum}。请检查签发数量。"
    en = "The numbers of lot {lot} would pass the ceiling of {maximum}. Check the amount to issue."


class _AccountStands(PlatformError):
    def __init__(self, key: AccountKey, *, effective_at: str = "", opened_at: str = "") -> None:
        super().__init__(
            account=account_words(key, "zh"),
            account_en=account_words(key, "en"),
            effective_at=effective_at,
            opened_at=opened_at,
        )


class AccountFrozen(_AccountStands):
    code, status = "ledger.account_frozen", 409
    zh = "{account}已暂停，处理完毕前不能变动。请联系管理员。"
    en = "{account_en} is frozen; nothing moves until that is settled. Ask the administrator."


class AccountClosed(_AccountStands):
    code, status = "ledger.account_closed", 409
    zh = "{account}已销户，不能再变动。请核对账户。"
    en = "{account_en} is closed for good. Check the account."


class EffectiveBeforeAccount(_AccountStands):
    code, status = "ledger.effective_before_account", 422
    zh = "生效时间 {effective_at} 早于{account}的开户时间 {opened_at}。请更正时间。"
    en = "The effective time {effective_at} is before {account_en} was opened, {opened_at}. Correct the time."


class NumbersNotHeld(PlatformError):
    """A move named numbers that its source does not have."""

    code, status = "ledger.numbers_not_held", 409
    zh = "第 {move} 笔指定的编号 {first}–{last} 不在{account}。请核对编号。"
    en = "Move {move} names the numbers {first}–{last}, which are not with {account_en}. Check the numbers."

    def __init__(self, move: int, key: AccountKey, first: int, last: int) -> None:
        super().__init__(
            move=move,
            first=first,
            last=last,
            account=account_words(key, "zh"),
            account_en=account_words(key, "en"),
        )


class LedgerInconsistent(PlatformError):
    """What the journal and its materialised state say differs: nothing is written."""

    code, status = "ledger.inconsistent", 500
    zh = "账本内部不一致（{what}），本次没有写入任何内容。请通知管理员运行 ledger verify。"
    en = "The ledger contradicts itself ({what_en}); nothing was written. Ask for a run of ledger verify."
