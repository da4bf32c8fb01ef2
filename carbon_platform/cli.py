"""Commands: ``flask --app wsgi <command>``. Each one is one transaction, or says how it is cut."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import click
import sqlalchemy as sa
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext

from carbon_platform import jobs
from carbon_platform.citizens.inbox_commands import group as inbox
from carbon_platform.citizens.service import load_reference as load_citizens
from carbon_platform.errors import PlatformError
from carbon_platform.identity.rules import ROLES_ZH, SYSTEM
from carbon_platform.identity.service import add_organisation, add_user
from carbon_platform.inclusion.commands import group as inclusion
from carbon_platform.ledger import (
    check_published,
    grants_ddl,
    prove,
    rebuild_rollups,
    signed_heads,
    verify,
)
from carbon_platform.methodology_cli import group as methodology
from carbon_platform.migrate import alembic_config
from carbon_platform.parcel_cli import group as parcels
from carbon_platform.parcels import spatial
from carbon_platform.parcels.evidence_commands import group as evidence
from carbon_platform.partners.commands import group as partners
from carbon_platform.people_cli import people
from carbon_platform.proxies.commands import group as village
from carbon_platform.region_cli import regions
from carbon_platform.regions.service import load_reference
from carbon_platform.registry.commands import group as registry
from carbon_platform.web import Platform, platform

db = AppGroup("db", help="Migrations of the database.")
ledger = AppGroup("ledger", help="The double-entry ledger.")
users = AppGroup("users", help="Log-ins.")
organisations = AppGroup("organisations", help="Companies, bureaus, banks.")


def init_app(app: Flask) -> None:
    groups = (
        db,
        evidence,
        inbox,
        inclusion,
        ledger,
        methodology,
        organisations,
        users,
        parcels,
        partners,
        people,
        regions,
        registry,
        village,
    )
    for group in groups:
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
    house.db.transact(load_citizens)
    return count


@ledger.command("verify")
@click.option(
    "--head",
    "kept",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="a published head you kept (JSON); it must still stand in the ledger",
)
def verify_ledger(kept: tuple[Path, ...]) -> None:
    """Re-sum every account, lot and number range, check the seal; exit 1 naming the first wrong row."""
    house = platform()
    try:
        trusted = jobs.trusted_keys(house)
        published = [json.loads(path.read_text(encoding="utf-8")) for path in kept]
    except (PlatformError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    report = house.db.read(lambda session: verify(session, trusted))
    lost = house.db.read(lambda session: check_published(session, published))
    report = replace(report, findings=(*report.findings, *lost))
    for name, count in report.counts.items():
        click.echo(f"{name:<24}{count:>14,}")
    for finding in report.findings:
        click.echo(f"✗ {finding.zh} {finding.en} ({finding.wrong})", err=True)
    if not report.ok:
        sys.exit(1)
    click.echo("✓ 全部重算一致。Everything re-sums.")


@ledger.command("seal")
def seal_ledger() -> None:
    """Seal every final entry now; one transaction per block."""
    _outcome, words = jobs.seal_ledger(platform())
    click.echo(words)


@ledger.command("reconcile")
def reconcile_ledger() -> None:
    """Compare everything that is kept twice, now; freeze what differs; exit 1 naming it."""
    outcome, words = jobs.reconcile_ledger(platform())
    click.echo(words)
    sys.exit(0 if outcome == "ok" else 1)


@ledger.command("rebuild-rollups")
def rebuild_ledger_rollups() -> None:
    """Make the sums of accounts without a balance row again from the journal."""
    house = platform()
    count = house.db.transact(lambda session: rebuild_rollups(session, house.clock()))
    click.echo(f"已重建 {count} 个账户的汇总。{count} rollups made again.")


@ledger.command("head")
def sign_ledger_heads() -> None:
    """Sign the head of every ended day; print the newest as it is published."""
    house = platform()
    try:
        _outcome, words = jobs.sign_ledger_heads(house)
    except PlatformError as error:
        raise click.ClickException(f"{error.message('zh')} {error.message('en')}") from error
    click.echo(words, err=True)
    for head in house.db.read(lambda session: signed_heads(session, limit=1)):
        click.echo(json.dumps(head.statement(), indent=1, sort_keys=True))


@ledger.command("proof")
@click.argument("entry", type=int)
def prove_entry(entry: int) -> None:
    """Print the proof of ENTRY (its number); check it with tools/check_proof.py."""
    try:
        proof = platform().db.read(lambda session: prove(session, entry))
    except PlatformError as error:
        raise click.ClickException(f"{error.message('zh')} {error.message('en')}") from error
    click.echo(json.dumps(proof, ensure_ascii=False, indent=1, sort_keys=True))


@db.command("grant-app-role")
@click.argument("name")
def grant_app_role(name: str) -> None:
    """PostgreSQL: let the role NAME run the platform, without a right to change what is written once.

    Run as the owner of the tables, again after each migration.
    """
    engine = platform().db.engine
    if engine.dialect.name != "postgresql":
        raise click.ClickException("SQLite 没有角色，只有触发器。SQLite has no roles, only triggers.")
    try:
        statements = grants_ddl(name)
    except PlatformError as error:
        raise click.ClickException(f"{error.message('zh')} {error.message('en')}") from error
    with engine.begin() as connection:
        known = sa.text("SELECT count(*) FROM pg_roles WHERE rolname = :name")
        if not connection.execute(known, {"name": name}).scalar_one():
            raise click.ClickException(f"没有角色，请先建立。No such role; first: CREATE ROLE {name} LOGIN")
        for statement in statements:
            connection.exec_driver_sql(statement)
    click.echo(f"已授权 {name}：可记账、封存，不可修改已写入的记录。{name} may post and seal, not change.")


@db.command("spatial")
@click.option("--reader", help="a role that may read the map (view parcel_map), and nothing else of parcels")
def spatial_column(reader: str | None) -> None:
    """PostgreSQL: parcels as PostGIS geometry, for fast tiles and for QGIS. Repeatable; needs PostGIS."""
    engine = platform().db.engine
    if engine.dialect.name != "postgresql":
        raise click.ClickException("SQLite 用 R*Tree，没有 PostGIS。SQLite has its R*Tree, no PostGIS.")
    with engine.begin() as connection:
        if not spatial.add_column(connection):
            raise click.ClickException(
                "数据库里没有 PostGIS 扩展，请由数据库管理员先执行 CREATE EXTENSION postgis，再运行本命令。"
                "No PostGIS here: have the administrator run CREATE EXTENSION postgis, then run this again."
            )
        if reader:
            for statement in spatial.map_grants(connection, reader):
                connection.exec_driver_sql(statement)
    click.echo("parcel.shape 与视图 parcel_map（EPSG:4490）已就绪，QGIS 可直接连接。Ready for QGIS.")


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
    from carbon_platform.web.openapi import document

    text = json.dumps(document(current_app), ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    if not only_check:
        target.write_text(text, encoding="utf-8")
    elif target.read_text(encoding="utf-8") != text:
        click.echo(f"{target} differs from the code. Run: flask --app wsgi openapi {target}", err=True)
        sys.exit(1)
