-- The local store of a laptop. Every table about a tenant is keyed by tenant first.

-- Single values: identity, signing key, the clean-exit mark.
CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per journal this laptop holds: how far it is and what may be read.
CREATE TABLE journals (
    tenant        TEXT    NOT NULL PRIMARY KEY,
    audience      TEXT    NOT NULL,
    seq           INTEGER NOT NULL,
    head          BLOB    NOT NULL,
    client_digest BLOB    NOT NULL,
    team_digest   BLOB    NOT NULL,
    salts         TEXT    NOT NULL,
    -- The first seq whose entry is held; entries before it were covered by a snapshot.
    complete_from INTEGER NOT NULL,
    -- Where that snapshot stood, or NULL: entries up to it have no head until all are filled in.
    snapshot_seq  INTEGER,
    as_of         TEXT    NOT NULL,
    rebuild       INTEGER NOT NULL DEFAULT 0,
    -- Grows with every change of the tenant's cells, for caches.
    version       INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- The last number given out, per tenant and device.
CREATE TABLE numbers (
    tenant TEXT    NOT NULL,
    device TEXT    NOT NULL,
    last   INTEGER NOT NULL,
    PRIMARY KEY (tenant, device)
) STRICT, WITHOUT ROWID;

-- The journal as received. `head` is NULL for entries filled in whose chain is not closed yet.
CREATE TABLE entries (
    tenant   TEXT    NOT NULL,
    seq      INTEGER NOT NULL,
    head     BLOB,
    op       TEXT    NOT NULL,
    op_hash  BLOB    NOT NULL,
    actor    TEXT,
    at       TEXT,
    verb     TEXT,
    entry    TEXT    NOT NULL,
    PRIMARY KEY (tenant, seq)
) STRICT;
CREATE UNIQUE INDEX entries_op ON entries (tenant, op);

-- Devices' signatures over runs, with the hashes of all ops of the run (32 bytes each).
CREATE TABLE proofs (
    tenant    TEXT    NOT NULL,
    device    TEXT    NOT NULL,
    first     INTEGER NOT NULL,
    count     INTEGER NOT NULL,
    signature TEXT    NOT NULL,
    hashes    BLOB    NOT NULL,
    PRIMARY KEY (tenant, device, first, count, signature)
) STRICT, WITHOUT ROWID;

-- The provisional state: what is confirmed with this laptop's own pending ops on top.
CREATE TABLE cells (
    tenant   TEXT    NOT NULL,
    cell     TEXT    NOT NULL,
    content  TEXT    NOT NULL,
    conflict INTEGER NOT NULL,
    PRIMARY KEY (tenant, cell)
) STRICT, WITHOUT ROWID;
CREATE INDEX cells_conflict ON cells (tenant, cell) WHERE conflict = 1;

-- What each confirmed op did to each cell, for history and undo.
CREATE TABLE op_writes (
    tenant TEXT    NOT NULL,
    seq    INTEGER NOT NULL,
    cell   TEXT    NOT NULL,
    op     TEXT    NOT NULL,
    after  TEXT    NOT NULL,
    before TEXT    NOT NULL,
    PRIMARY KEY (tenant, seq, cell)
) STRICT, WITHOUT ROWID;
CREATE INDEX op_writes_op ON op_writes (tenant, op);
CREATE INDEX op_writes_cell ON op_writes (tenant, cell, seq);

-- This laptop's own ops until a pull confirms them, and those that never were. `id` is their order.
-- state: pending, receipted, held, quarantined, closed.
CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant     TEXT    NOT NULL,
    device     TEXT    NOT NULL,
    device_seq INTEGER NOT NULL,
    header     TEXT    NOT NULL,
    salt       TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    hash       BLOB    NOT NULL,
    state      TEXT    NOT NULL,
    -- Goes out again although a receipt was known: the service came back without it.
    resend     INTEGER NOT NULL DEFAULT 0,
    -- The service's answer, once there is one.
    outcome    TEXT,
    -- What it does to the provisional state, NULL while it does nothing, and the cells before it.
    effects    TEXT,
    before     TEXT,
    -- Why this laptop would refuse it now; the service's answer counts all the same.
    doubt      TEXT,
    written_at TEXT    NOT NULL,
    UNIQUE (tenant, device, device_seq)
) STRICT;
CREATE INDEX outbox_open ON outbox (tenant, id) WHERE state IN ('pending', 'receipted');
CREATE INDEX outbox_push ON outbox (tenant, device, device_seq) WHERE state = 'pending' OR resend = 1;

-- The service's answers, remembered for the audit.
CREATE TABLE receipts (
    tenant  TEXT NOT NULL,
    op      TEXT NOT NULL,
    hash    BLOB NOT NULL,
    outcome TEXT NOT NULL,
    PRIMARY KEY (tenant, op)
) STRICT, WITHOUT ROWID;

-- Heads the service signed: what it can never take back unnoticed.
CREATE TABLE witness (
    tenant    TEXT    NOT NULL,
    seq       INTEGER NOT NULL,
    head      BLOB    NOT NULL,
    signature TEXT    NOT NULL,
    PRIMARY KEY (tenant, seq)
) STRICT, WITHOUT ROWID;

-- Entries beyond the common point after the service came back from a backup: to be offered.
CREATE TABLE beyond (
    tenant TEXT    NOT NULL,
    seq    INTEGER NOT NULL,
    head   BLOB,
    op     TEXT    NOT NULL,
    entry  TEXT    NOT NULL,
    -- Who wrote it, proven: a later page may bring other bytes under the same number.
    proof  TEXT    NOT NULL,
    -- NULL until the service answered the offer.
    outcome TEXT,
    PRIMARY KEY (tenant, op)
) STRICT, WITHOUT ROWID;

-- Sources of playbooks by digest.
CREATE TABLE playbooks (
    tenant TEXT NOT NULL,
    digest TEXT NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (tenant, digest)
) STRICT, WITHOUT ROWID;

-- The held list, for those who may decide about it.
CREATE TABLE held (
    tenant TEXT    NOT NULL,
    op     TEXT    NOT NULL,
    place  INTEGER NOT NULL,
    held   TEXT    NOT NULL,
    PRIMARY KEY (tenant, op)
) STRICT, WITHOUT ROWID;

-- What sync did, newest last; the oldest lines are dropped.
CREATE TABLE sync_log (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      TEXT NOT NULL,
    tenant  TEXT,
    code    TEXT NOT NULL,
    details TEXT NOT NULL
) STRICT;
