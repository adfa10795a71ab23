-- Every index costs each write a page of its own. The outbox is short: what its partial indexes found is
-- found among the rows of a tenant too. Its ids are only their order, so that no counter has to be kept.
CREATE TABLE outbox_now (
    id         INTEGER PRIMARY KEY,
    tenant     TEXT    NOT NULL,
    device     TEXT    NOT NULL,
    device_seq INTEGER NOT NULL,
    -- What decides about a row comes before its bytes, so that others are passed by quickly.
    state      TEXT    NOT NULL,
    -- Goes out again although a receipt was known: the service came back without it.
    resend     INTEGER NOT NULL DEFAULT 0,
    written_at TEXT    NOT NULL,
    hash       BLOB    NOT NULL,
    header     TEXT    NOT NULL,
    salt       TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    -- The service's answer, once there is one.
    outcome    TEXT,
    -- What it does to the provisional state, NULL while it does nothing, and the cells before it.
    effects    TEXT,
    before     TEXT,
    -- Why this laptop would refuse it now; the service's answer counts all the same.
    doubt      TEXT,
    UNIQUE (tenant, device, device_seq)
) STRICT;
INSERT INTO outbox_now (id, tenant, device, device_seq, state, resend, written_at, hash, header, salt,
    body, outcome, effects, before, doubt)
SELECT id, tenant, device, device_seq, state, resend, written_at, hash, header, salt, body, outcome,
    effects, before, doubt FROM outbox;
DROP TABLE outbox;
ALTER TABLE outbox_now RENAME TO outbox;

-- What an op wrote is found by its place in the journal.
DROP INDEX op_writes_op;
