"""Organisations as files name them: by unified social credit code first, else by exact name."""

from __future__ import annotations

from collections import defaultdict

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.identity.tables import Organisation
from carbon_platform.registry.cells import CellWrong
from carbon_platform.registry.mapping import fold


class Directory:
    """Every organisation, looked up without asking the database again."""

    def __init__(self, organisations: list[tuple[int, str, str]]) -> None:
        """``organisations``: (id, name, credit code)."""
        self.names = {number: name for number, name, _ in organisations}
        self._codes = {number: fold(code) for number, _, code in organisations}
        self._by_code: dict[str, list[int]] = defaultdict(list)
        self._by_name: dict[str, list[int]] = defaultdict(list)
        for number, name, code in organisations:
            self._by_name[fold(name)].append(number)
            if code:
                self._by_code[fold(code)].append(number)

    def find(self, name: str, code: str) -> int:
        """Id of the organisation. Raises ``CellWrong``: unknown, ambiguous, or known with another code."""
        if code and len(found := self._by_code.get(fold(code), ())) == 1:
            self._check_name(name, found[0])
            return found[0]
        if code and found:
            raise CellWrong("holder_ambiguous", value=code, limit=len(found))
        named = self._by_name.get(fold(name), ()) if name else ()
        if len(named) > 1:
            raise CellWrong("holder_ambiguous", value=name, limit=len(named))
        if not named:
            raise CellWrong("holder_unknown", value=" ".join(part for part in (name, code) if part))
        if code and self._codes[named[0]]:
            raise self._code_differs(name, named[0])
        return named[0]

    def _check_name(self, name: str, number: int) -> None:
        """A name that only others have contradicts the code; an old name that nobody has does not."""
        named = self._by_name.get(fold(name), ()) if name else ()
        if named and number not in named:
            raise self._code_differs(
                name, named[0], f"（属于{self.names[number]}）", f" ({self.names[number]})"
            )

    def _code_differs(self, name: str, number: int, owner: str = "", owner_en: str = "") -> CellWrong:
        """``owner`` says whose the code of the row is, when it is somebody's."""
        code = self._codes[number].upper()
        words = {"limit": code or "未登记", "limit_en": code or "none", "owner": owner, "owner_en": owner_en}
        return CellWrong("holder_code_differs", value=name, **words)


def load_directory(session: Session) -> Directory:
    rows = session.execute(sa.select(Organisation.id, Organisation.name_zh, Organisation.credit_code))
    return Directory([(row.id, row.name_zh, row.credit_code) for row in rows])
