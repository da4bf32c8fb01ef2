"""Every role at every door: what the permission table says is what the running platform does (both engines).

The matrix is generated from the routes. Three things in this file are written by hand and meant to be
reviewed: the public routes, who holds which permission, and what hostile addresses look like.
"""

from __future__ import annotations

import io
import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
import sqlalchemy as sa
from flask import Flask
from flow_house import House
from inclusion_things import inclusion_things
from PIL import Image
from scene_things import scene_things
from shop_things import shop_things
from village_things import village_things
from werkzeug.routing import Rule

from carbon_platform import ledger
from carbon_platform.citizens import inbox_sql, refusals
from carbon_platform.citizens.errors import WithdrawnBefore
from carbon_platform.citizens.inbox_sql import NewRecord
from carbon_platform.citizens.inbox_tables import ActRefusal
from carbon_platform.citizens.refusals import Refused
from carbon_platform.citizens.tables import Act
from carbon_platform.citizens.truth_tables import Appeal, AuditItem, SourceAudit
from carbon_platform.identity.rules import PERMISSIONS, SYSTEM
from carbon_platform.identity.service import add_user
from carbon_platform.ledger import Head
from carbon_platform.web import platform
from demo.client import Person, sign_in, sign_in_citizen
from demo.story import Told
from demo.world import LOGINS, PASSWORD

pytestmark = pytest.mark.xdist_group("flows")

# Routes anyone may ask. Each one shows only what is meant for the public, or asks who it is by itself.
PUBLIC = {
    "POST /api/v1/sessions",
    "DELETE /api/v1/sessions/current",
    "GET /api/v1/me",
    "POST /api/v1/citizen/sessions",
    "GET /api/v1/citizen/behaviours",
    "GET /api/v1/citizen/consents/text",
    "GET /api/v1/citizen/rewards",
    "GET /api/v1/points/rules",
    "GET /api/v1/audits/rates",
    "GET /api/v1/regions",
    "GET /api/v1/regions/all",
    "GET /api/v1/regions/<string:code>",
    "GET /api/v1/regions/counties.geojson",
    "GET /api/v1/methodologies",
    "GET /api/v1/methodologies/<key>",
    "GET /api/v1/batches",
    "GET /api/v1/batches/<code>",
    "GET /api/v1/listings",
    "GET /api/v1/listings/<int:listing_id>",
    "GET /api/v1/listings/<int:listing_id>/split",
    "GET /api/v1/public/league",
    "GET /api/v1/inclusion/loop",
    # signed by a partner's key
    "POST /api/v1/partner/acts",
    "POST /api/v1/partner/reversals",
    "POST /api/v1/partner/bindings",
    "GET /api/v1/partner/pushes/<int:push_id>",
    "POST /api/v1/partner/reconciliations",
    "GET /api/v1/partner/reconciliations",
    "GET /api/v1/public/ledger/heads",
    "GET /api/v1/public/ledger/heads/<day>",
    "GET /api/v1/public/ledger/key",
    "GET /api/v1/public/retirements",
    "GET /api/v1/public/certificates/<number>",
    "GET /api/v1/public/certificates/<number>/parcels.geojson",
    "GET /api/v1/retirements/<number>/certificate.pdf",
    "GET /api/v1/explain/<kind>/<ref>",
}
# Who holds what. The same table as in identity/rules.py, turned round and written a second time.
EVERYBODY_AT_WORK = "operator verifier ecology_bureau forestry_bureau dingxin auditor"
HOLDERS = {
    "claim.read": f"forestry_officer bank {EVERYBODY_AT_WORK}",
    "claim.write": "forestry_officer ecology_bureau forestry_bureau",
    "parcel.import": "forestry_officer",
    "parcel.export": "forestry_officer forestry_bureau auditor",
    "parcel.approve": "forestry_officer forestry_bureau",
    "land_change.write": "forestry_officer ecology_bureau forestry_bureau",
    "evidence.write": "forestry_officer operator",
    "evidence.unmask": "forestry_officer verifier forestry_bureau auditor",
    "parcel.read": f"forestry_officer {EVERYBODY_AT_WORK}",
    "project.read": f"forestry_officer {EVERYBODY_AT_WORK}",
    "project.write": "operator",
    "run.read": f"forestry_officer {EVERYBODY_AT_WORK}",
    "run.write": "operator",
    "run.review": "verifier ecology_bureau forestry_bureau",
    "methodology.read": f"forestry_officer authority enterprise citizen {EVERYBODY_AT_WORK}",
    "explain.read": f"forestry_officer authority enterprise citizen {EVERYBODY_AT_WORK}",
    "methodology.sign": "authority",
    "methodology.approve": "authority ecology_bureau",
    "batch.issue": "operator",
    "holding.read": "operator enterprise auditor bank",
    "holding.retire": "enterprise",
    "holding.cancel": "operator enterprise",
    "pledge.read": "enterprise bank auditor",
    "pledge.write": "enterprise",
    "pledge.decide": "bank",
    "order.read": "ecology_bureau forestry_bureau auditor",  # never a party of the market
    "order.write": "ecology_bureau forestry_bureau",
    "market.read": f"enterprise bank {EVERYBODY_AT_WORK}",
    "market.sell": "operator enterprise",
    "market.buy": "enterprise",
    "cash.confirm": "bank",
    "distribution.read": "operator ecology_bureau forestry_bureau dingxin auditor",
    "distribution.write": "dingxin",
    "revenue.read": "ecology_bureau forestry_bureau dingxin auditor",
    "citizen.self": "citizen",
    "person.read": "operator",
    "audit.read": "auditor administrator",
    "registry.read": "operator ecology_bureau forestry_bureau auditor",
    "registry.import": "operator",
    "ledger.prove": "auditor",
    "ledger.read": "auditor administrator",
    "ledger.freeze": "auditor administrator",
    "points.correct": "operator ecology_bureau",
    "points.rule": "operator",
    "points.publish": "ecology_bureau",
    "appeal.decide": "operator",
    "scene.read": "scene_operator operator ecology_bureau dingxin auditor",
    "scene.self": "scene_operator operator",
    "scene.write": "operator",
    "scene.approve": "ecology_bureau",
    "shop.self": "merchant",
    "merchant.write": "operator",
    "merchant.approve": "ecology_bureau",
    "inclusion.read": "operator ecology_bureau dingxin auditor",
    "inclusion.write": "operator",
    "proxy.write": "village_officer",
    "group.write": "operator village_officer",
}
# Complete without a body; tested with the identity room and with accounts.
ENDS_THE_SESSION = {"DELETE /api/v1/sessions/current", "POST /api/v1/citizen/account/closure"}
HOSTILE_TEXT = ["nope", "%00", "a%00b", "%F0%9F%8C%B1", "%ED%A0%80", "%FF", "a" * 300, "%27%20OR%201%3D1--",
                "..%2F..%2Fetc%2Fpasswd", "%25", "-1", "%0A"]  # fmt: skip
HOSTILE_NUMBER = ["0", "-1", "999999999", str(2**63 - 1), str(2**63), str(10**30), "1.5", "%00"]
JSON = {"content_type": "application/json"}
BODIES: list[dict[str, Any]] = [
    {},
    {"json": {}},
    {"json": []},
    {"json": "text"},
    {"json": {"nobody_knows": 1}},
    {"data": rb'{"\u0000": "\u0000", "\ud800": "\ud800"}', **JSON},
    {"data": b"", **JSON},
    {"data": b"null", **JSON},
    {"data": b"{", **JSON},
    {"data": b"\xff\xfe", **JSON},
    {"data": b'{"a": NaN, "a": 1e999}', **JSON},
    {"data": b"[" * 100_000, **JSON},
    {"data": b'{"rows": ' + b"[" * 400 + b"]" * 400 + b"}", **JSON},
    {"data": b'{"selection": ' + b'{"a": ' * 900 + b"1" + b"}" * 901, **JSON},
    {"data": b"<a/>", "content_type": "text/xml"},
    {"data": {"file": "text"}, "content_type": "multipart/form-data"},
    {"data": b"--x", "content_type": "multipart/form-data; boundary=x"},
    {"data": b"\x00,\x00\n\xff", "content_type": "text/csv"},
]
# Addresses that ask for something more before they answer with 200.
QUERY = {
    "GET /api/v1/ledger/statement": "?role=cash",
    "GET /api/v1/public/retirements": "?number=XY-C2026-000001",
    "GET /api/v1/parcels.geojson": "?bbox=114,31,116,33",
    "GET /api/v1/listings/<int:listing_id>/split": "?quantity_kg=1000",
    "GET /api/v1/parcels/<string:code>/state": "?on=2026-11-22",
    "GET /api/v1/citizen/consents/text": "?partner=xinyang-bus&version=2026-11",
}


@dataclass(frozen=True)
class Route:
    """One method of one address."""

    method: str
    rule: Rule
    declared: Any

    @property
    def name(self) -> str:
        return f"{self.method} {self.rule.rule}"


def routes_of(app: Flask) -> list[Route]:
    found = []
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/v1/"):
            view = app.view_functions[rule.endpoint]
            by_method = getattr(view, "view_class", None)
            for method in sorted(rule.methods or ()):
                if method not in {"HEAD", "OPTIONS"}:
                    handler = getattr(by_method, method.lower()) if by_method else view
                    found.append(Route(method, rule, getattr(handler, "declared", None)))
    return sorted(found, key=lambda route: route.name)


@pytest.fixture(scope="session")
def signed_in() -> dict[str, dict[str, Person]]:
    return {}


@pytest.fixture
def people(
    engine_name: str, house: House, told: Told, signed_in: dict[str, dict[str, Person]]
) -> dict[str, Person]:
    """One signed-in person per role; the citizen is the one of the story."""
    if engine_name not in signed_in:
        admin = {"username": "admin", "password": PASSWORD, "display_name": "系统管理员"}
        scope = {"role": "administrator", "region_code": "4115", "organisation_id": None}
        house.db.transact(lambda s: add_user(s, SYSTEM, **admin, **scope, now=datetime.now(UTC)))
        found = {login.role: sign_in(house.http, login.username) for login in reversed(LOGINS)}
        found["forestry_officer"] = sign_in(house.http, "forestry.guangshan")
        found["administrator"] = sign_in(house.http, "admin")
        found["citizen"] = sign_in_citizen(house.http, "demo-xiaoman", "小满")
        assert set(found) == set(PERMISSIONS)
        signed_in[engine_name] = found
    return signed_in[engine_name]


@pytest.fixture
def things(house: House, told: Told, people: dict[str, Person]) -> dict[str, str]:
    """Something that exists, for each argument of an address."""
    head = seal_and_sign(house)
    run = told.runs["camellia"]["code"]
    trade = told.trades[0]
    offer = people["operator"].get("/api/v1/listings")["items"][0]  # still open: others may have been sold
    parcel = people["operator"].get("/api/v1/parcels")["items"][0]["code"]
    people["verifier"].post(f"/api/v1/runs/{run}/uncertainty", {})
    return {
        "/acts/": str(told.citizen["ride"]["id"]),
        "/rule-versions/": "points-2026-1",
        "/campaigns/": "1",
        **contested_and_drawn(house, told.citizen["ride"]["id"]),
        "/account-reviews/": "1",
        "/batches/": told.batches[0]["code"],
        "/consents/": "1",
        "/corrections/": "1",
        "/distributions/": told.distributions[0]["code"],
        "/entries/": "1",
        "/freezes/": "1",
        "/evidence/": handed_in(people["operator"], parcel),
        "/explain/": run,
        "/heads/": head.day,
        "/land-changes/": imported_change(people["forestry_bureau"]),
        "/listings/": str(offer["id"]),
        "/methodologies/": "camellia_oil_v1",
        "/parameter-previews/": asked_preview(people["authority"]),
        "/parameter-proposals/": "1",
        "/parcel-exports/": asked_export(people["forestry_officer"]),
        "/parcel-imports/": str(told.imports[0]["staged"]["id"]),
        "/parcels/": parcel,
        "/tiles/parcels/": "0",
        "/projects/": told.projects["camellia"]["code"],
        **imported_registry(people["operator"]),
        "/outside-claims/": declared_claim(people["ecology_bureau"]),
        "/pledges/": told.pledge["number"],
        "/invalidations/": proposed_invalidation(told, people),
        "/cancellation-orders/": "XY-Q2026-000001",
        "certificates/": told.certificate["certificate_number"],
        "/regions/": "411522",
        "/retirements/": told.certificate["certificate_number"],
        "/runs/": run,
        "/sheets/": f"{run}:{people['verifier'].get(f'/api/v1/runs/{run}/rows')['items'][0]['parcel_code']}",
        "/trades/": trade["code"],
        **scene_things(house.db),
        **shop_things(house.db),
        **inclusion_things(house.db, people["citizen"].headers),
        **village_things(house.app, people["village_officer"].headers, people["citizen"].headers),
    }


def contested_and_drawn(house: House, act_id: int) -> dict[str, str]:
    """An appeal about the act, and an audit that drew it: its month is not over, so both are put in."""

    def work(session: Any) -> dict[str, str]:
        act = session.get_one(Act, act_id)
        appeal = session.scalar(sa.select(Appeal))
        if appeal is None:
            appeal = Appeal(
                holder=act.holder, region_code=act.region_code, act_id=act_id, reason_code="", words="不对",
                state="open", raised_at=act.reported_at,
            )  # fmt: skip
            drawn = SourceAudit(
                source=act.source, month=act.day[:7], seed="s", percent=1, least=1, most=1, population=1,
                drawn=1, state="open", suspended=False, opened_by="test", opened_at=act.reported_at,
            )  # fmt: skip
            session.add_all([appeal, drawn])
            session.flush()
            session.add(AuditItem(audit_id=drawn.id, number=1, act_id=act_id))
        audit = session.scalars(sa.select(SourceAudit)).one()
        why = WithdrawnBefore(source=act.source, external_id="matrix-1")
        refusals.keep(session, [Refused(act.holder, act.source, why, "matrix-1", {})], now=act.reported_at)
        refused = session.scalar(sa.select(ActRefusal.id).where(ActRefusal.external_id == "matrix-1"))
        waiting = NewRecord("matrix-1", "act", act.holder, "{}", "")
        inbox_sql.add(session.connection(), act.source, [waiting], None, act.reported_at)
        receipt = inbox_sql.find(session.connection(), act.source, ["matrix-1"])["matrix-1"].inbox_id
        found = {"/refused-acts/": str(refused), "/appeals/": str(appeal.id), "/audits/": str(audit.id)}
        return found | {"/items/": "1", "/receipts/": str(receipt)}

    return platform(house.app).db.transact(work)


def asked_export(officer: Person) -> str:
    """One parcel as a file: ready at once, so that it can be fetched."""
    parcel = officer.get("/api/v1/parcels")["items"][0]["code"]
    body = {"codes": [parcel], "file_format": "csv", "purpose": "审计抽查一块地"}
    return str(officer.post("/api/v1/parcel-exports", body)["id"])


def imported_change(bureau: Person) -> str:
    """A fire where no parcel is: nothing stands still for it. The same file again is the same layer."""
    ring = [[113.80, 31.60], [113.81, 31.60], [113.81, 31.61], [113.80, 31.60]]
    feature = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    content = json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()
    fields = {"source": "演示", "kind": "fire", "happened_on": "2026-05-04"}
    return str(bureau.upload("/api/v1/land-changes", "fire.geojson", content, **fields)["number"])


def handed_in(operator: Person, parcel: str) -> str:
    """A certificate; the same file again is the same piece of evidence."""
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "white").save(out, "PNG")
    fields = {"kind": "tenure", "holder_name": "某人"}
    made = operator.upload(f"/api/v1/parcels/{parcel}/evidence", "certificate.png", out.getvalue(), **fields)
    return str(made["id"])


def asked_preview(authority: Person) -> str:
    """One preview of a change is enough."""
    listed = authority.get("/api/v1/parameter-previews")
    change = '[ef_diesel]\nvalue = 0.003\nfrom = 2027-01-01\nsource = "演示"\nstatus = "illustrative"\n'
    body = {"methodology_key": "camellia_oil_v1", "fragment": change}
    found = listed[0] if listed else authority.post("/api/v1/parameter-previews", body)
    return str(found["id"])


def imported_registry(operator: Person) -> dict[str, str]:
    """An accepted import of another registry with one batch; made the first time."""
    if not operator.get("/api/v1/external-batches")["items"]:
        head = "业务类型,项目编号,方法学,年份,编号区间,数量（吨）,持有人,日期"
        row = "登记,CCER-HN-1,造林碳汇,2024,1-5,5,信阳市碳资源开发有限公司（演示）,2025-03-01"
        staged = operator.upload(
            "/api/v1/registry-imports", "ccer.csv", f"{head}\n{row}\n".encode(), source="ccer"
        )
        operator.post(f"/api/v1/registry-imports/{staged['id']}/accept", {"digest": staged["digest"]})
    batch = operator.get("/api/v1/external-batches")["items"][0]
    return {"/external-batches/": batch["lot"], "/registry-imports/": str(batch["import_id"])}


def declared_claim(bureau: Person) -> str:
    """A claim of another scheme, long over, so that it stands in nobody's way."""
    listed = bureau.get("/api/v1/outside-claims")["items"]
    if not listed:
        ring = [[114.8, 31.9], [114.81, 31.9], [114.81, 31.91], [114.8, 31.9]]
        land = json.dumps({"type": "Polygon", "coordinates": [ring]}).encode()
        words = {"reference": "1", "title": "演示", "claimant": "演示", "document": "演示"}
        period = {"period_start": "1990-01-01", "period_end": "1991-01-01"}
        made = bureau.upload("/api/v1/outside-claims", "land.geojson", land, scheme="vcs", pools="all",
                             **words, **period)  # fmt: skip
        return str(made["number"])
    return str(listed[0]["number"])


def proposed_invalidation(told: Told, people: dict[str, Person]) -> str:
    """One is enough: what is only proposed moves nothing."""
    listed = people["ecology_bureau"].get("/api/v1/invalidations")["items"]
    body = {"batch": told.batches[0]["code"], "numbers": [{"first": 1, "last": 1}], "reason": "试一试",
            "document": "演示"}  # fmt: skip
    found = listed[0] if listed else people["ecology_bureau"].post("/api/v1/invalidations", body)
    return str(found["number"])


def seal_and_sign(house: House) -> Head:
    """The ledger's head of today, signed as if the day were over; also when it is signed already."""
    now = datetime.now(UTC)
    ledger.seal_all(house.db, lambda: now)
    key = ledger.load_key(platform(house.app).settings.seal_key_path, make=True)
    house.db.transact(lambda s: ledger.sign_heads(s, key, now + timedelta(days=1)))
    [newest] = house.db.read(lambda s: ledger.signed_heads(s, limit=1))
    return newest


def address(rule: Rule, value: str) -> str:
    """The rule with each argument replaced by ``value`` (already quoted); a kind of explanation stays one."""
    path = "".join(value if dynamic and text != "kind" else ("run" if dynamic else text)
                   for dynamic, text in rule._trace if text != "|")  # fmt: skip
    return path.lstrip("|") if path.startswith("|") else path


def existing(rule: Rule, things: dict[str, str]) -> str:
    if not rule.arguments:
        return str(rule.rule)
    places = [place for place in things if f"{place}<" in rule.rule]
    return address(rule, quote(things[max(places, key=len)]))


def send(house: House, person: Person | None, method: str, path: str, **body: Any) -> Any:
    headers = {"Idempotency-Key": uuid4().hex} | (person.headers if person else {}) | body.pop("headers", {})
    return house.app.test_client(use_cookies=False).open(path, method=method, headers=headers, **body)


def assert_problem(answer: Any, where: str) -> None:
    """A refusal is a problem with a code and words, never a bare page and never a crash."""
    assert answer.status_code < 500, f"{where}: {answer.status_code} {answer.text}"
    if answer.status_code >= 400:
        assert answer.mimetype == "application/problem+json", where
        assert answer.json["code"], where
        assert answer.json["detail"], where


def test_every_route_declares_a_permission_or_is_reviewed_as_public(house: House) -> None:
    routes = routes_of(house.app)
    assert len(routes) > 50
    assert [route.name for route in routes if route.declared is None] == []
    assert {route.name for route in routes if route.declared.permission is None} == PUBLIC


def test_the_permissions_are_the_reviewed_ones(house: House) -> None:
    used = {route.declared.permission for route in routes_of(house.app)} - {None}
    assert used <= set(HOLDERS)
    held: dict[str, set[str]] = defaultdict(set)
    for role, permissions in PERMISSIONS.items():
        for permission in permissions:
            held[permission].add(role)
    for permission, roles in HOLDERS.items():
        assert held[permission] == set(roles.split()), permission


def test_separated_duties_never_meet_in_one_role() -> None:
    apart = {"run.write", "run.review", "methodology.sign", "cash.confirm", "parcel.import", "user.write",
             "distribution.write", "citizen.self"}  # fmt: skip
    for role, permissions in PERMISSIONS.items():
        assert len(permissions & apart) <= 1, role


def test_what_moves_units_or_money_demands_a_key(house: House) -> None:
    demanding = {route.name for route in routes_of(house.app) if route.declared.idempotent}
    assert demanding == {
        "POST /api/v1/cash-deposits",
        "POST /api/v1/citizen/redemptions",
        "POST /api/v1/listings",
        "POST /api/v1/listings/<int:listing_id>/orders",
        "POST /api/v1/points/corrections/<int:correction_id>/decision",
        "POST /api/v1/appeals/<int:appeal_id>/decision",
        "POST /api/v1/citizen/family/gifts",
        "POST /api/v1/citizen/proxies/<int:proxy_id>/redemptions",
        "POST /api/v1/village/accounts/<string:number>/redemptions",
        "POST /api/v1/citizen/donations",
        "POST /api/v1/merchant-statements",
        "POST /api/v1/merchant-statements/<code>/decision",
        "POST /api/v1/merchant-statements/<code>/payment",
        "POST /api/v1/cancellations",
        "POST /api/v1/cancellation-orders",
        "POST /api/v1/cancellation-orders/<number>/decision",
        "POST /api/v1/invalidations",
        "POST /api/v1/invalidations/<number>/decision",
        "POST /api/v1/land-changes/<number>/review",
        "POST /api/v1/pledges",
        "POST /api/v1/pledges/<number>/release",
        "POST /api/v1/pledges/<number>/enforcement",
        "POST /api/v1/registry-imports/<int:import_id>/accept",
        "POST /api/v1/retirements",
        "POST /api/v1/runs/<code>/issue",
        "POST /api/v1/trades/<code>/distribution",
        "POST /api/v1/bundles",
        "POST /api/v1/bundles/<code>/issuance",
        "POST /api/v1/inclusion/sponsorships",
        "POST /api/v1/inclusion/pool-sales",
        "POST /api/v1/inclusion/offset-lots",
    }


def test_nobody_gets_past_a_door_without_signing_in(house: House, things: dict[str, str]) -> None:
    forged = {"Authorization": f"Bearer {'x' * 43}"}
    for route in routes_of(house.app):
        path = existing(route.rule, things)
        for headers in ({}, forged):
            answer = send(house, None, route.method, path, json={}, headers=headers)
            assert_problem(answer, route.name)
            if route.declared.permission:
                assert answer.status_code == 401, route.name


def test_every_role_at_every_door(house: House, people: dict[str, Person], things: dict[str, str]) -> None:
    """Without the permission 403, whatever is asked; with it anything but that and a crash."""
    for route in routes_of(house.app):
        permission = route.declared.permission
        path = existing(route.rule, things)
        for role, person in people.items():
            if permission is None or permission not in PERMISSIONS[role]:
                if permission is None and route.name in ENDS_THE_SESSION:
                    continue
                body = {} if route.method == "GET" else {"json": {}}
                answer = send(house, person, route.method, path, **body)
                where = f"{role}: {route.name}"
                assert_problem(answer, where)
                if permission:
                    assert answer.status_code == 403, where
                    assert answer.json["code"] == "identity.not_allowed", where


def test_who_may_read_reads(house: House, people: dict[str, Person], things: dict[str, str]) -> None:
    """With the permission a GET answers 200, or 404 where the object is outside the person's scope."""
    read: dict[str, set[int]] = defaultdict(set)
    for route in routes_of(house.app):
        # a partner has a key and no session: tests/partners
        if route.method == "GET" and not route.rule.rule.startswith("/api/v1/partner/"):
            path = existing(route.rule, things) + QUERY.get(route.name, "")
            for role, person in people.items():
                if route.declared.permission is None or route.declared.permission in PERMISSIONS[role]:
                    answer = send(house, person, "GET", path)
                    assert_problem(answer, f"{role}: {route.name}")
                    read[route.name].add(answer.status_code)
    for name, statuses in read.items():
        assert 200 in statuses, name
        # 409: an auditor has the permission and no purse, see test_market_http
        assert statuses <= {200, 403, 404, 409, 422}, name


def test_hostile_addresses_are_answered(house: House, people: dict[str, Person]) -> None:
    for route in routes_of(house.app):
        if not route.rule.arguments:
            continue
        permission = route.declared.permission
        role = next((r for r in PERMISSIONS if permission in PERMISSIONS[r]), "operator")
        numeric = "<int:" in route.rule.rule
        for value in HOSTILE_NUMBER if numeric else HOSTILE_TEXT:
            if value == "0" and "/tiles/" in route.rule.rule:
                continue  # the whole world is a tile
            body = {} if route.method == "GET" else {"json": {}}
            answer = send(house, people[role], route.method, address(route.rule, value), **body)
            where = f"{role}: {route.method} {address(route.rule, value)}"
            assert_problem(answer, where)
            assert answer.status_code >= 400, where


@pytest.mark.parametrize("query", ["page=0", f"page={10**30}", "page=1.5", "size=1000", "size=-1", "page=%00",
                                   "county=%00", "kind=%00", "status=%00", f"before={10**30}", "before=%00",
                                   "batch=%00", "project=%00", "methodology_key=%00", "nobody_knows=1",
                                   "bbox=%00,1,2,3", "outcome=%00", "negative=%00"])  # fmt: skip
def test_hostile_queries_are_answered(
    house: House, people: dict[str, Person], things: dict[str, str], query: str
) -> None:
    for route in routes_of(house.app):
        if route.method == "GET":
            permission = route.declared.permission
            role = next((r for r in PERMISSIONS if permission in PERMISSIONS[r]), "operator")
            answer = send(house, people[role], "GET", f"{existing(route.rule, things)}?{query}")
            assert_problem(answer, f"{role}: {route.name}?{query}")


def test_bodies_of_any_shape_are_answered(
    house: House, people: dict[str, Person], things: dict[str, str]
) -> None:
    """Last in this file: some of these orders are complete without a body and are carried out."""
    for route in routes_of(house.app):
        if route.method == "GET" or route.name in ENDS_THE_SESSION:
            continue
        permission = route.declared.permission
        role = next((r for r in PERMISSIONS if permission in PERMISSIONS[r]), "operator")
        for body in BODIES:
            answer = send(house, people[role], route.method, existing(route.rule, things), **body)
            assert_problem(answer, f"{role}: {route.name} {body}")
