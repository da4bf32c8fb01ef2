"""Commands: ``flask --app wsgi <command>``. Each one is one transaction, or says how it is cut."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext

from carbon_platform import jobs
from carbon_platform.citizens.rewards import load_rewards
from carbon_platform.errors import PlatformError
from carbon_platform.identity.rules import ROLES_ZH, SYSTEM
from carbon_platform.identity.service import add_organisation, add_user
from carbon_platform.ledger import verify
from carbon_platform.migrate import alembic_config
from carbon_platform.parcels import service as parcel_service
from carbon_platform.parcels.report import report_text
from carbon_platform.regions.service import load_reference
from carbon_platform.web import Platform, platform

db = AppGroup("db", help="Migrations of the database.")
ledger = AppGroup("ledger", help="The double-entry ledger.")
users = AppGroup("users", help="Log-ins.")
organisations = AppGroup("organisations", help="Companies, bureaus, banks.")
parcels = AppGroup("parcels", help="Parcels (地块).")


def init_app(app: Flask) -> None:
    for group in (db, ledger, organisations, users, parcels):
        app.cli.add_command(group)
    for command in (setup, scheduler, write_openapi):
        app.cli.add_command(command)


@db.command("upgrade")
@click.argument("revision", default="head")
def upgrade(revision: str) -> None:
    """Bring the schema up to REVISION (default: head)."""
    from alembic import command

    command.upgrade(alembic_config(platform().settings.database_url), revision)


@db.command("downgrade")
@click.argument("revision")
def downgrade(revision: str) -> None:
    """Take the schema back to REVISION ("base" for empty)."""
    from alembic import command

    command.downgrade(alembic_config(platform().settings.database_url), revision)


@db.command("revision")
@click.option("-m", "--message", required=True)
def revision(message: str) -> None:
    """Write a new migration from the difference between tables and database."""
    from alembic import command

    command.revision(alembic_config(platform().settings.database_url), message=message, autogenerate=True)


@db.command("check")
def check() -> None:
    """Fail if the tables in the code differ from the database."""
    from alembic import command

    command.check(alembic_config(platform().settings.database_url))


@click.command("setup")
@with_appcontext
def setup() -> None:
    """Migrate to head and load the reference data (regions, batches, rewards). Repeatable."""
    count = prepare(platform())
    click.echo(f"数据库已就绪，行政区 {count} 个。Database ready, {count} regions.")


def prepare(house: Platform) -> int:
    """Bring a database to the present schema with its reference data; returns the number of regions."""
    from alembic import command

    command.upgrade(alembic_config(house.settings.database_url), "head")
    count = house.db.transact(load_reference)
    house.db.transact(load_rewards)
    return count


@ledger.command("verify")
def verify_ledger() -> None:
    """Re-sum every account, lot and number range; exit 1 naming the first wrong row."""
    report = platform().db.read(verify)
    for name, count in report.counts.items():
        click.echo(f"{name:<24}{count:>14,}")
    for finding in report.findings:
        click.echo(f"✗ {finding.zh} {finding.en} ({finding.wrong})", err=True)
    if not report.ok:
        sys.exit(1)
    click.echo("✓ 全部重算一致。Everything re-sums.")


@organisations.command("add")
@click.argument("name")
@click.option("--kind", required=True, help="operator, enterprise, verifier, bureau, bank, group")
@click.option("--region", default="4115", show_default=True)
@click.option("--credit-code", default="", help="统一社会信用代码")
def add_organisation_command(name: str, kind: str, region: str, credit_code: str) -> None:
    """Register an organisation; its log-ins then name it."""
    house = platform()
    made = house.db.transact(
        lambda session: (
            add_organisation(
                session,
                SYSTEM,
                name_zh=name,
                kind=kind,
                region_code=region,
                credit_code=credit_code,
                now=house.clock(),
            ).id
        )
    )
    click.echo(f"已登记机构 {name}，编号 {made}。")


@users.command("add")
@click.argument("username")
@click.option("--role", type=click.Choice(sorted(set(ROLES_ZH) - {"citizen"})), required=True)
@click.option("--region", default="4115", help="4115 the city, 411522 a county")
@click.option("--name", required=True, help="name shown to colleagues")
@click.option("--organisation", type=int, help="number of the organisation the person works for")
@click.password_option(help="at least 12 characters")
def add_user_command(
    username: str, role: str, region: str, name: str, organisation: int | None, password: str
) -> None:
    """Create a log-in. A fresh database has none."""
    house = platform()
    house.db.transact(
        lambda session: add_user(
            session,
            SYSTEM,
            username=username,
            password=password,
            display_name=name,
            role=role,
            region_code=region,
            organisation_id=organisation,
            now=house.clock(),
        )
    )
    click.echo(f"已建立登录名 {username}（{ROLES_ZH[role]}，{region}）。")


@parcels.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--kind", type=click.Choice(["camellia", "rice", "tea", "forest"]), help="what the file holds")
@click.option("--layer", help="the layer to take of a GeoPackage with several")
@click.option(
    "--region",
    type=click.Choice(["city", "none"]),
    default="city",
    show_default=True,
    help="none: read, measure and check land outside the city too; nothing can be registered",
)
@click.option("--accept", is_flag=True, help="register the good rows at once")
def import_parcels(
    files: tuple[Path, ...], kind: str | None, layer: str | None, region: str, accept: bool
) -> None:
    """Read FILES (zip with a shapefile, gpkg, geojson, kml), print the staged report, row by row."""
    house = platform()
    actor = replace(SYSTEM, permissions=frozenset({"parcel.import", "parcel.read"}))
    for path in files:
        try:
            report = parcel_service.import_file(
                house.db, actor, path, now=house.clock(), kind=kind, layer=layer, region=region
            )
        except PlatformError as error:
            raise click.ClickException(f"{path.name}: {error.message('zh')} {error.message('en')}") from error
        click.echo(report_text(report))
        if accept and report.import_id is not None:
            done = house.db.transact(
                lambda session, number=report.import_id: parcel_service.accept_import(  # type: ignore[misc]
                    session, actor, number, now=house.clock()
                )
            )
            click.echo(f"已入库 {done.registered_rows} 行。{done.registered_rows} rows registered.")


@click.command("scheduler")
@with_appcontext
def scheduler() -> None:
    """Run the scheduled jobs in this process until it is stopped."""
    jobs.run_forever(platform())


@click.command("openapi")
@with_appcontext
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--check", "only_check", is_flag=True, help="fail if TARGET differs from the code")
def write_openapi(target: Path, only_check: bool) -> None:
    """Write the OpenAPI document to TARGET, or check that TARGET tells the truth."""
    import json

    from carbon_platform.web.openapi import document

    text = json.dumps(document(current_app), ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    if not only_check:
        target.write_text(text, encoding="utf-8")
    elif target.read_text(encoding="utf-8") != text:
        click.echo(f"{target} differs from the code. Run: flask --app wsgi openapi {target}", err=True)
        sys.exit(1)
