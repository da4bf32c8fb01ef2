"""The entries of acts: into the book and into a lot of points, and the way back. Values in, values out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from carbon_platform import ledger
from carbon_platform.citizens.book import book_account
from carbon_platform.citizens.intake_sql import BookDelta, Counted
from carbon_platform.citizens.purse import issued_account, pending_account
from carbon_platform.identity.rules import Actor

SOURCE = ledger.AccountKey(ledger.REDUCTION_SOURCE, ledger.PLATFORM, ledger.Asset.REDUCTION)


def booking(act: Any) -> ledger.Entry | None:
    """Grams into the book, and points, still pending, into their lot; None when there are neither."""
    moves = []
    if act.reduction_g:
        moves.append(ledger.Move(SOURCE, book_account(act.holder), act.reduction_g))
    if act.points:
        lot = act.points_lot
        moves.append(ledger.Move(issued_account(lot), pending_account(act.holder, lot), act.points))
    if not moves:
        return None
    return ledger.Entry(
        reason="act",
        reference=f"act:{act.source}:{act.record_key}",
        moves=moves,
        effective_at=act.occurred_at,
        # The journal outlives the person: it names the opaque holder, never the nickname.
        actor_name=act.holder,
        detail={"methodology": act.methodology, "parameters": act.parameter_digest, "rule": act.points_rule},
    )


def undo(act: Any, reference: str, reason: str) -> ledger.Entry | None:
    """The way back of :func:`booking` while all its points are still pending; None if it posted nothing.

    No reversal of two people: nothing was confirmed yet, and the source itself, or a better proven record
    of the same act, says so. ``act``: a :class:`Counted` or a row of the book.
    """
    act_id = act.act_id if isinstance(act, Counted) else act.id
    moves = []
    if act.points:
        lot = act.points_lot
        moves.append(ledger.Move(pending_account(act.holder, lot), issued_account(lot), act.points))
    if act.reduction_g:
        moves.append(ledger.Move(book_account(act.holder), SOURCE, act.reduction_g))
    if not moves:
        return None
    return ledger.Entry(
        reason=reason,
        reference=reference,
        moves=moves,
        effective_at=None,
        actor_name=Actor.SYSTEM_NAME,
        detail={"act": act_id, "entry": act.entry_id or 0},
    )


def sums(acts: Sequence[Any], sign: int) -> dict[tuple[str, str], BookDelta]:
    """What each book's months gain by new acts (1), or lose by those that no longer count (-1).

    A line stays in the book when it no longer counts, so it is not lost from their number.
    """
    found: dict[tuple[str, str], BookDelta] = {}
    for act in acts:
        before = found.get(key := (act.holder, act.day[:7]), BookDelta())
        found[key] = BookDelta(
            before.acts + max(0, sign),
            before.reduction_g + sign * act.reduction_g,
            before.creditable_g + sign * act.creditable_g,
            before.points + sign * act.points,
        )
    return found


def bonuses(acts: Sequence[Any], sign: int) -> dict[str, int]:
    """Points out of each campaign's budget (1), or back into it (-1)."""
    found: dict[str, int] = {}
    for act in acts:
        if act.bonus_points:
            found[act.campaign] = found.get(act.campaign, 0) + sign * act.bonus_points
    return found
