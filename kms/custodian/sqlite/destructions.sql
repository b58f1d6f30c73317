CREATE TABLE destructions (
    id INTEGER PRIMARY KEY,
    order_hash BLOB NOT NULL UNIQUE,
    envelope BLOB NOT NULL,
    state TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    word BLOB NOT NULL,
    cancellation BLOB NOT NULL,
    log_index INTEGER NOT NULL,
    destroyed_at INTEGER NOT NULL,
    at_once INTEGER NOT NULL,
    changed INTEGER NOT NULL
);
CREATE INDEX destructions_by_change ON destructions (changed);
CREATE INDEX destructions_due ON destructions (due_at) WHERE state = 'scheduled';

CREATE TABLE destruction_keys (
    destruction INTEGER NOT NULL REFERENCES destructions (id),
    position INTEGER NOT NULL,
    key_id BLOB NOT NULL,
    descriptor BLOB NOT NULL,
    PRIMARY KEY (destruction, position)
) WITHOUT ROWID;
CREATE INDEX destruction_keys_by_id ON destruction_keys (key_id);

CREATE TABLE destruction_words (
    destruction INTEGER NOT NULL REFERENCES destructions (id),
    custodian INTEGER NOT NULL,
    kind TEXT NOT NULL,
    envelope BLOB NOT NULL,
    PRIMARY KEY (destruction, custodian, kind)
) WITHOUT ROWID;

CREATE TABLE tombstones (
    key_id BLOB PRIMARY KEY,
    c0 BLOB NOT NULL,
    releases INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX tombstones_by_c0 ON tombstones (c0);

CREATE TABLE key_releases (key INTEGER PRIMARY KEY, releases INTEGER NOT NULL);

CREATE TABLE holds (
    hold_id BLOB PRIMARY KEY,
    until INTEGER NOT NULL,
    lifted INTEGER NOT NULL,
    statement BLOB NOT NULL,
    envelope BLOB NOT NULL,
    word BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE held_names (
    name BLOB NOT NULL,
    hold_id BLOB NOT NULL REFERENCES holds (hold_id),
    PRIMARY KEY (name, hold_id)
) WITHOUT ROWID
