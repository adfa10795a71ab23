-- Hashes come in no order, so each new one dirties a page of its own in an index: the fewer pages the
-- better. The first 64 bits lead to the row, which has the whole hash.
DROP INDEX receipt_by_hash;
CREATE INDEX receipt_by_hash ON receipt (tenant, substr(hash, 1, 16));

-- From here on `standing` names only what stands under another name: an op that was accepted stands under its
-- own, as its receipt says. Rows that say so of accepted ops from before do no harm.
