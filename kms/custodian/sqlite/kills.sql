CREATE TABLE kills (
    statement BLOB PRIMARY KEY,
    kind INTEGER NOT NULL,
    name BLOB NOT NULL,
    until INTEGER NOT NULL,
    killed BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX kills_by_name ON kills (name, kind);
