CREATE TABLE witnessed (
    origin TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    note BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE misbehaviour (
    evidence BLOB PRIMARY KEY,
    origin TEXT NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;
