"""Commands for data partners: ``flask partners takeover`` takes another platform's accounts over."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from flask.cli import AppGroup

from carbon_platform.errors import PlatformError
from carbon_platform.partners.takeover import Expected, Report, take_over
from carbon_platform.web import platform

group = AppGroup("partners", help="Data partners and accounts of other platforms.")

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@group.command("takeover")
@click.argument("name")
@click.argument("accounts", type=_FILE)
@click.option("--records", type=_FILE, help="history of the accounts")
@click.option("--expect-accounts", type=int, help="how many accounts the other platform says it exported")
@click.option("--expect-points", type=int, help="sum of their points")
@click.option("--expect-grams", type=int, help="sum of their grams")
@click.option("--by", required=True, help="who runs this; stands in the record")
@click.option("--dry-run", is_flag=True, help="only look; nothing is written")
def takeover(
    name: str,
    accounts: Path,
    records: Path | None,
    expect_accounts: int | None,
    expect_points: int | None,
    expect_grams: int | None,
    by: str,
    dry_run: bool,
) -> None:
    """Take over the ACCOUNTS (CSV or XLSX, UTF-8 or GBK) exported by platform NAME. Repeatable.

    Exits 1 when something differs from what was expected; what is good is taken over all the same.
    """
    house = platform()
    try:
        report = take_over(
            house.db,
            name,
            accounts,
            records,
            expected=Expected(expect_accounts, expect_points, expect_grams),
            dry_run=dry_run,
            by=by,
            now=house.clock(),
        )
    except PlatformError as error:
        raise click.ClickException(f"{error.message('zh')} {error.message('en')}") from error
    _show(report)
    sys.exit(0 if report.agreed else 1)


def _show(report: Report) -> None:
    if report.dry_run:
        click.echo("试运行，什么都没有写入。A dry run: nothing was written.")
    for label, count in (
        ("账号行 account rows", report.rows),
        ("  接收 taken over", report.taken),
        ("  并入已有账户 went on as an account here", report.linked),
        ("  早已接收 there before", report.again),
        ("  内容改过，没动 changed, left alone", report.changed),
        ("  不能接收 refused", report.refused),
        ("积分 points in the file", report.points),
        ("  记入 posted", report.points_taken),
        ("  已过期 lapsed", report.points_expired),
        ("克 grams in the file (history only)", report.grams),
        ("历史行 record rows", report.record_rows),
        ("  接收 taken over", report.records_taken),
        ("  早已接收 there before", report.records_again),
        ("  不能接收 refused", report.records_refused),
    ):
        click.echo(f"{label:<44}{count:>14,}")
    for finding in report.findings:
        place = f"{finding['file']}:{finding['row']}" if finding["row"] else finding["file"]
        click.echo(f"✗ {place} {finding['field']}：{finding['zh']}。{finding['en']}.", err=True)
    hidden = report.findings_count - len(report.findings)
    if hidden:
        click.echo(f"✗ 另有 {hidden:,} 处未列出。{hidden:,} more are not listed.", err=True)
    if report.agreed:
        click.echo("✓ 对账一致。Everything agrees.")
