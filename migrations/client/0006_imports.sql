-- Files of imports on their way: to the service (with the op that names them, in one transaction), or
-- from it. `sent`: whether the service has the whole of it. Parts lie one behind the other.
CREATE TABLE blobs (
    tenant   TEXT    NOT NULL,
    sha256   TEXT    NOT NULL,
    total    INTEGER NOT NULL,
    received INTEGER NOT NULL,
    sent     INTEGER NOT NULL,
    -- Whether it came from there.
    fetched  INTEGER NOT NULL,
    PRIMARY KEY (tenant, sha256)
) STRICT, WITHOUT ROWID;

CREATE TABLE blob_parts (
    tenant TEXT    NOT NULL,
    sha256 TEXT    NOT NULL,
    start  INTEGER NOT NULL,
    bytes  BLOB    NOT NULL,
    PRIMARY KEY (tenant, sha256, start)
) STRICT;

-- The revision that each tenant's roster has here, and the version of the tenant's cells at which it was
-- all that the journal speaks of. A cache: without a row the roster is looked at again.
CREATE TABLE roster_states (
    tenant   TEXT    NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL,
    digest   BLOB    NOT NULL,
    version  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
