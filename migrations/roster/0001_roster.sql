-- The roster of one tenant on a laptop (docs/adr/0012-roster-database.md): a cache that the service
-- can fill again.

-- What was done to it, from 1 and without gaps. A revision wrote the versions up to `last` that the one
-- before it had not written.
CREATE TABLE revisions (
    number     INTEGER NOT NULL PRIMARY KEY,
    import     TEXT    NOT NULL,
    -- The revision that it took back, where it did.
    takes_back INTEGER,
    last       INTEGER NOT NULL,
    counts     TEXT    NOT NULL,
    digest     BLOB    NOT NULL
) STRICT;

-- The types of records, and their columns in the order in which they were first met: values are kept
-- by the place of their column.
CREATE TABLE types (
    id      INTEGER NOT NULL PRIMARY KEY,
    name    TEXT    NOT NULL UNIQUE,
    columns TEXT    NOT NULL,
    -- How many records of it there are now.
    records INTEGER NOT NULL
) STRICT;

-- What records were and are. A row is never changed: a version ends where another one names it as the
-- version before.
CREATE TABLE versions (
    id      INTEGER NOT NULL PRIMARY KEY,
    type    INTEGER NOT NULL,
    record  BLOB    NOT NULL,
    -- The version it took the place of; 0 where there was none.
    before  INTEGER NOT NULL,
    -- The version whose content it brought back, 0 where it brought back that there was none; NULL
    -- where it has content of its own.
    image   INTEGER,
    -- The values; NULL where the record was removed.
    content BLOB
) STRICT;

-- Every record that ever was: the version that stands, and the one that has its content.
CREATE TABLE records (
    type    INTEGER NOT NULL,
    id      TEXT    NOT NULL,
    version INTEGER NOT NULL,
    image   INTEGER NOT NULL,
    PRIMARY KEY (type, id)
) STRICT, WITHOUT ROWID;
