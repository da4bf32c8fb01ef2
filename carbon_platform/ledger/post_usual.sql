-- The usual case of ledger_post_batch, tried first: every account is there and open, every reference is
-- new, and every balance suffices whatever the order of the moves. Answers the ids of the entries, or
-- null and nothing written; then ledger_post_batch looks at each entry by itself.
--
-- Locks as ledger_post_batch does, so the two never wait for each other in a circle: balances first, by
-- ascending id (the update follows the ordered list it is joined to), then references.
CREATE FUNCTION ledger_post_usual(
    accounts bigint[], k_guarded boolean[],
    e_reference text[], e_reason text[], e_digest text[], e_actor text[],
    e_effective timestamptz[], e_note text[], e_detail text[],
    m_entry int[], m_source int[], m_destination int[], m_amount bigint[],
    recorded timestamptz
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    ids bigint[];
    written int;
BEGIN
    UPDATE ledger_balance b SET posted = b.posted + c.net
        FROM (
            SELECT accounts[side.key] AS id, sum(side.change)::bigint AS net,
                sum(least(side.change, 0)) AS lowest, sum(greatest(side.change, 0)) AS highest
            FROM unnest(m_source, m_destination, m_amount) AS m(source, destination, amount),
                LATERAL (VALUES (m.source, -m.amount), (m.destination, m.amount)) AS side(key, change)
            WHERE k_guarded[side.key]
            GROUP BY 1 ORDER BY 1
        ) AS c
        WHERE b.account_id = c.id AND b.posted - b.held + c.lowest >= 0
            AND b.posted + c.highest <= 1000000000000000;
    GET DIAGNOSTICS written = ROW_COUNT;
    -- Read only now, under the locks: who freezes an account takes them, too.
    IF written <> cardinality(array_positions(k_guarded, true)) OR EXISTS (
        SELECT FROM ledger_account a
        WHERE a.id = ANY(accounts) AND (a.state <> 'open' OR a.opened_at IS NOT NULL)
    ) THEN
        RAISE SQLSTATE 'LU001';
    END IF;
    SELECT array_agg(nextval('ledger_entry_id_seq') ORDER BY n) INTO ids
        FROM generate_series(1, cardinality(e_reference)) AS n;
    INSERT INTO ledger_entry
        (id, reason, reference, digest, actor, effective_at, recorded_at, note, detail)
        SELECT e.id, e.reason, e.reference, e.digest, e.actor, e.effective, recorded, e.note, e.detail::json
        FROM unnest(ids, e_reason, e_reference, e_digest, e_actor, e_effective, e_note, e_detail)
            AS e(id, reason, reference, digest, actor, effective, note, detail)
        ON CONFLICT (reference) DO NOTHING;
    GET DIAGNOSTICS written = ROW_COUNT;
    IF written <> cardinality(ids) THEN
        RAISE SQLSTATE 'LU001';
    END IF;
    INSERT INTO ledger_transfer (entry_id, source_id, destination_id, amount)
        SELECT ids[m.entry], accounts[m.source], accounts[m.destination], m.amount
        FROM unnest(m_entry, m_source, m_destination, m_amount)
            WITH ORDINALITY AS m(entry, source, destination, amount, n)
        ORDER BY m.n;
    RETURN ids;
EXCEPTION
    WHEN SQLSTATE 'LU001' THEN
        RETURN NULL;
END $$
