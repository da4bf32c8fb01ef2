"""Why joining, inviting or giving is refused, in words a citizen can use."""

from __future__ import annotations

from carbon_platform.errors import PlatformError


class InvitationInvalid(PlatformError):
    code, status = "group.invitation_invalid", 404
    zh = "这个邀请码不对，或者已经过期。请向家人或组织者要一个新的。"
    en = "This invitation code is wrong or no longer valid. Ask for a new one."


class AlreadyInGroup(PlatformError):
    code, status = "group.already_in_one", 409
    zh = "您已经在一个{kind}里（{name}）。一人同时只能在一个{kind}，先退出再加入。"
    en = "You are in a {kind_en} already ({name}). One at a time: leave it first."


class GroupFull(PlatformError):
    code, status = "group.full", 409
    zh = "“{name}”已经有 {limit} 人，满了。"
    en = "{name} has {limit} members already; it is full."


class NoFamily(PlatformError):
    code, status = "group.no_family", 404
    zh = "您还没有家庭。可以新建一个，或用家人给的邀请码加入。"
    en = "You are in no family. Open one, or join with the code a relative gives you."


class OwnersOnly(PlatformError):
    code, status = "group.owners_only", 403
    zh = "只有家长（建立家庭的人）能做这件事。"
    en = "Only the one who looks after the family may do this."


class GiftToSelf(PlatformError):
    code, status = "group.gift_to_self", 422
    zh = "不能送给自己。"
    en = "A gift needs another person."


class GiftNotCovered(PlatformError):
    code, status = "group.gift_not_covered", 409
    zh = "您能用的积分有 {available} 分，不够送 {points} 分。"
    en = "You have {available} points to spend, fewer than the {points} of the gift."
