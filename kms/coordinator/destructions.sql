CREATE TABLE destructions (
    order_hash BLOB PRIMARY KEY,
    kept BLOB NOT NULL,
    state INTEGER NOT NULL,
    done INTEGER NOT NULL
);
CREATE INDEX destructions_left ON destructions (done);

CREATE TABLE ended_keys (
    key_id BLOB NOT NULL,
    order_hash BLOB NOT NULL REFERENCES destructions (order_hash),
    PRIMARY KEY (key_id, order_hash)
)
