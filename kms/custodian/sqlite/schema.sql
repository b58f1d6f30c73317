CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE log (idx INTEGER PRIMARY KEY, payload BLOB NOT NULL, hash BLOB NOT NULL);

CREATE TABLE frames (id INTEGER PRIMARY KEY, prefix BLOB NOT NULL UNIQUE);

CREATE TABLE keys (
    id INTEGER PRIMARY KEY,
    id_tag INTEGER NOT NULL,
    c0_tag INTEGER NOT NULL,
    frame INTEGER NOT NULL REFERENCES frames (id),
    tail BLOB NOT NULL,
    wrapped_key BLOB NOT NULL,
    share BLOB NOT NULL,
    opening BLOB NOT NULL
);
CREATE INDEX keys_by_id ON keys (id_tag);
CREATE INDEX keys_by_c0 ON keys (c0_tag);

CREATE TABLE deposits (hash BLOB PRIMARY KEY, receipt BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE requests (
    hash BLOB PRIMARY KEY,
    envelope BLOB NOT NULL,
    evidence BLOB NOT NULL,
    decision BLOB NOT NULL,
    state TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    text BLOB NOT NULL
);
CREATE INDEX requests_waiting ON requests (received_at) WHERE state = 'waiting';

CREATE INDEX requests_by_expiry ON requests (expires_at);

CREATE TABLE counted (request BLOB PRIMARY KEY, positions BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE grant_uses (grant_id BLOB PRIMARY KEY, uses INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE revocations (
    owner BLOB NOT NULL,
    grant_id BLOB NOT NULL,
    up_to_sequence INTEGER NOT NULL,
    PRIMARY KEY (owner, grant_id, up_to_sequence)
) WITHOUT ROWID;

CREATE TABLE sealing_keys (
    period INTEGER PRIMARY KEY,
    seed BLOB NOT NULL,
    envelope BLOB NOT NULL,
    not_after INTEGER NOT NULL
);

CREATE TABLE counters (
    key BLOB NOT NULL,
    at INTEGER NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (key, at)
) WITHOUT ROWID;
