CREATE TABLE mandates (
    owner BLOB NOT NULL,
    key BLOB NOT NULL,
    kind TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    envelope BLOB NOT NULL,
    PRIMARY KEY (owner, key, kind)
) WITHOUT ROWID;
CREATE INDEX mandates_by_key ON mandates (key);

CREATE TABLE revoked_owner_keys (
    owner BLOB NOT NULL,
    key BLOB NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;

CREATE TABLE notices (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    owner_tag BLOB NOT NULL,
    at INTEGER NOT NULL,
    sealed BLOB NOT NULL
);
CREATE INDEX notices_by_owner ON notices (owner_tag, number);
CREATE INDEX notices_by_age ON notices (at);
