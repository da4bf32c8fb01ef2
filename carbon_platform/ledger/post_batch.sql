-- Posts plain entries in order up to the first one that must be refused; the caller goes on behind it.
--
-- k_…: the accounts named, each once. e_…: the entries; their references differ. m_…: the moves in
-- order, with places in e_ and k_ (from 1). Answers, for the entries before ``stopped`` (null: all):
-- ``ids``, and ``kinds`` 0 accepted, 1 duplicate, 2 another request has the reference; and why the
-- stopped one is refused.
--
-- Locks: the balances of every account of the batch by ascending id, then new accounts by key, as on
-- every path, so no two postings wait for each other in a circle. The transaction id is drawn before
-- any row id, so that a cut through the journal (cuts.py) is final.
CREATE FUNCTION ledger_post_batch(
    k_role text[], k_holder text[], k_asset text[], k_lot text[], k_guarded boolean[],
    e_reference text[], e_reason text[], e_digest text[], e_actor text[],
    e_effective timestamptz[], e_note text[], e_detail text[],
    m_entry int[], m_source int[], m_destination int[], m_amount bigint[],
    recorded timestamptz,
    OUT ids bigint[], OUT kinds smallint[], OUT stopped int, OUT code text,
    OUT key int, OUT needed bigint, OUT available bigint, OUT opened timestamptz
) LANGUAGE plpgsql
-- Planned once, by index whatever the tables looked like then: a plan made on an empty table would scan.
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    entries int := cardinality(e_reference);
    accounts bigint[];
    posted bigint[];
    free bigint[];
    blocked boolean;
    known bigint[];
    same boolean[];
    until int;
    wanted int;
    touched int;
    written int;
BEGIN
    PERFORM pg_current_xact_id();
    -- (… || '' keeps the planner to the index that begins with the holder.)
    SELECT array_agg(coalesce(a.id, 0) ORDER BY k.n) INTO accounts
        FROM unnest(k_role, k_holder, k_asset, k_lot) WITH ORDINALITY AS k(role, holder, asset, lot, n)
        LEFT JOIN ledger_account a
            ON a.holder = k.holder AND a.role = k.role AND a.asset || '' = k.asset AND a.lot || '' = k.lot;
    IF 0 <> ALL(accounts) THEN
        ids := ledger_post_usual(
            accounts, k_guarded, e_reference, e_reason, e_digest, e_actor, e_effective, e_note, e_detail,
            m_entry, m_source, m_destination, m_amount, recorded
        );
        IF ids IS NOT NULL THEN
            kinds := array_fill(0::smallint, ARRAY[cardinality(ids)]);
            RETURN;
        END IF;
    END IF;
    SELECT array_agg(coalesce(b.posted, 0) ORDER BY k.n), array_agg(coalesce(b.posted - b.held, 0) ORDER BY k.n)
        INTO posted, free
        FROM (SELECT a.id, a.n FROM unnest(accounts) WITH ORDINALITY AS a(id, n) ORDER BY a.id) AS k
        LEFT JOIN LATERAL (
            SELECT l.posted, l.held FROM ledger_balance l WHERE l.account_id = k.id FOR UPDATE
        ) AS b ON true;
    -- Read only now, under the locks: who freezes an account takes them, too.
    SELECT coalesce(bool_or(a.state <> 'open' OR a.opened_at IS NOT NULL), false) INTO blocked
        FROM ledger_account a WHERE a.id = ANY(accounts);
    SELECT array_agg(coalesce(e.id, 0) ORDER BY r.n),
           array_agg(coalesce(e.digest = r.digest, false) ORDER BY r.n)
        INTO known, same
        FROM unnest(e_reference, e_digest) WITH ORDINALITY AS r(reference, digest, n)
        LEFT JOIN ledger_entry e ON e.reference = r.reference;

    -- The first entry that cannot be posted, were all before it posted.
    SELECT min(r.entry) INTO until
        FROM (
            SELECT l.entry, l.key, sum(l.change) OVER (PARTITION BY l.key ORDER BY l.n) AS so_far
            FROM (
                SELECT m.entry, m.n, side.key, side.change
                FROM unnest(m_entry, m_source, m_destination, m_amount)
                    WITH ORDINALITY AS m(entry, source, destination, amount, n),
                    LATERAL (VALUES (m.source, -m.amount), (m.destination, m.amount)) AS side(key, change)
                WHERE known[m.entry] = 0
            ) AS l
            WHERE k_guarded[l.key]
        ) AS r
        WHERE free[r.key] + r.so_far < 0 OR posted[r.key] + r.so_far > 1000000000000000;
    IF blocked THEN
        SELECT least(until, min(m.entry)) INTO until
            FROM unnest(m_entry, m_source, m_destination) AS m(entry, source, destination)
            JOIN ledger_account a ON a.id IN (accounts[m.source], accounts[m.destination])
            WHERE known[m.entry] = 0 AND (a.state <> 'open' OR a.opened_at > e_effective[m.entry]);
    END IF;
    IF until IS NOT NULL THEN
        SELECT r.code, r.key, r.needed, r.available, r.opened INTO code, key, needed, available, opened
            FROM ledger_refusal(
                until, k_role, k_holder, k_asset, k_lot, accounts, posted, free, k_guarded, known,
                m_entry, m_source, m_destination, m_amount, e_effective[until]
            ) AS r;
        stopped := until;
        entries := until - 1;
    END IF;

    SELECT count(*) INTO wanted FROM unnest(known[1:entries]) AS k(id) WHERE k.id = 0;
    SELECT array_agg(CASE WHEN k.id = 0 THEN nextval('ledger_entry_id_seq') ELSE k.id END ORDER BY k.n),
           array_agg(CASE WHEN k.id = 0 THEN 0 WHEN same[k.n] THEN 1 ELSE 2 END::smallint ORDER BY k.n)
        INTO ids, kinds
        FROM unnest(known[1:entries]) WITH ORDINALITY AS k(id, n);
    IF wanted = 0 THEN
        RETURN;
    END IF;

    IF 0 = ANY(accounts) THEN
        WITH needed_keys AS MATERIALIZED (
            SELECT DISTINCT side.key
            FROM unnest(m_entry, m_source, m_destination) AS m(entry, source, destination),
                LATERAL (VALUES (m.source), (m.destination)) AS side(key)
            WHERE m.entry <= entries AND known[m.entry] = 0 AND accounts[side.key] = 0
        ), made AS (
            INSERT INTO ledger_account (role, holder, asset, lot, guarded)
            SELECT k_role[n.key], k_holder[n.key], k_asset[n.key], k_lot[n.key], k_guarded[n.key]
            FROM needed_keys n ORDER BY 1, 2, 3, 4  -- in one order everywhere: no circle
            ON CONFLICT (holder, role, asset, lot) DO NOTHING
            RETURNING id, guarded
        ), balances AS (
            INSERT INTO ledger_balance (account_id, posted, held)
            SELECT made.id, 0, 0 FROM made WHERE made.guarded
        )
        SELECT (SELECT count(*) FROM needed_keys), (SELECT count(*) FROM made) INTO touched, written;
        IF touched <> written THEN
            -- Somebody made one meanwhile, and it may be frozen or hold something: look at it again.
            RAISE EXCEPTION USING ERRCODE = 'serialization_failure',
                MESSAGE = 'an account was made meanwhile: run the transaction again';
        END IF;
        SELECT array_agg(coalesce(a.id, 0) ORDER BY k.n) INTO accounts
            FROM unnest(k_role, k_holder, k_asset, k_lot) WITH ORDINALITY AS k(role, holder, asset, lot, n)
            LEFT JOIN ledger_account a
                ON a.holder = k.holder AND a.role = k.role AND a.asset || '' = k.asset AND a.lot || '' = k.lot;
    END IF;

    INSERT INTO ledger_entry
        (id, reason, reference, digest, actor, effective_at, recorded_at, note, detail)
        SELECT e.id, e.reason, e.reference, e.digest, e.actor, e.effective, recorded, e.note, e.detail::json
        FROM unnest(ids, kinds, e_reason, e_reference, e_digest, e_actor, e_effective, e_note, e_detail)
            AS e(id, kind, reason, reference, digest, actor, effective, note, detail)
        WHERE e.kind = 0
        ON CONFLICT (reference) DO NOTHING;
    GET DIAGNOSTICS written = ROW_COUNT;
    IF written <> wanted THEN
        RAISE EXCEPTION USING ERRCODE = 'serialization_failure',
            MESSAGE = 'a reference was taken meanwhile: run the transaction again';
    END IF;
    INSERT INTO ledger_transfer (entry_id, source_id, destination_id, amount)
        SELECT ids[m.entry], accounts[m.source], accounts[m.destination], m.amount
        FROM unnest(m_entry, m_source, m_destination, m_amount)
            WITH ORDINALITY AS m(entry, source, destination, amount, n)
        WHERE m.entry <= entries AND kinds[m.entry] = 0
        ORDER BY m.n;
    WITH changes AS (
        SELECT accounts[side.key] AS id, sum(side.change)::bigint AS net
        FROM unnest(m_entry, m_source, m_destination, m_amount) AS m(entry, source, destination, amount),
            LATERAL (VALUES (m.source, -m.amount), (m.destination, m.amount)) AS side(key, change)
        WHERE m.entry <= entries AND kinds[m.entry] = 0 AND k_guarded[side.key]
        GROUP BY 1
    ), updated AS (
        UPDATE ledger_balance b SET posted = b.posted + c.net FROM changes c WHERE b.account_id = c.id
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM changes), (SELECT count(*) FROM updated) INTO touched, written;
    IF touched <> written THEN
        RAISE EXCEPTION USING MESSAGE = touched || ' accounts have only ' || written || ' balance rows';
    END IF;
END $$
