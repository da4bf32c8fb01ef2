"""What staff and shops read of merchants, statements and verifications: plain values."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from carbon_platform.citizens import codes, reward_rules
from carbon_platform.citizens.reward_present import present_reward
from carbon_platform.merchants import service, statements
from carbon_platform.merchants.figures import Liability
from carbon_platform.merchants.shop import Answer, ShopList
from carbon_platform.merchants.tables import Merchant, MerchantStatement


def present_merchant(merchant: Merchant) -> dict[str, Any]:
    plain = {column.name: getattr(merchant, column.name) for column in Merchant.__table__.columns}
    return plain | {
        "kind_zh": reward_rules.KINDS[merchant.kind][0],
        "state_zh": service.STATE_WORDS[merchant.state][0],
    }


def present_detail(session: Any, merchant: Merchant, owed: Liability, now: datetime) -> dict[str, Any]:
    return present_merchant(merchant) | {
        "offers": [present_reward(row, now) for row in service.offers(session, merchant)],
        "budgets": service.budgets(session, merchant),
        "liability": vars(owed),
    }


def present_statement(statement: MerchantStatement) -> dict[str, Any]:
    plain = {column.name: getattr(statement, column.name) for column in MerchantStatement.__table__.columns}
    state_zh, state_en = statements.STATE_WORDS[statement.state]
    return plain | {"state_zh": state_zh, "state_en": state_en}


def present_answer(answer: Answer) -> dict[str, Any]:
    """One row of the answer to a shop; it names the reward, never the person."""
    kept, voucher = answer.verification, answer.redemption
    return {
        "outcome": kept.outcome,
        "duplicate": answer.duplicate,
        "number": voucher.id if voucher else None,
        "name_zh": voucher.name_zh if voucher else "",
        "name_en": voucher.name_en if voucher else "",
        "points": voucher.price_points if voucher else 0,
        "topup_fen": voucher.topup_fen if voucher else 0,
        "value_fen": voucher.value_fen if voucher else 0,
        "reason_code": kept.reason_code,
        "reason_zh": kept.reason_zh,
        "reason_en": kept.reason_en,
    }


def present_list(listed: ShopList, keys: tuple[str, ...], now: datetime) -> dict[str, Any]:
    """What a shop's page keeps: no code, no person, only hashes."""
    offers = []
    for row in listed.offers:
        hours_zh, hours_en = reward_rules.hours_words(row.hours)
        offers.append(
            {
                "code": row.code,
                "name_zh": row.name_zh,
                "name_en": row.name_en,
                "hours": row.hours,
                "hours_zh": hours_zh,
                "hours_en": hours_en,
            }
        )
    return {
        "algorithm": "Ed25519",
        "keys": list(keys),
        "merchant": listed.merchant.code,
        "name_zh": listed.merchant.name_zh,
        "name_en": listed.merchant.name_en,
        "made_at": now,
        "good_until": now + timedelta(hours=listed.merchant.offline_hours),
        "offers": offers,
        "ready": [
            {
                "hash": codes.code_hash(row.voucher_code),
                "reward": row.reward_code,
                "topup_fen": row.topup_fen,
                "expires_at": row.expires_at,
            }
            for row in listed.ready
        ],
        "void": [codes.code_hash(row.voucher_code) for row in listed.void],
    }
