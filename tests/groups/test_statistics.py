"""Weekly figures and boards over HTTP on both engines: ten and more, once, by one's own wish."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from neighbourhood import NOW, Somebody, Town

from carbon_platform.citizens import accounts
from carbon_platform.citizens.catalogue import consent_texts
from carbon_platform.groups import statistics
from carbon_platform.groups.tables import GroupMember, GroupWeek, RankingWeek
from carbon_platform.identity import persons
from carbon_platform.identity.tables import Consent, Person

# The database does not matter here.
ONE_ENGINE = pytest.mark.parametrize("engine_name", ["sqlite"])

WEEK = "2026-11-09"
COMMUNITY = "411502001001"


def template(town: Town) -> int:
    """One act that went through the pipeline, outside the week under test."""
    person = town.person("template")
    person.agree("xinyang-bus")
    return int(person.ride("template", "2026-10-28T09:00:00+08:00")["id"])


def week_of_acts(town: Town, like: int, holders: list[str], grams: int = 100, **more: Any) -> None:
    rows = [
        {"holder": holder, "day": "2026-11-11", "reduction_g": grams, "region_code": "411502", **more}
        for holder in holders
    ]
    town.clone_acts(like, rows)


def agreeing(session: Any, holders: list[str]) -> None:
    """Accounts that consent to being counted in a group."""
    known = set(session.scalars(sa.select(Person.holder).where(Person.holder.in_(holders))))
    session.add_all(
        Person(openid=f"none:{holder}", nickname=holder, region_code="411502", holder=holder, opened_at=NOW)
        for holder in holders
        if holder not in known
    )
    session.flush()
    text = consent_texts()["platform", "group"]
    agreed = sa.select(Consent.person_id).where(Consent.purpose == "group")
    asked = sa.select(Person.id).where(Person.holder.in_(holders), Person.id.not_in(agreed))
    session.add_all(
        Consent(
            person_id=number, partner="platform", purpose="group", text_version=text.version, channel="test",
            given_at=NOW,
        )
        for number in session.scalars(asked)
    )  # fmt: skip


def club(town: Town, staff: Somebody, kind: str, name: str, holders: list[str]) -> int:
    """A group with these people in it, who agree to it, put in without a sign-in each."""
    town.db.transact(lambda session: agreeing(session, holders))
    made = staff.make("/groups", {"kind": kind, "name": name, "region_code": COMMUNITY})
    rows = [
        {"group_id": made["id"], "kind": kind, "holder": holder, "role": "member", "joined_at": NOW}
        for holder in holders
    ]
    town.db.transact(lambda session: session.execute(sa.insert(GroupMember), rows))
    return int(made["id"])


def released(town: Town) -> dict[str, GroupWeek]:
    outcome, _words = statistics.release_due(town.db, now=town.clock["now"])
    assert outcome == "ok"
    rows = town.db.read(
        lambda session: list(session.scalars(sa.select(GroupWeek).where(GroupWeek.week == WEEK)))
    )
    return {row.scope: row for row in rows}


def test_ten_people_are_published_nine_are_not_and_nothing_is_ever_computed_again(town: Town) -> None:
    like = template(town)
    staff = town.colleague("王敏", "operator")
    people = [f"holder-{number}" for number in range(40)]
    week_of_acts(town, like, people)
    ten = club(town, staff, "community", "三里店社区", people[:10])
    nine = club(town, staff, "company", "演示公司", [*people[10:19], "never-did-anything"])
    weeks = released(town)
    assert (weeks["county:411502"].people, weeks["county:411502"].reduction_g) == (40, 4_000)
    assert (weeks[f"group:{ten}"].people, weeks[f"group:{ten}"].reduction_g) == (10, 1_000)
    assert (weeks[f"group:{nine}"].people, weeks[f"group:{nine}"].withheld) == (None, "few")

    # a late row and a withdrawal change nothing: their difference would be one person
    week_of_acts(town, like, ["latecomer"], grams=777)
    again = released(town)
    assert again["county:411502"].reduction_g == 4_000
    listed = {row["id"]: row for row in staff.get("/groups")["items"]}
    assert listed[ten]["week"]["reduction_g"] == 1_000
    assert listed[nine]["week"]["withheld_zh"] == "不足 10 人，不公布"
    assert listed[ten]["members"] == 10
    assert listed[nine]["members"] == 10


def test_a_group_that_is_another_one_but_for_a_few_is_withheld(town: Town) -> None:
    like = template(town)
    staff = town.colleague("王敏", "operator")
    people = [f"holder-{number}" for number in range(40)]
    week_of_acts(town, like, people)
    large = club(town, staff, "community", "大社区", people[:20])
    nested = club(town, staff, "company", "小单位", people[:15])
    half = club(town, staff, "school", "学校", people[20:30])
    weeks = released(town)
    assert weeks[f"group:{large}"].withheld == ""
    assert weeks[f"group:{nested}"].withheld == "difference"  # large − nested would be five people
    assert weeks[f"group:{half}"].withheld == ""


def test_whoever_is_ranked_protects_nobody(town: Town) -> None:
    like = template(town)
    staff = town.colleague("王敏", "operator")
    ranked = town.person("known", "小知")
    ranked.agree("platform", "ranking")
    people = [f"holder-{number}" for number in range(30)]
    week_of_acts(town, like, [*people, ranked.holder])
    # ten did something, but everybody can take the ranked one's grams off: nine are left
    group = club(town, staff, "community", "社区", [*people[:9], ranked.holder])
    assert released(town)[f"group:{group}"].withheld == "difference"


def test_a_week_is_published_three_days_after_it_ended_and_missed_ones_are_made_up_for(town: Town) -> None:
    like = template(town)
    week_of_acts(town, like, [f"holder-{number}" for number in range(12)])
    town.clock["now"] = NOW - timedelta(days=4)  # Wednesday 18 November: two whole days after the Sunday
    assert released(town) == {}
    town.clock["now"] = NOW + timedelta(days=10)
    assert released(town)["county:411502"].people == 12
    found = town.db.read(lambda session: list(session.scalars(sa.select(GroupWeek.week).distinct())))
    assert WEEK in found


def test_the_board_shows_who_agreed_before_the_release_and_forgets_at_once(town: Town) -> None:
    like = template(town)
    anna, ben, cleo = (town.person(name) for name in ("安娜", "小本", "可儿"))
    elsewhere = town.person("远方", region="411522")
    for person in (anna, ben, elsewhere):
        person.agree("platform", "ranking")
    week_of_acts(town, like, [anna.holder, elsewhere.holder], grams=500)
    week_of_acts(town, like, [ben.holder], grams=800)
    week_of_acts(town, like, [cleo.holder], grams=900)
    released(town)
    board = anna.get("/citizen/ranking")
    assert (board["week"], board["until"], board["joined"]) == (WEEK, "2026-11-15", True)
    assert [(row["place"], row["nickname"], row["reduction_g"]) for row in board["places"]] == [
        (1, "小本", 800),
        (2, "安娜", 500),
    ]
    assert board["own"]["place"] == 2
    assert cleo.get("/citizen/ranking")["joined"] is False

    town.clock["now"] = NOW + timedelta(hours=1)
    cleo.agree("platform", "ranking")  # after the release: not in this week
    assert [row["nickname"] for row in cleo.get("/citizen/ranking")["places"]] == ["小本", "安娜"]
    assert cleo.get("/citizen/ranking")["own"] is None
    mine = next(row["consent_id"] for row in ben.get("/citizen/consents") if row["purpose"] == "ranking")
    assert ben.ask("DELETE", f"/citizen/consents/{mine}").status_code == 204
    assert [row["nickname"] for row in cleo.get("/citizen/ranking")["places"]] == ["安娜"]
    assert cleo.ask("GET", "/citizen/ranking?group_id=999").status_code == 404


def test_a_citizen_joins_one_group_of_a_kind_and_ranks_inside_it(town: Town) -> None:
    like = template(town)
    staff = town.colleague("李村", "village_officer", region="411502001")
    made = staff.make("/groups", {"kind": "community", "name": "义阳社区", "region_code": COMMUNITY})
    outside = staff.post("/groups", {"kind": "school", "name": "外县学校", "region_code": "411522"})
    assert outside.status_code == 404
    anna = town.person("安娜")
    version = anna.version("platform", "group")
    join = {"code": made["invitation"]["code"], "consent_version": version}
    group = anna.make("/citizen/groups", join)
    assert (group["id"], group["members"], group["week"]) == (made["id"], None, None)
    assert anna.post("/citizen/family/members", join).json["code"] == "group.invitation_invalid"
    other = staff.make("/groups", {"kind": "community", "name": "另一社区", "region_code": COMMUNITY})
    twice = anna.post("/citizen/groups", {"code": other["invitation"]["code"], "consent_version": version})
    assert twice.json["code"] == "group.already_in_one"

    anna.agree("platform", "ranking")
    week_of_acts(town, like, [anna.holder, *(f"holder-{number}" for number in range(12))])
    released(town)
    assert [row["own"] for row in anna.get(f"/citizen/ranking?group_id={group['id']}")["places"]] == [True]
    assert anna.get("/citizen/groups")[0]["week"]["withheld"] == "few"
    assert anna.ask("DELETE", f"/citizen/groups/{group['id']}").status_code == 204
    assert anna.ask("DELETE", f"/citizen/groups/{group['id']}").status_code == 404
    assert anna.ask("GET", f"/citizen/ranking?group_id={group['id']}").status_code == 404

    code = staff.make(f"/groups/{made['id']}/invitations")["code"]
    gone = anna.post("/citizen/groups", join)
    assert gone.json["code"] == "group.invitation_invalid"  # the old code is worthless
    anna.make("/citizen/groups", {"code": code, "consent_version": version})
    assert staff.make(f"/groups/{made['id']}/closure", status=200)["id"] == made["id"]
    assert anna.get("/citizen/groups") == []
    colleague = town.colleague("外县", "operator", region="411522")
    assert colleague.post(f"/groups/{other['id']}/closure").status_code == 404


@ONE_ENGINE
def test_the_league_is_ordered_by_grams_per_resident_and_says_how_well_residents_are_known(
    town: Town,
) -> None:
    like = template(town)
    week_of_acts(town, like, [f"shihe-{number}" for number in range(10)], grams=1_000)
    week_of_acts(town, like, [f"gushi-{number}" for number in range(20)], grams=1_000, region_code="411525")
    week_of_acts(town, like, [f"xin-{number}" for number in range(9)], grams=9_000, region_code="411523")
    released(town)
    league = town.app.test_client().get("/api/v1/public/league").json
    lines = {line["county_code"]: line for line in league["lines"]}
    assert len(lines) == 10
    for code, people in (("411502", 10), ("411525", 20)):
        line = lines[code]
        assert line["people"] == people
        assert line["per_10k_g"] == people * 1_000 * 10_000 // line["residents"]
    # fewer residents, so half the grams are still ahead
    assert [line["county_code"] for line in league["lines"][:2]] == ["411502", "411525"]
    assert (lines["411523"]["per_10k_g"], lines["411523"]["withheld_zh"]) == (None, "不足 10 人，不公布")
    assert {line["residents_status"] for line in league["lines"]} == {"secondary", "illustrative"}


@ONE_ENGINE
def test_nobody_signed_in_reads_nothing(town: Town) -> None:
    for path in ("/citizen/family", "/citizen/groups", "/citizen/ranking", "/groups"):
        assert town.app.test_client().get(f"/api/v1{path}").status_code == 401


@ONE_ENGINE
def test_ranking_rows_are_kept_of_the_willing_only(town: Town) -> None:
    like = template(town)
    week_of_acts(town, like, [f"holder-{number}" for number in range(12)])
    released(town)
    kept = town.db.read(lambda session: session.scalar(sa.select(sa.func.count()).select_from(RankingWeek)))
    assert kept == 0


def test_whoever_withdrew_closed_the_account_or_agreed_to_older_words_is_not_counted(town: Town) -> None:
    like = template(town)
    staff = town.colleague("王敏", "operator")
    people = [f"holder-{number}" for number in range(13)]
    week_of_acts(town, like, people, region_code="")
    group = club(town, staff, "community", "三里店社区", people)
    assert staff.get("/groups")["items"][0]["members"] == 13

    def consent_of(session: Any, holder: str) -> Consent:
        found = sa.select(Consent).join(Person, Person.id == Consent.person_id).where(Person.holder == holder)
        return session.scalars(found).one()

    def work(session: Any) -> None:
        consent_of(session, people[0]).withdrawn_at = NOW
        consent_of(session, people[1]).text_version = "1999"
        closing = persons.people_of(session, [people[2]])[people[2]]
        accounts.close(session, persons.actor_of(closing), now=NOW)

    town.db.transact(work)
    week = released(town)[f"group:{group}"]
    assert (week.people, week.reduction_g) == (10, 1_000)
    assert staff.get("/groups")["items"][0]["members"] == 10


@ONE_ENGINE
def test_who_moved_during_the_week_does_not_protect_as_two_people(town: Town) -> None:
    """Five people with acts in two small counties were ten parts, and so a difference of five came out."""
    like = template(town)
    staff = town.colleague("王敏", "operator")
    people = [f"holder-{number}" for number in range(20)]
    week_of_acts(town, like, people[:15], region_code="")
    week_of_acts(town, like, people[15:], region_code="411502")
    week_of_acts(town, like, people[15:], region_code="411522")
    large = club(town, staff, "community", "大社区", people)
    nested = club(town, staff, "company", "小单位", people[:15])
    weeks = released(town)
    assert weeks[f"group:{large}"].withheld == ""
    assert weeks[f"group:{nested}"].withheld == "difference"
