-- When this custodian took a key in, by its own clock. 0 where others handed it on.
ALTER TABLE keys ADD COLUMN taken_at INTEGER NOT NULL DEFAULT 0;

-- Keys whose time began anew, when an order by their age was called off.
CREATE TABLE kept_anew (key_id BLOB PRIMARY KEY, since INTEGER NOT NULL) WITHOUT ROWID
