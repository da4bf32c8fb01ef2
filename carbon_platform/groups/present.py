"""What people read of a family, a group, a board: plain values for the API and the pages."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from carbon_platform.groups import catalogue, rules
from carbon_platform.groups.clubs import Club
from carbon_platform.groups.families import Family, Gift
from carbon_platform.groups.members import Invitation
from carbon_platform.groups.ranking import Board, League
from carbon_platform.groups.statistics import withheld_words
from carbon_platform.groups.tables import GroupWeek


def present_family(family: Family, invitation: Invitation | None = None) -> dict[str, Any]:
    members = [
        {
            "member_id": one.member.id,
            "nickname": one.nickname,
            "role": one.role,
            "own": one.member.id == family.own.id,
            "joined_at": one.member.joined_at,
            "month_g": one.month_g,
        }
        for one in family.relatives
    ]
    return {
        "id": family.group.id,
        "name": family.group.name,
        "opened_at": family.group.opened_at,
        "members_max": catalogue.kinds()[family.group.kind].members_max,
        "member_id": family.own.id,
        "members": members,
        "month_g": sum(one["month_g"] or 0 for one in members),
        "gifts": [present_gift(gift) for gift in family.gifts],
        "gift_rule": asdict(family.rule),
        "left_to_give": family.left_to_give,
        "left_to_get": family.left_to_get,
        "invitation": invitation,
    }


def present_gift(found: Gift) -> dict[str, Any]:
    return {
        "id": found.gift.id,
        "sent": found.sent,
        "giver": found.giver,
        "receiver": found.receiver,
        "points": found.gift.points,
        "given_at": found.gift.given_at,
    }


def present_group(club: Club, invitation: Invitation | None = None) -> dict[str, Any]:
    kind = catalogue.kinds()[club.group.kind]
    return {
        "id": club.group.id,
        "kind": kind.code,
        "kind_zh": kind.zh,
        "kind_en": kind.en,
        "name": club.group.name,
        "region_code": club.group.region_code,
        "opened_at": club.group.opened_at,
        "members": club.members,
        "week": present_week(club.week) if club.week else None,
        "invitation": invitation,
    }


def present_week(row: GroupWeek) -> dict[str, Any]:
    zh, en = withheld_words(row.withheld) if row.withheld else ("", "")
    return {
        "week": row.week,
        "until": rules.week_end(row.week),
        "people": row.people,
        "reduction_g": row.reduction_g,
        "withheld": row.withheld,
        "withheld_zh": zh,
        "withheld_en": en,
        "released_at": row.released_at,
    }


def present_board(board: Board) -> dict[str, Any]:
    return {
        "week": board.week,
        "until": rules.week_end(board.week) if board.week else None,
        "joined": board.joined,
        "consent_version": board.consent_version,
        "places": board.places,
        "own": board.own,
    }


def present_league(league: League) -> dict[str, Any]:
    lines = []
    for line in league.lines:
        zh, en = withheld_words(line.withheld) if line.withheld else ("", "")
        lines.append(
            {
                "place": line.place,
                "county_code": line.code,
                "people": line.people,
                "reduction_g": line.reduction_g,
                "per_10k_g": line.per_10k_g,
                "residents": line.residents.count,
                "residents_source": line.residents.source,
                "residents_status": line.residents.status,
                "withheld_zh": zh,
                "withheld_en": en,
            }
        )
    until = rules.week_end(league.week) if league.week else None
    return {"week": league.week, "until": until, "lines": lines}
