"""Communities, schools and companies for staff, and the public league of counties."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbon_platform.console.site import asked_page, county, page, pager, said
from carbon_platform.groups import catalogue, clubs, ranking, rules
from carbon_platform.groups.clubs import Club
from carbon_platform.groups.statistics import withheld_words
from carbon_platform.groups.tables import GroupWeek
from carbon_platform.regions.tables import Region
from carbon_platform.web import Call, paged

blp = Blueprint("group_pages", __name__)

PAGE_SIZE = 30
CHOICES = 300


@blp.get("/groups")
@page("group.write")
def group_list(call: Call) -> ResponseReturnValue:
    found = paged(call.session, clubs.statement(call.actor), page=asked_page(), size=PAGE_SIZE)
    k, after_days = catalogue.statistics_rule()
    return render_template(
        "groups.html",
        groups=[_group(call, club, k) for club in clubs.described(call.session, found.items)],
        page=pager(found),
        kinds=[{"code": code, "label": _kind(code)} for code in clubs.KINDS],
        region_code=call.actor.region_code,
        regions=_regions(call),
        k=k,
        after_days=after_days,
        days=catalogue.invitation_days(),
    )


def _regions(call: Call) -> list[dict[str, str]]:
    """Places a group can belong to: what the reader answers for, the largest first."""
    found = (
        sa.select(Region.code, Region.name_zh, Region.name_en)
        .where(
            Region.code.startswith(call.actor.region_code, autoescape=True),
            Region.level.in_(("county", "township", "village")),
            Region.valid_to.is_(None),
        )
        .order_by(sa.func.length(Region.code), Region.code)
        .limit(CHOICES)
    )
    return [{"code": code, "name": said(zh, en)} for code, zh, en in call.session.execute(found)]


def _kind(code: str) -> str:
    kind = catalogue.kinds()[code]
    return said(kind.zh, kind.en)


def _group(call: Call, club: Club, k: int) -> dict[str, Any]:
    region = call.session.get(Region, club.group.region_code)
    return {
        "id": club.group.id,
        "name": club.group.name,
        "kind": _kind(club.group.kind),
        "place": said(region.name_zh, region.name_en) if region else club.group.region_code,
        "members": str(club.members) if club.members is not None else _("不足 %(k)s", k=k),
        "opened_at": club.group.opened_at,
        "week": _week(club.week) if club.week else None,
    }


def _week(row: GroupWeek) -> dict[str, Any]:
    return {
        "from": row.week,
        "until": rules.week_end(row.week),
        "people": row.people,
        "reduction_g": row.reduction_g,
        "withheld": said(*withheld_words(row.withheld)) if row.withheld else "",
    }


@blp.get("/league")
@page(None)
def league(call: Call) -> ResponseReturnValue:
    """Counties by grams per 10,000 residents; anyone may look."""
    found = ranking.league(call.session)
    k, after_days = catalogue.statistics_rule()
    return render_template(
        "league.html",
        week={"from": found.week, "until": rules.week_end(found.week)} if found.week else None,
        lines=[
            {
                "place": line.place,
                "county": county(line.code),
                "people": line.people,
                "reduction_g": line.reduction_g,
                "per_10k_g": line.per_10k_g,
                "residents": line.residents.count,
                "residents_source": line.residents.source,
                "residents_status": line.residents.status,
                "withheld": said(*withheld_words(line.withheld)) if line.withheld else "",
            }
            for line in found.lines
        ],
        k=k,
        after_days=after_days,
        can={"manage": call.actor is not None and call.actor.may("group.write")},
    )
