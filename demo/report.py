"""What happened, as tables a person understands."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from carbon_platform.regions.service import county_name
from carbon_platform.units import M2_PER_HA, MU_PER_HA, carbon_text, tonnes_text, yuan_text
from demo.story import Told
from demo.world import LOGINS, PASSWORD


def print_story(screen: Console, told: Told) -> None:
    screen.print()
    screen.print(_counties(told))
    screen.print(_projects(told))
    screen.print(_money(told))
    screen.print(_citizen(told))
    for kind, reason in told.refusals.items():
        screen.print(f"[yellow]签署之前拒绝签发（{told.runs[kind]['code']}）：[/]{reason}", width=110)


def _counties(told: Told) -> Table:
    table = Table(title="分县 By county（演示数据）", title_justify="left")
    table.add_column("县区 County")
    for name in (
        "地块 Parcels",
        "面积 亩",
        "未入库 行",
        "已签发 吨 issued",
        "已售 吨 sold",
        "到账 ¥",
        "到县及以下 ¥",
    ):
        table.add_column(name, justify="right")
    codes = sorted({item["county"] for item in told.imports})
    totals = [0.0] * 7
    for code in codes:
        imports = [item for item in told.imports if item["county"] == code]
        sales = [sale for sale in told.trades if sale["goods"]["county_code"] == code]
        shares = [d for d in told.distributions if d["county_code"] == code]
        row = [
            sum(item["accepted"]["registered_rows"] for item in imports),
            sum(item["accepted"]["registered_area_m2"] for item in imports),
            sum(_rows(item["staged"]) - item["accepted"]["registered_rows"] for item in imports),
            sum(batch["quantity_kg"] for batch in told.batches if batch["county_code"] == code),
            sum(sale["quantity_kg"] for sale in sales),
            sum(sale["amount_fen"] for sale in sales),
            sum(share["below_fen"] for share in shares),
        ]
        totals = [a + b for a, b in zip(totals, row, strict=True)]
        table.add_row(county_name(code), *_cells(row))
    table.add_section()
    table.add_row("合计 Total", *_cells(totals))
    return table


def _rows(staged: dict[str, object]) -> int:
    counts = staged["counts"]
    assert isinstance(counts, dict)
    return sum(outcome["rows"] for name, outcome in counts.items() if isinstance(outcome, dict))


def _cells(row: list[float]) -> list[str]:
    parcels, area_m2, left, issued, sold, received, below = row
    return [
        f"{int(parcels):,}",
        f"{area_m2 * MU_PER_HA / M2_PER_HA:,.1f}",
        f"{int(left):,}",
        tonnes_text(int(issued)),
        tonnes_text(int(sold)),
        yuan_text(int(received)).removeprefix("¥"),
        yuan_text(int(below)).removeprefix("¥"),
    ]


def _projects(told: Told) -> Table:
    table = Table(title="项目 By project", title_justify="left")
    table.add_column("项目 Project")
    table.add_column("核算 Run")
    for name in ("地块", "净量 吨（未取整）", "签发 吨（取整一次）", "批次"):
        table.add_column(name, justify="right")
    for kind, run in told.runs.items():
        batches = [batch for batch in told.batches if batch["run_code"] == run["code"]]
        table.add_row(
            told.projects[kind]["name_zh"],
            run["code"],
            f"{run['parcel_count']:,}",
            f"{run['net_t']:,.3f}",
            tonnes_text(sum(batch["quantity_kg"] for batch in batches)),
            str(len(batches)),
        )
    return table


def _money(told: Told) -> Table:
    table = Table(title="收益与目标 Revenue against the plan", title_justify="left")
    table.add_column("批次 Batch of counties")
    for name in ("目标 ¥", "到账 ¥", "还差 ¥", "已分配 ¥", "到县及以下"):
        table.add_column(name, justify="right")
    for batch in told.dashboard["batches"]:
        figures = batch["figures"]
        share = figures["below_bp"]
        table.add_row(
            batch["name_zh"],
            yuan_text(batch["target_fen"]).removeprefix("¥"),
            yuan_text(figures["received_fen"]).removeprefix("¥"),
            yuan_text(batch["gap_fen"]).removeprefix("¥"),
            yuan_text(figures["distributed_gross_fen"]).removeprefix("¥"),
            "未分配" if share is None else f"{share / 100:.2f} %",
        )
    return table


def _citizen(told: Told) -> Table:
    table = Table(title="市民小满 A citizen", title_justify="left", show_header=False)
    table.add_column()
    table.add_column()
    citizen = told.citizen
    ride, again = citizen["ride"], citizen["same_ride_again"]
    table.add_row(
        "一趟公交 One ride", f"{carbon_text(ride['reduction_g'])}，{ride['points']} 分　{ride['formula_zh']}"
    )
    table.add_row("同一趟再报 The same again", again["message_zh"])
    plate = citizen["clean_plate"]
    table.add_row("光盘 Clean plate", f"{carbon_text(plate['reduction_g'])}，{plate['points']} 分")
    voucher = citizen.get("voucher")
    table.add_row(
        "兑换 Redeemed", f"{voucher['name_zh']}，券码 {voucher['voucher_code']}" if voucher else "积分还不够"
    )
    if told.spending:
        table.add_row(
            "到店核销 At the till",
            f"{told.spending['used']['name_zh']}，再用一次：{told.spending['used_again']['reason_zh']}",
        )
        table.add_row("捐赠 Given", told.spending["donation"]["is_zh"])
    if told.partner:
        push, again, day = told.partner["push"], told.partner["again"], told.partner["day"]
        agreed = "一致" if day["outcome"] == "agreed" else "有差异"
        table.add_row(
            "公交推送 Bus push",
            f"收下 {push['received']} 行，拒收 {push['refused']} 行；"
            f"再送一次：重复 {again['duplicates']} 行；{day['day']} 对账{agreed}",
        )
    totals = citizen["book"]["totals"]
    refusal, points = citizen["refusals"][0], citizen["points"]
    table.add_row("没换成 Refused", refusal["reason_zh"])
    table.add_row(
        "账本 Book",
        f"{carbon_text(totals['all_g'])}，剩 {points['available']} 分"
        f"（{points['expiring_next']['day']} 到期），另有 {points['pending']} 分待生效",
    )
    return table


def print_logins(screen: Console, port: int) -> None:
    base = f"http://127.0.0.1:{port}"
    table = Table(title=f"演示登录 Demo log-ins（密码 password：{PASSWORD}）", title_justify="left")
    table.add_column("用户名 User")
    table.add_column("是谁 Who")
    for login in LOGINS:
        table.add_row(login.username, login.display_name)
    screen.print(table)
    screen.print(f"控制台 Console   {base}/")
    screen.print(f"市民 H5 Citizen  {base}/h5")
    screen.print(f"接口文档 API     {base}/api/docs")
    screen.print("Ctrl-C 停止 stops")
