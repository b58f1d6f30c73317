CREATE TABLE mirrors (
    id INTEGER PRIMARY KEY,
    origin TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    note BLOB NOT NULL
);

CREATE TABLE mirror_entries (
    log INTEGER NOT NULL REFERENCES mirrors (id),
    idx INTEGER NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (log, idx)
) WITHOUT ROWID;

CREATE TABLE mirror_roots (
    log INTEGER NOT NULL REFERENCES mirrors (id),
    level INTEGER NOT NULL,
    number INTEGER NOT NULL,
    root BLOB NOT NULL,
    PRIMARY KEY (log, level, number)
) WITHOUT ROWID;

CREATE TABLE cosignatures (
    witness TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    line TEXT NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE displaced (at INTEGER NOT NULL, idx INTEGER NOT NULL, payload BLOB NOT NULL);
