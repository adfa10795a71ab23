-- What lists of all tenants show, derived from the cells and kept so that a start need not read all
-- cells of all tenants again. A row counts only while `version` is its journal's and `rules` is the
-- program's; it may be deleted at any time.
CREATE TABLE summaries (
    tenant  TEXT    NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    rules   TEXT    NOT NULL,
    content TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- History, newest first, in one tenant by place and across tenants by the authors' clocks. Both hold
-- what its filters ask for, so that an entry is read only when it is shown.
CREATE INDEX entries_place ON entries (tenant, seq, actor, verb, at);
CREATE INDEX entries_time ON entries (coalesce(at, ''), tenant, seq, actor, verb);
