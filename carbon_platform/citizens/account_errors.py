"""Why something about one's own account is refused, in words a citizen can use."""

from __future__ import annotations

from carbon_platform.errors import PlatformError


class PointsLeft(PlatformError):
    code, status = "account.points_left", 409
    zh = "您还有 {points} 分，注销后全部作废。请先用掉，或在申请里写明 forfeit_points={points} 再提交。"
    en = (
        "You have {points} points, which lapse when the account is deleted. Spend them first, or say "
        "forfeit_points={points}."
    )


class ErasureOpen(PlatformError):
    code, status = "account.erasure_open", 409
    zh = "有 {points} 分正压在没办完的兑换里。请等它办完或取消，再申请注销。"
    en = "{points} points are held for an exchange under way. Let it finish or cancel it, then ask again."


class LookupReasonMissing(PlatformError):
    code, status = "person.lookup_reason", 422
    zh = "请写明为什么查（至少 4 个字）：查询会留痕，本人也能看到。"
    en = "Say why you look this person up (4 characters at least): it is recorded and the person can read it."
