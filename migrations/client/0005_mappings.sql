-- What people said about files of one source, so that the next files like them are read the same way. The
-- source is a hash of the files' names and labels.
CREATE TABLE mappings (
    tenant  TEXT NOT NULL,
    source  TEXT NOT NULL,
    mapping TEXT NOT NULL,
    at      TEXT NOT NULL,
    PRIMARY KEY (tenant, source)
) STRICT, WITHOUT ROWID;

-- How far the person is with a tenant's import, to go on there after a restart. What was found in the
-- files is not kept: they are read again.
CREATE TABLE import_drafts (
    tenant TEXT NOT NULL PRIMARY KEY,
    draft  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
