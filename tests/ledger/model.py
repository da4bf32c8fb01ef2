"""An independent model of the ledger: dictionaries of people, and one owner per number.

It shares no code with the ledger and keeps no ranges: every kilogram is looked at by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class ModelHold:
    account: tuple[str, str]
    remaining: int
    open: bool = True


@dataclass
class Model:
    """Accounts are (role, holder); credits by number, money as a count."""

    owner_of: dict[int, tuple[str, str]] = field(default_factory=dict)
    money: dict[str, int] = field(default_factory=dict)
    holds: dict[str, ModelHold] = field(default_factory=dict)

    def numbers(self, account: tuple[str, str]) -> list[int]:
        return sorted(number for number, owner in self.owner_of.items() if owner == account)

    def held(self, account: tuple[str, str]) -> int:
        return sum(hold.remaining for hold in self.holds.values() if hold.account == account)

    def posted(self, account: tuple[str, str]) -> int:
        role, holder = account
        return self.money.get(holder, 0) if role == "cash" else len(self.numbers(account))

    def available(self, account: tuple[str, str]) -> int:
        return self.posted(account) - self.held(account)

    def issue(self, holder: str, amount: int) -> list[int]:
        first = len(self.owner_of) + 1
        made = list(range(first, first + amount))
        self.give(made, ("holding", holder))
        return made

    def give(self, numbers: list[int], account: tuple[str, str]) -> None:
        for number in numbers:
            self.owner_of[number] = account

    def move(self, source: tuple[str, str], destination: tuple[str, str], amount: int) -> list[int]:
        """Moves the lowest; the caller has looked at ``available``."""
        if source[0] == "cash":
            self.money[source[1]] = self.money.get(source[1], 0) - amount
            self.money[destination[1]] = self.money.get(destination[1], 0) + amount
            return []
        taken = self.numbers(source)[:amount]
        self.give(taken, destination)
        return taken
