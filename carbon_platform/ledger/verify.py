"""``ledger verify``: sum everything again, from the journal alone, and compare.

Each check is a function that yields findings; a finding names the first wrong row.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from carbon_platform.ledger import tables
from carbon_platform.ledger.balances import journal_totals
from carbon_platform.ledger.digests import check_entries, check_holds, check_reversals
from carbon_platform.ledger.replay import check_numbers
from carbon_platform.ledger.report import Finding, Report, first_of
from carbon_platform.ledger.roles import ROLES, Asset
from carbon_platform.ledger.seal_checks import check_heads, check_seal

_a, _b, _t, _e, _h = (
    tables.account.c,
    tables.balance.c,
    tables.transfer.c,
    tables.entry.c,
    tables.hold.c,
)
_m = tables.movement.c
_STREAM = {"yield_per": 2000}


def verify(session: Session, trusted_keys: Collection[str] | None = None) -> Report:
    """Examine the whole ledger. On PostgreSQL it sees one snapshot if the session is fresh.

    ``trusted_keys`` are the public keys that may have signed heads; None accepts any that fits.
    """
    if session.get_bind().dialect.name == "postgresql" and not session.in_transaction():
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    connection = session.connection()
    findings = [finding for check in CHECKS for finding in _legible(check.__name__, check(connection))]
    findings.extend(check_sums(session))
    findings.extend(_legible("check_heads", check_heads(connection, trusted_keys)))
    return Report(_counts(connection), tuple(findings))


def _legible(check: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """What a check finds, also when somebody wrote what no program of ours can read back."""
    try:
        yield from findings
    except (ValueError, TypeError, OverflowError) as error:
        name = check.removeprefix("check_")
        zh, en = f"检查 {name} 读不出某行：{error}", f"check {name} met a row it cannot read: {error}"
        yield Finding(name, "", "", 1, zh, en)


def check_accounts(connection: Connection) -> Iterator[Finding]:
    """Each account is what its role says, and has a balance row exactly if it is guarded."""
    query = (
        sa.select(_a.id, _a.role, _a.asset, _a.guarded, _b.account_id)
        .outerjoin(tables.balance, _b.account_id == _a.id)
        .order_by(_a.id)
    )
    wrong = []
    for row in connection.execute(query, execution_options=_STREAM):
        role = ROLES.get(row.role)
        fits = role is not None and role.guarded == row.guarded and role.asset == row.asset
        if not fits or (row.account_id is not None) != row.guarded:
            wrong.append(row.id)
    yield from first_of(
        "accounts",
        "ledger_account",
        wrong,
        "账户 {} 与其角色不符，或余额行缺失、多余",
        "account {} does not fit its role, or lacks a balance row, or should have none",
        accounts=wrong,
    )


def check_transfers(connection: Connection) -> Iterator[Finding]:
    """Both sides exist with one asset and lot, and the entry exists; nothing hangs in the air."""
    source, destination = tables.account.alias(), tables.account.alias()
    mixed = (
        sa.select(_t.id, _t.source_id, _t.destination_id)
        .outerjoin(source, source.c.id == _t.source_id)
        .outerjoin(destination, destination.c.id == _t.destination_id)
        .outerjoin(tables.entry, _e.id == _t.entry_id)
        .where(
            sa.or_(
                _e.id.is_(None),
                source.c.id.is_(None),
                destination.c.id.is_(None),
                source.c.asset != destination.c.asset,
                source.c.lot != destination.c.lot,
            )
        )
        .order_by(_t.id)
    )
    wrong = connection.execute(mixed).all()
    yield from first_of(
        "transfers",
        "ledger_transfer",
        [row.id for row in wrong],
        "划转 {} 的分录或账户不存在，或两侧资产、批次不同",
        "transfer {} lacks its entry or an account, or mixes assets or lots",
        accounts=[side for row in wrong for side in (row.source_id, row.destination_id)],
    )
    loose = (
        sa.select(_m.transfer_id)
        .outerjoin(tables.transfer, _t.id == _m.transfer_id)
        .where(_t.id.is_(None))
        .order_by(_m.transfer_id)
    )
    yield from first_of(
        "transfers",
        "ledger_movement",
        connection.execute(loose).scalars(),
        "编号记录所属的划转 {} 不存在",
        "numbers are recorded for transfer {}, which does not exist",
    )


def check_balances(connection: Connection) -> Iterator[Finding]:
    """Each materialised balance equals the sum of its transfers."""
    legs = sa.union_all(
        sa.select(_t.destination_id.label("account_id"), _t.amount.label("amount")),
        sa.select(_t.source_id, -_t.amount),
    ).subquery()
    summed = (
        sa.select(legs.c.account_id, sa.func.sum(legs.c.amount).label("total"))
        .group_by(legs.c.account_id)
        .subquery()
    )
    query = (
        sa.select(_b.account_id)
        .outerjoin(summed, summed.c.account_id == _b.account_id)
        .where(_b.posted != sa.func.coalesce(summed.c.total, 0))
        .order_by(_b.account_id)
    )
    wrong = connection.execute(query).scalars().all()
    yield from first_of(
        "balances",
        "ledger_balance",
        wrong,
        "账户 {} 的余额不等于其划转之和",
        "the balance of account {} is not the sum of its transfers",
        accounts=wrong,
    )


def check_held(connection: Connection) -> Iterator[Finding]:
    """What is held on each account equals what its open holds still hold."""
    summed = (
        sa.select(_h.account_id, sa.func.sum(_h.remaining).label("total"))
        .where(_h.status == tables.OPEN)
        .group_by(_h.account_id)
        .subquery()
    )
    query = (
        sa.select(_b.account_id)
        .outerjoin(summed, summed.c.account_id == _b.account_id)
        .where(_b.held != sa.func.coalesce(summed.c.total, 0))
        .order_by(_b.account_id)
    )
    wrong = connection.execute(query).scalars().all()
    yield from first_of(
        "held",
        "ledger_balance",
        wrong,
        "账户 {} 的冻结额不等于其未结冻结之和",
        "what is held on account {} is not the sum of its open holds",
        accounts=wrong,
    )


def check_lengths(connection: Connection) -> Iterator[Finding]:
    """The numbers of each guarded credit account are as many as its balance says."""
    h = tables.holding.c
    summed = (
        sa.select(h.account_id, sa.func.sum(h.last - h.first + 1).label("total"))
        .group_by(h.account_id)
        .subquery()
    )
    query = (
        sa.select(_b.account_id)
        .join(tables.account, _a.id == _b.account_id)
        .outerjoin(summed, summed.c.account_id == _b.account_id)
        .where(_a.asset == "CREDIT", _b.posted != sa.func.coalesce(summed.c.total, 0))
        .order_by(_b.account_id)
    )
    wrong = connection.execute(query).scalars().all()
    yield from first_of(
        "numbers",
        "ledger_balance",
        wrong,
        "账户 {} 的编号数量与余额不符",
        "account {} has not as many numbers as its balance says",
        accounts=wrong,
    )


def check_sequence(connection: Connection) -> Iterator[Finding]:
    """Entries are numbered by the database alone.

    SQLite has one writer and leaves no gap. On PostgreSQL a refused entry uses up its number, so a
    gap proves nothing there, but no entry can be numbered past its sequence.
    """
    if connection.dialect.name == "postgresql":
        drawn = sa.text(
            "SELECT coalesce(pg_sequence_last_value("
            "pg_get_serial_sequence('ledger_entry', 'id')::regclass), 0)"
        )
        query = sa.select(_e.id).where(_e.id > connection.execute(drawn).scalar_one()).order_by(_e.id)
    else:
        before = tables.entry.alias()
        query = (
            sa.select(_e.id)
            .outerjoin(before, before.c.id == _e.id - 1)
            .where(_e.id != 1, before.c.id.is_(None))
            .order_by(_e.id)
        )
    yield from first_of(
        "sequence",
        "ledger_entry",
        connection.execute(query).scalars(),
        "分录 {} 的序号不连续",
        "entry {} is out of sequence",
    )


def check_sums(session: Session) -> Iterator[Finding]:
    """Per asset and lot, materialised balances and the journal's other accounts cancel out."""
    sums: dict[tuple[str, str], int] = {}
    for total in journal_totals(session.connection()):
        key = (total.asset, total.lot)
        sums[key] = sums.get(key, 0) + total.posted
    wrong = [key for key, value in sorted(sums.items()) if value]
    yield from first_of(
        "sums",
        "ledger_account",
        [f"{asset} {lot}".strip() for asset, lot in wrong],
        "{} 各账户之和不为零",
        "the accounts of {} do not sum to zero",
        lots=[lot for asset, lot in wrong if asset == Asset.CREDIT],
    )


CHECKS: tuple[Callable[[Connection], Iterator[Finding]], ...] = (
    check_sequence,
    check_accounts,
    check_transfers,
    check_entries,
    check_reversals,
    check_balances,
    check_held,
    check_holds,
    check_lengths,
    check_numbers,
    check_seal,
)


def _counts(connection: Connection) -> dict[str, int]:
    def number(table: sa.Table) -> int:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())

    h = tables.holding.c
    sealed = sa.select(sa.func.coalesce(sa.func.sum(tables.block.c.count), 0))
    numbered = connection.execute(sa.select(sa.func.coalesce(sa.func.sum(h.last - h.first + 1), 0)))
    return {
        "entries": number(tables.entry),
        "transfers": number(tables.transfer),
        "accounts": number(tables.account),
        "balances": number(tables.balance),
        "holds": number(tables.hold),
        "lots": number(tables.lot),
        "numbered_kg": int(numbered.scalar_one()),
        "sealed": int(connection.execute(sealed).scalar_one()),
        "heads": number(tables.head),
    }
