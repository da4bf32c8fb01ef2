"""``flask --app wsgi parcels …``: try a file of parcels, or import it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa
from flask.cli import AppGroup

from carbon_platform.errors import PlatformError
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.parcels import service
from carbon_platform.parcels.dry_run import Read, dry_run
from carbon_platform.parcels.report import report_text, trial_text
from carbon_platform.web import Platform, platform

group = AppGroup("parcels", help="Parcels (地块).")


@group.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--kind", type=click.Choice(["camellia", "rice", "tea", "forest"]), help="what the file holds")
@click.option("--layer", help="the layer to take of a file with several")
@click.option("--dry-run", is_flag=True, help="read, measure and check only, land anywhere; keeps nothing")
@click.option(
    "--report",
    "report_file",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="with --dry-run: write the report here as JSON",
)
@click.option(
    "--region",
    type=click.Choice(["city", "none"]),
    default="city",
    show_default=True,
    help="none: the same as --dry-run",
)
@click.option("--accept", is_flag=True, help="register the good rows at once")
def import_parcels(
    files: tuple[Path, ...],
    kind: str | None,
    layer: str | None,
    dry_run: bool,
    report_file: Path | None,
    region: str,
    accept: bool,
) -> None:
    """Read FILES (zip with a shapefile or FileGDB, gpkg, geojson, kml, parquet, xlsx), print the report.

    With --dry-run nothing is kept and no database is needed; exit 1 when a file cannot be read as one layer.
    """
    trying = dry_run or region == "none"
    if trying and accept:
        raise click.UsageError("--accept 不能与 --dry-run 同用。--accept does not go with --dry-run.")
    if report_file is not None and (not trying or len(files) != 1):
        raise click.UsageError("--report 需要 --dry-run 和一个文件。--report needs --dry-run and one FILE.")
    if report_file is not None and not report_file.parent.is_dir():
        raise click.UsageError(
            f"文件夹 {report_file.parent} 不存在，请先建好。"
            f"There is no folder {report_file.parent}: make it first."
        )
    if trying:
        try_files(files, kind, layer, report_file)
    else:
        keep_files(files, kind, layer, accept)


def try_files(files: tuple[Path, ...], kind: str | None, layer: str | None, target: Path | None) -> None:
    read = reader(platform())
    failed = False
    for path in files:
        report = dry_run(path, read=read, kind=kind, layer=layer)
        if target is not None:
            write_report(report, target)
        click.echo(trial_text(report), err=not report["read"])
        failed = failed or not report["read"]
    sys.exit(1 if failed else 0)


def write_report(report: dict[str, Any], target: Path) -> None:
    text = json.dumps(report, ensure_ascii=False, indent=1) + "\n"
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(
            f"报告写不进 {target}，请换一个位置。"
            f"The report cannot be written to {target}: choose another place."
        ) from error


def reader(house: Platform) -> Read | None:
    """How to ask the register; None when its file does not exist: opening it would make it."""
    url = sa.make_url(house.settings.database_url)
    if url.get_backend_name() == "sqlite" and not (url.database and Path(url.database).is_file()):
        return None
    return house.db.read


def keep_files(files: tuple[Path, ...], kind: str | None, layer: str | None, accept: bool) -> None:
    house = platform()
    actor = replace(SYSTEM, permissions=frozenset({"parcel.import", "parcel.read"}))
    for path in files:
        try:
            report: Any = service.import_file(
                house.db, actor, path, now=house.clock(), kind=kind, layer=layer
            )
        except PlatformError as error:
            raise click.ClickException(f"{path.name}: {error.message('zh')} {error.message('en')}") from error
        click.echo(report_text(report))
        if accept and report.import_id is not None:
            done = house.db.transact(
                lambda session, number=report.import_id: service.accept_import(  # type: ignore[misc]
                    session, actor, number, now=house.clock()
                )
            )
            click.echo(f"已入库 {done.registered_rows} 行。{done.registered_rows} rows registered.")
