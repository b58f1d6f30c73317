CREATE TABLE certificates (
    hash BLOB PRIMARY KEY,
    request BLOB NOT NULL,
    at INTEGER NOT NULL,
    certificate BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX certificates_by_request ON certificates (request, at);
CREATE INDEX certificates_by_time ON certificates (at);
