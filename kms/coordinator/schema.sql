CREATE TABLE deposits (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    envelope BLOB NOT NULL
);

CREATE TABLE keys (
    key_id BLOB PRIMARY KEY,
    descriptor BLOB NOT NULL,
    deposit INTEGER NOT NULL REFERENCES deposits (id),
    state INTEGER NOT NULL
);

CREATE TABLE receipts (
    deposit INTEGER NOT NULL REFERENCES deposits (id),
    custodian INTEGER NOT NULL,
    envelope BLOB NOT NULL,
    PRIMARY KEY (deposit, custodian)
) WITHOUT ROWID;

CREATE TABLE undelivered (
    deposit INTEGER NOT NULL REFERENCES deposits (id),
    custodian INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    sealed_evidence BLOB NOT NULL,
    PRIMARY KEY (deposit, custodian)
);

CREATE TABLE sealing_keys (custodian INTEGER PRIMARY KEY, envelope BLOB NOT NULL);
