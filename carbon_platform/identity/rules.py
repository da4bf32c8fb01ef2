"""Who may do what, and where. Values in, values out.

A role grants permissions (this table is the reviewed matrix, a test holds it against every route);
a region code grants the subtree of codes that start with it: ``4115`` the city, ``411522`` 光山县.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from carbon_platform.errors import NotAllowed, PlatformError

ROLES_ZH = {
    "forestry_officer": "林业专干",
    "operator": "碳资源公司经办",
    "verifier": "第三方核证员",
    "ecology_bureau": "生态环境局",
    "forestry_bureau": "林业局",
    "authority": "参数签署人",
    "enterprise": "企业",
    "dingxin": "鼎信集团",
    "bank": "结算银行",
    "auditor": "审计",
    "administrator": "系统管理员",
    "scene_operator": "场景运营方",
    "merchant": "商家",
    "village_officer": "村级经办",
    "citizen": "市民",
}

_LOOK = {
    "claim.read",
    "parcel.read",
    "project.read",
    "run.read",
    "batch.read",
    "explain.read",
    "methodology.read",
    "market.read",
}

PERMISSIONS: dict[str, frozenset[str]] = {
    "forestry_officer": frozenset({"claim.read", "claim.write",
                                   "parcel.read", "parcel.import", "parcel.approve", "parcel.export",
                                   "evidence.write", "evidence.unmask", "land_change.write",
                                   "project.read", "explain.read",
                                   "methodology.read", "run.read", "batch.read"}),
    "operator": frozenset(_LOOK | {"evidence.write",
                                   "project.write", "run.write", "batch.issue", "market.sell", "holding.read",
                                   "holding.cancel",
                                   "distribution.read", "points.correct", "registry.read",
                                   "registry.import",
                                   "points.rule", "scene.read", "scene.self", "scene.write",
                                   "merchant.write", "appeal.decide",
                                   "inclusion.read", "inclusion.write", "person.read", "group.write"}),
    "verifier": frozenset(_LOOK | {"evidence.unmask", "run.review"}),
    "ecology_bureau": frozenset(_LOOK | {"claim.write", "land_change.write",
                                         "run.review", "methodology.approve", "order.read", "order.write",
                                         "distribution.read",
                                         "revenue.read", "registry.read", "points.correct",
                                         "inclusion.read", "scene.read", "scene.approve", "points.publish",
                                         "merchant.approve"}),
    "forestry_bureau": frozenset(_LOOK | {"claim.write",
                                          "evidence.unmask", "land_change.write", "parcel.approve",
                                          "parcel.export", "run.review", "order.read",
                                          "order.write", "distribution.read",
                                          "revenue.read", "registry.read"}),
    "authority": frozenset({"methodology.read", "methodology.sign", "methodology.approve",
                            "explain.read"}),
    "enterprise": frozenset({"market.read", "market.buy", "market.sell", "holding.read", "holding.retire",
                             "holding.cancel", "pledge.read", "pledge.write", "explain.read",
                             "methodology.read", "batch.read"}),
    "dingxin": frozenset(_LOOK | {"revenue.read", "distribution.read", "distribution.write",
                                  "inclusion.read", "scene.read"}),
    "bank": frozenset({"claim.read",
                       "cash.confirm", "market.read", "holding.read", "pledge.read", "pledge.decide"}),
    "auditor": frozenset(_LOOK | {"evidence.unmask", "parcel.export",
                                  "revenue.read", "distribution.read", "audit.read", "holding.read",
                                  "pledge.read", "order.read",
                                  "registry.read", "ledger.prove", "ledger.read",
                                  "ledger.freeze", "inclusion.read", "scene.read"}),
    "scene_operator": frozenset({"scene.read", "scene.self"}),
    "merchant": frozenset({"shop.self"}),
    "village_officer": frozenset({"proxy.write", "group.write"}),
    "administrator": frozenset({"user.write", "audit.read", "ledger.read", "ledger.freeze"}),
    "citizen": frozenset({"citizen.self", "explain.read", "methodology.read"}),
}  # fmt: skip


@dataclass(frozen=True)
class Actor:
    """Who acts. ``holder`` is the opaque name under which the ledger knows the organisation or person."""

    name: str
    role: str
    permissions: frozenset[str]
    region_code: str = ""
    user_id: int | None = None
    person_id: int | None = None
    organisation_id: int | None = None
    holder: str = ""

    # The system itself (jobs, set-up commands): every region, no permission checks of its own.
    SYSTEM_NAME: ClassVar[str] = "system"

    def sees_region(self, code: str) -> bool:
        return bool(self.region_code) and code.startswith(self.region_code)

    def may(self, permission: str) -> bool:
        return permission in self.permissions

    def demand(self, permission: str) -> None:
        """Raise :class:`NotAllowed` unless the role grants the permission."""
        if not self.may(permission):
            raise NotAllowed(role=ROLES_ZH.get(self.role, self.role), permission=permission)


SYSTEM = Actor(name=Actor.SYSTEM_NAME, role="system", permissions=frozenset(), region_code="4115")


class WrongCredentials(PlatformError):
    """The same words whether the name or the password was wrong, or the account is locked."""

    code, status = "identity.wrong_credentials", 401
    zh = "用户名或密码不对，或账户已暂时锁定。连错 5 次会锁 15 分钟。"
    en = "Wrong user name or password, or the account is locked: 5 failures lock it for 15 minutes."


class WeakPassword(PlatformError):
    code, status = "identity.weak_password", 422
    zh = "密码至少 12 个字符。"
    en = "A password needs at least 12 characters."


FAILURES_BEFORE_LOCK = 5
LOCK_MINUTES = 15
STAFF_SESSION_HOURS = 8
CITIZEN_SESSION_DAYS = 7


def check_password(password: str) -> None:
    if len(password) < 12:
        raise WeakPassword
