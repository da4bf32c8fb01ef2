"""How a citizen pays for small tickets: a port, asked outside of transactions.

No payment channel is connected yet. ``mock`` is for demonstration and tests: every order opened is paid
when asked about. Settings refuse it in production, where ``off`` answers that nothing can be bought.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from carbon_platform.config import Settings
from carbon_platform.inclusion.errors import PaymentUnavailable

MOCK, OFF = "mock", "off"


@dataclass(frozen=True)
class Payment:
    """What the channel says about one order: its own reference, and the fen it has received.

    ``payer``: what it calls the payment account; empty if it does not say. Only a keyed hash of it is kept.
    """

    reference: str
    paid_fen: int
    payer: str = ""


class PaymentPort(Protocol):
    """What the platform needs of a payment channel."""

    mode: str

    def open(self, order: str, amount_fen: int) -> str:
        """Announce an order; returns the channel's reference. The same order again: the same reference."""
        ...

    def find(self, reference: str, amount_fen: int) -> Payment | None:
        """What has arrived for a reference; None while nothing has."""
        ...


class MockPayments:
    """Whoever asks has paid."""

    mode = MOCK

    def open(self, order: str, amount_fen: int) -> str:
        return f"mock-{order}"

    def find(self, reference: str, amount_fen: int) -> Payment | None:
        return Payment(reference, amount_fen)


class NoPayments:
    """Nothing is connected. Errors: ``PaymentUnavailable``, always."""

    mode = OFF

    def open(self, order: str, amount_fen: int) -> str:
        raise PaymentUnavailable

    def find(self, reference: str, amount_fen: int) -> Payment | None:
        raise PaymentUnavailable


def port_for(settings: Settings) -> PaymentPort:
    """The port the settings ask for."""
    return MockPayments() if settings.payments == MOCK else NoPayments()
