CREATE TABLE manifests (sequence INTEGER PRIMARY KEY, envelope BLOB NOT NULL);

CREATE TABLE versions (
    id INTEGER PRIMARY KEY,
    version BLOB NOT NULL UNIQUE,
    sequence INTEGER NOT NULL,
    threshold INTEGER NOT NULL,
    plan BLOB NOT NULL,
    key_ids BLOB NOT NULL,
    points BLOB NOT NULL,
    installed BLOB NOT NULL,
    settled INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX versions_unsettled ON versions (id) WHERE settled = 0;

CREATE TABLE reshared (
    key INTEGER NOT NULL REFERENCES keys (id),
    version INTEGER NOT NULL REFERENCES versions (id),
    wrapped_key BLOB NOT NULL,
    share BLOB NOT NULL,
    PRIMARY KEY (key, version)
) WITHOUT ROWID;
CREATE INDEX reshared_by_version ON reshared (version);
