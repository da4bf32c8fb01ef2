"""The L2 peer: pgbench calling the function that ``post`` calls, with arguments of the same kind."""

from __future__ import annotations

from pathlib import Path

_SCRIPT = """\
\\set payer random(1, {accounts})
\\set payee 1 + (:payer + random(0, {accounts} - 2)) % {accounts}
SELECT ids, kinds, stopped, code, key, needed, available, opened FROM ledger_post_batch(
    ARRAY['points', 'points'],
    ARRAY['h' || lpad((:payer)::text, 7, '0'), 'h' || lpad((:payee)::text, 7, '0')],
    ARRAY['POINT', 'POINT'], ARRAY['', ''], ARRAY[true, true],
    ARRAY['act:' || gen_random_uuid()], ARRAY['bench'],
    ARRAY['0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'], ARRAY['benchmark'],
    ARRAY[now()], ARRAY[''], ARRAY['{{}}'],
    ARRAY[1], ARRAY[1], ARRAY[2], ARRAY[1]::bigint[], now()
);
"""


def write_script(place: Path, accounts: int) -> Path:
    """Write the script; one move between two of ``accounts``, see ``ledger.server_posting``.

    Its digest is not that of the request, so it must run in a database of its own.
    """
    path = place / "post.sql"
    path.write_text(_SCRIPT.format(accounts=accounts))
    return path
