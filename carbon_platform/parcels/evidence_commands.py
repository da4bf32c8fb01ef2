"""``flask --app wsgi evidence …``: are the stored files still what was handed in?"""

from __future__ import annotations

import sys

import click
from flask.cli import AppGroup

from carbon_platform.parcels.evidence_check import check_evidence
from carbon_platform.parcels.evidence_store import EvidenceStore
from carbon_platform.web import Platform, platform

group = AppGroup("evidence", help="Evidence of parcels (证据材料).")


def store_of(house: Platform) -> EvidenceStore:
    return EvidenceStore(house.settings.var / "evidence")


@group.command("check")
@click.option("--prune", is_flag=True, help="remove files older than a day that no row knows")
def check(prune: bool) -> None:
    """Read every stored file and compare it with its digest; exit 1 naming those that differ."""
    house = platform()
    report = check_evidence(house.db, store_of(house), house.clock, everything=True, prune=prune)
    click.echo(
        f"已读 {report.examined:,} 个文件，{len(report.wrong)} 个有问题；"
        f"{report.strays} 个没有登记（已清除 {report.removed}）。"
    )
    for one in report.wrong:
        click.echo(f"✗ {one.sha256} {one.state}", err=True)
    sys.exit(0 if report.ok else 1)
