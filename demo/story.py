"""One story, from the parcel to the citizen, told through the API with each role's own log-in.

:func:`tell` is used by ``make demo`` (a city-size story) and by the flow tests (a small one). Each
chapter is one function; what it did is kept in :class:`Told`, for the table at the end and the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from demo import monitoring
from demo.citizen import tell_citizen
from demo.client import Person, Refused, sign_in, sign_in_citizen
from demo.parcels import make_camellia_zip, make_rice_zip
from demo.partners import push_rides
from demo.shops import open_shops, spend
from demo.world import OFFICER_OF

CAMELLIA_PERIOD = {"period_start": "2024-01-01", "period_end": "2026-01-01"}
RICE_PERIOD = {"period_start": "2025-01-01", "period_end": "2026-01-01"}
# Price 三明 碳票 ≈ 15 CNY/t is the only traded local ticket price on file (secondary); the demo lists at a
# made-up 48 CNY/t (illustrative), the figure of the design prototype.
PRICE_FEN_PER_T = 4_800

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Plan:
    """How much land the story has. Counties are codes; counts are parcels per county."""

    camellia: dict[str, int]
    rice: dict[str, int]
    seed: int = 20260520


CITY = Plan(
    camellia={"411502": 300, "411521": 300, "411522": 400, "411523": 350, "411524": 400},
    rice={"411521": 220, "411522": 260, "411524": 240},
)


@dataclass
class Told:
    """What happened, chapter by chapter; values are the API's own answers."""

    imports: list[dict[str, Any]] = field(default_factory=list)
    projects: dict[str, dict[str, Any]] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    batches: list[dict[str, Any]] = field(default_factory=list)
    listings: list[dict[str, Any]] = field(default_factory=list)
    trades: list[dict[str, Any]] = field(default_factory=list)
    certificate: dict[str, Any] = field(default_factory=dict)
    distributions: list[dict[str, Any]] = field(default_factory=list)
    citizen: dict[str, Any] = field(default_factory=dict)
    pledge: dict[str, Any] = field(default_factory=dict)
    shops: dict[str, Any] = field(default_factory=dict)
    spending: dict[str, Any] = field(default_factory=dict)
    partner: dict[str, Any] = field(default_factory=dict)
    dashboard: dict[str, Any] = field(default_factory=dict)


def tell(http: httpx.Client, plan: Plan, folder: Path, progress: Progress = lambda *_: None) -> Told:
    """Play every chapter. ``folder`` keeps the files made; ``progress(chapter, done, of)`` shows the way."""
    told = Told()
    for chapter in (
        register_parcels,
        open_projects,
        assess,
        refuse_the_estimate,
        sign_parameters,
        review,
        issue,
        trade,
        retire,
        pledge,
        distribute,
        ride_the_bus,
        use_the_points,
        listen_to_the_bus,
        look_at_the_board,
    ):
        chapter(http, plan, told, folder, progress)
    return told


def register_parcels(http: httpx.Client, plan: Plan, told: Told, folder: Path, progress: Progress) -> None:
    """1 · Each county's forestry officer uploads the bureau's files, reads the report and accepts it."""
    files = [("camellia", code, count) for code, count in plan.camellia.items()]
    files += [("rice", code, count) for code, count in plan.rice.items()]
    for number, (kind, county, count) in enumerate(files):
        progress("地块入库 Parcels", number, len(files))
        path = folder / f"{county}-{kind}.zip"
        if kind == "camellia":
            make_camellia_zip(path, county, count, plan.seed, faults=True)
        else:
            make_rice_zip(path, county, count, plan.seed)
        officer = sign_in(http, OFFICER_OF[county])
        report = officer.upload("/api/v1/parcel-imports", path.name, path.read_bytes(), kind=kind)
        accepted = officer.post(f"/api/v1/parcel-imports/{report['id']}/accept")
        told.imports.append({"kind": kind, "county": county, "staged": report, "accepted": accepted})
    progress("地块入库 Parcels", len(files), len(files))


def open_projects(http: httpx.Client, plan: Plan, told: Told, folder: Path, progress: Progress) -> None:
    """2a · The operator opens two inclusion projects, attaches the parcels and sends the readings."""
    operator = sign_in(http, "operator")
    wanted = {
        "camellia": ("信阳市第一批油茶林碳汇（演示）", "camellia_oil_v1", "2021-01-01", "2041-01-01"),
        "rice": ("信阳市再生稻碳减排（演示）", "ratoon_rice_v1", "2025-01-01", "2030-01-01"),
    }
    for number, (kind, (name, methodology, start, end)) in enumerate(wanted.items()):
        progress("项目与监测 Projects", number, len(wanted))
        project = operator.post(
            "/api/v1/projects",
            {
                "name_zh": name,
                "methodology_key": methodology,
                "crediting_from": start,
                "crediting_to": end,
                "region_code": "4115",
            },
        )
        path = f"/api/v1/projects/{project['code']}"
        counties = list(plan.camellia if kind == "camellia" else plan.rice)
        operator.post(f"{path}/parcels", {"selection": {"kind": kind, "county_codes": counties}})
        parcels = [
            p for county in counties for p in all_pages(operator, "/api/v1/parcels", kind=kind, county=county)
        ]
        read = monitoring.camellia if kind == "camellia" else monitoring.ratoon_rice
        period = CAMELLIA_PERIOD if kind == "camellia" else RICE_PERIOD
        operator.post(f"{path}/monitoring", {**period, "rows": read(parcels, seed=plan.seed)})
        told.projects[kind] = project | {"parcels": len(parcels)}
    progress("项目与监测 Projects", len(wanted), len(wanted))


def assess(http: httpx.Client, plan: Plan, told: Told, folder: Path, progress: Progress) -> None:
    """2b · The operator runs the assessment of both projects."""
    operator = sign_in(http, "operator")
    for number, (kind, project) in enumerate(told.projects.items()):
        progress("核算 Assessment", number, len(told.projects))
        period = CAMELLIA_PERIOD if kind == "camellia" else RICE_PERIOD
        told.runs[kind] = operator.post(f"/api/v1/projects/{project['code']}/runs", period)
    progress("核算 Assessment", len(told.projects), len(told.projects))


def refuse_the_estimate(http: httpx.Client, plan: Plan, told: Told, folder: Path, progress: Progress) -> None:
    """3a · Without the authority's sign-off the run is an estimate: issuing is refused with the reason."""
    operator = sign_in(http, "operator")
    for kind, run in told.runs.items():
        try:
            operator.post(f"/api/v1/runs/{run['code']}/issue")
        except Refused as refused:
            told.refusals[kind] = str(refused.problem["detail"])
        else:
            raise AssertionError(f"run {run['code']} was issued as an estimate")


def sign_parameters(http: httpx.Client, plan: Plan, told: Told, folder: Path, progress: Progress) -> None:
    """3b · The (demo) authority files exactly these parameter sets; a second person approves each."""
    authority, second = sign_in(http, "authority"), sign_in(http, "ecology")
    for number, run in enumerate(told.runs.values(), start=1):
        filed = authority.post(
            "/api/v1/parameter-signoffs",
            {
                "methodology_key": run["methodology_key"],
                "parameter_digest": run["parameter_digest"],
                "document_number": f"演示签〔2026〕{number}号",
                "document_title": f"关于采纳 {run['methodology_key']} 参数的签署（演示）",
                "signed_on": "2026-11-20",
                "is_demo": True,
            },
        )
        second.post(
            f"/api/v1/parameter-proposals/{filed['id']}/decision",
            {"decision": "approve", "note": "同意采纳（演示）"},
        )


def review(http: httpx.Client, plan: Plan, told: Told, folder: Path, progress: Progress) -> None:
    """3c · The verifier confirms, then the ecology bureau and, for forestry, the forestry bureau approve."""
    for kind, run in told.runs.items():
        reviewers = ["verifier", "ecology", "forestry"] if kind == "camellia" else ["verifier", "ecology"]
        for username in reviewers:
            note = "抽样复算一致（演示）" if username == "verifier" else "同意（演示）"
            sign_in(http, username).post(
                f"/api/v1/runs/{run['code']}/reviews", {"decision": "confirm", "note": note}
            )


def issue(http: httpx.Client, plan: Plan, told: Told, folder: Path, progress: Progress) -> None:
    """4 · Tickets are issued per project, vintage and county, with numbered kilograms."""
    operator = sign_in(http, "operator")
    for number, run in enumerate(told.runs.values()):
        progress("签发 Issuance", number, len(told.runs))
        told.batches += operator.post(f"/api/v1/runs/{run['code']}/issue")
    progress("签发 Issuance", len(told.runs), len(told.runs))


def trade(http: httpx.Client, plan: Plan, told: Told, folder: Path, progress: Progress) -> None:
    """5a · The operator lists, the bank confirms deposits, enterprises buy: goods and money in one entry."""
    operator, bank = sign_in(http, "operator"), sign_in(http, "bank")
    for batch in told.batches:
        whole_kg = batch["quantity_kg"] // 1000 * 1000
        if whole_kg:
            body = {"batch": batch["code"], "quantity_kg": whole_kg, "price_fen_per_t": PRICE_FEN_PER_T}
            told.listings.append(operator.post("/api/v1/listings", body))
    for username, part in (("cement", 2), ("tea", 10)):
        buyer = sign_in(http, username)
        orders = [(listing["id"], listing["quantity_kg"] // part // 1000 * 1000) for listing in told.listings]
        orders = [(listing, kg) for listing, kg in orders if kg]
        bank.post(
            "/api/v1/cash-deposits",
            {
                "organisation_id": buyer.get("/api/v1/me")["organisation_id"],
                "amount_fen": sum(kg for _, kg in orders) // 1000 * PRICE_FEN_PER_T,
                "bank_reference": f"DEMO-{username}-{uuid4().hex[:12]}",
            },
        )
        for number, (listing, kg) in enumerate(orders):
            progress(f"成交 Trades ({username})", number, len(orders))
            told.trades.append(buyer.post(f"/api/v1/listings/{listing}/orders", {"quantity_kg": kg}))
        progress(f"成交 Trades ({username})", len(orders), len(orders))


def retire(http: httpx.Client, plan: Plan, told: Told, folder: Path, progress: Progress) -> None:
    """5b · The enterprise retires part of two batches it bought, and gets one certificate."""
    cement = sign_in(http, "cement")
    holdings = cement.get("/api/v1/holdings")
    largest = sorted(holdings, key=lambda holding: -holding["available_kg"])[:2]
    told.certificate = cement.post(
        "/api/v1/retirements",
        {
            "lines": [
                {
                    "batch": holding["batch"]["code"],
                    "quantity_kg": max(1000, holding["available_kg"] // 2 // 1000 * 1000),
                }
                for holding in largest
            ],
            "purpose": "operations",
            "beneficiary_name": "淮畔水泥有限公司（演示）",
            "beneficiary_credit_code": "91411525DEMO00004X",
            "consumption_from": "2025-01-01",
            "consumption_to": "2025-12-31",
            "consumption_place": "河南省信阳市固始县",
        },
    )
    number = told.certificate["certificate_number"]
    pdf = cement.get_bytes(f"/api/v1/retirements/{number}/certificate.pdf")
    (folder / f"{number}.pdf").write_bytes(pdf)


def pledge(http: httpx.Client, plan: Plan, told: Told, folder: Path, progress: Progress) -> None:
    """5c · The enterprise pledges a tonne to the bank, which lets half of it go again."""
    cement = sign_in(http, "cement")
    free = max(cement.get("/api/v1/holdings"), key=lambda holding: holding["available_kg"])
    made = cement.post(
        "/api/v1/pledges",
        {
            "batch": free["batch"]["code"],
            "quantity_kg": min(1000, free["available_kg"]),
            "pledgee_id": cement.get("/api/v1/pledgees")[0]["id"],
            "contract_reference": "演示质字〔2026〕1号",
            "register_name": "中登网（演示）",
            "register_reference": "DEMO-0001",
        },
    )
    told.pledge = sign_in(http, "bank").post(
        f"/api/v1/pledges/{made['number']}/release",
        {"quantity_kg": made["quantity_kg"] // 2, "document": "演示解押〔2026〕1号"},
    )


def distribute(http: httpx.Client, plan: Plan, told: Told, folder: Path, progress: Progress) -> None:
    """6 · Dingxin distributes each receipt: fee, then at least 70 % to the county and below, to the fen."""
    dingxin = sign_in(http, "dingxin")
    for number, sale in enumerate(told.trades):
        progress("分配 Distribution", number, len(told.trades))
        told.distributions.append(dingxin.post(f"/api/v1/trades/{sale['code']}/distribution"))
    progress("分配 Distribution", len(told.trades), len(told.trades))


def ride_the_bus(http: httpx.Client, plan: Plan, told: Told, folder: Path, progress: Progress) -> None:
    """7 · A citizen consents, rides the bus, cleans her plate, and takes a voucher; a repeat counts once."""
    told.citizen = tell_citizen(sign_in_citizen(http, "demo-xiaoman", "小满"))


def use_the_points(http: httpx.Client, plan: Plan, told: Told, folder: Path, progress: Progress) -> None:
    """8 · A sponsor pays in, shops open; a voucher is used at the till once, and points become seedlings."""
    progress("商家 Shops", 0, 1)
    told.shops = open_shops(lambda username: sign_in(http, username))
    told.spending = spend(sign_in_citizen(http, "demo-xiaoman", "小满"), sign_in(http, "store"))
    progress("商家 Shops", 1, 1)


def listen_to_the_bus(http: httpx.Client, plan: Plan, told: Told, folder: Path, progress: Progress) -> None:
    """9 · A partner signs its pushes: good rows are taken in, repeats change nothing, the day agrees."""
    progress("公交推送 Bus", 0, 1)
    told.partner = push_rides(http, sign_in(http, "bus"), sign_in_citizen(http, "demo-dashan", "大山"))
    progress("公交推送 Bus", 1, 1)


def look_at_the_board(http: httpx.Client, plan: Plan, told: Told, folder: Path, progress: Progress) -> None:
    """6b · Dingxin sees issued, sold, received and distributed against the plan's targets."""
    told.dashboard = sign_in(http, "dingxin").get("/api/v1/revenue/dashboard")


def all_pages(person: Person, path: str, **query: Any) -> Iterator[dict[str, Any]]:
    """Every item of a paged list."""
    page = 1
    while True:
        answer = person.get(path, page=page, size=100, **query)
        yield from answer["items"]
        if page * 100 >= answer["total"]:
            return
        page += 1
