"""``flask --app wsgi methodology …``: try, describe and check methodologies from the command line.

``list``, ``show``, ``template``, ``run`` and ``prepare`` read files and need no database; ``replay`` computes
the stored runs again. Refused input ends with exit code 1 and says, in Chinese and English, which row and
column, what was found and what is allowed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click
import pandas as pd
from flask.cli import AppGroup

from carbon_platform.credits.impact import preview
from carbon_platform.credits.replay import replay_codes, replay_one
from carbon_platform.errors import PlatformError
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.projects.rules import local_date
from carbon_platform.web import platform
from methodologies import registry
from methodologies.contract import Methodology, Period, Quantification, run
from methodologies.errors import InvalidFile, InvalidRows, MethodologyError, Problem, UnknownMethodology
from methodologies.files.description import describe
from methodologies.files.input_files import Input, read_input, read_table
from methodologies.files.periods import read_day, read_period
from methodologies.files.run_document import run_document, table_records
from methodologies.files.template import template
from methodologies.files.what_if import InvalidWhatIf, with_values
from methodologies.preparation import prepare
from methodologies.uncertainty import TRIALS_MIN, Uncertainty, analyse

group = AppGroup("methodology", help="Methodologies (方法学): describe, run on files, replay.")
C = TypeVar("C", bound=Callable[..., None])
_DASH = Path("-")


def told(command: C) -> C:
    """Every reason of a methodology or a file as two sentences on stderr, with exit code 1."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except InvalidRows as refused:
            head = f"输入数据有 {refused.count} 处问题，未进行计算。"
            click.echo(f"{head} {refused.count} problem(s) in the input; nothing was computed.", err=True)
            _echo_problems(refused.problems, "✗")
            if refused.count > len(refused.problems):
                rest = refused.count - len(refused.problems)
                click.echo(f"……另有 {rest} 处。… and {rest} more.", err=True)
            sys.exit(1)
        except (MethodologyError, PlatformError) as refused:
            click.echo(f"✗ {refused.message('zh')}\n  {refused.message('en')}", err=True)
            sys.exit(1)
        except BrokenPipeError:  # the reader of our output has enough
            raise
        except OSError as error:
            click.echo(f"✗ 文件无法读写：{error}\n  The file cannot be read or written: {error}", err=True)
            sys.exit(1)

    return cast(C, wrapped)


def _echo_problems(problems: Sequence[Problem], mark: str) -> None:
    for problem in problems:
        click.echo(f"{mark} {problem.zh}\n  {problem.en}", err=True)


def find(key: str) -> Methodology:
    """A methodology by key (``camellia_oil_v1``) or id (``camellia_oil``: the newest version)."""
    known = registry()
    if key in known:
        return known[key]
    versions = [methodology for methodology in known.values() if methodology.id == key]
    if not versions:
        raise UnknownMethodology(key=key, known=", ".join(known))
    return max(versions, key=lambda methodology: methodology.version)


def _today() -> date:
    return local_date(platform().clock())


def _write(document: Any, out: Path | None) -> None:
    text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    if out is None or out == _DASH:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")


@group.command("list")
@click.option("--json", "as_json", is_flag=True, help="as JSON")
@told
def list_command(as_json: bool) -> None:
    """All methodologies, plug-ins included."""
    entries = [
        {"key": key, "subject": m.subject, "title_zh": m.title_zh, "title_en": m.title_en, "source": m.source}
        for key, m in registry().items()
    ]
    if as_json:
        _write(entries, None)
        return
    for entry in entries:
        click.echo(f"{entry['key']:<26}{entry['subject']:<10}{entry['title_zh']} {entry['title_en']}")


@group.command("show")
@click.argument("key", metavar="ID")
@click.option("--as-of", "as_of", help="day whose parameters are shown (default: today)")
@click.option("--json", "as_json", is_flag=True, help="as JSON")
@told
def show_command(key: str, as_of: str | None, as_json: bool) -> None:
    """Columns with units and ranges, tables, equations and parameters of ID."""
    day = read_day(as_of, "--as-of") if as_of else _today()
    told_of = describe(find(key), as_of=day)
    if as_json:
        _write(told_of, None)
        return
    click.echo(f"{told_of['key']}  {told_of['title_zh']}  {told_of['title_en']}")
    click.echo(f"{told_of['source']}\nGWP {told_of['gwp_set']} · {told_of['unit_note_zh']}")
    click.echo("\n数据列 Columns")
    _echo_columns(told_of["columns"])
    for table in told_of["preparations"]:
        click.echo(f"\n附表 Table {table['name']}  {table['title_zh']}  {table['title_en']}")
        click.echo(f"  键 key: {table['key']}  唯一 unique: {', '.join(table['unique']) or '—'}")
        _echo_columns(table["columns"])
        click.echo(
            "  得出 gives: " + ", ".join(f"{o['name']} ({o['unit'] or '—'})" for o in table["outputs"])
        )
    click.echo("\n算式 Equations")
    for step in told_of["steps"]:
        for case in step["cases"]:
            when = f"  [{case['when']}]" if case["when"] else ""
            click.echo(f"  {step['name']} ({step['unit']}) = {case['formula']}{when}")
    click.echo(f"\n参数 Parameters ({told_of['as_of']})")
    for p in told_of["parameters"]:
        span = f"{p['low']:g} – {p['high']:g}"
        click.echo(f"  {p['name']:<36}{p['value']:<12g}{p['unit']:<20}{span:<20}{p['status']}")
        click.echo(f"      {p['meaning_zh']}；{p['source']} {p['page']}")
    click.echo(f"\n摘要 Digests\n  code       {told_of['digests']['code']}")
    click.echo(f"  parameter  {told_of['digests']['parameter']}")


def _echo_columns(columns: Sequence[dict[str, Any]]) -> None:
    for column in columns:
        must = "必填 required" if column["required"] else f"缺省 default {column['default']}"
        if column["required_when"]:
            when = column["required_when"]
            must = f"当 when {when['column']} = {'/'.join(when['one_of'])}"
        unit = column["unit"] or "—"
        click.echo(f"  {column['name']:<36}{column['kind']:<8}{unit:<16}{column['allowed']}  {must}")
        click.echo(f"      {column['meaning_zh']} {column['meaning_en']}")


@group.command("template")
@click.argument("key", metavar="ID")
@click.option("-o", "out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="FILE.xlsx")
@told
def template_command(key: str, out: Path) -> None:
    """Write an empty XLSX to fill in, with units, notes and drop-downs."""
    methodology = find(key)
    if out.suffix.lower() != ".xlsx":
        raise InvalidFile(
            file=out.name, reason="the name must end in .xlsx", reason_zh="文件名应以 .xlsx 结尾"
        )
    out.write_bytes(template(methodology))
    click.echo(f"已写出模板 {out}（{methodology.title_zh}）。Template written to {out}.")


@group.command("run")
@click.argument("key", metavar="ID")
@click.argument("source", metavar="INPUT", type=click.Path(path_type=Path))
@click.option("-o", "out", type=click.Path(path_type=Path, dir_okay=False), help="OUT.json (default: stdout)")
@click.option("--period", help="a year, or start..end; the end is the first day after the period")
@click.option("--as-of", "as_of", help="day whose parameter values apply (default: today)")
@click.option("--table", "tables", multiple=True, metavar="NAME=FILE", help="a measured table (附表)")
@click.option("--set", "others", multiple=True, metavar="NAME=VALUE", help="what-if value of a parameter")
@told
def run_command(
    key: str,
    source: Path,
    out: Path | None,
    period: str | None,
    as_of: str | None,
    tables: tuple[str, ...],
    others: tuple[str, ...],
) -> None:
    """Compute ID on INPUT (csv, json or xlsx) without a database."""
    methodology = find(key)
    given = read_input(methodology, _existing(source), _table_paths(tables))
    what_if = {**given.parameters, **_values(others)}
    methodology = with_values(methodology, what_if)
    assumed: dict[str, str] = {}
    day = _as_of(as_of, given, assumed)
    span = _period(period, given, day, assumed)
    result = run(methodology, given.frame, period=span, as_of=day, tables=given.tables or None)
    document = run_document(
        methodology,
        result,
        given.frame,
        given.tables,
        assumed=assumed,
        ignored=given.ignored,
        what_if=what_if,
    )
    _write(document, out)
    _echo_summary(result, assumed, given.ignored)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise InvalidFile(file=str(path), reason="there is no such file", reason_zh="文件不存在")
    return path


def _table_paths(tables: Sequence[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for text in tables:
        name, sign, path = text.partition("=")
        if not (sign and name.strip() and path.strip()):
            reason = "write --table NAME=FILE, for instance --table plots=PLOTS.csv"
            raise InvalidFile(file=text, reason=reason, reason_zh="请写成 --table 名称=文件")
        if name.strip() in found:
            reason = f"table {name.strip()} is given twice"
            raise InvalidFile(file=text, reason=reason, reason_zh=f"附表 {name.strip()} 给了两次")
        found[name.strip()] = _existing(Path(path.strip()))
    return found


def _values(words: Sequence[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for text in words:
        name, _, number = text.partition("=")
        try:
            found[name.strip()] = float(number)
        except ValueError:
            zh = "请写成 --set 名称=数值"
            raise InvalidWhatIf(name=text, reason="write --set NAME=NUMBER", reason_zh=zh) from None
    return found


def _as_of(text: str | None, given: Input, assumed: dict[str, str]) -> date:
    if text:
        return read_day(text, "--as-of")
    if given.as_of:
        return given.as_of
    today = _today()
    assumed["as_of"] = f"未指定，采用今天 not given, today: {today.isoformat()}"
    return today


def _period(text: str | None, given: Input, as_of: date, assumed: dict[str, str]) -> tuple[date, date]:
    """The period asked for, the file's, or else the last whole calendar year before the parameters' day."""
    if text or given.period:
        span = read_period(text or given.period, "--period")
        if span.start.day == 1 and (span.end + timedelta(days=1)).day == 1:
            day = span.end.isoformat()
            assumed["period_end"] = f"结束日 {day} 不计入监测期 the end, {day}, is not part of the period"
        return span
    year = as_of.year - 1
    assumed["period"] = f"未指定，采用上一自然年 not given, the last whole year: {year}"
    return Period.of((date(year, 1, 1), date(year + 1, 1, 1)))


def _echo_summary(result: Quantification, assumed: dict[str, str], ignored: Sequence[str]) -> None:
    """What a person wants to know at once; on stderr, so that stdout stays the document."""
    for words in assumed.values():
        click.echo(f"· {words}", err=True)
    if any(ignored):
        click.echo(f"· 未使用 passed over: {', '.join(ignored)}", err=True)
    _echo_problems(result.warnings, "!")
    state = "可申请签发 issuable" if result.issuable else "试算 estimate, not issuable"
    start, end = (day.isoformat() for day in result.period)
    click.echo(f"{result.key}  [{start}, {end})  {len(result.frame)} 行 rows", err=True)
    click.echo(f"  net {result.net_t:,.6f} tCO2e  {state}", err=True)
    if result.blocking_parameters:
        click.echo(f"  须签署的参数 to be adopted: {', '.join(result.blocking_parameters)}", err=True)


@group.command("uncertainty")
@click.argument("key", metavar="ID")
@click.argument("source", metavar="INPUT", type=click.Path(path_type=Path))
@click.option("-o", "out", type=click.Path(path_type=Path, dir_okay=False), help="OUT.json (default: stdout)")
@click.option("--trials", type=int, default=TRIALS_MIN, show_default=True, help="at least 10,000")
@click.option("--seed", type=int, help="default: follows from the input, so that nobody chooses it")
@click.option("--period", help="a year, or start..end; the end is the first day after the period")
@click.option("--as-of", "as_of", help="day whose parameter values apply (default: today)")
@click.option("--table", "tables", multiple=True, metavar="NAME=FILE", help="a measured table (附表)")
@told
def uncertainty_command(
    key: str,
    source: Path,
    out: Path | None,
    trials: int,
    seed: int | None,
    period: str | None,
    as_of: str | None,
    tables: tuple[str, ...],
) -> None:
    """Simulate ID on INPUT with drawn parameters, without a database."""
    methodology = find(key)
    given = read_input(methodology, _existing(source), _table_paths(tables))
    assumed: dict[str, str] = {}
    day = _as_of(as_of, given, assumed)
    span = _period(period, given, day, assumed)
    result = run(methodology, given.frame, period=span, as_of=day, tables=given.tables or None)
    found = analyse(methodology, result, trials=trials, seed=seed)
    _write({"run": result.record(), "assumed": assumed, "uncertainty": found.record()}, out)
    _echo_summary(result, assumed, given.ignored)
    _echo_uncertainty(found)


def _echo_uncertainty(found: Uncertainty) -> None:
    """The distribution and its three largest contributions, on stderr."""
    span = f"{found.net.quantiles[2.5]:,.3f} … {found.net.quantiles[97.5]:,.3f}"
    click.echo(f"  抽样 trials {found.trials:,}  种子 seed {found.seed}", err=True)
    click.echo(f"  95 %  {span} tCO2e  P(<0) {found.net.negative:.2%}", err=True)
    click.echo(f"  33.3 %  {found.issue_t:,.3f} tCO2e", err=True)
    for one in found.contributions[:3]:
        click.echo(f"  {one.share:6.1%}  {one.name}  {one.meaning_zh} {one.meaning_en}", err=True)


@group.command("prepare")
@click.argument("key", metavar="ID")
@click.option("--table", "tables", multiple=True, required=True, metavar="NAME=FILE", help="a measured table")
@click.option("-o", "out", type=click.Path(path_type=Path, dir_okay=False), help="OUT.json (default: stdout)")
@click.option("--period", help="a year, or start..end")
@click.option("--as-of", "as_of", help="day whose parameter values apply (default: today)")
@told
def prepare_command(
    key: str, tables: tuple[str, ...], out: Path | None, period: str | None, as_of: str | None
) -> None:
    """Turn measured tables (附表) into their columns, without running the methodology."""
    methodology = find(key)
    assumed: dict[str, str] = {}
    nothing = Input(pd.DataFrame())
    day = _as_of(as_of, nothing, assumed)
    span = Period.of(_period(period, nothing, day, assumed))
    prepared: dict[str, Any] = {}
    for name, path in _table_paths(tables).items():
        known = {preparation.name: preparation for preparation in methodology.preparations}
        if name not in known:
            words = ", ".join(known) or "—"
            reason = f"{methodology.key} has no table {name}; it has: {words}"
            zh = f"{methodology.key} 没有附表 {name}；可用：{words}"
            raise InvalidFile(file=path.name, reason=reason, reason_zh=zh)
        table = read_table(known[name], path)
        lines, warnings = prepare(known[name], table, period=span, p=methodology.parameters.at(day))
        _echo_problems(warnings, "!")
        prepared[name] = {
            "lines": table_records(lines, known[name].key_column),
            "warnings": [warning.as_dict() for warning in warnings],
        }
    _write({"methodology": methodology.key, "assumed": assumed, "prepared": prepared}, out)


@group.command("preview")
@click.argument("key", metavar="ID")
@click.argument("change", metavar="FRAGMENT.toml", type=click.Path(path_type=Path, dir_okay=False))
@told
def preview_command(key: str, change: Path) -> None:
    """Compute what a change of parameters would do to every stored run of ID, however many; keep it."""
    house = platform()
    text = _existing(change).read_text(encoding="utf-8", errors="replace")
    made = preview(house.db.read, house.db.transact, SYSTEM, methodology_key=find(key).key, fragment=text,
                   now=house.clock(), at_once=None)  # fmt: skip
    runs, moved = len(made.result["runs"]), made.result["runs_changed"]
    click.echo(f"影响预览 {made.id}：{runs} 次核算，{moved} 次变动，见 /impact/{made.id}。")
    click.echo(f"Preview {made.id}: {runs} run(s), {moved} moved; see /impact/{made.id}.")


@group.command("replay")
@click.argument("codes", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="every stored run")
@told
def replay_command(codes: tuple[str, ...], everything: bool) -> None:
    """Compute stored runs again (CODES, or --all); name the first difference of each, exit 1 if any."""
    if bool(codes) == everything:
        raise click.UsageError("请给出核算编号，或用 --all。Give codes of runs, or --all.")
    house = platform()
    chosen = list(codes) or house.db.read(replay_codes)
    differing = 0
    for code in chosen:
        outcome = house.db.read(lambda session, code=code: replay_one(session, code))  # type: ignore[misc]
        differing += not outcome.same
        click.echo(f"{'✓' if outcome.same else '✗'} {outcome.zh}\n  {outcome.en}", err=not outcome.same)
    click.echo(f"{len(chosen)} 次核算，{differing} 次不一致。{len(chosen)} run(s) again, {differing} differ.")
    if differing:
        sys.exit(1)
