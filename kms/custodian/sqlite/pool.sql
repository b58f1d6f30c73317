CREATE TABLE pools (
    id INTEGER PRIMARY KEY,
    plan_hash BLOB NOT NULL UNIQUE,
    order_hash BLOB NOT NULL,
    batch INTEGER NOT NULL,
    plan BLOB NOT NULL,
    points BLOB NOT NULL,
    generated BLOB NOT NULL,
    UNIQUE (order_hash, batch)
);

CREATE TABLE pool_shares (
    c0 BLOB PRIMARY KEY,
    pool INTEGER NOT NULL REFERENCES pools (id),
    position INTEGER NOT NULL,
    wrapped_key BLOB NOT NULL,
    share BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX pool_shares_by_pool ON pool_shares (pool, position);

CREATE TABLE draws (
    deposit BLOB NOT NULL,
    position INTEGER NOT NULL,
    descriptor BLOB NOT NULL,
    wrapped_key BLOB NOT NULL,
    share BLOB NOT NULL,
    opening BLOB NOT NULL,
    PRIMARY KEY (deposit, position)
) WITHOUT ROWID;
