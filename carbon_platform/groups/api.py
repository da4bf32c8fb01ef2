"""Families, groups, boards over HTTP."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint

from carbon_platform.groups import clubs, families, members, ranking, schemas
from carbon_platform.groups.families import Gift
from carbon_platform.groups.present import (
    present_board,
    present_family,
    present_gift,
    present_group,
    present_league,
)
from carbon_platform.web import Call, PageArgs, in_transaction, paged, present_page, reading

blp = Blueprint(
    "groups", __name__, url_prefix="/api/v1", description="家庭与团体 Families, groups, ranking, league"
)


@blp.get("/citizen/family")
@reading("citizen.self")
@blp.response(200, schemas.FamilyOut)
def read_family(call: Call) -> Any:
    """我家 The reader's family: who is in, this month's grams, gifts to and from the reader."""
    return present_family(families.read(call.session, call.actor, now=call.now))


@blp.post("/citizen/family")
@in_transaction("citizen.self")
@blp.arguments(schemas.FamilyIn)
@blp.response(201, schemas.FamilyOut)
def open_family(call: Call, payload: dict[str, Any]) -> Any:
    """新建家庭 Open a family of up to eight; the answer holds the first invitation."""
    _, invitation = families.create(call.session, call.actor, now=call.now, **payload)
    return present_family(families.read(call.session, call.actor, now=call.now), invitation)


@blp.post("/citizen/family/invitations")
@in_transaction("citizen.self")
@blp.response(201, schemas.InvitationOut)
def invite_relative(call: Call) -> Any:
    """邀请家人 A new code, good for a week; the one before is worthless."""
    return families.invite(call.session, call.actor, now=call.now)


@blp.post("/citizen/family/members")
@in_transaction("citizen.self")
@blp.arguments(schemas.JoinIn)
@blp.response(201, schemas.FamilyOut)
def join_family(call: Call, payload: dict[str, Any]) -> Any:
    """加入家庭 Join with a relative's code."""
    families.join(
        call.session, call.actor, payload["code"], consent_version=payload["consent_version"], now=call.now
    )
    return present_family(families.read(call.session, call.actor, now=call.now))


@blp.delete("/citizen/family/members/<int:member_id>")
@in_transaction("citizen.self")
@blp.response(204)
def leave_family(call: Call, member_id: int) -> None:
    """退出家庭 Leave, or, as the one who looks after the family, let somebody else leave."""
    families.remove(call.session, call.actor, member_id, now=call.now)


@blp.post("/citizen/family/gifts")
@in_transaction("citizen.self", idempotent=True)
@blp.arguments(schemas.GiftIn)
@blp.response(201, schemas.GiftOut)
def give_points(call: Call, payload: dict[str, Any]) -> Any:
    """送积分 Give points to a relative, within the day's limit; both see it."""
    gift = families.give(call.session, call.actor, payload["member_id"], payload["points"], now=call.now)
    names = members.nicknames(call.session, {gift.giver, gift.receiver})
    return present_gift(Gift(gift, True, names[gift.giver], names[gift.receiver]))


@blp.get("/citizen/groups")
@reading("citizen.self")
@blp.response(200, schemas.GroupOut(many=True))
def list_my_groups(call: Call) -> Any:
    """我的团体 Community, school and company of the reader, each with its newest published week."""
    return [present_group(club) for club in clubs.mine(call.session, call.actor)]


@blp.post("/citizen/groups")
@in_transaction("citizen.self")
@blp.arguments(schemas.JoinIn)
@blp.response(201, schemas.GroupOut)
def join_group(call: Call, payload: dict[str, Any]) -> Any:
    """加入团体 Join with the code the community, school or company hands out; one of each kind."""
    group = clubs.join(
        call.session, call.actor, payload["code"], consent_version=payload["consent_version"], now=call.now
    )
    return present_group(clubs.described(call.session, [group])[0])


@blp.delete("/citizen/groups/<int:group_id>")
@in_transaction("citizen.self")
@blp.response(204)
def leave_group(call: Call, group_id: int) -> None:
    """退出团体 Leave; what was published stays."""
    clubs.leave(call.session, call.actor, group_id, now=call.now)


@blp.get("/citizen/ranking")
@reading("citizen.self")
@blp.arguments(schemas.RankingArgs, location="query")
@blp.response(200, schemas.RankingOut)
def read_ranking(call: Call, args: dict[str, Any]) -> Any:
    """排行 Those who want to be ranked, by nickname, in the reader's county or in a group of the reader's."""
    return present_board(ranking.board(call.session, call.actor, group_id=args["group_id"]))


@blp.get("/public/league")
@reading(None)
@blp.response(200, schemas.LeagueOut)
def read_league(call: Call) -> Any:
    """县区榜 The counties of the newest published week, by grams per 10,000 residents."""
    return present_league(ranking.league(call.session))


@blp.get("/groups")
@reading("group.write")
@blp.arguments(PageArgs, location="query")
@blp.response(200, schemas.GroupsOut)
def list_groups(call: Call, args: dict[str, Any]) -> Any:
    """团体 Communities, schools and companies of the caller's region, newest first; never who is in them."""
    page = paged(call.session, clubs.statement(call.actor), **args)
    return present_page(page, map(present_group, clubs.described(call.session, page.items)))


@blp.post("/groups")
@in_transaction("group.write")
@blp.arguments(schemas.GroupIn)
@blp.response(201, schemas.GroupOut)
def open_group(call: Call, payload: dict[str, Any]) -> Any:
    """新建团体 Open a community, school or company; the answer holds its invitation."""
    group, invitation = clubs.create(call.session, call.actor, now=call.now, **payload)
    return present_group(clubs.described(call.session, [group])[0], invitation)


@blp.post("/groups/<int:group_id>/invitations")
@in_transaction("group.write")
@blp.response(201, schemas.InvitationOut)
def invite_to_group(call: Call, group_id: int) -> Any:
    """换邀请码 A new code for a group, good for a week; the one before is worthless."""
    group = clubs.get(call.session, call.actor, group_id)
    return members.invite(call.session, call.actor, group, now=call.now)


@blp.post("/groups/<int:group_id>/closure")
@in_transaction("group.write")
@blp.response(200, schemas.GroupOut)
def close_group(call: Call, group_id: int) -> Any:
    """关闭团体 Close a group; its members are free for another one."""
    group = clubs.close(call.session, call.actor, group_id, now=call.now)
    return present_group(clubs.described(call.session, [group])[0])
