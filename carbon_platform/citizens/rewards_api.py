"""The citizen API: what points buy, vouchers and their refund, donations."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from flask import g, request
from flask_smorest import Blueprint

from carbon_platform.citizens import codes, purse, refunds, reward_rules, rewards
from carbon_platform.citizens import reward_schemas as schemas
from carbon_platform.citizens.reward_present import (
    can_be_verified,
    present_donation,
    present_redemption,
    present_refusal,
    present_reward,
    signed_code,
)
from carbon_platform.citizens.tables import Redemption
from carbon_platform.config import Settings
from carbon_platform.web import Call, in_transaction, platform, reading

blp = Blueprint("rewards", __name__, url_prefix="/api/v1", description="兑换 Rewards: vouchers, donations")


@blp.get("/citizen/rewards")
@reading(None)
@blp.arguments(schemas.RewardArgs, location="query")
@blp.response(200, schemas.RewardOut(many=True))
def list_rewards(call: Call, args: dict[str, Any]) -> Any:
    """能换什么 The catalogue with what is left; of one kind, the goods list of the convenience stores say."""
    kind = args["kind"]
    if kind == reward_rules.DONATION:
        found = rewards.list_donation_projects(call.session)
    else:
        found = [row for row in rewards.list_rewards(call.session) if kind in ("", row.kind)]
    return [present_reward(row, call.now) for row in found]


def keeping_refusals(view: Callable[..., Any]) -> Callable[..., Any]:
    """A refused exchange takes nothing, so its transaction is undone; the refusal is kept in another one."""

    @functools.wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return view(*args, **kwargs)
        except rewards.REFUSALS as error:
            refused = error
            house, reward = platform(), request.get_json()["reward"]
            key = request.headers["Idempotency-Key"].strip()
            house.db.transact(
                lambda session: rewards.record_refusal(
                    session, g.actor, reward, key, refused, now=house.clock()
                )
            )
            raise

    return wrapper


def shown(redemption: Redemption, settings: Settings) -> dict[str, Any]:
    """A voucher as its holder sees it, with the text of its QR while a shop can verify it."""
    return shown_all([redemption], settings)[0]


def shown_all(redemptions: Sequence[Redemption], settings: Settings) -> list[dict[str, Any]]:
    """As :func:`shown`; the key is read once, and only where there is something to sign."""
    signed: dict[int, str] = {}
    good = [row for row in redemptions if can_be_verified(row)]
    if good:
        key = codes.load_code_key(settings.code_key_path, make=settings.is_demo)
        signed = {row.id: signed_code(row, key) for row in good}
    return [present_redemption(row) | {"signed_code": signed.get(row.id)} for row in redemptions]


@blp.post("/citizen/redemptions")
@keeping_refusals
@in_transaction("citizen.self", idempotent=True)
@blp.arguments(schemas.RedemptionIn)
@blp.response(201, schemas.RedemptionOut)
def redeem(call: Call, payload: dict[str, Any]) -> Any:
    """兑换 Exchange points for a voucher."""
    return shown(rewards.redeem(call.session, call.actor, payload["reward"], now=call.now), call.settings)


@blp.get("/citizen/redemptions")
@reading("citizen.self")
@blp.response(200, schemas.RedemptionOut(many=True))
def list_redemptions(call: Call) -> Any:
    """我换的 The person's vouchers, newest first: all that are open, and the latest others."""
    return shown_all(rewards.list_redemptions(call.session, call.actor), call.settings)


@blp.post("/citizen/redemptions/<int:redemption_id>/refund")
@in_transaction("citizen.self")
@blp.response(200, schemas.RedemptionOut)
def ask_for_refund(call: Call, redemption_id: int) -> Any:
    """退积分 Give an unused voucher back: at once, or when shops without network have been heard."""
    return shown(refunds.ask(call.session, call.actor, redemption_id, now=call.now), call.settings)


@blp.get("/citizen/refusals")
@reading("citizen.self")
@blp.response(200, schemas.RefusalOut(many=True))
def list_refusals(call: Call) -> Any:
    """没换成的 Exchanges that were refused, newest first: they took nothing, and here is why."""
    return [present_refusal(row) for row in purse.refusals(call.session, call.actor)]


@blp.post("/citizen/donations")
@keeping_refusals
@in_transaction("citizen.self", idempotent=True)
@blp.arguments(schemas.DonationIn)
@blp.response(201, schemas.DonationOut)
def donate(call: Call, payload: dict[str, Any]) -> Any:
    """捐给植树 Give points to a project; its sponsor pays. The answer is the receipt."""
    given = rewards.donate(call.session, call.actor, payload["reward"], payload["points"], now=call.now)
    return present_donation(given)


@blp.get("/citizen/donations")
@reading("citizen.self")
@blp.response(200, schemas.DonationsOut)
def list_donations(call: Call) -> Any:
    """我捐的 Projects points can be given to, and what the person gave."""
    return {
        "projects": [present_reward(row, call.now) for row in rewards.list_donation_projects(call.session)],
        "items": [present_donation(row) for row in rewards.list_donations(call.session, call.actor)],
    }
