-- What the signed-in person should hear of: derived from the cells, kept to know what is news.

CREATE TABLE notices (
    tenant TEXT    NOT NULL,
    -- Named after the cause, so that deriving it again is no news.
    key    TEXT    NOT NULL,
    notice TEXT    NOT NULL,
    since  TEXT    NOT NULL,
    -- Whether a native notification was raised, or is not to be.
    told   INTEGER NOT NULL,
    read   INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX notices_untold ON notices (tenant, key) WHERE told = 0;

-- Up to where a tenant's notices are derived: the version of its cells and the person's date.
CREATE TABLE noticed (
    tenant  TEXT    NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    day     TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
