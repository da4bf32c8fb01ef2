"""Tonnes become kilograms of vintages, counties and parcels without gaining or losing one."""

from datetime import date, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from carbon_platform.credits.allocation import ParcelNet, allocate, number, serial, trace, vintages

START, END = date(2024, 1, 1), date(2026, 1, 1)
parcel_lists = st.lists(
    st.tuples(st.sampled_from(["411522", "411523", "411524"]), st.floats(-40, 400, allow_nan=False)),
    min_size=1,
    max_size=25,
).map(lambda rows: [ParcelNet(i + 1, county, net) for i, (county, net) in enumerate(rows)])


@given(parcel_lists.filter(lambda parcels: sum(p.net_t for p in parcels) >= 1))
def test_lots_and_shares_hold_every_kilogram_once(parcels: list[ParcelNet]) -> None:
    issuable_t = int(sum(p.net_t for p in parcels))
    lots = allocate(parcels, issuable_t=issuable_t, start=START, end=END)
    assert sum(lot.quantity_kg for lot in lots) == issuable_t * 1000
    for lot in lots:
        numbers = [n for share in lot.shares for n in (share.first, share.last)]
        assert numbers[0] == 1
        assert numbers[-1] == lot.quantity_kg
        assert all(after.first == before.last + 1 for before, after in zip(lot.shares, lot.shares[1:]))  # noqa: B905
        assert {p.parcel_id for p in parcels if p.net_t <= 0}.isdisjoint(s.parcel_id for s in lot.shares)
        assert all(
            p.county_code == lot.county_code
            for p in parcels
            for s in lot.shares
            if s.parcel_id == p.parcel_id
        )


def test_weights_are_the_net_times_the_days() -> None:
    parcels = [ParcelNet(1, "411522", 60.0), ParcelNet(2, "411523", 30.0), ParcelNet(3, "411523", -15.0)]
    lots = allocate(parcels, issuable_t=75, start=START, end=END)
    assert [(lot.county_code, lot.vintage) for lot in lots] == [
        ("411522", 2024), ("411522", 2025), ("411523", 2024), ("411523", 2025),
    ]  # fmt: skip
    for lot in lots:
        days = {2024: 366, 2025: 365}[lot.vintage]
        net = {"411522": 60, "411523": 15}[lot.county_code]
        exact = Fraction(75_000 * net * days, 75 * 731)
        assert abs(lot.quantity_kg - exact) < 1
    assert all(len(lot.shares) == 1 for lot in lots), "the parcel that emits gets no number"


def test_a_county_that_emits_as_a_whole_gets_nothing() -> None:
    parcels = [ParcelNet(1, "411522", 10.0), ParcelNet(2, "411523", 3.0), ParcelNet(3, "411523", -4.0)]
    lots = allocate(parcels, issuable_t=9, start=date(2025, 1, 1), end=END)
    assert [(lot.county_code, lot.quantity_kg) for lot in lots] == [("411522", 9000)]


@given(
    st.integers(1, 5000),
    st.lists(st.floats(0.001, 50), min_size=1, max_size=8),
    st.lists(st.integers(1, 5000), min_size=2, max_size=2),
)
def test_trace_finds_each_kilogram_of_a_range_in_one_parcel(
    quantity_kg: int, nets: list[float], ends: list[int]
) -> None:
    shares = number(quantity_kg, [ParcelNet(i, "411522", net) for i, net in enumerate(nets)])
    first, last = sorted(min(end, quantity_kg) for end in ends)
    found = trace([(first, last)], shares)
    owner = {n: share.parcel_id for share in shares for n in range(share.first, share.last + 1)}
    counted: dict[int, int] = {}
    for n in range(first, last + 1):
        counted[owner[n]] = counted.get(owner[n], 0) + 1
    assert found == counted


@given(st.dates(date(2019, 1, 1), date(2030, 1, 1)), st.integers(1, 2500))
def test_vintages_cover_the_period_day_by_day(start: date, length: int) -> None:
    days: dict[int, int] = {}
    for offset in range(length):
        year = (start + timedelta(days=offset)).year
        days[year] = days.get(year, 0) + 1
    assert vintages(start, start + timedelta(days=length)) == days


def test_serial_is_a_rendering() -> None:
    code = "XY-PH-camellia_oil_v1-P0001-411522-2024"
    assert serial(code, 1, 1200) == f"{code}-1-1200"
