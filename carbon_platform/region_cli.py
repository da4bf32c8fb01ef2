"""Commands for administrative regions: lists of codes and borders, of this city and of partner cities."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

import click
from flask.cli import AppGroup

from carbon_platform.errors import PlatformError
from carbon_platform.regions import boundaries as borders
from carbon_platform.regions import lists
from carbon_platform.web import platform
from gis.errors import VectorFileError
from gis.vector_files import read_vector

regions = AppGroup("regions", help="Administrative regions (行政区划).")
_SHOWN = 20


@regions.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--source", required=True, help="document and number the list comes from")
@click.option("--by", required=True, help="who answers for it")
def import_regions(file: Path, source: str, by: str) -> None:
    """Add, rename and end regions as FILE says.

    CSV with code, name_zh, valid_from, where needed name_en, valid_to, successor_code. A partner city joins
    with its province, city and counties in one list. The same file again changes nothing.
    """
    house = platform()
    try:
        records = lists.read_list(file.read_bytes())
        done = house.db.transact(
            lambda session: lists.import_list(session, records, source=source, by=by, now=house.clock())
        )
    except PlatformError as error:
        raise _told(file, error) from error
    click.echo(f"新增 {done.added}，改名 {done.renamed}，失效 {done.ended}。")
    click.echo(f"{done.added} added, {done.renamed} renamed, {done.ended} ended.")


@regions.command("boundaries")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--source", required=True, help="where the layer comes from")
@click.option("--valid-from", required=True, type=click.DateTime(["%Y-%m-%d"]), help="first day in force")
@click.option("--by", required=True, help="who answers for it")
@click.option("--code-field", help="column with the codes; XZQDM and its like are found by themselves")
@click.option("--layer", help="the layer to take of a file with several")
@click.option("--map-approval", default="", help="审图号, where the borders may be published")
def import_boundaries(
    file: Path,
    source: str,
    valid_from: datetime,
    by: str,
    code_field: str | None,
    layer: str | None,
    map_approval: str,
) -> None:
    """Load the borders of a city's counties from FILE (zip with a shapefile, gpkg, geojson)."""
    house = platform()
    try:
        found = borders.boundaries_of(read_vector(file, layer=layer), code_field)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        count = house.db.transact(
            lambda session: borders.import_boundaries(
                session,
                found,
                valid_from=valid_from.date(),
                source=source,
                map_approval=map_approval,
                file_sha256=digest,
                by=by,
                now=house.clock(),
            )
        )
    except (PlatformError, VectorFileError) as error:
        raise _told(file, error) from error
    click.echo(f"已存 {count} 条界线，自 {valid_from:%Y-%m-%d} 起生效。{count} borders stored.")


def _told(file: Path, error: PlatformError | VectorFileError) -> click.ClickException:
    lines = [f"{file.name}: {error.message('zh')} {error.message('en')}"]
    found = error.errors if isinstance(error, PlatformError) else []
    lines += [f"  {one['zh']} {one['en']}" for one in found[:_SHOWN]]
    return click.ClickException("\n".join(lines))
