"""What may be asked of the ledger: checks, digests and net changes, as functions of values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from carbon_platform.ledger import errors
from carbon_platform.ledger.roles import ISSUANCE, ROLES, Asset
from carbon_platform.ledger.values import MAX_AMOUNT, AccountKey, Entry, HoldRequest, Move

MAX_TEXT = 400


@dataclass(frozen=True)
class Change:
    """What an entry does to one account: ``net``, and ``lowest`` (≤ 0), ``highest`` (≥ 0) on the way."""

    net: int
    lowest: int
    highest: int


@dataclass(frozen=True)
class Request:
    """An entry that may be posted, its digest, and its detail as the journal will keep it."""

    entry: Entry
    digest: str
    detail: dict[str, Any]
    effective_at: datetime

    @property
    def is_plain(self) -> bool:
        """No holds, no numbers, no reversal: only balances decide."""
        entry = self.entry
        if entry.holds or entry.reverses is not None:
            return False
        return all(move.source.asset != Asset.CREDIT for move in entry.moves)


def prepare(entry: Entry, now: datetime) -> Request:
    """Check an entry and say what it is; see ``posting.post`` for the errors and their order."""
    detail = check_entry(entry, now)
    effective_at = now if entry.effective_at is None else entry.effective_at
    return Request(entry, _entry_digest(entry, detail), detail, effective_at)


_NOTHING = Change(0, 0, 0)


def check_entry(entry: Entry, now: datetime) -> dict[str, Any]:
    """Refuse what could not be posted in any state of the ledger; answers the detail in plain form."""
    for name, text in (
        ("reason", entry.reason),
        ("reference", entry.reference),
        ("actor_name", entry.actor_name),
    ):
        _check_text(name, text)
    _check_text("note", entry.note, may_be_empty=True, longest=10 * MAX_TEXT)
    if not entry.moves:
        raise errors.EntryInvalid(field="moves", reason="不能为空", reason_en="must not be empty")
    for number, move in enumerate(entry.moves, start=1):
        _check_move(number, move, reversing=entry.reverses is not None)
    if len(entry.moves) > 1:
        _check_amount(sum(move.amount for move in entry.moves), "整笔分录", "the whole entry")
    detail = plain_detail(entry.detail)
    _check_effective(entry.effective_at, now)
    _check_hold_uses(entry)
    if entry.reverses is not None:
        _check_number("reverses", entry.reverses)
        approver = entry.detail.get("second_approver")
        if not entry.note.strip() or not isinstance(approver, str) or not approver.strip():
            raise errors.ReversalNeedsApproval()
        if approver == entry.actor_name:
            raise errors.ReversalNeedsApproval()
    return detail


def check_hold(request: HoldRequest) -> None:
    """As :func:`check_entry`, for a hold; whether its time is still to come, :func:`check_expiry` says."""
    _check_text("reference", request.reference)
    _check_text("reason", request.reason)
    _check_amount(request.amount, f"冻结 {request.reference}", f"hold {request.reference}")
    _check_account(1, request.account)
    role = ROLES[request.account.role]
    if not role.guarded or role.final:
        raise errors.NotHoldable(request.account)
    if request.expires_at is not None:
        _check_aware("expires_at", request.expires_at)


def check_expiry(request: HoldRequest, now: datetime) -> None:
    """A new hold expires after now. One asked for again is answered whatever the time."""
    _check_aware("now", now)
    if request.expires_at is not None and request.expires_at <= now:
        raise errors.EntryInvalid(
            field="expires_at", reason=f"须晚于现在 {now}", reason_en=f"must be after now, {now}"
        )


def plain_detail(detail: Mapping[str, Any]) -> dict[str, Any]:
    """``detail`` as it comes back from the database; refuses what JSON cannot carry exactly."""
    if detail == {}:
        return {}
    try:
        text = json.dumps(dict(detail), allow_nan=False, ensure_ascii=False)
        plain: dict[str, Any] = json.loads(text, parse_float=_refuse_float)
    except (TypeError, ValueError) as error:
        raise errors.EntryInvalid(
            field="detail",
            reason=f"须为不含小数的 JSON 对象（{error}）",
            reason_en=f"must be a JSON object without fractions ({error})",
        ) from error
    if "\\u0000" in json.dumps(plain):
        raise errors.EntryInvalid(field="detail", reason="含有空字符", reason_en="contains a NUL character")
    return plain


def entry_digest(entry: Entry) -> str:
    """SHA-256 over the canonical request: everything the caller said, nothing the ledger knew."""
    return _entry_digest(entry, plain_detail(entry.detail))


def _entry_digest(entry: Entry, detail: dict[str, Any]) -> str:
    return _digest(
        [
            "entry",
            1,
            entry.reason,
            entry.reference,
            entry.actor_name,
            _instant(entry.effective_at),
            entry.note,
            entry.reverses,
            detail,
            [_said(move) for move in entry.moves],
            sorted([use.reference, use.amount, use.release_rest] for use in entry.holds),
        ]
    )


def hold_digest(request: HoldRequest) -> str:
    """As :func:`entry_digest`, for a hold."""
    return _digest(
        [
            "hold",
            1,
            request.reference,
            _key(request.account),
            request.amount,
            request.reason,
            _instant(request.expires_at),
        ]
    )


def changes(moves: Iterable[Move]) -> dict[AccountKey, Change]:
    """Change per account when the moves happen one after the other, in the order given."""
    result: dict[AccountKey, Change] = {}
    for move in moves:
        for key, amount in ((move.source, -move.amount), (move.destination, move.amount)):
            before = result.get(key, _NOTHING)
            net = before.net + amount
            result[key] = Change(net, min(before.lowest, net), max(before.highest, net))
    return result


def mirrored(moves: Sequence[Move]) -> tuple[Move, ...]:
    """The moves that take ``moves`` back: last first, each the other way round."""
    return tuple(Move(move.destination, move.source, move.amount) for move in reversed(moves))


def check_mirrored(entry: Entry, original: Sequence[Move]) -> None:
    """Refuse a reversal that is not exactly :func:`mirrored`; names the first move that differs."""
    expected = mirrored(original)
    given = tuple(entry.moves)
    if given == expected:
        return
    same = sum(1 for _ in _common_prefix(given, expected))
    raise errors.NotMirrored(number=entry.reverses, expected=len(expected), move=same + 1)


def _common_prefix(left: Sequence[Move], right: Sequence[Move]) -> Iterable[Move]:
    for a, b in zip(left, right, strict=False):
        if a != b:
            return
        yield a


def _check_move(number: int, move: Move, *, reversing: bool) -> None:
    _check_amount(move.amount, f"第 {number} 笔", f"move {number}")
    _check_account(number, move.source)
    _check_account(number, move.destination)
    if (move.source.asset, move.source.lot) != (move.destination.asset, move.destination.lot):
        raise errors.MixedAssets(
            move=number,
            source=f"{move.source.asset} {move.source.lot}".strip(),
            destination=f"{move.destination.asset} {move.destination.lot}".strip(),
        )
    if move.source == move.destination:
        raise errors.SameAccount(number, move.source)
    if move.numbers:
        _check_numbers(number, move, reversing=reversing)
    if reversing:
        return
    if ROLES[move.source.role].final:
        raise errors.MoveNotAllowed(number, move.source, out=True)
    if move.destination.role == ISSUANCE:
        raise errors.MoveNotAllowed(number, move.destination, out=False)


def _check_numbers(number: int, move: Move, *, reversing: bool) -> None:
    """Named numbers are ascending, disjoint, inside 1 … MAX_AMOUNT, and as many as the amount."""

    def wrong(reason: str, reason_en: str) -> errors.EntryInvalid:
        return errors.EntryInvalid(field=f"moves[{number}].numbers", reason=reason, reason_en=reason_en)

    if reversing or move.source.asset != Asset.CREDIT or move.source.role == ISSUANCE:
        raise wrong(
            "只有已签发碳票的划转可以指定编号",
            "may be named only where issued credits move, and not in a reversal",
        )
    after = 0
    for part in move.numbers:
        if type(part.first) is not int or type(part.last) is not int:
            raise wrong("须为整数区间", "must be ranges of integers")
        if not after < part.first <= part.last <= MAX_AMOUNT:
            raise wrong(
                f"区间 {part.first}–{part.last} 无效：须从 1 起、升序、互不重叠",
                f"range {part.first}–{part.last} is invalid: from 1, ascending, disjoint",
            )
        after = part.last
    total = sum(part.length for part in move.numbers)
    if total != move.amount:
        raise wrong(
            f"共 {total} 个编号，数量却是 {move.amount}",
            f"name {total} numbers for an amount of {move.amount}",
        )


def _check_amount(amount: Any, where: str, where_en: str) -> None:
    # bool is an int to Python, not to people.
    if type(amount) is not int or not 1 <= amount <= MAX_AMOUNT:
        raise errors.AmountInvalid(where=where, where_en=where_en, value=repr(amount), maximum=MAX_AMOUNT)


def _check_account(number: int, key: AccountKey) -> None:
    role = ROLES.get(key.role)
    if role is None:
        reason = ("未知的账户角色", "unknown account role")
    elif role.asset != key.asset:
        reason = (f"该角色只记 {role.asset}", f"this role counts {role.asset} only")
    elif not _is_text(key.holder) or key.holder == "":
        reason = ("持有人为空或无效", "the holder is empty or invalid")
    elif not _is_text(key.lot):
        reason = ("批次无效", "the lot is invalid")
    elif role.asset == Asset.CREDIT and key.lot == "":
        reason = ("碳票须有批次", "credits need a lot")
    else:
        return
    raise errors.AccountInvalid(
        move=number,
        role=key.role,
        holder=key.holder,
        asset=key.asset,
        lot=key.lot,
        reason=reason[0],
        reason_en=reason[1],
    )


def _check_number(name: str, value: Any) -> None:
    if type(value) is not int or not 1 <= value <= MAX_AMOUNT:
        raise errors.EntryInvalid(field=name, reason="须为正整数编号", reason_en="must be a positive number")


def _check_hold_uses(entry: Entry) -> None:
    seen: set[str] = set()
    for use in entry.holds:
        _check_text("holds.reference", use.reference)
        _check_amount(use.amount, f"冻结 {use.reference}", f"hold {use.reference}")
        if use.reference in seen:
            raise errors.EntryInvalid(
                field=f"holds {use.reference}", reason="重复", reason_en="is named more than once"
            )
        seen.add(use.reference)


def _check_effective(effective_at: datetime | None, now: datetime) -> None:
    _check_aware("now", now)
    if effective_at is None:
        return
    _check_aware("effective_at", effective_at)
    if effective_at > now:
        raise errors.EffectiveInFuture(effective_at=effective_at.isoformat(), now=now.isoformat())


def _check_aware(name: str, value: datetime) -> None:
    if value.tzinfo is None:
        raise errors.EntryInvalid(field=name, reason="须带时区", reason_en="must carry a time zone")


def _check_text(name: str, text: Any, *, may_be_empty: bool = False, longest: int = MAX_TEXT) -> None:
    if not _is_text(text, longest) or (not may_be_empty and not text.strip()):
        raise errors.EntryInvalid(
            field=name,
            reason=f"须为 1 至 {longest} 个可存储的字符",
            reason_en=f"must be 1 to {longest} storable characters",
        )


def _is_text(text: Any, longest: int = MAX_TEXT) -> bool:
    """Whether both engines can store it: no NUL, no half of a surrogate pair."""
    if not isinstance(text, str) or len(text) > longest or "\x00" in text:
        return False
    return text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)


def _refuse_float(text: str) -> Any:
    raise ValueError(f"fraction {text}")


def _said(move: Move) -> list[Any]:
    words = [*_key(move.source), *_key(move.destination), move.amount]
    return [*words, [[part.first, part.last] for part in move.numbers]] if move.numbers else words


def _key(key: AccountKey) -> list[str]:
    return [key.role, key.holder, str(key.asset), key.lot]


def _instant(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")


# Made once: ``json.dumps`` with settings of its own makes an encoder per call, for as much as it encodes.
_canonical = json.JSONEncoder(
    ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False
).encode


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(_canonical(parts).encode("ascii")).hexdigest()
