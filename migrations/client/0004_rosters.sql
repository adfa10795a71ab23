-- The keys of the roster databases, one file for each tenant that has a roster here. Without its key a
-- file is noise: deleting the row destroys the roster.
CREATE TABLE rosters (
    tenant TEXT NOT NULL PRIMARY KEY,
    key    BLOB NOT NULL,
    -- The first 16 bytes of the file, by which a damaged file is told from another one.
    salt   BLOB NOT NULL
) STRICT, WITHOUT ROWID;
