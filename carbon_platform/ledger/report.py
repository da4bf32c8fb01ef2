"""What verification found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One kind of contradiction: the first row that shows it, and how many rows do.

    ``accounts`` (ids) and ``lots`` (of credits) are what it concerns; both empty if that cannot be said.
    """

    check: str
    table: str
    row: str
    wrong: int
    zh: str
    en: str
    accounts: tuple[int, ...] = ()
    lots: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """``counts`` of what was examined (rows, or numbers), ``findings`` of what is wrong."""

    counts: dict[str, int]
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        return not self.findings


def first_of(
    check: str,
    table: str,
    wrong: Iterable[object],
    zh: str,
    en: str,
    *,
    accounts: Iterable[int] = (),
    lots: Iterable[str] = (),
) -> Iterator[Finding]:
    """One finding for all wrong rows, if any; ``zh`` and ``en`` have a place ``{}`` for the first."""
    first: object = None
    count = 0
    for row in wrong:
        first = row if count == 0 else first
        count += 1
    if count:
        concerned = tuple(sorted(set(accounts))), tuple(sorted(set(lots)))
        yield Finding(check, table, str(first), count, zh.format(first), en.format(first), *concerned)
