-- Why the entry at place ``until`` is refused, were all before it posted: first an account's state, then
-- a balance, each in the order of the accounts' keys.
CREATE FUNCTION ledger_refusal(
    until int, k_role text[], k_holder text[], k_asset text[], k_lot text[], accounts bigint[], posted bigint[], free bigint[], k_guarded boolean[], known bigint[],
    m_entry int[], m_source int[], m_destination int[], m_amount bigint[], effective timestamptz,
    OUT code text, OUT key int, OUT needed bigint, OUT available bigint, OUT opened timestamptz
) LANGUAGE sql STABLE AS $$
    WITH legs AS (
        SELECT m.entry, m.n, side.key, side.change
        FROM unnest(m_entry, m_source, m_destination, m_amount)
            WITH ORDINALITY AS m(entry, source, destination, amount, n),
            LATERAL (VALUES (m.source, -m.amount), (m.destination, m.amount)) AS side(key, change)
        WHERE m.entry <= until AND known[m.entry] = 0
    ), steps AS (
        SELECT l.key, l.change, sum(l.change) OVER (PARTITION BY l.key ORDER BY l.n) AS so_far
        FROM legs l WHERE l.entry = until
    ), moved AS (
        SELECT s.key, least(0, min(s.so_far)) AS lowest, greatest(0, max(s.so_far)) AS highest
        FROM steps s GROUP BY s.key
    ), standing AS (
        SELECT m.key, m.lowest, m.highest, accounts[m.key] AS id, a.state, a.opened_at,
               coalesce((SELECT sum(l.change) FROM legs l WHERE l.key = m.key AND l.entry < until), 0) AS before
        FROM moved m LEFT JOIN ledger_account a ON a.id = accounts[m.key]
    ), reasons AS (
        SELECT 1 AS rank, s.key, s.id, s.state AS code, 0::numeric AS needed, 0::numeric AS available, s.opened_at
        FROM standing s WHERE s.state <> 'open'
        UNION ALL
        SELECT 1, s.key, s.id, 'opened', 0, 0, s.opened_at
        FROM standing s WHERE s.state = 'open' AND s.opened_at > effective
        UNION ALL
        SELECT 2, s.key, s.id, 'too_large', 0, 0, NULL
        FROM standing s WHERE k_guarded[s.key] AND posted[s.key] + s.before + s.highest > 1000000000000000
        UNION ALL
        SELECT 2, s.key, s.id, 'insufficient', -s.lowest, free[s.key] + s.before, NULL
        FROM standing s WHERE k_guarded[s.key] AND free[s.key] + s.before + s.lowest < 0
            AND posted[s.key] + s.before + s.highest <= 1000000000000000
    )
    SELECT r.code, r.key, r.needed::bigint, r.available::bigint, r.opened_at
    FROM reasons r
    ORDER BY r.rank, k_role[r.key] COLLATE "C", k_holder[r.key] COLLATE "C",
        k_asset[r.key] COLLATE "C", k_lot[r.key] COLLATE "C"
    LIMIT 1
$$
