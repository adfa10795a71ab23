-- The service's tables on PostgreSQL. Every table is keyed by the tenant first, so the same schema
-- spreads over several nodes. Hashes are 64 hex digits; what only the service reads is JSON text,
-- kept as it was written.
--
-- No role can see a row unless the transaction has said for which tenants it works: the service
-- becomes cairn_rows, which owns nothing, and sets cairn.tenants, in one place
-- (storage/postgres.rs). Unset, or left over empty from an earlier transaction, it raises.

CREATE SCHEMA cairn;

DO $$ BEGIN
    CREATE ROLE cairn_rows NOLOGIN NOSUPERUSER NOBYPASSRLS;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;

CREATE FUNCTION cairn.tenants() RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    named text := current_setting('cairn.tenants');
BEGIN
    IF named IS NULL OR named = '' THEN
        RAISE EXCEPTION 'cairn.tenants is not set' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN string_to_array(named, ',');
END $$;

-- One row per journal: the counter that orders it.
CREATE TABLE cairn.journal (
    tenant   text PRIMARY KEY,
    seq      bigint NOT NULL,
    head     text NOT NULL,
    held     bigint NOT NULL,
    state    text NOT NULL
);

CREATE TABLE cairn.entry (
    tenant     text NOT NULL,
    seq        bigint NOT NULL,
    device     text NOT NULL,
    device_seq bigint NOT NULL,
    head       text NOT NULL,
    entry      text NOT NULL,
    PRIMARY KEY (tenant, seq)
);

-- Keys compare bytewise, so that a prefix is a range.
CREATE TABLE cairn.cell (
    tenant text NOT NULL,
    key    text COLLATE "C" NOT NULL,
    cell   text NOT NULL,
    PRIMARY KEY (tenant, key)
);

CREATE TABLE cairn.playbook (
    tenant text NOT NULL,
    digest text NOT NULL,
    source text NOT NULL,
    PRIMARY KEY (tenant, digest)
);

-- What was answered about every op ever received, for ever.
CREATE TABLE cairn.receipt (
    tenant     text NOT NULL,
    device     text NOT NULL,
    device_seq bigint NOT NULL,
    hash       text NOT NULL,
    receipt    text NOT NULL,
    PRIMARY KEY (tenant, device, device_seq)
);
CREATE INDEX receipt_by_hash ON cairn.receipt (tenant, hash);

-- The hashes that count as being in the journal: of accepted ops and of all that they reissue.
CREATE TABLE cairn.standing (
    tenant text NOT NULL,
    hash   text NOT NULL,
    op     text NOT NULL,
    PRIMARY KEY (tenant, hash)
);

-- Signatures over runs. `hashes`: the hashes of all ops of the run, 32 bytes each; a copied profile may
-- have signed other bytes under the same numbers.
CREATE TABLE cairn.run (
    tenant    text NOT NULL,
    device    text NOT NULL,
    first     bigint NOT NULL,
    count     bigint NOT NULL,
    signature text NOT NULL,
    hashes    bytea NOT NULL,
    PRIMARY KEY (tenant, device, first, count, signature)
);

CREATE TABLE cairn.held (
    tenant     text NOT NULL,
    device     text NOT NULL,
    device_seq bigint NOT NULL,
    held       text NOT NULL,
    PRIMARY KEY (tenant, device, device_seq)
);

-- Small things beside the journal: password hashes, proven positions, keys (all under `_org`).
CREATE TABLE cairn.side (
    tenant text NOT NULL,
    kind   text NOT NULL,
    key    text COLLATE "C" NOT NULL,
    value  text NOT NULL,
    PRIMARY KEY (tenant, kind, key)
);

-- Reads, exports, denials and sign-ins.
CREATE TABLE cairn.access_log (
    tenant  text NOT NULL,
    at      text NOT NULL,
    account text NOT NULL,
    device  text NOT NULL,
    what    text NOT NULL,
    outcome text NOT NULL
);
CREATE INDEX access_log_by_time ON cairn.access_log (tenant, at);

CREATE TABLE cairn.blob (
    tenant   text NOT NULL,
    sha256   text NOT NULL,
    total    bigint NOT NULL,
    received bigint NOT NULL,
    PRIMARY KEY (tenant, sha256)
);

CREATE TABLE cairn.blob_part (
    tenant text NOT NULL,
    sha256 text NOT NULL,
    start  bigint NOT NULL,
    bytes  bytea NOT NULL,
    PRIMARY KEY (tenant, sha256, start)
);

DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'cairn' LOOP
        EXECUTE format('ALTER TABLE cairn.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE cairn.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY named_tenants ON cairn.%I '
            'USING (tenant = ANY ((SELECT cairn.tenants())::text[])) '
            'WITH CHECK (tenant = ANY ((SELECT cairn.tenants())::text[]))', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON cairn.%I TO cairn_rows', name);
    END LOOP;
END $$;

GRANT USAGE ON SCHEMA cairn TO cairn_rows;
