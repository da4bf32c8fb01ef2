"""Ways to points one has not earned, and to lose those one has, and what stands in the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from citizen_points import Books, make_books
from sqlalchemy import event

from carbon_platform import ledger
from carbon_platform.citizens import (
    appeals,
    audits,
    book,
    corrections,
    devices,
    inbox,
    intake,
    points,
    points_simulation,
    purse,
    rewards,
    rules,
)
from carbon_platform.citizens.book import book_account
from carbon_platform.citizens.claims import Claim
from carbon_platform.citizens.inbox_tables import ActRecord
from carbon_platform.citizens.points_errors import AppealCannotCount
from carbon_platform.citizens.points_scheme import PointsRule
from carbon_platform.citizens.points_tables import PUBLISHED, PointsRuleVersion
from carbon_platform.citizens.purse import open_purse
from carbon_platform.citizens.tables import Act, PointsCorrection
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)  # noon in Xinyang
RIDE_G, RIDE_POINTS = 80, 10


@pytest.fixture
def books(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[Books]:
    found = make_books(fresh_database, engine_name, {"thing": 3})
    yield found
    report = found.db.read(ledger.verify)
    assert report.ok, report
    assert found.db.read(book.check_months) == []
    found.db.dispose()


def colleague(number: int, region: str = "4115") -> Actor:
    return Actor(f"同事{number}", "operator", frozenset(), region_code=region, user_id=number)


def take(books: Books, *claims: Claim, now: datetime = NOW) -> list[Act]:
    taken = books.db.transact(lambda session: intake.take_in(session, claims, now=now))
    assert [one.error for one in taken] == [None] * len(claims)
    return [one.act for one in taken]


def ride(actor: Actor, record: str, ago: timedelta = timedelta(hours=3)) -> Claim:
    return Claim(actor.holder, "xinyang-bus", record, "XI14b", NOW - ago)


def plate(actor: Actor, record: str, ago: timedelta = timedelta(hours=3)) -> Claim:
    return Claim(actor.holder, "clean-plate", record, "SH03", NOW - ago)


def rice(actor: Actor, record: str, ago: timedelta = timedelta(hours=3)) -> Claim:
    """A local extra: no gram by declaration, ten points an act."""
    return Claim(actor.holder, "ratoon-rice", record, "BD43", NOW - ago)


def take_back(books: Books, source: str, record: str, now: datetime = NOW) -> tuple[str, str]:
    """(state, reason) of a reversal that went through the inbox."""
    row = {"kind": "reversal", "external_id": record, "reason": "退票"}
    books.db.transact(lambda s: inbox.receive(s, source, [row], now=now))
    inbox.work_through(books.db, lambda: now)
    kept = sa.select(ActRecord.state, ActRecord.reason_code).where(
        ActRecord.record_key == f"reversal:{record}"
    )
    state, reason = books.db.read(lambda s: s.execute(kept).one())
    return state, reason


def stands(books: Books, actor: Actor, now: datetime = NOW) -> tuple[int, int, int, int]:
    """(grams, points that can be spent, points that wait, points owed)."""

    def read(session: Any) -> tuple[int, int, int, int]:
        found = open_purse(session, actor.holder, now=now)
        grams = ledger.balance(session, book_account(actor.holder)).posted
        return grams, found.available, sum(found.pending.values()), sum(found.owed.values())

    return books.db.read(read)


def appealed(books: Books, actor: Actor, act_id: int, now: datetime = NOW) -> int:
    """An appeal that is accepted; the number of the act that counts."""

    def work(session: Any) -> int:
        raised = appeals.raise_appeal(session, actor, act_id=act_id, words="真的坐了", now=now)
        done = appeals.decide(session, colleague(9), raised.id, accept=True, answer="核对过", now=now)
        return int(done.counted_act_id or 0)

    return books.db.transact(work)


def rule(books: Books, **content: Any) -> None:
    """A published rule, in force from the first of the month."""

    def work(session: Any) -> None:
        row = {"grams_per_point": 8, "person_day_points": 100, **content}
        session.add(
            PointsRuleVersion(
                version="test-rule", valid_from="2026-11-01", content=row, source="test",
                status="local-decision", state=PUBLISHED, proposed_by="a", proposed_by_id=1,
                proposed_at=NOW, decided_by="b", decided_by_id=2, decided_at=NOW,
            )
        )  # fmt: skip

    books.db.transact(work)


# Reversals


def test_a_reversal_that_the_ledger_refuses_leaves_nothing_behind(books: Books) -> None:
    actor = books.new_person()
    take(books, plate(actor, "m"))
    books.db.transact(lambda s: rewards.redeem(s, actor, "thing", now=NOW))
    before = stands(books, actor)
    assert before[1:] == (5, 0, 0)
    keys = [book_account(actor.holder)]
    books.db.transact(lambda s: ledger.freeze_by_hand(s, keys=keys, reason="查", by="审计", now=NOW))
    assert take_back(books, "clean-plate", "m") == ("refused", "ledger.account_frozen")
    assert stands(books, actor) == before, "nobody owes for an act that still stands"


def test_an_act_that_became_active_while_somebody_looked_is_withdrawn_as_active(books: Books) -> None:
    """Else the points of another act, which still wait, would be taken in their place."""
    actor = books.new_person()
    looked, other = take(books, ride(actor, "a"), ride(actor, "b", timedelta(hours=1)))
    later = NOW + timedelta(days=1, hours=22)

    def work(session: Any) -> None:
        seen = session.get_one(Act, looked.id)
        assert points.activate_due(session, now=later).entries == 1
        corrections.withdraw_act(
            session, seen.id, note="撤销", actor_name="甲 #1", second_approver="乙 #2", now=later
        )

    books.db.transact(work)
    assert stands(books, actor, later) == (RIDE_G, 0, RIDE_POINTS, 0)
    after = later + timedelta(days=1)
    assert books.run(points.activate_due, after) == 1
    assert stands(books, actor, after) == (RIDE_G, RIDE_POINTS, 0, 0)
    state = books.db.read(lambda s: s.get_one(Act, other.id).points_state)
    assert state == purse.ACTIVE


@pytest.mark.parametrize("days", [0, 3], ids=["provisional", "confirmed"])
def test_what_an_appeal_counted_goes_back_with_the_record(books: Books, days: int) -> None:
    actor = books.new_person()
    now = NOW + timedelta(days=days)
    _, twice = take(books, ride(actor, "first"), ride(actor, "second", timedelta(hours=2, minutes=58)))
    assert twice.status == "not_counted"
    counted = appealed(books, actor, twice.id)
    assert stands(books, actor)[0] == 2 * RIDE_G
    books.run(points.activate_due, now)
    # the bus company itself says that the second ride was not one
    assert take_back(books, "xinyang-bus", "second", now)[0] == "done"
    spendable = stands(books, actor, now)
    assert (spendable[0], spendable[1] + spendable[2]) == (RIDE_G, RIDE_POINTS)
    assert books.db.read(lambda s: s.get_one(Act, counted).withdrawn_at) is not None
    with pytest.raises(corrections.AlreadyWithdrawn):
        books.db.transact(
            lambda s: corrections.reverse_record(s, "xinyang-bus", "second", note="再", now=now)
        )


def test_a_record_that_made_way_and_was_counted_on_appeal_goes_back_too(books: Books) -> None:
    actor = books.new_person()
    own = Claim(actor.holder, "self", "own", "XI14b", NOW - timedelta(hours=3))
    (weak,) = take(books, own)
    take(books, ride(actor, "proven"))
    appealed(books, actor, weak.id)
    assert stands(books, actor)[0] == RIDE_G + RIDE_G // 2
    books.db.transact(
        lambda s: corrections.reverse_record(s, "self", f"{actor.holder}:own", note="撤销", now=NOW)
    )
    assert stands(books, actor)[0] == RIDE_G


# Appeals


def test_an_act_of_which_a_part_counts_is_not_counted_again_on_appeal(books: Books) -> None:
    rule(books, person_day_points=12)
    actor = books.new_person()
    _, meal = take(books, ride(actor, "r"), plate(actor, "p", timedelta(hours=5)))
    assert (meal.status, meal.points) == ("partly", 2), "points are cut, the grams are kept"
    before = stands(books, actor)
    with pytest.raises(AppealCannotCount) as why:
        appealed(books, actor, meal.id)
    assert meal.reason_zh in why.value.message("zh")
    assert stands(books, actor) == before


def test_a_record_its_source_takes_back_meanwhile_is_not_counted_on_appeal(books: Books) -> None:
    actor = books.new_person()
    _, twice = take(books, ride(actor, "first"), ride(actor, "second", timedelta(hours=2, minutes=58)))
    raised = books.db.transact(
        lambda s: appeals.raise_appeal(s, actor, act_id=twice.id, words="真的坐了", now=NOW).id
    )
    later = NOW + timedelta(minutes=1)
    assert take_back(books, "xinyang-bus", "second", later)[0] == "done"

    def decide(accept: bool) -> str:
        return books.db.transact(
            lambda s: appeals.decide(s, colleague(9), raised, accept=accept, answer="核对过", now=later).state
        )

    with pytest.raises(AppealCannotCount) as why:
        decide(accept=True)
    assert "退票" in why.value.message("zh")
    assert decide(accept=False) == "declined"
    # the withdrawal is another matter, and can be contested by itself
    assert stands(books, actor)[0] == RIDE_G
    appealed(books, actor, twice.id, now=later)


def test_a_local_extra_can_be_appealed_and_a_cut_one_counts_in_part(books: Books) -> None:
    rule(books, person_day_points=14, fixed={"BD43": 10})
    actor = books.new_person()
    whole, cut, none = take(books, *(rice(actor, f"r{n}", timedelta(hours=n)) for n in (1, 3, 5)))
    assert [(act.status, act.points) for act in (whole, cut, none)] == [
        ("counted", 10), ("partly", 4), ("not_counted", 0),
    ]  # fmt: skip
    with pytest.raises(AppealCannotCount):
        appealed(books, actor, cut.id)
    assert take_back(books, "ratoon-rice", "r1")[0] == "done"
    counted = appealed(books, actor, none.id)
    assert books.db.read(lambda s: s.get_one(Act, counted).points) == 10
    assert stands(books, actor) == (0, 0, 14, 0)


# Expiry


def test_the_expiry_of_a_lot_waits_for_a_plan_over_it(books: Books) -> None:
    """A withdrawal counts what is there, then posts; what lapses in between would sink it for good."""
    actor = books.new_person()
    lot = "2026-11-21"

    def give(session: Any) -> None:
        moves = [ledger.Move(purse.issued_account(lot), purse.points_account(actor.holder, lot), 10)]
        ledger.post(session, ledger.Entry("gift", "gift", moves, None, "test"), NOW - timedelta(days=9))

    books.db.transact(give)
    with ThreadPoolExecutor(1) as pool:

        def plan(session: Any) -> Any:
            points.lock(session, actor.holder)
            there = ledger.balance(session, purse.points_account(actor.holder, lot)).available
            job = pool.submit(books.db.transact, lambda s: points.expire_due(s, now=NOW))
            time.sleep(0.3)
            moves = [
                ledger.Move(purse.points_account(actor.holder, lot), purse.redeemed_account(lot), there - 6)
            ]
            ledger.post(session, ledger.Entry("plan", "plan", moves, None, "test"), NOW)
            return job

        lapsed = books.db.transact(plan).result()
    assert (lapsed.entries, lapsed.points, lapsed.refused) == (1, 6, ())


# Who may decide, and on whom


def test_people_who_gave_no_county_belong_to_the_whole_city(books: Books) -> None:
    actor = books.new_person(region_code="")
    (act,) = take(books, plate(actor, "m"))
    assert act.region_code == ""
    voucher = books.db.transact(lambda s: rewards.redeem(s, actor, "thing", now=NOW))
    county = colleague(3, "411502")
    wishes = {"withdraw_act": act.id, "refund": voucher.id}
    for kind, number in wishes.items():
        said = {"kind": kind, "number": number, "note": "查无此事", "now": NOW}
        with pytest.raises(NotFound):
            books.db.transact(lambda s, said=said: corrections.propose(s, county, **said))
        made = books.db.transact(lambda s, said=said: corrections.propose(s, colleague(1), **said)).id
        with pytest.raises(NotFound):
            books.db.transact(lambda s, n=made: corrections.decide(s, county, n, approve=True, now=NOW))
        assert len(books.db.read(lambda s: s.scalars(corrections.corrections(county)).all())) == 0
    waiting = books.db.read(lambda s: s.scalars(corrections.corrections(colleague(2))).all())
    assert {row.kind: row.number for row in waiting} == wishes
    for row in sorted(waiting, key=lambda row: row.kind):
        books.db.transact(lambda s, n=row.id: corrections.decide(s, colleague(2), n, approve=True, now=NOW))
    assert stands(books, actor) == (0, 0, 0, 0)


def test_an_audit_puts_wrong_acts_up_wherever_in_the_city_they_are(books: Books) -> None:
    people = [books.new_person(region) for region in ("411502", "411522", "")]
    before = NOW - timedelta(days=25)
    for person in people:
        take(books, ride(person, f"r-{person.holder}", timedelta(days=26)), now=before)

    def work(session: Any) -> None:
        desk = colleague(1, "411502")
        drawn = audits.draw_month(session, source="xinyang-bus", month="2026-10", now=NOW)
        assert drawn is not None
        row = audits.open_audit(session, desk, drawn, now=NOW)
        for item in session.scalars(audits.items_of(row.id)):
            audits.check_item(session, desk, row.id, item.number, verdict="wrong", note="查无", now=NOW)
        audits.conclude(session, desk, row.id, now=NOW)

    books.db.transact(work)
    assert books.db.read(lambda s: len(s.scalars(sa.select(PointsCorrection)).all())) == 3
    # each county decides on its own, the city on those who gave none
    seen = {}
    for region in ("411502", "411522", "4115"):
        listed = corrections.corrections(colleague(2, region))
        seen[region] = len(books.db.read(lambda s, listed=listed: s.scalars(listed).all()))
    assert seen == {"411502": 1, "411522": 1, "4115": 3}


# Audits and simulations see what costs points


def test_acts_with_points_and_no_grams_are_audited_and_simulated(books: Books) -> None:
    actor = books.new_person()
    before = NOW - timedelta(days=25)
    take(books, rice(actor, "sack", timedelta(days=26)), now=before)
    drawn = books.db.read(lambda s: audits.draw_month(s, source="ratoon-rice", month="2026-10", now=NOW))
    assert drawn is not None and drawn.population == 1
    dear = PointsRule("dear", "2026-12-01", 8, 1_000, "local-decision", "test", fixed={"BD43": 700})
    found = books.db.read(lambda s: points_simulation.simulate(s, dear, month="2026-10"))
    assert (found["persons"], found["acts"], found["points_before"], found["points_after"]) == (1, 1, 10, 700)
    assert found["behaviours"] == [{"code": "BD43", "before": 10, "after": 700}]


def test_only_the_head_of_the_last_day_says_what_is_drawn(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor = books.new_person()
    take(books, ride(actor, "r", timedelta(days=26)), now=NOW - timedelta(days=25))

    def seed(day: str, given: str = "") -> str:
        heads = [SimpleNamespace(day=day, block_hash="a" * 64)]
        monkeypatch.setattr(audits.ledger, "signed_heads", lambda *_, **__: heads)
        drawn = books.db.read(
            lambda s: audits.draw_month(s, source="xinyang-bus", month="2026-10", seed=given, now=NOW)
        )
        assert drawn is not None
        return drawn.seed

    assert seed("2026-10-31") == "a" * 64
    assert seed("2026-10-12", "dice") == "dice", "known three weeks before the month was over"
    first, second = seed("2026-10-12"), seed("2026-10-12")
    assert first != second and "2026-10" not in first, "nobody could have known it"


# Accounts under review


def test_points_do_not_lapse_while_a_person_looks_at_the_account(books: Books) -> None:
    rule(books, claim_days=3)
    actor = books.new_person()
    take(books, ride(actor, "r"))

    def look(session: Any) -> int:
        for holder in (actor.holder, "x1", "x2", "x3"):
            review = devices.note(session, kind="device", fingerprint="f", holder=holder, now=NOW)
        assert review is not None
        return int(review.id)

    review = books.db.transact(look)
    ready = NOW + timedelta(days=2)
    told = books.db.read(lambda s: points.claimable(s, actor.holder, now=ready))
    assert told.under_review and told.points == RIDE_POINTS and told.claim_by is None
    assert "正在核查" in told.note_zh and "looking at it" in told.note_en
    fetched = books.db.transact(lambda s: points.claim(s, actor.holder, now=ready, limit=1))
    assert (fetched.entries, fetched.after) == (0, None), "no use in asking again"
    late = NOW + timedelta(days=9)
    assert books.run(points.lapse_unclaimed, late) == 0
    assert stands(books, actor, late)[1:] == (0, RIDE_POINTS, 0)
    books.db.transact(lambda s: devices.decide(s, colleague(1), review, clear=False, note="属实", now=late))
    told = books.db.read(lambda s: points.claimable(s, actor.holder, now=late))
    assert told.under_review and "正在逐笔更正" in told.note_zh and "can be contested" in told.note_en
    books.db.transact(lambda s: devices.decide(s, colleague(1), review, clear=True, note="一家人", now=late))
    waiting = books.db.read(lambda s: points.claimable(s, actor.holder, now=late))
    assert (waiting.under_review, waiting.note_zh) == (False, "")
    assert (waiting.points, waiting.claim_by) == (RIDE_POINTS, late + timedelta(days=3))
    assert books.run(points.lapse_unclaimed, late + timedelta(days=2)) == 0
    assert books.db.transact(lambda s: points.claim(s, actor.holder, now=late)).points == RIDE_POINTS
    assert stands(books, actor, late)[1:] == (RIDE_POINTS, 0, 0)


# Lists


def test_open_vouchers_are_listed_however_many_came_after(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor = books.new_person()
    for day in range(3):
        take(books, plate(actor, f"p{day}", timedelta(days=day, hours=3)))
    made = [books.db.transact(lambda s: rewards.redeem(s, actor, "thing", now=NOW)).id for _ in range(4)]
    sign = {"note": "坏了", "actor_name": "甲 #1", "second_approver": "乙 #2", "now": NOW}
    for number in made[1:]:
        books.db.transact(lambda s, n=number: corrections.refund(s, n, **sign))
    monkeypatch.setattr(rewards, "LISTED", 2)
    listed = books.db.read(lambda s: [row.id for row in rewards.list_redemptions(s, actor)])
    assert listed == [made[3], made[2], made[0]]


def test_a_page_of_points_walks_through_nobody_s_acts(books: Books) -> None:
    """Each line names its act by a key of the table."""
    actor = books.new_person()
    first, second = take(books, ride(actor, "a"), ride(actor, "b", timedelta(hours=1)))
    take_back(books, "xinyang-bus", "a")
    asked: list[tuple[str, Any]] = []

    def listen(_c: Any, _cursor: Any, text: str, given: Any, *_: Any) -> None:
        if "FROM act " in text and "act.record_key IN" in text:
            asked.append((text, given))

    event.listen(books.db.engine, "before_cursor_execute", listen)
    found = books.db.read(lambda s: purse.points(s, actor, now=NOW))
    event.remove(books.db.engine, "before_cursor_execute", listen)
    assert [(line.act.id if line.act else None, line.amount) for line in found.lines] == [
        (first.id, -RIDE_POINTS), (second.id, RIDE_POINTS), (first.id, RIDE_POINTS),
    ]  # fmt: skip
    assert asked
    if books.db.engine.dialect.name == "sqlite":
        text, given = asked[0]
        plan = books.db.read(
            lambda s: s.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", given).all()
        )
        assert "SCAN act" not in str(plan), plan


def test_the_status_of_points_without_grams() -> None:
    reason = rules.Reason("cap_points_day", "上限", "cap")
    assert rules.Verdict(1_000, 0, 0, 4, (reason,)).status == "partly"
    assert rules.Verdict(1_000, 0, 0, 0, (reason,)).status == "not_counted"
