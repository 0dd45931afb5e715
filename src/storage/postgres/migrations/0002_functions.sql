-- The busy calls as functions: one round trip each, whole even if the caller stalls in the middle, planned once a connection
-- (behind PgBouncer too), and planned for a large queue: a plan made while the queue is empty would otherwise read all of it
-- when it is long, until the next ANALYZE. A function's name ends in its version; a change of what it takes, gives or means gets
-- a new one, so that workers of the version before can run beside.

CREATE FUNCTION {now_1}(_clock bigint) RETURNS bigint LANGUAGE sql VOLATILE AS $body$
    SELECT coalesce(_clock, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
$body$;

-- Counts additions to the suppression list, whoever makes them.
CREATE FUNCTION {suppressed_1}() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    UPDATE {suppressions_version} SET n = n + 1;
    RETURN NULL;
END
$body$;
CREATE TRIGGER {=suppressed} AFTER INSERT OR UPDATE ON {suppressions} FOR EACH STATEMENT EXECUTE FUNCTION {suppressed_1}();

-- Enqueues messages. `_look_…` are recipients to be looked up on the suppression list, each with its message; `_unlooked` the
-- messages that have none. Gives, of each message that is new, its id; and what was found on the list: a message all of whose
-- recipients are there is refused. NOTIFY happens at the commit.
CREATE FUNCTION {enqueue_1}(
    _clock bigint, _bell text, _ids uuid[], _ats bigint[], _tenants text[], _channels text[], _keys text[], _categories text[],
    _external_refs text[], _recipient_hashes bytea[], _details text[], _fingerprints bytea[], _dues bigint[], _expires bigint[],
    _priorities smallint[], _payload_versions smallint[], _on_unknowns text[], _ordering_keys text[],
    _payload_codecs text[], _payload_key_ids text[], _payload_blobs text[], _payloads bytea[],
    _blob_hashes bytea[], _blob_ids uuid[],
    _look_ids uuid[], _look_tenants text[], _look_channels text[], _look_addresses text[], _unlooked uuid[]
) RETURNS TABLE (id uuid, fresh boolean, channel text, shown text, reason text, at bigint) LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off SET plan_cache_mode = force_generic_plan
AS $body$
#variable_conflict use_column
DECLARE
    _now bigint := {now_1}(_clock);
BEGIN
    RETURN QUERY
    WITH hits AS MATERIALIZED (
        SELECT a.id, s.channel, s.shown, s.reason, s.at
        FROM unnest(_look_ids, _look_tenants, _look_channels, _look_addresses) AS a (id, tenant, channel, address)
        CROSS JOIN LATERAL (
            SELECT s.channel, s.shown, s.reason, s.at FROM {suppressions} s
            WHERE s.tenant = a.tenant AND s.channel IN (a.channel, '') AND s.address = a.address
            -- That of the channel before that of all.
            ORDER BY s.channel DESC LIMIT 1
        ) s
    ), list AS MATERIALIZED (
        -- In the statement of the looks: who is added later makes it another version.
        SELECT v.n AS version, _unlooked || ARRAY(SELECT h.id FROM hits h) AS doubtful, ARRAY(
            SELECT h.id FROM hits h GROUP BY h.id
            HAVING count(*) = (SELECT count(*) FROM unnest(_look_ids) AS a (id) WHERE a.id = h.id)
        ) AS refused
        FROM {suppressions_version} v
    ), fresh AS (
        INSERT INTO {messages} (id, at, tenant, channel, key, category, external_ref, recipient_hashes, details, fingerprint, due,
            expires, priority, payload_version, on_unknown, ordering_key, payload_codec, payload_key_id, payload_blobs, payload)
        SELECT g.*
        FROM unnest(_ids, _ats, _tenants, _channels, _keys, _categories, _external_refs, _recipient_hashes, _details,
            _fingerprints, _dues, _expires, _priorities, _payload_versions, _on_unknowns, _ordering_keys, _payload_codecs,
            _payload_key_ids, _payload_blobs, _payloads) AS g (id), list l
        WHERE NOT g.id = ANY (l.refused)
        ON CONFLICT DO NOTHING
        RETURNING id, due, priority, payload_version, tenant, channel, on_unknown, ordering_key
    ), queued AS (
        INSERT INTO {queue} (id, due, since, priority, payload_version, tenant, channel, on_unknown, ordering_key, unsuppressed_at)
        SELECT f.id, coalesce(f.due, _now), greatest(f.due, _now), f.priority, f.payload_version, f.tenant, f.channel,
               f.on_unknown, f.ordering_key, CASE WHEN NOT f.id = ANY (l.doubtful) THEN l.version END
        FROM fresh f, list l
    ), noted AS (
        INSERT INTO {blob_refs} (hash, message)
        SELECT r.hash, f.id FROM unnest(_blob_hashes, _blob_ids) AS r (hash, id) JOIN fresh f ON f.id = r.id
        ON CONFLICT DO NOTHING
    )
    SELECT f.id, true, NULL::text, NULL::text, NULL::text, NULL::bigint FROM fresh f
    UNION ALL
    SELECT h.id, false, h.channel, h.shown, h.reason, h.at FROM hits h;
    IF FOUND THEN
        PERFORM pg_notify(_bell, '');
    END IF;
END
$body$;

-- Leases what is due. Rows of `kind`: `leased`; `parked`, a message of a paused tenant, which is met once this way; `blocked`, if
-- some were met that others of their ordering key are before: put them aside by {park_1}, and ask again; and one at the end,
-- `end`, with `due` of the next message if fewer were found than wished for, and whether suspects wait. A single row `lost`
-- says that leases are over: recover them, and ask again with `_recovered`.
CREATE FUNCTION {claim_1}(
    _clock bigint, _scope text, _worker text, _token uuid, _lease bigint, _channels text[], _priorities smallint[],
    _limits integer[], _total integer, _begin integer, _newest integer, _alone boolean, _recovered boolean
) RETURNS TABLE (
    now bigint, kind text, suspects boolean, lane integer, id uuid, due bigint, since bigint, attempts integer, excused integer,
    losses integer, generation integer, priority smallint, tenant text, on_unknown text, ordering_key text, pending text,
    pinned text, key text, expires bigint, payload_version smallint, payload_codec text, payload_key_id text,
    payload_blobs text, payload bytea, unsuppressed boolean
) LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET jit = off SET plan_cache_mode = force_generic_plan
    SET work_mem = '64MB' -- what it gives is gathered first
AS $body$
#variable_conflict use_column
DECLARE
    _now bigint := {now_1}(_clock);
    _stop boolean;
    _closed text[];
    _tenants text[];
    _locked boolean := false;
    _found integer;
    _version bigint := (SELECT v.n FROM {suppressions_version} v);
BEGIN
    now := _now;
    IF NOT _recovered AND EXISTS (
        SELECT FROM {leases} l
        WHERE l.until <= _now AND (_scope IS NULL OR EXISTS (
            SELECT FROM {queue} q WHERE q.id = ANY (l.ids) AND q.token = l.token AND q.tenant = _scope))
    ) THEN
        kind := 'lost';
        RETURN NEXT;
        RETURN;
    END IF;

    LOOP
        SELECT coalesce(bool_or(p.word = 'all'), false),
               coalesce(array_agg(p.name) FILTER (WHERE p.word = 'channel'), '{}'),
               coalesce(array_agg(p.name) FILTER (WHERE p.word = 'tenant'), '{}')
        INTO _stop, _closed, _tenants FROM {pauses} p;
        -- Whoever resumes waits for those who park by what they read before, and we read again when we have that lock.
        EXIT WHEN _tenants = '{}' OR _locked;
        PERFORM pg_advisory_xact_lock_shared(hashtextextended('{pauses}', 0));
        _locked := true;
    END LOOP;
    kind := 'end';
    suspects := false;
    IF _stop THEN
        RETURN NEXT;
        RETURN;
    END IF;

    RETURN QUERY
    WITH lanes AS MATERIALIZED (
        SELECT l.channel, l.priority, l.most, l.nr::integer AS nr
        FROM unnest(_channels, _priorities, _limits) WITH ORDINALITY AS l (channel, priority, most, nr)
        WHERE NOT l.channel = ANY (_closed)
    ), picked AS MATERIALIZED (
        SELECT p.* FROM (
            SELECT l.nr, r.*
            FROM lanes l CROSS JOIN LATERAL (
                SELECT q.ctid AS place, q.id, q.tenant, q.ordering_key, q.tenant = ANY (_tenants) AS paused,
                       q.ordering_key IS NOT NULL AND NOT q.tenant = ANY (_tenants) AND (EXISTS (
                           SELECT FROM {queue} h
                           WHERE h.tenant = q.tenant AND h.ordering_key = q.ordering_key
                               AND h.state NOT IN ('dead', 'held') AND h.id < q.id
                       ) OR EXISTS (
                           SELECT FROM {queue} h
                           WHERE h.tenant = q.tenant AND h.ordering_key = q.ordering_key AND h.state = 'leased'
                       )) AS blocked
                FROM {queue} q
                WHERE NOT _alone AND q.state = 'ready' AND NOT q.behind
                    AND q.channel = l.channel AND q.priority = l.priority
                    AND q.due <= _now AND q.payload_version <= _newest AND (_scope IS NULL OR q.tenant = _scope)
                ORDER BY q.due, q.id
                LIMIT l.most
                FOR UPDATE SKIP LOCKED
            ) r
            LIMIT _total
        ) p
        UNION ALL
        SELECT s.* FROM (
            SELECT 1 AS nr, q.ctid AS place, q.id, q.tenant, q.ordering_key, false AS paused, false AS blocked
            FROM {queue} q
            WHERE _alone AND q.state = 'suspect' AND q.channel = ANY (_channels) AND NOT q.channel = ANY (_closed)
                AND q.due <= _now AND q.payload_version <= _newest AND (_scope IS NULL OR q.tenant = _scope)
                AND NOT q.tenant = ANY (_tenants)
                AND (q.ordering_key IS NULL OR NOT EXISTS (
                    SELECT FROM {queue} h
                    WHERE h.tenant = q.tenant AND h.ordering_key = q.ordering_key
                        AND h.state NOT IN ('dead', 'held') AND h.id < q.id
                ) AND NOT EXISTS (
                    SELECT FROM {queue} h
                    WHERE h.tenant = q.tenant AND h.ordering_key = q.ordering_key AND h.state = 'leased'))
            ORDER BY q.due, q.id
            LIMIT least(_total, 1)
            FOR UPDATE SKIP LOCKED
        ) s
    ), taken AS (
        -- By its place in the table: that is exact, since the row is locked, and spares a look at the index.
        UPDATE {queue} q
        SET started = false,
            state = CASE WHEN p.paused THEN 'paused' ELSE 'leased' END,
            token = CASE WHEN NOT p.paused THEN _token END,
            paused_by = CASE WHEN p.paused THEN 'tenant:' || q.tenant END
        FROM picked p
        WHERE q.ctid = p.place AND NOT p.blocked
        RETURNING p.nr, p.paused, q.*
    ), leased AS (
        INSERT INTO {leases} (token, until, unsettled, begun, worker, ids)
        SELECT _token, _now + _lease, count(*), _begin, _worker, array_agg(t.id ORDER BY t.nr, t.due, t.id)
        FROM taken t WHERE NOT t.paused HAVING count(*) > 0
    )
    SELECT _now, CASE WHEN t.paused THEN 'parked' ELSE 'leased' END, NULL::boolean, t.nr, t.id, t.due, t.since, t.attempts,
           t.excused, t.losses, t.generation, t.priority, t.tenant, t.on_unknown, m.ordering_key, t.pending, t.pinned,
           m.key, m.expires, m.payload_version, m.payload_codec, m.payload_key_id, m.payload_blobs, m.payload,
           coalesce(t.unsuppressed_at = _version, false)
    FROM taken t LEFT JOIN {messages} m ON m.id = t.id AND NOT t.paused
    UNION ALL
    SELECT _now, 'blocked', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM (SELECT FROM picked p WHERE p.blocked LIMIT 1) b;

    GET DIAGNOSTICS _found = ROW_COUNT;
    IF _found < _total AND NOT _alone THEN
        SELECT min(n.due) INTO due
        FROM unnest(_channels, _priorities) AS l (channel, priority) CROSS JOIN LATERAL (
            SELECT q.due
            FROM {queue} q
            WHERE q.state = 'ready' AND NOT q.behind AND q.channel = l.channel AND q.priority = l.priority AND q.due > _now
                AND (_scope IS NULL OR q.tenant = _scope)
            ORDER BY q.due, q.id
            LIMIT 1
        ) n
        WHERE NOT l.channel = ANY (_closed);
    END IF;
    suspects := EXISTS (
        SELECT FROM {queue} q
        WHERE q.state = 'suspect' AND q.channel = ANY (_channels) AND NOT q.channel = ANY (_closed)
            AND q.due <= _now AND q.payload_version <= _newest AND (_scope IS NULL OR q.tenant = _scope)
            AND NOT q.tenant = ANY (_tenants)
            AND (q.ordering_key IS NULL OR NOT EXISTS (
                SELECT FROM {queue} h
                WHERE h.tenant = q.tenant AND h.ordering_key = q.ordering_key
                    AND h.state NOT IN ('dead', 'held') AND h.id < q.id
            ) AND NOT EXISTS (
                SELECT FROM {queue} h
                WHERE h.tenant = q.tenant AND h.ordering_key = q.ordering_key AND h.state = 'leased')));
    RETURN NEXT;
END
$body$;

-- Puts messages aside that others of their ordering key are before; gives how many.
--
-- The one before is locked meanwhile, against whoever lets it go: he waits, and finds what we put aside; or he was first,
-- and then there is nothing to be put aside.
CREATE FUNCTION {park_1}(_clock bigint, _channels text[], _priorities smallint[], _most integer)
RETURNS integer LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET jit = off SET plan_cache_mode = force_generic_plan
AS $body$
DECLARE
    _now bigint := {now_1}(_clock);
    _count integer;
BEGIN
    WITH met AS MATERIALIZED (
        SELECT q.place, q.id, q.tenant, q.ordering_key
        FROM unnest(_channels, _priorities) AS l (channel, priority) CROSS JOIN LATERAL (
            SELECT q.ctid AS place, q.id, q.tenant, q.ordering_key
            FROM {queue} q
            WHERE q.state = 'ready' AND NOT q.behind AND q.channel = l.channel AND q.priority = l.priority AND q.due <= _now
            ORDER BY q.due, q.id
            LIMIT _most
        ) q
        WHERE q.ordering_key IS NOT NULL
        LIMIT _most
    ), mine AS MATERIALIZED (
        SELECT r.place
        FROM met m CROSS JOIN LATERAL (
            SELECT * FROM (
                SELECT h.id FROM {queue} h
                WHERE h.tenant = m.tenant AND h.ordering_key = m.ordering_key
                    AND h.state NOT IN ('dead', 'held') AND h.id < m.id
                ORDER BY h.id
                LIMIT 1
                FOR SHARE SKIP LOCKED
            ) before
            UNION ALL
            SELECT * FROM (
                SELECT h.id FROM {queue} h
                WHERE h.tenant = m.tenant AND h.ordering_key = m.ordering_key AND h.state = 'leased' AND h.id > m.id
                LIMIT 1
                FOR SHARE SKIP LOCKED
            ) leased
            LIMIT 1
        ) h CROSS JOIN LATERAL (
            SELECT q.ctid AS place FROM {queue} q WHERE q.ctid = m.place FOR UPDATE SKIP LOCKED
        ) r
    ), behind AS (
        UPDATE {queue} q SET behind = true WHERE q.ctid = ANY (ARRAY(SELECT m.place FROM mine m)) RETURNING 1
    )
    SELECT count(*) INTO _count FROM behind;
    RETURN _count;
END
$body$;

-- Lets the first of each ordering key go, if it was put aside. To be called after one before it was let go, in a statement
-- of its own.
CREATE FUNCTION {let_go_1}(_tenants text[], _keys text[]) RETURNS void LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET jit = off SET plan_cache_mode = force_generic_plan
AS $body$
BEGIN
    UPDATE {queue} q SET behind = false
    FROM (SELECT DISTINCT k.tenant, k.name FROM unnest(_tenants, _keys) AS k (tenant, name)) k CROSS JOIN LATERAL (
        SELECT f.id
        FROM {queue} f
        WHERE f.tenant = k.tenant AND f.ordering_key = k.name AND f.state NOT IN ('dead', 'held')
        ORDER BY f.id
        LIMIT 1
    ) f
    WHERE q.id = f.id AND q.behind;
END
$body$;

-- Writes what happened to those of the numbers `_held`, and takes them off their claims.
CREATE FUNCTION {settled_1}(
    _held integer[], _ids uuid[], _tokens uuid[],
    _of integer[], _ats bigint[], _providers text[], _vendor_ids text[], _events text[]
) RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    _all boolean := cardinality(_held) = cardinality(_ids);
BEGIN
    INSERT INTO {history} (message, at, provider, vendor_id, events)
    SELECT _ids[h.nr], h.at, h.provider, h.vendor_id, h.events
    FROM unnest(_of, _ats, _providers, _vendor_ids, _events) AS h (nr, at, provider, vendor_id, events)
    WHERE _all OR h.nr = ANY (_held);
    UPDATE {leases} l SET unsettled = l.unsettled - h.n
    FROM (SELECT _tokens[h.nr] AS token, count(*) AS n FROM unnest(_held) AS h (nr) GROUP BY 1) h
    WHERE l.token = h.token;
    DELETE FROM {leases} l WHERE l.token = ANY (_tokens) AND l.unsettled <= 0;
END
$body$;

-- Ends leases on messages that are done; gives the numbers of those that had theirs. `_of` numbers the message of each row of
-- history, from one.
CREATE FUNCTION {done_1}(
    _ids uuid[], _tokens uuid[], _tenants text[],
    _of integer[], _ats bigint[], _providers text[], _vendor_ids text[], _events text[]
) RETURNS SETOF integer LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET jit = off SET plan_cache_mode = force_generic_plan
AS $body$
DECLARE
    _held integer[];
    _whose text[];
    _keys text[];
BEGIN
    WITH gone AS (
        DELETE FROM {queue} q
        USING unnest(_ids, _tokens, _tenants) WITH ORDINALITY AS a (id, token, tenant, nr)
        WHERE q.id = a.id AND q.token = a.token AND q.tenant = a.tenant
        RETURNING a.nr::integer AS nr, q.tenant, q.ordering_key
    )
    SELECT coalesce(array_agg(g.nr), '{}'), array_agg(g.tenant) FILTER (WHERE g.ordering_key IS NOT NULL),
           array_agg(g.ordering_key) FILTER (WHERE g.ordering_key IS NOT NULL)
    INTO _held, _whose, _keys FROM gone g;
    IF _keys IS NOT NULL THEN
        PERFORM {let_go_1}(_whose, _keys);
    END IF;
    PERFORM {settled_1}(_held, _ids, _tokens, _of, _ats, _providers, _vendor_ids, _events);
    RETURN QUERY SELECT unnest(_held);
END
$body$;

-- Ends leases; gives the numbers of those that were held.
CREATE FUNCTION {settle_1}(
    _clock bigint, _bell text, _ids uuid[], _tokens uuid[], _tenants text[], _nexts text[], _attempts integer[],
    _afters bigint[], _uncounted integer[], _reasons text[], _pendings text[], _lefts text[], _pins text[], _blockers text[],
    _of integer[], _ats bigint[], _providers text[], _vendor_ids text[], _events text[]
) RETURNS SETOF integer LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET jit = off SET plan_cache_mode = force_generic_plan
AS $body$
DECLARE
    _now bigint := {now_1}(_clock);
    _paused text[] := '{}';
    _held integer[];
    _whose text[];
    _keys text[];
BEGIN
    IF 'paused' = ANY (_nexts) THEN
        -- As in {claim_1}: whoever resumes waits for those who park.
        PERFORM pg_advisory_xact_lock_shared(hashtextextended('{pauses}', 0));
        SELECT coalesce(array_agg(CASE WHEN p.name = '' THEN p.word ELSE p.word || ':' || p.name END), '{}')
        INTO _paused FROM {pauses} p;
    END IF;
    WITH mine AS MATERIALIZED (
        -- A wish to cancel outweighs all but what is final already.
        SELECT a.*, a.nr::integer AS number, q.ordering_key, q.generation, greatest(q.attempts, a.attempt) AS counted,
               q.cancel AND a.next NOT IN ('done', 'dead') AS withdrawn,
               CASE WHEN a.next IN ('dead', 'held') THEN a.next
                    WHEN a.next = 'paused' AND a.blocker = ANY (_paused) THEN 'paused'
                    WHEN a.next = 'returned' AND q.losses >= 2 THEN 'suspect'
                    ELSE 'ready' END AS state
        FROM unnest(_ids, _tokens, _tenants, _nexts, _attempts, _afters, _uncounted, _reasons, _pendings, _lefts, _pins,
                _blockers) WITH ORDINALITY
            AS a (id, token, tenant, next, attempt, after, uncounted, reason, pending, lefts, pin, blocker, nr)
        CROSS JOIN LATERAL (
            SELECT q.cancel, q.generation, q.attempts, q.losses, q.ordering_key
            FROM {queue} q
            WHERE q.id = a.id AND q.token = a.token AND q.tenant = a.tenant
            FOR UPDATE
        ) q
    ), gone AS (
        DELETE FROM {queue} q USING mine m WHERE q.id = m.id AND (m.withdrawn OR m.next = 'done')
    ), kept AS (
        UPDATE {queue} q
        SET token = NULL, started = false, cancel = false, attempts = m.counted, state = m.state,
            losses = CASE WHEN m.next = 'returned' THEN q.losses ELSE 0 END,
            excused = q.excused + m.uncounted,
            due = CASE WHEN m.next = 'later' THEN _now + m.after ELSE q.due END,
            reason = CASE WHEN m.next IN ('dead', 'held', 'later') THEN m.reason ELSE q.reason END,
            pending = CASE WHEN m.next = 'later' THEN m.pending ELSE coalesce(m.lefts, q.pending) END,
            pinned = CASE WHEN m.next = 'later' THEN m.pin ELSE q.pinned END,
            paused_by = CASE WHEN m.state = 'paused' THEN m.blocker END
        FROM mine m
        WHERE q.id = m.id AND NOT (m.withdrawn OR m.next = 'done')
    ), withdrawn AS (
        INSERT INTO {history} (message, at, events)
        SELECT m.id, _now, json_build_array(json_strip_nulls(json_build_object(
            'k', 'cancelled', 't', _now, 'g', nullif(m.generation, 0), 'a', nullif(m.counted, 0))))::text
        FROM mine m WHERE m.withdrawn
    )
    SELECT coalesce(array_agg(m.number), '{}'), array_agg(m.tenant) FILTER (WHERE m.ordering_key IS NOT NULL),
           array_agg(m.ordering_key) FILTER (WHERE m.ordering_key IS NOT NULL)
    INTO _held, _whose, _keys FROM mine m;
    IF _keys IS NOT NULL THEN
        PERFORM {let_go_1}(_whose, _keys);
    END IF;
    PERFORM {settled_1}(_held, _ids, _tokens, _of, _ats, _providers, _vendor_ids, _events);
    IF 'returned' = ANY (_nexts) THEN
        PERFORM pg_notify(_bell, '');
    END IF;
    RETURN QUERY SELECT unnest(_held);
END
$body$;

-- Counts starts; gives the numbers of those whose lease holds, and their attempts.
CREATE FUNCTION {start_1}(_clock bigint, _ids uuid[], _tokens uuid[])
RETURNS TABLE (number integer, attempt integer) LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET jit = off SET plan_cache_mode = force_generic_plan
AS $body$
DECLARE
    _now bigint := {now_1}(_clock);
BEGIN
    RETURN QUERY
    UPDATE {queue} q SET started = true, attempts = q.attempts + 1
    FROM unnest(_ids, _tokens) WITH ORDINALITY AS a (id, token, nr)
    WHERE q.id = a.id AND q.token = a.token AND EXISTS (SELECT FROM {leases} l WHERE l.token = a.token AND l.until > _now)
    RETURNING a.nr::integer, q.attempts;
END
$body$;

-- Moves the mark of a lease up to and with this message; false if it is not held any more.
CREATE FUNCTION {begin_1}(_clock bigint, _id uuid, _token uuid) RETURNS boolean LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off SET plan_cache_mode = force_generic_plan
AS $body$
BEGIN
    UPDATE {leases} l SET begun = greatest(l.begun, array_position(l.ids, _id))
    WHERE l.token = _token AND l.until > {now_1}(_clock)
        AND EXISTS (SELECT FROM {queue} q WHERE q.id = _id AND q.token = _token);
    RETURN FOUND;
END
$body$;

-- Lets leases hold from now; gives the numbers of those that were held.
CREATE FUNCTION {renew_1}(_clock bigint, _lease bigint, _ids uuid[], _tokens uuid[])
RETURNS SETOF integer LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET jit = off SET plan_cache_mode = force_generic_plan
AS $body$
BEGIN
    UPDATE {leases} l SET until = {now_1}(_clock) + _lease WHERE l.token = ANY (_tokens);
    -- Looked at after that: who recovers a lease locks it first.
    RETURN QUERY
    SELECT a.nr::integer
    FROM unnest(_ids, _tokens) WITH ORDINALITY AS a (id, token, nr) CROSS JOIN LATERAL (
        SELECT FROM {queue} q WHERE q.id = a.id AND q.token = a.token LIMIT 1
    ) q;
END
$body$;
