-- Times are microseconds since 1970, as the database's clock or the store's counts them.

-- What was said, to whom. Never changed; the columns after `details` are those of enqueued messages.
CREATE TABLE {messages} (
    id uuid PRIMARY KEY,
    at bigint NOT NULL,
    tenant text NOT NULL,
    channel text NOT NULL,
    key text,
    category text,
    external_ref text,
    recipient_hashes bytea NOT NULL,
    details text NOT NULL,
    fingerprint bytea,
    due bigint,
    expires bigint,
    priority smallint,
    payload_version smallint,
    on_unknown text,
    ordering_key text,
    payload_codec text,
    payload_key_id text,
    payload_blobs text,
    payload bytea
);
CREATE UNIQUE INDEX {=messages_key} ON {messages} (tenant, channel, key)
    WHERE key IS NOT NULL AND payload_version IS NOT NULL;
CREATE INDEX {=messages_at} ON {messages} (at, id);
CREATE INDEX {=messages_external_ref} ON {messages} (tenant, external_ref) WHERE external_ref IS NOT NULL;

-- What is still to be done. Small, since a claim copies the row; a message that is final leaves it. `behind` is set by a claim
-- that meets a message while one of the same ordering key is before it, so that claims do not meet it again and again; it
-- is reset when that one lets it go, see {let_go_1}. `unsuppressed_at`: the version of the suppression list that none of its
-- recipients was on.
CREATE TABLE {queue} (
    id uuid PRIMARY KEY,
    due bigint NOT NULL,
    since bigint NOT NULL,
    token uuid,
    attempts integer NOT NULL DEFAULT 0,
    excused integer NOT NULL DEFAULT 0,
    losses integer NOT NULL DEFAULT 0,
    generation integer NOT NULL DEFAULT 0,
    priority smallint NOT NULL,
    payload_version smallint NOT NULL,
    started boolean NOT NULL DEFAULT false,
    cancel boolean NOT NULL DEFAULT false,
    behind boolean NOT NULL DEFAULT false,
    tenant text NOT NULL,
    channel text NOT NULL,
    state text NOT NULL DEFAULT 'ready',
    on_unknown text NOT NULL,
    unsuppressed_at bigint,
    ordering_key text,
    pending text,
    pinned text,
    paused_by text,
    reason text
) WITH (
    -- Every message dies here once: by the usual rule (a fifth of the rows) a backlog of millions would carry
    -- hundreds of thousands of dead rows, which claims step over.
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0
);
CREATE INDEX {=queue_ready} ON {queue} (channel, priority, due, id) WHERE state = 'ready' AND NOT behind;
CREATE INDEX {=queue_apart} ON {queue} (state, id) WHERE state IN ('dead', 'held', 'paused', 'suspect');
CREATE INDEX {=queue_ordering} ON {queue} (tenant, ordering_key, id)
    WHERE ordering_key IS NOT NULL AND state NOT IN ('dead', 'held');
-- The last word on order: whatever claims see of each other, one of them fails.
CREATE UNIQUE INDEX {=queue_in_order} ON {queue} (tenant, ordering_key)
    WHERE state = 'leased' AND ordering_key IS NOT NULL;

-- One row a claim, so that to renew hundreds of leases is to write one row, and with the ids of what was claimed, which is
-- less to write than an index of tokens. In the order of `ids` the first `begun` may have begun.
CREATE TABLE {leases} (
    token uuid PRIMARY KEY,
    until bigint NOT NULL,
    unsettled integer NOT NULL,
    begun integer NOT NULL,
    worker text NOT NULL,
    ids uuid[] NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
CREATE INDEX {=leases_until} ON {leases} (until);

-- What happened. Only ever appended to; one row for what was stored at once.
CREATE TABLE {history} (
    message uuid NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    at bigint NOT NULL,
    provider text,
    vendor_id text,
    events text NOT NULL,
    PRIMARY KEY (message, seq)
);
CREATE INDEX {=history_vendor_id} ON {history} (provider, vendor_id) WHERE vendor_id IS NOT NULL;

CREATE TABLE {pauses} (word text NOT NULL, name text NOT NULL, PRIMARY KEY (word, name));

CREATE TABLE {acts} (
    id uuid PRIMARY KEY,
    at bigint NOT NULL,
    changed bigint NOT NULL,
    act text NOT NULL,
    tenant text,
    filter text NOT NULL,
    note text
);

CREATE TABLE {blobs} (hash bytea PRIMARY KEY, at bigint NOT NULL, bytes bytea NOT NULL);
-- Attachments are compressed already, more often than not.
ALTER TABLE {blobs} ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TABLE {blob_refs} (hash bytea NOT NULL, message uuid NOT NULL, PRIMARY KEY (hash, message));
CREATE INDEX {=blob_refs_message} ON {blob_refs} (message);

-- `channel` is empty for all of them; `address` is in lower case, `shown` as it was given.
CREATE TABLE {suppressions} (
    tenant text NOT NULL,
    channel text NOT NULL,
    address text NOT NULL,
    shown text NOT NULL,
    reason text NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (tenant, channel, address)
);

-- One row: how many additions there were. Whoever adds locks it, so that who sees the number sees just those.
CREATE TABLE {suppressions_version} (n bigint NOT NULL) WITH (fillfactor = 50);
INSERT INTO {suppressions_version} VALUES (0);

-- `idle_at`: when it holds nothing any more.
CREATE TABLE {rates} (key text PRIMARY KEY, idle_at bigint NOT NULL, state text NOT NULL) WITH (fillfactor = 50);
