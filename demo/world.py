"""Who exists in the demo: organisations and log-ins. All made up, all marked 演示."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from carbon_platform.citizens.scene_tables import Scene
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.identity.service import add_organisation, add_user

# One password for the whole demo; a production database starts with no log-in at all.
PASSWORD = "xinyang-demo-2026"


@dataclass(frozen=True)
class Login:
    """A demo log-in: who it is, in which role and region, for which organisation."""

    username: str
    display_name: str
    role: str
    region_code: str
    organisation: str


ORGANISATIONS = {
    # name: (kind, region, unified social credit code; the demo codes do not pass the check digit on purpose)
    "信阳市碳资源开发有限公司（演示）": ("operator", "4115", "91411500DEMO00001X"),
    "鼎信集团（演示）": ("group", "4115", "91411500DEMO00002X"),
    "豫南核证中心（演示）": ("verifier", "41", "91410000DEMO00003X"),
    "信阳市生态环境局（演示）": ("bureau", "4115", ""),
    "信阳市林业局（演示）": ("bureau", "4115", ""),
    "淮畔水泥有限公司（演示）": ("enterprise", "411525", "91411525DEMO00004X"),
    "毛尖茶业有限公司（演示）": ("enterprise", "411502", "91411502DEMO00005X"),
    "信阳结算银行（演示）": ("bank", "4115", "91411500DEMO00006X"),
    "信阳公交（演示）": ("partner", "4115", ""),
    "淮畔文化馆（演示）": ("merchant", "411502", ""),
    "碳普惠便利店（演示）": ("merchant", "411502", ""),
    "植绿合作社（演示）": ("merchant", "411522", ""),
}

LOGINS = (
    Login("forestry.shihe", "浉河区林业专干", "forestry_officer", "411502", "信阳市林业局（演示）"),
    Login("forestry.luoshan", "罗山县林业专干", "forestry_officer", "411521", "信阳市林业局（演示）"),
    Login("forestry.guangshan", "光山县林业专干", "forestry_officer", "411522", "信阳市林业局（演示）"),
    Login("forestry.xinxian", "新县林业专干", "forestry_officer", "411523", "信阳市林业局（演示）"),
    Login("forestry.shangcheng", "商城县林业专干", "forestry_officer", "411524", "信阳市林业局（演示）"),
    Login("operator", "碳资源公司经办", "operator", "4115", "信阳市碳资源开发有限公司（演示）"),
    Login("verifier", "核证员", "verifier", "4115", "豫南核证中心（演示）"),
    Login("ecology", "生态环境局审批", "ecology_bureau", "4115", "信阳市生态环境局（演示）"),
    Login("forestry", "林业局审批", "forestry_bureau", "4115", "信阳市林业局（演示）"),
    Login("authority", "参数签署人", "authority", "4115", "信阳市生态环境局（演示）"),
    Login("cement", "水泥厂碳管理员", "enterprise", "411525", "淮畔水泥有限公司（演示）"),
    Login("tea", "茶企碳管理员", "enterprise", "411502", "毛尖茶业有限公司（演示）"),
    Login("dingxin", "鼎信集团财务", "dingxin", "4115", "鼎信集团（演示）"),
    Login("bank", "银行柜面", "bank", "4115", "信阳结算银行（演示）"),
    Login("auditor", "审计员", "auditor", "4115", ""),
    Login("bus", "公交数据专员", "scene_operator", "4115", "信阳公交（演示）"),
    Login("store", "便利店店员", "merchant", "411502", "碳普惠便利店（演示）"),
    Login("culture", "文化馆前台", "merchant", "411502", "淮畔文化馆（演示）"),
    Login("planters", "植绿合作社", "merchant", "411522", "植绿合作社（演示）"),
    Login("village.sanlidian", "李村", "village_officer", "411502001", ""),
    Login("village.second", "赵村", "village_officer", "411502001", ""),
)

OFFICER_OF = {login.region_code: login.username for login in LOGINS if login.role == "forestry_officer"}


def populate(session: Session, *, now: datetime) -> dict[str, int]:
    """Create organisations and log-ins. Returns organisation ids by name."""
    ids = {
        name: add_organisation(
            session, SYSTEM, name_zh=name, kind=kind, region_code=region, credit_code=code, now=now
        ).id
        for name, (kind, region, code) in ORGANISATIONS.items()
    }
    for login in LOGINS:
        add_user(
            session,
            SYSTEM,
            username=login.username,
            password=PASSWORD,
            display_name=login.display_name,
            role=login.role,
            region_code=login.region_code,
            organisation_id=ids.get(login.organisation),
            now=now,
        )
    bus = session.get(Scene, "xinyang-bus")
    if bus is not None:
        bus.organisation_id = ids["信阳公交（演示）"]
    return ids
