"""Amounts are exact, lots are whole, and trades conserve both tonnes and money."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from market_world import GS, QUANTITY_KG, World, prepare_world

from carbon_platform import ledger
from carbon_platform.errors import PlatformError
from carbon_platform.market import rules, service


@given(st.integers(1, rules.QUANTITY_MAX_KG // 1000), st.integers(1, rules.PRICE_MAX_FEN_PER_T))
def test_amount_is_tonnes_times_price_and_fits_the_ledger(tonnes: int, price: int) -> None:
    amount = rules.amount_fen(tonnes * 1000, price)
    assert amount == tonnes * price
    assert 0 < amount + tonnes * 1000 <= ledger.MAX_AMOUNT


@given(st.integers(-(10**6), 10**9).filter(lambda kg: kg <= 0 or kg % 1000))
def test_a_part_of_a_tonne_is_refused_with_the_nearest_ones(quantity_kg: int) -> None:
    with pytest.raises(rules.NotWholeTonnes) as caught:
        rules.check_whole_tonnes(quantity_kg)
    if quantity_kg > 0:
        values = caught.value.values
        assert values["lower"] % 1000 == values["upper"] % 1000 == 0
        assert values["lower"] > 0 and quantity_kg < values["upper"] <= quantity_kg + 1000


step = st.one_of(
    st.tuples(st.just("offer"), st.integers(1, 40), st.integers(1, 9_000)),
    st.tuples(st.sampled_from(["alpha", "beta"]), st.integers(0, 5), st.integers(1, 30)),
    st.tuples(st.just("withdraw"), st.integers(0, 5), st.just(0)),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(step, min_size=4, max_size=16))
def test_any_trading_conserves_tonnes_and_money(
    fresh_database: Callable[..., str], steps: list[tuple[str, int, int]]
) -> None:
    world = World(fresh_database("sqlite", prepare_world))
    paid_in = {"alpha": 90_000, "beta": 200_000}
    for who, amount_fen in paid_in.items():
        world.deposit(who, amount_fen)
    actors = {who: world.actor(who) for who in ("operator", "alpha", "beta")}
    bought = {"alpha": 0, "beta": 0}
    spent = {"alpha": 0, "beta": 0}
    for what, first, second in steps:
        try:
            if what == "offer":
                world.db.transact(
                    lambda s, kg=first * 1000, price=second: service.offer(
                        s, actors["operator"], batch_code=GS, quantity_kg=kg, price_fen_per_t=price,
                        now=world.now,
                    )
                )  # fmt: skip
            elif what == "withdraw":
                world.db.transact(
                    lambda s, n=first: service.withdraw(s, actors["operator"], n, now=world.now)
                )
            else:
                trade = world.db.transact(
                    lambda s, who=what, n=first, kg=second * 1000: service.buy(
                        s, actors[who], n, quantity_kg=kg, now=world.now
                    )
                )
                bought[what] += trade.quantity_kg
                spent[what] += trade.amount_fen
        except PlatformError as refusal:
            assert refusal.code.split(".")[0] in {"market", "ledger", "platform"}
    for who in bought:
        assert world.balance(ledger.HOLDING, who, GS) == (bought[who], 0)
        assert world.balance(ledger.CASH, who) == (paid_in[who] - spent[who], 0)
    assert world.balance(ledger.PROCEEDS, "operator") == (sum(spent.values()), 0)
    posted, held = world.balance(ledger.HOLDING, "operator", GS)
    assert posted == QUANTITY_KG[GS] - sum(bought.values())
    offers = world.get("", "/listings", size=100)["items"]
    assert held == sum(item["remaining_kg"] for item in offers)
    world.assert_sound()
    world.close()
