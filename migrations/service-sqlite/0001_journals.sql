-- The service's tables on embedded SQLite. Every table is keyed by the tenant first, as on PostgreSQL.
-- Hashes are 64 hex digits; times are RFC 3339 UTC text inside JSON.

-- One row per journal: the counter that orders it.
CREATE TABLE journal (
    tenant   TEXT PRIMARY KEY,
    seq      INTEGER NOT NULL,
    head     TEXT NOT NULL,
    held     INTEGER NOT NULL,
    state    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE entry (
    tenant     TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    device     TEXT NOT NULL,
    device_seq INTEGER NOT NULL,
    head       TEXT NOT NULL,
    entry      TEXT NOT NULL,
    PRIMARY KEY (tenant, seq)
) STRICT;

CREATE TABLE cell (
    tenant TEXT NOT NULL,
    key    TEXT NOT NULL,
    cell   TEXT NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE playbook (
    tenant TEXT NOT NULL,
    digest TEXT NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (tenant, digest)
) STRICT;

-- What was answered about every op ever received, for ever.
CREATE TABLE receipt (
    tenant     TEXT NOT NULL,
    device     TEXT NOT NULL,
    device_seq INTEGER NOT NULL,
    hash       TEXT NOT NULL,
    receipt    TEXT NOT NULL,
    PRIMARY KEY (tenant, device, device_seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX receipt_by_hash ON receipt (tenant, hash);

-- The hashes that count as being in the journal: of accepted ops and of all that they reissue.
CREATE TABLE standing (
    tenant TEXT NOT NULL,
    hash   TEXT NOT NULL,
    op     TEXT NOT NULL,
    PRIMARY KEY (tenant, hash)
) STRICT, WITHOUT ROWID;

-- Signatures over runs. `hashes`: the hashes of all ops of the run, 32 bytes each; a copied profile may
-- have signed other bytes under the same numbers.
CREATE TABLE run (
    tenant    TEXT NOT NULL,
    device    TEXT NOT NULL,
    first     INTEGER NOT NULL,
    count     INTEGER NOT NULL,
    signature TEXT NOT NULL,
    hashes    BLOB NOT NULL,
    PRIMARY KEY (tenant, device, first, count, signature)
) STRICT, WITHOUT ROWID;

CREATE TABLE held (
    tenant     TEXT NOT NULL,
    device     TEXT NOT NULL,
    device_seq INTEGER NOT NULL,
    held       TEXT NOT NULL,
    PRIMARY KEY (tenant, device, device_seq)
) STRICT;

-- Small things beside the journal: password hashes, proven positions, keys (all under `_org`).
CREATE TABLE side (
    tenant TEXT NOT NULL,
    kind   TEXT NOT NULL,
    key    TEXT NOT NULL,
    value  TEXT NOT NULL,
    PRIMARY KEY (tenant, kind, key)
) STRICT, WITHOUT ROWID;

-- Reads, exports, denials and sign-ins.
CREATE TABLE access_log (
    tenant  TEXT NOT NULL,
    at      TEXT NOT NULL,
    account TEXT NOT NULL,
    device  TEXT NOT NULL,
    what    TEXT NOT NULL,
    outcome TEXT NOT NULL
) STRICT;
CREATE INDEX access_log_by_time ON access_log (tenant, at);

CREATE TABLE blob (
    tenant   TEXT NOT NULL,
    sha256   TEXT NOT NULL,
    total    INTEGER NOT NULL,
    received INTEGER NOT NULL,
    PRIMARY KEY (tenant, sha256)
) STRICT, WITHOUT ROWID;

CREATE TABLE blob_part (
    tenant TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    start  INTEGER NOT NULL,
    bytes  BLOB NOT NULL,
    PRIMARY KEY (tenant, sha256, start)
) STRICT;
