"""Where reward money is: accounts of the ledger, in fen.

A sponsor pays into ``sponsor:<code>``. What a merchant may give away in a month is set aside from there
(``budget:<merchant>:<month>``) before the first voucher exists, so no voucher is ever promised without
the money behind it. A statement moves money from there to the merchant (``payable``), the bank's
confirmation from the merchant to the bank, and what is left of a month goes back to the sponsor.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.ledger import AccountKey, Asset

SPONSOR, BUDGET = "sponsor:", "budget:"


def sponsor_account(sponsor_code: str) -> AccountKey:
    """Money of one sponsor that nobody has been promised yet."""
    return AccountKey(ledger.REWARD_FUND, f"{SPONSOR}{sponsor_code}", Asset.CNY)


def budget_account(merchant_code: str, month: str) -> AccountKey:
    """Money set aside for one merchant's vouchers of one month."""
    return AccountKey(ledger.REWARD_FUND, f"{BUDGET}{merchant_code}:{month}", Asset.CNY)


def payable_account(holder: str) -> AccountKey:
    """What a merchant has earned and not been paid; ``holder`` is the organisation's."""
    return AccountKey(ledger.PAYABLE, holder, Asset.CNY)


def bank_account() -> AccountKey:
    return AccountKey(ledger.BANK, ledger.PLATFORM, Asset.CNY)


def free_money(session: Session, sponsor_code: str) -> int:
    """What a sponsor can still promise."""
    return ledger.balance(session, sponsor_account(sponsor_code)).available
