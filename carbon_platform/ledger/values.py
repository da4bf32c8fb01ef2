"""The words of the ledger: accounts, moves, entries, holds, and what posting answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from carbon_platform.errors import PlatformError

# Ceiling of one amount, of one entry and of one balance (a billion tonnes in grams, ten trillion yuan in
# fen): nine thousand of them, the counterpart of an account without a ceiling, still stay inside 64 bits.
MAX_AMOUNT = 10**15


@dataclass(frozen=True, order=True)
class AccountKey:
    """Role × holder × asset × lot. ``holder`` is opaque; ``lot`` is a batch for credits, else often empty."""

    role: str
    holder: str
    asset: str
    lot: str = ""


@dataclass(frozen=True, order=True)
class Range:
    """Numbers ``first`` … ``last`` of a lot, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True)
class Move:
    """``amount`` (smallest unit of the asset, > 0) from one account to another of the same asset and lot.

    Credits carry the lowest numbers of the source, unless ``numbers`` names which: ascending, disjoint,
    together ``amount`` long. Only where the matter itself is about certain kilograms (invalidation,
    another registry's records).
    """

    source: AccountKey
    destination: AccountKey
    amount: int
    numbers: tuple[Range, ...] = ()


@dataclass(frozen=True)
class HoldUse:
    """Part of an open hold that an entry posts. The rest stays held, or is returned if ``release_rest``."""

    reference: str
    amount: int
    release_rest: bool = False


@dataclass(frozen=True)
class Entry:
    """Linked moves that happen together or not at all.

    ``reference`` names the domain event and makes it unique for ever (``batch:…:issue``).
    ``effective_at`` is when it counts; ``None`` means "when recorded" and keeps the digest free of
    the clock, so that a retry is recognised. ``reverses`` is the id of the entry taken back; then
    ``note`` says why and ``detail["second_approver"]`` who else agreed.
    """

    reason: str
    reference: str
    moves: Sequence[Move]
    effective_at: datetime | None
    actor_name: str
    note: str = ""
    reverses: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    holds: Sequence[HoldUse] = ()


@dataclass(frozen=True)
class Posted:
    """The entry's number in the journal; ``replayed`` if an earlier, equal request had made it."""

    entry_id: int
    replayed: bool


@dataclass(frozen=True)
class Outcome:
    """What became of one entry of a batch: exactly one of ``posted`` and ``refused`` is set."""

    reference: str
    posted: Posted | None = None
    refused: PlatformError | None = None

    @property
    def status(self) -> str:
        """``accepted``, ``duplicate`` or ``refused``."""
        if self.posted is None:
            return "refused"
        return "duplicate" if self.posted.replayed else "accepted"

    def demand(self) -> Posted:
        """The posted entry; raises the refusal if there is one."""
        if self.posted is None:
            assert self.refused is not None
            raise self.refused
        return self.posted


@dataclass(frozen=True)
class HoldRequest:
    """``amount`` of a guarded account set aside until posted, voided or, if dated, expired."""

    reference: str
    account: AccountKey
    amount: int
    reason: str
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Held:
    """A hold as it stands: ``amount = posted + remaining + returned``."""

    hold_id: int
    reference: str
    account: AccountKey
    amount: int
    posted: int
    remaining: int
    status: str
    reason: str
    expires_at: datetime | None
    replayed: bool = False


@dataclass(frozen=True)
class Balance:
    posted: int
    held: int

    @property
    def available(self) -> int:
        return self.posted - self.held
