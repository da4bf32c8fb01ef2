"""The pipeline: one journey counts once by its best record, a batch is what its claims are singly."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from citizen_points import Books, make_books
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carbon_platform import ledger
from carbon_platform.citizens import book, catalogue, intake, intake_sql, points, rules
from carbon_platform.citizens.assessment import assess
from carbon_platform.citizens.book import book_account
from carbon_platform.citizens.catalogue import ConsentText
from carbon_platform.citizens.claims import CIRCUMSTANCES, Claim
from carbon_platform.citizens.intake import Taken
from carbon_platform.citizens.points_tables import PUBLISHED, PointsRuleVersion
from carbon_platform.citizens.purse import open_purse
from carbon_platform.citizens.scene_tables import Scene
from carbon_platform.citizens.tables import Act
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import give_consent

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)  # noon in Xinyang
MORNING = NOW - timedelta(hours=4)


@pytest.fixture
def books(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[Books]:
    found = make_books(fresh_database, engine_name, {"thing": 3})
    yield found
    report = found.db.read(ledger.verify)
    assert report.ok, report
    assert found.db.read(book.check_months) == []
    found.db.dispose()


def take(books: Books, *claims: Claim, now: datetime = NOW) -> list[Taken]:
    return books.db.transact(lambda session: intake.take_in(session, claims, now=now))


def acts_of(books: Books, actor: Actor) -> list[Act]:
    wanted = sa.select(Act).where(Act.holder == actor.holder).order_by(Act.id)
    return books.db.read(lambda session: list(session.scalars(wanted)))


def balances(books: Books, actor: Actor, now: datetime = NOW) -> tuple[int, int]:
    """(grams, points whether pending or active), from the ledger."""

    def read(session: Any) -> tuple[int, int]:
        purse = open_purse(session, actor.holder, now=now)
        grams = ledger.balance(session, book_account(actor.holder)).posted
        return grams, purse.available + sum(purse.pending.values())

    return books.db.read(read)


def three_records(actor: Actor, number: int) -> list[Claim]:
    """One ride as the bus company, the tourist line and the person tell it."""
    told = (
        ("xinyang-bus", timedelta(0), 1_500),
        ("red-tour-bus", timedelta(minutes=1), 1_400),
        ("self", timedelta(minutes=3), None),
    )
    return [
        Claim(actor.holder, source, f"{number}-{source}", "XI14b", MORNING + late, duration_s=lasts)
        for source, late, lasts in told
    ]


@pytest.mark.parametrize("together", [True, False])
def test_one_journey_from_three_partners_is_one_posted_act_and_two_explained(
    books: Books, together: bool
) -> None:
    for number, order in enumerate(itertools.permutations(range(3))):
        actor = books.new_person()
        told = three_records(actor, number)
        claims = [told[place] for place in order]
        for batch in [claims] if together else [[claim] for claim in claims]:
            assert all(taken.error is None for taken in take(books, *batch))
        found = acts_of(books, actor)
        assert len(found) == 3
        (counts,) = [act for act in found if act.counted_milli and act.withdrawn_at is None]
        assert counts.source != "self"
        for other in found:
            if other is not counts:
                assert other.counted_as_id == counts.id
                assert other.reason_zh or other.withdrawal_note
        assert balances(books, actor) == (80, 10)


def test_what_is_confirmed_makes_way_for_nothing(books: Books) -> None:
    actor = books.new_person()
    bus, _, own = three_records(actor, 1)
    take(books, own)
    week_later = NOW + timedelta(days=7, seconds=1)
    (taken,) = take(books, bus, now=week_later)
    assert (taken.act.status, taken.act.reason_code) == ("not_counted", "overlap")
    assert taken.act.counted_as_id == acts_of(books, actor)[0].id
    assert balances(books, actor, week_later) == (40, 5)


def test_what_becomes_active_while_a_better_record_is_ruled_on_stays(
    fresh_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job that makes points active takes no person's lock. SQLite has one writer: no such moment."""
    books = make_books(fresh_database, "postgresql", {"thing": 3})
    actor = books.new_person()
    bus, _, own = three_records(actor, 1)
    take(books, own)
    # more points that wait in the same lot: undoing what is active would take these
    take(books, Claim(actor.holder, "self", "another", "SH03", NOW - timedelta(hours=1)))
    before = NOW + timedelta(days=7, seconds=-1)
    monkeypatch.setattr(rules, "check_time", lambda *_: None)
    hold, calls = intake_sql.hold, []

    def late(connection: Any, acts: Any) -> None:
        if not calls:  # the job's clock is a little further
            books.db.transact(lambda s: points.activate_due(s, now=MORNING + timedelta(days=8)))
        calls.append(len(acts))
        hold(connection, acts)

    monkeypatch.setattr(intake_sql, "hold", late)
    (taken,) = take(books, bus, now=before - timedelta(hours=4))
    assert calls == [1]
    assert (taken.act.status, taken.act.reason_code) == ("not_counted", "overlap")
    states = [act.points_state for act in acts_of(books, actor)]
    assert states[0] == "active", states
    assert books.db.read(ledger.verify).ok
    books.db.dispose()


def test_an_impossible_record_takes_nothings_place(books: Books) -> None:
    actor = books.new_person()
    take(books, Claim(actor.holder, "self", "1", "XI14b", MORNING))
    fast = Claim(actor.holder, "xinyang-bus", "2", "XI14", MORNING, distance_m=60_000, duration_s=600)
    (taken,) = take(books, fast)
    assert taken.act.status == "not_counted"
    assert balances(books, actor) == (40, 5)


def test_the_same_meal_from_two_sources_counts_once_and_by_the_better(books: Books) -> None:
    actor = books.new_person()
    take(books, Claim(actor.holder, "self", "1", "SH03", MORNING))
    (taken,) = take(books, Claim(actor.holder, "clean-plate", "2", "SH03", MORNING + timedelta(seconds=90)))
    assert taken.act.status == "counted"
    (own, _) = acts_of(books, actor)
    assert (own.counted_as_id, own.points_state) == (taken.act.id, "withdrawn")
    assert balances(books, actor) == (70, 8)
    # the next meal is another one
    take(books, Claim(actor.holder, "self", "3", "SH03", MORNING + timedelta(hours=3)))
    assert balances(books, actor) == (105, 12)


def test_freed_caps_are_free_for_what_comes_next(books: Books) -> None:
    """Six own rides fill the day; each makes way for a proven one, and the cap holds them all."""
    actor = books.new_person()
    hours = [NOW - timedelta(hours=2 + number) for number in range(6)]
    take(books, *(Claim(actor.holder, "self", f"s{n}", "XI14b", at) for n, at in enumerate(hours)))
    assert balances(books, actor) == (240, 30)
    take(books, *(Claim(actor.holder, "xinyang-bus", f"b{n}", "XI14b", at) for n, at in enumerate(hours)))
    assert balances(books, actor) == (480, 60)


def test_two_people_in_one_batch_have_their_own_caps_and_one_record(books: Books) -> None:
    first, second = books.new_person(), books.new_person()
    at = [NOW - timedelta(hours=1 + n) for n in range(8)]
    claims = [
        Claim(actor.holder, "xinyang-bus", f"{actor.holder}-{n}", "XI14b", when)
        for n, when in enumerate(at)
        for actor in (first, second)
    ]
    taken = take(books, *claims, Claim(second.holder, "xinyang-bus", f"{first.holder}-0", "XI14b", at[0]))
    assert taken[-1].error is not None
    assert taken[-1].error.code == "act.conflict"
    assert balances(books, first) == balances(books, second) == (480, 60)


def test_one_bad_claim_touches_no_other(books: Books) -> None:
    actor = books.new_person()
    good = Claim(actor.holder, "xinyang-bus", "good", "XI14b", MORNING)
    bad = [
        Claim(actor.holder, "metro", "a", "XI14b", MORNING),
        Claim("nobody", "xinyang-bus", "b", "XI14b", MORNING),
        Claim(actor.holder, "xinyang-bus", "c", "SH03", MORNING),
        Claim(actor.holder, "xinyang-bus", "d", "XI14", MORNING),
        Claim(actor.holder, "xinyang-bus", "e", "XI14", MORNING, distance_m=-5),
        Claim(actor.holder, "xinyang-bus", "f", "XI14b", NOW + timedelta(seconds=1)),
        Claim(actor.holder, "xinyang-bus", "g", "XI14b", NOW - timedelta(days=31, seconds=1)),
    ]
    taken = take(books, *bad, good, good)
    codes = [one.error.code if one.error else "" for one in taken]
    assert codes == [
        "act.source_unknown", "citizen.account_not_open", "act.behaviour_not_offered",
        "act.quantity_invalid", "act.quantity_invalid", "act.in_future", "act.too_old", "", "",
    ]  # fmt: skip
    assert [one.repeated for one in taken[-2:]] == [False, True]
    assert taken[-1].act_id == taken[-2].act_id
    assert balances(books, actor) == (80, 10)


def cap_rule(books: Books, **content: Any) -> None:
    """A published rule with further caps, in force from the day before."""

    def work(session: Any) -> None:
        row = {"grams_per_point": 8, "person_day_points": 1_000, **content}
        session.add(
            PointsRuleVersion(
                version="test-caps", valid_from="2026-11-20", content=row, source="test",
                status="local-decision", state=PUBLISHED, proposed_by="a", proposed_by_id=1,
                proposed_at=NOW, decided_by="b", decided_by_id=2, decided_at=NOW,
            )
        )  # fmt: skip

    books.db.transact(work)


def test_caps_cut_behaviour_first_then_category_then_person(books: Books) -> None:
    cap_rule(
        books,
        caps=[
            {"scope": "category", "span": "day", "grams": 500, "codes": ["行"]},
            {"scope": "person", "span": "day", "grams": 560},
            {"scope": "person", "span": "week", "points": 65},
        ],
    )
    actor = books.new_person()
    far = Claim(actor.holder, "xinyang-bus", "far", "XI14", MORNING, distance_m=8_400, duration_s=1_500)
    (taken,) = take(books, far)
    assert (taken.act.reduction_g, taken.act.reason_code) == (500, "cap_grams_category_day")
    assert taken.act.creditable_g <= taken.act.reduction_g
    assert taken.act.points == 62
    (plate,) = take(books, Claim(actor.holder, "clean-plate", "p", "SH03", MORNING))
    assert plate.act.reason_code == "cap_grams_day"
    assert (plate.act.reduction_g, plate.act.points) == (60, 3)
    # grams of the week before yesterday count against the week's points
    yesterday = Claim(actor.holder, "clean-plate", "q", "SH03", MORNING - timedelta(days=1))
    (late,) = take(books, yesterday)
    assert (late.act.reduction_g, late.act.points) == (70, 0)
    assert balances(books, actor) == (630, 65)


def test_every_code_with_a_figure_is_taken_in(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scene that reports the whole catalogue; each act is worth what the methodology says of it alone."""
    offered = [behaviour for behaviour in catalogue.behaviours().values() if not behaviour.pending]
    actor = books.new_person()
    texts = {**catalogue.consent_texts(), ("all", "acts"): ConsentText("all", "acts", "1", "全", "all")}
    monkeypatch.setattr(catalogue, "consent_texts", lambda: texts)

    def scene(session: Any) -> None:
        session.add(
            Scene(
                code="all", name_zh="全目录", name_en="all", operator_zh="测", organisation_id=None,
                local=False, behaviours=[b.code for b in catalogue.behaviours().values()],
                evidence_percent=100, creditable=True, observation_days=2, observation_from="act",
                observation_source="test", observation_status="local-decision", source="test",
                status="local-decision", state="active", changed_at=NOW,
            )
        )  # fmt: skip
        give_consent(session, actor, partner="all", purpose="acts", text_version="1", channel="test", now=NOW)

    books.db.transact(scene)
    given = {"avoided_km": 12.5, "meeting_h": 1.5, "saved_kwh_per_year": 45.0}
    assert {column for column, _ in CIRCUMSTANCES.values()} == set(given)
    for number, behaviour in enumerate(offered):
        milli = 1_000 if behaviour.whole else 1_500
        distance = catalogue.is_distance(behaviour)
        circumstances = {name: given[name] for name in behaviour.needs}
        claim = Claim(
            actor.holder, "all", f"r-{number}", behaviour.code,
            NOW - timedelta(days=1 + number % 28, hours=number // 28),
            quantity_milli=None if distance else milli, distance_m=milli if distance else None,
            circumstances=circumstances,
        )  # fmt: skip
        (taken,) = take(books, claim)
        assert taken.error is None, (behaviour.code, taken.error)
        alone = assess(
            catalogue.methodology(), behaviour.code, milli, taken.act.day, sorted(circumstances.items())
        )
        assert taken.act.claimed_g == rules.graded_g(alone.points_g, 100), behaviour.code
        assert taken.act.input_digest == alone.quantification.input_digest
        assert taken.act.creditable_g <= taken.act.reduction_g <= taken.act.claimed_g
    assert len(offered) >= 40
    # what has no figure is refused by name
    pending = next(b for b in catalogue.behaviours().values() if b.pending)
    (refused,) = take(books, Claim(actor.holder, "all", "none", pending.code, MORNING))
    assert refused.error is not None
    assert refused.error.code == "act.behaviour_not_offered"


def test_an_act_that_saves_nothing_says_so() -> None:
    needs = catalogue.behaviours()["BG32"].needs
    assert set(needs) == {"avoided_km", "meeting_h"}
    verdict = rules.settle(
        claimed_milli=1_000, counted_milli=1_000, quantity_reason=None, points_g=0, creditable_g=0,
        caps=catalogue.caps_of(catalogue.behaviours()["BG32"]), used=rules.Used(),
        rule=catalogue.points_rules()[0],
    )  # fmt: skip
    assert (verdict.status, verdict.reasons[0].code) == ("not_counted", "nothing_saved")


SOURCES = {"xinyang-bus": ("XI14", "XI14b"), "clean-plate": ("SH03",), "self": ("XI16", "XI17", "SH03")}


@st.composite
def told(draw: st.DrawFn) -> tuple[str, str, int, int, str]:
    """(source, behaviour, minutes ago, metres or units, record)."""
    source = draw(st.sampled_from(sorted(SOURCES)))
    behaviour = draw(st.sampled_from(SOURCES[source]))
    minutes = draw(st.integers(10, 3_000))
    amount = (
        draw(st.integers(150, 12_000)) if behaviour in {"XI14", "XI16", "XI17"} else draw(st.integers(1, 4))
    )
    return source, behaviour, minutes, amount, f"r{draw(st.integers(0, 9))}"


def claims_for(actor: Actor, rows: Sequence[tuple[str, str, int, int, str]]) -> list[Claim]:
    made = []
    for source, behaviour, minutes, amount, record in rows:
        by_way = behaviour in {"XI14", "XI16", "XI17"}
        made.append(
            Claim(
                actor.holder, source, f"{actor.person_id}-{record}", behaviour,
                NOW - timedelta(minutes=minutes),
                quantity=None if by_way else (1 if behaviour == "XI14b" else amount),
                distance_m=amount if by_way else None,
                duration_s=900 if by_way else None,
            )
        )  # fmt: skip
    return made


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_a_batch_is_what_its_claims_are_one_by_one(books: Books) -> None:
    """Two people tell the same; one as a batch, the other claim by claim, the best evidence first."""
    percent = {code: source.evidence_percent for code, source in catalogue.sources().items()}

    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(told(), min_size=1, max_size=14))
    def same(rows: list[tuple[str, str, int, int, str]]) -> None:
        rows = sorted(rows, key=lambda row: -percent[row[0]])
        at_once, singly = books.new_person(), books.new_person()
        batch = take(books, *claims_for(at_once, rows))
        one_by_one = [take(books, claim)[0] for claim in claims_for(singly, rows)]
        for ours, theirs in zip(batch, one_by_one, strict=True):
            assert (ours.repeated, ours.error and ours.error.code) == (
                theirs.repeated,
                theirs.error and theirs.error.code,
            )
        mine, others = (
            [
                (a.behaviour, a.day, a.status, a.reason_code, a.counted_milli, a.reduction_g, a.creditable_g,
                 a.points, a.formula_zh, a.points_state, a.withdrawn_at is None, a.input_digest)
                for a in acts_of(books, actor)
            ]
            for actor in (at_once, singly)
        )  # fmt: skip
        assert mine == others
        assert balances(books, at_once) == balances(books, singly)
        kept = [act for act in acts_of(books, at_once) if act.withdrawn_at is None]
        assert sum(act.creditable_g for act in kept) <= sum(act.reduction_g for act in kept)
        assert balances(books, at_once)[0] == sum(act.reduction_g for act in kept)

    same()
